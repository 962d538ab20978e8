import type { Config, Deployment } from '../config/config.ts'
import type { Clock, Dice } from '../house.ts'
import { createAffinityMemory } from './affinity.ts'
import { type Budget, createBudget } from './budget.ts'
import { type Delays, delaysOf } from './delays.ts'
import { createGauge } from './gauge.ts'
import { createState, type State, stateInForce } from './health.ts'
import type { Lease, Leases } from './leases.ts'
import { createLessons, type Lessons } from './lessons.ts'
import { createOrigins, type Origins } from './origins.ts'
import type { Patience } from './patience.ts'
import type { HealthExchange } from './ports.ts'
import { createQueue, type Queue } from './queue.ts'
import { type Cooling, createReplica } from './replica.ts'
import { Aborted, type Visitor } from './slots.ts'

export type { AttemptEnd, Lease } from './leases.ts'
export type { Cooling } from './replica.ts'

/** What is under way now, over everything: all zero when nothing is. */
export type Gauges = {
  readonly inFlight: number
  /** Callers waiting for a parallel slot, or for a resting group. */
  readonly waiting: number
  /** Retries and first attempts of fallback groups, from the decision to their outcome. */
  readonly extraAttempts: number
  /** Requests between two attempts. */
  readonly sleeping: number
  readonly probes: number
}

/**
 * The live state of deployments, by deployment id: it survives a reload for every id that stays.
 * Behind an interface because several instances will share it: reading never waits, what is learned is published.
 */
export type Board = {
  /**
   * Waits for a parallel slot (max_parallel_requests) and counts the attempt in. Rejects when `visitor` aborts.
   * `group` is the model group as requested, for the per-group counters. `domain` is what the request counts against
   * at its provider when that is not the deployment's own domain.
   */
  readonly admit: (
    deployment: Deployment,
    group: string,
    visitor: Visitor,
    domain?: string,
  ) => Promise<Lease> | Lease
  /** A parallel slot of the deployment is free, and nobody stands in line for it. */
  readonly hasRoom: (id: string) => boolean
  /** Requests that stand in line for parallel slots, by group: one is one, for however many deployments it waits. */
  readonly inLine: Pick<ReturnType<typeof createGauge>, 'value' | 'up' | 'down'>
  /** True when nothing rests and no domain has to be waited for: nobody need look closer. */
  readonly calm: () => boolean
  /** The rest of the deployment or of its rate-limit domain, whichever is longer; undefined: may be used. */
  readonly cooling: (id: string, domain?: string) => Cooling | undefined
  /**
   * clock.now() value before which no request may be sent to a rate-limit domain (Deployment.domain): the latest
   * Retry-After an upstream gave. Set even when nothing cools, as for a lone deployment. undefined: no wait.
   */
  readonly domainNotBefore: (domain: string) => number | undefined
  /** Retries and sleeps by model group. */
  readonly budget: Budget
  /** Requests that wait for a resting group. */
  readonly queue: Queue
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
  /**
   * Seconds until the first token of a stream, or until the end of a whole answer, averaged with a decay of 10 s; that
   * of an idle deployment fades to nothing. undefined: untested.
   */
  readonly pace: (id: string, stream: boolean) => number | undefined
  /** How long the deployment is waited for until it speaks. */
  readonly patience: (deployment: Deployment) => Patience
  /** How long it takes to speak: streams to their first content, whole answers to their end. */
  readonly delays: (deployment: Deployment, stream: boolean) => Delays
  /** True while a deployment begins slowly (slow_start_seconds): nobody need ask for shares otherwise. */
  readonly warming: () => boolean
  /** How much of its weight the deployment has now, 0.1 to 1. */
  readonly warmth: (id: string) => number
  /** What deployments have refused by name. */
  readonly lessons: Pick<Lessons, 'of' | 'learn'>
  /** Who made which ciphertext. */
  readonly origins: Origins
  /** Affinity memory with time to live; bounded. */
  readonly recall: (key: string) => string | undefined
  readonly remember: (key: string, deploymentId: string, ttlMs: number) => void
  /** Every deployment id the board holds something about, for /health and the tests. */
  readonly snapshot: () => readonly {
    readonly id: string
    readonly inFlight: number
    readonly cooling: Cooling | undefined
  }[]
  readonly gauges: () => Gauges
  /** The credential of this deployment could not be had, and now it can: a rest because of it is over, in this process. */
  readonly mended: (deployment: Deployment) => void
  /** Forgets ids that are gone after a reload. */
  readonly keep: (ids: ReadonlySet<string>) => void
}

/** The board of one process. The extra readings are for metrics and tests. */
export type MemoryBoard = Board & {
  /** Callers waiting for a parallel slot. */
  readonly waiting: (id: string) => number
  /** Settles beyond the first of a lease: each one is a fault of the gateway. */
  readonly extraSettles: () => number
  /** Hears the other boards no more. */
  readonly leave: () => void
}

export type BoardOptions = {
  readonly clock: Clock
  readonly dice: Dice
  readonly config: () => Config
  /** How other boards are told and heard. Default: there are none. */
  readonly exchange?: HealthExchange
  /** Default: this board's own, which begins with nothing. */
  readonly origins?: Origins
}

/** The way in: a state for each deployment, a slot, a lease. */
const createAdmission = ({ clock, config }: BoardOptions, leases: Leases) => {
  const states = new Map<string, State>()

  const stateOf = (deployment: Deployment): State => {
    const known = states.get(deployment.id)
    if (known !== undefined) return stateInForce(known, deployment, config())
    const state = createState(deployment, { clock, config })
    states.set(deployment.id, state)
    return state
  }

  const admit: Board['admit'] = (deployment, group, visitor, domain = deployment.domain) => {
    const state = stateOf(deployment)
    const slot = state.slots.enter(visitor)
    if (slot === undefined) return leases.open(deployment, group, state, domain)
    return slot.then(() => {
      if (!visitor.aborted) return leases.open(deployment, group, state, domain)
      // Granted and aborted in one breath: nobody will settle, so the slot goes back here.
      state.slots.leave()
      throw visitor.reason ?? new Aborted()
    })
  }

  return { states, stateOf, admit }
}

const snapshotOf = (
  states: ReadonlyMap<string, State>,
  { byId }: Config,
  cooling: Board['cooling'],
): ReturnType<Board['snapshot']> =>
  [...new Set([...states.keys(), ...byId.keys()])]
    .map(id => ({ id, inFlight: states.get(id)?.slots.taken() ?? 0, cooling: cooling(id) }))
    .filter(one => states.has(one.id) || one.cooling !== undefined)

export const createBoard = (options: BoardOptions): MemoryBoard => {
  const { clock, config } = options
  const affinity = createAffinityMemory(clock)
  const lessons = createLessons(clock)
  const health = createReplica(options)
  const { leases, domains } = health
  const { states, stateOf, admit } = createAdmission(options, leases)
  const waits = { queue: createQueue(clock), inLine: createGauge() }
  const budget = createBudget({
    settings: () => config().router.failover.retryBudget,
    inFlight: leases.groupInFlight,
  })

  const cooling = (id: string, domain?: string): Cooling | undefined => {
    const own = config().byId.get(id)?.domain ?? states.get(id)?.domain
    return own === undefined ? undefined : health.cooling(id, domain ?? own, own)
  }

  const keep = (ids: ReadonlySet<string>) => {
    for (const [id, state] of states) {
      if (ids.has(id)) continue
      state.gone = true
      states.delete(id)
    }
    health.rests.keep(ids)
    health.warmth.reload()
    affinity.keep(ids)
    lessons.keep(ids)
  }

  return {
    admit,
    hasRoom: id => states.get(id)?.slots.free() ?? true,
    calm: health.calm,
    cooling,
    domainNotBefore: domains.notBefore,
    budget,
    ...waits,
    inFlight: id => states.get(id)?.slots.taken() ?? 0,
    groupInFlight: leases.groupInFlight,
    usage: id => states.get(id)?.tally.usage() ?? { tokens: 0, requests: 0 },
    latencies: id => states.get(id)?.tally.latencies() ?? { perToken: [], firstToken: [] },
    pace: (id, stream) => {
      const state = states.get(id)
      return state?.tally.pace(stream).seconds(state.slots.taken() === 0)
    },
    patience: deployment => stateOf(deployment).patience,
    delays: (deployment, stream) => delaysOf(stateOf(deployment).delays, stream),
    warming: () => health.warmth.size() > 0,
    warmth: health.warmth.share,
    lessons,
    origins: options.origins ?? createOrigins(clock, { config }),
    recall: affinity.recall,
    remember: affinity.remember,
    snapshot: () => snapshotOf(states, config(), cooling),
    gauges: () => ({
      inFlight: leases.inFlight(),
      waiting: waits.inLine.total() + waits.queue.waiting(),
      extraAttempts: budget.extras(),
      sleeping: budget.sleeping(),
      probes: health.probes(),
    }),
    mended: leases.mended,
    keep,
    waiting: id => states.get(id)?.slots.waiting() ?? 0,
    extraSettles: leases.extraSettles,
    leave: health.leave,
  }
}
