import { parseExactBody } from '../wire/exact-json.ts'
import { isObject, type JsonObject } from '../wire/json.ts'
import { sseDecoder } from '../wire/sse.ts'
import { withCustomCalls } from './custom-tools.ts'
import { NO_TOKEN, saysNothing, silenceWatch } from './empty-answer.ts'
import { saidError } from './error-object.ts'
import { withFreshIds } from './fresh-ids.ts'
import type {
  Asked,
  Door,
  NeutralAnswer,
  NeutralDecoder,
  NeutralEvent,
  StreamWriter,
  Upstream,
} from './neutral.ts'
import { spelled, unsaid } from './read-json.ts'
import type { StreamDecoder, StreamEvent } from './shape.ts'
import { withOwnNames } from './tool-names.ts'

/** A decoder for dialects that stream events, server-sent ones unless told: `read` makes neutral events of one. */
export const fromEvents = (
  read: (event: StreamEvent) => readonly NeutralEvent[],
  events: StreamDecoder = sseDecoder(),
): NeutralDecoder => {
  return {
    push: chunk => events.push(chunk).flatMap(read),
    end: () => events.end().flatMap(read),
  }
}

/** An upstream's stream as the client's dialect streams it. */
export const throughBridge = (decoder: NeutralDecoder, writer: StreamWriter): StreamDecoder => {
  let silent = false
  let stopped = false
  const endsEmpty = silenceWatch()
  /** What fails behind the end of an answer fails nothing of it. */
  const settled = (event: NeutralEvent): NeutralEvent => {
    stopped ||= event.kind === 'stop'
    return stopped && event.kind === 'error' ? { kind: 'end' } : event
  }
  const written = (events: readonly NeutralEvent[]): StreamEvent[] =>
    events.map(settled).flatMap(told => {
      const event: NeutralEvent = endsEmpty(told) ? { kind: 'error', error: NO_TOKEN } : told
      const said = writer.write(event)
      silent ||= said.length === 0 && (event.kind === 'delta' || event.kind === 'media')
      return said
    })
  return {
    push: chunk => written(decoder.push(chunk)),
    end: () => written(decoder.end()),
    finished: () => decoder.stopped?.() === true,
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
  const value = parseExactBody(decoder.decode(bytes))
  if (!isObject(value)) throw new Error('the body is no JSON object')
  return value
}

export const bytesOf = (value: JsonObject): Uint8Array => encoder.encode(JSON.stringify(value))

/** Thrown for a whole answer that is a failure told inside a success, by the upstream, or by a door it says nothing to. */
export class FailedAnswer extends Error {
  /** Of OpenAI's form. */
  readonly error: JsonObject
  constructor(error: JsonObject) {
    super(spelled(error.message))
    this.error = error
  }
}

const NO_ANSWER = unsaid("The provider's answer is none of its dialect.", 'malformed_event')

const neutralAnswer = (
  value: JsonObject,
  upstream: Upstream,
): NeutralAnswer | { readonly error: JsonObject } => {
  try {
    return upstream.answer(value)
  } catch (error) {
    return { error: error instanceof FailedAnswer ? error.error : (saidError(value) ?? NO_ANSWER) }
  }
}

/**
 * A whole answer of the upstream in the client's dialect. One that is a failure, or none at all, becomes an error
 * object, in which every Shape sees the error; bytes that are no JSON object stay what they are.
 */
export const translateAnswer = (
  bytes: Uint8Array,
  upstream: Upstream,
  door: Door,
  asked: Asked,
): Uint8Array => {
  let value: JsonObject
  try {
    value = objectIn(bytes)
  } catch {
    return bytes
  }
  const answer = neutralAnswer(value, upstream)
  if ('error' in answer) return bytesOf({ error: answer.error })
  if (saysNothing(answer)) return bytesOf({ error: NO_TOKEN })
  try {
    const own = withFreshIds(withOwnNames(answer, asked.request, upstream), asked.request)
    return bytesOf(door.answer(withCustomCalls(own, asked.request), asked))
  } catch (error) {
    if (error instanceof FailedAnswer) return bytesOf({ error: error.error })
    throw error
  }
}
