import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import Anthropic from '@anthropic-ai/sdk'
import type { Fault } from '../src/stage/faults.ts'
import { assertPlayed, clear, clientOf, ensemble, failing, messages } from './anthropic-client.fixture.ts'
import { deployment, play } from './support/harness.ts'

/** What the official client makes of every way in which a call can fail. */
const house = await ensemble({ after }, { stream_recovery: 'off' })
const { client } = house
const { lead } = house.stages
beforeEach(() => clear(house))

const ask = (more: object = {}) =>
  client.messages.create({ model: 'alone', max_tokens: 64, messages: messages('Hello'), ...more })

const status = (code: number, more: object = {}): Fault => ({ kind: 'status', status: code, ...more })
const said = (code: number, type: string, message: string): Fault =>
  status(code, { body: { type: 'error', error: { type, message }, request_id: 'req_1' } })

type Case = readonly [fault: Fault, kind: new (...made: never[]) => Error, status: number, type: string]

const CASES: readonly Case[] = [
  [status(400), Anthropic.BadRequestError, 400, 'invalid_request_error'],
  [status(401), Anthropic.AuthenticationError, 401, 'authentication_error'],
  [status(403), Anthropic.PermissionDeniedError, 403, 'permission_error'],
  [status(404), Anthropic.NotFoundError, 404, 'not_found_error'],
  [status(413), Anthropic.ContentTooLargeError, 413, 'request_too_large'],
  [status(429), Anthropic.RateLimitError, 429, 'rate_limit_error'],
  [status(500), Anthropic.InternalServerError, 500, 'api_error'],
  [said(503, 'api_error', 'Try later.'), Anthropic.ServiceUnavailableError, 503, 'api_error'],
  [status(504), Anthropic.GatewayTimeoutError, 504, 'timeout_error'],
  [status(529), Anthropic.OverloadedError, 529, 'overloaded_error'],
  [
    said(400, 'invalid_request_error', 'Your credit balance is too low to access the Anthropic API.'),
    Anthropic.PaymentRequiredError,
    402,
    'billing_error',
  ],
]

test('every failure is an error of its own class, with the name that Anthropic gives it', async () => {
  for (const [fault, kind, code, type] of CASES) {
    clear(house)
    lead.script([fault])
    const error = await failing(ask())
    assert.ok(error instanceof kind, `${JSON.stringify(fault)}: ${error.constructor.name}`)
    assert.deepEqual([error.status, error.type], [code, type])
    assert.match(String(error.apiMessage), /^litellm\./)
    assert.equal(error.requestID, error.headers?.get('x-litellm-call-id'))
    assert.deepEqual(Object.keys(error.error ?? {}).sort(), ['error', 'request_id', 'type'])
  }
})

test('a prompt that does not fit is told in the words that agents look for', async () => {
  lead.script([said(400, 'invalid_request_error', 'prompt is too long: 210000 tokens > 200000 maximum')])
  const error = await failing(ask())
  assert.ok(error instanceof Anthropic.BadRequestError)
  assert.match(String(error.apiMessage), /prompt is too long: 210000 tokens > 200000 maximum/)
  assert.equal(error.errorCode, 'context_length_exceeded')
})

test('what the gateway refuses itself has the same form, before any provider is asked', async () => {
  const wrong: readonly (readonly [body: object, says: RegExp])[] = [
    [{ model: 'nobody' }, /nobody/],
    [{ model: 7 }, /model/],
    [{ api_base: 'http://127.0.0.1:1' }, /api_base/],
  ]
  for (const [body, says] of wrong) {
    const error = await failing(ask(body))
    assert.ok(error instanceof Anthropic.BadRequestError)
    assert.equal(error.type, 'invalid_request_error')
    assert.match(String(error.apiMessage), says)
  }
  assertPlayed(house, 0, 0)
})

test('a wrong key is refused in the dialect before the body is read, and not tried again', async () => {
  const stranger = clientOf({ url: house.url, key: 'sk-not-the-master-key' }, 2)
  const asked = { model: 'star', max_tokens: 9, messages: messages('Hello') }
  const calls: readonly (() => Promise<unknown>)[] = [
    async () => stranger.messages.create(asked),
    async () => stranger.messages.stream(asked).finalMessage(),
    async () => stranger.messages.countTokens({ model: 'star', messages: messages('Hello') }),
    async () => stranger.models.list(),
  ]
  for (const call of calls) {
    const error = await failing(call())
    assert.ok(error instanceof Anthropic.AuthenticationError)
    assert.equal(error.type, 'authentication_error')
    assert.equal(error.headers?.get('x-should-retry'), 'false')
  }
  assertPlayed(house, 0, 0)
})

test('nobody there at all', async t => {
  const empty = await ensemble({ after: undo => t.after(undo) }, {})
  await empty.stages.lead.close()
  const error = await failing(
    empty.client.messages.create({ model: 'alone', max_tokens: 9, messages: messages('Hello') }),
  )
  assert.ok(error instanceof Anthropic.InternalServerError)
  assert.equal(error.type, 'api_error')
})

const heard = async (
  fault: Fault,
): Promise<{ text: string; error: InstanceType<typeof Anthropic.APIError> }> => {
  lead.script([fault])
  let text = ''
  const stream = client.messages.stream({ model: 'alone', max_tokens: 64, messages: messages('Hello') })
  stream.on('text', delta => {
    text += delta
  })
  return { error: await failing(stream.finalMessage()), text }
}

test('a stream that breaks after its first words ends as an error event, never as a whole answer', async () => {
  for (const fault of [
    { kind: 'cut', how: 'fin', afterContent: 3 },
    { kind: 'cut', how: 'clean-chunk-end', afterContent: 3 },
    { kind: 'reset', when: 'mid-stream', afterContent: 3 },
    { kind: 'malformed-event', afterContent: 3 },
  ] as const) {
    clear(house)
    const { text, error } = await heard(fault)
    assert.equal(text, 'The understudy knows', fault.kind)
    assert.equal(error.type, 'api_error')
  }
})

test('an error event of the provider is told with its own name, in front of words and behind them', async () => {
  const error = { type: 'overloaded_error', message: 'Overloaded' }
  const late = await heard({ kind: 'error-event', error, afterContent: 2 })
  assert.deepEqual([late.text, late.error.type], ['The understudy', 'overloaded_error'])
  const early = await heard({ kind: 'error-event', error, afterContent: 0 })
  assert.deepEqual([early.text, early.error.status, early.error.type], ['', 529, 'overloaded_error'])
})

// The wait holds for whoever comes next: it is the last.
test('a rate limit says for how long', async () => {
  lead.script([status(429, { headers: { 'retry-after': '7' } })])
  const error = await failing(ask())
  assert.equal(error.headers?.get('retry-after'), '7')
})

test('a file for Anthropic is not put with whoever keeps OpenAI’s: the client hears that it is not served', async t => {
  const house = await play(t, {
    stages: { openai: {} },
    config: ({ openai }) => ({ model_list: [deployment('gpt', openai, 'gpt-4.1')] }),
  })
  const client = clientOf(house)
  for (const [call, told] of [
    [() => client.beta.files.upload({ file: new File(['x'], 'a.txt') }), /POST \/v1\/files/],
    [() => client.beta.files.list(), /GET \/v1\/files/],
    [() => client.messages.batches.list(), /GET \/v1\/messages\/batches/],
  ] as const) {
    const error = await failing(Promise.resolve(call()))
    assert.equal(error.status, 404)
    assert.match(error.message, told)
    assert.match(error.message, /"type":"not_found_error"/)
  }
  assert.equal(house.stages.openai.requests.length, 0)
})
