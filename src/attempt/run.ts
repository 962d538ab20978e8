import { lackingWay, toldWay } from '../plan/compaction.ts'
import { rememberUsed } from '../plan/references.ts'
import { rememberServed } from '../plan/select.ts'
import type { Step, Writable } from '../record/trail.ts'
import type { Lease } from '../shared/board.ts'
import { WAYS } from '../shared/lessons.ts'
import type { Signal } from '../signal.ts'
import type { Picked, Play } from './level.ts'
import type { Job, Tried } from './once.ts'
import type { Failed, Outcome } from './outcome.ts'
import { learnRepairs } from './repair.ts'
import type { Trail } from './settled.ts'
import { noteLimited } from './soonest.ts'

/** One attempt that has begun: who was picked, what it holds, since when. */
export type Run = {
  readonly choice: Picked
  readonly lease: Lease
  /** clock.now() */
  readonly startedAt: number
  /** Slept before it. */
  readonly waitedMs: number
  /** It is made beside another one that is slow to answer. */
  readonly hedge?: true
  /** It repeats the hop before it: with this change. */
  readonly repair?: string
}

/** `signal` gives it up before the client leaves. */
export const jobOf = (play: Play, { choice, lease }: Run, signal?: Signal): Job => ({
  call: play.call,
  parcel: play.parcel,
  hop: {
    deployment: choice.candidate.deployment,
    model: choice.candidate.model,
    overrides: play.stop.overrides.body,
    wanted: play.wish.compaction,
  },
  group: play.stop.named,
  lease,
  house: play.house,
  signal,
  allowance: play.allowance,
  hasFallback: play.hasFallback,
  resumption: play.resumption,
  amendments: play.trail.repairs?.get(choice.candidate.deployment.id)?.made.map(one => one.amendment),
})

/** The attempt is over, or its answer is there: it gets its step. An answered one is where the next call may go, too. */
export const conclude = (play: Play, run: Run, tried: Tried): Outcome => {
  const { outcome } = tried
  if (outcome.kind === 'answered') {
    run.lease.answered(play.call.route.modes)
    rememberServed(play.wish, outcome.deployment.id, play.desk)
    if (play.trail.repairs !== undefined) learnRepairs(play, run.choice.candidate)
    if (play.call.references.length > 0)
      rememberUsed(play.call.references, outcome.deployment, play.house.board)
  } else {
    if (tried.compaction !== undefined) learnWay(play, run, tried, outcome)
    if (outcome.failure.class === 'rate_limit') noteLimited(play, run.choice.candidate)
  }
  play.trail.steps.push(stepOf(play, run, tried))
  return outcome
}

/** Whoever has no such compaction is asked in the next way that it could have, from now on. */
const learnWay = (
  { call, house }: Play,
  { choice: { candidate } }: Run,
  { compaction }: Tried,
  { failure, upstreamStatus }: Failed,
): void => {
  const { learning } = call.config.router
  const way = lackingWay(compaction, failure, upstreamStatus)
  if (way === undefined || learning === undefined) return
  const { deployment, model } = candidate
  if (!house.board.lessons.learn({ deployment, route: WAYS, model }, { kind: 'way', way }, learning.ttlMs))
    return
  house.event(
    'info',
    'A deployment lacks a way to compact conversations; the next call asks it in another one.',
    {
      deployment: deployment.id,
      model,
      lacks: way,
      seconds: Math.round(learning.ttlMs / 1000),
    },
  )
}

export const stepOf = (
  { stop, call, house }: Play,
  { choice, startedAt, waitedMs, hedge, repair }: Run,
  { outcome, edits, lost, resumed, compaction }: Tried,
): Step => {
  const failure = outcome.kind === 'failed' ? outcome.failure : undefined
  const { deployment } = choice.candidate
  const step: Writable<Step> = {
    group: stop.group,
    deployment: deployment.id,
    model: deployment.litellmModel,
    because: choice.because,
    edits,
    lost,
    outcome: failure === undefined ? 'answered' : failure.class,
    status: outcome.kind === 'answered' ? outcome.status : outcome.upstreamStatus,
    startedMs: startedAt - call.context.arrivedAt,
    ms: house.clock.now() - startedAt,
    waitedMs,
    next: failure === undefined ? 'end' : '',
  }
  if (failure !== undefined) {
    step.message = failure.message
    if (failure.fault !== undefined) step.fault = failure.fault
    if (failure.possiblyBilled === true) step.possiblyBilled = true
  }
  if (resumed !== undefined) step.resumed = resumed
  if (hedge !== undefined) step.hedge = hedge
  if (compaction !== undefined) step.compaction = toldWay(compaction, deployment.provider.name)
  if (repair !== undefined) step.repair = repair
  return step
}

/** Why the next step followed, written on the step before it. */
export const note = (trail: Trail, next: string): void => {
  const last = trail.steps.pop()
  if (last !== undefined) trail.steps.push({ ...last, next })
}
