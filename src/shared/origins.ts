import type { Clock } from '../house.ts'

/** Who made a ciphertext, as far as this process has seen it. */
export type Origin = {
  /** undefined: nobody saw it being made. */
  readonly deploymentId: string | undefined
  /** Deployment.boundary of its maker. */
  readonly boundary: string | undefined
  /** Boundaries that have said that they cannot read it. */
  readonly refusedBy: readonly string[]
}

/** By the fingerprint of the ciphertext; the ciphertext itself is not kept. Forgets by age, then the least recently used. */
export type Origins = {
  readonly of: (fingerprint: string) => Origin | undefined
  readonly made: (fingerprint: string, by: { readonly id: string; readonly boundary: string }) => void
  readonly refused: (fingerprint: string, boundary: string) => void
  readonly size: () => number
}

/** Providers keep stored state for 30 days; ciphertext is not older than that in practice. */
export const ORIGIN_TTL_MS = 30 * 24 * 3_600_000

/** Accounts that one fingerprint is remembered to be foreign to. */
const MOST_REFUSALS = 8

export const createOrigins = (clock: Clock, capacity = 100_000): Origins => {
  const entries = new Map<string, Origin & { readonly until: number }>()

  const put = (fingerprint: string, origin: Origin): void => {
    entries.delete(fingerprint)
    entries.set(fingerprint, { ...origin, until: clock.now() + ORIGIN_TTL_MS })
    const oldest = entries.keys().next()
    if (entries.size > capacity && !oldest.done) entries.delete(oldest.value)
  }

  const of: Origins['of'] = fingerprint => {
    const entry = entries.get(fingerprint)
    if (entry === undefined) return undefined
    entries.delete(fingerprint)
    if (entry.until <= clock.now()) return undefined
    entries.set(fingerprint, entry)
    return entry
  }

  return {
    of: fingerprint => (entries.size === 0 ? undefined : of(fingerprint)),
    made: (fingerprint, { id, boundary }) => put(fingerprint, { deploymentId: id, boundary, refusedBy: [] }),
    refused: (fingerprint, boundary) => {
      const known = of(fingerprint)
      const others = (known?.refusedBy ?? []).filter(one => one !== boundary)
      put(fingerprint, {
        deploymentId: known?.deploymentId,
        boundary: known?.boundary,
        refusedBy: [...others, boundary].slice(-MOST_REFUSALS),
      })
    },
    size: () => entries.size,
  }
}

/** Known to be unreadable within this boundary. */
export const isForeign = (origin: Origin | undefined, boundary: string): boolean =>
  origin !== undefined &&
  (origin.refusedBy.includes(boundary) || (origin.boundary !== undefined && origin.boundary !== boundary))
