import type { Call } from '../call.ts'
import { domainOf, hasTaker, orderLevels } from '../plan/select.ts'
import { allBusy, lineFull } from '../plan/select-nothing.ts'
import type { Lease } from '../shared/board.ts'
import { Departure } from '../signal.ts'
import {
  type End,
  endAs,
  type Go,
  gone,
  isElsewhere,
  type Level,
  type Picked,
  type Play,
  patienceOf,
  restsNow,
  wishNow,
} from './level.ts'
import { priorityOf } from './priority.ts'

/** Who is asked, and the slot for it. */
export type Place = { readonly turn: Go; readonly lease: Lease }

/** Whoever stands in lines, until it leaves them all. */
class Visit extends Departure {
  readonly #call: Call

  constructor(call: Call) {
    super()
    this.#call = call
  }
  /** The body is looked into only where there is a line. */
  get priority(): number {
    return priorityOf(this.#call)
  }
}

/**
 * A parallel slot at the deployment that was chosen; where none is free, in line for it and for whoever would do as well.
 * The end of the level: the line was full, nobody had one in time, the client left, or the time of the request was over.
 */
export const admit = (play: Play, level: Level, turn: Go): Place | End | Promise<Place | End> => {
  const { call, stop, house } = play
  const { inLine } = house.board
  const most = call.config.router.failover.parallelQueueSize
  const { id } = turn.choice.candidate.deployment
  if (most !== undefined && inLine.value(stop.group) >= most && !house.board.hasRoom(id))
    return endAs(play, level, lineFull(stop.named))
  const lines = new Visit(call)
  const own = enter(play, turn, lines)
  return own instanceof Promise ? standInLine(play, level, { turn, own, lines }) : own
}

const enter = ({ house, stop, wish }: Play, turn: Go, lines: Visit): Place | Promise<Place> => {
  const { candidate } = turn.choice
  const slot = house.board.admit(candidate.deployment, stop.group, lines, domainOf(candidate, wish))
  return slot instanceof Promise ? slot.then(lease => ({ turn, lease })) : { turn, lease: slot }
}

type Waiting = {
  readonly turn: Go
  readonly own: Promise<Place>
  /** Ends the wait in every line of the request. */
  readonly lines: Visit
}

/** Somebody of another order level or another group would take the request now: a line moves as slowly as the slowest answer. */
const isFreeElsewhere = (play: Play, { order, more, last }: Level): boolean => {
  const { desk, call } = play
  const wish = wishNow(play)
  const patienceMs = call.config.router.failover.longestWaitBesideFallbackMs
  const later = more ? orderLevels(wish.candidates).filter(one => one > (order ?? one)) : []
  return (
    later.some(atOrder => hasTaker(wish, desk, { atOrder, patienceMs })) ||
    play.hasFreeFallback(last?.failure.class ?? 'no_deployment')
  )
}

/** Whoever was not found the last time may be there a moment later. */
const LOOK_AGAIN_MS = 1_000

/** Leaves the line when it was waited for as long as anything is beside somebody else, and there is somebody. */
const watch = (play: Play, level: Level, leave: () => void): (() => void) => {
  const { clock } = play.house
  if (!isElsewhere(play, level)) return () => {}
  const look = (): void => {
    if (isFreeElsewhere(play, level)) leave()
    else cancel = clock.after(LOOK_AGAIN_MS, look)
  }
  let cancel = clock.after(Math.max(0, patienceOf(play, level) - level.linedMs), look)
  return () => cancel()
}

const standInLine = async (play: Play, level: Level, { turn, own, lines }: Waiting): Promise<Place | End> => {
  const { house, allowance, wish, stop } = play
  const { clock, board } = house
  board.inLine.up(stop.group)
  const since = clock.now()
  const leave = (): void => lines.abort()
  const unwatch = watch(play, level, leave)
  allowance.addEventListener('abort', leave)
  // Who is told once is not told again.
  if (allowance.aborted) leave()
  const others = (turn.choice.beside ?? []).map(candidate => {
    const because = `${turn.choice.because}; the first free slot`
    const choice: Picked = { kind: 'picked', candidate, because }
    return enter(play, { kind: 'go', choice, aside: restsNow(play, candidate) }, lines)
  })
  try {
    const place = await firstOf([own, ...others], lines)
    const late = over(play)
    if (late === undefined) return place
    // It came in the moment in which nobody had a use for it any more.
    place.lease.withdraw()
    return { kind: 'end', outcome: late }
  } catch {
    const outcome = over(play)
    return outcome === undefined ? endAs(play, level, allBusy(wish)) : { kind: 'end', outcome }
  } finally {
    board.inLine.down(stop.group)
    unwatch()
    allowance.removeEventListener('abort', leave)
    level.linedMs += clock.now() - since
  }
}

/** The client has left, or the time of the request is over. */
export const over = ({ call, allowance }: Play) =>
  call.context.departed.aborted ? gone() : allowance.over ? allowance.ranOut() : undefined

/** Whoever has a slot first; the other lines are left, and a slot that was given in the same breath goes back. */
const firstOf = (places: readonly (Place | Promise<Place>)[], lines: Visit): Promise<Place> => {
  let found: Place | undefined
  return Promise.any(
    places.map(async waited => {
      const place = await waited
      if (found !== undefined) place.lease.withdraw()
      found ??= place
      lines.abort()
      return found
    }),
  )
}
