import type { Clock } from '../house.ts'

/** The earliest moment anything may be sent to a rate-limit domain: the latest of what its provider has asked for. */
export type Domains = {
  readonly notBefore: (domain: string) => number | undefined
  /** False, and nothing changes, when the known bound is later. */
  readonly wait: (domain: string, until: number) => boolean
  readonly size: () => number
}

/** Domains come from the configuration; this bounds what many reloads could leave behind. */
const MOST_DOMAINS = 10_000

export const createDomains = (clock: Clock, capacity = MOST_DOMAINS): Domains => {
  const bounds = new Map<string, number>()

  const makeRoom = () => {
    for (const [domain, until] of bounds) if (until <= clock.now()) bounds.delete(domain)
    const oldest = bounds.keys().next()
    if (bounds.size >= capacity && !oldest.done) bounds.delete(oldest.value)
  }

  return {
    notBefore: domain => {
      const until = bounds.get(domain)
      if (until === undefined || until > clock.now()) return until
      bounds.delete(domain)
      return undefined
    },
    // A bound only ever moves later: an upstream's shorter answer does not cancel its longer one.
    wait: (domain, until) => {
      const known = bounds.get(domain)
      if ((known ?? clock.now()) >= until) return false
      if (known === undefined && bounds.size >= capacity) makeRoom()
      bounds.set(domain, until)
      return true
    },
    size: () => bounds.size,
  }
}
