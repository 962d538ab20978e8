import type { Clock } from '../house.ts'
import type { Rest } from './ports.ts'

/**
 * When something began: in the order of this board's admissions (undefined: it began at another board), and in
 * milliseconds since the epoch.
 */
export type Mark = { readonly admission: number | undefined; readonly wall: number }

/** What keeps requests away. */
export type Standing = {
  readonly rest: Rest
  /** The rest is over, and one request is finding out whether the trouble is. */
  readonly probing: boolean
}

type Entry = {
  readonly domain: string
  rest: Rest | undefined
  level: number
  began: Mark
  /** The admission that holds the probe's place. */
  probe: number | undefined
}

/** Keys come from the configuration; this bounds what many reloads and other boards could leave behind. */
const MOST_ENTRIES = 10_000

export type RestsOptions = {
  readonly clock: Clock
  /** False: when a rest is over, all come back at once. */
  readonly probes: () => boolean
  readonly capacity?: number
}

/**
 * Rests by key: deployments, or rate-limit domains. After a rest the subject is half open: it may be asked by one
 * request at a time, until one succeeds. `domain` is what a key stands for; a rest of something else does not count.
 */
export class Rests {
  readonly #entries = new Map<string, Entry>()
  readonly #clock: Clock
  readonly #wantsProbes: () => boolean
  readonly #capacity: number

  constructor({ clock, probes, capacity = MOST_ENTRIES }: RestsOptions) {
    this.#clock = clock
    this.#wantsProbes = probes
    this.#capacity = capacity
  }

  get size(): number {
    return this.#entries.size
  }

  keys(): Iterable<string> {
    return this.#entries.keys()
  }

  /** undefined: may be asked. */
  standing(key: string, domain: string): Standing | undefined {
    const entry = this.#entries.get(key)
    if (entry?.rest === undefined || entry.domain !== domain) return undefined
    if (entry.rest.until > this.#clock.now()) return { rest: entry.rest, probing: false }
    if (entry.probe === undefined || !this.#wantsProbes()) return undefined
    return { rest: entry.rest, probing: true }
  }

  /** Soft rests so far without recovery. */
  level(key: string, domain: string): number {
    const entry = this.#entries.get(key)
    return entry?.domain === domain ? entry.level : 0
  }

  /** False, and nothing changes, when the known rest ends later: a deadline never moves earlier. */
  begin(key: string, domain: string, rest: Rest, began: Mark): boolean {
    const known = this.#entries.get(key)
    if (known?.domain !== domain) {
      if (known === undefined && this.#entries.size >= this.#capacity) this.#makeRoom()
      this.#entries.set(key, { domain, rest, level: rest.level, began, probe: undefined })
      return true
    }
    const before = known.rest
    if (before !== undefined && before.until >= rest.until) return false
    // What was firm stays so: the longer rest may be ignored only when the shorter one would be over.
    const firm = rest.firm || (before?.firm === true && before.until > this.#clock.now())
    known.rest = { ...rest, firm }
    known.level = rest.level
    known.began = began
    return true
  }

  /** An attempt that began at this mark has succeeded: ends what began before it. True: there was something to end. */
  recover(key: string, { admission, wall }: Mark): boolean {
    const entry = this.#entries.get(key)
    if (entry?.rest === undefined) return false
    // Only an attempt that began after the failure proves that the trouble is over.
    const after = admission === undefined ? wall > entry.began.wall : admission > (entry.began.admission ?? 0)
    if (!after) return false
    entry.rest = undefined
    this.#tidy(key, entry)
    return true
  }

  /** One more success, or what another board counts: the next rest is shorter. */
  relax(key: string, level?: number): void {
    const entry = this.#entries.get(key)
    if (entry === undefined || entry.rest !== undefined || entry.level === 0) return
    entry.level = Math.min(entry.level, level ?? entry.level - 1)
    this.#tidy(key, entry)
  }

  /** Takes the probe's place, when there is one to take. */
  openProbe(key: string, admission: number): boolean {
    const entry = this.#entries.get(key)
    if (entry?.rest === undefined || entry.rest.until > this.#clock.now() || entry.probe !== undefined)
      return false
    entry.probe = admission
    return true
  }

  /** Gives the place back, whatever the probe has found. */
  closeProbe(key: string, admission: number): void {
    const entry = this.#entries.get(key)
    if (entry?.probe !== admission) return
    entry.probe = undefined
    this.#tidy(key, entry)
  }

  /** Requests that are probes now. */
  get probes(): number {
    return [...this.#entries.values()].filter(entry => entry.probe !== undefined).length
  }

  keep(keys: ReadonlySet<string>): void {
    for (const key of this.#entries.keys()) if (!keys.has(key)) this.#entries.delete(key)
  }

  #tidy(key: string, entry: Entry): void {
    if (entry.rest === undefined && entry.level === 0 && entry.probe === undefined) this.#entries.delete(key)
  }

  #makeRoom(): void {
    const now = this.#clock.now()
    for (const [key, { rest, probe }] of this.#entries)
      if (probe === undefined && (rest === undefined || rest.until <= now)) this.#entries.delete(key)
    const oldest = this.#entries.keys().next()
    if (this.#entries.size >= this.#capacity && !oldest.done) this.#entries.delete(oldest.value)
  }
}
