import { isObject, type Json, type JsonObject } from '../../src/wire/json.ts'

/** What a client sends, its key and the connection's headers left out. */
export type Ask = {
  readonly contentType: string
  readonly body: Buffer
  /** The top-level members (or form fields) that the client wrote: an attempt may have no others. */
  readonly members: ReadonlySet<string>
}

/** What the provider reads of a request. */
export type Heard = {
  readonly model: string
  readonly members: readonly string[]
  /** The beginning of the answer that the request ends with and asks to be continued; '' when there is none. */
  readonly begun: string
  /** The usage chunk was asked for, where the dialect has a switch for it. */
  readonly wantsUsage: boolean
}

/** A healthy answer, in the parts that faults fall between. */
export type Script = {
  readonly type: string
  /** chunked: pieces are sent one by one. length: they are slices of one body whose length is announced. */
  readonly framing: 'chunked' | 'length'
  readonly opening: readonly Buffer[]
  readonly pieces: readonly Buffer[]
  readonly closing: readonly Buffer[]
  /** `[DONE]`, where the dialect has one. */
  readonly sentinel: readonly Buffer[]
  /** What no reader of this format accepts; undefined where everything is acceptable. */
  readonly broken: Buffer | undefined
}

/** An answer as a careful client reads it, whether it is whole or not. */
export type Reading = {
  /** As much of the answer as came, in words. */
  readonly content: string
  /** The dialect's own mark of a whole answer was there. */
  readonly finished: boolean
  readonly usage: boolean
  /** The model's name in the answer; undefined where the format has no place for one. */
  readonly model: string | undefined
  /** An error that came in the answer. */
  readonly error?: string
  /** What is wrong with it although every part can be read. */
  readonly flaw?: string
}

/** One endpoint, streaming or not: the only place that knows its format. Faults, checks and reports do not. */
export type Endpoint = {
  readonly id: string
  readonly title: string
  /** At the gateway; the provider's is the same without `/v1`. */
  readonly path: string
  /** The answer is an event stream. */
  readonly streams: boolean
  /** The answer is handed over as it is made: an event stream, or bytes of sound. */
  readonly incremental: boolean
  readonly ask: (model: string) => Ask
  readonly hear: (body: Buffer) => Heard
  readonly script: (rest: string, heard: Heard) => Script
  readonly read: (body: Buffer) => Reading
  /** The format has a place for usage. */
  readonly tellsUsage: boolean
  /** Why a sentinel cannot be missing here; undefined where there is one. */
  readonly noSentinel: string | undefined
  /** Why no request can carry the beginning of an answer; undefined where it can. */
  readonly noPrefill: string | undefined
  /** Both deployments are declared to be this model, where an endpoint crosses only between those. */
  readonly baseModel?: string
}

export const NOTHING_READ: Reading = { content: '', finished: false, usage: false, model: undefined }

/** Several parts in one order, each followed by the next. */
export const wholeOf = (script: Script): Buffer =>
  Buffer.concat([...script.opening, ...script.pieces, ...script.closing, ...script.sentinel])

export const jsonAsk = (body: JsonObject): Ask => ({
  contentType: 'application/json',
  body: Buffer.from(JSON.stringify(body)),
  members: new Set(Object.keys(body)),
})

/** Undefined when the bytes are no JSON object. */
export const objectIn = (bytes: Buffer | string): JsonObject | undefined => {
  try {
    const value: Json = JSON.parse(bytes.toString())
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

export const textIn = (value: Json | undefined): string => (typeof value === 'string' ? value : '')
export const objectsIn = (value: Json | undefined): readonly JsonObject[] =>
  Array.isArray(value) ? value.filter((one: Json) => isObject(one)) : []

export const hearJson =
  (begun: (body: JsonObject) => string = () => '') =>
  (bytes: Buffer): Heard => {
    const body = objectIn(bytes) ?? {}
    const options = isObject(body.stream_options) ? body.stream_options : {}
    return {
      model: textIn(body.model),
      members: Object.keys(body),
      begun: begun(body),
      wantsUsage: options.include_usage === true,
    }
  }

export const dataFrame = (value: JsonObject): Buffer => Buffer.from(`data: ${JSON.stringify(value)}\n\n`)
export const namedFrame = (value: JsonObject & { readonly type: string }): Buffer =>
  Buffer.from(`event: ${value.type}\ndata: ${JSON.stringify(value)}\n\n`)
export const DONE = Buffer.from('data: [DONE]\n\n')

export const eventsScript = (parts: Partial<Script> & Pick<Script, 'broken' | 'pieces'>): Script => ({
  type: 'text/event-stream; charset=utf-8',
  framing: 'chunked',
  opening: [],
  closing: [],
  sentinel: [],
  ...parts,
})

/** As many slices as the answer has words, so that a share of the pieces is a share of the body. */
const SLICES = 60

export const documentScript = (value: JsonObject): Script => {
  const body = Buffer.from(JSON.stringify(value))
  const at = (slice: number): number => Math.round((slice * body.length) / SLICES)
  return {
    type: 'application/json',
    framing: 'length',
    opening: [],
    pieces: Array.from({ length: SLICES }, (_, slice) => body.subarray(at(slice), at(slice + 1))),
    closing: [],
    sentinel: [],
    broken: Buffer.from('"oops'),
  }
}

export const NO_SENTINEL_IN_BODY = 'a whole body has no sentinel'
export const NO_PREFILL_IN_BODY = 'nothing is delivered before the answer is whole: S08 is the same'
