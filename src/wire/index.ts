import type { Json } from './json.ts'

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

export type { Json }
