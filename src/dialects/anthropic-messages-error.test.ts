import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FailureClass } from '../failure.ts'
import { messagesErrorFrame, tellMessagesError } from './anthropic-messages-error.ts'
import type { ErrorBody } from './shape.ts'

const error = (message: string, more: Partial<ErrorBody> = {}): ErrorBody => ({
  message,
  type: null,
  param: null,
  code: null,
  ...more,
})

const told = (status: number, failure?: FailureClass, more: Partial<ErrorBody> = {}): readonly unknown[] => {
  const {
    status: shown,
    document,
    headers,
  } = tellMessagesError(error('m', more), {
    status,
    failure,
    callId: 'call-1',
  })
  const { error: object, request_id, type } = document as Record<string, unknown>
  assert.deepEqual([type, request_id, headers?.['request-id']], ['error', 'call-1', 'call-1'])
  return [shown, (object as Record<string, unknown>).type, headers?.['x-should-retry'] ?? null]
}

test('statuses and names are those that Anthropic publishes', () => {
  assert.deepEqual(told(400, 'caller_fault'), [400, 'invalid_request_error', null])
  assert.deepEqual(told(401), [401, 'authentication_error', 'false'])
  assert.deepEqual(told(401, 'credential'), [401, 'authentication_error', 'false'])
  assert.deepEqual(told(403, 'credential'), [403, 'permission_error', 'false'])
  assert.deepEqual(told(429, 'quota'), [402, 'billing_error', 'false'])
  assert.deepEqual(told(404, 'model_gone'), [404, 'not_found_error', null])
  assert.deepEqual(told(413), [413, 'request_too_large', null])
  assert.deepEqual(told(422), [422, 'invalid_request_error', null])
  assert.deepEqual(told(429, 'rate_limit'), [429, 'rate_limit_error', null])
  assert.deepEqual(told(429, 'no_deployment'), [429, 'rate_limit_error', null])
  assert.deepEqual(told(500, 'transient'), [500, 'api_error', null])
  assert.deepEqual(told(503, 'transient'), [503, 'api_error', null])
  assert.deepEqual(told(503, 'overloaded'), [529, 'overloaded_error', null])
  assert.deepEqual(told(503, undefined, { type: 'server_overloaded' }), [529, 'overloaded_error', null])
  assert.deepEqual(told(408, 'timeout_headers'), [504, 'timeout_error', null])
  assert.deepEqual(told(408), [408, 'timeout_error', null])
})

test('a word that says more than the status goes along, a number does not', () => {
  const detailsOf = (code: string): unknown => {
    const { document } = tellMessagesError(error('m', { code }), {
      status: 429,
      failure: undefined,
      callId: 'c',
    })
    return (document.error as { details?: unknown }).details
  }
  assert.deepEqual(detailsOf('insufficient_quota'), { error_code: 'insufficient_quota' })
  assert.equal(detailsOf('429'), undefined)
})

test('a prompt that does not fit is told in the words that agents shorten their history at', () => {
  const say = (message: string): unknown => {
    const { document } = tellMessagesError(error(message), {
      status: 400,
      failure: 'context_window',
      callId: 'c',
    })
    return (document.error as { message: string }).message
  }
  const own = 'AnthropicException - prompt is too long: 210000 tokens > 200000 maximum'
  assert.equal(say(own), own)
  const others =
    "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens."
  assert.equal(say(others), `prompt is too long: 130000 tokens > 128000 maximum (${others})`)
  assert.equal(say('Too much.'), 'prompt is too long (Too much.)')
})

test('inside a stream it is an error event', () => {
  assert.equal(
    messagesErrorFrame(error('Broken.'), { status: 503, failure: 'overloaded', callId: 'call-1' }),
    'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Broken."},"request_id":"call-1"}\n\n',
  )
})
