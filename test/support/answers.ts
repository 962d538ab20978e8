import assert from 'node:assert/strict'
import { isObject, type Json, type JsonObject } from '../../src/wire/json.ts'
import type { Reply } from './harness.ts'

/** Members that differ between two right answers to the same request. */
const PASSING = new Set([
  'id',
  'item_id',
  'response_id',
  'file_id',
  'vector_store_id',
  'input_file_id',
  'training_file',
  'first_id',
  'last_id',
  'has_more',
  'created',
  'created_at',
  'completed_at',
  'cancelling_at',
  'expires_at',
  'last_active_at',
  'obfuscation',
  'system_fingerprint',
  'model',
  'url',
  'encrypted_content',
  'modelVersion',
  'responseId',
])

const settled = (value: Json): Json => {
  if (typeof value === 'string') return value.replace(/\b[a-z]+[-_][0-9a-f]{32}\b/g, '<id>')
  if (Array.isArray(value)) return value.map(settled)
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      PASSING.has(key) && !isObject(inner) && !Array.isArray(inner) ? `<${key}>` : settled(inner),
    ]),
  )
}

export type Frame = { readonly event: string; readonly data: string }

/** The events of a stream that has been read to its end. Throws when bytes are left that are no whole event. */
export const framesOf = (text: string): readonly Frame[] => {
  const blocks = text.split('\n\n')
  assert.equal(blocks.pop(), '', 'the stream ends in the middle of an event')
  return blocks.map(block => {
    const value = (name: string) =>
      block
        .split('\n')
        .filter(line => line.startsWith(`${name}:`))
        .map(line => line.slice(name.length + 1).trim())
        .join('\n')
    return { event: value('event'), data: value('data') }
  })
}

const jsonOf = (text: string): Json | undefined => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export const isStream = (reply: Reply): boolean =>
  reply.headers['content-type']?.startsWith('text/event-stream') === true

/**
 * What two whole answers to one request have in common: status, type, every event and every member, without ids and
 * times. Bytes that are no JSON are compared as they are.
 */
export const outline = (reply: Reply): Json => {
  const { status, headers, text } = reply
  const type = headers['content-type'] ?? ''
  if (isStream(reply)) {
    const frames = framesOf(text).map(({ event, data }) => ({ event, data: settled(jsonOf(data) ?? data) }))
    return { status, type, frames }
  }
  return { status, type, body: settled(jsonOf(text) ?? text) }
}

/** LiteLLM's error object: exactly these members, `code` a string. */
export const assertErrorShape = (reply: Reply, status: number): JsonObject => {
  assert.equal(reply.status, status, reply.text.slice(0, 500))
  assert.equal(reply.headers['content-type'], 'application/json')
  const { error } = reply.json()
  assert.ok(isObject(error), reply.text)
  assert.equal(typeof error.message, 'string')
  assert.deepEqual(Object.keys(error).sort(), ['code', 'message', 'param', 'type'])
  assert.equal(typeof error.code, 'string')
  return error
}

/** Anthropic's error document, with the id that `understudy explain` asks for. */
export const assertMessagesError = (reply: Reply, status: number): JsonObject => {
  assert.equal(reply.status, status, reply.text.slice(0, 500))
  assert.equal(reply.headers['content-type'], 'application/json')
  const { type, error, request_id: id } = reply.json()
  assert.ok(isObject(error), reply.text)
  assert.deepEqual([type, id], ['error', reply.headers['request-id']])
  assert.deepEqual([typeof error.type, typeof error.message], ['string', 'string'])
  return error
}

/** google.rpc.Status inside `error`: the status as a number, and its name. */
export const assertGoogleError = (reply: Reply, status: number): JsonObject => {
  assert.equal(reply.status, status, reply.text.slice(0, 500))
  assert.equal(reply.headers['content-type'], 'application/json')
  const { error } = reply.json()
  assert.ok(isObject(error), reply.text)
  assert.equal(error.code, status)
  assert.equal(typeof error.message, 'string')
  assert.match(String(error.status), /^[A-Z_]+$/)
  return error
}

/** What a client that knows the dialect saw of a stream. */
export type Ending = {
  /** Events that begin an answer, where the dialect has one. */
  readonly starts: number
  /** The dialect's own words for a whole answer: a finish_reason, response.completed, transcript.text.done. */
  readonly successes: number
  readonly errors: number
  /** `[DONE]`: the terminator of a whole answer. */
  readonly stops: number
}

const SUCCESS =
  /^(?:message_stop|response\.(?:completed|incomplete)|image_\w+\.completed|speech\.audio\.done|transcript\.text\.done)$/
const ERROR = /^(?:error|response\.failed)$/

const choicesOf = (data: JsonObject): readonly JsonObject[] =>
  Array.isArray(data.choices) ? data.choices.filter(isObject) : []

const candidatesOf = (data: JsonObject): readonly JsonObject[] =>
  Array.isArray(data.candidates) ? data.candidates.filter(isObject) : []

/** Reads a whole stream as its clients do, without the gateway's own rules. */
export const endingOf = (text: string): Ending => {
  const frames = framesOf(text)
  const values = frames.map(({ data }) => jsonOf(data)).filter(value => isObject(value))
  const count = (test: (value: JsonObject) => boolean): number => values.filter(test).length
  return {
    starts: count(
      value =>
        value.type === 'response.created' ||
        value.type === 'message_start' ||
        choicesOf(value).some(choice => isObject(choice.delta) && choice.delta.role !== undefined),
    ),
    successes: count(
      value =>
        SUCCESS.test(String(value.type)) ||
        choicesOf(value).some(choice => typeof choice.finish_reason === 'string') ||
        candidatesOf(value).some(candidate => typeof candidate.finishReason === 'string'),
    ),
    errors: count(value => ERROR.test(String(value.type)) || isObject(value.error)),
    stops: frames.filter(({ data }) => data === '[DONE]').length,
  }
}
