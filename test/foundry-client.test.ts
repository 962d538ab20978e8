import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { Stage } from '../src/stage/stage.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { assertNothingRefused } from './support/canary.ts'
import { type Play, play, type StageSet } from './support/harness.ts'
import { steady } from './support/steady.ts'
import { entra, type TokenService } from './support/token-service.ts'

/** A Foundry resource with models of several makers, signed in with Entra ID, in front of others and behind them. */

const CLAUDE = 'claude-sonnet-4-5'
const LINE = 'The understudy knows every line.'
const TOKEN = 'entra-token-1'

let undo: (() => Promise<void>)[] = []
let house: Play<StageSet>
let sign: TokenService
let lead: Stage
let keyed: Stage
let signed: Stage

before(async () => {
  const owner = { after: (end: () => Promise<void>) => void undo.unshift(end) }
  sign = await entra(owner)
  const signIn = { tenant_id: 'tenant', client_id: 'client', client_secret: 'secret' }
  house = await play(owner, {
    stages: {
      lead: {},
      keyed: { flavour: 'azure_ai', models: ['*'] },
      signed: { flavour: 'azure_ai', models: ['*'], key: TOKEN },
    },
    start: steady().start,
    env: { AZURE_AUTHORITY_HOST: sign.origin },
    config: stages => {
      const at = (group: string, model: string, params: JsonObject): JsonObject => ({
        model_name: group,
        litellm_params: { model: `azure_ai/${model}`, ...params },
      })
      const key = { api_key: stages.keyed?.key ?? '' }
      const origin = stages.keyed?.origin ?? ''
      const models = `${origin}/models?api-version=2024-05-01-preview`
      return {
        model_list: [
          {
            model_name: 'star',
            litellm_params: {
              model: 'openai/gpt-4.1',
              api_base: stages.lead?.baseUrl,
              api_key: stages.lead?.key,
            },
          },
          at('claude', CLAUDE, { ...key, api_base: origin }),
          at('signed', CLAUDE, { ...signIn, api_base: `${stages.signed?.origin}/anthropic` }),
          at('phi', 'Phi-4', { ...key, api_base: models }),
          {
            ...at('gpt', 'gpt-5', { ...key, api_base: `${origin}/openai/v1` }),
            model_info: { supported_endpoints: ['/v1/responses'] },
          },
          at('ranks', 'Cohere-rerank-v4', { ...key, api_base: origin }),
          at('vectors', 'embed-v-4-0', { ...key, api_base: models }),
        ],
        router_settings: {
          num_retries: 0,
          disable_cooldowns: true,
          fallbacks: [{ star: ['claude'] }, { claude: ['star'] }, { phi: ['signed'] }],
        },
      }
    },
  })
  lead = house.stages.lead as Stage
  keyed = house.stages.keyed as Stage
  signed = house.stages.signed as Stage
})
after(async () => {
  for (const end of undo) await end()
  undo = []
})
beforeEach(() => {
  for (const stage of [lead, keyed, signed]) stage.clear()
})

const hello = [{ role: 'user', content: 'Who is there?' }]
const down = { kind: 'status', status: 503 } as const
const DOORS: readonly (readonly [path: string, body: JsonObject, ends: RegExp])[] = [
  ['/v1/chat/completions', { messages: hello }, /"finish_reason":"stop"[^\n]*\n\ndata: \[DONE\]/],
  ['/v1/responses', { input: 'Who is there?' }, /event: response\.completed/],
  ['/v1/messages', { messages: hello, max_tokens: 100 }, /event: message_stop/],
]

describe('Claude answers clients of every dialect', () => {
  for (const [path, body, ends] of DOORS)
    test(path, async () => {
      const whole = await house.ask(path, { ...body, model: 'claude' })
      assert.equal(whole.status, 200, whole.text)
      assert.ok(whole.text.includes(LINE))
      const streamed = await house.ask(path, { ...body, model: 'claude', stream: true })
      assert.match(streamed.text, ends)
      assertNothingRefused(keyed.requests)
      for (const hit of keyed.requests) {
        assert.equal(hit.path, '/anthropic/v1/messages')
        assert.deepEqual(
          [hit.header('x-api-key'), hit.header('api-key'), hit.header('authorization')],
          [keyed.key, undefined, undefined],
        )
      }
    })
})

describe('over to it, and away from it', () => {
  for (const [path, body] of DOORS)
    test(path, async () => {
      lead.script([down])
      const there = await house.ask(path, { ...body, model: 'star' })
      assert.equal(there.status, 200, there.text)
      assert.equal(keyed.requests.length, 1)
      keyed.script([down])
      const back = await house.ask(path, { ...body, model: 'claude', stream: true })
      assert.equal(back.status, 200, back.text)
      assert.deepEqual([keyed.requests.length, lead.requests.length], [2, 2])
      assertNothingRefused([...keyed.requests, ...lead.requests])
    })

  test('another resource, signed in, stands in for /models', async () => {
    keyed.script([down])
    const { status, text } = await house.ask('/v1/chat/completions', { model: 'phi', messages: hello })
    assert.equal(status, 200, text)
    assert.deepEqual(
      [keyed.requests[0]?.target, signed.requests[0]?.target],
      ['/models/chat/completions?api-version=2024-05-01-preview', '/anthropic/v1/messages'],
    )
    assertNothingRefused([...keyed.requests, ...signed.requests])
    assert.equal(signed.requests[0]?.header('authorization'), `Bearer ${TOKEN}`)
    assert.equal(sign.calls[0]?.target, '/tenant/oauth2/v2.0/token')
    assert.equal(sign.calls[0]?.form.scope, 'https://cognitiveservices.azure.com/.default')
  })
})

test('what Claude Code says of its cache is taken: the scope goes, the rest stays', async () => {
  const { status, text } = await house.ask('/v1/messages', {
    model: 'claude',
    max_tokens: 100,
    system: [
      { type: 'text', text: 'Short.', cache_control: { type: 'ephemeral', scope: 'global', ttl: '1h' } },
    ],
    messages: hello,
  })
  assert.equal(status, 200, text)
  assertNothingRefused(keyed.requests)
  const [system] =
    (keyed.requests[0]?.json as { readonly system?: readonly JsonObject[] } | undefined)?.system ?? []
  assert.deepEqual(system?.cache_control, { type: 'ephemeral', ttl: '1h' })
})

test('responses, rerank, vectors of texts and of pictures', async () => {
  const asked = [
    await house.ask('/v1/responses', { model: 'gpt', input: 'Who is there?' }),
    await house.ask('/v1/rerank', { model: 'ranks', query: 'a', documents: ['a', 'b'] }),
    await house.ask('/v2/rerank', { model: 'ranks', query: 'a', documents: ['a', 'b'] }),
    await house.ask('/v1/embeddings', { model: 'vectors', input: ['a'] }),
    await house.ask('/v1/embeddings', { model: 'vectors', input: ['data:image/png;base64,AAAA'] }),
  ]
  assert.deepEqual(
    asked.map(({ status }) => status),
    [200, 200, 200, 200, 200],
    asked.map(({ text }) => text).join('\n'),
  )
  assert.deepEqual(
    keyed.requests.map(({ path }) => path),
    ['/openai/v1/responses', '/v1/rerank', '/v2/rerank', '/models/embeddings', '/models/images/embeddings'],
  )
  assertNothingRefused(keyed.requests)
})

test('its complaints are told in the caller’s dialect', async () => {
  const body = {
    model: 'claude',
    messages: [{ role: 'assistant', content: 'I' }],
    max_tokens: 1,
    fallbacks: [],
  }
  const { status, text } = await house.ask('/v1/messages', body)
  assert.equal(status, 400, text)
  assert.equal((JSON.parse(text) as JsonObject).type, 'error')
  const mixed = await house.ask('/v1/embeddings', {
    model: 'vectors',
    input: ['a', 'data:image/png;base64,AAAA'],
  })
  assert.equal(mixed.status, 400, mixed.text)
  assert.match(mixed.text, /pictures and texts/)
})
