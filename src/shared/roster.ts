/** A member's place; a roster's own. */
export type Seat<Member> = { readonly member: Member; place: number }

const LEFT = -1

/**
 * Who is here now, in no order, for what comes and goes with every call. A Set costs such a crowd dearly: V8 gives it a
 * new table every few dozen changes, and an old table goes on pointing to the next one. As soon as one of them has lived
 * through two collections of young objects, all tables after it look alive, and with them whoever was here when each
 * was left: half of all calls, whole, until the next full collection.
 */
export class Roster<Member> {
  readonly #seats: Seat<Member>[] = []

  get size(): number {
    return this.#seats.length
  }
  enter(member: Member): Seat<Member> {
    const seat = { member, place: this.#seats.length }
    this.#seats.push(seat)
    return seat
  }
  /** Once is enough. */
  leave(seat: Seat<Member>): void {
    const { place } = seat
    if (place === LEFT) return
    seat.place = LEFT
    const last = this.#seats.pop()
    if (last === undefined || last === seat) return
    // The last one takes the place that became free.
    this.#seats[place] = last
    last.place = place
  }
  /** Everybody who is here now, but for those who leave before their turn comes. */
  each(visit: (seat: Seat<Member>) => void): void {
    for (const seat of this.#seats.slice()) if (seat.place !== LEFT) visit(seat)
  }
}
