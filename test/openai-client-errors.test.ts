import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import OpenAI from 'openai'
import type { Fault } from '../src/stage/faults.ts'
import { CANONICAL } from '../src/stage/lines.ts'
import { closedPort } from '../src/stage/stage.ts'
import {
  assertPlayed,
  clear,
  clientOf,
  ensemble,
  failing,
  image,
  messages,
  second,
  sound,
} from './openai-client.fixture.ts'

/** What the official client makes of every way in which a call can fail. */
// What a break looks like to the client when nobody goes on.
const house = await ensemble({ after }, { stream_recovery: 'off' })
const { client } = house
const { lead, backup } = house.stages
beforeEach(() => clear(house))

/** A chat call to the group that has no fallback. */
const ask = (more: OpenAI.RequestOptions = {}) =>
  Promise.resolve(client.chat.completions.create({ model: 'alone', messages: messages('Hello') }, more))

const shapeOf = (error: InstanceType<typeof OpenAI.APIError>) => ({
  status: error.status,
  code: error.code,
  param: error.param,
  type: error.type,
})

test('BadRequestError: the provider’s param and code survive, under LiteLLM’s prefix', async () => {
  const error = await failing(
    Promise.resolve(
      client.chat.completions.create({
        model: 'alone',
        messages: messages('Hello'),
        // @ts-expect-error: no such temperature, which is the point
        temperature: 'hot',
      }),
    ),
  )
  assert.ok(error instanceof OpenAI.BadRequestError)
  assert.deepEqual(shapeOf(error), {
    status: 400,
    code: 'invalid_type',
    param: 'temperature',
    type: null,
  })
  assert.match(
    error.message,
    /^400 litellm\.BadRequestError: OpenAIException - Invalid type for 'temperature'/,
  )
})

test('BadRequestError: what the gateway refuses itself names the parameter, before any provider is asked', async () => {
  const wrong: readonly [param: string, body: object][] = [
    ['model', { model: 'nobody', messages: messages('Hello') }],
    ['model', { messages: messages('Hello') }],
    ['model', { model: 7, messages: messages('Hello') }],
    ['api_base', { model: 'alone', messages: messages('Hello'), api_base: 'http://127.0.0.1:1' }],
    ['request_body', { model: 'alone', messages: JSON.parse(`${'['.repeat(400)}${']'.repeat(400)}`) }],
  ]
  for (const [param, body] of wrong) {
    const error = await failing(Promise.resolve(client.post('/chat/completions', { body })))
    assert.ok(error instanceof OpenAI.BadRequestError, param)
    assert.deepEqual(shapeOf(error), { status: 400, code: '400', param, type: 'invalid_request_error' })
  }
  assertPlayed(house, 0, 0)
})

test('AuthenticationError: a wrong key of the gateway reaches no provider', async () => {
  const stranger = clientOf({ url: house.url, key: 'sk-not-the-master-key' })
  for (const call of [
    () => stranger.chat.completions.create({ model: 'star', messages: messages('Hello') }),
    () => stranger.chat.completions.create({ model: 'star', messages: messages('Hello'), stream: true }),
    () => stranger.models.list(),
    () => stranger.responses.retrieve('resp_1'),
  ]) {
    const error = await failing(Promise.resolve(call()))
    assert.ok(error instanceof OpenAI.AuthenticationError)
    assert.deepEqual(shapeOf(error), {
      status: 401,
      code: '401',
      param: 'key',
      type: 'token_not_found_in_db',
    })
    assert.ok(!error.message.includes('not-the-master'))
  }
  assertPlayed(house, 0, 0)
})

test('each status of the provider is its own class, with the shape LiteLLM gives it', async () => {
  const { APIError, AuthenticationError, InternalServerError, NotFoundError, RateLimitError } = OpenAI
  type Expected = readonly [upstream: number, kind: typeof APIError, status: number, type: string | null]
  const table: readonly Expected[] = [
    [401, AuthenticationError as typeof APIError, 401, null],
    [403, OpenAI.PermissionDeniedError as typeof APIError, 403, null],
    [404, NotFoundError as typeof APIError, 404, null],
    [408, APIError, 408, null],
    [422, OpenAI.BadRequestError as typeof APIError, 400, null],
    [429, RateLimitError as typeof APIError, 429, 'throttling_error'],
    [500, InternalServerError as typeof APIError, 500, null],
    [502, InternalServerError as typeof APIError, 502, null],
    [503, InternalServerError as typeof APIError, 503, null],
    [504, APIError, 408, null],
    [529, InternalServerError as typeof APIError, 529, null],
  ]
  for (const [upstream, kind, status, type] of table) {
    const body = { error: { message: 'boom', type: null, param: null, code: null } }
    lead.script([{ kind: 'status', status: upstream, body }])
    const error = await failing(ask())
    assert.ok(error instanceof kind, `${upstream} is ${error.constructor.name}`)
    assert.deepEqual(shapeOf(error), { status, code: String(status), param: null, type })
    assert.match(error.message, / OpenAIException - boom/)
  }
})

test('requestID: every error names the call, so that it can be explained', async () => {
  lead.script([{ kind: 'status', status: 500 }])
  const error = await failing(ask())
  assert.ok(error.requestID)
  assert.equal(error.requestID, error.headers?.get('x-litellm-call-id'))
  const refused = await failing(Promise.resolve(client.post('/chat/completions', { body: {} })))
  assert.equal(refused.requestID, refused.headers?.get('x-litellm-call-id'))
  const chosen = await failing(ask({ headers: { 'x-litellm-call-id': 'act-1' }, body: {} }))
  assert.equal(chosen.requestID, 'act-1')
})

test('_request_id: an answer names the provider’s own', async () => {
  const answer = await client.chat.completions.create({ model: 'alone', messages: messages('Hello') })
  assert.match(answer._request_id ?? '', /^req_/)
})

test('RateLimitError: a 429 always says when to come back', async () => {
  const said: readonly (readonly [Fault, string])[] = [
    [{ kind: 'status', status: 429, headers: { 'retry-after': '7' } }, '7'],
    [{ kind: 'status', status: 429, headers: { 'retry-after-ms': '1500' } }, '2'],
    [{ kind: 'status', status: 429, body: { error: { message: 'slow down' } } }, '1'],
    [{ kind: 'status', status: 429, body: { error: { message: 'Please retry after 37 seconds.' } } }, '37'],
    [{ kind: 'error-in-200', error: { message: 'slow down', code: 'rate_limit_exceeded' } }, '1'],
  ]
  for (const [fault, seconds] of said) {
    lead.script([fault])
    const error = await failing(ask())
    assert.ok(error instanceof OpenAI.RateLimitError)
    assert.equal(error.headers?.get('retry-after'), seconds)
    assert.equal(error.type, 'throttling_error')
  }
})

test('RateLimitError: a group whose deployments all rest says so, and until when', async t => {
  const cooling = await ensemble(t, { disable_cooldowns: false, allowed_fails: 0, cooldown_time: 60 })
  cooling.stages.lead.script([{ kind: 'status', status: 401 }])
  const call = () => cooling.client.chat.completions.create({ model: 'alone', messages: messages('Hello') })
  await assert.rejects(Promise.resolve(call()), OpenAI.AuthenticationError)
  const error = await failing(Promise.resolve(call()))
  assert.ok(error instanceof OpenAI.RateLimitError, error.message)
  assert.match(error.message, /No deployments available for selected model/)
  const seconds = Number(error.headers?.get('retry-after'))
  assert.ok(seconds > 0 && seconds <= 60)
  assertPlayed(cooling, 1, 0)
})

test('the last fallback’s failure is not lost in the first one’s', async () => {
  lead.script([{ kind: 'status', status: 503 }])
  backup.script([{ kind: 'status', status: 429 }])
  const error = await failing(
    Promise.resolve(client.chat.completions.create({ model: 'star', messages: messages('Hello') })),
  )
  assert.ok(error instanceof OpenAI.InternalServerError)
  assert.equal(error.status, 503)
  assert.match(error.message, /Received Model Group=star\nAvailable Model Group Fallbacks=\['star-second'\]/)
  assert.match(error.message, /Error doing the fallback: litellm\.RateLimitError/)
})

test('APIConnectionError: nobody is at the gateway’s address', async () => {
  const nobody = clientOf({ url: `http://127.0.0.1:${await closedPort()}`, key: house.key })
  const error = await failing(Promise.resolve(nobody.models.list()))
  assert.ok(error instanceof OpenAI.APIConnectionError)
})

test('a provider that cannot be reached is an InternalServerError, not a broken connection', async () => {
  // The kept connection and the fresh one: what dies with the former alone costs nobody anything.
  const reset = { kind: 'reset', when: 'before-headers' } as const
  lead.script([reset, reset])
  const error = await failing(ask())
  assert.ok(error instanceof OpenAI.InternalServerError)
  assert.deepEqual(shapeOf(error), { status: 500, code: '500', param: null, type: null })
  assert.match(error.message, /OpenAIException - Connection error\./)
})

test('APIConnectionTimeoutError: the client’s patience ends, and so does the call upstream', async () => {
  lead.script([{ kind: 'stall', when: 'before-headers' }])
  const pending = failing(ask({ timeout: 150 }))
  const hit = await lead.waitForRequest(1)
  assert.ok((await pending) instanceof OpenAI.APIConnectionTimeoutError)
  await hit.closedByPeer
  assertPlayed(house, 1, 0)
})

test('APIUserAbortError: an aborted call ends upstream and starts nothing else', async () => {
  for (const stream of [false, true]) {
    clear(house)
    lead.script([{ kind: 'stall', when: stream ? 'mid-stream' : 'before-headers' }])
    const abort = new AbortController()
    const body = { model: 'star', messages: messages('Hello'), stream }
    const call = Promise.resolve(client.chat.completions.create(body, { signal: abort.signal }))
    const hit = await lead.waitForRequest(1)
    if (stream) {
      const answer = await call
      assert.ok(Symbol.asyncIterator in answer)
      await answer[Symbol.asyncIterator]().next()
      abort.abort()
    } else {
      abort.abort()
      assert.ok((await failing(call)) instanceof OpenAI.APIUserAbortError)
    }
    await hit.closedByPeer
    assertPlayed(house, 1, 0)
  }
})

test('the gateway’s own limit is a 408 that says so', async () => {
  lead.script([{ kind: 'stall', when: 'before-headers' }])
  const error = await failing(ask({ headers: { 'x-litellm-timeout': '0.1' } }))
  assert.deepEqual(shapeOf(error), { status: 408, code: '408', param: null, type: null })
  assert.match(error.message, /litellm\.Timeout: .*timeout value=0\.1/)
})

type Streamed = { readonly group: string; readonly open: () => Promise<AsyncIterable<object>> }

/** Every call whose answer is a stream of events. */
const STREAMS: Readonly<Record<string, Streamed>> = {
  chat: {
    group: 'star',
    open: () =>
      Promise.resolve(
        client.chat.completions.create({ model: 'star', messages: messages('Hello'), stream: true }),
      ),
  },
  completions: {
    group: 'pen',
    open: () => Promise.resolve(client.completions.create({ model: 'pen', prompt: 'Once', stream: true })),
  },
  responses: {
    group: 'star',
    open: () => Promise.resolve(client.responses.create({ model: 'star', input: 'Hello', stream: true })),
  },
  'images.generate': {
    group: 'painter',
    open: () =>
      Promise.resolve(
        client.images.generate({ model: 'painter', prompt: 'x', stream: true, partial_images: 2 }),
      ),
  },
  'images.edit': {
    group: 'painter',
    open: async () =>
      client.images.edit({
        model: 'painter',
        prompt: 'x',
        image: await image(),
        stream: true,
        partial_images: 2,
      }),
  },
  'audio.transcriptions': {
    group: 'ear',
    open: async () => client.audio.transcriptions.create({ model: 'ear', file: await sound(), stream: true }),
  },
}

const ERROR = { message: 'The theatre is on fire.', type: 'server_error', code: null, param: null }
const CUT: Fault = { kind: 'cut', how: 'clean-chunk-end', afterContent: 0 }

for (const [name, { open }] of Object.entries(STREAMS)) {
  test(`${name}: a stream that fails before its content is answered by the backup`, async () => {
    for (const fault of [
      CUT,
      { kind: 'error-event', error: ERROR, afterContent: 0 },
      { kind: 'reset', when: 'after-headers' },
      { kind: 'error-in-200', error: ERROR },
    ] as const satisfies readonly Fault[]) {
      clear(house)
      lead.script([fault])
      const events = await Array.fromAsync(await open())
      assert.ok(events.length > 1, fault.kind)
      assertPlayed(house, 1, 1)
    }
  })

  test(`${name}: with nobody left, an error before content is a typed error with its status`, async () => {
    lead.script([{ kind: 'error-event', error: { ...ERROR, code: 'rate_limit_exceeded' }, afterContent: 0 }])
    backup.script([{ kind: 'status', status: 500 }])
    const error = await failing(open())
    assert.ok(error instanceof OpenAI.RateLimitError, error.message)
    assert.equal(error.type, 'throttling_error')
    assert.ok(error.headers?.get('retry-after'))
    assert.match(error.headers?.get('content-type') ?? '', /^application\/json/)
  })

  if (name === 'responses') continue
  test(`${name}: an answer that breaks off after content throws, and is not completed by another`, async () => {
    for (const how of ['clean-chunk-end', 'fin', 'rst'] as const) {
      clear(house)
      lead.script([{ kind: 'cut', how, afterContent: 1 }])
      const seen: object[] = []
      const error = await failing(
        (async () => {
          for await (const event of await open()) seen.push(event)
        })(),
      )
      assert.ok(seen.length > 0)
      assert.deepEqual([error.code, error.type, error.param], ['500', null, null])
      assert.match(error.message, /^litellm\.APIConnectionError: /)
      assertPlayed(house, 1, 0)
    }
  })
}

test('responses: an answer that breaks off after content ends with response.failed of the same response', async () => {
  for (const how of ['clean-chunk-end', 'rst'] as const) {
    clear(house)
    lead.script([{ kind: 'cut', how, afterContent: 2 }])
    const events = await Array.fromAsync(
      await client.responses.create({ model: 'star', input: 'Hello', stream: true }),
    )
    const [first, end] = [events[0], events.at(-1)]
    assert.ok(first?.type === 'response.created' && end?.type === 'response.failed')
    assert.equal(end.response.id, first.response.id, 'the id the client was given, not the provider’s')
    assert.equal(end.response.model, 'star')
    assert.equal(end.response.status, 'failed')
    assert.equal(end.response.error?.code, 'server_error')
    assert.deepEqual(
      events.map(event => event.sequence_number),
      events.map((_, index) => index),
    )
    assertPlayed(house, 1, 0)
  }
})

test('responses.stream: the helper accepts the failed end and tells it as the response’s state', async () => {
  lead.script([{ kind: 'cut', how: 'rst', afterContent: 2 }])
  const final = await client.responses.stream({ model: 'star', input: 'Hello' }).finalResponse()
  assert.equal(final.status, 'failed')
  assert.equal(final.error?.code, 'server_error')
})

test('an error event after content carries the provider’s words', async () => {
  lead.script([{ kind: 'error-event', error: ERROR, afterContent: 1 }])
  const stream = await client.chat.completions.create({
    model: 'star',
    messages: messages('Hello'),
    stream: true,
  })
  const error = await failing(Array.fromAsync(stream))
  assert.match(error.message, /The theatre is on fire\./)
  assertPlayed(house, 1, 0)
})

test('after a failure the same client is served again, by the primary', async () => {
  lead.script([{ kind: 'status', status: 503 }])
  const call = () => client.chat.completions.create({ model: 'star', messages: messages('Hello') })
  assert.equal((await call()).model, second('star'))
  const answer = await call()
  assert.deepEqual([answer.model, answer.choices[0]?.message.content], ['star', CANONICAL])
})
