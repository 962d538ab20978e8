import type { Json, JsonObject } from '../wire/json.ts'

export type Headers = Readonly<Record<string, string>>

/** What an event is for the reader: faults that wait for "content" count these. */
export type Weight = 'lifecycle' | 'content' | 'final' | 'terminal'

/** One server-sent event before it is spelled on the wire. */
export type Event = {
  /** The `event:` field, '' when the dialect writes none. */
  readonly event: string
  readonly data: string
  readonly weight: Weight
  /** A comment in front of it. */
  readonly comment?: string
}

/** One message of a binary stream, and whether it carries content: faults are placed by counting those. */
export type Frame = { readonly bytes: Uint8Array; readonly content: boolean }

/** What a provider would answer, before any fault is laid over it. */
export type Answer =
  | { readonly kind: 'whole'; readonly status: number; readonly headers: Headers; readonly body: Uint8Array }
  /** A body sent piece by piece with chunked coding (speech, file content). */
  | {
      readonly kind: 'pieces'
      readonly status: number
      readonly headers: Headers
      readonly pieces: readonly Uint8Array[]
    }
  | {
      readonly kind: 'stream'
      readonly status: number
      readonly headers: Headers
      readonly events: readonly Event[]
      /** Makes the event that says what went wrong, where it is not the dialect's own. */
      readonly error?: (error: JsonObject) => Event
    }
  /** A stream of binary messages. `error` makes the one that says what went wrong. */
  | {
      readonly kind: 'frames'
      readonly status: number
      readonly headers: Headers
      readonly frames: readonly Frame[]
      readonly error: (error: JsonObject) => Uint8Array
    }

export const json = (value: Json, status = 200): Answer => ({
  kind: 'whole',
  status,
  headers: { 'content-type': 'application/json' },
  body: Buffer.from(JSON.stringify(value)),
})

export const text = (value: string, contentType = 'text/plain; charset=utf-8'): Answer => ({
  kind: 'whole',
  status: 200,
  headers: { 'content-type': contentType },
  body: Buffer.from(value),
})

export const stream = (events: readonly Event[]): Answer => ({
  kind: 'stream',
  status: 200,
  headers: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' },
  events,
})

export const pieces = (contentType: string, parts: readonly Uint8Array[]): Answer => ({
  kind: 'pieces',
  status: 200,
  headers: { 'content-type': contentType },
  pieces: parts,
})

/** An event without a name, as chat and transcription streams write them. */
export const dataEvent = (value: JsonObject, weight: Weight): Event => ({
  event: '',
  data: JSON.stringify(value),
  weight,
})

/** An event whose name repeats the `type` inside, as Responses and image streams write them. */
export const namedEvent = (value: JsonObject & { readonly type: string }, weight: Weight): Event => ({
  event: value.type,
  data: JSON.stringify(value),
  weight,
})

export const DONE: Event = { event: '', data: '[DONE]', weight: 'terminal' }
