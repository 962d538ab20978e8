import type { Clock, Dice } from '../house.ts'
import { CoarseTimers } from './coarse-timers.ts'

/** The longest delay a Node timer keeps; anything above fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** Whoever fires this late was held up. */
const LATE_MS = 20

/** Limits this long may end a second late. */
const COARSE_MS = 60_000
const coarse = new CoarseTimers()

/**
 * Real time. A timer never fires early: a delay is often a lower bound that an upstream asked for. One that fires late
 * waits for one more turn of the loop: the process was busy or not running, and what arrived meanwhile has yet to be
 * read. A limit must not call a provider silent whose word lies unread.
 */
export const systemClock = (): Clock => ({
  now: () => performance.now(),
  wall: () => Date.now(),
  after: (ms, action) => {
    const due = performance.now() + Math.max(0, ms)
    if (ms >= COARSE_MS) return coarse.after(due, action)
    let timer: NodeJS.Timeout
    let behind: NodeJS.Immediate | undefined
    const fire = () => {
      const late = performance.now() - due
      if (late < 0) arm()
      else if (late < LATE_MS) action()
      else behind = setImmediate(action)
    }
    const arm = () => {
      const left = Math.ceil(Math.max(0, due - performance.now()))
      timer = setTimeout(fire, Math.min(left, LONGEST_TIMER_MS))
    }
    arm()
    return () => {
      clearTimeout(timer)
      clearImmediate(behind)
    }
  },
})

export const systemDice = (): Dice => ({ random: Math.random })

/** A repeatable die (mulberry32): the same seed gives the same rolls. */
export const seededDice = (seed: number): Dice => {
  let state = seed >>> 0
  return {
    random: () => {
      state = (state + 0x6d2b79f5) >>> 0
      let mixed = Math.imul(state ^ (state >>> 15), state | 1)
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
    },
  }
}

export type VirtualClock = {
  readonly clock: Clock
  /** Moves time forward by `ms`, firing what falls due in order and letting every promise settle in between. */
  readonly advance: (ms: number) => Promise<void>
  readonly now: () => number
  /** Timers that are armed and have not fired. */
  readonly pending: () => number
  /** When the next one is due. */
  readonly due: () => number | undefined
}

type Timer = { readonly due: number; readonly action: () => void }

const settlePromises = () => new Promise<void>(resolve => setImmediate(resolve))

/** Time that moves only when told to. Timers with the same due time fire in the order they were set. */
export const virtualClock = (epoch = Date.UTC(2026, 0, 1)): VirtualClock => {
  let time = 0
  const timers: Timer[] = []

  const insert = (timer: Timer) => {
    const later = timers.findIndex(other => other.due > timer.due)
    timers.splice(later === -1 ? timers.length : later, 0, timer)
  }
  const cancel = (timer: Timer) => {
    const place = timers.indexOf(timer)
    if (place !== -1) timers.splice(place, 1)
  }
  const clock: Clock = {
    now: () => time,
    wall: () => epoch + time,
    after: (ms, action) => {
      const timer = { due: time + Math.max(0, ms), action }
      insert(timer)
      return () => cancel(timer)
    },
  }
  const advance = async (ms: number) => {
    const target = time + ms
    await settlePromises()
    for (let next = timers[0]; next !== undefined && next.due <= target; next = timers[0]) {
      timers.shift()
      time = next.due
      next.action()
      await settlePromises()
    }
    time = target
  }
  return { clock, advance, now: () => time, pending: () => timers.length, due: () => timers[0]?.due }
}
