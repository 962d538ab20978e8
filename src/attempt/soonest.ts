import type { Failure } from '../failure.ts'
import type { Clock } from '../house.ts'
import { domainOf } from '../plan/select.ts'
import type { Candidate } from '../plan/wish.ts'
import type { Board } from '../shared/board.ts'
import type { Play } from './level.ts'
import type { Trail } from './settled.ts'

/**
 * When a client that was told to come again is served soonest: it is the first who is back that counts, and not the one
 * whose failure it reads.
 */

/** The rate-limit domains that have refused this request, by deployment. */
export type Limited = Map<string, string>

/** A provider has said that it was too fast. */
export const noteLimited = ({ trail, wish }: Play, candidate: Candidate): void => {
  trail.limited ??= new Map()
  trail.limited.set(candidate.deployment.id, domainOf(candidate, wish))
}

/** A group had nobody to ask, and knows when it will. */
export const noteBack = (trail: Trail, { class: kind, retryAfterMs }: Failure, now: number): void => {
  if (kind === 'no_deployment' && retryAfterMs !== undefined)
    trail.backAt = Math.min(trail.backAt ?? Number.POSITIVE_INFINITY, now + retryAfterMs)
}

/** The failure with the shortest wait that is known after the whole way, be it another one's than its own. */
export const withSoonest = (
  failure: Failure,
  { limited, backAt }: Trail,
  { board, clock }: { readonly board: Board; readonly clock: Clock },
): Failure => {
  if (failure.status !== 429 || (limited === undefined && backAt === undefined)) return failure
  const now = clock.now()
  const ends = [...(limited ?? [])].map(([id, domain]) =>
    Math.max(board.domainNotBefore(domain) ?? now, board.cooling(id, domain)?.until ?? now),
  )
  const waits = [...ends, backAt ?? now].map(end => end - now).filter(ms => ms > 0)
  if (waits.length === 0) return failure
  return { ...failure, retryAfterMs: Math.min(failure.retryAfterMs ?? Number.POSITIVE_INFINITY, ...waits) }
}
