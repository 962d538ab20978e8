import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import type { JsonObject } from '../src/wire/json.ts'
import { assertNothingRefused } from './support/canary.ts'
import { deployment, MASTER_KEY, play } from './support/harness.ts'

/** Vectors for Google's clients, whoever makes them. The requests are those of its Python client. */

const google = { flavour: 'gemini', models: ['*'] } as const
const house = await play(
  { after },
  {
    stages: { studio: google, second: google, cloud: { ...google, flavour: 'vertex_ai' }, chat: {} },
    config: ({ studio, second, cloud, chat }) => {
      const same = { model_info: { base_model: 'gemini-embedding-001', mode: 'embedding' } }
      return {
        model_list: [
          { ...deployment('star', studio, 'gemini-embedding-001'), ...same },
          { ...deployment('again', second, 'gemini-embedding-001'), ...same },
          {
            model_name: 'vertex',
            litellm_params: {
              model: 'vertex_ai/gemini-embedding-001',
              vertex_project: 'p',
              vertex_location: 'us-central1',
              api_base: cloud.origin,
              api_key: cloud.key,
            },
            ...same,
          },
          deployment('openai', chat, 'text-embedding-3-small'),
        ],
        router_settings: {
          num_retries: 0,
          disable_cooldowns: true,
          fallbacks: [{ star: ['openai', 'again', 'vertex'] }],
        },
      }
    },
  },
)
const { studio, second, cloud, chat } = house.stages
beforeEach(() => {
  for (const stage of Object.values(house.stages)) stage.clear()
})

const HEADERS = [
  ['x-goog-api-key', MASTER_KEY],
  ['x-goog-api-client', 'google-genai-sdk/3.6.1 gl-python/3.11.7'],
  ['content-type', 'application/json'],
] as const

const requests = (group: string, more: JsonObject = {}): string =>
  JSON.stringify({
    requests: ['a', 'b'].map(text => ({
      content: { parts: [{ text }], role: 'user' },
      ...more,
      model: `models/${group}`,
    })),
  })

const batch = (group: string, more: JsonObject = {}) =>
  house.ask(`/v1/models/${group}:batchEmbedContents`, requests(group, more), { headers: HEADERS })

type Vectors = { readonly embeddings: readonly { readonly values: readonly number[] }[] }
const sizes = (text: string): readonly number[] =>
  (JSON.parse(text) as Vectors).embeddings.map(({ values }) => values.length)

test('Google’s own API gets the bytes, with its own name of the model in every text', async () => {
  const answer = await batch('star', { outputDimensionality: 8, taskType: 'RETRIEVAL_QUERY' })
  assert.equal(answer.status, 200, answer.text)
  assert.deepEqual(sizes(answer.text), [8, 8])
  const [hit] = studio.requests
  assert.equal(hit?.target, '/v1beta/models/gemini-embedding-001:batchEmbedContents')
  assert.equal(
    hit?.body.toString(),
    requests('gemini-embedding-001', { outputDimensionality: 8, taskType: 'RETRIEVAL_QUERY' }),
  )
  assertNothingRefused(studio.requests)
})

test('one text by itself', async () => {
  for (const group of ['star', 'vertex', 'openai']) {
    const body = { content: { parts: [{ text: 'a' }] }, outputDimensionality: 16 }
    const answer = await house.ask(`/v1beta/models/${group}:embedContent`, body, { headers: HEADERS })
    assert.equal(answer.status, 200, answer.text)
    assert.equal((answer.json().embedding as { values: number[] }).values.length, 16)
  }
  for (const stage of [studio, cloud, chat]) assertNothingRefused(stage.requests)
})

test('everybody else is asked in his own form, and answers in this one', async () => {
  const vertex = await batch('vertex', { outputDimensionality: 8, taskType: 'RETRIEVAL_QUERY' })
  assert.deepEqual(sizes(vertex.text), [8, 8])
  const [hit] = cloud.requests
  const { parameters } = (hit?.json ?? {}) as JsonObject
  assert.deepEqual(parameters, { outputDimensionality: 8 })
  const openai = await batch('openai', { outputDimensionality: 8 })
  assert.deepEqual(sizes(openai.text), [8, 8])
  assert.deepEqual(chat.requests[0]?.json, {
    model: 'text-embedding-3-small',
    input: ['a', 'b'],
    encoding_format: 'float',
    dimensions: 8,
  })
  for (const stage of [cloud, chat]) assertNothingRefused(stage.requests)
})

test('a failover stays with the model: vectors of two do not mix', async () => {
  studio.script([{ kind: 'status', status: 503 }])
  assert.equal((await batch('star')).status, 200)
  assert.deepEqual([chat.requests.length, second.requests.length], [0, 1])
  studio.script([{ kind: 'status', status: 503 }])
  second.script([{ kind: 'status', status: 503 }])
  assert.equal((await batch('star')).status, 200)
  assert.deepEqual([chat.requests.length, cloud.requests.length], [0, 1])
})

test('what is no request for a vector is refused, and none is left out of the list', async () => {
  const one = { content: { parts: [{ text: 'a' }] } }
  for (const [verb, body, word] of [
    ['batchEmbedContents', { requests: [one, 'b'] }, 'requests'],
    ['batchEmbedContents', one, 'requests'],
    ['embedContent', { requests: [one, one] }, 'content'],
  ] as const) {
    const answer = await house.ask(`/v1beta/models/openai:${verb}`, body, { headers: HEADERS })
    assert.equal(answer.status, 400, answer.text)
    assert.ok(answer.text.includes(word), answer.text)
  }
  assert.equal(chat.requests.length, 0)
})

test('a member that has no place there is named, and not left out in silence', async () => {
  const answer = await batch('openai', { autoTruncate: true })
  assert.equal(answer.status, 200, answer.text)
  assert.match(answer.headers['x-understudy-dropped'] ?? '', /autoTruncate/)
})

test('what another provider has no place for is refused by its name, in this dialect', async () => {
  const picture = { content: { parts: [{ inlineData: { mimeType: 'image/png', data: 'AAAA' } }] } }
  for (const [more, word] of [
    [{ taskType: 'RETRIEVAL_QUERY' }, 'task_type'],
    [picture, 'content'],
  ] as const) {
    const answer = await batch('openai', more)
    assert.equal(answer.status, 400, answer.text)
    const { error } = answer.json() as { error: { status: string; message: string } }
    assert.equal(error.status, 'INVALID_ARGUMENT')
    assert.ok(error.message.includes(word), error.message)
  }
  assert.equal(chat.requests.length, 0)
})
