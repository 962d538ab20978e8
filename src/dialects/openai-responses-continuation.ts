import type { Edit } from '../wire/edit.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import {
  type Continuation,
  type Delivered,
  editedEvent,
  eventWith,
  type Graft,
  type Said,
  setting,
  usageEdits,
} from './continuation.ts'
import { isPing, listOf, objectOf, parseJson, textOf } from './read-json.ts'
import type { StreamEvent } from './shape.ts'

/**
 * A Responses stream is not only its text: items and parts begin and end, and every event is numbered and names its
 * item. All of it is compared, each beginning and each end as a channel of its own, and what follows is renumbered and
 * renamed.
 */

/** Events that begin a stream: another answer's are not the client's. */
const STARTS: ReadonlySet<string> = new Set([
  'response.created',
  'response.queued',
  'response.in_progress',
  'keepalive',
  'ping',
])
const ENDS: ReadonlySet<string> = new Set(['response.completed', 'response.incomplete'])

const TEXT_DELTAS: ReadonlySet<string> = new Set(['response.output_text.delta', 'response.refusal.delta'])
const ASIDE_DELTAS: ReadonlySet<string> = new Set([
  'response.reasoning_summary_text.delta',
  'response.reasoning_text.delta',
])
const TEXT_ENDS: Readonly<Record<string, string>> = {
  'response.output_text.done': 'text',
  'response.refusal.done': 'refusal',
  'response.reasoning_summary_text.done': 'text',
  'response.reasoning_text.done': 'text',
}
const PARTS: ReadonlySet<string> = new Set([
  'response.content_part.added',
  'response.content_part.done',
  'response.reasoning_summary_part.added',
  'response.reasoning_summary_part.done',
])

const numberOf = (value: Json | undefined): string => (typeof value === 'number' ? String(value) : '-')

/** Which part of which item an event is about. */
const placeOf = (event: JsonObject): string =>
  [event.output_index, event.content_index, event.summary_index].map(numberOf).join('.')

/** Citations and log probabilities belong to their text, and cannot be cut with it. */
const decorated = (part: JsonObject): boolean =>
  (listOf(part.annotations) ?? []).length > 0 || (listOf(part.logprobs) ?? []).length > 0

const NOTHING: readonly Said[] = []

const saidOfItem = (type: string, event: JsonObject): readonly Said[] | 'other' => {
  const item = objectOf(event.item)
  if (item === undefined || (item.type !== 'message' && item.type !== 'reasoning')) return 'other'
  // Only its owner can read it, and no two of them are alike.
  if (textOf(item.encrypted_content) !== undefined) return 'other'
  const aside = item.type === 'reasoning' ? ({ aside: true } as const) : {}
  const channel = `${type} ${numberOf(event.output_index)}`
  if (type === 'response.output_item.added') {
    const id = textOf(item.id)
    return [{ channel, text: item.type, whole: true, ...aside, ...(id === undefined ? {} : { id }) }]
  }
  if ((listOf(item.content) ?? []).some(part => isObject(part) && decorated(part))) return 'other'
  const { id: _id, status: _status, ...rest } = item
  return [{ channel, text: JSON.stringify(rest), whole: true, ...aside }]
}

const saidOf = (type: string, event: JsonObject): readonly Said[] | 'other' => {
  const channel = `${type} ${placeOf(event)}`
  const aside = type.startsWith('response.reasoning_') ? ({ aside: true } as const) : {}
  if (TEXT_DELTAS.has(type) || ASIDE_DELTAS.has(type)) {
    const text = textOf(event.delta)
    if (decorated(event)) return 'other'
    return text === undefined ? NOTHING : [{ channel, text, ...aside }]
  }
  const key = TEXT_ENDS[type]
  if (key !== undefined)
    return decorated(event) ? 'other' : [{ channel, text: textOf(event[key]) ?? '', whole: true, ...aside }]
  if (PARTS.has(type)) {
    const part = objectOf(event.part)
    if (part === undefined || decorated(part)) return 'other'
    return [{ channel, text: JSON.stringify(part), whole: true, ...aside }]
  }
  return type.startsWith('response.output_item.') ? saidOfItem(type, event) : 'other'
}

const typed = (event: StreamEvent): { type: string; value: JsonObject } | undefined => {
  const value = event.data === undefined || isPing(event) ? undefined : parseJson(event.data)
  return isObject(value) ? { type: textOf(value.type) ?? event.event, value } : undefined
}

const said = (event: StreamEvent): readonly Said[] | 'other' => {
  const found = typed(event)
  if (found === undefined || STARTS.has(found.type) || ENDS.has(found.type)) return NOTHING
  return saidOf(found.type, found.value)
}

const graft = ({ first, ids, sequence }: Delivered): Graft => {
  const begun = objectOf(first?.response)
  /** Ids of the other answer → those the client knows, both as JSON writes them. */
  const aliases = new Map<string, string>()
  let last = sequence
  const alias = (theirs: Json | undefined, ours: Json | undefined): void => {
    if (typeof theirs === 'string' && typeof ours === 'string')
      aliases.set(JSON.stringify(theirs), JSON.stringify(ours))
  }
  const learn = (event: StreamEvent): void => {
    const found = typed(event)
    if (found === undefined) return
    const { type, value } = found
    alias(objectOf(value.response)?.id, begun?.id)
    if (type === 'response.output_item.added')
      alias(objectOf(value.item)?.id, ids.get(`${type} ${numberOf(value.output_index)}`))
  }
  return {
    learn,
    fit: event => {
      const found = typed(event)
      if (found === undefined) return event
      if (STARTS.has(found.type)) return undefined
      learn(event)
      last += 1
      const edits: Edit[] = [setting(['sequence_number'], last)]
      const createdAt = begun?.created_at
      if (ENDS.has(found.type) && createdAt !== undefined)
        edits.push(setting(['response', 'created_at'], createdAt))
      const renumbered = editedEvent(event, edits)
      let data = renumbered.data ?? ''
      // A quoted id in JSON is a whole value: inside another text its quotes would be escaped.
      for (const [theirs, ours] of aliases) data = data.replaceAll(theirs, ours)
      return eventWith(renumbered, data)
    },
  }
}

export const responsesContinuation: Continuation = {
  // A stored response is known by its id to who stored it: a follow-up would not find the rest.
  allows: peek =>
    peek('store') === false && peek('background') !== true && (peek('conversation') ?? null) === null,
  said,
  saying: (event, [piece]) =>
    piece === undefined || piece.whole === true
      ? event
      : editedEvent(event, [setting(['delta'], piece.text)]),
  graft,
  withUsage: (event, more) => {
    const found = typed(event)
    if (found === undefined || !ENDS.has(found.type)) return event
    const usage = objectOf(found.value.response)?.usage
    return editedEvent(event, usageEdits(usage, more, ['response', 'usage']))
  },
}
