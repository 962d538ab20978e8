import { asBuffer } from '../wire/bytes.ts'
import { applyEdits, joinSegments } from '../wire/edit.ts'
import { indexObject } from '../wire/index.ts'
import type { JsonObject } from '../wire/json.ts'
import { encodeEvent } from '../wire/sse.ts'
import { messagesUpstream } from './anthropic-messages.ts'
import { messagesDecoder } from './anthropic-messages-stream.ts'
import { converseError, converseErrorOf, messageIn } from './bedrock-converse-error.ts'
import { type Frame, frameReader } from './bedrock-converse-frames.ts'
import type { Upstream } from './neutral.ts'
import { objectOf, parseJson, textOf } from './read-json.ts'
import type { StreamDecoder, StreamEvent } from './shape.ts'

/**
 * Claude behind Bedrock's InvokeModelWithResponseStream: each frame holds one event of the Messages API as base64, and
 * out of this decoder come the events that Anthropic itself would have sent.
 */

export const INVOKE_STREAM = 'application/vnd.amazon.eventstream'

const encoder = new TextEncoder()

const eventOf = (event: string, data: string): StreamEvent => ({
  bytes: encoder.encode(encodeEvent({ event, data })),
  event,
  data,
})

const failed = (error: JsonObject): StreamEvent => eventOf('error', JSON.stringify({ type: 'error', error }))

/** What arrived is not what was sent: nothing of the broken frame goes on. */
const unreadable = (why: string): StreamEvent =>
  failed({
    message: `The stream from Bedrock cannot be read: ${why}.`,
    type: 'server_error',
    param: null,
    code: 'server_error',
  })

/** Bedrock's own counts and latencies, in the last event: no client of the Messages API knows them. */
const METRICS = 'amazon-bedrock-invocationMetrics'

/** The event without them, byte for byte. Throws where it is no JSON object. */
const withoutMetrics = (bytes: Uint8Array): Uint8Array =>
  asBuffer(bytes).includes(METRICS)
    ? joinSegments(applyEdits(indexObject(bytes), [{ op: 'drop', path: [METRICS], why: 'provider-rename' }]))
    : bytes

/** How nearly every event begins: its name is found without parsing it. */
const NAMED = /^\{"type": ?"([a-z_]{1,64})"/

const nameOf = (data: string): string | undefined =>
  NAMED.exec(data)?.[1] ?? textOf(objectOf(parseJson(data))?.type)

const decoder = new TextDecoder()

const payloadOf = ({ body }: Frame): JsonObject | undefined => objectOf(parseJson(decoder.decode(body)))

const chunkOf = (frame: Frame): StreamEvent => {
  const base64 = textOf(payloadOf(frame)?.bytes)
  if (base64 === undefined) return unreadable('a frame holds no event')
  try {
    const data = decoder.decode(withoutMetrics(Buffer.from(base64, 'base64')))
    const name = nameOf(data)
    return name === undefined ? unreadable('an event has no type') : eventOf(name, data)
  } catch {
    return unreadable('an event is no JSON object')
  }
}

const read = (frame: Frame): StreamEvent | undefined => {
  const { headers } = frame
  if (headers[':message-type'] === 'exception')
    return failed(converseError(headers[':exception-type'] ?? '', messageIn(payloadOf(frame))))
  if (headers[':message-type'] === 'error')
    return failed(converseError(headers[':error-code'] ?? '', headers[':error-message'] ?? ''))
  return headers[':event-type'] === 'chunk' ? chunkOf(frame) : undefined
}

/**
 * Frames of /invoke-with-response-stream as events of the Messages API. An exception, and a frame that cannot be read,
 * is an `error` event with an error object of OpenAI's form, and the last one. No end is made up.
 */
export const invokeDecoder = (): StreamDecoder => {
  const frames = frameReader()
  let over = false
  return {
    push: chunk => {
      const events: StreamEvent[] = []
      if (over) return events
      for (const frame of frames.push(chunk)) {
        const event = 'broken' in frame ? unreadable(frame.broken) : read(frame)
        if (event === undefined) continue
        events.push(event)
        over = event.event === 'error'
        if (over) break
      }
      return events
    },
    end: () => [],
  }
}

/** The same for requests that are translated into the Messages dialect on their way. */
export const invokeUpstream: Upstream = {
  ...messagesUpstream,
  decoder: () => messagesDecoder(invokeDecoder()),
  streamType: INVOKE_STREAM,
  errorOf: converseErrorOf,
}
