import type { Choice } from '../plan/wish.ts'
import { gone, isElsewhere, type Level, nothingLeft, type Play, type Turn } from './level.ts'
import { priorityOf } from './priority.ts'

type Nothing = Extract<Choice, { kind: 'nothing' }>

/** Nobody looks again sooner than this, so that a wait always takes time. */
const SHORTEST_MS = 10

const full = (play: Play, choice: Nothing): Turn => ({
  kind: 'end',
  outcome: nothingLeft(play, {
    ...choice,
    status: 503,
    message: `All deployments of model=${play.stop.named} rest, and as many requests as may wait for one are waiting. Try again in ${Math.ceil((choice.passesInMs ?? 0) / 1000)} seconds.`,
    retryAfterMs: choice.passesInMs,
  }),
})

/** Somebody was, on this level or on one before it: then that failure is what the client is told. */
const wasAsked = ({ last, before }: Level): boolean =>
  last !== undefined || (before?.kind === 'failed' && before.failure.class !== 'no_deployment')

/**
 * Where everybody rests, nobody else can be asked and somebody is back soon: a place in the group's queue, and then
 * another look. undefined: there is nothing to wait for.
 */
export const queueFor = (
  play: Play,
  level: Level,
  choice: Nothing,
  again: () => Turn | Promise<Turn>,
): Turn | Promise<Turn> | undefined => {
  const { house, call, stop, allowance } = play
  const { waitMs, size } = call.config.router.failover.queue
  if (waitMs <= 0 || choice.passesInMs === undefined) return undefined
  const ms = Math.max(SHORTEST_MS, choice.passesInMs)
  if (ms > waitMs - allowance.queuedMs || ms >= allowance.leftMs || isElsewhere(play, level)) return undefined
  const signal = call.context.departed
  const place = house.board.queue.enter(stop.group, { priority: priorityOf(call), ms, signal, most: size })
  if (place === undefined) return wasAsked(level) ? undefined : full(play, choice)
  const since = house.clock.now()
  return place.then(stayed => {
    const waited = house.clock.now() - since
    allowance.queuedMs += waited
    level.waitedMs += waited
    return stayed ? again() : { kind: 'end', outcome: level.last ?? gone() }
  })
}
