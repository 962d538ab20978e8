import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { JsonObject } from '../src/wire/json.ts'
import { assertErrorShape } from './support/answers.ts'
import { deployment, MASTER_KEY, play } from './support/harness.ts'

/** What LiteLLM's clients and dashboards ask beside the model calls: groups, and the size of a prompt. */

const house = await play(
  { after },
  {
    stages: { one: {}, two: { flavour: 'anthropic', models: ['*'] } },
    config: ({ one, two }) => ({
      model_list: [
        {
          ...deployment('star', one, 'gpt-4.1', { rpm: 10, tpm: 1000 }),
          model_info: { mode: 'chat', max_input_tokens: 1000, max_output_tokens: 500, supports_vision: true },
        },
        {
          ...deployment('star', two, 'claude-sonnet-4-5', { rpm: 5, input_cost_per_token: 0.001 }),
          model_info: { max_input_tokens: 2000 },
        },
        deployment('openai/*', one, '*'),
      ],
      router_settings: { model_group_alias: { famous: 'star', secret: { model: 'star', hidden: true } } },
    }),
  },
)

const groups = async (query = ''): Promise<readonly JsonObject[]> => {
  const reply = await house.ask(`/model_group/info${query}`)
  assert.equal(reply.status, 200, reply.text)
  return (reply.json() as { data: JsonObject[] }).data
}

test('model_group/info: every group once, with what its deployments have together', async () => {
  const all = await groups()
  assert.deepEqual(
    all.map(({ model_group }) => model_group),
    ['star', 'openai/*', 'famous'],
  )
  const { input_cost_per_token, output_cost_per_token, ...rest } = all[0] ?? {}
  assert.deepEqual(rest, {
    model_group: 'star',
    providers: ['openai', 'anthropic'],
    max_input_tokens: 2000,
    max_output_tokens: 500,
    mode: 'chat',
    tpm: 1000,
    rpm: 15,
    supports_parallel_function_calling: false,
    supports_vision: true,
    supports_web_search: false,
    supports_url_context: false,
    supports_reasoning: false,
    supports_function_calling: false,
    supported_openai_params: null,
    configurable_clientside_auth_params: null,
  })
  assert.equal(input_cost_per_token, 0.001)
  assert.ok(typeof output_cost_per_token === 'number' && output_cost_per_token > 0)
})

test('model_group/info: one group, a name that a wildcard serves, and none', async () => {
  assert.deepEqual(
    (await groups('?model_group=star')).map(({ rpm }) => rpm),
    [15],
  )
  assert.deepEqual(
    (await groups('?model_group=openai/gpt-4.1')).map(({ model_group, providers }) => [
      model_group,
      providers,
    ]),
    [['openai/gpt-4.1', ['openai']]],
  )
  assert.deepEqual(await groups('?model_group=nobody'), [])
  assert.equal((await house.ask('/model_group/info', undefined, { headers: [] })).status, 401)
  const text = (await house.ask('/model_group/info')).text
  for (const secret of [house.stages.one.key, house.stages.one.origin, MASTER_KEY])
    assert.ok(!text.includes(secret))
})

const count = (body: JsonObject | string) => house.ask('/utils/token_counter', body, { method: 'POST' })

test('utils/token_counter: prompts, messages and contents are counted here, and nobody is asked', async () => {
  const { total_tokens, ...rest } = (await count({ model: 'star', prompt: 'one two three' })).json()
  assert.equal(total_tokens, 3)
  assert.deepEqual(rest, {
    request_model: 'star',
    model_used: 'gpt-4.1',
    tokenizer_type: 'openai_tokenizer',
    original_response: null,
    error: false,
    error_message: null,
    status_code: null,
  })
  const picture = { type: 'image_url', image_url: { url: `data:image/png;base64,${'A'.repeat(40_000)}` } }
  const tokens = async (body: JsonObject): Promise<number> =>
    Number((await count({ model: 'star', ...body })).json().total_tokens)
  const short = await tokens({ messages: [{ role: 'user', content: 'one two three' }] })
  assert.ok(short > 3 && short < 20, String(short))
  const seen = await tokens({ messages: [{ role: 'user', content: [{ type: 'text', text: 'x' }, picture] }] })
  assert.ok(seen > 500 && seen < 3000, `a picture is no text: ${seen}`)
  assert.ok((await tokens({ contents: [{ parts: [{ text: 'one two three' }] }] })) >= 3)
  assert.equal((await count({ model: 'unknown', prompt: 'x' })).json().model_used, 'unknown')
  assert.equal(house.stages.one.requests.length + house.stages.two.requests.length, 0)
})

test('utils/token_counter: what cannot be counted is refused by its name', async () => {
  for (const [body, param] of [
    [{ prompt: 'x' }, 'model'],
    [{ model: 'star' }, 'messages'],
    [{ model: 'star', messages: 'x' }, 'messages'],
    ['{"model": "star"', 'request_body'],
    ['[]', 'request_body'],
    [`{"model":"star","messages":[{"content":${'['.repeat(60_000)}${']'.repeat(60_000)}}]}`, 'request_body'],
    [{ model: 'm'.repeat(1000), prompt: 'x' }, 'model'],
  ] as const) {
    const reply = await count(body as JsonObject)
    assertErrorShape(reply, 400)
    assert.equal((reply.json().error as JsonObject).param, param, reply.text)
  }
  assert.equal((await house.ask('/utils/token_counter')).status, 405)
  assert.equal((await house.ask('/utils/token_counter', {}, { method: 'POST', headers: [] })).status, 401)
})
