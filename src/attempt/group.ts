import type { ExceptionPolicy } from '../config/config.ts'
import { policyEntry } from '../config/policy.ts'
import { type Failure, VERDICTS } from '../failure.ts'
import { domainOf, orderLevels, orderOf, rememberServed } from '../plan/select.ts'
import type { Candidate } from '../plan/wish.ts'
import type { Step } from '../record/trail.ts'
import type { Lease } from '../shared/board.ts'
import {
  approach,
  deskOf,
  type Go,
  gone,
  isElsewhere,
  isStillSound,
  type Level,
  nothingLeft,
  type Picked,
  type Play,
} from './level.ts'
import { generalLimit } from './limits.ts'
import { type Job, type Tried, tryOnce } from './once.ts'
import type { Failed, Outcome } from './outcome.ts'
import type { Trail } from './settled.ts'

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
  for (const [place, order] of orders.entries()) {
    const next = await playLevel(
      play,
      openLevel(play, order, { more: place + 1 < orders.length, before: outcome }),
    )
    if (next.kind === 'answered') return next
    outcome = next
    if (NO_ORDER_FALLBACK.has(next.failure.class) || play.allowance.spent) return next
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

const openLevel = (
  play: Play,
  order: number | undefined,
  { more, before }: Pick<Level, 'more' | 'before'>,
): Level => {
  const pretended = before === undefined ? play.pretended : undefined
  const spent = play.resumption === undefined ? NONE : spentAt(play, order)
  return {
    order,
    more,
    before,
    tried: new Set(spent),
    mayRepeat: new Set(),
    attempts: pretended === undefined ? spent.length : 1,
    // Who was asked first says how often, after a break too.
    retries: spent[0] === undefined ? undefined : retriesFor(play, spent[0]),
    last: pretended ?? (spent.length > 0 ? play.resumption?.failed : undefined),
    pauseUntil: undefined,
    waitedMs: 0,
    queuedMs: 0,
    extra: undefined,
    freshOnly: false,
  }
}

/** num_retries in force for a level whose first attempt was at this deployment. */
const retriesFor = ({ call, wish }: Play, id: string): number => {
  const first = wish.candidates.find(one => one.deployment.id === id)?.deployment
  return call.controls.numRetries ?? first?.numRetries ?? call.config.router.numRetries
}

const playLevel = async (play: Play, level: Level): Promise<Outcome> => {
  const { last, before } = level
  if (last !== undefined && !mayRetry(play, level, last.failure)) return last
  // A hop is the failover itself: it counts among the extra attempts, and is not refused.
  if (last === undefined && (play.hop || before !== undefined))
    level.extra = play.house.board.budget.count(play.stop.group)
  try {
    for (;;) {
      const turn = approach(play, level)
      const next = turn instanceof Promise ? await turn : turn
      if (next.kind === 'end') return next.outcome
      const outcome = await attemptOn(play, level, next)
      if (outcome === undefined) continue
      if (outcome.kind === 'answered') return outcome
      level.last = outcome
      level.extra?.release()
      level.extra = undefined
      if (!mayRetry(play, level, outcome.failure)) return outcome
    }
  } finally {
    level.extra?.release()
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

/**
 * A retry is counted when it is made: a wait that was not worth it is none. A level where nobody was asked has no step:
 * the last one is then another group's, and keeps the reason why that group was left.
 */
const tellWhy = ({ trail, stop }: Play, { last, before, waitedMs }: Level): void => {
  if (last !== undefined) {
    trail.retries += 1
    note(trail, `retry: ${last.failure.class}${waitedMs > 0 ? `, ${Math.round(waitedMs)} ms` : ''}`)
  } else if (before?.kind === 'failed' && trail.steps.at(-1)?.group === stop.group)
    note(trail, `next order: ${before.failure.class}`)
}

/** A slot at the deployment, or why there is none: the client left, or the time was over. */
const admit = (play: Play, candidate: Candidate): Lease | Promise<Lease | Failed> => {
  const { house, call, stop, allowance, wish } = play
  const domain = domainOf(candidate, wish)
  const admitted = house.board.admit(candidate.deployment, stop.group, allowance, domain)
  if (!(admitted instanceof Promise)) return admitted
  return admitted.catch(() => (call.context.departed.aborted ? gone() : allowance.ranOut()))
}

const jobOf = (play: Play, { deployment, model }: Candidate, lease: Lease): Job => ({
  call: play.call,
  parcel: play.parcel,
  hop: { deployment, model, overrides: play.stop.overrides.body },
  group: play.stop.named,
  lease,
  house: play.house,
  allowance: play.allowance,
  hasFallback: play.hasFallback,
  resumption: play.resumption,
})

/** undefined: nobody was asked, and somebody has to be chosen anew. */
const attemptOn = async (play: Play, level: Level, turn: Go): Promise<Outcome | undefined> => {
  const { choice } = turn
  const { house, call, allowance } = play
  const { deployment } = choice.candidate
  const line = admit(play, choice.candidate)
  const admitted = line instanceof Promise ? await line : line
  if ('kind' in admitted) return admitted
  if (!isStillSound(play, turn, admitted)) {
    admitted.release()
    return undefined
  }
  const { waitedMs } = level
  tellWhy(play, level)
  const startedAt = house.clock.now()
  level.attempts += 1
  allowance.attemptsLeft -= 1
  level.pauseUntil = undefined
  level.waitedMs = 0
  level.tried.add(deployment.id)
  level.retries ??= retriesFor(play, deployment.id)
  play.trail.maxRetries = level.retries
  play.trail.timeoutMs = generalLimit(call, deployment)
  let tried: Tried
  try {
    tried = await tryOnce(jobOf(play, choice.candidate, admitted))
  } catch (error) {
    // It does not throw; if it does all the same, the slot is not lost.
    admitted.release()
    throw error
  }
  const { outcome } = tried
  if (outcome.kind === 'answered') {
    admitted.answered()
    rememberServed(play.wish, deployment.id, deskOf(play))
  }
  play.trail.steps.push(stepOf(play, choice, tried, { startedAt, waitedMs }))
  return outcome
}

const stepOf = (
  { stop, call, house }: Play,
  { candidate: { deployment }, because }: Picked,
  { outcome, edits, lost, resumed }: Tried,
  { startedAt, waitedMs }: { readonly startedAt: number; readonly waitedMs: number },
): Step => {
  const failure = outcome.kind === 'failed' ? outcome.failure : undefined
  return {
    group: stop.group,
    deployment: deployment.id,
    model: deployment.litellmModel,
    because,
    edits,
    lost,
    outcome: failure === undefined ? 'answered' : failure.class,
    status: outcome.kind === 'answered' ? outcome.status : outcome.upstreamStatus,
    ...(failure === undefined ? {} : { message: failure.message }),
    startedMs: startedAt - call.context.arrivedAt,
    ms: house.clock.now() - startedAt,
    waitedMs,
    next: failure === undefined ? 'end' : '',
    ...(failure?.possiblyBilled === true ? { possiblyBilled: true as const } : {}),
    ...(resumed === undefined ? {} : { resumed }),
  }
}

const policyOf = (play: Play): ExceptionPolicy | undefined => {
  const { router } = play.call.config
  const { named, group } = play.stop
  const own = router.modelGroupRetryPolicy
  return own.get(named) ?? own.get(group) ?? router.retryPolicy
}

/** An attempt that took this long is not made again where it failed while another group stands by. */
const LONG_ATTEMPT_MS = 10_000

/** Asking the same deployment again would cost what the first attempt did, and somebody else can be asked. */
const isCostly = (play: Play, last: Step, failure: Failure): boolean =>
  (play.resumption !== undefined || last.ms >= LONG_ATTEMPT_MS) && play.hasFallback(failure.class)

/** A policy number replaces both the count and the rule of the class. */
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
  if (play.allowance.spent) {
    note(play.trail, play.allowance.over ? 'no retry: the time is over' : 'no retry: max_attempts')
    return false
  }
  // The latest failure of a deployment decides: a timeout takes back what an overload before it allowed.
  if (last !== undefined && rule === 'any' && !isCostly(play, last, failure))
    level.mayRepeat.add(last.deployment)
  else if (last !== undefined) level.mayRepeat.delete(last.deployment)
  return mayAdd(play, level)
}

/**
 * The group's budget for retries. When it is spent, the next group is asked instead of this one; if there is none, a
 * deployment that was not asked yet is still worth an attempt, and asking the same one again is not.
 */
const mayAdd = (play: Play, level: Level): boolean => {
  const { budget } = play.house.board
  level.extra = budget.take(play.stop.group)
  level.freshOnly = level.extra === undefined
  if (!level.freshOnly) return true
  note(play.trail, 'no retry: the budget of the group is spent')
  if (isElsewhere(play, level)) return false
  level.extra = budget.count(play.stop.group)
  return true
}

/** Why the next step followed, written on the step before it. */
export const note = (trail: Trail, next: string): void => {
  const last = trail.steps.pop()
  if (last !== undefined) trail.steps.push({ ...last, next })
}
