import type { Clock } from '../house.ts'
import { type Answer, TransportFault } from './transport.ts'

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

/** Reads a whole answer. A body over the limit, cut or late is never a short answer. */
export const collect = (answer: Answer, limits: CollectLimits): Promise<Collected> =>
  new Promise(resolve => {
    const chunks: Uint8Array[] = []
    let size = 0
    let over = false
    let cancel = (): void => {}
    const settle = (result: Collected): void => {
      if (over) return
      over = true
      cancel()
      if (result.kind === 'timeout' || result.kind === 'oversize') answer.abort()
      resolve(result)
    }
    answer.read({
      data: chunk => {
        size += chunk.length
        if (size > limits.maxBytes) settle({ kind: 'oversize' })
        else chunks.push(chunk)
      },
      end: () => {
        const [only] = chunks
        const bytes = only === undefined ? NO_BYTES : chunks.length === 1 ? only : Buffer.concat(chunks)
        settle({ kind: 'whole', bytes })
      },
      error: error => settle({ kind: 'fault', fault: asFault(error) }),
    })
    // A small answer has come whole with its head: it needs no timer.
    if (!over && limits.totalMs !== undefined)
      cancel = limits.clock.after(limits.totalMs, () => settle({ kind: 'timeout' }))
  })

const asFault = (error: Error): TransportFault =>
  error instanceof TransportFault ? error : new TransportFault('reset', error.message, true)
