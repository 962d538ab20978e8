import type { Clock } from '../house.ts'
import { MANY_PIECES, pack } from '../wire/pack.ts'
import { type Answer, type Sink, TransportFault } from './transport.ts'

export type Collected =
  | { readonly kind: 'whole'; readonly bytes: Uint8Array }
  | { readonly kind: 'fault'; readonly fault: TransportFault; readonly part: Part }
  | { readonly kind: 'timeout'; readonly part: Part }
  | { readonly kind: 'oversize'; readonly part: Part }

/** What had come when it ended. */
export type Part = readonly Uint8Array[]

export type CollectLimits = {
  readonly clock: Clock
  readonly maxBytes: number
  /** Until the last byte; undefined = none. */
  readonly totalMs: number | undefined
}

const NO_BYTES = new Uint8Array(0)

/** Gathers one answer. Settles once, with whatever comes first. */
class Collector implements Sink {
  readonly #answer: Answer
  readonly #maxBytes: number
  #collected: Collected | undefined
  #resolve: ((collected: Collected) => void) | undefined
  #chunks: Uint8Array[] = []
  #packed = 0
  #size = 0
  #cancel: (() => void) | undefined

  constructor(answer: Answer, maxBytes: number) {
    this.#answer = answer
    this.#maxBytes = maxBytes
  }
  data(chunk: Uint8Array): void {
    if (this.#collected !== undefined) return
    this.#size += chunk.length
    this.#chunks.push(chunk)
    if (this.#size > this.#maxBytes) return this.#settle({ kind: 'oversize', part: this.#chunks })
    if (this.#chunks.length - this.#packed >= MANY_PIECES) this.#packed = pack(this.#chunks, this.#packed)
  }
  end(): void {
    const [only] = this.#chunks
    const bytes =
      only === undefined ? NO_BYTES : this.#chunks.length === 1 ? only : Buffer.concat(this.#chunks)
    this.#settle({ kind: 'whole', bytes })
  }
  error(error: Error): void {
    this.#settle({ kind: 'fault', fault: asFault(error), part: this.#chunks })
  }
  /** A small answer has come whole with its head: it needs no timer and no waiting. */
  collected(clock: Clock, totalMs: number | undefined): Collected | Promise<Collected> {
    if (this.#collected !== undefined) return this.#collected
    if (totalMs !== undefined)
      this.#cancel = clock.after(totalMs, () => this.#settle({ kind: 'timeout', part: this.#chunks }))
    return new Promise(resolve => {
      this.#resolve = resolve
    })
  }
  #settle(collected: Collected): void {
    if (this.#collected !== undefined) return
    this.#collected = collected
    this.#cancel?.()
    if (collected.kind === 'timeout' || collected.kind === 'oversize') this.#answer.abort()
    this.#resolve?.(collected)
  }
}

/** Reads a whole answer. A body over the limit, cut or late is never a short answer. */
export const collect = (
  answer: Answer,
  { clock, maxBytes, totalMs }: CollectLimits,
): Collected | Promise<Collected> => {
  const collector = new Collector(answer, maxBytes)
  answer.read(collector)
  return collector.collected(clock, totalMs)
}

const asFault = (error: Error): TransportFault =>
  error instanceof TransportFault ? error : new TransportFault('reset', error.message, true)
