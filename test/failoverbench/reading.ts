import { isObject, type JsonObject } from '../../src/wire/json.ts'
import { NOTHING_READ, objectIn, type Reading, textIn } from './endpoint.ts'

/** One event's JSON and its name. `[DONE]` is no event, and neither is a comment. */
export type Told = { readonly event: string; readonly value: JsonObject }

type Events = {
  readonly events: readonly Told[]
  readonly done: boolean
  /** An event that is not JSON: the official client libraries raise at it, so this client does. */
  readonly garbage: string | undefined
}

const fieldsOf = (block: string, name: string): string =>
  block
    .split('\n')
    .filter(line => line.startsWith(`${name}:`))
    .map(line => line.slice(name.length + 1).replace(/^ /, ''))
    .join('\n')

/** What came of an event stream, in order; an event that was cut in the middle is none. */
export const eventsIn = (body: Buffer): Events => {
  const events: Told[] = []
  const blocks = body.toString().replaceAll('\r\n', '\n').split('\n\n')
  for (const block of blocks.slice(0, -1)) {
    const data = fieldsOf(block, 'data')
    if (data === '') continue
    if (data.trim() === '[DONE]') return { events, done: true, garbage: undefined }
    const value = objectIn(data)
    if (value === undefined) return { events, done: false, garbage: data.slice(0, 80) }
    events.push({ event: fieldsOf(block, 'event'), value })
  }
  return { events, done: false, garbage: undefined }
}

/** The message of an error that came as an event or as a body: an `error` object, or an event that says it is one. */
export const errorIn = (value: JsonObject): string | undefined => {
  const { type, error, response, message } = value
  const inner = isObject(response) && isObject(response.error) ? response.error : undefined
  const said = isObject(error) ? error : inner
  if (type !== 'error' && type !== 'response.failed' && said === undefined) return undefined
  return textIn(said?.message) || textIn(message) || 'an error without words'
}

/** What an endpoint makes of its events; `error` and what is broken in them are found here, once for all. */
export const readEvents =
  (reader: (events: readonly JsonObject[]) => Reading) =>
  (body: Buffer): Reading => {
    const { events, garbage } = eventsIn(body)
    const failure = events.findIndex(({ value }) => errorIn(value) !== undefined)
    const heard = failure === -1 ? events : events.slice(0, failure)
    const reading = reader(heard.map(({ value }) => value))
    const found = events[failure]
    if (found !== undefined) return { ...reading, error: errorIn(found.value) ?? '' }
    return garbage === undefined ? reading : { ...reading, error: `an event that is not JSON: ${garbage}` }
  }

export const readDocument =
  (reader: (answer: JsonObject) => Reading) =>
  (body: Buffer): Reading => {
    const answer = objectIn(body)
    if (answer === undefined) return { ...NOTHING_READ, error: 'a body that is not JSON' }
    const error = errorIn(answer)
    return error === undefined ? reader(answer) : { ...NOTHING_READ, error }
  }
