import type { Config } from '../config/config.ts'
import type { Clock } from '../house.ts'

/** Deployments that begin slowly: back from a rest, or new after a reload. Empty unless slow_start_seconds is set. */
export type Warmth = {
  readonly size: () => number
  /** How much of its weight the deployment has now, 0.1 to 1. */
  readonly share: (id: string) => number
  readonly begin: (id: string) => void
  /** All deployments of a rate-limit domain. */
  readonly beginDomain: (domain: string) => void
  /** After a reload: what was not there before, or stands for something else, begins slowly. */
  readonly reload: () => void
}

/** With nothing at all it would never get warm. */
const LEAST = 0.1

const domainsOf = ({ byId }: Config): ReadonlyMap<string, string> =>
  new Map([...byId].map(([id, { domain }]) => [id, domain]))

export const createWarmth = ({ clock, config }: { clock: Clock; config: () => Config }): Warmth => {
  const begun = new Map<string, number>()
  let known = domainsOf(config())
  const spanMs = () => config().router.failover.slowStartMs

  const begin = (id: string) => {
    if (spanMs() > 0) begun.set(id, clock.now())
  }

  const share = (id: string): number => {
    const since = begun.get(id)
    if (since === undefined) return 1
    const part = (clock.now() - since) / spanMs()
    if (part < 1) return LEAST + (1 - LEAST) * part
    begun.delete(id)
    return 1
  }

  return {
    size: () => begun.size,
    share,
    begin,
    beginDomain: domain => {
      if (spanMs() <= 0) return
      for (const { id, domain: own } of config().deployments) if (own === domain) begin(id)
    },
    reload: () => {
      const now = domainsOf(config())
      for (const id of begun.keys()) if (!now.has(id)) begun.delete(id)
      for (const [id, domain] of now) if (known.get(id) !== domain) begin(id)
      known = now
    },
  }
}
