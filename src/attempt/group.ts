import type { Failure, FailureClass } from '../failure.ts'
import { toldBy } from '../plan/compaction.ts'
import { isPastLimit, orderLevels, orderOf } from '../plan/select.ts'
import type { Step } from '../record/trail.ts'
import { IN_STEP } from '../turn.ts'
import { hedged, hedgingFor } from './hedge.ts'
import {
  approach,
  type End,
  type Go,
  hasFitting,
  isElsewhere,
  isStillSound,
  type Level,
  nothingLeft,
  type Picked,
  type Play,
} from './level.ts'
import { generalLimit } from './limits.ts'
import { admit, over } from './line.ts'
import { tryOnce } from './once.ts'
import type { Failed, Outcome } from './outcome.ts'
import { byPolicy, ruleOf } from './policy.ts'
import { noteTooLong } from './prompt-size.ts'
import { repair } from './repair.ts'
import { conclude, jobOf, note, type Run } from './run.ts'

/** LiteLLM's order fallback skips these: another deployment of the group would refuse as well. */
const NO_ORDER_FALLBACK = new Set(['content_policy', 'client_gone', 'gateway_bug'])

/**
 * Attempts inside one model group: at most 1 + num_retries for each order level, the lowest order first.
 * Another deployment is preferred to the same one; the same one is tried again only if its failure allows it.
 */
export const playGroup = (play: Play): Promise<Outcome> => {
  // Pinned state goes to its owner whatever its order: there is one level then.
  const orders = play.wish.pin === undefined ? orderLevels(play.stop.candidates) : [undefined]
  return orders.length === 1
    ? playLevel(play, openLevel(play, orders[0], { more: false, before: undefined }))
    : playLevels(play, orders)
}

const playLevels = async (play: Play, orders: readonly (number | undefined)[]): Promise<Outcome> => {
  let outcome: Outcome | undefined
  for (const [place, order] of orders.entries()) {
    if (!hasFitting(play, order)) continue
    const next = await playLevel(
      play,
      openLevel(play, order, { more: place + 1 < orders.length, before: outcome }),
    )
    if (next.kind === 'answered') return next
    outcome = next
    if (!goesOn(play, next.failure) || play.allowance.spent) return next
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

const goesOn = (play: Play, failure: Failure): boolean => {
  if (failure.class !== 'context_window') return !NO_ORDER_FALLBACK.has(failure.class)
  // A check of ours may have found it, and nobody was asked.
  noteTooLong(play, failure)
  return ruleOf(play, failure) === 'larger'
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
  // A hedge is no attempt of the level's own.
  const own = spent.length === 0 ? spent : spent.filter(step => step.hedge !== true)
  return {
    order,
    more,
    before,
    tried: new Set(play.trail.steps.length === 0 ? undefined : [...failedAt(spent), ...silentBefore(play)]),
    mayRepeat: new Set(),
    attempts: pretended === undefined ? own.length : 1,
    // Who was asked first says how often, after a break too.
    retries: own[0] === undefined ? undefined : retriesFor(play, own[0].deployment),
    last: pretended ?? (spent.length > 0 ? play.resumption?.failed : undefined),
    beside: undefined,
    pauseUntil: undefined,
    waitedMs: 0,
    linedMs: 0,
    extra: undefined,
    freshOnly: false,
  }
}

/** Who was only slower has not failed: it may go on. */
const failedAt = (spent: readonly Step[]): readonly string[] =>
  spent.filter(step => step.outcome !== 'outrun').map(step => step.deployment)

const SILENT: ReadonlySet<string> = new Set<FailureClass>([
  'timeout_headers',
  'timeout_first_token',
  'timeout_idle',
  'timeout_attempt',
])

/** Who was silent is silent again, whatever name led back to it: its own, its group's. A summary is another question. */
const silentBefore = (play: Play): readonly string[] =>
  play.stop.summarises || byPolicy(play, { exception: 'Timeout' }) !== undefined
    ? []
    : play.trail.steps.filter(step => SILENT.has(step.outcome)).map(step => step.deployment)

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
      if (outcome.kind === 'end') return outcome.outcome
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

const NONE: readonly Step[] = []

/** The attempts that the request has made on this level already. */
const spentAt = ({ trail, stop, wish }: Play, order: number | undefined): readonly Step[] => {
  const inLevel = (id: string): boolean =>
    order === undefined || wish.candidates.some(one => one.deployment.id === id && orderOf(one) === order)
  return trail.steps.filter(
    step => step.group === stop.group && step.repair === undefined && inLevel(step.deployment),
  )
}

/**
 * A retry is counted when it is made: a wait that was not worth it is none. A level where nobody was asked has no step:
 * the last one is then another group's, and keeps the reason why that group was left.
 */
const tellWhy = ({ trail, stop }: Play, level: Level): void => {
  const { last, before } = level
  const waitedMs = waitedBy(level)
  if (last !== undefined) {
    trail.retries += 1
    note(trail, `retry: ${last.failure.class}${waitedMs > 0 ? `, ${Math.round(waitedMs)} ms` : ''}`)
  } else if (before?.kind === 'failed' && trail.steps.at(-1)?.group === stop.group)
    note(trail, `next order: ${before.failure.class}`)
}

const waitedBy = ({ waitedMs, linedMs }: Level): number => waitedMs + linedMs

/** What went by before this attempt; the next one begins with nothing. */
const takeWaited = (level: Level): number => {
  const waited = waitedBy(level)
  level.waitedMs = 0
  level.linedMs = 0
  return waited
}

/** undefined: nobody was asked, and somebody has to be chosen anew. */
const attemptOn = async (play: Play, level: Level, chosen: Go): Promise<Outcome | End | undefined> => {
  const { house, call, allowance } = play
  const line = admit(play, level, chosen)
  const place = line instanceof Promise ? await line : line
  if ('kind' in place) return place
  const { turn, lease: admitted } = place
  const { choice } = turn
  const { deployment } = choice.candidate
  if (!isStillSound(play, turn, admitted) || isPastLimit(choice.candidate, play.wish, play.desk)) {
    admitted.withdraw()
    return undefined
  }
  tellWhy(play, level)
  level.attempts += 1
  allowance.attemptsLeft -= 1
  level.pauseUntil = undefined
  const waitedMs = takeWaited(level)
  level.tried.add(deployment.id)
  level.retries ??= retriesFor(play, deployment.id)
  play.trail.maxRetries = level.retries
  play.trail.timeoutMs = generalLimit(call, deployment)
  const run: Run = { choice, lease: admitted, startedAt: house.clock.now(), waitedMs }
  try {
    await IN_STEP
    const hedging = call.config.router.hedges === undefined ? undefined : hedgingFor(play, level, run)
    const outcome =
      hedging === undefined
        ? conclude(play, run, await tryOnce(jobOf(play, run)))
        : await hedged(play, level, run, hedging)
    return outcome.kind === 'failed' && outcome.blamed !== undefined
      ? mend(play, level, turn, outcome)
      : outcome
  } catch (error) {
    // Nothing of it throws; if it does all the same, the slot is not lost.
    admitted.release()
    throw error
  }
}

/**
 * The same hop again, for as long as its provider names something that it can do without. An attempt of the request,
 * and no retry of the level: nothing is waited for, and neither num_retries nor the retry budget hears of it.
 */
const mend = async (play: Play, level: Level, turn: Go, first: Failed): Promise<Outcome> => {
  let failed = first
  for (;;) {
    const words = repair(play, failed)
    if (words === undefined || failed.blamed === undefined) return failed
    const { candidate } = failed.blamed
    const choice: Picked = { kind: 'picked', candidate, because: turn.choice.because }
    const line = admit(play, level, { ...turn, choice })
    const place = line instanceof Promise ? await line : line
    // It never got its slot: nobody is there any more, or the failure stands.
    if ('kind' in place) return over(play) ?? failed
    const { lease } = place
    if (!isStillSound(play, { ...turn, choice }, lease)) {
      lease.withdraw()
      return failed
    }
    note(play.trail, `repair: ${words}`)
    play.allowance.attemptsLeft -= 1
    const waitedMs = takeWaited(level)
    const run: Run = { choice, lease, startedAt: play.house.clock.now(), waitedMs, repair: words }
    let outcome: Outcome
    try {
      outcome = conclude(play, run, await tryOnce(jobOf(play, run)))
    } catch (error) {
      lease.release()
      throw error
    }
    if (outcome.kind === 'answered') return outcome
    failed = outcome
  }
}

/** An attempt that took this long is not made again where it failed while another group stands by. */
const LONG_ATTEMPT_MS = 10_000

/** Asking the same deployment again would cost what the first attempt did, and somebody else can be asked. */
const isCostly = (play: Play, last: Step, failure: Failure): boolean =>
  (play.resumption !== undefined || last.ms >= LONG_ATTEMPT_MS) && play.hasFallback(failure.class)

const mayRetry = (play: Play, level: Level, failure: Failure): boolean => {
  if (failure.class === 'client_gone' || failure.class === 'gateway_bug') return false
  const { trail } = play
  for (const one of [failure, level.beside?.failure])
    if (one?.class === 'context_window') noteTooLong(play, one)
  const allowed =
    byPolicy(play, failure) ??
    level.retries ??
    play.call.controls.numRetries ??
    play.call.config.router.numRetries
  trail.maxRetries = allowed
  const rule = ruleOf(play, failure)
  if (rule === 'never' || level.attempts > allowed) return false
  if (rule === 'larger' && !hasFitting(play, level.order, level.tried)) return false
  if (play.allowance.spent) {
    note(trail, play.allowance.over ? 'no retry: the time is over' : 'no retry: max_attempts')
    return false
  }
  remember(play, level, trail.steps.at(-1), failure)
  if (level.beside !== undefined) remember(play, level, trail.steps.at(-2), level.beside.failure)
  level.beside = undefined
  return mayAdd(play, level)
}

/** It was asked for a compaction in a way that it has not, and another one is left: that is another question. */
const hasOtherWay = ({ wish }: Play, { deployment: id, compaction }: Step): boolean => {
  if (compaction === undefined || wish.compaction === undefined) return false
  const candidate = wish.candidates.find(one => one.deployment.id === id)
  return candidate !== undefined && toldBy(candidate, wish.compaction) !== compaction
}

/** The latest failure of a deployment decides: a timeout takes back what an overload before it allowed. */
const remember = (play: Play, level: Level, step: Step | undefined, failure: Failure): void => {
  if (step === undefined) return
  if (hasOtherWay(play, step) || (ruleOf(play, failure) === 'any' && !isCostly(play, step, failure)))
    level.mayRepeat.add(step.deployment)
  else level.mayRepeat.delete(step.deployment)
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
