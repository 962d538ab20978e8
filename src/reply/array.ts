import type { Received } from '../call.ts'
import { sseDecoder } from '../wire/sse.ts'

/** What an answer says in its head that is an array instead of an event stream. */
export const ARRAY: readonly string[] = [
  'content-type',
  'application/json; charset=UTF-8',
  'cache-control',
  'no-cache',
  'x-accel-buffering',
  'no',
]

/** The path asked for a stream, and the query not for events. */
export const wantsArray = ({ route, query }: Pick<Received, 'route' | 'query'>): boolean =>
  route.byPath === true && (query === '' || new URLSearchParams(query).get('alt') !== 'sse')

/** A stream as one JSON array: each event is an element, the error of one that broke is the last. */
export class ArrayFrames {
  #begun = false

  /** Events as they would go out, as elements; comments are none. */
  elements(bytes: Uint8Array | string): string {
    const decoder = sseDecoder()
    const events = [...decoder.push(Buffer.from(bytes)), ...decoder.end()]
    let text = ''
    for (const { data } of events) {
      if (data === undefined || data === '') continue
      text += this.#begun ? ',\r\n' : '['
      text += data
      this.#begun = true
    }
    return text
  }
  end(): string {
    return this.#begun ? ']' : '[]'
  }
}
