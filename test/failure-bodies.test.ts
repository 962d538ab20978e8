import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ERROR_BODIES, type ErrorBodyRow } from '../src/dialects/error-bodies.fixture.ts'
import { type FailureClass, VERDICTS } from '../src/failure.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { deployment, play, type Reply } from './support/harness.ts'
import { type Puppet, startPuppet } from './support/puppet.ts'
import { asked, chat, steady } from './support/steady.ts'

/** What a provider said, through the door: which list follows, how often it was asked, whether it rests. */

const CHAT = '/v1/chat/completions'

/** One row for each status and meaning of a provider: the same again over sockets proves nothing more. */
const ROWS: readonly ErrorBodyRow[] = [
  ...new Map(
    ERROR_BODIES.filter(row => row.status >= 400 && row.body !== '').map(row => [
      `${row.who} ${row.status} ${row.expected} ${row.body.length % 2}`,
      row,
    ]),
  ).values(),
]

const verdictOf = ({ expected }: ErrorBodyRow) => VERDICTS[expected as FailureClass]

const SERVED_BY = { generic: 'spare', context_window: 'wide', content_policy: 'calm', none: '' } as const

test('each body leads to the list of its class after one attempt, streamed or not, and rests whom it should', async t => {
  const on = await play(t, {
    stages: { lead: { models: ['*'] }, next: { models: ['*'] } },
    start: steady().start,
    config: ({ lead, next }) => ({
      model_list: [
        ...ROWS.map((_, at) => deployment(`row-${at}`, lead, `row-${at}`)),
        ...['spare', 'wide', 'calm'].map(name => deployment(name, next, name)),
      ],
      router_settings: {
        num_retries: 0,
        fallbacks: [{ '*': ['spare'] }],
        context_window_fallbacks: [{ '*': ['wide'] }],
        content_policy_fallbacks: [{ '*': ['calm'] }],
      },
    }),
  })
  const { lead, next } = on.stages
  for (const [at, row] of ROWS.entries()) {
    const { retry, fallback, cooldown } = verdictOf(row)
    const what = `${row.who} ${row.status} ${row.expected}: ${row.body.slice(0, 120)}`
    const group = `row-${at}`
    for (const stream of cooldown === 'none' ? [false, true] : [at % 2 === 0]) {
      lead.clear()
      next.clear()
      lead.script([{ kind: 'status', status: row.status, headers: row.headers, body: row.body }])
      const reply = await on.ask(CHAT, chat(group, { stream }))
      assert.equal(reply.status, 200, what)
      assert.deepEqual(asked(lead), [group], `once: ${what}`)
      assert.deepEqual(asked(next), [SERVED_BY[fallback]], what)
    }
    // Then it is well again: who was blamed wrongly must be asked, and who is out of money must not.
    if (cooldown !== 'none' && cooldown !== 'hard') continue
    lead.clear()
    await on.ask(CHAT, chat(group))
    assert.equal(asked(lead).length, cooldown === 'none' ? 1 : 0, `${cooldown} ${retry}: ${what}`)
  }
})

test('when every group is too small, the client still reads context_length_exceeded, whoever said it how', async t => {
  const wordings = ROWS.filter(row => row.expected === 'context_window')
  assert.ok(wordings.length > 40)
  const on = await play(t, {
    stages: { lead: { models: ['*'] } },
    start: steady().start,
    config: ({ lead }) => ({
      model_list: ['small', 'smaller', 'smallest'].map(name => deployment(name, lead, name)),
      router_settings: {
        num_retries: 2,
        context_window_fallbacks: [{ small: ['smaller', 'smallest'] }],
        fallbacks: [{ small: ['smaller'] }],
      },
    }),
  })
  const { lead } = on.stages
  for (const [at, first] of wordings.entries()) {
    const three = [first, wordings[(at + 7) % wordings.length], wordings[(at + 19) % wordings.length]]
    lead.clear()
    lead.script(
      three.flatMap(row =>
        row === undefined
          ? []
          : [{ kind: 'status', status: row.status, headers: row.headers, body: row.body }],
      ),
    )
    const reply = await on.ask(CHAT, chat('small', { stream: at % 2 === 0 }))
    assert.equal(reply.status, 400, reply.text)
    assert.equal((reply.json().error as { code: string }).code, 'context_length_exceeded')
    assert.deepEqual(asked(lead), ['small', 'smaller', 'smallest'])
  }
})

const SSE = { 'content-type': 'text/event-stream' }
const chunk = (delta: object, finish: string | null, more: object = {}): string =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: finish }], ...more })}\n\n`

/** Streams that end properly and say nothing. */
const EMPTY_STREAMS: readonly (readonly [what: string, bytes: string])[] = [
  ['only the terminator', 'data: [DONE]\n\n'],
  ['a comment and the terminator', ': hello\n\ndata: [DONE]\n\n'],
  [
    'usage and no choice',
    `data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":0}}\n\ndata: [DONE]\n\n`,
  ],
  [
    'a stop without one token',
    `${chunk({ role: 'assistant', content: '' }, null)}${chunk({}, 'stop', { usage: { prompt_tokens: 3, completion_tokens: 0 } })}data: [DONE]\n\n`,
  ],
  [
    'the same without a terminator',
    `${chunk({ content: '' }, null)}${chunk({ content: '' }, 'stop', { usage: { completion_tokens: 0 } })}`,
  ],
]

const SPOKEN_STREAMS: readonly (readonly [what: string, bytes: string])[] = [
  ['an empty text that nobody counted', `${chunk({ content: '' }, 'stop')}data: [DONE]\n\n`],
  [
    'an empty text of one token',
    `${chunk({ content: '' }, 'stop', { usage: { completion_tokens: 1 } })}data: [DONE]\n\n`,
  ],
  [
    'a filter that left nothing',
    `${chunk({}, 'content_filter', { usage: { completion_tokens: 0 } })}data: [DONE]\n\n`,
  ],
]

const puppetHouse = async (t: Parameters<typeof startPuppet>[0], settings: JsonObject = {}) => {
  const puppet = await startPuppet(t)
  const on = await play(t, {
    stages: { next: { models: ['*'] } },
    start: steady().start,
    config: ({ next }) => ({
      model_list: [
        {
          model_name: 'mute',
          litellm_params: { model: 'openai/gpt-4.1', api_base: puppet.baseUrl, api_key: 'sk-x' },
        },
        deployment('spare', next, 'spare'),
      ],
      router_settings: { num_retries: 0, fallbacks: [{ mute: ['spare'] }], ...settings },
    }),
  })
  return { puppet, on }
}

/** The puppet streams these bytes to the next request; an answer that came without one is a failure. */
const says = async (puppet: Puppet, reply: Promise<Reply>, bytes: string): Promise<void> => {
  const call = await Promise.race([puppet.next(), reply.then(() => undefined)])
  assert.ok(call, 'the provider was not asked')
  call.head(SSE)
  call.end(bytes)
}

test('a stream that ends properly without a token is served by the next group, and never benches the first', async t => {
  // The first failure that counts would rest it.
  const { puppet, on } = await puppetHouse(t, { allowed_fails: 0 })
  for (const [what, bytes] of [...EMPTY_STREAMS, ...EMPTY_STREAMS]) {
    const reply = on.ask(CHAT, chat('mute', { stream: true }))
    await says(puppet, reply, bytes)
    const { status, headers } = await reply
    assert.deepEqual([status, headers['x-litellm-model-group']], [200, 'spare'], what)
  }
  assert.equal(puppet.count(), 2 * EMPTY_STREAMS.length, 'asked every time')
})

test('a stream that has nothing to say is an answer', async t => {
  const { puppet, on } = await puppetHouse(t)
  for (const [what, bytes] of SPOKEN_STREAMS) {
    const reply = on.ask(CHAT, chat('mute', { stream: true }))
    await says(puppet, reply, bytes)
    const { status, headers, text } = await reply
    assert.deepEqual([status, headers['x-litellm-model-group']], [200, 'mute'], what)
    assert.match(text, /\[DONE\]/)
  }
})

test('an error event that comes first is the failure it says, with its status, and the stream is not begun', async t => {
  const { puppet, on } = await puppetHouse(t)
  const events: readonly (readonly [bytes: string, status: number, code: string])[] = [
    [
      'data: {"error":{"message":"max_tokens must be at least 1","type":"BadRequestError","code":400}}\n\ndata: [DONE]\n\n',
      400,
      '400',
    ],
    [
      'event: error\ndata: {"message":"Your input exceeds the context window","code":"context_length_exceeded"}\n\n',
      400,
      'context_length_exceeded',
    ],
    [
      'data: {"error":{"code":429,"message":"Provider returned error","metadata":{"raw":"slow down"}}}\n\n',
      429,
      '429',
    ],
    ['data: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n', 503, '503'],
  ]
  for (const [bytes, expected, code] of events) {
    const reply = on.ask(CHAT, chat('mute', { stream: true, disable_fallbacks: true }))
    await says(puppet, reply, bytes)
    const { status, headers, json } = await reply
    assert.equal(status, expected, bytes)
    assert.equal(headers['content-type'], 'application/json')
    assert.equal((json().error as { code: string }).code, code)
  }
})

const EMBEDDINGS = '/v1/embeddings'

/** What providers say of a model that is well, and is another kind of model. */
const OTHER_KIND: readonly (readonly [status: number, body: string])[] = [
  [
    404,
    '{"error":{"code":404,"message":"models/m is not found for API version v1beta, or is not supported for embedContent.","status":"NOT_FOUND"}}',
  ],
  [
    400,
    '{"object":"error","message":"Invalid model: mistral-large-latest","type":"invalid_model","code":"1500"}',
  ],
  [
    403,
    '{"error":{"message":"You are not allowed to generate embeddings from this model","type":"invalid_request_error","param":null,"code":null}}',
  ],
  [404, '{"error":{"message":"The model `m` does not exist.","type":"NotFoundError","code":404}}'],
]

test('a model that is not there for an endpoint of another kind is asked as ever where it serves', async t => {
  const on = await play(t, {
    stages: { lead: { models: ['*'] } },
    start: steady().start,
    config: ({ lead }) => ({
      model_list: [
        ...OTHER_KIND.map((_, at) => deployment(`talks-${at}`, lead, `t-${at}`)),
        ...['new', 'new-vectors', 'vectors'].map(name => deployment(name, lead, name)),
      ],
      router_settings: { num_retries: 0 },
    }),
  })
  const { lead } = on.stages
  const gone = async (group: string, path: string, body: JsonObject, at = 3) => {
    const [status, text] = OTHER_KIND[at] ?? assert.fail()
    lead.script([{ kind: 'status', status, body: text }])
    const reply = await on.ask(path, { model: group, ...body })
    assert.equal(reply.status, 404, group)
  }
  const vectors = { input: 'x' }
  for (const at of OTHER_KIND.keys()) {
    const group = `talks-${at}`
    assert.equal((await on.ask(CHAT, chat(group))).status, 200)
    await gone(group, EMBEDDINGS, vectors, at)
    assert.equal((await on.ask(CHAT, chat(group))).status, 200, `${group} was put to rest`)
  }
  // Who has answered nothing yet is believed to be gone.
  await gone('new', CHAT, chat('new'))
  assert.equal((await on.ask(CHAT, chat('new'))).status, 429)
  await gone('new-vectors', EMBEDDINGS, vectors)
  assert.equal((await on.ask(EMBEDDINGS, { model: 'new-vectors', ...vectors })).status, 429)
  await gone('talks-0', CHAT, chat('talks-0'))
  assert.equal((await on.ask(CHAT, chat('talks-0'))).status, 429, 'gone where it served')
  assert.equal((await on.ask(EMBEDDINGS, { model: 'vectors', ...vectors })).status, 200)
  await gone('vectors', CHAT, chat('vectors'))
  assert.equal((await on.ask(EMBEDDINGS, { model: 'vectors', ...vectors })).status, 200)
  await gone('vectors', EMBEDDINGS, vectors)
  assert.equal((await on.ask(EMBEDDINGS, { model: 'vectors', ...vectors })).status, 429)
})
