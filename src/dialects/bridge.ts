import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { sseDecoder } from '../wire/sse.ts'
import { withCustomCalls } from './custom-tools.ts'
import type { Asked, Door, NeutralDecoder, NeutralEvent, StreamWriter, Upstream } from './neutral.ts'
import type { StreamDecoder, StreamEvent } from './shape.ts'

/** A decoder for dialects that stream server-sent events: `read` makes neutral events of one. */
export const fromEvents = (read: (event: StreamEvent) => readonly NeutralEvent[]): NeutralDecoder => {
  const events = sseDecoder()
  return {
    push: chunk => events.push(chunk).flatMap(read),
    end: () => events.end().flatMap(read),
  }
}

/** An upstream's stream as the client's dialect streams it. */
export const throughBridge = (decoder: NeutralDecoder, writer: StreamWriter): StreamDecoder => {
  let silent = false
  const written = (events: readonly NeutralEvent[]): StreamEvent[] =>
    events.flatMap(event => {
      const said = writer.write(event)
      silent ||= said.length === 0 && event.kind === 'delta'
      return said
    })
  return {
    push: chunk => written(decoder.push(chunk)),
    end: () => written(decoder.end()),
    // What the client's dialect has no place for (another provider's thoughts) shows all the same that it is alive.
    keptBack: () => {
      const kept = silent
      silent = false
      return kept
    },
  }
}

const decoder = new TextDecoder()
const encoder = new TextEncoder()

/** A JSON object out of bytes. Throws Error. */
export const objectIn = (bytes: Uint8Array): JsonObject => {
  const value = JSON.parse(decoder.decode(bytes)) as Json
  if (!isObject(value)) throw new Error('the body is no JSON object')
  return value
}

export const bytesOf = (value: JsonObject): Uint8Array => encoder.encode(JSON.stringify(value))

/** Thrown by an upstream whose whole answer is a failure told inside a success. */
export class FailedAnswer extends Error {
  /** Of OpenAI's form. */
  readonly error: JsonObject
  constructor(error: JsonObject) {
    super(String(error.message))
    this.error = error
  }
}

/**
 * A whole answer of the upstream in the client's dialect; a failed one as a body that holds the error object and
 * nothing else. Throws Error when it is none.
 */
export const translateAnswer = (
  bytes: Uint8Array,
  upstream: Upstream,
  door: Door,
  asked: Asked,
): Uint8Array => {
  const body = objectIn(bytes)
  try {
    return bytesOf(door.answer(withCustomCalls(upstream.answer(body), asked.request), asked))
  } catch (error) {
    if (error instanceof FailedAnswer) return bytesOf({ error: error.error })
    throw error
  }
}
