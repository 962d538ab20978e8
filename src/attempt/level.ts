import type { Call } from '../call.ts'
import type { Deployment } from '../config/config.ts'
import type { FailureClass } from '../failure.ts'
import type { House } from '../house.ts'
import type { Stop } from '../plan/plan.ts'
import { type Desk, domainOf, type How, orderOf, select } from '../plan/select.ts'
import type { Candidate, Choice, Wish } from '../plan/wish.ts'
import { priceOf } from '../record/price.ts'
import type { Lease } from '../shared/board.ts'
import type { Extra } from '../shared/budget.ts'
import type { Parcel } from './adapt.ts'
import type { Allowance } from './allowance.ts'
import { backoffMs, spreadMs } from './backoff.ts'
import { classify } from './classify.ts'
import { keptWish } from './kept.ts'
import type { Failed, Outcome } from './outcome.ts'
import { queueFor } from './queue.ts'
import type { Resumption } from './resume.ts'
import type { Trail } from './settled.ts'

export type Play = {
  readonly call: Call
  readonly parcel: Parcel
  readonly stop: Stop
  readonly wish: Wish
  /** What selection reads for it. */
  readonly desk: Desk
  readonly trail: Trail
  readonly house: House
  readonly allowance: Allowance
  /** Another group was asked before: even the first attempt in this one is one more. */
  readonly hop: boolean
  /** Another group will be asked when this one ends with this failure. */
  readonly hasFallback: (failure: FailureClass) => boolean
  /** The same, and one of those groups has somebody who would take the request now. */
  readonly hasFreeFallback: (failure: FailureClass) => boolean
  /** The outcome of a first attempt that nobody makes: a rehearsal. */
  readonly pretended?: Failed | undefined
  /** The group is played on from an answer that broke; what it had spent of its attempts stays spent. */
  readonly resumption?: Resumption
}

/** What one order level remembers of its attempts. */
export type Level = {
  readonly order: number | undefined
  /** Further levels of the group come after this one. */
  readonly more: boolean
  /** How the level before ended. */
  readonly before: Outcome | undefined
  readonly tried: Set<string>
  /** Tried ids that may be tried again. */
  readonly mayRepeat: Set<string>
  attempts: number
  retries: number | undefined
  last: Failed | undefined
  /** How the attempt ended that was made beside the last one, when both have failed; its step is the last but one. */
  beside: Failed | undefined
  /** clock.now() value before which nobody is asked again; undefined until somebody is about to be. */
  pauseUntil: number | undefined
  /** Slept since the last attempt. */
  waitedMs: number
  /** Stood in line for a parallel slot since then: that is no reason to sleep less. */
  linedMs: number
  /** Held from the decision for one more attempt until its outcome is known. */
  extra: Extra | undefined
  /** The group's retry budget is spent: nobody is asked again. */
  freshOnly: boolean
}

export type Picked = Extract<Choice, { kind: 'picked' }>

/** What comes next on a level: somebody is asked, or the level has ended. */
export type Turn = Go | End

export type End = { readonly kind: 'end'; readonly outcome: Outcome }

export type Go = {
  readonly kind: 'go'
  readonly choice: Picked
  /** It is asked although it rests or a probe is at it, because nobody else is left. */
  readonly aside: boolean
}

export const deskFor = ({ config }: Call, { board, clock, dice }: House): Desk => ({
  config,
  board,
  clock,
  dice,
  priceOf: perToken,
})

/** cost-based-routing: input and output price added. */
const perToken = (deployment: Deployment): number | undefined => {
  const price = priceOf(deployment)
  return price?.input === undefined || price.output === undefined
    ? undefined
    : price.input.usd + price.output.usd
}

export const gone = (): Failed => ({
  kind: 'failed',
  failure: classify({ kind: 'client_gone' }),
  upstreamStatus: undefined,
})

export const nothingLeft = (play: Play, choice: Extract<Choice, { kind: 'nothing' }>): Failed => ({
  kind: 'failed',
  failure: classify({ kind: 'nothing', choice, group: play.stop.named }),
  upstreamStatus: undefined,
})

/** Who may be asked from here on: state binds a call to an account, and a prompt that was too long goes to who has said to hold it. */
export const wishNow = ({ call, trail, wish, stop }: Play): Wish => {
  const kept = call.unowned ? keptWish(call, trail, wish) : wish
  return trail.prompt === undefined ? kept : trail.prompt.narrowed(kept, stop)
}

const NOBODY: ReadonlySet<string> = new Set()

const isNarrow = ({ trail, stop }: Play): boolean => trail.prompt?.isNarrow(stop) === true

/** The prompt was not too long for this group, or an order level of it has somebody who says that it fits. */
export const hasFitting = (
  play: Play,
  order: number | undefined,
  tried: ReadonlySet<string> = NOBODY,
): boolean =>
  !isNarrow(play) ||
  wishNow(play).candidates.some(
    one => (order === undefined || orderOf(one) === order) && !tried.has(one.deployment.id),
  )

const hasMore = (play: Play, { more, order = Number.NEGATIVE_INFINITY }: Level): boolean =>
  more && (!isNarrow(play) || wishNow(play).candidates.some(one => orderOf(one) > order))

/** Somebody else could be asked if this level ended now: its group's next level, or another group. */
export const isElsewhere = (play: Play, level: Level): boolean =>
  hasMore(play, level) || play.hasFallback(level.last?.failure.class ?? 'no_deployment')

/** How much longer anything may be waited for now, in milliseconds: never beyond the end of the request's time. */
export const patienceOf = (play: Play, level: Level): number => {
  const { failover, retryAfterMs } = play.call.config.router
  const longest = isElsewhere(play, level)
    ? Math.max(failover.longestWaitBesideFallbackMs, retryAfterMs)
    : failover.longestWaitMs
  return Math.max(0, Math.min(longest - level.waitedMs, play.allowance.leftMs))
}

const choose = (play: Play, level: Level): Choice => {
  const how: How = { atOrder: level.order, mayRepeat: level.freshOnly ? undefined : level.mayRepeat }
  const { desk } = play
  const wish = wishNow(play)
  if (desk.board.calm()) return select(wish, level.tried, desk, how)
  const patienceMs = patienceOf(play, level)
  const hasFallback = (): boolean => play.hasFallback(level.last?.failure.class ?? 'no_deployment')
  return select(wish, level.tried, desk, { ...how, patienceMs, hasFallback })
}

/** Milliseconds until this candidate may be asked: a deployment that was not tried yet waits only for its domain. */
const waitFor = (play: Play, level: Level, candidate: Candidate): number => {
  const { house, call, wish } = play
  const now = house.clock.now()
  let pause = 0
  if (level.tried.has(candidate.deployment.id)) {
    const { retryAfterMs, failover } = call.config.router
    level.pauseUntil ??= now + backoffMs(level.attempts - 1, house.dice, retryAfterMs, failover.backoff)
    pause = level.pauseUntil - now
  }
  if (house.board.calm()) return pause
  // The provider's word is a lower bound for the whole domain, whoever was told.
  const bound = house.board.domainNotBefore(domainOf(candidate, wish))
  return bound === undefined ? pause : Math.max(pause, spreadMs(bound - now, house.dice))
}

/** True when the time has passed, false when the client left meanwhile. */
const sleep = (ms: number, { house, call, stop }: Play): Promise<boolean> =>
  new Promise(resolve => {
    const { departed } = call.context
    const wake = house.board.budget.sleep(stop.group)
    const leave = (): void => {
      wake()
      cancel()
      resolve(false)
    }
    const cancel = house.clock.after(ms, () => {
      wake()
      departed.removeEventListener('abort', leave)
      resolve(true)
    })
    departed.addEventListener('abort', leave, { once: true })
  })

/**
 * Chooses who is asked next, and sleeps until that one may be asked; then chooses again, because much may have changed
 * meanwhile. The level ends at once when nobody is worth the wait. The provider's own error says more than "nothing
 * left to try".
 */
export const approach = (play: Play, level: Level): Turn | Promise<Turn> => {
  const { last, before } = level
  if (play.call.context.departed.aborted) return { kind: 'end', outcome: last ?? gone() }
  if (play.allowance.over) return { kind: 'end', outcome: last ?? before ?? play.allowance.ranOut() }
  const choice = choose(play, level)
  if (choice.kind === 'nothing') return orWait(play, level, choice)
  const wait = waitFor(play, level, choice.candidate)
  if (wait <= 0) return { kind: 'go', choice, aside: restsNow(play, choice.candidate) }
  if (last !== undefined && wait > patienceOf(play, level)) return { kind: 'end', outcome: last }
  // Spreading those who wait for one moment keeps nobody beyond the end of its request's time.
  return wakeUp(play, level, Math.min(wait, play.allowance.leftMs))
}

/** The provider's own error says more than "nothing left to try". */
export const endAs = (play: Play, level: Level, choice: Extract<Choice, { kind: 'nothing' }>): End => ({
  kind: 'end',
  outcome: level.last ?? level.before ?? nothingLeft(play, choice),
})

const orWait = (
  play: Play,
  level: Level,
  choice: Extract<Choice, { kind: 'nothing' }>,
): Turn | Promise<Turn> =>
  queueFor(play, level, choice, () => approach(play, level)) ?? endAs(play, level, choice)

const wakeUp = async (play: Play, level: Level, wait: number): Promise<Turn> => {
  level.waitedMs += wait
  const stayed = await sleep(wait, play)
  return stayed ? approach(play, level) : { kind: 'end', outcome: level.last ?? gone() }
}

export const restsNow = ({ house: { board }, wish }: Play, candidate: Candidate): boolean =>
  !board.calm() && board.cooling(candidate.deployment.id, domainOf(candidate, wish)) !== undefined

/**
 * Nothing began between the choice and the lease that keeps the call from being sent: another request took the
 * probe's place, the provider asked everybody to wait, the deployment was put to rest.
 */
export const isStillSound = (
  { house: { board }, wish }: Play,
  { choice, aside }: Go,
  lease: Lease,
): boolean => {
  if (board.calm()) return true
  const { candidate } = choice
  const domain = domainOf(candidate, wish)
  if (board.domainNotBefore(domain) !== undefined) return false
  return aside || lease.probe || board.cooling(candidate.deployment.id, domain) === undefined
}
