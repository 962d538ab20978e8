import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { isObject, type JsonObject } from '../wire/json.ts'
import { type Stage, startStage } from './stage.ts'

/** Both publishers of the simulated Vertex AI, and the token that opens them. */

let stage: Stage
before(async () => {
  stage = await startStage({ flavour: 'vertex_ai', models: ['*'] })
})
after(() => stage.close())

const PLACE = '/v1/projects/p/locations/global/publishers'
const GEMINI = `${PLACE}/google/models/gemini-2.5-flash:generateContent`
const CLAUDE = `${PLACE}/anthropic/models/claude-sonnet-4-5:rawPredict`

const post = async (path: string, body: unknown, headers: Readonly<Record<string, string>> = {}) => {
  const response = await fetch(stage.origin + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${stage.key}`, ...headers },
    body: JSON.stringify(body),
  })
  const text = await response.text()
  return { status: response.status, text, json: (text.startsWith('{') ? JSON.parse(text) : {}) as JsonObject }
}

const said = ({ json: { error } }: { readonly json: JsonObject }): string =>
  isObject(error) ? String(error.message) : 'it was taken'

const user = (...parts: object[]) => ({ role: 'user', parts })
const text = { text: 'hi' }

test('Gemini has no ids of calls here, and its embeddings are predictions', async () => {
  assert.equal((await post(GEMINI, { contents: [user(text)] })).status, 200)
  const call = { role: 'model', parts: [{ functionCall: { id: 'a', name: 'f' } }] }
  const answer = user({ functionResponse: { name: 'f', response: {} } })
  const refused = await post(GEMINI, { contents: [user(text), call, answer] })
  assert.equal(refused.status, 400)
  assert.match(said(refused), /Unknown name "id" at 'contents\[1\].parts\[0\].function_call'/)
  const embed = `${PLACE}/google/models/gemini-embedding-001:predict`
  const { json } = await post(embed, {
    instances: [{ content: 'hi' }],
    parameters: { outputDimensionality: 4 },
  })
  assert.match(JSON.stringify(json), /"embeddings":\{"values":\[[^\]]+\]/)
})

test('Claude’s model is in the path and its version in the body', async () => {
  const body = {
    anthropic_version: 'vertex-2023-10-16',
    max_tokens: 64,
    messages: [{ role: 'user', content: 'Hello' }],
  }
  const whole = await post(CLAUDE, body)
  assert.deepEqual([whole.status, whole.json.model], [200, 'claude-sonnet-4-5'], whole.text)
  const streamed = await post(CLAUDE.replace('rawPredict', 'streamRawPredict'), { ...body, stream: true })
  assert.match(streamed.text, /^event: message_start\n/)
  const named = await post(CLAUDE, { ...body, model: 'claude-sonnet-4-5' })
  assert.deepEqual([named.json.type, said(named)], ['error', 'model: Extra inputs are not permitted'])
  const { anthropic_version: _, ...versionless } = body
  assert.equal(said(await post(CLAUDE, versionless)), 'anthropic_version: Field required')
})

test('one token opens both, and nothing else does', async () => {
  for (const path of [GEMINI, CLAUDE]) {
    const { status, json } = await post(path, {}, { authorization: 'Bearer wrong' })
    assert.deepEqual([status, isObject(json.error) && json.error.status], [401, 'UNAUTHENTICATED'], path)
    assert.equal((await post(path, {}, { 'x-api-key': stage.key })).status, 400, 'a key means nothing here')
  }
  assert.equal((await post('/v1beta/models/gemini-2.5-flash:generateContent', {})).status, 404)
  assert.equal((await post('/v1/messages', {})).status, 404)
})
