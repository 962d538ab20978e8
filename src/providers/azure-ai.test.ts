import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { printPath } from '../wire/edit.ts'
import type { JsonObject } from '../wire/json.ts'
import { askFor, bodyOf, bodyText, connectTo, headersOf, jsonBody, urlOf } from './ask.fixture.ts'
import { azureAi } from './azure-ai.ts'
import { type Ask, Unsupported } from './provider.ts'

const RESOURCE = 'https://r.services.ai.azure.com'
const SERVERLESS = 'https://m.eastus.models.ai.azure.com'
const NOW = new Date('2026-01-01T00:00:00Z')
const CLAUDE = 'claude-sonnet-4-5'
const MESSAGES = '{"model":"group","max_tokens":16,"messages":[{"role":"user","content":"hi"}],"top_p":1.0}'

const at = (apiBase: string, more: Parameters<typeof connectTo>[1] = {}) =>
  connectTo(azureAi, { key: 'k', apiBase, ...more })
const draftAt = (apiBase: string, route: string, more: Partial<Ask> = {}, params = {}) =>
  at(apiBase, params).draft(askFor(route, more))

describe('the address', () => {
  const rows: readonly (readonly [base: string, route: string, model: string, url: string])[] = [
    [
      RESOURCE,
      'chat.completions',
      'Phi-4',
      `${RESOURCE}/models/chat/completions?api-version=2024-05-01-preview`,
    ],
    [
      `${RESOURCE}/models/chat/completions?api-version=2025-01-01`,
      'chat.completions',
      'Phi-4',
      `${RESOURCE}/models/chat/completions?api-version=2025-01-01`,
    ],
    [`${RESOURCE}/openai/v1/`, 'chat.completions', 'gpt-5', `${RESOURCE}/openai/v1/chat/completions`],
    [
      'https://r.openai.azure.com',
      'chat.completions',
      'gpt-5',
      'https://r.openai.azure.com/openai/v1/chat/completions',
    ],
    [
      `${RESOURCE}/api/projects/p`,
      'chat.completions',
      'm',
      `${RESOURCE}/api/projects/p/openai/v1/chat/completions`,
    ],
    [SERVERLESS, 'chat.completions', 'm', `${SERVERLESS}/chat/completions`],
    [`${SERVERLESS}/v1`, 'embeddings', 'm', `${SERVERLESS}/v1/embeddings`],
    [SERVERLESS, 'rerank', 'm', `${SERVERLESS}/v1/rerank`],
    [`${SERVERLESS}/v1`, 'rerank', 'm', `${SERVERLESS}/v1/rerank`],
    [`${SERVERLESS}/v1/rerank`, 'rerank', 'm', `${SERVERLESS}/v1/rerank`],
    ['http://h/models', 'rerank', 'm', 'http://h/v1/rerank'],
    [SERVERLESS, 'rerank.v2', 'm', `${SERVERLESS}/v2/rerank`],
    [RESOURCE, 'rerank', 'm', `${RESOURCE}/v1/rerank`],
    [RESOURCE, 'responses.create', 'gpt-5', `${RESOURCE}/openai/v1/responses?api-version=preview`],
    [
      `${RESOURCE}/models`,
      'responses.create',
      'grok-4',
      `${RESOURCE}/openai/v1/responses?api-version=preview`,
    ],
    [RESOURCE, 'messages.create', CLAUDE, `${RESOURCE}/anthropic/v1/messages`],
    [`${RESOURCE}/anthropic`, 'messages.create', CLAUDE, `${RESOURCE}/anthropic/v1/messages`],
    [`${RESOURCE}/anthropic/v1/messages`, 'messages.create', CLAUDE, `${RESOURCE}/anthropic/v1/messages`],
    [
      `${RESOURCE}/models?api-version=2024-05-01-preview`,
      'chat.completions',
      'my-Claude',
      `${RESOURCE}/anthropic/v1/messages`,
    ],
    ['http://h/foundry', 'messages.create', CLAUDE, 'http://h/foundry/anthropic/v1/messages'],
  ]
  for (const [base, route, model, url] of rows)
    test(`${base}: ${route} of ${model}`, () => {
      const text = route === 'responses.create' ? '{"model":"g","input":"hi"}' : MESSAGES
      assert.equal(urlOf(draftAt(base, route, { model, body: jsonBody(text) })), url)
    })

  test('responses of who has none become chat completions, or messages', () => {
    const path = (base: string, model: string) =>
      urlOf(
        draftAt(base, 'responses.create', {
          model,
          body: jsonBody('{"model":"g","input":"hi","max_output_tokens":9}'),
        }),
      )
    assert.match(path(RESOURCE, 'model_router/azure-model-router'), /\/models\/chat\/completions\?/)
    assert.match(path(SERVERLESS, 'm'), /\/chat\/completions$/)
    assert.match(path(RESOURCE, CLAUDE), /\/anthropic\/v1\/messages$/)
    assert.throws(() => path(RESOURCE, 'agents/asst_1'), Unsupported)
  })

  test('an address is wanted', () => {
    assert.throws(() => connectTo(azureAi, { key: 'k' }), /set litellm_params.api_base or AZURE_AI_API_BASE/)
  })
})

describe('the credential', () => {
  const headers = async (apiBase: string, model: string, more: Parameters<typeof connectTo>[1] = {}) => {
    const connection = connectTo(azureAi, { apiBase, ...more })
    const route = model.includes('claude') ? 'messages.create' : 'chat.completions'
    const draft = connection.draft(askFor(route, { model, body: jsonBody(MESSAGES) }))
    return connection.authorize(draft, NOW)
  }
  test('a key is in the header that its API wants', async () => {
    const key = { key: 'k' }
    assert.deepEqual(await headers(RESOURCE, 'Phi-4', key), [['api-key', 'k']])
    assert.deepEqual(await headers(RESOURCE, CLAUDE, key), [['x-api-key', 'k']])
    assert.deepEqual(await headers(SERVERLESS, 'm', key), [['authorization', 'Bearer k']])
    assert.deepEqual(await headers(RESOURCE, CLAUDE, { env: { AZURE_AI_API_KEY: 'e' } }), [
      ['x-api-key', 'e'],
    ])
  })
  test('a token is a bearer everywhere, and a sign-in is for the scope of both', async () => {
    const extra = { azure_ad_token: 't' }
    for (const model of ['Phi-4', CLAUDE])
      assert.deepEqual(await headers(RESOURCE, model, { extra }), [['authorization', 'Bearer t']])
    const signIn = { tenant_id: 't', client_id: 'c', client_secret: 's' }
    assert.ok(connectTo(azureAi, { apiBase: RESOURCE, extra: signIn }).recipe)
  })
  test('the key of another provider is none', () => {
    const env = { AZURE_API_KEY: 'a', OPENAI_API_KEY: 'o' }
    assert.match(connectTo(azureAi, { apiBase: RESOURCE, env }).missing ?? '', /AZURE_AI_API_KEY/)
  })
})

describe('Claude', () => {
  test('gets Messages with their version, byte for byte', () => {
    const draft = draftAt(RESOURCE, 'messages.create', {
      model: CLAUDE,
      body: jsonBody(MESSAGES),
      headers: [
        ['openai-beta', 'x'],
        ['anthropic-beta', 'b'],
      ],
    })
    assert.equal(bodyText(draft), MESSAGES.replace('group', CLAUDE))
    const { 'anthropic-version': version, 'anthropic-beta': beta, ...rest } = headersOf(draft.headers)
    assert.deepEqual([version, beta, rest['openai-beta']], ['2023-06-01', 'b', undefined])
  })

  test('loses the scope of what is cached, wherever it stands, and nothing else', () => {
    const mark = '{"type":"ephemeral", "scope":"global","ttl":"1h"}'
    const text =
      `{"model":"g","max_tokens":1,"system":[{"type":"text","text":"\\"scope\\"","cache_control":${mark}}],` +
      `"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":[{"type":"text","text":"b","cache_control":${mark}}]}]},` +
      `{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"n","input":{"scope":"kept"}}]}]}`
    const draft = draftAt(RESOURCE, 'messages.create', { model: CLAUDE, body: jsonBody(text) })
    assert.equal(
      bodyText(draft),
      text.replace('"g"', `"${CLAUDE}"`).replaceAll(mark, '{"type":"ephemeral","ttl":"1h"}'),
    )
    assert.deepEqual(
      draft.edits.map(({ path, why }) => `${printPath(path)} (${why})`),
      [
        'model (model)',
        'system[*].cache_control.scope (foreign-key)',
        'messages[*].content[*].content[*].cache_control.scope (foreign-key)',
      ],
    )
  })

  test('serves no embeddings', () => {
    assert.throws(() => draftAt(RESOURCE, 'embeddings', { model: CLAUDE }), Unsupported)
  })
})

describe('pictures', () => {
  const picture = 'data:image/png;base64,AAAA'
  const embedded = (input: unknown, base = RESOURCE) =>
    draftAt(base, 'embeddings', { model: 'embed', body: jsonBody(JSON.stringify({ model: 'g', input })) })
  test('have an endpoint of their own, which wants objects', () => {
    const draft = embedded([picture, picture])
    assert.equal(urlOf(draft), `${RESOURCE}/models/images/embeddings?api-version=2024-05-01-preview`)
    assert.deepEqual(bodyOf(draft), { model: 'embed', input: [{ image: picture }, { image: picture }] })
    assert.deepEqual(bodyOf(embedded(picture)).input, [{ image: picture }])
    assert.equal(urlOf(embedded(picture, `${SERVERLESS}/v1`)), `${SERVERLESS}/images/embeddings`)
  })
  test('are not mixed with texts, and a text about one is a text', () => {
    assert.throws(() => embedded([picture, 'a']), /pictures and texts/)
    assert.match(urlOf(embedded(['about data:image/png'])), /\/models\/embeddings\?/)
  })
})

test('the mark of a model router is no part of its name', () => {
  const draft = draftAt(RESOURCE, 'chat.completions', { model: 'model_router/azure-model-router' })
  assert.equal((bodyOf(draft) as JsonObject).model, 'azure-model-router')
})
