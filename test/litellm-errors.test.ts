import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closedPort } from '../src/stage/stage.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { plant } from './support/canary.ts'
import { deployment, MASTER_KEY, play, type Reply } from './support/harness.ts'
import { asked, chat, failing, response, steady } from './support/steady.ts'

/** What a client is told when something went wrong: status, error object, LiteLLM's texts, and what is never in them. */

const stages = { stage: { models: ['*'] } }
const CHAT = '/v1/chat/completions'
const errorOf = (reply: Reply): JsonObject => {
  assert.match(reply.headers['content-type'] ?? '', /^application\/json/)
  assert.deepEqual(Object.keys(reply.json()), ['error'])
  return reply.json().error as JsonObject
}
const messageOf = (reply: Reply): string => String(errorOf(reply).message)
const body = (message: string, more: JsonObject = {}) => ({
  body: { error: { message, type: 'server_error', param: null, code: null, ...more } },
})
const NO_FALLBACKS = '. Received Model Group=star\nAvailable Model Group Fallbacks=None'

const STATUSES: readonly (readonly [upstream: number, shown: number, text: string])[] = [
  [400, 400, 'litellm.BadRequestError: OpenAIException - boo'],
  [401, 401, 'litellm.AuthenticationError: AuthenticationError: OpenAIException - boo'],
  [403, 403, 'litellm.APIError: APIError: OpenAIException - boo'],
  [404, 404, 'litellm.NotFoundError: NotFoundError: OpenAIException - boo'],
  [408, 408, 'litellm.Timeout: Timeout Error: OpenAIException - boo'],
  [422, 400, 'litellm.BadRequestError: OpenAIException - boo'],
  [429, 429, 'litellm.RateLimitError: RateLimitError: OpenAIException - boo'],
  [500, 500, 'litellm.InternalServerError: InternalServerError: OpenAIException - boo'],
  [502, 502, 'litellm.BadGatewayError: BadGatewayError: OpenAIException - boo'],
  [503, 503, 'litellm.ServiceUnavailableError: ServiceUnavailableError: OpenAIException - boo'],
  [504, 408, 'litellm.Timeout: Timeout Error: OpenAIException - boo'],
]

test('every upstream status: the status, class, prefix and object that LiteLLM gives it, on chat and responses, stream and not', async t => {
  const theatre = await play(t, {
    stages,
    start: steady().start,
    config: ({ stage }) => ({
      model_list: [deployment('star', stage, 'm')],
      router_settings: { num_retries: 0, disable_cooldowns: true },
    }),
  })
  const { stage } = theatre.stages
  for (const [upstream, shown, text] of STATUSES)
    for (const [path, make] of [
      [CHAT, chat],
      ['/v1/responses', response],
    ] as const)
      for (const stream of [false, true]) {
        stage.clear()
        failing(stage, 'm', upstream, body('boo'))
        const reply = await theatre.ask(path, make('star', { stream }))
        assert.equal(reply.status, shown, `${upstream} ${path}`)
        assert.deepEqual(errorOf(reply), {
          message: text + NO_FALLBACKS,
          type: shown === 429 ? 'throttling_error' : null,
          param: null,
          code: String(shown),
        })
        assert.ok(reply.headers['x-litellm-call-id'])
        assert.equal(reply.headers['x-litellm-attempted-retries'], '0')
        assert.equal(reply.headers['x-litellm-attempted-fallbacks'], '0')
        assert.equal(reply.headers['x-litellm-timeout'], '6000')
        assert.equal(reply.headers['retry-after'], shown === 429 ? '1' : undefined)
        // Only a success is told where it came from.
        for (const name of Object.keys(reply.headers))
          assert.ok(!/^llm_provider-|^x-ratelimit|x-litellm-model-api-base/.test(name), name)
      }
})

test("an upstream that cannot be reached is a 500 with LiteLLM's words, and its address stays here", async t => {
  const port = await closedPort()
  const theatre = await play(t, {
    stages,
    start: steady().start,
    config: ({ stage }) => ({
      model_list: [
        deployment('star', stage, 'm', { api_base: `http://127.0.0.1:${port}/v1` }),
        deployment('dns', stage, 'm', { api_base: 'http://nobody.invalid/v1' }),
      ],
      router_settings: { num_retries: 0 },
    }),
  })
  const reply = await theatre.ask(CHAT, chat('star'))
  assert.equal(reply.status, 500)
  assert.equal(
    messageOf(reply),
    `litellm.InternalServerError: InternalServerError: OpenAIException - Connection error.${NO_FALLBACKS}`,
  )
  const unknown = await theatre.ask(CHAT, chat('dns'))
  assert.equal(unknown.status, 500)
  assert.match(messageOf(unknown), /OpenAIException - Connection error\./)
  assert.ok(!unknown.text.includes('nobody'))
})

test("param and the codes that clients act on come through; azure's innererror is kept as structured detail", async t => {
  const theatre = await play(t, {
    stages: { stage: { models: ['*'] }, azure: { flavour: 'azure', models: ['*'] } },
    start: steady().start,
    config: ({ stage, azure }) => ({
      model_list: [deployment('star', stage, 'm'), deployment('blue', azure, 'm')],
      router_settings: { num_retries: 0, disable_cooldowns: true },
    }),
  })
  const { stage, azure } = theatre.stages
  failing(stage, 'm', 400, body('Unknown parameter', { param: 'metadata', code: 'unknown_parameter' }))
  const { param, code } = errorOf(await theatre.ask(CHAT, chat('star')))
  assert.deepEqual([param, code], ['metadata', 'unknown_parameter'])
  failing(stage, 'm', 401, body('no', { code: 'invalid_api_key' }))
  assert.equal(errorOf(await theatre.ask(CHAT, chat('star'))).code, 'invalid_api_key')
  failing(stage, 'm', 400, body('long', { param: 'messages', code: 'context_length_exceeded' }))
  assert.equal(errorOf(await theatre.ask(CHAT, chat('star'))).code, 'context_length_exceeded')
  const innererror = {
    code: 'ResponsibleAIPolicyViolation',
    content_filter_result: { hate: { filtered: true, severity: 'high' } },
  }
  failing(azure, 'm', 400, body('filtered', { param: 'prompt', code: 'content_filter', innererror }))
  const refused = errorOf(await theatre.ask(CHAT, chat('blue')))
  assert.match(
    String(refused.message),
    /^litellm\.ContentPolicyViolationError: ContentPolicyViolationError: AzureException - filtered/,
  )
  assert.deepEqual(refused.provider_specific_fields, { innererror })
})

test("M-170 the final error is the first group's, with the story of the fallbacks; without it when the operator hides it", async t => {
  for (const exposed of [true, false]) {
    const theatre = await play(t, {
      stages,
      start: steady().start,
      config: ({ stage }) => ({
        model_list: ['A', 'B', 'C', 'lonely'].map(name => deployment(name, stage, name)),
        router_settings: {
          num_retries: 2,
          max_fallbacks: 100,
          disable_cooldowns: true,
          fallbacks: [{ A: ['B', 'C'] }],
        },
        litellm_settings: { expose_router_debug_in_errors: exposed },
      }),
    })
    const { stage } = theatre.stages
    failing(stage, 'A', 503, body('A is full'))
    failing(stage, 'B', 401, body('B refuses'))
    failing(stage, 'C', 500, body('C is ill'))
    failing(stage, 'lonely', 400, body('wrong'))
    for (const stream of [false, true]) {
      const before = stage.requests.length
      const reply = await theatre.ask(CHAT, chat('A', { stream }))
      assert.deepEqual(asked(stage).slice(before), ['A', 'A', 'A', 'B', 'C', 'C', 'C'])
      assert.equal(reply.status, 503)
      assert.equal(errorOf(reply).code, '503')
      assert.equal(reply.headers['x-litellm-attempted-retries'], '4')
      assert.equal(reply.headers['x-litellm-attempted-fallbacks'], '2')
      const own = 'litellm.ServiceUnavailableError: ServiceUnavailableError: OpenAIException - A is full'
      const nested =
        "litellm.InternalServerError: InternalServerError: OpenAIException - C is illNo fallback model group found for original model_group=C. Fallbacks=[{'A': ['B', 'C']}]"
      assert.equal(
        messageOf(reply),
        exposed
          ? `${own}. Received Model Group=A\nAvailable Model Group Fallbacks=['B', 'C']\nError doing the fallback: ${nested}`
          : own,
      )
      const lonely = await theatre.ask(CHAT, chat('lonely', { stream }))
      const said = `litellm.BadRequestError: OpenAIException - wrong${exposed ? "No fallback model group found for original model_group=lonely. Fallbacks=[{'A': ['B', 'C']}]" : ''}`
      assert.equal(
        messageOf(lonely),
        exposed
          ? `${said}. Received Model Group=lonely\nAvailable Model Group Fallbacks=None\nError doing the fallback: ${said}`
          : said,
      )
    }
    await theatre.close()
  }
})

test('what the gateway refuses itself: unknown model, bad bodies, no key, unknown route', async t => {
  const theatre = await play(t, {
    stages,
    config: ({ stage }) => ({ model_list: [deployment('star', stage, 'm')] }),
  })
  const { stage } = theatre.stages
  const unknown = await theatre.ask(CHAT, chat('nobody'))
  assert.equal(unknown.status, 400)
  assert.deepEqual(errorOf(unknown), {
    message: 'Invalid model name passed in model=nobody',
    type: 'invalid_request_error',
    param: 'model',
    code: '400',
  })
  assert.ok(unknown.headers['x-litellm-call-id'])
  const several = errorOf(await theatre.ask(CHAT, chat('star,nobody')))
  assert.match(
    String(several.message),
    /^Invalid model name passed in model=star,nobody\. A call asks one group; /,
  )
  for (const [text, param] of [
    ['{"model": "star", ', 'request_body'],
    ['[]', 'request_body'],
    ['{"messages": []}', 'model'],
    ['{"model": 7}', 'model'],
    ['{"model": "https://elsewhere.example"}', 'model'],
  ] as const) {
    const reply = await theatre.ask(CHAT, text)
    assert.equal(reply.status, 400, text)
    const { type, param: named, code } = errorOf(reply)
    assert.deepEqual([type, named, code], ['invalid_request_error', param, '400'], text)
  }
  const anonymous = await theatre.ask(CHAT, chat('star'), { headers: [] })
  assert.equal(anonymous.status, 401)
  assert.deepEqual(errorOf(anonymous), {
    message: 'Authentication Error, No api key passed in.',
    type: 'auth_error',
    param: null,
    code: '401',
  })
  const wrong = await theatre.ask(CHAT, chat('star'), {
    headers: [['authorization', 'Bearer sk-wrong-key-of-someone-1234']],
  })
  assert.equal(wrong.status, 401)
  assert.equal(errorOf(wrong).type, 'token_not_found_in_db')
  assert.match(
    messageOf(wrong),
    /^Authentication Error, Invalid proxy server token passed\. Received API Key = sk-\.\.\.1234, Key Hash/,
  )
  assert.ok(!wrong.text.includes('wrong-key'))
  const plain = await theatre.ask(CHAT, chat('star'), { headers: [['authorization', 'Bearer hunter2']] })
  assert.match(messageOf(plain), /expected to start with 'sk-'/)
  assert.ok(!plain.text.includes('hunter2'))
  const nowhere = await theatre.ask('/v1/nowhere', {})
  assert.deepEqual([nowhere.status, nowhere.json()], [404, { detail: 'Not Found' }])
  assert.equal(stage.requests.length, 0)
})

test('an unknown model goes to the first default fallback before it is refused', async t => {
  const theatre = await play(t, {
    stages,
    config: ({ stage }) => ({
      model_list: [deployment('star', stage, 'm')],
      litellm_settings: { default_fallbacks: ['star'] },
    }),
  })
  assert.equal((await theatre.ask(CHAT, chat('nobody'))).status, 200)
  assert.deepEqual(asked(theatre.stages.stage), ['m'])
})

test('include_call_id_in_error_body; a client chooses its call id when it is one that can be printed', async t => {
  const theatre = await play(t, {
    stages,
    start: steady().start,
    config: ({ stage }) => ({
      model_list: [deployment('star', stage, 'm')],
      router_settings: { num_retries: 0 },
      general_settings: { include_call_id_in_error_body: true },
    }),
  })
  failing(theatre.stages.stage, 'm', 500)
  const named = (id: string) => ({
    headers: [['authorization', `Bearer ${MASTER_KEY}`] as const, ['x-litellm-call-id', id] as const],
  })
  for (const model of ['star', 'nobody']) {
    const reply = await theatre.ask(CHAT, chat(model), named('act-1.scene-2'))
    assert.equal(reply.headers['x-litellm-call-id'], 'act-1.scene-2')
    assert.equal(errorOf(reply).litellm_call_id, 'act-1.scene-2')
  }
  const odd = await theatre.ask(CHAT, chat('star'), named('no <script> here'))
  assert.match(odd.headers['x-litellm-call-id'] ?? '', /^[0-9a-f-]{36}$/)
})

test("M-157 no client text holds a key, an address, a stack or another deployment's data, whatever the provider says", async t => {
  const secret = Array.from({ length: 10 }, (_, place) => plant(`deployment ${place}`).text)
  const theatre = await play(t, {
    stages,
    start: steady().start,
    config: ({ stage }) => ({
      model_list: secret.map((canary, place) => ({
        model_name: place < 5 ? 'star' : 'second',
        litellm_params: {
          model: `openai/m-${place}`,
          api_base: `${stage.baseUrl}?trace=${canary}`,
          api_key: `sk-${canary}`,
          extra_headers: { 'x-inside': canary },
        },
      })),
      router_settings: { num_retries: 1, allowed_fails: 0, fallbacks: [{ star: ['second'] }] },
    }),
  })
  const { stage } = theatre.stages
  const stack =
    'Error: boom\n    at Server.handle (/srv/app/server.js:10:5)\n    at next (/srv/app/next.js:2:1)'
  for (let place = 0; place < 10; place += 1)
    failing(stage, `m-${place}`, place % 2 === 0 ? 401 : 500, {
      body: {
        error: {
          message: `Incorrect API key provided: sk-${secret[place]}. Ask http://10.1.2.3:8080/internal. ${stack}`,
          innererror: { trace: `key=sk-${secret[place]}` },
        },
      },
    })
  const replies = []
  for (const model of ['star', 'nobody', 'm-3'])
    for (const stream of [false, true])
      for (const path of [CHAT, '/v1/responses'])
        replies.push(await theatre.ask(path, { ...chat(model, { stream }), ...response(model) }))
  // By now everyone rests.
  replies.push(await theatre.ask(CHAT, chat('star')))
  assert.equal(replies.at(-1)?.status, 429)
  for (const reply of replies) {
    assert.ok(reply.status >= 400)
    const whole = JSON.stringify(reply.headers) + reply.text
    for (const canary of secret) assert.ok(!whole.includes(canary), whole)
    for (const inside of [
      '10.1.2.3',
      '127.0.0.1',
      'server.js',
      'node:internal',
      '/srv/',
      'api_base',
      'x-inside',
    ])
      assert.ok(!whole.includes(inside), `${inside} in ${whole}`)
  }
})
