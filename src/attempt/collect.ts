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
    const settle = (result: Collected): void => {
      if (over) return
      over = true
      cancel()
      if (result.kind === 'timeout' || result.kind === 'oversize') answer.abort()
      resolve(result)
    }
    const cancel =
      limits.totalMs === undefined
        ? () => {}
        : limits.clock.after(limits.totalMs, () => settle({ kind: 'timeout' }))
    answer.read({
      data: chunk => {
        size += chunk.length
        if (size > limits.maxBytes) settle({ kind: 'oversize' })
        else chunks.push(chunk)
      },
      end: () => {
        const [only] = chunks
        settle({
          kind: 'whole',
          bytes: only === undefined ? NO_BYTES : chunks.length === 1 ? only : Buffer.concat(chunks),
        })
      },
      error: error =>
        settle({
          kind: 'fault',
          fault: error instanceof TransportFault ? error : new TransportFault('reset', error.message, true),
        }),
    })
  })
