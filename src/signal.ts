/**
 * "Stop now", as little of AbortSignal as the house needs: an AbortSignal is one too. The door makes one for every
 * request, so it is cheap: no event objects, no weak references.
 */
export type Signal = {
  readonly aborted: boolean
  /** Why, where somebody said it. */
  readonly reason?: unknown
  readonly addEventListener: (
    type: 'abort',
    listener: () => void,
    options?: { readonly once?: boolean },
  ) => void
  readonly removeEventListener: (type: 'abort', listener: () => void) => void
}

/** A signal and its trigger. Listeners are told once, in order; one that is added afterwards is not told. */
export class Departure implements Signal {
  #aborted = false
  #listeners: (() => void)[] = []

  get aborted(): boolean {
    return this.#aborted
  }
  addEventListener(_type: 'abort', listener: () => void): void {
    if (!this.#aborted) this.#listeners.push(listener)
  }
  removeEventListener(_type: 'abort', listener: () => void): void {
    const at = this.#listeners.indexOf(listener)
    if (at !== -1) this.#listeners.splice(at, 1)
  }
  abort(): void {
    if (this.#aborted) return
    this.#aborted = true
    for (const listener of this.#listeners.splice(0)) listener()
  }
}
