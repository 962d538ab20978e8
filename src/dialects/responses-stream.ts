import type { Json, JsonObject } from '../wire/json.ts'
import { encodeEvent } from '../wire/sse.ts'
import { type MediaTeller, mediaTeller } from './media-words.ts'
import type { Asked, NeutralEvent, Sealed, Stop, StreamWriter } from './neutral.ts'
import { parseJson, spelled } from './read-json.ts'
import {
  itemMaker,
  type Maker,
  type Picture,
  pictureIn,
  RESPONSES_API,
  refusalPart,
  summaryPart,
  type Told,
  textPart,
} from './responses-items.ts'
import { endingOf, responseObject, type State } from './responses-object.ts'
import type { StreamEvent, Usage } from './shape.ts'

/**
 * A streamed answer as clients of the Responses API read it. Their libraries check it: the first event is
 * `response.created`, items and parts are announced in the order of their numbers, every delta names the item that
 * is open at its number, and every end repeats what was said.
 */

type Open =
  | {
      readonly of: 'text'
      text: string
      readonly annotations: JsonObject[]
      readonly logprobs: Json[]
      readonly content: number
    }
  | { readonly of: 'refusal'; text: string; readonly content: number }
  | { readonly of: 'reasoning'; text: string; sealed: Sealed | undefined; readonly index: number }
  | {
      readonly of: 'call'
      text: string
      readonly told: Told
      sealed: Sealed | undefined
      readonly index: number
    }

const isCut = ({ text, told }: Extract<Open, { of: 'call' }>): boolean =>
  !told.custom && text !== '' && parseJson(text) === undefined

/** A message whose parts may still go on. */
type Message = { readonly index: number; readonly id: string; readonly parts: JsonObject[] }

const encoder = new TextEncoder()

class ResponseWriter implements StreamWriter {
  readonly #asked: Asked
  readonly #maker: Maker
  readonly #inWords: MediaTeller
  readonly #open = new Map<number, Open>()
  /** Finished items at their numbers; undefined while they are open. */
  readonly #output: (JsonObject | undefined)[] = []
  #made: StreamEvent[] = []
  #sequence = 0
  #message: Message | undefined
  #started = false
  #over = false
  #refused = false
  #stop: Stop = { kind: 'end' }
  #usage: Usage | undefined

  constructor(asked: Asked) {
    this.#asked = asked
    this.#maker = itemMaker(asked)
    this.#inWords = mediaTeller(RESPONSES_API, asked.losses)
  }

  write(event: NeutralEvent): readonly StreamEvent[] {
    if (this.#over) return []
    this.#made = []
    // Clients take nothing before the announcement.
    if (event.kind !== 'ping') this.#start()
    this.#take(event)
    return this.#made
  }

  #take(event: NeutralEvent): void {
    switch (event.kind) {
      case 'open':
        return this.#begin(event)
      case 'delta':
        return this.#say(event.part, event.text, event.logprobs ?? [])
      case 'seal':
        return this.#seal(event.part, event.sealed)
      case 'annotation':
        return this.#annotate(event.part, event.annotation)
      case 'media':
        return this.#show(event)
      case 'close':
        return this.#close(event.part)
      case 'stop':
        this.#stop = event.stop
        return
      case 'usage':
        this.#usage = event.usage
        return
      case 'end':
        return this.#end()
      case 'error':
        return this.#fail(event.error)
      case 'start':
      case 'ping':
        return
    }
  }

  #emit(type: string, members: JsonObject): void {
    const data = JSON.stringify({ type, sequence_number: this.#sequence, ...members })
    this.#sequence += 1
    this.#made.push({ bytes: encoder.encode(encodeEvent({ event: type, data })), event: type, data })
  }

  #start(): void {
    if (this.#started) return
    this.#started = true
    const response = responseObject(this.#asked, { status: 'in_progress', output: [] })
    this.#emit('response.created', { response })
    this.#emit('response.in_progress', { response })
  }

  #added(item: JsonObject): void {
    this.#emit('response.output_item.added', { output_index: this.#output.length, item })
    this.#output.push(undefined)
  }

  #done(index: number, item: JsonObject): void {
    this.#output[index] = item
    this.#emit('response.output_item.done', { output_index: index, item })
  }

  #begin(event: Extract<NeutralEvent, { kind: 'open' }>): void {
    if (event.of === 'text' || event.of === 'refusal') return this.#beginSpeech(event.part, event.of)
    this.#closeMessage('completed')
    const index = this.#output.length
    if (event.of !== 'call') {
      this.#open.set(event.part, { of: 'reasoning', text: '', sealed: undefined, index })
      return this.#added(this.#maker.reasoning(index, '', undefined))
    }
    const told = this.#maker.call(index, event)
    this.#open.set(event.part, { of: 'call', text: '', told, sealed: undefined, index })
    this.#added(this.#maker.callItem(told, 'in_progress', ''))
  }

  #beginSpeech(part: number, of: 'text' | 'refusal'): void {
    const message = this.#openMessage()
    const content = message.parts.length
    const empty = of === 'text' ? textPart('') : refusalPart('')
    message.parts.push(empty)
    this.#open.set(
      part,
      of === 'text' ? { of, text: '', annotations: [], logprobs: [], content } : { of, text: '', content },
    )
    this.#refused ||= of === 'refusal'
    this.#emit('response.content_part.added', { ...this.#place(message, content), part: empty })
  }

  /** A picture is an item where its bytes are here; everything else that was drawn or spoken is told in words. */
  #show({ part, media }: Extract<NeutralEvent, { kind: 'media' }>): void {
    const picture = pictureIn(media)
    if (picture !== undefined) return this.#showPicture(picture)
    const text = this.#inWords(media)
    if (text === '') return
    this.#beginSpeech(part, 'text')
    this.#say(part, text, [])
    this.#close(part)
  }

  /** It comes whole: its steps are told all the same, as the API tells them. */
  #showPicture(picture: Picture): void {
    this.#closeMessage('completed')
    const index = this.#output.length
    const item = this.#maker.image(index, 'in_progress', picture)
    this.#added(item)
    const { id = null } = item
    for (const step of ['in_progress', 'generating', 'completed'])
      this.#emit(`response.image_generation_call.${step}`, { item_id: id, output_index: index })
    this.#done(index, this.#maker.image(index, 'completed', picture))
  }

  #openMessage(): Message {
    if (this.#message !== undefined) return this.#message
    const index = this.#output.length
    const item = this.#maker.message(index, 'in_progress', [])
    this.#message = { index, id: spelled(item.id), parts: [] }
    this.#added(item)
    return this.#message
  }

  #place({ id, index }: Message, content: number): JsonObject {
    return { item_id: id, output_index: index, content_index: content }
  }

  #summaryPlace(index: number): JsonObject {
    const { id = null } = this.#maker.reasoning(index, '', undefined)
    return { item_id: id, output_index: index, summary_index: 0 }
  }

  #say(part: number, text: string, logprobs: readonly Json[]): void {
    const open = this.#open.get(part)
    if (open === undefined || text === '') return
    if (open.of === 'call') return this.#sayCall(open, text)
    if (open.of === 'reasoning') {
      const place = this.#summaryPlace(open.index)
      if (open.text === '')
        this.#emit('response.reasoning_summary_part.added', { ...place, part: summaryPart('') })
      this.#emit('response.reasoning_summary_text.delta', { ...place, delta: text })
    } else if (this.#message !== undefined) {
      const place = this.#place(this.#message, open.content)
      if (open.of === 'text') {
        open.logprobs.push(...logprobs)
        this.#emit('response.output_text.delta', { ...place, delta: text, logprobs })
      } else this.#emit('response.refusal.delta', { ...place, delta: text })
    }
    open.text += text
  }

  #sayCall(open: Extract<Open, { of: 'call' }>, text: string): void {
    open.text += text
    const type = open.told.custom
      ? 'response.custom_tool_call_input.delta'
      : 'response.function_call_arguments.delta'
    this.#emit(type, { item_id: open.told.id, output_index: open.index, delta: text })
  }

  #annotate(part: number, annotation: JsonObject): void {
    const open = this.#open.get(part)
    if (open?.of !== 'text' || this.#message === undefined) return
    this.#emit('response.output_text.annotation.added', {
      ...this.#place(this.#message, open.content),
      annotation_index: open.annotations.length,
      annotation,
    })
    open.annotations.push(annotation)
  }

  /** What is sealed is told with its end. */
  #seal(part: number, sealed: Sealed): void {
    const open = this.#open.get(part)
    if (open?.of === 'reasoning' || open?.of === 'call') open.sealed = sealed
  }

  /** The seal of a call is an item of its own, which names the call and stands behind it. */
  #sealCall({ told, sealed }: Extract<Open, { of: 'call' }>): void {
    if (sealed === undefined) return
    const index = this.#output.length
    const item = this.#maker.reasoning(index, '', { ...sealed, call: told.callId })
    this.#added(item)
    this.#done(index, item)
  }

  #close(part: number): void {
    const open = this.#open.get(part)
    // Arguments that are cut are not complete: what became of the answer says whether a limit has cut them.
    if (open === undefined || (open.of === 'call' && isCut(open))) return
    this.#open.delete(part)
    if (open.of === 'call') this.#closeCall(open, 'completed')
    else if (open.of === 'reasoning') this.#closeReasoning(open)
    else this.#closeSpeech(open)
  }

  #closeSpeech(open: Extract<Open, { of: 'text' | 'refusal' }>): void {
    const message = this.#message
    if (message === undefined) return
    const place = this.#place(message, open.content)
    const part =
      open.of === 'text' ? textPart(open.text, open.annotations, open.logprobs) : refusalPart(open.text)
    message.parts[open.content] = part
    if (open.of === 'text')
      this.#emit('response.output_text.done', { ...place, text: open.text, logprobs: open.logprobs })
    else this.#emit('response.refusal.done', { ...place, refusal: open.text })
    this.#emit('response.content_part.done', { ...place, part })
  }

  #closeMessage(status: 'completed' | 'incomplete'): void {
    const message = this.#message
    if (message === undefined) return
    for (const [part, open] of this.#open) if (open.of === 'text' || open.of === 'refusal') this.#close(part)
    this.#message = undefined
    this.#done(message.index, this.#maker.message(message.index, status, message.parts))
  }

  #closeReasoning(open: Extract<Open, { of: 'reasoning' }>): void {
    if (open.text !== '') {
      const place = this.#summaryPlace(open.index)
      this.#emit('response.reasoning_summary_text.done', { ...place, text: open.text })
      this.#emit('response.reasoning_summary_part.done', { ...place, part: summaryPart(open.text) })
    }
    const { id = null } = this.#maker.reasoning(open.index, '', undefined)
    this.#done(open.index, { ...this.#maker.reasoning(open.index, open.text, open.sealed), id })
  }

  #closeCall(open: Extract<Open, { of: 'call' }>, status: 'completed' | 'incomplete'): void {
    const { told, index } = open
    const place = { item_id: told.id, output_index: index }
    if (told.custom) this.#emit('response.custom_tool_call_input.done', { ...place, input: open.text })
    else
      this.#emit('response.function_call_arguments.done', {
        ...place,
        name: told.members.name ?? '',
        arguments: open.text,
      })
    this.#done(index, this.#maker.callItem(told, status, open.text))
    this.#sealCall(open)
  }

  /** Everything that is open ends; what was being said when a limit came is incomplete. */
  #closeAll(status: 'completed' | 'incomplete'): void {
    for (const [part, open] of this.#open) {
      if (open.of === 'call') {
        this.#open.delete(part)
        this.#closeCall(open, status)
      } else if (open.of === 'reasoning') this.#close(part)
    }
    this.#closeMessage(status)
  }

  #items(): readonly JsonObject[] {
    return this.#output.filter(item => item !== undefined)
  }

  #end(): void {
    this.#over = true
    const ending = endingOf(this.#stop, this.#refused)
    this.#closeAll(ending.status === 'incomplete' ? 'incomplete' : 'completed')
    const state: State = { ...ending, output: this.#items(), usage: this.#usage }
    this.#emit(`response.${ending.status}`, { response: responseObject(this.#asked, state) })
  }

  /** The error goes along whole: its kind decides what follows, and the client is told in the gateway's own words. */
  #fail(error: JsonObject): void {
    this.#over = true
    const said = { ...error, code: error.code ?? error.type ?? 'server_error' }
    const state: State = { status: 'failed', output: this.#items(), error: said, usage: this.#usage }
    this.#emit('response.failed', { response: responseObject(this.#asked, state) })
  }
}

export const responsesWriter = (asked: Asked): StreamWriter => new ResponseWriter(asked)
