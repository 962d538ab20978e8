import type { ServerResponse } from 'node:http'
import type { Call, Received } from '../call.ts'
import { SHAPES } from '../dialects/index.ts'
import type { Clock, House } from '../house.ts'
import { wantsArray } from './array.ts'
import { addCommonHeaders, type HeaderList } from './headers.ts'

const COMMENT = ': ping\n\n'

/** What every event stream of ours says in its head. */
export const EVENT_STREAM: readonly string[] = [
  'content-type',
  'text/event-stream; charset=utf-8',
  'cache-control',
  'no-cache',
  'x-accel-buffering',
  'no',
]

/**
 * Comments into a stream that is silent, so that nobody in between takes it for dead. The first one sends the status:
 * the operator has chosen a connection that lives over an error that is told by its status. Everything else that is
 * written is whole events, so a comment always stands between two.
 */
export class Pulse {
  readonly #response: ServerResponse
  readonly #callId: string
  readonly #clock: Clock
  readonly #everyMs: number
  #lastAt: number
  #cancel: () => void

  constructor(received: Received, clock: Clock, everyMs: number) {
    this.#response = received.response
    this.#callId = received.callId
    this.#clock = clock
    this.#everyMs = everyMs
    this.#lastAt = clock.now()
    this.#cancel = clock.after(everyMs, () => this.#look())
  }
  /** Something else was written. */
  beat(): void {
    this.#lastAt = this.#clock.now()
  }
  stop(): void {
    this.#cancel()
  }
  #look(): void {
    const silentMs = this.#clock.now() - this.#lastAt
    // A client that does not read has bytes enough on their way.
    if (silentMs >= this.#everyMs && !this.#response.writableNeedDrain) this.#ping()
    const left = this.#lastAt + this.#everyMs - this.#clock.now()
    this.#cancel = this.#clock.after(left > 0 ? left : this.#everyMs, () => this.#look())
  }
  #ping(): void {
    if (this.#response.destroyed || this.#response.writableEnded) return
    if (!this.#response.headersSent) {
      const head: HeaderList = []
      addCommonHeaders(head, this.#callId, undefined)
      head.push(...EVENT_STREAM)
      this.#response.writeHead(200, head)
    }
    this.#response.write(COMMENT)
    this.beat()
  }
}

/** The pulse of a call, when the operator asked for one and its answer will be events. */
export const pulseFor = (received: Received, call: Call, house: House): Pulse | undefined => {
  const everyMs = call.config.litellm.ssePingMs
  if (everyMs === undefined || !call.stream || SHAPES[call.route.shape].stream === undefined) return undefined
  // An array has no place for comments.
  if (wantsArray(received)) return undefined
  return new Pulse(received, house.clock, everyMs)
}
