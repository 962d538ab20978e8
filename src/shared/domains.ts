import type { Clock } from '../house.ts'
import type { Cooling } from './board.ts'

/** What is known of rate-limit domains: until when they rest, and the earliest moment anything may be sent there. */
export type Domains = {
  readonly notBefore: (domain: string) => number | undefined
  readonly cooling: (domain: string) => Cooling | undefined
  readonly wait: (domain: string, until: number) => void
  readonly cool: (domain: string, cooling: Cooling) => void
  readonly size: () => number
}

type Entry = { readonly notBefore: number; readonly cooling: Cooling | undefined }

/** Domains come from the configuration; this bounds what many reloads could leave behind. */
const MOST_DOMAINS = 10_000

export const createDomains = (clock: Clock, capacity = MOST_DOMAINS): Domains => {
  const entries = new Map<string, Entry>()

  const ends = (entry: Entry): number => Math.max(entry.notBefore, entry.cooling?.until ?? 0)

  const read = (domain: string): Entry | undefined => {
    const entry = entries.get(domain)
    if (entry === undefined || ends(entry) > clock.now()) return entry
    entries.delete(domain)
    return undefined
  }

  const makeRoom = () => {
    for (const [domain, entry] of entries) if (ends(entry) <= clock.now()) entries.delete(domain)
    const oldest = entries.keys().next()
    if (entries.size >= capacity && !oldest.done) entries.delete(oldest.value)
  }

  const write = (domain: string, entry: Entry) => {
    if (!entries.has(domain) && entries.size >= capacity) makeRoom()
    entries.set(domain, entry)
  }

  return {
    notBefore: domain => {
      const until = read(domain)?.notBefore ?? 0
      return until > clock.now() ? until : undefined
    },
    cooling: domain => {
      const cooling = read(domain)?.cooling
      return cooling !== undefined && cooling.until > clock.now() ? cooling : undefined
    },
    // Both deadlines only ever move later: an upstream's shorter answer does not cancel its longer one.
    wait: (domain, until) => {
      const known = read(domain)
      write(domain, { notBefore: Math.max(known?.notBefore ?? 0, until), cooling: known?.cooling })
    },
    cool: (domain, cooling) => {
      const known = read(domain)
      const later =
        known?.cooling !== undefined && known.cooling.until >= cooling.until ? known.cooling : cooling
      write(domain, { notBefore: known?.notBefore ?? 0, cooling: later })
    },
    size: () => entries.size,
  }
}
