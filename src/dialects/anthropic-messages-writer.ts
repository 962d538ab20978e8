import type { JsonObject } from '../wire/json.ts'
import { callBlock, MESSAGES_API, messageHead, stopMembers } from './anthropic-messages-answer.ts'
import { writtenUsage } from './anthropic-messages-common.ts'
import { inputObject } from './custom-tools.ts'
import { type MediaTeller, mediaTeller, toldEvents } from './media-words.ts'
import type { Asked, NeutralEvent, Sealed, Stop, StreamWriter } from './neutral.ts'
import { textOf } from './read-json.ts'
import type { StreamEvent, Usage } from './shape.ts'

/**
 * Neutral events as a stream of the Messages dialect: one block after the other, each with a start, its deltas and a
 * stop. A part that opens while another one is open waits for its turn.
 */

type Opening = Extract<NeutralEvent, { kind: 'open' }>

const frame = (value: JsonObject & { readonly type: string }): StreamEvent => {
  const data = JSON.stringify(value)
  return { event: value.type, data, bytes: Buffer.from(`event: ${value.type}\ndata: ${data}\n\n`) }
}

/** One part: what of it has not gone out yet. */
class Pending {
  readonly opening: Opening
  sealed: Sealed | undefined
  closed = false
  /** Its block has begun. */
  begun = false
  #text: string[] = []
  /** Not a word was said. */
  #blank = true

  constructor(opening: Opening) {
    this.opening = opening
  }
  /**
   * Thoughts wait for their signature: without one of this dialect they are not told. A text waits for its first word:
   * a blank block would come back in the next turn, and be refused.
   */
  get waits(): boolean {
    if (this.closed || this.begun) return false
    return this.opening.of === 'reasoning' || (this.opening.of !== 'call' && this.#blank)
  }
  /** Nothing of it is told. */
  get hidden(): boolean {
    if (this.opening.of === 'reasoning') return this.sealed?.issuer !== 'messages'
    return this.opening.of !== 'call' && !this.begun && this.#blank
  }
  /** A text instead of arguments has to be put into an object, and for that it has to be whole. */
  get gathers(): boolean {
    return this.opening.of === 'call' && this.opening.custom === true && !this.closed
  }
  add(text: string): void {
    this.#text.push(text)
    this.#blank &&= text.trim() === ''
  }
  take(): string {
    const text = this.#text.join('')
    this.#text = []
    return text
  }
}

const startOf = ({ opening, sealed }: Pending): JsonObject => {
  if (opening.of === 'call') return callBlock(opening, {})
  if (opening.of !== 'reasoning') return { type: 'text', text: '' }
  return sealed?.redacted === true
    ? { type: 'redacted_thinking', data: sealed.payload }
    : { type: 'thinking', thinking: '', signature: '' }
}

const deltaOf = ({ opening }: Pending, text: string): JsonObject => {
  if (opening.of === 'call')
    return {
      type: 'input_json_delta',
      partial_json: opening.custom === true ? JSON.stringify(inputObject(text)) : text,
    }
  return opening.of === 'reasoning'
    ? { type: 'thinking_delta', thinking: text }
    : { type: 'text_delta', text }
}

class Writer {
  readonly #asked: Asked
  readonly #inWords: MediaTeller
  readonly #parts = new Map<number, Pending>()
  /** In the order they opened; the first one is being told. */
  readonly #queue: Pending[] = []
  #index = 0
  #begun = false
  #stop: Stop = { kind: 'end' }
  #refused = false
  #usage: Usage | undefined

  constructor(asked: Asked) {
    this.#asked = asked
    this.#inWords = mediaTeller(MESSAGES_API, asked.losses)
  }

  write(event: NeutralEvent): readonly StreamEvent[] {
    switch (event.kind) {
      case 'start':
        return this.#start(event.id)
      case 'open':
        return this.#open(event)
      case 'media':
        return toldEvents(event, this.#inWords).flatMap(told => this.write(told))
      case 'delta':
        this.#parts.get(event.part)?.add(event.text)
        return this.#advance()
      case 'seal':
        return this.#seal(event.part, event.sealed)
      case 'close':
        return this.#close(event.part)
      case 'stop':
        this.#stop = event.stop
        return []
      case 'usage':
        this.#usage = event.usage
        return []
      case 'ping':
        // Before its message has begun a stream of this dialect has no event at all.
        return this.#begun ? [frame({ type: 'ping' })] : []
      case 'error':
        return [errorFrame(event.error)]
      case 'end':
        return this.#end()
      case 'annotation':
        return []
    }
  }

  #start(id: string | undefined): readonly StreamEvent[] {
    if (this.#begun) return []
    this.#begun = true
    const message = {
      ...messageHead(id, this.#asked),
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: writtenUsage(this.#usage),
    }
    return [frame({ type: 'message_start', message })]
  }
  #open(opening: Opening): readonly StreamEvent[] {
    const pending = new Pending(opening)
    this.#refused ||= opening.of === 'refusal'
    this.#parts.set(opening.part, pending)
    this.#queue.push(pending)
    return [...this.#start(undefined), ...this.#advance()]
  }
  #seal(part: number, sealed: Sealed): readonly StreamEvent[] {
    const pending = this.#parts.get(part)
    if (pending !== undefined) pending.sealed = sealed
    return []
  }
  #close(part: number): readonly StreamEvent[] {
    const pending = this.#parts.get(part)
    if (pending === undefined) return []
    pending.closed = true
    this.#parts.delete(part)
    return this.#advance()
  }
  /** Tells what can be told now. */
  #advance(): readonly StreamEvent[] {
    const events: StreamEvent[] = []
    for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0]) {
      if (first.waits) break
      if (first.hidden) {
        this.#queue.shift()
        continue
      }
      events.push(...this.#tell(first))
      if (!first.closed) break
      events.push(frame({ type: 'content_block_stop', index: this.#index }))
      this.#index += 1
      this.#queue.shift()
    }
    return events
  }
  #tell(pending: Pending): readonly StreamEvent[] {
    const events: StreamEvent[] = []
    const index = this.#index
    if (!pending.begun) {
      pending.begun = true
      events.push(frame({ type: 'content_block_start', index, content_block: startOf(pending) }))
    }
    const text = pending.gathers ? '' : pending.take()
    if (text !== '') events.push(frame({ type: 'content_block_delta', index, delta: deltaOf(pending, text) }))
    if (pending.closed && pending.sealed?.redacted !== true && pending.opening.of === 'reasoning')
      events.push(
        frame({
          type: 'content_block_delta',
          index,
          delta: { type: 'signature_delta', signature: pending.sealed?.payload ?? '' },
        }),
      )
    return events
  }
  #end(): readonly StreamEvent[] {
    const open = [...this.#parts.keys()].flatMap(part => this.#close(part))
    return [
      ...this.#start(undefined),
      ...open,
      frame({
        type: 'message_delta',
        delta: stopMembers(this.#stop, this.#refused),
        usage: writtenUsage(this.#usage),
      }),
      frame({ type: 'message_stop' }),
    ]
  }
}

const errorFrame = (error: JsonObject): StreamEvent => {
  const message = textOf(error.message) ?? 'The provider failed inside the stream.'
  const data = JSON.stringify({ type: 'error', error: { ...error, message } })
  return { event: 'error', data, bytes: Buffer.from(`event: error\ndata: ${data}\n\n`) }
}

export const messagesWriter = (asked: Asked): StreamWriter => {
  const writer = new Writer(asked)
  return { write: event => writer.write(event) }
}
