import type { Clock } from '../../src/house.ts'

type Timer = { readonly due: number; readonly action: () => void }

/** 2026-01-01: when every simulation begins. */
const EPOCH = Date.UTC(2026, 0, 1)

/**
 * Time that moves from timer to timer. Timers with the same due time fire in the order they were set.
 * When `settle` resolves, every promise and every tick that was due has run, and what they led to.
 */
export class SimClock implements Clock {
  #time = 0
  readonly #timers: Timer[] = []

  readonly now = (): number => this.#time
  readonly wall = (): number => EPOCH + this.#time
  readonly after = (ms: number, action: () => void): (() => void) => {
    const timer = { due: this.#time + Math.max(0, ms), action }
    this.#timers.splice(this.#placeFor(timer.due), 0, timer)
    return () => {
      const place = this.#timers.indexOf(timer)
      if (place !== -1) this.#timers.splice(place, 1)
    }
  }

  /** Due times of what is armed, ascending. */
  get pending(): readonly number[] {
    return this.#timers.map(({ due }) => due)
  }

  get armed(): number {
    return this.#timers.length
  }

  /** Moves to the next timer and fires it. False: nothing is armed. */
  step(): boolean {
    const next = this.#timers.shift()
    if (next === undefined) return false
    this.#time = next.due
    next.action()
    return true
  }

  /** Takes every timer back. */
  stop(): void {
    this.#timers.length = 0
  }

  #placeFor(due: number): number {
    let low = 0
    let high = this.#timers.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#timers[middle] as Timer).due <= due) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** A request is taken up at the end of the turn that brings its head, and goes on at the end of that of its body. */
const TURNS = 3

export const settle = async (): Promise<void> => {
  for (let turn = 0; turn < TURNS; turn++) await new Promise(resolve => setImmediate(resolve))
}
