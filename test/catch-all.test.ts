import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../src/wire/json.ts'
import { deployment, type Play, play } from './support/harness.ts'

/** `model_name: "*"` with `model: "*"`, as LiteLLM's users write it: providers by the request, credentials by the environment. */

const CATCH_ALL: JsonObject = { model_name: '*', litellm_params: { model: '*' } }
const stages = {
  chat: {},
  claude: { flavour: 'anthropic', models: ['*'] },
  groq: { flavour: 'groq', models: ['*'] },
} as const

/** The stages' addresses are only known when they run, so the variables stand in the file. */
const variables = ({ chat, claude, groq }: Play<typeof stages>['stages']): JsonObject => ({
  OPENAI_API_KEY: chat.key,
  OPENAI_BASE_URL: chat.baseUrl,
  ANTHROPIC_API_KEY: claude.key,
  ANTHROPIC_BASE_URL: claude.origin,
  GROQ_API_KEY: groq.key,
  GROQ_API_BASE: groq.baseUrl,
})

const start = (t: { after: (undo: () => Promise<void>) => void }, more: readonly JsonObject[] = []) =>
  play(t, {
    stages,
    config: set => ({
      model_list: [CATCH_ALL, ...more],
      environment_variables: variables(set),
      router_settings: { num_retries: 0, fallbacks: [{ 'openai/*': ['anthropic/claude-sonnet-4-5'] }] },
    }),
  })

const chat = (model: string): JsonObject => ({ model, messages: [{ role: 'user', content: 'x' }] })

test('a prefix, or a name that is known, decides who is asked, and the rest of the name goes there', async t => {
  const house = await start(t)
  const { stages: set } = house
  for (const [asked, stage, model] of [
    ['openai/gpt-4.1', set.chat, 'gpt-4.1'],
    ['gpt-4.1', set.chat, 'gpt-4.1'],
    ['anthropic/claude-sonnet-4-5', set.claude, 'claude-sonnet-4-5'],
    ['claude-sonnet-4-5', set.claude, 'claude-sonnet-4-5'],
    ['groq/llama-3.3-70b-versatile', set.groq, 'llama-3.3-70b-versatile'],
  ] as const) {
    const answer = await house.ask('/v1/chat/completions', chat(asked))
    assert.equal(answer.status, 200, `${asked}: ${answer.text}`)
    const sent = stage.requests.at(-1)?.json as JsonObject
    assert.equal(sent.model, model)
    assert.equal(answer.json().model, asked)
  }
})

test('nobody is asked who is not in the environment, however the name is written', async t => {
  const house = await start(t)
  const hits = () => Object.values(house.stages).flatMap(stage => stage.requests)
  for (const name of ['mistral/mistral-large', 'llama-3', 'http://127.0.0.1:1/v1', '*', 'ollama/llama3']) {
    const answer = await house.ask('/v1/chat/completions', chat(name))
    assert.equal(answer.status, 400, `${name}: ${answer.text}`)
  }
  assert.equal(hits().length, 0)
  for (const name of ['openai//127.0.0.1', 'groq/@127.0.0.1:1/', 'anthropic/../../v1/files'])
    await house.ask('/v1/chat/completions', chat(name))
  for (const { path } of hits()) assert.match(path, /^(?:\/openai)?\/v1\/(?:chat\/completions|messages)$/)
})

test('what stands in the file by its own name goes before, and fallbacks hold for every name of the provider', async t => {
  const house = await play(t, {
    stages: { ...stages, own: {} },
    config: set => ({
      model_list: [
        CATCH_ALL,
        deployment('openai/*', set.own, '*'),
        deployment('special', set.own, 'gpt-4.1-mini'),
      ],
      environment_variables: variables(set),
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: [{ 'openai/*': ['anthropic/claude-sonnet-4-5'] }],
      },
    }),
  })
  const { own, claude, chat: general } = house.stages
  assert.equal((await house.ask('/v1/chat/completions', chat('special'))).status, 200)
  assert.equal((await house.ask('/v1/chat/completions', chat('openai/gpt-4.1'))).status, 200)
  assert.deepEqual([own.requests.length, general.requests.length], [2, 0])
  own.script([{ kind: 'status', status: 503 }])
  const answer = await house.ask('/v1/chat/completions', chat('gpt-4.1'))
  assert.equal(answer.status, 200, answer.text)
  assert.deepEqual([own.requests.length, claude.requests.length], [3, 1])
})

test('the list of models has a wildcard for each provider', async t => {
  const house = await start(t)
  const { data } = (await house.ask('/v1/models')).json() as { data: { id: string }[] }
  const ids = data.map(({ id }) => id)
  for (const name of ['openai/*', 'anthropic/*', 'groq/*']) assert.ok(ids.includes(name), ids.join())
  assert.ok(!ids.includes('*') && !ids.includes('mistral/*'), ids.join())
})
