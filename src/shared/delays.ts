/** How long one deployment has taken of late until it spoke. */
export type Delays = {
  /** It spoke after so many milliseconds. */
  readonly spoke: (ms: number) => void
  /** It was given up after so many milliseconds without a word: it would have taken longer. */
  readonly gaveUp: (ms: number) => void
  /** Milliseconds within which 95 of 100 answers have come; undefined: too few are known. */
  readonly p95: () => number | undefined
}

/** As many are kept: a hundred have five in their slowest twentieth, and take less than a kilobyte. */
const KEPT = 100
/** Of fewer than twenty, not one is the slowest twentieth. */
const FEWEST = 20

export const createDelays = (): Delays => {
  const recent = new Float64Array(KEPT)
  let count = 0
  let known: number | undefined
  let stale = false

  const p95 = (): number | undefined => {
    if (!stale) return known
    stale = false
    const kept = Math.min(count, KEPT)
    known = recent.slice(0, kept).sort()[Math.ceil(kept * 0.95) - 1]
    return known
  }

  const spoke = (ms: number): void => {
    recent[count % KEPT] = ms
    count += 1
    stale = count >= FEWEST
  }

  return {
    spoke,
    // The slowest are those that are given up: left out, they would make the rest look ever faster. One that was given
    // up sooner says nothing: it may yet have been among the fast ones.
    gaveUp: ms => {
      const slow = p95()
      if (slow !== undefined && ms >= slow) spoke(ms)
    },
    p95,
  }
}

/** Streams and whole answers apart: the one is the time to the first word, the other to the last. */
export type DelaysByKind = { plain?: Delays; stream?: Delays }

/** Kept from the first time that somebody asks for them. */
export const delaysOf = (kinds: DelaysByKind, stream: boolean): Delays => {
  const kind = stream ? 'stream' : 'plain'
  kinds[kind] ??= createDelays()
  return kinds[kind]
}
