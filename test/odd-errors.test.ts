import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib'
import type { JsonObject } from '../src/wire/json.ts'
import { play } from './support/harness.ts'
import { inside } from './support/inside.ts'

/** An error means what it says, in whatever wrapping it comes; and no odd event begins an answer. */

const CHAT = '/v1/chat/completions'
const MESSAGES = '/v1/messages'
const RESPONSES = '/v1/responses'
const SPEECH = '/v1/audio/speech'
const EVENTS = 'text/event-stream'
const JSON_TYPE = 'application/json'

type Odd = {
  readonly name: string
  readonly provider: 'openai' | 'anthropic' | 'gemini'
  readonly path: string
  readonly stream?: false
  readonly status?: number
  readonly type?: string
  readonly coding?: 'gzip' | 'br' | 'zstd'
  readonly body: string
  /** reset: after the body; short: the length that was announced is not kept. */
  readonly broken?: 'reset' | 'short'
  readonly expected: string
}

const TOO_LONG =
  '{"error":{"message":"too big","type":"invalid_request_error","code":"context_length_exceeded"}}'
const BROKE = '{"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}'

const event = (data: string, name = ''): string => `${name === '' ? '' : `event: ${name}\n`}data: ${data}\n\n`

const chat = (name: string, body: string, expected: string, more: Partial<Odd> = {}): Odd => ({
  name,
  provider: 'openai',
  path: CHAT,
  body,
  expected,
  ...more,
})

const ODD: readonly Odd[] = [
  chat('an event called error', event(TOO_LONG, 'error'), 'context_window'),
  chat('an event called error that is a text', event('upstream overloaded', 'error'), 'overloaded'),
  chat('an error that is a text', event('{"error":"rate limit exceeded"}'), 'rate_limit'),
  chat('an error that is a list', event('{"error":[{"message":"slow","code":429}]}'), 'rate_limit'),
  chat('an event that is a list of one error', event(`[${TOO_LONG}]`), 'context_window'),
  chat('base_resp in an event', event(BROKE), 'quota'),
  chat('base_resp beside no choices', event(`{"choices":null,${BROKE.slice(1)}`), 'quota'),
  chat('a bare detail', event('{"detail":"CUDA out of memory"}'), 'transient'),
  chat('a bare error with a status', event('{"message":"Too many","code":"429"}'), 'rate_limit'),
  chat(
    'a chunk of nothing',
    `${event('{"id":"x","object":"chat.completion.chunk"}')}${event('[DONE]')}`,
    'empty_answer',
  ),
  chat(
    'comments, and then an error',
    `${': keep-alive\n\n'.repeat(20)}${event('{"error":{"message":"The request queue is full.","code":503}}')}`,
    'overloaded',
  ),
  chat('JSON where a stream was asked for', TOO_LONG, 'context_window', { type: JSON_TYPE }),
  chat('an event that is not announced', event(TOO_LONG), 'context_window', { type: 'text/plain' }),
  chat('JSON that is called a page', TOO_LONG, 'context_window', { type: 'text/html' }),
  chat('JSON that is called nothing', TOO_LONG, 'context_window', { type: '' }),
  chat('a plain answer that is called a page', TOO_LONG, 'context_window', {
    type: 'text/html',
    stream: false,
  }),
  chat('a plain answer that is an event', event(TOO_LONG), 'context_window', { stream: false }),
  chat('a plain answer that is a list', `[${TOO_LONG}]`, 'context_window', {
    type: JSON_TYPE,
    stream: false,
  }),
  chat('base_resp in a plain answer', BROKE, 'quota', { type: JSON_TYPE, stream: false }),
  ...(['gzip', 'br', 'zstd'] as const).map(coding =>
    chat(`coded as ${coding}`, TOO_LONG, 'context_window', { type: JSON_TYPE, status: 400, coding }),
  ),
  ...(['reset', 'short'] as const).map(broken =>
    chat(`an error that ends in a ${broken}`, TOO_LONG, 'context_window', {
      type: JSON_TYPE,
      status: 400,
      broken,
    }),
  ),
  chat('an error that breaks off', '{"error":{"code":"insufficient_quota","message":"You exc', 'quota', {
    type: JSON_TYPE,
    status: 429,
    broken: 'reset',
  }),
  chat(
    'an error of more than a megabyte',
    `{"error":{"code":"context_length_exceeded","message":"${'x'.repeat(1_200_000)}"}}`,
    'context_window',
    { type: JSON_TYPE, status: 400 },
  ),
  ...(
    [
      ['anthropic', MESSAGES],
      ['anthropic', CHAT],
      ['anthropic', RESPONSES],
      ['openai', RESPONSES],
      ['openai', MESSAGES],
      ['gemini', CHAT],
    ] as const
  ).flatMap(([provider, path]) =>
    (
      [
        ['a text', event('overloaded', 'error')],
        ['a JSON string', event('"overloaded"', 'error')],
        ['an object', event('{"error":{"message":"overloaded"}}', 'error')],
        ['nameless', event('{"error":{"message":"overloaded"}}')],
      ] as const
    ).map(([form, body]) => ({
      name: `${provider} on ${path}: an error event that is ${form}`,
      provider,
      path,
      body,
      expected: 'overloaded',
    })),
  ),
  ...(
    [
      [
        'an error as an event where sound was asked for',
        EVENTS,
        event('{"error":"overloaded"}'),
        'overloaded',
      ],
      ['an event that is no sound', EVENTS, event('{"type":"speech.audio.done"}'), 'transient'],
      ['an object with nothing in it instead of sound', JSON_TYPE, '{}', 'transient'],
      ['an empty list instead of sound', JSON_TYPE, '{"data":[]}', 'transient'],
    ] as const
  ).map(([name, type, body, expected]) => ({
    name,
    provider: 'openai' as const,
    path: SPEECH,
    stream: false as const,
    type,
    body,
    expected,
  })),
  {
    name: 'a bare detail in a stream of responses',
    provider: 'openai',
    path: RESPONSES,
    body: event('{"detail":"Too many requests"}'),
    expected: 'rate_limit',
  },
  {
    name: "Gemini's stream as an array",
    provider: 'gemini',
    path: CHAT,
    type: JSON_TYPE,
    body: '[{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}]',
    expected: 'overloaded',
  },
  {
    name: 'a call that the model made badly rests nobody',
    provider: 'gemini',
    path: CHAT,
    body: event('{"candidates":[{"content":{"parts":[]},"finishReason":"MALFORMED_FUNCTION_CALL"}]}'),
    expected: 'empty_answer',
  },
]

const CODERS = { gzip: gzipSync, br: brotliCompressSync, zstd: zstdCompressSync } as const

const answer = (odd: Odd, response: ServerResponse): void => {
  const plain = Buffer.from(odd.body)
  const bytes = odd.coding === undefined ? plain : CODERS[odd.coding](plain)
  const type = odd.type ?? EVENTS
  response.writeHead(odd.status ?? 200, {
    ...(type === '' ? {} : { 'content-type': type }),
    ...(odd.coding === undefined ? {} : { 'content-encoding': odd.coding }),
    ...(odd.broken === 'short' ? { 'content-length': String(bytes.length + 9) } : {}),
  })
  if (odd.broken === undefined) response.end(bytes)
  // The bytes have to be on their way before the connection goes.
  else
    response.write(bytes, () =>
      setTimeout(() => response.socket?.[odd.broken === 'reset' ? 'resetAndDestroy' : 'end'](), 50),
    )
}

/** A provider that answers every request with what is on. */
const startOdd = async (t: TestContext, now: () => Odd): Promise<string> => {
  const server = createServer((request, response) => {
    request.resume().on('end', () => answer(now(), response))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
}

const ASKED: Readonly<Record<string, JsonObject>> = {
  [RESPONSES]: { input: 'x' },
  [SPEECH]: { input: 'x', voice: 'alloy' },
}

const bodyFor = ({ provider, path, stream }: Odd): JsonObject => ({
  model: provider,
  stream: stream ?? true,
  ...(ASKED[path] ?? { max_tokens: 5, messages: [{ role: 'user', content: 'x' }] }),
})

test('an error in an odd wrapping gets its class, before anything has gone to the client', async t => {
  let on: Odd | undefined
  const base = await startOdd(t, () => on ?? assert.fail())
  const gateway = inside()
  const entry = (name: Odd['provider'], at: string): JsonObject => ({
    model_name: name,
    litellm_params: { model: `${name}/m`, api_base: at, api_key: 'sk-x' },
  })
  const { ask } = await play(t, {
    start: gateway.start,
    config: {
      model_list: [entry('openai', `${base}/v1`), entry('anthropic', base), entry('gemini', base)],
      router_settings: { num_retries: 0, disable_cooldowns: true },
    },
  })
  for (const odd of ODD) {
    on = odd
    const reply = await ask(odd.path, bodyFor(odd))
    const record = (await gateway.records()).at(-1)
    assert.deepEqual(
      record?.steps.map(step => step.outcome),
      [odd.expected],
      odd.name,
    )
    assert.ok(reply.status >= 400, `${odd.name}: ${reply.status}`)
  }
})
