import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { errorObjectOf, saidError } from './error-object.ts'
import { bareError, sightOfOther } from './event-failure.ts'
import { flatTest, leadingTo, someText, trailing } from './flat-event.ts'
import { responsesContinuation } from './openai-responses-continuation.ts'
import {
  content,
  isPing,
  lifecycle,
  listOf,
  objectOf,
  parseJson,
  seen,
  someEvent,
  textOf,
  unsaid,
  usageFrom,
} from './read-json.ts'
import type { ErrorBody, Shape, Sight, StreamEvent, StreamState } from './shape.ts'

/** `{"type":"response.….delta", …, "delta":"some text", …}`: nearly every event of a stream. */
const isPlainDelta = flatTest(
  `\\{"type": ?"response\\.[a-z_.]+\\.delta", ?${leadingTo('delta')}"delta": ?${someText}${trailing}\\}`,
)

/** Events that announce work and carry none of its result. Hosted calls end with `.completed` or `.failed`. */
const announcements: ReadonlySet<string> = new Set([
  'response.created',
  'response.queued',
  'response.in_progress',
  'response.output_item.added',
  'response.content_part.added',
  'response.reasoning_summary_part.added',
  'response.audio.done',
  'response.audio.transcript.done',
  'response.compaction.compacting',
  'keepalive',
  'ping',
])
const hostedProgress =
  /^response\.(?:web_search_call|file_search_call|code_interpreter_call|image_generation_call|mcp_call|mcp_list_tools)\.(?:in_progress|searching|interpreting|generating|completed|failed)$/

/** Where a `….done` or `….added` event keeps what it carries, whatever its kind. */
const carriers = ['text', 'refusal', 'arguments', 'input', 'code', 'command', 'transcript', 'delta'] as const

const hasCarrier = (value: JsonObject): boolean => carriers.some(key => textOf(value[key]) !== undefined)

const partSpeaks = (part: Json): boolean =>
  isObject(part) && (hasCarrier(part) || part.type === 'output_audio' || objectOf(part.audio) !== undefined)

/** A finished item: a message or a reasoning item may be empty; every other kind is an action in itself. */
const itemSpeaks = (item: JsonObject): boolean => {
  if (item.type !== 'message' && item.type !== 'reasoning') return true
  if (textOf(item.encrypted_content) !== undefined || textOf(item.content) !== undefined) return true
  return [...(listOf(item.content) ?? []), ...(listOf(item.summary) ?? [])].some(partSpeaks)
}

const sightOfDone = (type: string, event: JsonObject): Sight => {
  const item = objectOf(event.item)
  const part = objectOf(event.part)
  const output = listOf(event.output)
  if (type === 'response.output_item.done')
    return item !== undefined && itemSpeaks(item) ? content : lifecycle
  if (part !== undefined) return partSpeaks(part) ? content : lifecycle
  return hasCarrier(event) || (output !== undefined && output.length > 0) ? content : lifecycle
}

const sightOfType = (type: string, event: JsonObject): Sight => {
  if (announcements.has(type) || hostedProgress.test(type)) return lifecycle
  if (type.endsWith('.delta')) {
    const delta = event.delta
    return textOf(delta) !== undefined || (isObject(delta) && Object.keys(delta).length > 0)
      ? content
      : lifecycle
  }
  if (type.endsWith('.done')) return sightOfDone(type, event)
  if (type === 'response.shell_call_command.added') return hasCarrier(event) ? content : lifecycle
  return content
}

/** Both spellings of the `error` event: flat members, or an object under `error`. */
const errorOfEvent = (event: JsonObject): JsonObject => {
  const nested = objectOf(event.error)
  if (nested !== undefined) return nested
  const { type: _type, sequence_number: _sequence, error: _error, ...flat } = event
  return textOf(flat.message) === undefined ? (errorObjectOf(event) ?? flat) : flat
}

const errorOfResponse = (response: JsonObject): JsonObject => {
  const error = response.error
  if (isObject(error)) return error
  return unsaid(textOf(error) ?? 'The provider ended the response as failed.', 'server_error')
}

export const sightOfResponseEvent = (event: StreamEvent): Sight => {
  const data = event.data
  if (data === undefined || isPing(event)) return lifecycle
  if (isPlainDelta(data)) return content
  const parsed = parseJson(data)
  // `[DONE]` is not this dialect's end: only response.completed and response.incomplete are.
  if (!isObject(parsed)) return data.trim() === '[DONE]' ? lifecycle : sightOfOther(event, parsed)
  const type = textOf(parsed.type) ?? event.event
  const response = objectOf(parsed.response)
  if (type === 'response.completed' || type === 'response.incomplete') {
    return seen('terminal', usageFrom(response?.usage))
  }
  if (type === 'response.failed') return { kind: 'error', error: errorOfResponse(response ?? parsed) }
  if (type === 'error' || event.event === 'error') return { kind: 'error', error: errorOfEvent(parsed) }
  const said = type.startsWith('response.') ? undefined : saidError(parsed)
  if (said !== undefined) return { kind: 'error', error: said }
  if (type !== '') return sightOfType(type, parsed)
  const bare = bareError(parsed)
  return bare === undefined ? lifecycle : { kind: 'error', error: bare }
}

/** Statuses that the error object of a response says with a word of its own. */
const wordOfStatus: Readonly<Record<string, string>> = {
  '400': 'invalid_prompt',
  '413': 'invalid_prompt',
  '422': 'invalid_prompt',
  '429': 'rate_limit_exceeded',
}

/**
 * Every member that a response must have, for a stream that broke before the provider had sent one.
 * Source: the published Response schema, and Open Responses, which wants the nullable ones present.
 */
const emptyResponse: JsonObject = {
  id: 'resp_unknown',
  object: 'response',
  created_at: 0,
  completed_at: null,
  status: 'failed',
  background: false,
  error: null,
  incomplete_details: null,
  instructions: null,
  max_output_tokens: null,
  max_tool_calls: null,
  model: '',
  output: [],
  parallel_tool_calls: true,
  previous_response_id: null,
  prompt_cache_key: null,
  presence_penalty: 0,
  frequency_penalty: 0,
  reasoning: null,
  safety_identifier: null,
  service_tier: null,
  store: false,
  temperature: null,
  text: null,
  tool_choice: 'auto',
  tools: [],
  top_logprobs: null,
  top_p: null,
  truncation: 'disabled',
  usage: null,
  metadata: {},
}

/**
 * `response.failed`, not `error`: some agents ignore `error` and then report a closed stream (responses fact 8).
 * Numbering goes on where the provider stopped, because clients check it.
 */
export const responseFailedFrame = (error: ErrorBody, state: StreamState): string => {
  const word = error.code ?? ''
  const code = wordOfStatus[word] ?? (/^[0-9]*$/.test(word) ? 'server_error' : word)
  const response = {
    ...(state.response ?? emptyResponse),
    status: 'failed',
    error: { code, message: error.message },
    incomplete_details: null,
  }
  const event = { type: 'response.failed', sequence_number: state.sequence + 1, response }
  return `event: response.failed\ndata: ${JSON.stringify(event)}\n\n`
}

/**
 * `error: null` is normal here. A background response that failed is a fact to be read, not a failed call:
 * it arrives when its owner is asked for it.
 */
const errorInside = (answer: JsonObject): JsonObject | undefined => {
  if (answer.background === true) return undefined
  const said = saidError(answer)
  if (said !== undefined) return said
  if (answer.status === 'failed') return errorOfResponse(answer)
  if (isHollow(answer))
    return errorObjectOf(answer) ?? unsaid('The provider answered without a response.', 'empty_answer')
  return withoutToken(answer) ? NO_TOKEN : undefined
}

/** No output where there should be one: a response that was cut short or goes on may have none, one that is deleted has none. */
const isHollow = (answer: JsonObject): boolean => {
  if (listOf(answer.output) !== undefined || Object.hasOwn(answer, 'deleted')) return false
  return !Object.hasOwn(answer, 'id') || (answer.status ?? 'completed') === 'completed'
}

const NO_TOKEN = unsaid('The provider completed the response without a single token.', 'empty_answer')

/** An empty `output` may be what the model had to say; not so when not one token was counted. */
const withoutToken = (response: JsonObject): boolean =>
  response.status === 'completed' &&
  objectOf(response.usage)?.output_tokens === 0 &&
  listOf(response.output)?.length === 0

const emptyEnd = (events: readonly StreamEvent[]): JsonObject | undefined => {
  const last = objectOf(parseJson(events.at(-1)?.data ?? ''))
  return withoutToken(objectOf(last?.response) ?? {}) ? NO_TOKEN : undefined
}

const filtered = ({ status, incomplete_details: why }: JsonObject): boolean =>
  status === 'incomplete' && isObject(why) && why.reason === 'content_filter'

export const responses: Shape = {
  name: 'responses',
  errorInside,
  filtered,
  hedge: {
    without: ['tools', 'previous_response_id', 'conversation', 'background', 'prompt'],
    // A response is stored unless the request says no.
    only: { store: false },
  },
  usageOf: answer => usageFrom(answer.usage),
  stream: {
    sight: sightOfResponseEvent,
    errorFrame: responseFailedFrame,
    emptyEnd,
    filtered: someEvent(filtered, 'response'),
    endsWithoutTerminal: false,
    speaksSoon: true,
    continuation: responsesContinuation,
  },
}

const isRefusal = (item: Json | undefined): boolean => {
  const parts = listOf(objectOf(item)?.content) ?? []
  return parts.length > 0 && parts.every(part => objectOf(part)?.type === 'refusal')
}

/** What a provider keeps of a conversation is all in here: an item without it keeps nothing. */
export const keepsNothing = (item: Json | undefined): boolean =>
  isObject(item) && textOf(item.type)?.includes('compaction') === true && item.encrypted_content === ''

/** An answer with nothing in `output`, or in its item, would wipe the client's history, and a refusal at its end would stand for it. */
const uncompacted = ({ output }: JsonObject): JsonObject | undefined => {
  const items = listOf(output) ?? []
  if (items.length === 0 || items.some(keepsNothing))
    return unsaid('The provider answered the compaction without any output item.', 'empty_answer')
  return isRefusal(items.at(-1))
    ? unsaid('The provider refused to compact the conversation.', 'empty_answer')
    : undefined
}

export const compaction: Shape = {
  name: 'compaction',
  errorInside: answer => saidError(answer) ?? uncompacted(answer),
  hedge: { without: ['previous_response_id'] },
  usageOf: answer => usageFrom(answer.usage),
  stream: undefined,
}

/** `{object, input_tokens}`: what a request would cost, and no use of anything. */
export const responseTokens: Shape = {
  name: 'response_tokens',
  estimated: true,
  errorInside: answer =>
    typeof answer.input_tokens === 'number'
      ? undefined
      : (errorObjectOf(answer) ?? unsaid('The provider answered without a count.', 'empty_answer')),
  usageOf: () => undefined,
  stream: undefined,
}
