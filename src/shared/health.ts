import type { Config, Deployment } from '../config/config.ts'
import { type Failure, type FailureClass, VERDICTS } from '../failure.ts'
import type { Clock } from '../house.ts'
import type { AttemptEnd, Cooling } from './board.ts'
import { askedWaitMs, coolingAfter, countingRule } from './cooldown.ts'
import type { Domains } from './domains.ts'
import { createSlots, parallelLimit, type Slots } from './slots.ts'
import { createTally, latencyRules, secondsPerToken, type Tally, TIMEOUT_PENALTY_SECONDS } from './tally.ts'

/** Everything known of one deployment. A lease keeps its own, so a settle after a reload finds what it opened. */
export type State = {
  readonly slots: Slots
  readonly tally: Tally
  /** Failures that allowed_fails counts, by counter key. */
  readonly fails: Map<string, { readonly count: number; readonly until: number }>
  /** What the id stood for when this was learned; another domain under the same id starts afresh. */
  domain: string
  cooling: Cooling | undefined
  /** The admission count when the rest began: a later admission saw the deployment after it had failed. */
  coolingSince: number
}

/** One admitted attempt. */
export type Attempt = { readonly deployment: Deployment; readonly state: State; readonly admission: number }

type Surroundings = {
  readonly clock: Clock
  readonly config: () => Config
  readonly domains: Domains
  /** Attempts admitted so far, over all deployments. */
  readonly admissions: () => number
}

const TIMEOUTS: ReadonlySet<FailureClass> = new Set([
  'timeout_connect',
  'timeout_headers',
  'timeout_first_token',
  'timeout_idle',
  'timeout_total',
])

export const createState = (
  deployment: Deployment,
  { clock, config }: Pick<Surroundings, 'clock' | 'config'>,
): State => {
  const inForce = () => config().byId.get(deployment.id) ?? deployment
  return {
    slots: createSlots(() => parallelLimit(inForce(), config().router)),
    tally: createTally(clock, () => latencyRules(config().router.strategyArgs)),
    fails: new Map(),
    domain: inForce().domain,
    cooling: undefined,
    coolingSince: 0,
  }
}

/** The same id for another address, credential or model: what was learned was about something else. */
export const stateInForce = (state: State, deployment: Deployment, config: Config): State => {
  const { domain } = config.byId.get(deployment.id) ?? deployment
  if (state.domain === domain) return state
  state.domain = domain
  state.cooling = undefined
  state.fails.clear()
  state.tally.forgetOutcomes()
  return state
}

/** The deployment's own rest or its domain's, whichever ends later. */
export const coolingOf = (
  state: State | undefined,
  domain: string,
  { clock, domains }: Pick<Surroundings, 'clock' | 'domains'>,
): Cooling | undefined => {
  const shared = domains.cooling(domain)
  const own = state?.domain === domain ? state.cooling : undefined
  if (own === undefined || own.until <= clock.now()) return shared
  return shared !== undefined && shared.until > own.until ? shared : own
}

const groupSize = (deployment: Deployment, config: Config): number => {
  const members = config.groups.get(deployment.group) ?? []
  return Math.max(1, members.filter(member => !member.info.blocked).length)
}

/** Counts one failure and returns how many were remembered before it. */
const countFail = (
  state: State,
  key: string,
  window: { readonly now: number; readonly ttlMs: number },
): number => {
  const known = state.fails.get(key)
  const earlier = known !== undefined && known.until > window.now ? known.count : 0
  // Every failure starts the counter's time to live again.
  state.fails.set(key, { count: earlier + 1, until: window.now + window.ttlMs })
  return earlier
}

const rest = ({ clock, config, domains, admissions }: Surroundings, attempt: Attempt, failure: Failure) => {
  const { deployment, state } = attempt
  const now = clock.now()
  const { router } = config()
  const facts = { deployment, router, groupSize: groupSize(deployment, config()), ...state.tally.outcomes() }
  const rule = countingRule(failure, facts)
  const earlierFails = rule === undefined ? 0 : countFail(state, rule.key, { now, ttlMs: rule.ttlMs })
  const decision = coolingAfter(failure, { ...facts, earlierFails })
  if (decision === undefined) return
  const entry = { until: now + decision.ms, status: failure.status, because: failure.class }
  if (decision.scope === 'domain') domains.cool(deployment.domain, entry)
  // A deadline never moves earlier: a short rest does not end a long one.
  else if (state.cooling === undefined || state.cooling.until < entry.until) {
    state.cooling = entry
    state.coolingSince = admissions()
  }
}

const learnFailure = (around: Surroundings, attempt: Attempt, failure: Failure) => {
  // Nobody's fault or the caller's: health, counters and latencies stay as they were.
  if (VERDICTS[failure.class].cooldown === 'none') return
  const { deployment, state } = attempt
  const asked = askedWaitMs(failure)
  if (asked !== undefined && asked > 0) around.domains.wait(deployment.domain, around.clock.now() + asked)
  if (state.domain !== deployment.domain) return
  if (TIMEOUTS.has(failure.class)) state.tally.latency(TIMEOUT_PENALTY_SECONDS, undefined)
  state.tally.outcome('failure')
  rest(around, attempt, failure)
}

const learnSuccess = (attempt: Attempt, end: Extract<AttemptEnd, { kind: 'success' }>) => {
  const { deployment, state, admission } = attempt
  state.tally.tokens((end.usage?.inputTokens ?? 0) + (end.usage?.outputTokens ?? 0))
  if (state.domain !== deployment.domain) return
  state.tally.outcome('success')
  state.tally.latency(
    secondsPerToken(end),
    end.firstTokenMs === undefined ? undefined : end.firstTokenMs / 1000,
  )
  // Only an attempt that began after the failure proves that the deployment is back.
  if (state.cooling !== undefined && admission > state.coolingSince) state.cooling = undefined
}

/** What the end of an attempt changes: use, latency, outcomes, cooldowns. A neutral end changes nothing. */
export const learn = (around: Surroundings, attempt: Attempt, end: AttemptEnd): void => {
  if (end.kind === 'success') learnSuccess(attempt, end)
  if (end.kind === 'failure') learnFailure(around, attempt, end.failure)
}
