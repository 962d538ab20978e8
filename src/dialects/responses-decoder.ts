import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { fromEvents } from './bridge.ts'
import type { NeutralDecoder, NeutralEvent, Part, Sealed } from './neutral.ts'
import { sightOfResponseEvent } from './openai-responses.ts'
import { isPing, parseJson, usageFrom } from './read-json.ts'
import { isAct, readItem, stopOf, UNTOLD } from './responses-answer.ts'
import { readPicture } from './responses-parts.ts'
import { nativeSeal } from './responses-seal.ts'
import type { StreamEvent } from './shape.ts'

/** A streamed answer as providers of the Responses API write it. */

const textOf = (value: Json | undefined): string => (typeof value === 'string' ? value : '')
const indexOf = (value: Json | undefined): string => (typeof value === 'number' ? String(value) : '')

type Kind = 'text' | 'refusal' | 'reasoning' | 'call'
type Open = { readonly part: number; readonly kind: Kind; said: string }

const WORDS: Readonly<Record<string, 'text' | 'refusal'>> = {
  'response.output_text.delta': 'text',
  'response.refusal.delta': 'refusal',
}
/** Open Responses has names of its own for thoughts. */
const THOUGHTS: ReadonlySet<string> = new Set([
  'response.reasoning_summary_text.delta',
  'response.reasoning_text.delta',
  'response.reasoning.delta',
])
const ARGUMENTS: ReadonlySet<string> = new Set([
  'response.function_call_arguments.delta',
  'response.custom_tool_call_input.delta',
])

class ResponseReader {
  #made: NeutralEvent[] = []
  #started = false
  #over = false
  #parts = 0
  /** A word, a call, a picture or a seal of it has been told. */
  #spoke = false
  /** It thought or called something, whether or not a part tells of it. */
  #acted = false
  /** Every part so far, by its place. */
  readonly #kinds: { kind: Part['kind'] }[] = []
  readonly #open = new Map<string, Open>()
  /** Places whose part has ended. */
  readonly #told = new Set<string>()
  /** Which kind of thought an item tells, and how many paragraphs of it. */
  readonly #thoughts = new Map<string, { readonly type: string; paragraph: string }>()

  read(event: StreamEvent): readonly NeutralEvent[] {
    if (this.#over || event.data === undefined) return []
    if (isPing(event)) return [{ kind: 'ping' }]
    const value = parseJson(event.data)
    this.#made = []
    if (isObject(value)) this.#take(textOf(value.type) || event.event, value, event)
    else if (event.data.trim() !== '[DONE]') this.#fail(event)
    return this.#made
  }

  #take(type: string, event: JsonObject, raw: StreamEvent): void {
    if (type === 'error' || type === 'response.failed' || !type.startsWith('response.'))
      return this.#fail(raw)
    const response = isObject(event.response) ? event.response : undefined
    this.#start(response)
    if (type === 'response.completed' || type === 'response.incomplete') return this.#end(response ?? {})
    const words = WORDS[type]
    if (words !== undefined) this.#say(placeOf(event), words, event)
    else if (THOUGHTS.has(type)) this.#think(type, event)
    else if (ARGUMENTS.has(type)) this.#grow(indexOf(event.output_index), textOf(event.delta))
    else if (type === 'response.output_text.annotation.added') this.#annotate(event)
    else if (type === 'response.content_part.added') this.#partBegan(event)
    else if (type === 'response.content_part.done') this.#close(placeOf(event))
    else if (type === 'response.output_item.added') this.#began(event)
    else if (type === 'response.output_item.done') this.#ended(event)
  }

  /** The Shape of these streams knows every way in which they tell an error. */
  #fail(event: StreamEvent): void {
    const sight = sightOfResponseEvent(event)
    if (sight.kind !== 'error') return
    this.#over = true
    this.#made.push({ kind: 'error', error: sight.error })
  }

  #start(response: JsonObject | undefined): void {
    if (this.#started) return
    this.#started = true
    this.#made.push({
      kind: 'start',
      id: textOf(response?.id) || undefined,
      model: textOf(response?.model) || undefined,
    })
  }

  /** Calls may be open side by side; of everything else there is one. */
  #opened(place: string, kind: Exclude<Kind, 'call'>): Open {
    const known = this.#open.get(place)
    if (known !== undefined) return known
    this.#closeSpeech()
    const open: Open = { part: this.#next(kind), kind, said: '' }
    this.#open.set(place, open)
    this.#made.push({ kind: 'open', part: open.part, of: kind })
    return open
  }

  #next(kind: Kind | 'image'): number {
    this.#kinds.push({ kind })
    this.#parts += 1
    return this.#parts - 1
  }

  #delta(open: Open, text: string, logprobs: readonly Json[] = []): void {
    if (text === '') return
    this.#spoke = true
    open.said += text
    const told = logprobs.length === 0 ? {} : { logprobs }
    this.#made.push({ kind: 'delta', part: open.part, text, ...told })
  }

  #say(place: string, kind: 'text' | 'refusal', event: JsonObject): void {
    const logprobs = Array.isArray(event.logprobs) ? event.logprobs : []
    this.#delta(this.#opened(place, kind), textOf(event.delta), logprobs)
  }

  #partBegan(event: JsonObject): void {
    const type = isObject(event.part) ? event.part.type : undefined
    if (type === 'output_text') this.#opened(placeOf(event), 'text')
    if (type === 'refusal') this.#opened(placeOf(event), 'refusal')
  }

  #think(type: string, event: JsonObject): void {
    const place = indexOf(event.output_index)
    const paragraph = indexOf(event.summary_index) || indexOf(event.content_index)
    const text = textOf(event.delta)
    const thought = this.#thoughts.get(place) ?? { type, paragraph }
    this.#thoughts.set(place, thought)
    // Who tells the thought and its summary tells one thing twice.
    if (text === '' || thought.type !== type) return
    const open = this.#opened(place, 'reasoning')
    if (thought.paragraph !== paragraph) this.#delta(open, '\n\n')
    thought.paragraph = paragraph
    this.#delta(open, text)
  }

  #grow(place: string, text: string): void {
    const open = this.#open.get(place)
    if (open?.kind === 'call') this.#delta(open, text)
  }

  #annotate(event: JsonObject): void {
    const { annotation } = event
    if (!isObject(annotation)) return
    const open = this.#opened(placeOf(event), 'text')
    this.#made.push({ kind: 'annotation', part: open.part, annotation })
  }

  #began(event: JsonObject): void {
    const item = isObject(event.item) ? event.item : {}
    this.#acted ||= isAct(item)
    const custom = item.type === 'custom_tool_call'
    if (item.type !== 'function_call' && !custom) return
    const place = indexOf(event.output_index)
    if (this.#open.has(place)) return
    this.#closeSpeech()
    const open: Open = { part: this.#next('call'), kind: 'call', said: '' }
    this.#open.set(place, open)
    const { part } = open
    this.#spoke = true
    const call = { id: textOf(item.call_id), name: textOf(item.name), ...(custom ? { custom } : {}) } as const
    this.#made.push({ kind: 'open', part, of: 'call', ...call })
    this.#delta(open, textOf(custom ? item.input : item.arguments))
  }

  /** What an end tells and no delta told is told now. */
  #ended(event: JsonObject): void {
    const item = isObject(event.item) ? event.item : {}
    const place = indexOf(event.output_index)
    if (item.type === 'message') return this.#endMessage(item, place)
    if (item.type === 'reasoning') return this.#endThought(item, place)
    if (item.type === 'image_generation_call') return this.#endPicture(item)
    this.#began(event)
    const open = this.#open.get(place)
    if (open?.kind !== 'call') return
    const whole = textOf(item.type === 'custom_tool_call' ? item.input : item.arguments)
    if (whole.startsWith(open.said)) this.#delta(open, whole.slice(open.said.length))
    this.#close(place)
  }

  #endMessage(item: JsonObject, place: string): void {
    const content = Array.isArray(item.content) ? item.content : []
    for (const [index, part] of content.entries()) {
      const at = `${place}.${index}`
      if (!isObject(part) || this.#told.has(at)) continue
      const kind = part.type === 'refusal' ? 'refusal' : 'text'
      const whole = textOf(kind === 'refusal' ? part.refusal : part.text)
      const open = this.#opened(at, kind)
      const begun = open.said !== ''
      if (whole.startsWith(open.said)) this.#delta(open, whole.slice(open.said.length))
      if (!begun && kind === 'text')
        for (const annotation of Array.isArray(part.annotations) ? part.annotations : [])
          this.#annotate({ output_index: Number(place), content_index: index, annotation })
      this.#close(at)
    }
    this.#closeSpeech()
  }

  #endThought(item: JsonObject, place: string): void {
    this.#acted = true
    const [whole] = readItem(item)
    if (whole?.kind !== 'reasoning') return this.#close(place)
    const encrypted = textOf(item.encrypted_content)
    if (whole.text === '' && encrypted === '') return this.#close(place)
    const known = this.#open.get(place)
    const open = this.#opened(place, 'reasoning')
    if (known === undefined) this.#delta(open, whole.text)
    const sealed: Sealed | undefined = encrypted === '' ? undefined : nativeSeal(item.id, encrypted)
    this.#spoke ||= sealed !== undefined
    if (sealed !== undefined) this.#made.push({ kind: 'seal', part: open.part, sealed })
    this.#close(place)
  }

  #endPicture(item: JsonObject): void {
    for (const media of readPicture(item)) {
      this.#closeSpeech()
      this.#spoke = true
      this.#made.push({ kind: 'media', part: this.#next('image'), media })
    }
  }

  #close(place: string): void {
    const open = this.#open.get(place)
    if (open === undefined) return
    this.#told.add(place)
    this.#open.delete(place)
    this.#made.push({ kind: 'close', part: open.part })
  }

  #closeSpeech(): void {
    for (const [place, open] of this.#open) if (open.kind !== 'call') this.#close(place)
  }

  #isOpen(item: string): boolean {
    return [...this.#open.keys()].some(place => place === item || place.startsWith(`${item}.`))
  }

  #end(response: JsonObject): void {
    // Some servers tell nothing, or not all, before the end tells everything.
    const output = Array.isArray(response.output) ? response.output : []
    const silent = !this.#spoke
    for (const [index, item] of output.entries())
      if (silent || this.#isOpen(String(index))) this.#ended({ output_index: index, item })
    if (this.#parts === 0 && this.#acted) this.#opened('', UNTOLD.kind)
    for (const place of [...this.#open.keys()]) this.#close(place)
    this.#over = true
    const usage = usageFrom(response.usage)
    if (usage !== undefined) this.#made.push({ kind: 'usage', usage })
    this.#made.push({ kind: 'stop', stop: stopOf(response, this.#kinds) }, { kind: 'end' })
  }
}

const placeOf = (event: JsonObject): string =>
  `${indexOf(event.output_index)}.${indexOf(event.content_index) || '0'}`

export const responsesDecoder = (): NeutralDecoder => {
  const reader = new ResponseReader()
  return fromEvents(event => reader.read(event))
}
