import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { isObject, type JsonObject } from '../src/wire/json.ts'
import { deploymentsOn, startBedrockStage } from './support/bedrock.ts'
import { assertNothingRefused } from './support/canary.ts'
import { deployment, play } from './support/harness.ts'

/** What Anthropic's own service takes and Claude's other hosts refuse: pictures by their address, and most betas. */

const CLAUDE = 'claude-sonnet-4-5'
const bedrock = await startBedrockStage({ now: () => new Date() })
after(() => bedrock.close())
const onBedrock = deploymentsOn(bedrock)

/** One that nobody knows, and one that has another name there. */
const OWN_BETAS = 'novelty-2027-01-01, advanced-tool-use-2025-11-20'
const OWN = { extra_headers: { 'Anthropic-Beta': OWN_BETAS } }

const { ask, key, stages } = await play(
  { after },
  {
    stages: {
      claude: { flavour: 'anthropic', models: ['*'] },
      google: { flavour: 'vertex_ai', models: ['*'] },
    },
    config: ({ claude, google }) => ({
      model_list: [
        deployment('claude', claude, CLAUDE),
        deployment('vertex', google, CLAUDE, { model: `vertex_ai/${CLAUDE}`, vertex_project: 'p' }),
        onBedrock('invoke', `invoke/anthropic.${CLAUDE}-20250929-v1:0`),
        deployment('own vertex', google, CLAUDE, {
          model: `vertex_ai/${CLAUDE}`,
          vertex_project: 'p',
          ...OWN,
        }),
        onBedrock('own invoke', `anthropic.${CLAUDE}-20250929-v1:0`, OWN),
        onBedrock('own body', `invoke/anthropic.${CLAUDE}-20250929-v1:0`, {
          extra_body: { anthropic_beta: OWN_BETAS.split(', ') },
        }),
      ],
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: [{ vertex: ['claude'] }, { invoke: ['claude'] }, { claude: ['vertex'] }],
      },
    }),
  },
)
beforeEach(() => {
  stages.claude.clear()
  stages.google.clear()
})

const url = 'https://example.com/a.png'
const picture = { type: 'image', source: { type: 'url', url } }
const call = { type: 'tool_use', id: 'toolu_1', name: 'look', input: {} }
const shown = { type: 'tool_result', tool_use_id: 'toolu_1', content: [picture] }
const said = (content: readonly JsonObject[]): JsonObject => ({
  max_tokens: 99,
  tools: [{ name: 'look', input_schema: { type: 'object', properties: {} } }],
  messages: [...content],
})
const user = (...content: readonly JsonObject[]): JsonObject => ({ role: 'user', content: [...content] })

const REQUESTS: readonly (readonly [what: string, path: string, body: JsonObject])[] = [
  ['a message', '/v1/messages', said([user(picture)])],
  [
    'a result',
    '/v1/messages',
    said([user({ type: 'text', text: 'Look.' }), { role: 'assistant', content: [call] }, user(shown)]),
  ],
  ['chat', '/v1/chat/completions', { messages: [user({ type: 'image_url', image_url: { url } })] }],
  ['a response', '/v1/responses', { input: [user({ type: 'input_image', image_url: url, detail: 'auto' })] }],
]

for (const model of ['vertex', 'invoke'])
  for (const [what, path, body] of REQUESTS)
    test(`${what} with a picture by its address, at ${model} first`, async () => {
      const before = bedrock.requests.length
      const reply = await ask(path, { model, ...body })
      assert.equal(reply.status, 200, reply.text)
      assert.deepEqual([stages.google.requests.length, bedrock.requests.length - before], [0, 0])
      assertNothingRefused(stages.claude.requests)
      assert.ok(stages.claude.requests[0]?.text.includes(url))
    })

test('bytes, and words about addresses, go there as they came', async () => {
  const bytes = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } }
  const words = { type: 'text', text: 'The member "url" of {"source":{"type":"url"}} is \u00e9 and "url".' }
  const reply = await ask('/v1/messages', { model: 'vertex', ...said([user(bytes, words)]) })
  assert.deepEqual([reply.status, stages.google.requests.length], [200, 1], reply.text)
})

test('Anthropic gets a scope and its betas as they came, the backup what it takes, and the answer names the rest', async () => {
  const betas = [
    ...['claude-code-20250219', 'interleaved-thinking-2025-05-14', 'prompt-caching-scope-2026-01-05'],
    ...['context-management-2025-06-27', 'effort-2025-11-24'],
  ].join(',')
  const mark = { type: 'ephemeral', scope: 'global' }
  const turn = () =>
    ask(
      '/v1/messages?beta=true',
      {
        model: 'claude',
        max_tokens: 99,
        system: [{ type: 'text', text: 'Be brief.', cache_control: mark }],
        messages: [{ role: 'user', content: 'Line, please.' }],
      },
      {
        headers: [
          ['authorization', `Bearer ${key}`],
          ['anthropic-version', '2023-06-01'],
          ['anthropic-beta', betas],
        ],
      },
    )
  const first = await turn()
  assert.deepEqual([first.status, stages.google.requests.length], [200, 0], first.text)
  const [own] = stages.claude.requests
  assert.ok(own?.text.includes(JSON.stringify(mark)))
  assert.equal(own?.header('anthropic-beta'), betas)

  stages.claude.script([{ kind: 'status', status: 529 }])
  const reply = await turn()
  assert.equal(reply.status, 200, reply.text)
  assertNothingRefused(stages.google.requests)
  const [hit] = stages.google.requests
  assert.ok(hit !== undefined && !hit.text.includes('scope'))
  assert.match(String(reply.headers['x-understudy-dropped']), /effort-2025-11-24/)
})

test('betas that the operator has written are sent as they are written, and the client’s are not', async () => {
  const before = bedrock.requests.length
  for (const model of ['own vertex', 'own invoke', 'own body'])
    await ask(
      '/v1/messages',
      { model, ...said([user({ type: 'text', text: 'Line, please.' })]) },
      {
        headers: [
          ['authorization', `Bearer ${key}`],
          ['anthropic-version', '2023-06-01'],
          ['anthropic-beta', 'effort-2025-11-24'],
        ],
      },
    )
  assert.equal(stages.google.requests[0]?.header('anthropic-beta'), OWN_BETAS)
  const bodies = bedrock.requests.slice(before).map(({ json }) => (json as JsonObject).anthropic_beta)
  assert.deepEqual(bodies, [OWN_BETAS.split(', '), OWN_BETAS.split(', ')])
  for (const more of [{}, { top_k: 3 }]) {
    await ask('/v1/chat/completions', {
      model: 'own invoke',
      messages: [user({ type: 'text', text: 'Line.' })],
      ...more,
    })
    const sent = bedrock.requests.at(-1)?.json
    assert.ok(isObject(sent ?? null))
    assert.deepEqual((sent as JsonObject).additionalModelRequestFields, {
      ...more,
      anthropic_beta: OWN_BETAS.split(', '),
    })
  }
})
