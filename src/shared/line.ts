/** A member's place in line; a line's own. */
export type Standing<Member> = {
  readonly member: Member
  readonly priority: number
  readonly ticket: number
  place: number
}

const LEFT = -1

const isBefore = <Member>(one: Standing<Member>, other: Standing<Member>): boolean =>
  one.priority === other.priority ? one.ticket < other.ticket : one.priority < other.priority

/**
 * Who waits: smaller priority first, of equals who came first. A heap in which each knows its place, so that coming,
 * going first and leaving from the middle take a logarithm of the others' number, and nothing is left of who went.
 */
export class Line<Member> {
  readonly #heap: Standing<Member>[] = []
  #tickets = 0

  get size(): number {
    return this.#heap.length
  }
  get first(): Standing<Member> | undefined {
    return this.#heap[0]
  }
  enter(member: Member, priority: number): Standing<Member> {
    const standing = { member, priority, ticket: this.#tickets++, place: this.#heap.length }
    this.#heap.push(standing)
    this.#rise(standing)
    return standing
  }
  /** Once is enough. */
  leave(standing: Standing<Member>): void {
    const { place } = standing
    if (place === LEFT) return
    standing.place = LEFT
    const last = this.#heap.pop()
    if (last === undefined || last === standing) return
    // The last one takes the place that became free, and goes on to where it belongs.
    this.#put(last, place)
    this.#rise(last)
    this.#sink(last)
  }

  #put(standing: Standing<Member>, place: number): void {
    this.#heap[place] = standing
    standing.place = place
  }
  #swap(one: Standing<Member>, other: Standing<Member>): void {
    const { place } = one
    this.#put(one, other.place)
    this.#put(other, place)
  }
  #rise(standing: Standing<Member>): void {
    for (;;) {
      const above = this.#heap[(standing.place - 1) >> 1]
      if (above === undefined || !isBefore(standing, above)) return
      this.#swap(standing, above)
    }
  }
  #sink(standing: Standing<Member>): void {
    for (;;) {
      const left = this.#heap[2 * standing.place + 1]
      const right = this.#heap[2 * standing.place + 2]
      const below = left !== undefined && right !== undefined && isBefore(right, left) ? right : left
      if (below === undefined || !isBefore(below, standing)) return
      this.#swap(standing, below)
    }
  }
}
