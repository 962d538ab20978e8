import { Roster, type Seat } from '../shared/roster.ts'
import { Departure, type Signal } from '../signal.ts'

/** Who is inside, and whether the door is closing. */
export class Traffic {
  readonly #inside = new Roster<Departure>()
  #draining = false
  #shut = false
  #waiting: (() => void)[] = []
  /** No AbortSignal: the listeners that have left one go on pointing to those who came after them. */
  readonly #curtain = new Departure()

  get inside(): number {
    return this.#inside.size
  }
  get draining(): boolean {
    return this.#draining
  }
  /** No call is let in any more. */
  get shut(): boolean {
    return this.#shut
  }
  /** Aborts when the time for finishing is over: open streams end with their dialect's error event. */
  get curtain(): Signal {
    return this.#curtain
  }
  /** Counts a call in; aborting `departure` ends its attempts. */
  enter(departure: Departure): Seat<Departure> {
    return this.#inside.enter(departure)
  }
  /** Counts it out; once is enough. */
  leave(seat: Seat<Departure>): void {
    this.#inside.leave(seat)
    if (this.#inside.size > 0) return
    for (const tell of this.#waiting.splice(0)) tell()
  }
  /** From here on readiness says no. */
  drain(): void {
    this.#draining = true
  }
  /** From here on nobody is let in. */
  shutDoor(): void {
    this.#draining = true
    this.#shut = true
  }
  /** Ends what is still open. */
  fall(): void {
    // Streams that run hear of the curtain first and end by it; what has no answer yet then gives up its attempts.
    this.#curtain.abort()
    this.#inside.each(({ member }) => member.abort())
  }
  /** Resolves when nobody is inside. */
  empty(): Promise<void> {
    return this.#inside.size === 0 ? Promise.resolve() : new Promise(resolve => this.#waiting.push(resolve))
  }
}
