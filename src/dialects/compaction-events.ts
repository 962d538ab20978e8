import type { JsonObject } from '../wire/json.ts'
import { encodeEvent } from '../wire/sse.ts'
import type { StreamEvent } from './shape.ts'

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
