const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const POINT = 0x2e
const ZERO = 0x30
const FIRST_BYTES = 4096
/** What one long line made larger than this is given back. */
const KEPT_BYTES = 64 * 1024
/** UTF-8 takes at most this many bytes for a UTF-16 unit. */
const BYTES_A_UNIT = 3
/** Digits of the largest safe integer. */
const DIGITS = 16

/**
 * JSON written as bytes into memory that is used again. An object of some fifty fields that is built to be stringified,
 * encoded and thrown away costs ten times what its bytes do. What is written is JSON as long as keys, values, opens and
 * closes come in its order; commas are put where they belong.
 */
export class JsonBytes {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES)
  #at = 0
  /** Something was written that the next key or element has to be parted from. */
  #parted = false

  /** Begins anew. */
  start(): this {
    this.#at = 0
    this.#parted = false
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = Buffer.allocUnsafeSlow(FIRST_BYTES)
    return this
  }
  /** What was written since `start`: a view that holds until the next `start`. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#at)
  }

  open(bracket: '{' | '['): this {
    this.#part()
    this.#byte(bracket.charCodeAt(0))
    this.#parted = false
    return this
  }
  close(bracket: '}' | ']'): this {
    this.#byte(bracket.charCodeAt(0))
    this.#parted = true
    return this
  }
  newline(): this {
    this.#byte(0x0a)
    return this
  }

  /** Printable ASCII that needs no escape: names are the program's own. */
  key(name: string): this {
    this.#part()
    this.#quoted(name)
    this.#byte(COLON)
    this.#parted = false
    return this
  }
  text(value: string): this {
    this.#part()
    if (!this.#quoted(value)) this.#ascii(JSON.stringify(value))
    this.#parted = true
    return this
  }
  /** null where JSON has no such number. */
  number(value: number): this {
    this.#part()
    if (Number.isSafeInteger(value) && value >= 0) this.#whole(value)
    else this.#ascii(Number.isFinite(value) ? String(value) : 'null')
    this.#parted = true
    return this
  }
  /** To the thousandth. */
  rounded(value: number): this {
    const thousandths = Math.round(value * 1000)
    if (!Number.isSafeInteger(thousandths) || thousandths < 0) return this.number(thousandths / 1000)
    this.#part()
    this.#whole(Math.floor(thousandths / 1000))
    this.#fraction(thousandths % 1000)
    this.#parted = true
    return this
  }
  /** Any value, by JSON.stringify: for what is rare. */
  json(value: unknown): this {
    this.#part()
    this.#ascii(JSON.stringify(value))
    this.#parted = true
    return this
  }

  #part(): void {
    if (this.#parted) this.#byte(COMMA)
  }
  #byte(value: number): void {
    this.#room(1)
    this.#bytes[this.#at++] = value
  }
  /** False, and nothing written, when a character needs more than its own byte. */
  #quoted(value: string): boolean {
    const { length } = value
    this.#room(length + 2)
    const bytes = this.#bytes
    let at = this.#at
    bytes[at++] = QUOTE
    for (let n = 0; n < length; n++) {
      const unit = value.charCodeAt(n)
      if (unit < 0x20 || unit > 0x7e || unit === QUOTE || unit === BACKSLASH) return false
      bytes[at++] = unit
    }
    bytes[at++] = QUOTE
    this.#at = at
    return true
  }
  #ascii(text: string): void {
    this.#room(text.length * BYTES_A_UNIT)
    this.#at += this.#bytes.write(text, this.#at)
  }
  #whole(value: number): void {
    this.#room(DIGITS)
    const bytes = this.#bytes
    let end = this.#at + 1
    for (let left = value; left >= 10; left = Math.floor(left / 10)) end += 1
    let left = value
    for (let at = end - 1; at >= this.#at; at--) {
      bytes[at] = ZERO + (left % 10)
      left = Math.floor(left / 10)
    }
    this.#at = end
  }
  #fraction(thousandths: number): void {
    if (thousandths === 0) return
    this.#byte(POINT)
    this.#byte(ZERO + Math.floor(thousandths / 100))
    if (thousandths % 100 === 0) return
    this.#byte(ZERO + (Math.floor(thousandths / 10) % 10))
    if (thousandths % 10 !== 0) this.#byte(ZERO + (thousandths % 10))
  }
  #room(bytes: number): void {
    const wanted = this.#at + bytes
    if (wanted <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#bytes.length, wanted))
    this.#bytes.copy(larger, 0, 0, this.#at)
    this.#bytes = larger
  }
}
