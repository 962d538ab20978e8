import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { JsonObject } from '../wire/json.ts'
import { askFor, bodyOf, connectTo, headersOf, jsonBody, urlOf } from './ask.fixture.ts'
import { cohere, cohereChat } from './cohere.ts'
import { providers } from './index.ts'
import { type Ask, Unsupported } from './provider.ts'

const at = (more: Parameters<typeof connectTo>[1] = {}) => connectTo(cohere, { key: 'co-stage', ...more })
const ask = (route: string, body: JsonObject, more: Partial<Ask> = {}): Ask =>
  askFor(route, {
    body: jsonBody(JSON.stringify({ model: 'group', ...body })),
    model: 'command-r-plus',
    ...more,
  })
const chat = (more: Partial<Ask> = {}): Ask =>
  ask('chat.completions', { messages: [{ role: 'user', content: 'hi' }] }, more)
const ranks = { query: 'a', documents: ['a'] }

test('the address: a base, with or without a version or an endpoint behind it', () => {
  const url = (apiBase: string | undefined, env: Readonly<Record<string, string>> = {}): string =>
    urlOf(at({ ...(apiBase === undefined ? {} : { apiBase }), env }).draft(chat()))
  assert.equal(url(undefined), 'https://api.cohere.com/v2/chat')
  assert.equal(url(undefined, { COHERE_API_BASE: 'https://c.example' }), 'https://c.example/v2/chat')
  for (const tail of ['', '/', '/v1', '/v2', '/v2/chat', '/v1/rerank'])
    assert.equal(url(`https://c.example/own${tail}`), 'https://c.example/own/v2/chat', tail)
  assert.equal(url('https://c.example?tenant=a'), 'https://c.example/v2/chat?tenant=a')
})

test('the key is a bearer, from either variable, and nowhere else', async () => {
  for (const more of [
    { key: 'co-1' },
    { env: { COHERE_API_KEY: 'co-1', CO_API_KEY: 'co-2' } },
    { env: { CO_API_KEY: 'co-1' } },
  ]) {
    const connection = connectTo(cohere, more)
    const draft = connection.draft(chat())
    assert.deepEqual(await connection.authorize(draft, new Date(0)), [['authorization', 'Bearer co-1']])
    assert.ok(!JSON.stringify([draft.path, draft.headers]).includes('co-1'))
  }
  assert.match(connectTo(cohere, {}).missing ?? '', /COHERE_API_KEY or CO_API_KEY/)
})

test('headers and query of other dialects stay at home', () => {
  const headers: Ask['headers'] = [
    ['openai-beta', 'a'],
    ['anthropic-version', '2023-06-01'],
    ['x-goog-api-client', 'a'],
    ['x-request-id', 'a'],
  ]
  const draft = at().draft(chat({ headers, query: 'beta=true' }))
  assert.deepEqual(
    Object.keys(headersOf(draft.headers)).filter(name => /-beta|version|goog|request-id/.test(name)),
    ['x-request-id'],
  )
  assert.ok(!draft.path.includes('?'))
})

test('either prefix of LiteLLM is this API', () => {
  assert.equal(providers.cohere?.name, 'cohere')
  assert.equal(providers.cohere_chat?.exception, 'CohereException')
  assert.equal(urlOf(connectTo(cohereChat, { key: 'a' }).draft(chat())), 'https://api.cohere.com/v2/chat')
})

test('what it does not serve is said', () => {
  for (const route of ['moderations', 'images.generations', 'responses.get'])
    assert.throws(
      () => at().draft(ask(route, { input: 'a', prompt: 'a' }, { params: { id: 'r' } })),
      Unsupported,
    )
})

describe('embeddings', () => {
  const embedding = (body: JsonObject, more: Partial<Ask> = {}) =>
    at().draft(ask('embeddings', { input: 'a', ...body }, { model: 'embed-v4.0', ...more }))

  test('parameters that it does not have are lost; those that make other vectors only on request', () => {
    assert.throws(() => embedding({ task_type: 'query' }), { param: 'task_type' })
    assert.equal(bodyOf(embedding({ task_type: 'query' }, { dropParams: true })).task_type, undefined)
    const draft = embedding({ speed: 'fast', user: 'u' })
    assert.deepEqual(
      draft.warnings.map(({ lost }) => lost),
      ['user', 'speed'],
    )
    assert.equal(bodyOf(draft).speed, undefined)
    assert.equal(bodyOf(embedding({ speed: 'fast' }, { allowedParams: ['speed'] })).speed, 'fast')
  })

  test('the kinds are the client’s own words, or OpenAI’s one', () => {
    assert.deepEqual(bodyOf(embedding({ embedding_types: ['int8'] })).embedding_types, ['int8'])
    assert.deepEqual(bodyOf(embedding({ encoding_format: 'base64' })).embedding_types, ['base64'])
  })

  test('an answer without vectors stays what it is', () => {
    const reading = at().reading(ask('embeddings', { input: 'a' }))
    const odd = Buffer.from('{"id":"1"}')
    assert.equal(reading.translate?.(odd), odd)
    const older = reading.translate?.(
      Buffer.from('{"embeddings":[[0.5]],"meta":{"billed_units":{"input_tokens":3}}}'),
    )
    assert.deepEqual(JSON.parse(Buffer.from(older ?? []).toString()), {
      object: 'list',
      data: [{ object: 'embedding', index: 0, embedding: [0.5] }],
      model: 'command-r-plus',
      usage: { prompt_tokens: 3, total_tokens: 3 },
    })
  })
})

test('rerank asks the first version only for what the second does not have', () => {
  const path = (route: string, more: JsonObject = {}): string =>
    at().draft(ask(route, { ...ranks, ...more }, { model: 'rerank-v3.5' })).path
  assert.equal(path('rerank'), '/v2/rerank')
  assert.equal(path('rerank', { max_tokens_per_doc: 10 }), '/v2/rerank')
  for (const more of [
    { rank_fields: ['a'] },
    { return_documents: false },
    { max_chunks_per_doc: 2 },
    { documents: [{ text: 'a' }] },
  ])
    assert.equal(path('rerank', more), '/v1/rerank')
  assert.equal(path('rerank.v2', { return_documents: true }), '/v2/rerank')
})
