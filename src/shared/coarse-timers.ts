import { Roster } from './roster.ts'

type Entry = { readonly due: number; readonly action: () => void }

const TICK_MS = 1_000

/**
 * Timers for limits of a minute and more, which nearly all are cancelled: adding and cancelling one costs a
 * place in a list instead of a timer of its own. They fire up to a second late, never early.
 */
export class CoarseTimers {
  readonly #entries = new Roster<Entry>()
  #ticking: NodeJS.Timeout | undefined

  /** `due` and the clock are performance.now() values. */
  after(due: number, action: () => void): () => void {
    const seat = this.#entries.enter({ due, action })
    // A tick that comes late must not fire before what arrived meanwhile is read: it looks after the loop's next turn.
    this.#ticking ??= setInterval(() => setImmediate(() => this.#tick()), TICK_MS).unref()
    return () => this.#entries.leave(seat)
  }

  #tick(): void {
    const now = performance.now()
    this.#entries.each(seat => {
      if (seat.member.due > now) return
      this.#entries.leave(seat)
      seat.member.action()
    })
    if (this.#entries.size > 0) return
    clearInterval(this.#ticking)
    this.#ticking = undefined
  }
}
