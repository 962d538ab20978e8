import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readControls } from '../src/read/controls.ts'
import type { Json, JsonObject } from '../src/wire/json.ts'
import { deployment, play, type Reply } from './support/harness.ts'
import { asked, chat, response, steady } from './support/steady.ts'

/** The mock_* switches: rehearsals that a client can ask for, and what they leave untouched. */

const stages = { stage: { models: ['*'] } }
const CHAT = '/v1/chat/completions'
const errorOf = (reply: Reply): JsonObject => reply.json().error as JsonObject
const textOf = (reply: Reply): string =>
  reply.text
    .split('\n\n')
    .filter(block => block.startsWith('data: {'))
    .map(block => JSON.parse(block.slice(6)) as { choices: { delta: { content?: string } }[] })
    .map(chunk => chunk.choices[0]?.delta.content ?? '')
    .join('')

const company = (t: Parameters<typeof play>[0], settings: JsonObject = {}, house = steady()) =>
  play(t, {
    stages,
    start: house.start,
    config: ({ stage }) => ({
      model_list: ['a', 'b', 'long', 'safe'].map(name => deployment(name, stage, name)),
      router_settings: {
        num_retries: 2,
        allowed_fails: 0,
        fallbacks: [{ a: ['b'] }],
        context_window_fallbacks: [{ a: ['long'] }],
        content_policy_fallbacks: [{ a: ['safe'] }],
        ...settings,
      },
    }),
  })

test('mock_testing_*: the first group fails unasked, the fallback is real, and nothing of the switch goes upstream', async t => {
  const theatre = await company(t)
  const { stage } = theatre.stages
  for (const [flag, target] of [
    ['mock_testing_fallbacks', 'b'],
    ['mock_testing_context_fallbacks', 'long'],
    ['mock_testing_content_policy_fallbacks', 'safe'],
  ] as const)
    for (const value of [true, 'true'])
      for (const [path, body] of [
        [CHAT, chat],
        [CHAT, (model: string, more: JsonObject) => chat(model, { stream: true, ...more })],
        ['/v1/responses', response],
        ['/v1/responses/compact', response],
      ] as const) {
        stage.clear()
        const reply = await theatre.ask(path, body('a', { [flag]: value }))
        assert.equal(reply.status, 200, `${flag} ${path}`)
        assert.deepEqual(
          stage.requests.map(hit => hit.json),
          [body(target, {})],
        )
        assert.equal(reply.headers['x-litellm-model-group'], target)
        assert.equal(reply.headers['x-litellm-attempted-retries'], '0')
        assert.equal(reply.headers['x-litellm-attempted-fallbacks'], '1')
      }
})

test('mock_testing_fallbacks when the fallback fails too: status 500 and both accounts in one message', async t => {
  const theatre = await company(t, { num_retries: 0 })
  const { stage } = theatre.stages
  stage.script([
    { kind: 'status', status: 400, body: { error: { message: "Unknown parameter: 'metadata'." } } },
  ])
  const reply = await theatre.ask(CHAT, chat('a', { mock_testing_fallbacks: true }))
  assert.equal(reply.status, 500)
  assert.deepEqual(errorOf(reply), {
    message:
      "litellm.InternalServerError: This is a mock exception for model=a, to trigger a fallback. Fallbacks=[{'a': ['b']}]. Received Model Group=a\nAvailable Model Group Fallbacks=['b']\nError doing the fallback: litellm.BadRequestError: OpenAIException - Unknown parameter: 'metadata'.No fallback model group found for original model_group=b. Fallbacks=[{'a': ['b']}]",
    type: null,
    param: null,
    code: '500',
  })
})

test('mock_testing_rate_limit_error: the first attempt alone, its retries and fallbacks are real, and nobody rests', async t => {
  const house = steady()
  const theatre = await company(t, {}, house)
  const { stage } = theatre.stages
  const retried = await theatre.ask(CHAT, chat('a', { mock_testing_rate_limit_error: true }))
  assert.equal(retried.status, 200)
  assert.deepEqual(asked(stage), ['a'])
  assert.equal(retried.headers['x-litellm-attempted-retries'], '1')
  const fallen = await theatre.ask(CHAT, chat('a', { mock_testing_rate_limit_error: true, num_retries: 0 }))
  assert.equal(fallen.status, 200)
  assert.deepEqual(asked(stage), ['a', 'b'])
  const alone = await theatre.ask(
    CHAT,
    chat('a', { mock_testing_rate_limit_error: true, num_retries: 0, disable_fallbacks: true }),
  )
  assert.equal(alone.status, 429)
  assert.match(
    String(errorOf(alone).message),
    /^litellm\.RateLimitError: This is a mock exception for model=a, to trigger a rate limit error\./,
  )
  assert.deepEqual(asked(stage), ['a', 'b'])
  assert.ok(
    house
      .served()
      .house.board.snapshot()
      .every(one => one.cooling === undefined),
  )
})

test('mock_timeout waits for the limit and is a 408; mock_delay is late but right; neither rests a deployment', async t => {
  const house = steady()
  const theatre = await company(t, { num_retries: 0, timeout: 0.05 }, house)
  const { stage } = theatre.stages
  const started = performance.now()
  for (const limit of [{}, { timeout: 0.03 }]) {
    const reply = await theatre.ask(CHAT, chat('safe', { mock_timeout: true, ...limit }))
    assert.equal(reply.status, 408)
    assert.match(String(errorOf(reply).message), /^litellm\.Timeout: /)
  }
  assert.ok(performance.now() - started >= 78)
  assert.equal(stage.requests.length, 0)
  assert.ok(
    house
      .served()
      .house.board.snapshot()
      .every(one => one.cooling === undefined),
  )
  const before = performance.now()
  assert.equal((await theatre.ask(CHAT, chat('safe', { mock_delay: 0.04 }))).status, 200)
  assert.ok(performance.now() - before >= 39)
  assert.deepEqual(asked(stage), ['safe'])
})

test("a deployment's mock_response is the answer of every endpoint, stream or not, without a provider", async t => {
  const theatre = await play(t, {
    stages,
    config: ({ stage }) => ({
      model_list: [
        deployment('canned', stage, 'm', { mock_response: 'From the wings.', api_key: null }),
        deployment('ill', stage, 'm', { mock_response: 'litellm.RateLimitError' }),
        deployment('long', stage, 'm', { mock_response: 'litellm.ContextWindowExceededError' }),
        deployment('broken', stage, 'm', { mock_response: 'litellm.InternalServerError' }),
        deployment('ok', stage, 'ok'),
      ],
      router_settings: {
        num_retries: 0,
        fallbacks: [{ ill: ['canned'] }],
        context_window_fallbacks: [{ long: ['canned'] }],
      },
    }),
  })
  const { stage } = theatre.stages
  const plain = await theatre.ask(CHAT, chat('canned'))
  const [choice] = plain.json().choices as { message: JsonObject }[]
  assert.equal(choice?.message.content, 'From the wings.')
  assert.equal(plain.json().model, 'canned')
  const streamed = await theatre.ask(CHAT, chat('canned', { stream: true }))
  assert.match(streamed.headers['content-type'] ?? '', /^text\/event-stream/)
  assert.equal(textOf(streamed), 'From the wings.')
  assert.ok(streamed.text.endsWith('data: [DONE]\n\n'))
  for (const stream of [false, true]) {
    const reply = await theatre.ask('/v1/responses', response('canned', { stream }))
    assert.ok(reply.text.includes('From the wings.'))
    assert.equal(stream, reply.text.includes('event: response.completed'))
  }
  assert.equal((await theatre.ask(CHAT, chat('ill'))).headers['x-litellm-model-group'], 'canned')
  assert.equal((await theatre.ask(CHAT, chat('long'))).headers['x-litellm-model-group'], 'canned')
  const failed = await theatre.ask(CHAT, chat('broken'))
  assert.equal(failed.status, 500)
  assert.match(String(errorOf(failed).message), /^litellm\.InternalServerError: /)
  assert.equal(stage.requests.length, 0)
})

test('where mock_response has an answer it is in its form, and where it has none nobody is paid for another', async t => {
  const theatre = await play(t, {
    stages,
    config: ({ stage }) => ({
      model_list: [deployment('canned', stage, 'm', { mock_response: 'From the wings.' })],
      router_settings: { num_retries: 0 },
    }),
  })
  const ask = async (path: string, body: JsonObject) => (await theatre.ask(path, body)).json()
  const compacted = await ask('/v1/responses/compact', response('canned'))
  assert.equal(compacted.object, 'response.compaction')
  assert.deepEqual(
    (compacted.output as JsonObject[]).map(({ type }) => type),
    ['compaction'],
  )
  const { results } = await ask('/v1/moderations', { model: 'canned', input: 'x' })
  assert.deepEqual(results, [{ flagged: false, categories: {}, category_scores: {} }])
  const ranked = await ask('/v1/rerank', { model: 'canned', query: 'x', documents: ['y'] })
  assert.deepEqual(ranked.results, [{ index: 0, relevance_score: 1 }])
  const contents = [{ parts: [{ text: 'x' }] }]
  for (const verb of ['generateContent', 'streamGenerateContent?alt=sse'])
    assert.match((await theatre.ask(`/v1beta/models/canned:${verb}`, { contents })).text, /From the wings\./)
  const spoken = await theatre.ask('/v1/audio/speech', { model: 'canned', input: 'x', voice: 'alloy' })
  assert.equal(spoken.status, 400)
  assert.match(String(errorOf(spoken).message), /mock_response has no answer for audio\.speech/)
  assert.equal(theatre.stages.stage.requests.length, 0)
})

test('a canned answer is in the dialect of its endpoint: what the provider would have spoken is not asked', async t => {
  const theatre = await play(t, {
    stages,
    config: ({ stage }) => ({
      model_list: [
        { mode: 'responses', group: 'forth' },
        { mode: 'chat', group: 'back' },
      ].map(({ mode, group }) => ({
        model_name: group,
        litellm_params: {
          model: `groq/${group}`,
          api_base: stage.baseUrl,
          api_key: stage.key,
          mock_response: 'From the wings.',
        },
        model_info: { mode },
      })),
    }),
  })
  for (const stream of [false, true]) {
    const reply = await theatre.ask('/v1/responses', response('back', { stream }))
    assert.equal(reply.status, 200)
    assert.ok(reply.text.includes('From the wings.'))
    const told = await theatre.ask(CHAT, chat('forth', { stream }))
    assert.equal(told.status, 200)
    assert.ok(told.text.includes('From the wings.'))
    const message = await theatre.ask('/v1/messages', { ...chat('back', { stream }), max_tokens: 9 })
    assert.equal(message.status, 200)
    assert.ok(message.text.includes('From the wings.'))
    assert.ok(
      stream ? message.text.endsWith('{"type":"message_stop"}\n\n') : message.json().type === 'message',
    )
  }
  assert.equal(theatre.stages.stage.requests.length, 0)
})

test("an admin's request may bring its own mock_response; the deployment behind it keeps its health", async t => {
  const house = steady()
  const theatre = await company(t, { num_retries: 0, fallbacks: [] }, house)
  const { stage } = theatre.stages
  const plain = await theatre.ask(CHAT, chat('b', { mock_response: 'Aside.' }))
  assert.ok(plain.text.includes('"Aside."'))
  assert.equal(
    textOf(await theatre.ask(CHAT, chat('b', { mock_response: 'Aside.', stream: true }))),
    'Aside.',
  )
  for (const [text, status, exception] of [
    ['litellm.RateLimitError', 429, 'RateLimitError'],
    ['litellm.InternalServerError', 500, 'InternalServerError'],
    ['litellm.ContextWindowExceededError', 400, 'ContextWindowExceededError'],
  ] as const)
    for (const stream of [false, true]) {
      const reply = await theatre.ask(CHAT, chat('b', { mock_response: text, stream }))
      assert.equal(reply.status, status)
      assert.ok(String(errorOf(reply).message).startsWith(`litellm.${exception}: `))
    }
  assert.equal(stage.requests.length, 0)
  assert.equal((await theatre.ask(CHAT, chat('b'))).status, 200)
  assert.ok(
    house
      .served()
      .house.board.snapshot()
      .every(one => one.cooling === undefined),
  )
})

test('callers who are no admins: the switches are refused by name, mock_response is dropped without a word', () => {
  const controls = (body: Readonly<Record<string, Json>>, mockAllowed: boolean) =>
    readControls({ headers: {}, keys: Object.keys(body), peek: key => body[key], mockAllowed })
  for (const flag of [
    'mock_testing_fallbacks',
    'mock_testing_context_fallbacks',
    'mock_testing_content_policy_fallbacks',
    'mock_testing_rate_limit_error',
    'mock_timeout',
    'mock_delay',
  ]) {
    assert.throws(() => controls({ [flag]: true }, false), {
      status: 400,
      param: flag,
      message: /dangerously_allow_mock_testing_request_params/,
    })
    assert.equal(controls({ [flag]: false }, false).mock.fallbacks, false)
  }
  assert.equal(controls({ mock_response: 'x' }, false).mock.response, undefined)
  assert.equal(controls({ mock_response: 'x' }, true).mock.response, 'x')
})
