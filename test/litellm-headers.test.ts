import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../src/wire/json.ts'
import { deployment, MASTER_KEY, play } from './support/harness.ts'
import { startPuppet } from './support/puppet.ts'
import { asked, chat, failing, response, steady } from './support/steady.ts'

/** Response headers, and the routes that tell what is configured and how it is. */

const stages = { stage: { models: ['*'] } }
const CHAT = '/v1/chat/completions'
const PRICE = { input_cost_per_token: 0.000002, output_cost_per_token: 0.00001 }

test('a success says who served, what it cost and took, and what the provider said', async t => {
  const theatre = await play(t, {
    stages: { ...stages, azure: { flavour: 'azure', models: ['*'] } },
    start: steady().start,
    config: ({ stage, azure }) => ({
      model_list: [
        deployment('blue', azure, 'm', { api_base: `${azure.origin}/openai/v1?api-version=preview` }),
        {
          ...deployment('star', stage, 'gpt-4.1', PRICE),
          model_info: { id: 'lead-1' },
        },
        {
          ...deployment('second', stage, 'other', { ...PRICE, region_name: 'eu' }),
          model_info: { id: 'lead-2' },
        },
      ],
      router_settings: { num_retries: 1, fallbacks: [{ star: ['second'] }] },
    }),
  })
  const { stage } = theatre.stages
  const costOf = (usage: JsonObject): number =>
    Number(usage.prompt_tokens ?? usage.input_tokens) * PRICE.input_cost_per_token +
    Number(usage.completion_tokens ?? usage.output_tokens) * PRICE.output_cost_per_token
  for (const [path, make] of [
    [CHAT, chat],
    ['/v1/responses', response],
  ] as const)
    for (const stream of [false, true]) {
      stage.clear()
      const { headers, status, ...reply } = await theatre.ask(path, make('star', { stream }))
      assert.equal(status, 200)
      const expected: Readonly<Record<string, string>> = {
        'x-litellm-model-id': 'lead-1',
        'x-litellm-model-name': 'openai/gpt-4.1',
        'x-litellm-model-group': 'star',
        'x-litellm-model-api-base': stage.baseUrl,
        'x-litellm-attempted-retries': '0',
        'x-litellm-attempted-fallbacks': '0',
        'x-litellm-max-retries': '1',
        'llm_provider-openai-organization': 'org-stage',
        'llm_provider-x-ratelimit-limit-requests': '10000',
        'x-ratelimit-limit-requests': '10000',
        'x-ratelimit-remaining-requests': '9999',
      }
      for (const [name, value] of Object.entries(expected))
        assert.equal(headers[name], value, `${name} ${path}`)
      assert.match(headers['x-litellm-version'] ?? '', /^\d+\.\d+\.\d+/)
      assert.match(headers['x-litellm-call-id'] ?? '', /^[0-9a-f-]{36}$/)
      const total = Number(headers['x-litellm-response-duration-ms'])
      const own = Number(headers['x-litellm-overhead-duration-ms'])
      assert.ok(total > 0 && own >= 0 && own <= total)
      if (stream) {
        assert.match(headers['content-type'] ?? '', /^text\/event-stream/)
        assert.equal(headers['cache-control'], 'no-cache')
        assert.equal(headers['x-accel-buffering'], 'no')
      } else {
        const cost = costOf(reply.json().usage as JsonObject)
        assert.ok(Math.abs(Number(headers['x-litellm-response-cost']) - cost) < 1e-12)
      }
    }
  failing(stage, 'gpt-4.1', 500)
  const { headers } = await theatre.ask(CHAT, chat('star'))
  assert.equal(headers['x-litellm-model-id'], 'lead-2')
  assert.equal(headers['x-litellm-model-group'], 'second')
  assert.equal(headers['x-litellm-model-region'], 'eu')
  assert.equal(headers['x-litellm-attempted-retries'], '1')
  assert.equal(headers['x-litellm-attempted-fallbacks'], '1')
  const blue = await theatre.ask(CHAT, chat('blue'))
  assert.equal(
    blue.headers['x-litellm-model-api-base'],
    theatre.stages.azure.baseUrl,
    'a query may hold a secret',
  )
})

test("M-133 a provider's cookies, encodings and connection headers stay where they are", async t => {
  const theatre = await play(t, {
    stages,
    config: ({ stage }) => ({ model_list: [deployment('star', stage, 'm')] }),
  })
  const { stage } = theatre.stages
  const answer = {
    id: 'c',
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices: [
      { index: 0, message: { role: 'assistant', content: 'x', refusal: null }, finish_reason: 'stop' },
    ],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  }
  const planted = {
    'set-cookie': 'session=1',
    connection: 'keep-alive, x-hop',
    'keep-alive': 'timeout=5',
    'x-hop': 'for one connection',
    'proxy-authenticate': 'Basic',
    trailer: 'expires',
    upgrade: 'h2c',
    'x-kept': 'yes',
  }
  stage.script([{ kind: 'status', status: 200, headers: planted, body: answer }])
  const reply = await theatre.ask(CHAT, chat('star'))
  assert.equal(reply.status, 200)
  for (const name of Object.keys(reply.headers))
    assert.ok(
      !/set-cookie|x-hop|proxy-authenticate|trailer|upgrade|^llm_provider-(connection|keep-alive)/.test(name),
      name,
    )
  assert.equal(reply.headers['llm_provider-x-kept'], 'yes')
  assert.equal(reply.headers['x-kept'], undefined)
  for (const kind of ['gzip', 'br', 'zstd', 'deflate'] as const)
    for (const stream of [false, true]) {
      stage.script([{ kind }])
      const plain = await theatre.ask(CHAT, chat('star', { stream }), {
        headers: [
          ['authorization', `Bearer ${MASTER_KEY}`],
          ['accept-encoding', 'br, gzip'],
        ],
      })
      assert.equal(plain.status, 200)
      assert.equal(plain.headers['content-encoding'], undefined)
      assert.ok(plain.text.includes(stream ? 'data: [DONE]' : 'The understudy knows every line.'), kind)
    }
})

test('the models a client may name, the cards behind them, and what is configured', async t => {
  const theatre = await play(t, {
    stages,
    config: ({ stage }) => ({
      model_list: [
        {
          ...deployment('star', stage, 'm', { rpm: 7 }),
          model_info: { id: 'lead-1', mode: 'chat', team: 'blue' },
        },
        { ...deployment('star', stage, 'm2'), model_info: { id: 'lead-2' } },
        deployment('vendor/with/slashes', stage, 'm3'),
        deployment('openai/*', stage, '*'),
      ],
      router_settings: { model_group_alias: { nick: 'star', secret: { model: 'star', hidden: true } } },
    }),
  })
  const { stage } = theatre.stages
  const card = (id: string) => ({ id, object: 'model', created: 1677610602, owned_by: 'openai' })
  for (const path of ['/v1/models', '/models']) {
    const list = (await theatre.ask(path)).json() as { object: string; data: JsonObject[] }
    assert.equal(list.object, 'list')
    assert.deepEqual(
      new Set(list.data.map(one => one.id)),
      new Set(['star', 'vendor/with/slashes', 'openai/*', 'nick']),
    )
    assert.deepEqual(list.data[0], card('star'))
  }
  for (const path of [
    '/v1/models/vendor/with/slashes',
    '/models/vendor/with/slashes',
    '/v1/models/vendor%2Fwith%2Fslashes',
  ])
    assert.deepEqual((await theatre.ask(path)).json(), card('vendor/with/slashes'), path)
  // A name that only a wildcard serves is no entry of the list, but it can be asked for.
  for (const path of ['/v1/models/openai/x', '/models/openai%2Fx', '/v1/models/openai%2Fx/?team_id=1'])
    assert.deepEqual((await theatre.ask(path)).json(), card('openai/x'), path)
  const missing = await theatre.ask('/v1/models/nobody')
  assert.equal(missing.status, 404)
  assert.equal((missing.json().error as JsonObject).code, 'model_not_found')
  const info = async (path: string) => (await theatre.ask(path)).json().data as JsonObject[]
  for (const path of ['/model/info', '/v1/model/info']) {
    const all = await info(path)
    assert.equal(all.length, 4)
    const [first] = all
    assert.equal(first?.model_name, 'star')
    assert.deepEqual(first?.model_info, { id: 'lead-1', mode: 'chat', team: 'blue', db_model: false })
    assert.deepEqual(first?.litellm_params, { model: 'openai/m', api_base: stage.baseUrl, rpm: 7 })
    assert.ok(!JSON.stringify(all).includes(stage.key))
  }
  assert.deepEqual(
    (await info('/v1/model/info?litellm_model_id=lead-2')).map(one => one.model_info),
    [{ id: 'lead-2', db_model: false }],
  )
  assert.equal((await theatre.ask('/v1/model/info?litellm_model_id=nobody')).status, 400)
  for (const path of ['/v1/models', '/v1/models/star', '/model/info', '/health'])
    assert.equal((await theatre.ask(path, undefined, { headers: [] })).status, 401, path)
})

test('M-065 /health makes real calls and names the sick one; liveliness and readiness need no key', async t => {
  const theatre = await play(t, {
    stages,
    config: ({ stage }) => ({
      model_list: [
        { ...deployment('star', stage, 'm'), model_info: { id: 'well' } },
        { ...deployment('star', stage, 'sick'), model_info: { id: 'ill' } },
        {
          ...deployment('wrong', stage, 'm', { api_key: 'sk-wrong-key-0000' }),
          model_info: { id: 'keyless' },
        },
        {
          ...deployment('vectors', stage, 'text-embedding-3-small'),
          model_info: { id: 'vec', mode: 'embedding' },
        },
      ],
    }),
  })
  const { stage } = theatre.stages
  failing(stage, 'sick', 500)
  const reply = await theatre.ask('/health')
  assert.equal(reply.status, 200)
  const health = reply.json() as {
    healthy_endpoints: JsonObject[]
    unhealthy_endpoints: JsonObject[]
    healthy_count: number
    unhealthy_count: number
  }
  const ids = (list: JsonObject[]) => list.map(one => one.model_id).toSorted()
  assert.deepEqual(ids(health.healthy_endpoints), ['vec', 'well'])
  assert.deepEqual(ids(health.unhealthy_endpoints), ['ill', 'keyless'])
  assert.deepEqual([health.healthy_count, health.unhealthy_count], [2, 2])
  assert.match(
    String(health.unhealthy_endpoints.find(one => one.model_id === 'ill')?.error),
    /^litellm\.InternalServerError: InternalServerError: OpenAIException - sick is out/,
  )
  for (const text of ['sk-wrong', stage.key]) assert.ok(!reply.text.includes(text))
  assert.deepEqual(asked(stage).toSorted(), ['m', 'm', 'sick', 'text-embedding-3-small'])
  assert.ok(stage.requests.some(hit => hit.path === '/v1/embeddings'))
  const narrowed = (await theatre.ask('/health?model=vectors')).json()
  assert.deepEqual([narrowed.healthy_count, narrowed.unhealthy_count], [1, 0])
  for (const path of ['/health/liveliness', '/health/liveness']) {
    const alive = await theatre.ask(path, undefined, { headers: [] })
    assert.deepEqual([alive.status, alive.text], [200, '"I\'m alive!"'])
  }
  const ready = await theatre.ask('/health/readiness', undefined, { headers: [] })
  assert.equal(ready.status, 200)
  assert.equal(ready.json().status, 'healthy')
  assert.match(String(ready.json().litellm_version), /^\d+\./)
})

test('an answer beyond max_response_size_mb names the setting, and others are asked first', async t => {
  const theatre = await play(t, {
    stages: { stage: { models: ['*'], says: 'x'.repeat(20_000) }, second: { models: ['*'] } },
    config: ({ stage, second }) => ({
      model_list: [deployment('a', stage, 'a'), deployment('b', second, 'b')],
      router_settings: { num_retries: 0, fallbacks: [{ a: ['b'] }] },
      general_settings: { max_response_size_mb: 0.01 },
    }),
  })
  const saved = await theatre.ask(CHAT, chat('a'))
  assert.deepEqual([saved.status, saved.headers['x-litellm-model-group']], [200, 'b'])
  const alone = await theatre.ask(CHAT, chat('a', { disable_fallbacks: true }))
  assert.equal(alone.status, 500)
  assert.match(alone.text, /larger than general_settings\.max_response_size_mb allows/)
})

test('a byte order mark before an answer makes it no failure, and does not reach the client', async t => {
  const puppet = await startPuppet(t)
  const theatre = await play(t, {
    config: {
      model_list: [
        {
          model_name: 'a',
          litellm_params: { model: 'openai/m', api_base: puppet.baseUrl, api_key: 'sk-puppet' },
        },
      ],
      router_settings: { num_retries: 0 },
    },
  })
  for (const [path, body, answer] of [
    [
      CHAT,
      chat('a'),
      { id: 'x', choices: [{ index: 0, message: { content: 'Hi' }, finish_reason: 'stop' }] },
    ],
    ['/v1/responses/compact', response('a'), { id: 'resp_1', output: [{ type: 'compaction', id: 'cmp_1' }] }],
  ] as const) {
    const asking = theatre.ask(path, body)
    const call = await puppet.next()
    call.head({ 'content-type': 'application/json' })
    call.end(`\ufeff${JSON.stringify(answer)}`)
    const reply = await asking
    assert.equal(reply.status, 200, path)
    assert.ok(reply.text.startsWith('{'), path)
    assert.equal(reply.headers['content-length'], String(Buffer.byteLength(reply.text)))
  }
})
