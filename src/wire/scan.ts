import { type Reach, reachInto, skipFast } from './skip.ts'

/**
 * The JSON grammar (RFC 8259) over bytes: finds where values end and builds none of them.
 * Accepts what JSON.parse accepts, given that the bytes are valid UTF-8. Long documents are passed over by skip.ts;
 * what is here reads the short ones, and whatever is wrong.
 */

export type JsonFaultReason = 'syntax' | 'duplicate-key' | 'not-an-object' | 'depth' | 'utf-8' | 'empty'

/** The body is not a JSON object this gateway takes. The message is for the client and quotes no content. */
export class JsonFault extends Error {
  readonly reason: JsonFaultReason
  /** Byte offset of the fault. */
  readonly offset: number
  /** The repeated key, for 'duplicate-key' only. */
  readonly key?: string
  constructor(reason: JsonFaultReason, offset: number, message: string, key?: string) {
    super(message)
    this.name = 'JsonFault'
    this.reason = reason
    this.offset = offset
    if (key !== undefined) this.key = key
  }
}

/** One walk over one document. The three positions are where the next such byte is known to be. */
export type Scan = {
  readonly bytes: Uint8Array
  readonly maxDepth: number
  /** The fast way over values; gone for the rest of the document once it failed, so nothing is read a third time. */
  reach: Reach | undefined
  /** True once the string read last held a backslash. */
  escaped: boolean
  nextQuote: number
  nextBackslash: number
  nextControl: number
}

/** A member's name by offsets, quotes included; `escaped` when it holds a backslash. */
export type Key = { readonly start: number; readonly end: number; readonly escaped: boolean }

/** Told of each thing directly inside a container; [start, end) is the value. */
export type Visit = {
  readonly member?: (key: Key, start: number, end: number) => void
  readonly element?: (start: number, end: number) => void
}

/** From this many bytes on a document is worth the way into the module and back. */
const LONG_DOCUMENT = 256

/** A walk that starts at `from`. */
export const startScan = (bytes: Uint8Array, maxDepth: number, from: number): Scan => ({
  bytes,
  maxDepth,
  reach: bytes.length - from < LONG_DOCUMENT ? undefined : reachInto(bytes),
  escaped: false,
  nextQuote: -1,
  nextBackslash: -1,
  nextControl: -1,
})

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const BACKSLASH = 0x5c
export const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
export const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const ZERO = 0x30
const NINE = 0x39

/** After this many plain bytes a string is long and the native search is cheaper than looking at each byte. */
const LONG_STRING = 48

/** 1 for the bytes that end a run of plain string content: the quote, the backslash, control characters. */
const ENDS_RUN = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte < 0x20 || byte === QUOTE || byte === BACKSLASH ? 1 : 0,
)

/** 1 for the letters of the two-byte escapes. */
const SHORT_ESCAPE = Uint8Array.from({ length: 256 }, (_, byte) =>
  '"\\/bfnrt'.includes(String.fromCharCode(byte)) ? 1 : 0,
)

const IS_DIGIT = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= ZERO && byte <= NINE ? 1 : 0))

const WORDS: readonly (readonly [first: number, rest: readonly number[]])[] = ['true', 'false', 'null'].map(
  word => [word.charCodeAt(0), Array.from(word.slice(1), letter => letter.charCodeAt(0))],
)

const nameOf = (byte: number | undefined): string => {
  if (byte === undefined) return 'the body ends'
  if (byte > 0x20 && byte < 0x7f) return `there is '${String.fromCharCode(byte)}'`
  return `there is byte 0x${byte.toString(16).padStart(2, '0')}`
}

export const syntaxFault = (scan: Pick<Scan, 'bytes'>, at: number, expected: string): JsonFault =>
  new JsonFault(
    'syntax',
    at,
    `The body is not valid JSON: expected ${expected} at byte ${at}, but ${nameOf(scan.bytes[at])}.`,
  )

/** The first byte at or after `from` that is not JSON white space. */
export const skipSpace = (bytes: Uint8Array, from: number): number => {
  const { length } = bytes
  let at = from
  while (at < length) {
    const byte = bytes[at] as number
    // One comparison settles compact JSON.
    if (byte > 0x20 || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) break
    at++
  }
  return at
}

const find = (bytes: Uint8Array, byte: number, from: number): number => {
  const at = bytes.indexOf(byte, from)
  return at < 0 ? bytes.length : at
}

const findShort = (bytes: Uint8Array, from: number): number => {
  let at = from
  while (at < bytes.length && (bytes[at] as number) >= 0x20) at++
  return at
}

/** The next byte under 0x20, or the length. Reads four bytes at a time: no native search takes a range. */
const findControl = (bytes: Uint8Array, from: number): number => {
  const { length } = bytes
  let at = from
  while (at < length && ((bytes.byteOffset + at) & 3) !== 0) {
    if ((bytes[at] as number) < 0x20) return at
    at++
  }
  // A view over no words at an odd offset is a RangeError.
  if (length - at < 4) return findShort(bytes, at)
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + at, (length - at) >> 2)
  const whole = words.length - 3
  let word = 0
  for (; word < whole; word += 4) {
    const a = words[word] as number
    const b = words[word + 1] as number
    const c = words[word + 2] as number
    const d = words[word + 3] as number
    // Subtracting 0x20 borrows into the top bit of exactly those bytes that were under 0x20 and not above 0x7f.
    const low =
      ((a - 0x20202020) & ~a) | ((b - 0x20202020) & ~b) | ((c - 0x20202020) & ~c) | ((d - 0x20202020) & ~d)
    if ((low & 0x80808080) !== 0) break
  }
  return findShort(bytes, at + word * 4)
}

/** Every position is searched again only once it is passed, so a document is read a fixed number of times. */
const nextSpecial = (scan: Scan, at: number): number => {
  if (scan.nextQuote < at) scan.nextQuote = find(scan.bytes, QUOTE, at)
  if (scan.nextBackslash < at) scan.nextBackslash = find(scan.bytes, BACKSLASH, at)
  if (scan.nextControl < at) scan.nextControl = findControl(scan.bytes, at)
  return Math.min(scan.nextQuote, scan.nextBackslash, scan.nextControl)
}

const isHex = (byte: number | undefined): boolean =>
  byte !== undefined && ((byte >= ZERO && byte <= NINE) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66))

const skipEscape = (scan: Scan, at: number): number => {
  const { bytes } = scan
  switch (bytes[at + 1]) {
    case QUOTE:
    case BACKSLASH:
    case 0x2f: // /
    case 0x62: // b
    case 0x66: // f
    case 0x6e: // n
    case 0x72: // r
    case 0x74: // t
      return at + 2
    case 0x75: // u
      for (let digit = at + 2; digit < at + 6; digit++) {
        if (!isHex(bytes[digit])) throw syntaxFault(scan, digit, 'four hexadecimal digits after \\u')
      }
      return at + 6
    default:
      throw syntaxFault(scan, at + 1, 'an escape that JSON knows')
  }
}

/** One past the closing quote of the string that opens at `open`. */
const skipString = (scan: Scan, open: number): number => {
  const { bytes } = scan
  const { length } = bytes
  scan.escaped = false
  let at = open + 1
  for (;;) {
    const near = Math.min(length, at + LONG_STRING)
    while (at < near && ENDS_RUN[bytes[at] as number] === 0) at++
    if (at === near) at = nextSpecial(scan, at)
    const byte = bytes[at]
    if (byte === QUOTE) return at + 1
    if (byte !== BACKSLASH)
      throw syntaxFault(scan, at, 'the rest of a string (control characters are escaped)')
    scan.escaped = true
    // Prose in JSON is full of \n and \": they are stepped over here, the rare ones and the wrong ones with care.
    at = SHORT_ESCAPE[bytes[at + 1] as number] === 1 ? at + 2 : skipEscape(scan, at)
  }
}

const skipDigits = (scan: Scan, from: number): number => {
  const { bytes } = scan
  const { length } = bytes
  let at = from
  while (at < length && IS_DIGIT[bytes[at] as number] === 1) at++
  if (at === from) throw syntaxFault(scan, at, 'a digit')
  return at
}

const skipNumber = (scan: Scan, from: number): number => {
  const { bytes } = scan
  let at = bytes[from] === 0x2d ? from + 1 : from
  at = bytes[at] === ZERO ? at + 1 : skipDigits(scan, at)
  if (bytes[at] === 0x2e) at = skipDigits(scan, at + 1)
  const exponent = bytes[at]
  if (exponent === 0x65 || exponent === 0x45) {
    const sign = bytes[at + 1]
    at = skipDigits(scan, sign === 0x2b || sign === 0x2d ? at + 2 : at + 1)
  }
  return at
}

const skipWord = (scan: Scan, from: number): number => {
  const first = scan.bytes[from]
  for (const [letter, rest] of WORDS) {
    if (letter !== first) continue
    let at = from + 1
    for (const next of rest) {
      if (scan.bytes[at] !== next) throw syntaxFault(scan, at, 'true, false or null')
      at++
    }
    return at
  }
  throw syntaxFault(scan, from, 'a value')
}

const checkDepth = (scan: Scan, at: number, depth: number): void => {
  if (depth <= scan.maxDepth) return
  throw new JsonFault('depth', at, `The body nests deeper than ${scan.maxDepth} levels at byte ${at}.`)
}

/** One past the '}' of the object that opens at `open`. `depth` counts this object; the top level is 1. */
export const skipObject = (scan: Scan, open: number, depth: number, visit?: Visit): number => {
  const { bytes } = scan
  checkDepth(scan, open, depth)
  let at = skipSpace(bytes, open + 1)
  if (bytes[at] === CLOSE_OBJECT) return at + 1
  for (;;) {
    if (bytes[at] !== QUOTE) throw syntaxFault(scan, at, 'a quoted member name')
    const keyStart = at
    const keyEnd = skipString(scan, at)
    const { escaped } = scan
    at = skipSpace(bytes, keyEnd)
    if (bytes[at] !== COLON) throw syntaxFault(scan, at, "':' after a member name")
    const start = skipSpace(bytes, at + 1)
    const end = skipValue(scan, start, depth)
    visit?.member?.({ start: keyStart, end: keyEnd, escaped }, start, end)
    at = skipSpace(bytes, end)
    const byte = bytes[at]
    if (byte === CLOSE_OBJECT) return at + 1
    if (byte !== COMMA) throw syntaxFault(scan, at, "',' or '}'")
    at = skipSpace(bytes, at + 1)
  }
}

/** One past the ']' of the array that opens at `open`. */
export const skipArray = (scan: Scan, open: number, depth: number, visit?: Visit): number => {
  const { bytes } = scan
  checkDepth(scan, open, depth)
  let at = skipSpace(bytes, open + 1)
  if (bytes[at] === CLOSE_ARRAY) return at + 1
  for (;;) {
    const end = skipValue(scan, at, depth)
    visit?.element?.(at, end)
    at = skipSpace(bytes, end)
    const byte = bytes[at]
    if (byte === CLOSE_ARRAY) return at + 1
    if (byte !== COMMA) throw syntaxFault(scan, at, "',' or ']'")
    at = skipSpace(bytes, at + 1)
  }
}

/** One past the value that starts at `at`; `depth` is the number of containers around it. */
export const skipValue = (scan: Scan, at: number, depth: number): number => {
  const byte = scan.bytes[at]
  if (scan.reach !== undefined && (byte === QUOTE || byte === OPEN_OBJECT || byte === OPEN_ARRAY)) {
    const end = skipFast(scan.reach, at, scan.maxDepth - depth)
    if (end !== undefined) return end
    scan.reach = undefined
  }
  if (byte === QUOTE) return skipString(scan, at)
  if (byte === OPEN_OBJECT) return skipObject(scan, at, depth + 1)
  if (byte === OPEN_ARRAY) return skipArray(scan, at, depth + 1)
  if (byte === 0x2d || (byte !== undefined && byte >= ZERO && byte <= NINE)) return skipNumber(scan, at)
  return skipWord(scan, at)
}
