import type { FailoverSettings } from '../config/config.ts'
import { createGauge } from './gauge.ts'

/** Held from the decision for an extra attempt until its outcome is known; giving it back twice is giving it back once. */
export type Extra = { readonly release: () => void }

/**
 * What requests do beyond their first attempts, by model group. Retries at once are a share of what runs in the group:
 * when everything fails, they do not multiply the load.
 */
export type Budget = {
  /** Leave for a retry; undefined: the budget is spent. */
  readonly take: (group: string) => Extra | undefined
  /** Counts an extra attempt that is not refused: the first one in a fallback group or on the next order level. */
  readonly count: (group: string) => Extra
  /** A request of a group that hedges has begun: it earns so many hundredths of a hedge. */
  readonly earn: (group: string, percent: number) => void
  /** A whole hedge has been earned, and the budget for extra attempts has room for it. */
  readonly mayHedge: (group: string) => boolean
  /** Spends it; it counts among the extra attempts. */
  readonly hedge: (group: string) => Extra
  /** A request that sleeps before its next attempt is still one of the group's. The answer ends the sleep. */
  readonly sleep: (group: string) => () => void
  readonly extras: (group?: string) => number
  readonly sleeping: (group?: string) => number
}

export type BudgetOptions = {
  readonly settings: () => FailoverSettings['retryBudget']
  /** Attempts that run in a group. */
  readonly inFlight: (group: string) => number
}

/** What a hedge costs, in the coin of `earn`. */
const HEDGE = 100
/** A quiet hour is no leave for a burst: what more requests than these have earned is not saved. */
const SAVED_REQUESTS = 100
/** Groups come from the configuration; this bounds what many reloads could leave behind. */
const MOST_GROUPS = 10_000

/**
 * Hedges as a share of the requests, each of which earns its part: there is no time in it, so that it holds for busy
 * groups and quiet ones, and a new group has its first hedge when it has earned one.
 */
const createHedges = (): Pick<Budget, 'earn'> & {
  readonly earned: (group: string) => boolean
  readonly spend: (group: string) => void
} => {
  const saved = new Map<string, number>()
  return {
    earn: (group, percent) => {
      const known = saved.get(group)
      if (known === undefined && saved.size >= MOST_GROUPS) saved.clear()
      const most = Math.max(HEDGE, SAVED_REQUESTS * percent)
      saved.set(group, Math.min(most, (known ?? 0) + percent))
    },
    earned: group => (saved.get(group) ?? 0) >= HEDGE,
    spend: group => void saved.set(group, (saved.get(group) ?? 0) - HEDGE),
  }
}

const once = (action: () => void): (() => void) => {
  let done = false
  return () => {
    if (done) return
    done = true
    action()
  }
}

export const createBudget = ({ settings, inFlight }: BudgetOptions): Budget => {
  const extras = createGauge()
  const sleepers = createGauge()
  const hedges = createHedges()

  const count = (group: string): Extra => {
    extras.up(group)
    return { release: once(() => extras.down(group)) }
  }

  const hasRoom = (group: string): boolean => {
    const budget = settings()
    if (budget === undefined) return true
    const running = inFlight(group) + sleepers.value(group)
    return extras.value(group) < Math.max(budget.least, Math.floor(running * budget.share))
  }

  const take = (group: string): Extra | undefined => (hasRoom(group) ? count(group) : undefined)

  const hedge = (group: string): Extra => {
    hedges.spend(group)
    return count(group)
  }

  const sleep = (group: string): (() => void) => {
    sleepers.up(group)
    return once(() => sleepers.down(group))
  }

  const reading =
    (gauge: typeof extras) =>
    (group?: string): number =>
      group === undefined ? gauge.total() : gauge.value(group)

  return {
    take,
    count,
    earn: hedges.earn,
    mayHedge: group => hedges.earned(group) && hasRoom(group),
    hedge,
    sleep,
    extras: reading(extras),
    sleeping: reading(sleepers),
  }
}
