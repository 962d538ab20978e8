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

  const count = (group: string): Extra => {
    extras.up(group)
    return { release: once(() => extras.down(group)) }
  }

  const take = (group: string): Extra | undefined => {
    const budget = settings()
    if (budget !== undefined) {
      const running = inFlight(group) + sleepers.value(group)
      const most = Math.max(budget.least, Math.floor(running * budget.share))
      if (extras.value(group) >= most) return undefined
    }
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

  return { take, count, sleep, extras: reading(extras), sleeping: reading(sleepers) }
}
