import type { Json, JsonObject } from '../wire/json.ts'
import { encodeEvent } from '../wire/sse.ts'
import { FailedAnswer } from './bridge.ts'
import { isCompaction } from './compaction-shape.ts'
import type { StreamDecoder, StreamEvent } from './shape.ts'

const encoder = new TextEncoder()

/** Numbers events as the Responses API does. */
export const eventMaker = (): ((type: string, members: JsonObject) => StreamEvent) => {
  let sequence = 0
  return (type, members) => {
    const data = JSON.stringify({ type, sequence_number: sequence, ...members })
    sequence += 1
    return { bytes: encoder.encode(encodeEvent({ event: type, data })), event: type, data }
  }
}

export type EventMaker = ReturnType<typeof eventMaker>

/** What goes before the item: nothing of it is an answer yet. */
export const beginning = (make: EventMaker, response: JsonObject): readonly StreamEvent[] => [
  make('response.created', { response }),
  make('response.in_progress', { response }),
]

/** Exactly one item, and the end. */
export const ending = (make: EventMaker, item: JsonObject, response: JsonObject): readonly StreamEvent[] => [
  make('response.output_item.added', { output_index: 0, item }),
  make('response.output_item.done', { output_index: 0, item }),
  make('response.completed', { response }),
]

export const failing = (make: EventMaker, response: JsonObject): StreamEvent =>
  make('response.failed', { response })

export type Whole = {
  /** The whole body as a response that holds the item. Throws FailedAnswer. */
  readonly read: (body: Uint8Array) => JsonObject
  /** A response that says this error. */
  readonly failed: (error: JsonObject) => JsonObject
}

const itemOf = ({ output }: JsonObject): JsonObject | undefined =>
  Array.isArray(output) ? (output as readonly Json[]).find(isCompaction) : undefined

const eventsOf = (body: Uint8Array, { read, failed }: Whole): readonly StreamEvent[] => {
  const make = eventMaker()
  try {
    const response = read(body)
    const begun = { ...response, status: 'in_progress', completed_at: null, output: [], usage: null }
    const item = itemOf(response)
    return item === undefined ? [] : [...beginning(make, begun), ...ending(make, item, response)]
  } catch (error) {
    if (!(error instanceof FailedAnswer)) throw error
    return [failing(make, failed(error.error))]
  }
}

/** A provider that answers with one document, for a client that wants a stream: all events come when it has ended. */
export const documentAsEvents = (whole: Whole): StreamDecoder => {
  const chunks: Uint8Array[] = []
  let heard = false
  return {
    push: chunk => {
      chunks.push(chunk)
      heard = true
      return []
    },
    end: () => eventsOf(Buffer.concat(chunks), whole),
    keptBack: () => {
      const spoke = heard
      heard = false
      return spoke
    },
  }
}
