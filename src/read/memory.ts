/** How many bytes of request bodies the process may hold at once. Taken before a body is read, given back once. */
export class MemoryBudget {
  readonly limit: number
  #held = 0
  constructor(limit: number) {
    this.limit = limit
  }
  get held(): number {
    return this.#held
  }
  take(bytes: number): boolean {
    if (this.#held + bytes > this.limit) return false
    this.#held += bytes
    return true
  }
  give(bytes: number): void {
    this.#held = Math.max(0, this.#held - bytes)
  }
}
