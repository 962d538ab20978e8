import type { Clock } from '../house.ts'
import type { Held } from '../providers/recipe.ts'
import type { Signal } from '../signal.ts'
import { TransportFault } from './transport.ts'

export type Patience = {
  readonly clock: Clock
  /** Milliseconds to connect, and to the head of the answer; undefined or 0: no limit. */
  readonly connectMs: number
  readonly headersMs: number | undefined
  readonly signal: Signal
}

/**
 * The first credential of all, for a call that cannot go without: waited for as long as a connection is, within the
 * limit of the head. Rejects with NoCredential when it cannot be fetched, with TransportFault when it comes too late.
 */
export const firstCredential = (
  pending: Promise<Held>,
  { clock, connectMs, headersMs, signal }: Patience,
): Promise<Held> =>
  new Promise((resolve, reject) => {
    const connect = connectMs === 0 ? Number.POSITIVE_INFINITY : connectMs
    const head = headersMs ?? Number.POSITIVE_INFINITY
    const limitMs = Math.min(connect, head)
    const end = (settle: () => void): void => {
      cancel?.()
      signal.removeEventListener('abort', leave)
      settle()
    }
    const late = new TransportFault(
      head < connect ? 'headers_timeout' : 'connect_timeout',
      'No credential in time.',
      false,
    )
    const leave = (): void => end(() => reject(new TransportFault('aborted', 'The client left.', false)))
    const cancel = Number.isFinite(limitMs) ? clock.after(limitMs, () => end(() => reject(late))) : undefined
    signal.addEventListener('abort', leave)
    pending.then(
      held => end(() => resolve(held)),
      (error: unknown) => end(() => reject(error)),
    )
    if (signal.aborted) leave()
  })
