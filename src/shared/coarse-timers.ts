type Entry = { readonly due: number; readonly action: () => void }

const TICK_MS = 1_000

/**
 * Timers for limits of a minute and more, which nearly all are cancelled: adding and cancelling one costs a set
 * operation instead of a timer of its own. They fire up to a second late, never early.
 */
export class CoarseTimers {
  readonly #entries = new Set<Entry>()
  #ticking: NodeJS.Timeout | undefined

  /** `due` and the clock are performance.now() values. */
  after(due: number, action: () => void): () => void {
    const entry: Entry = { due, action }
    this.#entries.add(entry)
    // A tick that comes late must not fire before what arrived meanwhile is read: it looks after the loop's next turn.
    this.#ticking ??= setInterval(() => setImmediate(() => this.#tick()), TICK_MS).unref()
    return () => this.#entries.delete(entry)
  }

  #tick(): void {
    const now = performance.now()
    for (const entry of this.#entries) {
      if (entry.due > now) continue
      this.#entries.delete(entry)
      entry.action()
    }
    if (this.#entries.size > 0) return
    clearInterval(this.#ticking)
    this.#ticking = undefined
  }
}
