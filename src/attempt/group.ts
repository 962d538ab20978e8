import type { Call } from '../call.ts'
import type { Deployment, ExceptionPolicy } from '../config/config.ts'
import { policyEntry } from '../config/policy.ts'
import { type Failure, type FailureClass, VERDICTS } from '../failure.ts'
import type { House } from '../house.ts'
import type { Stop } from '../plan/plan.ts'
import { type Desk, orderLevels, orderOf, rememberServed, select } from '../plan/select.ts'
import type { Candidate, Choice, Wish } from '../plan/wish.ts'
import { priceOf } from '../record/price.ts'
import type { Step } from '../record/trail.ts'
import type { Lease } from '../shared/board.ts'
import type { Parcel } from './adapt.ts'
import { backoffMs } from './backoff.ts'
import { classify } from './classify.ts'
import { generalLimit } from './limits.ts'
import { tryOnce } from './once.ts'
import type { Failed, Outcome } from './outcome.ts'
import type { Resumption } from './resume.ts'
import type { Trail } from './settled.ts'

/** A longer Retry-After is not slept through: the next group is asked, or the client is told. */
const LONGEST_WAIT_MS = 60_000
/** With another group to ask, waiting for this one is capped. */
const WAIT_WITH_FALLBACK_MS = 5_000

export type Play = {
  readonly call: Call
  readonly parcel: Parcel
  readonly stop: Stop
  readonly wish: Wish
  readonly trail: Trail
  readonly house: House
  /** Another group will be asked when this one ends with this failure. */
  readonly hasFallback: (failure: FailureClass) => boolean
  /** The outcome of a first attempt that nobody makes: a rehearsal. */
  readonly pretended?: Failed | undefined
  /** The group is played on from an answer that broke; what it had spent of its attempts stays spent. */
  readonly resumption?: Resumption
}

/** What one order level remembers of its attempts. */
type Level = {
  readonly order: number | undefined
  readonly tried: Set<string>
  /** Tried ids that may be tried again. */
  readonly mayRepeat: Set<string>
  attempts: number
  retries: number | undefined
  last: Failed | undefined
}

/** LiteLLM's order fallback skips these: another deployment of the group would refuse as well. */
const NO_ORDER_FALLBACK = new Set(['context_window', 'content_policy', 'client_gone', 'gateway_bug'])

/**
 * Attempts inside one model group: at most 1 + num_retries for each order level, the lowest order first.
 * Another deployment is preferred to the same one; the same one is tried again only if its failure allows it.
 */
export const playGroup = async (play: Play): Promise<Outcome> => {
  // Pinned state goes to its owner whatever its order: there is one level then.
  const orders = play.wish.pin === undefined ? orderLevels(play.stop.candidates) : [undefined]
  let outcome: Outcome | undefined
  for (const order of orders) {
    const next = await playLevel(play, order, outcome)
    if (next.kind === 'answered') return next
    outcome = next
    if (NO_ORDER_FALLBACK.has(next.failure.class)) return next
  }
  return (
    outcome ??
    nothingLeft(play, {
      kind: 'nothing',
      reason: 'unknown',
      message: noneText(play),
      status: 400,
      retryAfterMs: undefined,
    })
  )
}

const noneText = (play: Play): string =>
  `You passed in model=${play.stop.named}. There are no healthy deployments for this model`

const playLevel = async (
  play: Play,
  order: number | undefined,
  before: Outcome | undefined,
): Promise<Outcome> => {
  const pretended = before === undefined ? play.pretended : undefined
  const spent = play.resumption === undefined ? NONE : spentAt(play, order)
  const last = pretended ?? (spent.length > 0 ? play.resumption?.failed : undefined)
  const level: Level = {
    order,
    tried: new Set(spent),
    mayRepeat: new Set(),
    attempts: pretended === undefined ? spent.length : 1,
    retries: undefined,
    last,
  }
  if (last !== undefined && !mayRetry(play, level, last.failure)) return last
  for (;;) {
    if (play.call.context.departed.aborted) return level.last ?? gone()
    const choice = choose(play, level)
    // The provider's own error says more than "nothing left to try".
    if (choice.kind === 'nothing') return level.last ?? before ?? nothingLeft(play, choice)
    const waiting = waitFor(play, level, choice.candidate)
    const waited = waiting instanceof Promise ? await waiting : waiting
    if (waited === undefined) return level.last ?? gone()
    tellWhy(play.trail, { last: level.last, before, waited })
    const outcome = await attemptOn(play, level, choice, waited)
    if (outcome.kind === 'answered') return outcome
    level.last = outcome
    if (!mayRetry(play, level, outcome.failure)) return outcome
  }
}

const NONE: readonly string[] = []

/** The deployments of this level that the request has asked already, one entry for each attempt. */
const spentAt = ({ trail, stop, wish }: Play, order: number | undefined): readonly string[] => {
  const inLevel = (id: string): boolean =>
    order === undefined || wish.candidates.some(one => one.deployment.id === id && orderOf(one) === order)
  return trail.steps
    .filter(step => step.group === stop.group && inLevel(step.deployment))
    .map(step => step.deployment)
}

/** A retry is counted when it is made: a wait that was not worth it is none. */
const tellWhy = (
  trail: Trail,
  from: { readonly last: Failed | undefined; readonly before: Outcome | undefined; readonly waited: number },
): void => {
  const { last, before, waited } = from
  if (last !== undefined) {
    trail.retries += 1
    note(trail, `retry: ${last.failure.class}${waited > 0 ? `, ${Math.round(waited)} ms` : ''}`)
  } else if (before?.kind === 'failed') note(trail, `next order: ${before.failure.class}`)
}

const choose = (play: Play, level: Level): Choice =>
  select(play.wish, level.tried, deskOf(play), { atOrder: level.order, mayRepeat: level.mayRepeat })

const deskOf = (play: Play): Desk => ({
  config: play.call.config,
  board: play.house.board,
  clock: play.house.clock,
  dice: play.house.dice,
  priceOf: perToken,
})

/** cost-based-routing: input and output price added. */
const perToken = (deployment: Deployment): number | undefined => {
  const price = priceOf(deployment)
  return price?.input === undefined || price.output === undefined
    ? undefined
    : price.input.usd + price.output.usd
}

const gone = (): Outcome => ({
  kind: 'failed',
  failure: classify({ kind: 'client_gone' }),
  upstreamStatus: undefined,
})

const nothingLeft = (play: Play, choice: Extract<Choice, { kind: 'nothing' }>): Outcome => ({
  kind: 'failed',
  failure: classify({ kind: 'nothing', choice, group: play.stop.named }),
  upstreamStatus: undefined,
})

/**
 * How long before this candidate may be asked; sleeps that long. 0 for a deployment that was not tried yet and whose
 * rate-limit domain is free. Undefined: not worth waiting for, or the client left meanwhile.
 */
const waitFor = (
  play: Play,
  level: Level,
  candidate: Candidate,
): Promise<number | undefined> | number | undefined => {
  // The first attempt at a lone, limited deployment is not held back by us: its provider may have recovered.
  if (level.attempts === 0) return 0
  const { house, call } = play
  const now = house.clock.now()
  // Retry-After is a lower bound for the whole domain, whoever was told.
  const notBefore = house.board.domainNotBefore(candidate.deployment.domain) ?? now
  const fresh = !level.tried.has(candidate.deployment.id)
  const floor = call.config.router.retryAfterMs
  const pause = fresh ? 0 : backoffMs(level.attempts - 1, house.dice, floor)
  const wait = Math.max(pause, notBefore - now)
  if (wait <= 0) return 0
  const elsewhere = level.last !== undefined && play.hasFallback(level.last.failure.class)
  const longest = elsewhere ? Math.max(WAIT_WITH_FALLBACK_MS, floor) : LONGEST_WAIT_MS
  if (wait > longest) return undefined
  return sleep(wait, play).then(stayed => (stayed ? wait : undefined))
}

const sleep = (ms: number, { house, call }: Play): Promise<boolean> =>
  new Promise(resolve => {
    const { departed } = call.context
    const leave = (): void => {
      cancel()
      resolve(false)
    }
    const cancel = house.clock.after(ms, () => {
      departed.removeEventListener('abort', leave)
      resolve(true)
    })
    departed.addEventListener('abort', leave, { once: true })
  })

const attemptOn = async (
  play: Play,
  level: Level,
  choice: Extract<Choice, { kind: 'picked' }>,
  waitedMs: number,
): Promise<Outcome> => {
  const { house, call, stop } = play
  const { deployment, model } = choice.candidate
  let lease: Lease
  try {
    const admitted = house.board.admit(deployment, stop.group, call.context.departed)
    lease = admitted instanceof Promise ? await admitted : admitted
  } catch {
    return gone()
  }
  const startedAt = house.clock.now()
  level.attempts += 1
  level.tried.add(deployment.id)
  level.retries ??= call.controls.numRetries ?? deployment.numRetries ?? call.config.router.numRetries
  play.trail.maxRetries = level.retries
  play.trail.timeoutMs = generalLimit(call, deployment)
  const job = {
    call,
    parcel: play.parcel,
    hop: { deployment, model, overrides: stop.overrides.body },
    group: stop.named,
    lease,
    house,
    hasFallback: play.hasFallback,
    resumption: play.resumption,
  }
  const tried = await tryOnce(job)
  const { outcome } = tried
  if (outcome.kind === 'answered') rememberServed(play.wish, deployment.id, deskOf(play))
  const failure = outcome.kind === 'failed' ? outcome.failure : undefined
  const step: Step = {
    group: stop.group,
    deployment: deployment.id,
    model: deployment.litellmModel,
    because: choice.because,
    edits: tried.edits,
    lost: tried.lost,
    outcome: failure === undefined ? 'answered' : failure.class,
    status: outcome.kind === 'answered' ? outcome.status : outcome.upstreamStatus,
    ...(failure === undefined ? {} : { message: failure.message }),
    startedMs: startedAt - call.context.arrivedAt,
    ms: house.clock.now() - startedAt,
    waitedMs,
    next: failure === undefined ? 'end' : '',
    ...(failure?.possiblyBilled === true ? { possiblyBilled: true as const } : {}),
    ...(tried.resumed === undefined ? {} : { resumed: tried.resumed }),
  }
  play.trail.steps.push(step)
  return outcome
}

/** An attempt that took this long is not made again where it failed while another group stands by. */
const LONG_ATTEMPT_MS = 10_000

/** Asking the same deployment again would cost what the first attempt did, and somebody else can be asked. */
const isCostly = (play: Play, last: Step, failure: Failure): boolean =>
  (play.resumption !== undefined || last.ms >= LONG_ATTEMPT_MS) && play.hasFallback(failure.class)

const policyOf = (play: Play): ExceptionPolicy | undefined => {
  const { router } = play.call.config
  const { named, group } = play.stop
  const own = router.modelGroupRetryPolicy
  return own.get(named) ?? own.get(group) ?? router.retryPolicy
}

/** behaviour map 2.6: a policy number replaces both the count and the rule of the class. */
const mayRetry = (play: Play, level: Level, failure: Failure): boolean => {
  const last = play.trail.steps.at(-1)
  if (failure.class === 'client_gone' || failure.class === 'gateway_bug') return false
  const policy = policyOf(play)
  const byPolicy = policyEntry(policy, failure.exception) ?? policy?.Default
  const allowed =
    byPolicy ?? level.retries ?? play.call.controls.numRetries ?? play.call.config.router.numRetries
  play.trail.maxRetries = allowed
  const rule = byPolicy === undefined ? VERDICTS[failure.class].retry : 'any'
  if (rule === 'never' || level.attempts > allowed) return false
  if (rule === 'any' && last !== undefined && !isCostly(play, last, failure))
    level.mayRepeat.add(last.deployment)
  return choose(play, level).kind === 'picked'
}

/** Why the next step followed, written on the step before it. */
export const note = (trail: Trail, next: string): void => {
  const last = trail.steps.pop()
  if (last !== undefined) trail.steps.push({ ...last, next })
}
