import { isObject, type Json, type JsonObject } from './json.ts'

/**
 * JSON that is read to be written again. Numbers of more digits than a JavaScript number holds (ids of 64 bits in the
 * arguments of a call, limits in a schema) stay as they were written; JSON.stringify writes them so.
 */

/** ECMAScript's source text access, which the compiler's library does not describe yet. */
type Sourced = {
  readonly rawJSON: (text: string) => Json
  readonly isRawJSON: (value: unknown) => boolean
  readonly parse: (
    text: string,
    reviver: (key: string, value: Json, context: { readonly source?: string }) => Json,
  ) => Json
}
const sourced = JSON as unknown as Sourced

/** No number of fewer digits, or a smaller exponent, is beyond them. A text that holds such a run elsewhere only costs time. */
const LONG = /\d{16}|\d[eE][+-]?\d{3}/
const WHOLE = /^-?\d+$/

/** Whole ones that were rounded, and those that would be infinite, or nothing. */
const isLost = (value: number, source: string): boolean =>
  WHOLE.test(source)
    ? !Number.isSafeInteger(value)
    : !Number.isFinite(value) || (value === 0 && /^-?[\d.]*[1-9]/.test(source))

const exact = (_key: string, value: Json, { source }: { readonly source?: string }): Json =>
  typeof value === 'number' && source !== undefined && isLost(value, source) ? sourced.rawJSON(source) : value

/** Throws SyntaxError. */
export const parseExact = (text: string): Json =>
  LONG.test(text) ? sourced.parse(text, exact) : (JSON.parse(text) as Json)

/** A number that parseExact has kept as it was written: to whoever walks over values it looks like an object. */
export const isExactNumber = (value: Json): boolean => sourced.isRawJSON(value)

/** Parameters stand in the body itself, or in an object of it. */
const DEEPEST_PARAMETER = 2

/** What the gateway reads is the number that JavaScript makes of it. */
const readable = (object: JsonObject, depth: number): JsonObject =>
  Object.fromEntries(
    Object.entries(object).map(([key, value]) => {
      if (isExactNumber(value)) return [key, Number(JSON.stringify(value))]
      return [key, depth < DEEPEST_PARAMETER && isObject(value) ? readable(value, depth + 1) : value]
    }),
  )

/** A body: what is carried in it keeps its digits, and parameters are numbers as ever. Throws SyntaxError. */
export const parseExactBody = (text: string): Json => {
  const value = parseExact(text)
  return LONG.test(text) && isObject(value) ? readable(value, 1) : value
}
