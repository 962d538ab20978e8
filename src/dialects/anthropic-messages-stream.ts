import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { annotationOf, stopOf } from './anthropic-messages-answer.ts'
import { laterUsage, usageOf } from './anthropic-messages-common.ts'
import { fromEvents } from './bridge.ts'
import { errorObjectOf } from './error-object.ts'
import { errorOfNamed, errorOfUnknown } from './event-failure.ts'
import type { NeutralDecoder, NeutralEvent } from './neutral.ts'
import { isPing, objectOf, parseJson, spelled, textOf, unsaid } from './read-json.ts'
import type { StreamDecoder, StreamEvent, Usage } from './shape.ts'

/** A stream of the Messages dialect as neutral events. */

const MALFORMED = unsaid('The provider sent an event that is not JSON.', 'malformed_event')

const NO_CONTENT = unsaid('The provider answered without a message.', 'empty_answer')

/** One block that is open: which neutral part it is, and what has been gathered of its signature. */
type Block = { readonly part: number; signature: string; input: JsonObject | undefined; spoke: boolean }

/** Which block a delta belongs to, of those that need not be named. */
const IMPLIED: Readonly<Record<string, string>> = { text_delta: 'text', thinking_delta: 'thinking' }

class Reader {
  readonly #blocks = new Map<Json, Block>()
  #parts = 0
  #usage: Usage | undefined
  #over = false
  /** Anything of the message was said, called or sealed. */
  #spoke = false
  #called = false
  #stopped = false

  read(event: StreamEvent): readonly NeutralEvent[] {
    const told = this.#read(event)
    this.#spoke ||= told.some(({ kind }) => kind === 'delta' || kind === 'seal') || this.#called
    return told
  }

  #read(event: StreamEvent): readonly NeutralEvent[] {
    if (event.data === undefined || this.#over) return []
    if (isPing(event)) return [{ kind: 'ping' }]
    const value = parseJson(event.data)
    if (!isObject(value))
      return this.#fail(event.event === 'error' ? errorOfNamed(value, event.data) : MALFORMED)
    switch (value.type) {
      case 'message_start':
        return this.#start(objectOf(value.message) ?? {})
      case 'content_block_start':
        return this.#open(value.index ?? 0, objectOf(value.content_block) ?? {})
      case 'content_block_delta':
        return this.#delta(value.index ?? 0, objectOf(value.delta) ?? {})
      case 'content_block_stop':
        return this.#close(value.index ?? 0)
      case 'message_delta':
        return this.#stop(objectOf(value.delta) ?? {}, value.usage)
      case 'message_stop':
        return this.#end()
      case 'ping':
        return [{ kind: 'ping' }]
      case 'error':
        return this.#fail(errorObjectOf(value) ?? MALFORMED)
      default: {
        // New kinds of events may come at any time and are to be passed over.
        const error = errorOfUnknown(event, value)
        return error === undefined ? [] : this.#fail(error)
      }
    }
  }

  #fail(error: JsonObject): readonly NeutralEvent[] {
    this.#over = true
    return [{ kind: 'error', error }]
  }
  #tell(usage: Json | undefined): readonly NeutralEvent[] {
    const told = usageOf(usage)
    if (told === undefined) return []
    this.#usage = laterUsage(this.#usage, told)
    return [{ kind: 'usage', usage: this.#usage }]
  }
  /** A terminator is no answer where nothing was said and no reason given. */
  #end(): readonly NeutralEvent[] {
    if (!this.#spoke && !this.#stopped) return this.#fail(NO_CONTENT)
    this.#over = true
    return [...this.#stopFor(undefined, undefined), { kind: 'end' }]
  }
  #start(message: JsonObject): readonly NeutralEvent[] {
    return [
      { kind: 'start', id: textOf(message.id), model: textOf(message.model) },
      ...this.#tell(message.usage),
    ]
  }
  #begin(index: Json): Block {
    const block: Block = { part: this.#parts, signature: '', input: undefined, spoke: false }
    this.#parts += 1
    this.#blocks.set(index, block)
    return block
  }
  #open(index: Json, block: JsonObject): readonly NeutralEvent[] {
    switch (block.type) {
      case 'text': {
        const { part } = this.#begin(index)
        return [{ kind: 'open', part, of: 'text' }, ...deltas(part, block.text)]
      }
      case 'thinking': {
        const opened = this.#begin(index)
        opened.signature = textOf(block.signature) ?? ''
        return [{ kind: 'open', part: opened.part, of: 'reasoning' }, ...deltas(opened.part, block.thinking)]
      }
      case 'redacted_thinking': {
        const { part } = this.#begin(index)
        const sealed = { issuer: 'messages', payload: spelled(block.data), redacted: true } as const
        return [
          { kind: 'open', part, of: 'reasoning' },
          { kind: 'seal', part, sealed },
        ]
      }
      case 'tool_use': {
        const opened = this.#begin(index)
        // Some send the whole input with the start, and no delta.
        opened.input = objectOf(block.input)
        const { part } = opened
        this.#called = true
        return [{ kind: 'open', part, of: 'call', id: spelled(block.id), name: spelled(block.name) }]
      }
      default:
        return []
    }
  }
  #delta(index: Json, delta: JsonObject): readonly NeutralEvent[] {
    const block = this.#blocks.get(index)
    // Words are an answer, also where the beginning of their block was left out.
    const implied = block === undefined ? IMPLIED[spelled(delta.type)] : undefined
    if (implied !== undefined) return [...this.#open(index, { type: implied }), ...this.#delta(index, delta)]
    if (block === undefined) return []
    const { part } = block
    switch (delta.type) {
      case 'text_delta':
        return deltas(part, delta.text)
      case 'thinking_delta':
        return deltas(part, delta.thinking)
      case 'input_json_delta':
        block.spoke ||= textOf(delta.partial_json) !== undefined
        return deltas(part, delta.partial_json)
      case 'signature_delta':
        block.signature += textOf(delta.signature) ?? ''
        return []
      case 'citations_delta': {
        const annotation = annotationOf(delta.citation ?? null)
        return annotation === undefined ? [] : [{ kind: 'annotation', part, annotation }]
      }
      default:
        return []
    }
  }
  #close(index: Json): readonly NeutralEvent[] {
    const block = this.#blocks.get(index)
    if (block === undefined) return []
    this.#blocks.delete(index)
    const { part, signature, input, spoke } = block
    const whole = input === undefined || spoke ? [] : deltas(part, JSON.stringify(input))
    const seal: readonly NeutralEvent[] =
      signature === '' ? [] : [{ kind: 'seal', part, sealed: { issuer: 'messages', payload: signature } }]
    return [...whole, ...seal, { kind: 'close', part }]
  }
  #stop(delta: JsonObject, usage: Json | undefined): readonly NeutralEvent[] {
    const reason = textOf(delta.stop_reason)
    const stop = reason === undefined ? [] : this.#stopFor(reason, delta.stop_sequence)
    return [...stop, ...this.#tell(usage)]
  }
  /** An answer ends for one reason, and never for none. */
  #stopFor(reason: string | undefined, sequence: Json | undefined): readonly NeutralEvent[] {
    if (this.#stopped) return []
    this.#stopped = true
    return [{ kind: 'stop', stop: stopOf(reason, sequence, this.#called) }]
  }
}

const deltas = (part: number, text: Json | undefined): readonly NeutralEvent[] =>
  typeof text === 'string' && text !== '' ? [{ kind: 'delta', part, text }] : []

/** `events`: how the events come, where it is not as server-sent ones. */
export const messagesDecoder = (events?: StreamDecoder): NeutralDecoder => {
  const reader = new Reader()
  return fromEvents(event => reader.read(event), events)
}
