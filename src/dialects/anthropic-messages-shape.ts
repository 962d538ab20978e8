import { asBuffer } from '../wire/bytes.ts'
import type { JsonIndex } from '../wire/index.ts'
import { isObject, type JsonObject } from '../wire/json.ts'
import { laterUsage, usageOf } from './anthropic-messages-common.ts'
import { messagesContinuation } from './anthropic-messages-continuation.ts'
import { messagesErrorFrame, tellMessagesError } from './anthropic-messages-error.ts'
import { errorObjectOf, saidError } from './error-object.ts'
import { errorOfUnknown, sightOfOther } from './event-failure.ts'
import { flatTest, leading, leadingTo, someText, trailing } from './flat-event.ts'
import {
  content,
  isPing,
  lifecycle,
  listOf,
  listsObjects,
  objectOf,
  parseJson,
  seen,
  someEvent,
  spelled,
  terminal,
  textOf,
  unsaid,
} from './read-json.ts'
import type { Shape, Sight, StreamEvent } from './shape.ts'

/** `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"…"}}`: nearly every event. */
const bearers = 'text|thinking|partial_json|signature'
const isPlainDelta = flatTest(
  `\\{"type": ?"content_block_delta", ?${leading}"delta": ?\\{${leadingTo(bearers)}"(?:${bearers})": ?${someText}${trailing}\\}${trailing}\\}`,
)

/** Blocks that begin empty and say nothing before their first delta. */
const QUIET: ReadonlySet<string> = new Set(['text', 'thinking'])

const sightOfStart = (block: JsonObject): Sight =>
  QUIET.has(spelled(block.type)) && textOf(block.text) === undefined && textOf(block.thinking) === undefined
    ? lifecycle
    : content

const sightOfDelta = (delta: JsonObject): Sight =>
  Object.entries(delta).some(([key, value]) => key !== 'type' && value !== '' && value !== null)
    ? content
    : lifecycle

const sightOf = (event: StreamEvent): Sight => {
  if (event.data === undefined || isPing(event)) return lifecycle
  if (isPlainDelta(event.data)) return content
  const value = parseJson(event.data)
  if (!isObject(value)) return sightOfOther(event, value)
  switch (value.type) {
    case 'message_start':
      return seen('lifecycle', usageOf(objectOf(value.message)?.usage))
    case 'content_block_start':
      return sightOfStart(objectOf(value.content_block) ?? {})
    case 'content_block_delta':
      return sightOfDelta(objectOf(value.delta) ?? {})
    case 'message_delta':
      return seen(
        textOf(objectOf(value.delta)?.stop_reason) === undefined ? 'lifecycle' : 'final',
        usageOf(value.usage),
      )
    case 'message_stop':
      return terminal
    case 'content_block_stop':
    case 'ping':
      return lifecycle
    default: {
      const error = errorOfUnknown(event, value)
      return error === undefined ? lifecycle : { kind: 'error', error }
    }
  }
}

const NO_CONTENT = unsaid('The provider answered without a message.', 'empty_answer')
const NO_TOKEN = unsaid('The provider ended the answer without a single token.', 'empty_answer')

/** A model may have nothing more to say; not so when not one token was counted. */
const withoutToken = (message: JsonObject, usage = objectOf(message.usage)): boolean =>
  (message.stop_reason ?? 'end_turn') === 'end_turn' && usage?.output_tokens === 0

const errorInside = (answer: JsonObject): JsonObject | undefined => {
  const said = saidError(answer)
  if (said !== undefined) return said
  const blocks = listOf(answer.content)
  if (blocks === undefined) return errorObjectOf(answer) ?? NO_CONTENT
  return blocks.length === 0 && withoutToken(answer) ? NO_TOKEN : undefined
}

const emptyEnd = (events: readonly StreamEvent[]): JsonObject | undefined => {
  const values = events
    .map(({ data }) => objectOf(parseJson(data ?? '')))
    .filter(value => value !== undefined)
  const last = values.findLast(({ type }) => type === 'message_delta')
  if (last === undefined) return NO_CONTENT
  return withoutToken(objectOf(last.delta) ?? {}, objectOf(last.usage)) ? NO_TOKEN : undefined
}

const ALARMS = ['"error', '"refusal"'].map(word => Buffer.from(word))

/** Blocks are there, and no word that an error or a refusal is told with. */
const calm = ({ bytes, members }: JsonIndex): boolean => {
  const blocks = members.get('content')
  if (blocks === undefined || !listsObjects(bytes, blocks)) return false
  const look = asBuffer(bytes)
  return ALARMS.every(word => look.indexOf(word) === -1)
}

const refused = (said: JsonObject): boolean => said.stop_reason === 'refusal'

export const messages: Shape = {
  name: 'messages',
  errorInside,
  calm,
  filtered: refused,
  hedge: { without: ['tools', 'mcp_servers', 'container', 'thread'] },
  usageOf: answer => usageOf(answer.usage),
  tell: tellMessagesError,
  stream: {
    sight: sightOf,
    errorFrame: (error, _state, of) => messagesErrorFrame(error, of),
    emptyEnd,
    filtered: someEvent(refused, 'delta'),
    laterUsage,
    endsWithoutTerminal: false,
    endsByReason: true,
    speaksSoon: true,
    continuation: messagesContinuation,
    modelAt: ['message', 'model'],
  },
}

/** `{input_tokens}`: what a request would cost, and no use of anything. */
export const messageTokens: Shape = {
  name: 'message_tokens',
  estimated: true,
  errorInside: answer =>
    typeof answer.input_tokens === 'number'
      ? undefined
      : (errorObjectOf(answer) ?? unsaid('The provider answered without a count.', 'empty_answer')),
  usageOf: () => undefined,
  tell: tellMessagesError,
  stream: undefined,
}
