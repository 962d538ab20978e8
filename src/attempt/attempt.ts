import type { Call } from '../call.ts'
import type { FallbackTarget } from '../config/config.ts'
import type { Failure, FailureClass } from '../failure.ts'
import type { House } from '../house.ts'
import { waysOf } from '../plan/compaction.ts'
import { type Following, generalList, makePlan, type Plan, type Stop } from '../plan/plan.ts'
import { hasTaker } from '../plan/select.ts'
import type { Wish } from '../plan/wish.ts'
import { decorate } from '../reply/error-text.ts'
import { IN_STEP } from '../turn.ts'
import { type Parcel, parcelOf } from './adapt.ts'
import { Allowance } from './allowance.ts'
import { classify } from './classify.ts'
import { estimate, isEstimated } from './estimate.ts'
import { followingFor } from './following.ts'
import { playGroup } from './group.ts'
import { type Held, heldBack, keptStop } from './kept.ts'
import { deskFor, type Play } from './level.ts'
import { lostResponse } from './lost.ts'
import { mockFailure, mockFirstAttempt } from './mock.ts'
import type { Answered, Failed, Outcome } from './outcome.ts'
import { hearSize } from './prompt-size.ts'
import type { Resumption } from './resume.ts'
import { note } from './run.ts'
import type { Settled, Trail } from './settled.ts'
import { noteBack, withSoonest } from './soonest.ts'
import { type Freed, isJudged, type StandsIn, standsInFor, withoutOwner } from './stand-in.ts'
import { wishOf } from './wish-of.ts'

/** One request on its way through the groups: the only place that decides "again". */
export type Walk = {
  readonly call: Call
  readonly plan: Plan
  readonly parcel: Parcel
  readonly house: House
  readonly trail: Trail
  readonly allowance: Allowance
  /** Groups already played: none is visited twice, so every cycle ends. */
  readonly visited: Set<string>
  /** The walk goes on from an answer that broke. */
  readonly resumption?: Resumption
  /** Others may serve the call with its transcript, when the owner fails like this; absent: there is no such thing. */
  readonly standsIn?: StandsIn
  /** No group stands by for another: every one of them has been looked at, and none had anybody to ask. */
  readonly forlorn?: true
}

const beginWalk = (call: Call, house: House): Walk => {
  const plan = makePlan(call)
  const trail: Trail = {
    group: plan.first.group,
    steps: [],
    retries: 0,
    fallbacks: 0,
    maxRetries: 0,
    skipped: [],
    timeoutMs: undefined,
  }
  const allowance = new Allowance(call, house.clock)
  const walk: Walk = { call, plan, parcel: parcelOf(call), house, trail, allowance, visited: new Set() }
  const standsIn = standsInFor(call, plan, house)
  return standsIn === undefined ? walk : { ...walk, standsIn }
}

/** Call → Settled: attempts, retries and fallbacks until one answers or the way ends. */
export const attempt = async (call: Call, house: House): Promise<Settled> => {
  const begun = beginWalk(call, house)
  await IN_STEP
  const first = await fromFirst(begun)
  if (first.outcome.kind === 'answered') return answeredAt(begun, first, first.outcome)
  const freed = await withoutOwner(begun, first.outcome)
  const { walk, end } = freed === undefined ? await insist(begun, first, fromFirst) : await standIn(freed)
  const { trail } = walk
  const { outcome } = end
  if (outcome.kind === 'answered') return answeredAt(walk, end, outcome)
  // Whatever failed before, and wherever the client left meanwhile: nobody is there to be told of it.
  if (call.context.departed.aborted) {
    const failure = classify({ kind: 'client_gone' })
    return { kind: 'failed', failure, message: failure.message, trail }
  }
  const guess = await guessed(walk, outcome)
  if (guess !== undefined) return guess
  if (freed === undefined) return toldAs(begun, outcome.failure, end.message)
  const told = toldOf(freed, outcome.failure, end.message)
  // Whoever has judged the conversation saw what was made here of it: the client can say it in its own words.
  return isJudged(outcome.failure)
    ? toldAs(begun, told.failure, told.message)
    : { kind: 'failed', ...told, trail }
}

/** Where the answer may be a guess, the gateway's own stands behind everybody else's. */
const guessed = async (walk: Walk, { failure }: Failed): Promise<Settled | undefined> => {
  if (!isEstimated(walk.call, failure.class)) return undefined
  const stop = walk.plan.first
  const answered = await estimate(playOf(walk, stop, FIRST))
  return answered && answeredAt(walk, { outcome: answered, message: '', stop, spot: FIRST }, answered)
}

const withHeld = (failure: Failure, { field, told }: Held): Failure => {
  const named = { ...failure, param: failure.param ?? field }
  return told === undefined
    ? named
    : { ...named, ...told, class: 'caller_fault', retryAfterMs: undefined, detail: undefined }
}

/** The failure as the client hears it: where state kept others from being asked, it says so. */
const toldAs = ({ call, plan, trail, house }: Walk, failed: Failure, message: string): Settled => {
  const failure = withSoonest(failed, trail, house)
  const lost = lostResponse(call, plan, failure)
  if (lost !== undefined) {
    note(trail, 'end: previous_response_id cannot be read, and the whole input could be served')
    return { kind: 'failed', failure: lost, message: lost.message, trail }
  }
  const held = heldBack(call, plan, { trail, failure })
  if (held === undefined) return { kind: 'failed', failure, message, trail }
  note(trail, `end: ${held.field} binds the call to one account`)
  const told = withHeld(failure, held)
  return { kind: 'failed', failure: told, message: `${message} ${held.text}`, trail }
}

const answeredAt = (walk: Walk, at: End, answered: Answered): Settled => ({
  kind: 'answered',
  answered,
  trail: walk.trail,
  way: { walk, at },
})

/** One way along the plan. */
type Start = (walk: Walk) => Promise<End>

const fromFirst: Start = walk => visit(walk, walk.plan.first, FIRST)

const fallFrom = ({ plan }: Walk, { failure }: Failed): Fall => ({
  ...FIRST,
  stop: plan.first,
  failure,
  following: plan.follow(plan.first, failure.class),
})

/** Who is left of the first group, then who follows it. */
const fromOwner =
  ({ owner }: Freed): Start =>
  async walk => {
    const { first } = walk.plan
    if (first.candidates.length > 0) {
      note(walk.trail, `without its owner: ${owner.failure.class}`)
      return visit(walk, first, FIRST)
    }
    walk.visited.add(keyOf(first))
    const message = owner.failure.message
    return (await fall(walk, fallFrom(walk, owner))) ?? { outcome: owner, message, stop: first, spot: FIRST }
  }

const standIn = async (freed: Freed): Promise<{ readonly walk: Walk; readonly end: End }> => {
  const start = fromOwner(freed)
  try {
    return await insist(freed.walk, await start(freed.walk), start)
  } catch (error) {
    // Nothing of it throws; if it does all the same, the memory is not lost.
    freed.walk.house.memory.give(freed.walk.trail.rehydrated?.bytes ?? 0)
    throw error
  }
}

/** Of an owner that is out its own failure is told, for it may be back when the others are not. */
const toldOf = (
  { walk, owner }: Freed,
  failure: Failure,
  message: string,
): { readonly failure: Failure; readonly message: string } =>
  walk.call.rehydrated?.without === undefined
    ? { failure, message }
    : { failure: owner.failure, message: accountOf(walk, fallFrom(walk, owner), message) }

/**
 * Each group left its guesses standing because another one was there, and that one had nobody either; and whoever waited
 * in a queue for nothing may find somebody who is back.
 */
const insist = async (
  walk: Walk,
  end: End,
  start: Start,
): Promise<{ readonly walk: Walk; readonly end: End }> => {
  if (!foundNobody(walk, end)) return { walk, end }
  const forlorn: Walk = { ...walk, visited: new Set(), forlorn: true }
  walk.trail.fallbacks = 0
  walk.trail.skipped.length = 0
  return { walk: forlorn, end: await start(forlorn) }
}

/** The whole way was gone without one attempt, although somebody rests who might have been asked. */
const foundNobody = ({ house, trail, allowance }: Walk, { outcome }: End): boolean =>
  outcome.kind === 'failed' &&
  outcome.failure.class === 'no_deployment' &&
  trail.steps.length === 0 &&
  !allowance.spent &&
  !house.board.calm()

/**
 * One deployment named by its id is not its whole group: the group's own turn may have been another one's. Nor is a
 * summary what a group has been asked for before, when it compacts in its own way.
 */
const keyOf = (stop: Stop): string => {
  const key = stop.byId ? `id:${stop.candidates[0]?.deployment.id ?? ''}` : stop.group
  const anew = stop.summarises && stop.candidates.some(({ deployment }) => waysOf(deployment).length > 0)
  return anew === true ? `summary:${key}` : key
}

/** A dict fallback may bring limits of its own for its hop. */
const withControls = (call: Call, { overrides: { controls } }: Stop): Call =>
  Object.keys(controls).length === 0 ? call : { ...call, controls: { ...call.controls, ...controls } }

/** How a visit ended, and where. `message` is the failure's text with the account of its fallbacks. */
export type End = {
  readonly outcome: Outcome
  readonly message: string
  readonly stop: Stop
  readonly spot: Spot
}

/** Where in the tree of fallbacks a visit is: hops from the first group, and whether an outer list still has targets. */
type Spot = { readonly depth: number; readonly more: boolean; readonly outer: Fall | undefined }

const FIRST: Spot = { depth: 0, more: false, outer: undefined }

/** Who would be asked after this stop: its own fallbacks, then what is left of the lists around it. */
const nextTargets = (
  walk: Walk,
  stop: Stop,
  { depth, outer }: Spot,
  failure: FailureClass,
): readonly FallbackTarget[] => {
  const targets = depth < walk.plan.maxDepth ? [...(followingFor(walk, stop, failure).targets ?? [])] : []
  for (let from = outer; from !== undefined; from = from.outer)
    targets.push(...(from.following.targets ?? []))
  return targets
}

/** Somebody of this target rests in no way, need not be waited for long, and has a parallel slot. */
const isFree = (walk: Walk, target: FallbackTarget): boolean => {
  const { call, house, visited } = walk
  const stop = stopFor(walk, target)
  if ('skipped' in stop || visited.has(keyOf(stop))) return false
  const patienceMs = call.config.router.failover.longestWaitBesideFallbackMs
  return hasTaker(wishOf(call, stop, house.board), deskFor(call, house), { patienceMs })
}

const playOf = (walk: Walk, stop: Stop, spot: Spot): Play => {
  const { depth, more } = spot
  const call = withControls(walk.call, stop)
  const wish: Wish = wishOf(call, stop, walk.house.board)
  const hasFallback = (failure: FailureClass): boolean =>
    isEstimated(call, failure) ||
    (walk.forlorn !== true &&
      !walk.allowance.spent &&
      (more ||
        walk.standsIn?.(failure) === true ||
        (depth < walk.plan.maxDepth && isOpen(walk, followingFor(walk, stop, failure).targets))))
  // Whoever stands in for an owner is one more that is asked, be it of the same group.
  const isFirst = depth === 0 && call.rehydrated === undefined
  const pretended = isFirst && walk.resumption === undefined ? mockFirstAttempt(call, stop) : undefined
  const desk = deskFor(call, walk.house)
  const hasFreeFallback = (failure: FailureClass): boolean =>
    hasFallback(failure) &&
    (walk.standsIn?.(failure) === true ||
      nextTargets(walk, stop, spot, failure).some(one => isFree(walk, one)))
  return { ...walk, call, stop, wish, desk, hop: !isFirst, hasFallback, hasFreeFallback, pretended }
}

const visit = async (walk: Walk, stop: Stop, spot: Spot): Promise<End> => {
  walk.visited.add(keyOf(stop))
  const mocked = spot.depth === 0 ? mockFailure(walk.call, stop) : undefined
  const outcome = mocked ?? (await playGroup(playOf(walk, stop, spot)))
  if (outcome.kind === 'answered') return { outcome, message: '', stop, spot }
  const { failure } = outcome
  if (failure.class === 'context_window') hearSize(walk.trail, walk.call, failure)
  noteBack(walk.trail, failure, walk.house.clock.now())
  if (spot.depth >= walk.plan.maxDepth || failure.class === 'client_gone' || failure.class === 'gateway_bug')
    return { outcome, message: failure.message, stop, spot }
  const from: Fall = { ...spot, stop, failure, following: followingFor(walk, stop, failure.class) }
  const skipped = walk.trail.skipped.length
  const inner = await fall(walk, from)
  // The time that ran out in a fallback was the request's: that is what the client is told.
  if (inner !== undefined && (inner.outcome.kind === 'answered' || ranOut(walk, inner.outcome))) return inner
  const nested = inner?.message ?? whyNone(walk.trail.skipped.slice(skipped))
  return { outcome, message: accountOf(walk, from, nested), stop, spot }
}

/** None of the targets could be asked, and this is why. */
const whyNone = (skipped: readonly string[]): string | undefined =>
  skipped.length === 0 ? undefined : `${skipped.join('; ')}.`

/**
 * Goes on from an answer that broke after its commit: the same walk, from where it stood. What is left of the group
 * first, then the fallbacks of the break, then what the outer lists still have. Undefined: nobody could go on.
 */
export const resume = async (
  { way, trail }: Extract<Settled, { kind: 'answered' }>,
  resumption: Resumption,
): Promise<Extract<Settled, { kind: 'answered' }> | undefined> => {
  const walk: Walk = { ...way.walk, resumption }
  const { stop, spot } = way.at
  const { failure } = resumption.failed
  const outcome = await playGroup(playOf(walk, stop, spot))
  if (outcome.kind === 'answered')
    return {
      kind: 'answered',
      answered: outcome,
      trail,
      way: { walk, at: { outcome, message: '', stop, spot } },
    }
  if (failure.class === 'context_window') hearSize(walk.trail, walk.call, failure)
  const following = followingFor(walk, stop, failure.class)
  const listed = spot.depth < walk.plan.maxDepth
  let from: Fall | undefined = listed ? { ...spot, stop, failure, following } : spot.outer
  for (; from !== undefined; from = from.outer) {
    const end = await fall(walk, from)
    if (end?.outcome.kind === 'answered')
      return { kind: 'answered', answered: end.outcome, trail, way: { walk, at: end } }
  }
  return undefined
}

const ranOut = ({ allowance }: Walk, { failure }: Failed): boolean =>
  failure.class === 'timeout_total' || (failure.class === 'timeout_client' && allowance.over)

const stopFor = ({ plan, call, trail }: Walk, target: FallbackTarget): ReturnType<Plan['stopFor']> => {
  const planned = plan.stopFor(target)
  const stop = 'skipped' in planned || !call.unowned ? planned : keptStop(call, trail, planned)
  return 'skipped' in stop || trail.prompt === undefined ? stop : trail.prompt.fitting(stop)
}

/** Does any of these targets still lead to a group that may be asked? */
const isOpen = (walk: Walk, targets: Following['targets']): boolean =>
  (targets ?? []).some(target => {
    const stop = stopFor(walk, target)
    return !('skipped' in stop) && !walk.visited.has(keyOf(stop))
  })

type Fall = Spot & {
  readonly stop: Stop
  readonly failure: Failure
  readonly following: Following
}

/** A group in which nobody was asked has no step to say why it was left. */
const tellPassed = ({ trail: { steps, skipped } }: Walk, { group, named }: Stop, failure: Failure): void => {
  if (failure.class !== 'no_deployment' || steps.some(step => step.group === group)) return
  const why = `${named}: ${failure.message}`
  if (!skipped.includes(why)) skipped.push(why)
}

/** The listed targets in order, each with its own fallbacks before the next (depth first, as LiteLLM recurses). */
const fall = async (walk: Walk, from: Fall): Promise<End | undefined> => {
  let last: End | undefined
  const targets = from.following.targets ?? []
  for (const [place, target] of targets.entries()) {
    if (walk.call.context.departed.aborted || walk.allowance.spent) return last
    const stop = stopFor(walk, target)
    if ('skipped' in stop) {
      walk.trail.skipped.push(stop.skipped)
      continue
    }
    if (walk.visited.has(keyOf(stop))) continue
    tellPassed(walk, from.stop, from.failure)
    note(walk.trail, `fallback ${from.stop.named} → ${stop.named}: ${from.failure.class}`)
    walk.trail.fallbacks += 1
    const more = from.more || isOpen(walk, targets.slice(place + 1))
    last = await visit(walk, stop, { depth: from.depth + 1, more, outer: from })
    if (last.outcome.kind === 'answered' || last.outcome.failure.class === 'client_gone') return last
    tellPassed(walk, stop, last.outcome.failure)
  }
  return last
}

const accountOf = (walk: Walk, from: Fall, nested: string | undefined): string =>
  decorate({
    message: from.failure.message,
    group: from.stop.named,
    following: from.following,
    general: generalList(walk.call),
    nested,
    nestedOnly: from.depth > 0,
    exposeDebug: walk.call.config.litellm.exposeRouterDebugInErrors,
    exception: from.failure.exception,
  })
