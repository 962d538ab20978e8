import type { Config, Deployment } from '../config/config.ts'
import type { Usage } from '../dialects/shape.ts'
import type { Failure } from '../failure.ts'
import type { Clock, Dice } from '../house.ts'
import type { Signal } from '../signal.ts'
import { createAffinityMemory } from './affinity.ts'
import { createDomains } from './domains.ts'
import { createGauge } from './gauge.ts'
import { coolingOf, createState, learn, type State, stateInForce } from './health.ts'
import { Aborted } from './slots.ts'

/** How an attempt ended, for everything that hangs on it: in-flight gauge, usage windows, latency, health. */
export type AttemptEnd =
  | {
      readonly kind: 'success'
      readonly usage: Usage | undefined
      readonly totalMs: number
      readonly firstTokenMs: number | undefined
    }
  | { readonly kind: 'failure'; readonly failure: Failure; readonly totalMs: number }
  /** Nobody's fault: the client left, the gateway erred. Health and latency stay as they were. */
  | { readonly kind: 'neutral' }

/** Held while one attempt runs. Settled exactly once, on every exit; a second settle is ignored and counted. */
export type Lease = { readonly settle: (end: AttemptEnd) => void }

export type Cooling = {
  /** clock.now() value. */
  readonly until: number
  readonly status: number
  readonly because: string
}

/**
 * The live state of deployments, by deployment id: it survives a reload for every id that stays.
 * Behind an interface because several instances will share it.
 */
export type Board = {
  /**
   * Waits for a parallel slot (max_parallel_requests) and counts the attempt in. Rejects when `signal` aborts.
   * `group` is the model group as requested, for the per-group counters.
   */
  readonly admit: (deployment: Deployment, group: string, signal: Signal) => Promise<Lease> | Lease
  /** The rest of the deployment or of its rate-limit domain, whichever is longer; undefined: may be used. */
  readonly cooling: (id: string) => Cooling | undefined
  /**
   * clock.now() value before which no request may be sent to a rate-limit domain (Deployment.domain): the latest
   * Retry-After an upstream gave. Set even when nothing cools, as for a lone deployment. undefined: no wait.
   */
  readonly domainNotBefore: (domain: string) => number | undefined
  readonly inFlight: (id: string) => number
  /** Attempts running now under a model group's name as requested. */
  readonly groupInFlight: (group: string) => number
  /** This minute's tokens and requests (UTC minute, as LiteLLM's usage-based-routing-v2). */
  readonly usage: (id: string) => { readonly tokens: number; readonly requests: number }
  /** Seconds per completion token (stream: plus first-token seconds), newest last; empty when untested. */
  readonly latencies: (id: string) => {
    readonly perToken: readonly number[]
    readonly firstToken: readonly number[]
  }
  /** Affinity memory with time to live; bounded. */
  readonly recall: (key: string) => string | undefined
  readonly remember: (key: string, deploymentId: string, ttlMs: number) => void
  /** Every deployment id the board holds something about, for /health and the tests. */
  readonly snapshot: () => readonly {
    readonly id: string
    readonly inFlight: number
    readonly cooling: Cooling | undefined
  }[]
  /** Forgets ids that are gone after a reload. */
  readonly keep: (ids: ReadonlySet<string>) => void
}

/** The board of one process. The extra readings are for metrics and tests. */
export type MemoryBoard = Board & {
  /** Callers waiting for a parallel slot. */
  readonly waiting: (id: string) => number
  /** Settles beyond the first of a lease: each one is a fault of the gateway. */
  readonly extraSettles: () => number
}

export type BoardOptions = {
  readonly clock: Clock
  readonly dice: Dice
  readonly config: () => Config
}

/** Opens leases: counts an attempt in, and out again exactly once. */
const createLeases = (
  learnFrom: (state: State, deployment: Deployment, admission: number) => (end: AttemptEnd) => void,
) => {
  const groups = createGauge()
  let admissions = 0
  let extraSettles = 0

  const open = (deployment: Deployment, group: string, state: State): Lease => {
    admissions += 1
    const record = learnFrom(state, deployment, admissions)
    state.tally.request()
    groups.up(group)
    let settled = false
    const settle = (end: AttemptEnd) => {
      if (settled) {
        extraSettles += 1
        return
      }
      settled = true
      // What the attempt taught is known before a waiting one starts.
      record(end)
      groups.down(group)
      state.slots.leave()
    }
    return { settle }
  }

  return { open, groupInFlight: groups.value, admissions: () => admissions, extraSettles: () => extraSettles }
}

export const createBoard = ({ clock, config }: BoardOptions): MemoryBoard => {
  const states = new Map<string, State>()
  const domains = createDomains(clock)
  const affinity = createAffinityMemory(clock)
  const leases = createLeases((state, deployment, admission) => {
    const attempt = { state, deployment, admission }
    return end => learn({ clock, config, domains, admissions: leases.admissions }, attempt, end)
  })

  const stateOf = (deployment: Deployment): State => {
    const known = states.get(deployment.id)
    if (known !== undefined) return stateInForce(known, deployment, config())
    const state = createState(deployment, { clock, config })
    states.set(deployment.id, state)
    return state
  }

  const admit = (deployment: Deployment, group: string, signal: Signal): Promise<Lease> | Lease => {
    const state = stateOf(deployment)
    const slot = state.slots.enter(signal)
    if (slot === undefined) return leases.open(deployment, group, state)
    return slot.then(() => {
      if (!signal.aborted) return leases.open(deployment, group, state)
      // Granted and aborted in one breath: nobody will settle, so the slot goes back here.
      state.slots.leave()
      throw signal.reason ?? new Aborted()
    })
  }

  const cooling = (id: string): Cooling | undefined => {
    const domain = config().byId.get(id)?.domain ?? states.get(id)?.domain
    return domain === undefined ? undefined : coolingOf(states.get(id), domain, { clock, domains })
  }

  const keep = (ids: ReadonlySet<string>) => {
    for (const id of states.keys()) if (!ids.has(id)) states.delete(id)
    affinity.keep(ids)
  }

  return {
    admit,
    cooling,
    domainNotBefore: domains.notBefore,
    inFlight: id => states.get(id)?.slots.taken() ?? 0,
    groupInFlight: leases.groupInFlight,
    usage: id => states.get(id)?.tally.usage() ?? { tokens: 0, requests: 0 },
    latencies: id => states.get(id)?.tally.latencies() ?? { perToken: [], firstToken: [] },
    recall: affinity.recall,
    remember: affinity.remember,
    snapshot: () =>
      [...states].map(([id, state]) => ({ id, inFlight: state.slots.taken(), cooling: cooling(id) })),
    keep,
    waiting: id => states.get(id)?.slots.waiting() ?? 0,
    extraSettles: leases.extraSettles,
  }
}
