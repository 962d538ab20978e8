import type { Json } from './json.ts'

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

/** No number of fewer digits is beyond them. A text that holds such a run elsewhere only costs time. */
const LONG = /\d{16}/
const WHOLE = /^-?\d+$/

const exact = (_key: string, value: Json, { source }: { readonly source?: string }): Json =>
  typeof value === 'number' && source !== undefined && !Number.isSafeInteger(value) && WHOLE.test(source)
    ? sourced.rawJSON(source)
    : value

/** Throws SyntaxError. */
export const parseExact = (text: string): Json =>
  LONG.test(text) ? sourced.parse(text, exact) : (JSON.parse(text) as Json)

/** A number that parseExact has kept as it was written: to whoever walks over values it looks like an object. */
export const isExactNumber = (value: Json): boolean => sourced.isRawJSON(value)
