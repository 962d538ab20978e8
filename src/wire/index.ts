import { isUtf8 } from 'node:buffer'
import { textOf } from './bytes.ts'
import type { Json } from './json.ts'
import { nameAt } from './names.ts'
import {
  JsonFault,
  type Key,
  OPEN_ARRAY,
  OPEN_OBJECT,
  skipArray,
  skipObject,
  skipSpace,
  startScan,
  syntaxFault,
} from './scan.ts'

/** One member of a JSON object by byte offsets: [keyStart, keyEnd) with quotes, value [start, end). */
export type Member = {
  readonly key: string
  readonly keyStart: number
  readonly start: number
  readonly end: number
}

/** The members of the top-level object in their order, over the bytes they were read from. */
export type JsonIndex = {
  readonly bytes: Uint8Array
  /** Offset of '{' and one past '}'. */
  readonly start: number
  readonly end: number
  readonly members: ReadonlyMap<string, Member>
}

/** A value's bytes: [start, end). */
export type Span = { readonly start: number; readonly end: number }

/** What is directly inside one object or array. A nested object may repeat a key: every occurrence is listed. */
export type ValueIndex =
  | {
      readonly kind: 'object'
      readonly start: number
      readonly end: number
      readonly members: readonly Member[]
    }
  | {
      readonly kind: 'array'
      readonly start: number
      readonly end: number
      readonly elements: readonly Span[]
    }

export type JsonKind = 'string' | 'number' | 'boolean' | 'null' | 'object' | 'array'

export type { Json }
export { JsonFault }

/** Deeper than any real request, and far from the end of the stack. */
const MAX_DEPTH = 200

/** Escaped names compare decoded: "mod\u0065l" is `model` to every parser behind us. */
const keyOf = (bytes: Uint8Array, { start, end, escaped }: Key): string =>
  escaped ? (JSON.parse(textOf(bytes, start, end)) as string) : nameAt(bytes, start + 1, end - 1)

const shown = (key: string): string => JSON.stringify(key.length > 80 ? `${key.slice(0, 80)}…` : key)

/** Where the first malformed UTF-8 sequence starts: halves towards it, then walks. [0, low) is always valid. */
const malformedAt = (bytes: Uint8Array): number => {
  let low = 0
  let high = bytes.length
  while (high - low > 8) {
    let middle = (low + high) >> 1
    // Three steps back reach the start of the longest character.
    for (let step = 0; step < 3 && ((bytes[middle] as number) & 0xc0) === 0x80; step++) middle--
    if (isUtf8(bytes.subarray(low, middle))) low = middle
    else high = middle
  }
  for (let size = 1; size <= 4 && low + size <= bytes.length; ) {
    if (isUtf8(bytes.subarray(low, low + size))) {
      low += size
      size = 1
    } else size++
  }
  return low
}

const checkEncoding = (bytes: Uint8Array): void => {
  if (!isUtf8(bytes)) {
    const at = malformedAt(bytes)
    throw new JsonFault('utf-8', at, `The body is not valid UTF-8 at byte ${at}.`)
  }
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    throw new JsonFault('utf-8', 0, 'The body starts with a byte order mark; JSON is sent without one.')
  }
}

const OTHER_KINDS: Readonly<Record<string, string>> = {
  '[': 'an array',
  '"': 'a string',
  t: 'a boolean',
  f: 'a boolean',
  n: 'null',
}

const notAnObject = (bytes: Uint8Array, at: number): JsonFault => {
  const letter = String.fromCharCode(bytes[at] ?? 0)
  const kind = /[-0-9]/.test(letter) ? 'a number' : OTHER_KINDS[letter]
  if (kind === undefined) return syntaxFault({ bytes }, at, "'{'")
  return new JsonFault('not-an-object', at, `The body must be a JSON object, but it is ${kind}.`)
}

/**
 * Reads a JSON document whose top level is an object and remembers where its members are. The whole grammar is
 * checked; no value is built. Beyond JSON.parse it refuses what two parsers may read differently: a top-level key
 * given twice (after decoding), a byte order mark, malformed UTF-8; and nesting deeper than `maxDepth` (200).
 * Throws JsonFault.
 */
export const indexObject = (bytes: Uint8Array, limits?: { readonly maxDepth: number }): JsonIndex => {
  checkEncoding(bytes)
  const start = skipSpace(bytes, 0)
  if (start === bytes.length)
    throw new JsonFault('empty', start, 'The body is empty; a JSON object is expected.')
  if (bytes[start] !== OPEN_OBJECT) throw notAnObject(bytes, start)

  const members = new Map<string, Member>()
  const scan = startScan(bytes, limits?.maxDepth ?? MAX_DEPTH, start)
  const end = skipObject(scan, start, 1, {
    member: (name, from, to) => {
      const key = keyOf(bytes, name)
      const before = members.size
      members.set(key, { key, keyStart: name.start, start: from, end: to })
      if (members.size > before) return
      const message = `The body gives the key ${shown(key)} twice (again at byte ${name.start}); once is allowed.`
      throw new JsonFault('duplicate-key', name.start, message, key)
    },
  })
  const rest = skipSpace(bytes, end)
  if (rest < bytes.length) throw syntaxFault(scan, rest, 'nothing after the object')
  return { bytes, start, end, members }
}

/**
 * The inside of the object or array at [start, end); undefined when a scalar is there. For bytes that were indexed
 * before, so nesting is not limited again. Throws JsonFault when they are not JSON.
 */
export const indexValue = (bytes: Uint8Array, { start, end }: Span): ValueIndex | undefined => {
  // Looking no further than the value keeps a walk over all elements of an array linear.
  const scan = startScan(bytes.subarray(0, end), Number.POSITIVE_INFINITY, start)
  if (bytes[start] === OPEN_OBJECT) {
    const members: Member[] = []
    const member = (name: Key, from: number, to: number): void => {
      members.push({ key: keyOf(bytes, name), keyStart: name.start, start: from, end: to })
    }
    return { kind: 'object', start, end: skipObject(scan, start, 1, { member }), members }
  }
  if (bytes[start] === OPEN_ARRAY) {
    const elements: Span[] = []
    const element = (from: number, to: number): void => {
      elements.push({ start: from, end: to })
    }
    return { kind: 'array', start, end: skipArray(scan, start, 1, { element }), elements }
  }
  return undefined
}

export const has = (index: JsonIndex, key: string): boolean => index.members.has(key)

const QUOTE = 0x22

/** The value of a top-level key, built from its slice alone. */
export const valueAt = (index: JsonIndex, key: string): Json | undefined => {
  const member = index.members.get(key)
  if (member === undefined) return undefined
  const text = textOf(index.bytes, member.start, member.end)
  // A string without escapes is the text between its quotes.
  if (index.bytes[member.start] === QUOTE && !text.includes('\\')) return text.slice(1, -1)
  return JSON.parse(text) as Json
}

/** The value when it is a string, else undefined. */
export const stringOf = (index: JsonIndex, key: string): string | undefined =>
  kindOf(index, key) === 'string' ? (valueAt(index, key) as string) : undefined

const KINDS: Readonly<Record<number, JsonKind>> = {
  34: 'string',
  123: 'object',
  91: 'array',
  116: 'boolean',
  102: 'boolean',
  110: 'null',
}

/** The type of a top-level value, told from its first byte. */
export const kindOf = (index: JsonIndex, key: string): JsonKind | undefined => {
  const member = index.members.get(key)
  return member && (KINDS[index.bytes[member.start] ?? 0] ?? 'number')
}
