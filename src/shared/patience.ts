/** How long one deployment has been seen to be silent before it speaks. */
export type Patience = {
  /** Milliseconds that it is given, `leastMs` of them in any case; undefined: no limit. */
  readonly limitMs: (leastMs: number) => number | undefined
  /** It spoke `ms` after the attempt began. */
  readonly spoke: (ms: number) => void
  /** An attempt that began at `startedAt` ran out of patience at `now`, both clock.now(). */
  readonly silent: (startedAt: number, now: number) => void
}

const TIMES_SLOWEST = 3
/** One slow answer is forgotten over the next few hundred. */
const FADING = 0.99
/** A deployment that has never spoken gets twice the time after each silence, and after these, all the time there is. */
const MOST_DOUBLINGS = 4

export const createPatience = (): Patience => {
  /** The slowest first content lately, milliseconds; undefined: it has never spoken. */
  let slowestMs: number | undefined
  let doublings = 0
  /** Attempts that began before the last doubling say nothing new: a burst that falls silent together is one silence. */
  let doubledAt = Number.NEGATIVE_INFINITY
  return {
    limitMs: leastMs => {
      if (slowestMs !== undefined) return Math.max(leastMs, slowestMs * TIMES_SLOWEST)
      return doublings >= MOST_DOUBLINGS ? undefined : leastMs * 2 ** doublings
    },
    spoke: ms => {
      slowestMs = Math.max(ms, (slowestMs ?? 0) * FADING)
    },
    silent: (startedAt, now) => {
      if (startedAt < doubledAt) return
      doublings += 1
      doubledAt = now
    },
  }
}
