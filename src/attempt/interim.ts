/**
 * `100 Continue` that nobody asked for. A client has to read past any interim answer (RFC 9110, section 15.2), and the
 * HTTP client that is used here closes the connection at this one, so it is shown as `102`, which it reads past.
 * One for each connection: told of every request, it looks at the bytes up to the head of the final answer.
 */
export class InterimAnswers {
  /** The next byte's place in a status line; BEHIND: in the rest of an interim head; DONE: the final answer has begun. */
  #at = 0
  /** Of the empty line that ends an interim head. */
  #ended = 0
  #hundred = false

  /** A request goes out: what comes next is the head of an answer. */
  begin(): void {
    this.#at = 0
    this.#ended = 0
  }

  /** The same bytes; those of a `100` changed in place. */
  pass(bytes: Uint8Array): void {
    // Nearly every answer has no interim one before it.
    if (this.#at === 0 && bytes.length > FIRST_DIGIT && bytes[FIRST_DIGIT] !== ONE) this.#at = DONE
    for (let place = 0; place < bytes.length && this.#at !== DONE; place += 1)
      if (this.#note(bytes[place] ?? 0)) bytes[place] = TWO
  }

  /** True: this byte is the last digit of a 100. */
  #note(byte: number): boolean {
    if (this.#at === BEHIND) {
      this.#ended = byte === END_OF_HEAD[this.#ended] ? this.#ended + 1 : byte === CR ? 1 : 0
      if (this.#ended === END_OF_HEAD.length) this.begin()
      return false
    }
    const place = this.#at
    this.#at = place === LAST_DIGIT ? BEHIND : place + 1
    if (place === FIRST_DIGIT && byte !== ONE) this.#at = DONE
    if (place === FIRST_DIGIT + 1) this.#hundred = byte === ZERO
    return place === LAST_DIGIT && this.#hundred && byte === ZERO
  }
}

const BEHIND = -1
const DONE = -2
/** `HTTP/1.1 100`: places of the status in its line. */
const FIRST_DIGIT = 9
const LAST_DIGIT = 11
const [ZERO, ONE, TWO] = [0x30, 0x31, 0x32]
const CR = 0x0d
const END_OF_HEAD = [CR, 0x0a, CR, 0x0a]
