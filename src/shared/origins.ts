import type { Config } from '../config/config.ts'
import type { Clock } from '../house.ts'

/** Who made what binds a call to its maker: ciphertext, or what is kept under an id. */
export type Origin = {
  /** undefined: nobody saw it being made. */
  readonly deploymentId: string | undefined
  /** Deployment.boundary of its maker. */
  readonly boundary: string | undefined
  /** Boundaries that have said that they cannot read it. */
  readonly refusedBy: readonly string[]
}

/** What was known before this process, and what others beside it know. */
export type Past = {
  /** Does not wait and does not throw. */
  readonly write: (fingerprint: string, origin: Origin) => void
  /** Takes a bounded time and never rejects: what cannot be found is not known. */
  readonly read: (fingerprints: readonly string[]) => Promise<ReadonlyMap<string, Origin>>
}

/**
 * By the fingerprint of a ciphertext, or by an id; the ciphertext itself is not kept. Asking never waits. Forgets by age,
 * then the least recently used.
 */
export type Origins = {
  readonly of: (fingerprint: string) => Origin | undefined
  readonly made: (fingerprint: string, by: { readonly id: string; readonly boundary: string }) => void
  readonly refused: (fingerprint: string, boundary: string) => void
  /** Looks in the past for what is not known here. True: some of it is known now. undefined: there is nothing to look for. */
  readonly recall: (fingerprints: Iterable<string>) => Promise<boolean> | undefined
  readonly size: () => number
}

/** Providers keep stored state for 30 days; ciphertext is not older than that in practice. */
export const ORIGIN_TTL_MS = 30 * 24 * 3_600_000

/** What stays in use is written again after so long, and what was recalled is looked for again. */
const RENEW_MS = 24 * 3_600_000

/** Accounts that one fingerprint is remembered to be foreign to. */
const MOST_REFUSALS = 8

/** Fingerprints that one call has looked for; of more the last ones. */
const MOST_RECALLED = 2_000

export type OriginsOptions = {
  /** Fingerprints in memory. */
  readonly capacity?: number
  /** Default: there is none. */
  readonly past?: Past
  /** In force now: who is not configured any more has made nothing. Default: whoever made something is. */
  readonly config?: () => Pick<Config, 'byId'>
}

const boundariesIn = new WeakMap<object, ReadonlySet<string>>()

const boundariesOf = (config: Pick<Config, 'byId'>): ReadonlySet<string> => {
  const known = boundariesIn.get(config)
  if (known !== undefined) return known
  const found = new Set([...config.byId.values()].map(({ boundary }) => boundary))
  boundariesIn.set(config, found)
  return found
}

/**
 * A deployment that stays keeps what it has made, with another credential, too. Of an account that is gone nothing can be
 * said: it may be there still, under another key, and the provider will say.
 */
const inForce = (origin: Origin, config: Pick<Config, 'byId'>): Origin => {
  const { deploymentId, boundary } = origin
  if (boundary === undefined || boundariesOf(config).has(boundary)) return origin
  const heir = deploymentId === undefined ? undefined : config.byId.get(deploymentId)
  return { ...origin, deploymentId: heir?.id, boundary: heir?.boundary }
}

type Entry = Origin & {
  readonly until: number
  /** The past need not hear the same before. */
  readonly toldUntil: number
}

const isSame = (one: Origin, other: Origin): boolean =>
  one.deploymentId === other.deploymentId &&
  one.boundary === other.boundary &&
  one.refusedBy.join('\n') === other.refusedBy.join('\n')

export const createOrigins = (clock: Clock, options: OriginsOptions = {}): Origins => {
  const { capacity = 100_000, past, config } = options
  const entries = new Map<string, Entry>()

  const put = (fingerprint: string, entry: Entry): void => {
    entries.delete(fingerprint)
    entries.set(fingerprint, entry)
    const oldest = entries.keys().next()
    if (entries.size > capacity && !oldest.done) entries.delete(oldest.value)
  }

  const learn = (fingerprint: string, origin: Origin): void => {
    const now = clock.now()
    const before = entries.get(fingerprint)
    const told = before !== undefined && before.toldUntil > now && isSame(before, origin)
    const toldUntil = told ? before.toldUntil : now + RENEW_MS
    put(fingerprint, { ...origin, until: now + ORIGIN_TTL_MS, toldUntil })
    if (!told) past?.write(fingerprint, origin)
  }

  const of: Origins['of'] = fingerprint => {
    const entry = entries.get(fingerprint)
    if (entry === undefined) return undefined
    entries.delete(fingerprint)
    if (entry.until <= clock.now()) return undefined
    entries.set(fingerprint, entry)
    return config === undefined ? entry : inForce(entry, config())
  }

  const isKnown = (fingerprint: string): boolean => (entries.get(fingerprint)?.until ?? 0) > clock.now()

  const recall: Origins['recall'] = fingerprints => {
    if (past === undefined) return undefined
    const unknown = [...fingerprints].filter(one => !isKnown(one)).slice(-MOST_RECALLED)
    if (unknown.length === 0) return undefined
    return past.read(unknown).then(found => {
      const until = clock.now() + RENEW_MS
      // What was learned here meanwhile is newer.
      for (const [fingerprint, origin] of found)
        if (!isKnown(fingerprint)) put(fingerprint, { ...origin, until, toldUntil: 0 })
      return found.size > 0
    })
  }

  return {
    of: fingerprint => (entries.size === 0 ? undefined : of(fingerprint)),
    made: (fingerprint, { id, boundary }) =>
      learn(fingerprint, { deploymentId: id, boundary, refusedBy: [] }),
    refused: (fingerprint, boundary) => {
      const known = of(fingerprint)
      const others = (known?.refusedBy ?? []).filter(one => one !== boundary)
      learn(fingerprint, {
        deploymentId: known?.deploymentId,
        boundary: known?.boundary,
        refusedBy: [...others, boundary].slice(-MOST_REFUSALS),
      })
    },
    recall,
    size: () => entries.size,
  }
}

/** Known to be unreadable within this boundary. */
export const isForeign = (origin: Origin | undefined, boundary: string): boolean =>
  origin !== undefined &&
  (origin.refusedBy.includes(boundary) || (origin.boundary !== undefined && origin.boundary !== boundary))
