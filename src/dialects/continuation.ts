import { applyEdits, type Edit, joinSegments } from '../wire/edit.ts'
import { indexObject } from '../wire/index.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { encodeEvent, withData } from '../wire/sse.ts'
import type { StreamEvent, Usage } from './shape.ts'

/** Reads one top-level value of the client's body. */
export type Peek = (key: string) => Json | undefined

/** One piece of what an event adds to an answer. */
export type Said = {
  /** Pieces of one channel are one running text: the answer, the reasoning, one part of one item. */
  readonly channel: string
  readonly text: string
  /** Thinking aloud: no part of the answer itself. */
  readonly aside?: true
  /** Not a piece of a running text: it is the same as another only whole. */
  readonly whole?: true
  /** The id that later events of the stream use for this. */
  readonly id?: string
}

/** What a client has of an answer that broke. */
export type Delivered = {
  /** What was said, by channel, in the order the channels began. */
  readonly texts: ReadonlyMap<string, string>
  /** Ids that later events refer to, by channel. */
  readonly ids: ReadonlyMap<string, string>
  /** The first event, and the first that said something, parsed: their ids and times go on. */
  readonly first: JsonObject | undefined
  readonly spoke: JsonObject | undefined
  /** Highest sequence_number that went to the client, -1 when none. */
  readonly sequence: number
}

/** What a provider wants to see before it goes on from an assistant message at the end of a conversation. */
export type Prefill = {
  /** Members of that message. */
  readonly message?: JsonObject
  /** Members of the body. */
  readonly body?: JsonObject
}

/** Makes the events of another answer events of the stream that the client has. */
export type Graft = {
  /** An event that the client does not get. */
  readonly learn: (event: StreamEvent) => void
  /** The event as the client's stream goes on, and what has to come before it; none: that stream has had it. */
  readonly fit: (event: StreamEvent) => StreamEvent | readonly StreamEvent[] | undefined
}

/** How a stream of one dialect that broke is gone on with by another answer. Pure. */
export type Continuation = {
  /** False: this request's answer is bound to who began it. */
  readonly allows: (peek: Peek) => boolean
  /** What the event adds; 'other': something that cannot be compared (a tool call, a second choice, log probabilities). */
  readonly said: (event: StreamEvent) => readonly Said[] | 'other'
  /** The event with these pieces in place of what it said in their channels; nothing in the others. */
  readonly saying: (event: StreamEvent, pieces: readonly Said[]) => StreamEvent
  readonly graft: (delivered: Delivered) => Graft
  /**
   * The event with this usage added to the one it tells; the event itself when it tells none. `own` is all that its part
   * has told so far, for dialects that tell it at the beginning and at the end.
   */
  readonly withUsage: (event: StreamEvent, more: Usage, own: Usage) => StreamEvent
  /** Edits that give a target what was delivered, to go on from; undefined: this body has no place for it. */
  readonly prefill?: (peek: Peek, delivered: Delivered, how: Prefill) => readonly Edit[] | undefined
}

/** Members that hold an answer to a form of their own, in the words of those who write it token by token. */
const FORMS = [
  'output_format',
  'guided_json',
  'guided_regex',
  'guided_choice',
  'guided_grammar',
  'structured_outputs',
] as const
/** Where a form may stand inside a member. */
const INNER_FORMS: readonly (readonly [string, string])[] = [
  ['output_config', 'format'],
  ['generationConfig', 'responseSchema'],
  ['generationConfig', 'responseJsonSchema'],
  ['generation_config', 'response_schema'],
  ['generation_config', 'response_json_schema'],
]

const isSaid = (value: Json | undefined): boolean => value !== undefined && value !== null

const memberOf = (value: Json | undefined, key: string): Json | undefined =>
  isObject(value) ? value[key] : undefined

/** The answer is held to a form. Whoever is, begins it anew: a beginning before it belongs to no form. */
export const hasForm = (peek: Peek): boolean => {
  const format = memberOf(peek('response_format'), 'type')
  const mime =
    memberOf(peek('generationConfig'), 'responseMimeType') ??
    memberOf(peek('generation_config'), 'response_mime_type')
  return (
    FORMS.some(key => isSaid(peek(key))) ||
    INNER_FORMS.some(([key, inner]) => isSaid(memberOf(peek(key), inner))) ||
    (isSaid(format) && format !== 'text') ||
    (isSaid(mime) && mime !== 'text/plain')
  )
}

/** The event with its data edited; itself when nothing changes or the data is no object. */
export const editedEvent = (event: StreamEvent, edits: readonly Edit[]): StreamEvent => {
  if (event.data === undefined || edits.length === 0) return event
  try {
    const index = indexObject(Buffer.from(event.data))
    const segments = applyEdits(index, edits)
    return segments.length === 1 && segments[0] === index.bytes
      ? event
      : eventWith(event, Buffer.from(joinSegments(segments)).toString('utf8'))
  } catch {
    return event
  }
}

/** The event with other data. */
export const eventWith = (event: StreamEvent, data: string): StreamEvent => ({
  event: event.event,
  data,
  bytes: Buffer.from(withData(event, data)),
})

/** An event that no provider has sent. */
export const madeEvent = (event: string, value: JsonObject): StreamEvent => {
  const data = JSON.stringify(value)
  return { event, data, bytes: Buffer.from(encodeEvent({ event, data })) }
}

export const setting = (path: readonly string[], value: Json): Edit => ({
  op: 'set',
  path,
  value,
  why: 'continuation',
})

/** The edit that adds to the number at `path` of the usage that stands at `at`; none where there is no number. */
export const addition = (
  usage: JsonObject,
  path: readonly string[],
  { more = 0, at }: { readonly more: number | undefined; readonly at: readonly string[] },
): readonly Edit[] => {
  let known: Json | undefined = usage
  for (const key of path) known = isObject(known) ? known[key] : undefined
  return typeof known === 'number' && more !== 0 ? [setting([...at, ...path], known + more)] : []
}

/** Edits that add usage to the object at `at`, whichever of the two vocabularies it is written in. */
export const usageEdits = (
  usage: Json | undefined,
  { inputTokens, outputTokens, cachedInputTokens, reasoningTokens }: Usage,
  at: readonly string[],
): readonly Edit[] => {
  if (!isObject(usage)) return []
  const added = (more: number | undefined, ...path: readonly string[]) => addition(usage, path, { more, at })
  return [
    ...added(inputTokens, 'prompt_tokens'),
    ...added(inputTokens, 'input_tokens'),
    ...added(cachedInputTokens, 'prompt_tokens_details', 'cached_tokens'),
    ...added(cachedInputTokens, 'input_tokens_details', 'cached_tokens'),
    ...added(outputTokens, 'completion_tokens'),
    ...added(outputTokens, 'output_tokens'),
    ...added(reasoningTokens, 'completion_tokens_details', 'reasoning_tokens'),
    ...added(reasoningTokens, 'output_tokens_details', 'reasoning_tokens'),
    ...added(inputTokens + outputTokens, 'total_tokens'),
  ]
}
