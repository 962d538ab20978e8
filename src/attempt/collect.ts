import type { Clock } from '../house.ts'
import { MANY_PIECES, pack } from '../wire/pack.ts'
import { type Answer, type Sink, TransportFault } from './transport.ts'

export type Collected =
  | { readonly kind: 'whole'; readonly bytes: Uint8Array }
  | { readonly kind: 'fault'; readonly fault: TransportFault }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'oversize' }

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
  readonly #resolve: (collected: Collected) => void
  #chunks: Uint8Array[] = []
  #packed = 0
  #size = 0
  #over = false
  #cancel: (() => void) | undefined

  constructor(answer: Answer, maxBytes: number, resolve: (collected: Collected) => void) {
    this.#answer = answer
    this.#maxBytes = maxBytes
    this.#resolve = resolve
  }
  data(chunk: Uint8Array): void {
    this.#size += chunk.length
    if (this.#size > this.#maxBytes) return this.#settle({ kind: 'oversize' })
    this.#chunks.push(chunk)
    if (this.#chunks.length - this.#packed >= MANY_PIECES) this.#packed = pack(this.#chunks, this.#packed)
  }
  end(): void {
    const [only] = this.#chunks
    const bytes =
      only === undefined ? NO_BYTES : this.#chunks.length === 1 ? only : Buffer.concat(this.#chunks)
    this.#settle({ kind: 'whole', bytes })
  }
  error(error: Error): void {
    this.#settle({ kind: 'fault', fault: asFault(error) })
  }
  /** A small answer has come whole with its head: it needs no timer. */
  limit(clock: Clock, ms: number): void {
    if (!this.#over) this.#cancel = clock.after(ms, () => this.#settle({ kind: 'timeout' }))
  }
  #settle(collected: Collected): void {
    if (this.#over) return
    this.#over = true
    this.#cancel?.()
    if (collected.kind === 'timeout' || collected.kind === 'oversize') this.#answer.abort()
    this.#resolve(collected)
  }
}

/** Reads a whole answer. A body over the limit, cut or late is never a short answer. */
export const collect = (answer: Answer, { clock, maxBytes, totalMs }: CollectLimits): Promise<Collected> =>
  new Promise(resolve => {
    const collector = new Collector(answer, maxBytes, resolve)
    answer.read(collector)
    if (totalMs !== undefined) collector.limit(clock, totalMs)
  })

const asFault = (error: Error): TransportFault =>
  error instanceof TransportFault ? error : new TransportFault('reset', error.message, true)
