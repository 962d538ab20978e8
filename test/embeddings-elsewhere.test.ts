import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import type OpenAI from 'openai'
import type { JsonObject } from '../src/wire/json.ts'
import { clientOf } from './openai-client.fixture.ts'
import { assertErrorShape } from './support/answers.ts'
import { deploymentsOn, startBedrockStage } from './support/bedrock.ts'
import { deployment, play } from './support/harness.ts'
import { steady } from './support/steady.ts'

/** OpenAI's own client asks for embeddings, and models of Google, Amazon and Cohere make them. */

const bedrock = await startBedrockStage({ now: () => new Date(Date.UTC(2026, 0, 1)) })
after(() => bedrock.close())

const onBedrock = deploymentsOn(bedrock)

const google = { flavour: 'gemini', models: ['*'] } as const

const house = await play(
  { after },
  {
    stages: { studio: google, cloud: { ...google, flavour: 'vertex_ai' } },
    start: steady().start,
    config: ({ studio, cloud }) => {
      const vertex = (group: string, model: string): JsonObject => ({
        model_name: group,
        litellm_params: {
          model: `vertex_ai/${model}`,
          vertex_project: 'p',
          vertex_location: 'us-central1',
          api_base: cloud.origin,
          api_key: cloud.key,
        },
      })
      const same = { model_info: { base_model: 'gemini-embedding-001' } }
      return {
        model_list: [
          { ...deployment('studio', studio, 'gemini-embedding-001'), ...same },
          { ...vertex('cloud', 'gemini-embedding-001'), ...same },
          vertex('newest', 'gemini-embedding-2'),
          onBedrock('titan', 'amazon.titan-embed-text-v2:0'),
          onBedrock('titan-first', 'amazon.titan-embed-text-v1'),
          onBedrock('cohere', 'cohere.embed-english-v3'),
          onBedrock('cohere-newest', 'us.cohere.embed-v4:0'),
          onBedrock('nova', 'amazon.nova-pro-v1:0'),
        ],
        router_settings: {
          num_retries: 0,
          disable_cooldowns: true,
          fallbacks: [{ studio: ['titan', 'cloud'] }, { titan: ['cohere'] }],
        },
      }
    },
  },
)
const client = clientOf(house)
const { studio, cloud } = house.stages
let from = 0
beforeEach(() => {
  studio.clear()
  cloud.clear()
  from = bedrock.requests.length
})

type Params = Partial<OpenAI.EmbeddingCreateParams>
const TEXTS = ['The understudy', 'knows every line.']
const embed = (model: string, more: Params = {}) =>
  client.embeddings.create({ model, input: TEXTS, encoding_format: 'float', ...more })

const onStage = () =>
  bedrock.requests.slice(from).map(({ target, json, refused }) => ({ target, json, refused }))

test('Gemini embeds a whole list in one batch, in the client’s order, and says what it cost', async () => {
  const { data, model, usage } = await embed('studio', { dimensions: 256 })
  assert.deepEqual(
    data.map(({ index, object, embedding }) => [index, object, embedding.length]),
    [
      [0, 'embedding', 256],
      [1, 'embedding', 256],
    ],
  )
  assert.equal(model, 'studio')
  assert.ok(usage.prompt_tokens > 0 && usage.total_tokens === usage.prompt_tokens)
  const [hit] = studio.requests
  assert.equal(hit?.target, '/v1beta/models/gemini-embedding-001:batchEmbedContents')
  assert.deepEqual(hit?.json, {
    requests: TEXTS.map(text => ({
      model: 'models/gemini-embedding-001',
      content: { parts: [{ text }] },
      outputDimensionality: 256,
    })),
  })
  assert.equal(hit.refusal, undefined)
})

test('the client’s own default, base64, holds the same vectors', async () => {
  // Without a format the client asks for base64 and decodes it itself.
  const { data } = await client.embeddings.create({ model: 'studio', input: TEXTS[0] ?? '', dimensions: 64 })
  const floats = await embed('studio', { input: TEXTS[0] ?? '', dimensions: 64 })
  assert.equal(data[0]?.embedding.length, 64)
  for (const [at, value] of (floats.data[0]?.embedding ?? []).entries())
    assert.ok(Math.abs(value - (data[0]?.embedding[at] ?? 9)) < 1e-6)
})

test('Vertex AI embeds by instances, and its newest model text by text', async () => {
  const many = await embed('cloud', { dimensions: 128, task_type: 'RETRIEVAL_QUERY' } as Params)
  assert.deepEqual(
    many.data.map(({ embedding }) => embedding.length),
    [128, 128],
  )
  assert.equal(many.usage.prompt_tokens, 9)
  const path = '/v1/projects/p/locations/us-central1/publishers/google/models'
  assert.equal(cloud.requests[0]?.target, `${path}/gemini-embedding-001:predict`)
  assert.deepEqual(cloud.requests[0]?.json, {
    instances: TEXTS.map(content => ({ content, task_type: 'RETRIEVAL_QUERY' })),
    parameters: { outputDimensionality: 128 },
  })
  const one = await embed('newest', { input: TEXTS[0] ?? '', dimensions: 128 })
  assert.deepEqual([one.data[0]?.embedding.length, one.usage.prompt_tokens], [128, 4])
  assert.equal(cloud.requests[1]?.target, `${path}/gemini-embedding-2:embedContent`)
  assert.deepEqual(cloud.requests[1]?.json, {
    content: { parts: [{ text: TEXTS[0] }] },
    embedContentConfig: { outputDimensionality: 128 },
  })
  await assert.rejects(embed('newest'), /the vector of 1 text a request .* and 'input' has 2/)
  assert.equal(cloud.requests.length, 2)
})

test('Titan and Cohere embed through InvokeModel, each in its own words', async () => {
  const one = { input: TEXTS[0] ?? '' }
  const titan = await embed('titan', { ...one, dimensions: 512 })
  assert.deepEqual([titan.data[0]?.embedding.length, titan.usage.prompt_tokens], [512, 4])
  assert.equal((await embed('titan-first', one)).data[0]?.embedding.length, 1536)
  const cohere = await embed('cohere', { input_type: 'search_query' } as Params)
  assert.deepEqual(
    cohere.data.map(({ embedding }) => embedding.length),
    [1024, 1024],
  )
  assert.ok(cohere.usage.prompt_tokens > 0)
  assert.equal((await embed('cohere-newest', { dimensions: 256 })).data[1]?.embedding.length, 256)
  assert.deepEqual(onStage(), [
    {
      target: '/model/amazon.titan-embed-text-v2%3A0/invoke',
      json: { inputText: TEXTS[0], dimensions: 512 },
      refused: undefined,
    },
    { target: '/model/amazon.titan-embed-text-v1/invoke', json: { inputText: TEXTS[0] }, refused: undefined },
    {
      target: '/model/cohere.embed-english-v3/invoke',
      json: { texts: TEXTS, input_type: 'search_query' },
      refused: undefined,
    },
    {
      target: '/model/us.cohere.embed-v4%3A0/invoke',
      json: { texts: TEXTS, input_type: 'search_document', output_dimension: 256 },
      refused: undefined,
    },
  ])
})

test('what cannot be carried is refused by its name before anything is sent', async () => {
  const refused = async (model: string, more: JsonObject): Promise<JsonObject> =>
    assertErrorShape(await house.ask('/v1/embeddings', { model, input: 'x', ...more }), 400)
  assert.equal((await refused('cloud', { input: [1, 2] })).param, 'input')
  assert.equal((await refused('titan-first', { dimensions: 256 })).param, 'dimensions')
  assert.match(String((await refused('titan-first', { dimensions: 256 })).message), /one length of vectors/)
  assert.equal((await refused('cohere', { task_type: 'query' })).param, 'task_type')
  assert.match(String((await refused('titan-first', { input: TEXTS })).message), /vector of 1 text a request/)
  assert.match(String((await refused('nova', {})).message), /Titan and Cohere/)
  assert.deepEqual([onStage().length, cloud.requests.length], [0, 0])
  const dropped = await house.ask('/v1/embeddings', {
    model: 'titan-first',
    input: 'x',
    dimensions: 256,
    drop_params: true,
  })
  assert.equal(dropped.status, 200, dropped.text)
})

test('a failure leads to the same model elsewhere, and never to another one', async () => {
  studio.script([{ kind: 'status', status: 503 }])
  const { model } = await embed('studio', { dimensions: 128 })
  assert.equal(model, 'cloud')
  assert.deepEqual([studio.requests.length, cloud.requests.length, onStage().length], [1, 1, 0])
  bedrock.script({ kind: 'status', status: 429, type: 'ThrottlingException', message: 'Slow down.' })
  const reply = await house.ask('/v1/embeddings', { model: 'titan', input: 'x' })
  assertErrorShape(reply, 429)
  assert.equal(onStage().length, 1)
})

test('an answer without a vector for each text is a failure, not an answer', async () => {
  for (const body of [
    '{"embeddings":[{"values":[0.5]}]}',
    '{"embeddings":[]}',
    '{}',
    '{"embeddings":[{},{}]}',
  ]) {
    studio.script([{ kind: 'status', status: 200, body, headers: { 'content-type': 'application/json' } }])
    assert.equal((await embed('studio', { dimensions: 8 })).model, 'cloud', body)
  }
})
