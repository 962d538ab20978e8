/** How many calls are inside, and whether the door is closing. */
export class Traffic {
  #inside = 0
  #draining = false
  #shut = false
  #waiting: (() => void)[] = []
  readonly #curtain = new AbortController()

  get inside(): number {
    return this.#inside
  }
  get draining(): boolean {
    return this.#draining
  }
  /** No call is let in any more. */
  get shut(): boolean {
    return this.#shut
  }
  /** Aborts when the time for finishing is over: open streams end with their dialect's error event. */
  get curtain(): AbortSignal {
    return this.#curtain.signal
  }
  readonly enter = (): void => {
    this.#inside += 1
  }
  readonly leave = (): void => {
    this.#inside -= 1
    if (this.#inside > 0) return
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
    this.#curtain.abort()
  }
  /** Resolves when nobody is inside. */
  empty(): Promise<void> {
    return this.#inside === 0 ? Promise.resolve() : new Promise(resolve => this.#waiting.push(resolve))
  }
}
