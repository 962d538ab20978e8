import type { Config, Deployment } from '../config/config.ts'
import { type Failure, type FailureClass, VERDICTS } from '../failure.ts'
import type { Clock, Dice } from '../house.ts'
import { askedWaitMs, coolingAfter, countingRule } from './cooldown.ts'
import type { DelaysByKind } from './delays.ts'
import type { Domains } from './domains.ts'
import { ALONE } from './exchange.ts'
import type { AttemptEnd } from './leases.ts'
import { createPatience, type Patience } from './patience.ts'
import type { HealthExchange, Rest } from './ports.ts'
import { type RestDecision, restAfter, usesLitellmRules } from './rest-rules.ts'
import type { Mark, Rests } from './rests.ts'
import { createSlots, parallelLimit, type Slots } from './slots.ts'
import { createTally, latencyRules, secondsPerToken, type Tally, TIMEOUT_PENALTY_SECONDS } from './tally.ts'
import type { Warmth } from './warmth.ts'

/** Everything known of one deployment but its rest. A lease keeps its own, so a settle after a reload finds what it opened. */
export type State = {
  readonly slots: Slots
  readonly tally: Tally
  patience: Patience
  /** Kept of deployments in groups that hedge, once they are asked for. */
  delays: DelaysByKind
  /** Failures that allowed_fails counts, by counter key. */
  readonly fails: Map<string, { readonly count: number; readonly until: number }>
  /** What the id stood for when this was learned; another domain under the same id starts afresh. */
  domain: string
  /** What the endpoints are for that it has answered: one entry for each kind. */
  served: (readonly string[])[]
  /** Failures that count against the deployment since its last success. */
  streak: number
  /** A reload has taken the deployment away: what its last attempts bring is nobody's any more. */
  gone: boolean
}

/** One admitted attempt. */
export type Attempt = Mark & {
  readonly deployment: Deployment
  readonly state: State
  /** What the request is about at its provider: the deployment's domain, or one of its own. */
  readonly domain: string
  readonly admission: number
  /** It went to see whether a rest was over for good. */
  readonly probe: boolean
}

export type Surroundings = {
  readonly clock: Clock
  readonly dice: Dice
  readonly config: () => Config
  readonly domains: Domains
  /** Rests of deployments by id, and of whole domains. */
  readonly rests: Rests
  readonly domainRests: Rests
  readonly warmth: Warmth
  readonly exchange: HealthExchange
  /** Attempts admitted so far, over all deployments. */
  readonly admissions: () => number
}

const TIMEOUTS: ReadonlySet<FailureClass> = new Set([
  'timeout_connect',
  'timeout_headers',
  'timeout_first_token',
  'timeout_idle',
  'timeout_attempt',
])

export const createState = (
  deployment: Deployment,
  { clock, config }: Pick<Surroundings, 'clock' | 'config'>,
): State => {
  const inForce = () => config().byId.get(deployment.id) ?? deployment
  return {
    slots: createSlots(() => parallelLimit(inForce(), config().router)),
    tally: createTally(clock, () => latencyRules(config().router.strategyArgs)),
    patience: createPatience(),
    delays: {},
    fails: new Map(),
    domain: inForce().domain,
    served: [],
    streak: 0,
    gone: false,
  }
}

/** The same id for another address, credential or model: what was learned was about something else. */
export const stateInForce = (state: State, deployment: Deployment, config: Config): State => {
  const { domain } = config.byId.get(deployment.id) ?? deployment
  if (state.domain === domain) return state
  state.domain = domain
  state.served = []
  state.streak = 0
  state.fails.clear()
  state.tally.forgetOutcomes()
  state.patience = createPatience()
  state.delays = {}
  return state
}

const groupSize = (deployment: Deployment, config: Config): number => {
  const members = config.groups.get(deployment.group) ?? []
  return Math.max(1, members.filter(member => !member.info.blocked).length)
}

/** The routes are few, and each has its list once. */
export const noteServed = ({ deployment, state }: Attempt, modes: readonly string[]): void => {
  if (state.domain === deployment.domain && !state.served.includes(modes)) state.served.push(modes)
}

/**
 * A model that is not there for vectors is told in the same words as one that is gone. Where it has been seen to serve
 * endpoints of another kind, that says nothing of those: one call to the wrong one must not bench it for all.
 */
const isElsewhereGone = (
  { deployment, state }: Attempt,
  failure: Failure,
  modes: readonly string[],
): boolean =>
  failure.class === 'model_gone' &&
  modes.length > 0 &&
  deployment.info.mode === undefined &&
  state.served.length > 0 &&
  !state.served.some(kind => kind.some(mode => modes.includes(mode)))

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

type Decided = RestDecision & { readonly firm: boolean }

const byLitellm = (around: Surroundings, attempt: Attempt, failure: Failure): Decided | undefined => {
  const { deployment, state } = attempt
  const { router } = around.config()
  const facts = {
    deployment,
    router,
    groupSize: groupSize(deployment, around.config()),
    ...state.tally.outcomes(),
  }
  const rule = countingRule(failure, facts)
  const now = around.clock.now()
  const earlierFails = rule === undefined ? 0 : countFail(state, rule.key, { now, ttlMs: rule.ttlMs })
  const decision = coolingAfter(failure, { ...facts, earlierFails })
  const kind = VERDICTS[failure.class].cooldown
  if (decision === undefined || kind === 'none') return undefined
  return { ...decision, kind, level: around.rests.level(deployment.id, deployment.domain), firm: true }
}

const byOwnRules = (around: Surroundings, attempt: Attempt, failure: Failure): Decided | undefined => {
  const { deployment, state, probe } = attempt
  const config = around.config()
  const facts = {
    deployment,
    settings: config.router.failover,
    groupSize: groupSize(deployment, config),
    streak: state.streak,
    ...state.tally.outcomes(),
    level: around.rests.level(deployment.id, deployment.domain),
    probe,
  }
  const decision = restAfter(failure, facts, around.dice)
  return decision && { ...decision, firm: decision.kind !== 'soft' }
}

const beginRest = (around: Surroundings, attempt: Attempt, rest: Rest, scope: RestDecision['scope']) => {
  const { deployment, state } = attempt
  const { clock, rests, domainRests, exchange } = around
  const wall = clock.wall()
  const mark = { admission: around.admissions(), wall }
  const domain = scope === 'domain' ? attempt.domain : deployment.domain
  const begun =
    scope === 'domain'
      ? domainRests.begin(domain, domain, rest, mark)
      : rests.begin(deployment.id, domain, rest, mark)
  if (!begun) return
  if (rest.kind === 'soft') {
    // What led to this rest does not lead to the next one as well.
    state.streak = 0
    state.tally.endWindow()
  }
  exchange.publish({
    kind: 'rest',
    deployment: scope === 'domain' ? undefined : deployment.id,
    domain,
    rest: { ...rest, until: wall + rest.until - clock.now() },
    began: wall,
  })
}

const learnFailure = (
  around: Surroundings,
  attempt: Attempt,
  { failure, totalMs, here, modes = [] }: Extract<AttemptEnd, { kind: 'failure' }>,
) => {
  const verdict = VERDICTS[failure.class]
  // Nobody's fault or the caller's: health, counters and latencies stay as they were.
  if (verdict.cooldown === 'none') return
  const { deployment, state, domain } = attempt
  const { clock, config } = around
  const asked = askedWaitMs(failure)
  if (asked !== undefined && around.domains.wait(domain, clock.now() + asked))
    around.exchange.publish({ kind: 'bound', domain, until: clock.wall() + asked })
  if (state.gone || state.domain !== deployment.domain) return
  if (TIMEOUTS.has(failure.class)) {
    state.tally.latency(TIMEOUT_PENALTY_SECONDS, undefined)
    // It would have taken at least as long, whatever it was asked for.
    for (const stream of [false, true]) state.tally.pace(stream).note(totalMs / 1000)
  }
  const litellm = usesLitellmRules(deployment, config().router)
  if (!litellm && isElsewhereGone(attempt, failure, modes)) return
  if (verdict.breaker === 'failure') state.streak += 1
  // LiteLLM counts a rate limit among the failures of the minute; by itself it says that the deployment works.
  if (litellm || verdict.breaker === 'failure') state.tally.outcome('failure')
  const decided = litellm ? byLitellm(around, attempt, failure) : byOwnRules(around, attempt, failure)
  if (decided === undefined) return
  const { ms, scope, ...kept } = decided
  const rest = { ...kept, until: clock.now() + ms, status: failure.status, because: failure.class }
  beginRest(here === true ? { ...around, exchange: ALONE } : around, attempt, rest, scope)
}

/** An attempt that began after a failure has been answered: what rested may be asked again, by everybody. */
export const recover = ({ rests, domainRests, warmth, exchange }: Surroundings, attempt: Attempt): void => {
  if (rests.size === 0 && domainRests.size === 0) return
  const { deployment, domain, state } = attempt
  const began = attempt.wall
  if (domainRests.recover(domain, attempt)) {
    warmth.beginDomain(domain)
    exchange.publish({ kind: 'recovery', deployment: undefined, domain, began, level: 0 })
  }
  if (state.domain !== deployment.domain || !rests.recover(deployment.id, attempt)) return
  warmth.begin(deployment.id)
  const level = rests.level(deployment.id, deployment.domain)
  exchange.publish({ kind: 'recovery', deployment: deployment.id, domain: deployment.domain, began, level })
}

const learnSuccess = (
  around: Surroundings,
  attempt: Attempt,
  end: Extract<AttemptEnd, { kind: 'success' }>,
) => {
  const { deployment, state } = attempt
  state.tally.tokens((end.usage?.inputTokens ?? 0) + (end.usage?.outputTokens ?? 0))
  if (state.domain !== deployment.domain) return
  state.tally.outcome('success')
  state.tally.latency(
    secondsPerToken(end),
    end.firstTokenMs === undefined ? undefined : end.firstTokenMs / 1000,
  )
  state.tally.pace(end.firstTokenMs !== undefined).note((end.firstTokenMs ?? end.totalMs) / 1000)
  state.streak = 0
  recover(around, attempt)
  around.rests.relax(deployment.id)
}

/** What the end of an attempt changes: use, latency, outcomes, rests. A neutral end changes nothing. */
export const learn = (around: Surroundings, attempt: Attempt, end: AttemptEnd): void => {
  if (end.kind === 'success') learnSuccess(around, attempt, end)
  if (end.kind === 'failure') learnFailure(around, attempt, end)
}
