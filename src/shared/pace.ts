import type { Clock } from '../house.ts'

/** How fast a deployment answers, as of late. */
export type Pace = {
  readonly note: (seconds: number) => void
  /** Seconds; undefined: nothing is known. `idle`: nobody is finding out just now, so that what is known fades. */
  readonly seconds: (idle: boolean) => number | undefined
}

/** After so long, what was measured counts for 37 %. */
const DECAY_MS = 10_000

const kept = (ms: number): number => Math.exp(-Math.max(0, ms) / DECAY_MS)

/**
 * An average in which the weight of the past falls with its age, not with the number of samples: a busy deployment and
 * a quiet one forget equally fast. An idle one becomes attractive again with time, so that a slow hour is not for ever.
 */
export const createPace = (clock: Clock): Pace => {
  let average: number | undefined
  let at = 0
  return {
    note: seconds => {
      const now = clock.now()
      const weight = average === undefined ? 0 : kept(now - at)
      average = (average ?? 0) * weight + seconds * (1 - weight)
      at = now
    },
    seconds: idle => (average === undefined || !idle ? average : average * kept(clock.now() - at)),
  }
}
