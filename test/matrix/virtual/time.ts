import type { Clock } from '../../../src/house.ts'

type Timer = { readonly due: number; readonly action: () => void }

/** 2026-01-01: when every run begins. */
const EPOCH = Date.UTC(2026, 0, 1)

/** Time that goes from timer to timer when told to. Timers with the same due time fire in the order they were set. */
export class SteppedClock implements Clock {
  #time = 0
  readonly #timers: Timer[] = []

  readonly now = (): number => this.#time
  readonly wall = (): number => EPOCH + this.#time
  readonly after = (ms: number, action: () => void): (() => void) => {
    const timer = { due: this.#time + Math.max(0, ms), action }
    const later = this.#timers.findIndex(other => other.due > timer.due)
    this.#timers.splice(later === -1 ? this.#timers.length : later, 0, timer)
    return () => {
      const place = this.#timers.indexOf(timer)
      if (place !== -1) this.#timers.splice(place, 1)
    }
  }

  /** When the next timer is due; undefined: none is armed. */
  get next(): number | undefined {
    return this.#timers[0]?.due
  }

  get armed(): number {
    return this.#timers.length
  }

  /** Goes to the next timer and fires it. False: none is armed. */
  step(): boolean {
    const next = this.#timers.shift()
    if (next === undefined) return false
    this.#time = next.due
    next.action()
    return true
  }
}

/** One turn of the event loop: every promise and every tick that was due has run. */
export const settled = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
