import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { GoogleGenAI } from '@google/genai'
import type { JsonObject } from '../src/wire/json.ts'
import { deployment, type Play, play } from './support/harness.ts'

/** What the doors of Anthropic's and Google's APIs say by themselves, to a client of each. */

const undo: (() => Promise<void>)[] = []
const owner = { after: (run: () => Promise<void>) => void undo.push(run) }
type Cast = { readonly gpt: { readonly models: readonly string[] } }
let house: Play<Cast>

before(async () => {
  house = await play(owner, {
    stages: { gpt: { models: ['*'] } },
    config: ({ gpt }) => ({
      model_list: ['one', 'two', 'three'].map(name => deployment(name, gpt, 'gpt-4o')),
      router_settings: { num_retries: 0, disable_cooldowns: true },
    }),
  })
})
after(async () => {
  for (const run of undo.reverse()) await run()
})

const anthropic = (): readonly (readonly [string, string])[] => [
  ['x-api-key', house.key],
  ['anthropic-version', '2023-06-01'],
]
const google = (): readonly (readonly [string, string])[] => [['x-goog-api-key', house.key]]

describe('the list of models as Google writes it', () => {
  test('is read by its own client, page by page', async () => {
    const client = new GoogleGenAI({ apiKey: house.key, httpOptions: { baseUrl: house.url } })
    const pager = await client.models.list({ config: { pageSize: 2 } })
    const names: (string | undefined)[] = []
    for await (const model of pager) names.push(model.name)
    assert.deepEqual(names, ['models/one', 'models/two', 'models/three'])
    const one = await client.models.get({ model: 'two' })
    assert.equal(one.name, 'models/two')
    assert.equal(one.displayName, 'two')
  })

  test('takes the key in the query, and refuses in its own form', async () => {
    const listed = await house.ask(`/v1beta/models?key=${house.key}`, undefined, {
      method: 'GET',
      headers: [],
    })
    assert.deepEqual(
      (listed.json().models as JsonObject[]).map(model => model.name),
      ['models/one', 'models/two', 'models/three'],
    )
    const nobody = await house.ask('/v1beta/models', undefined, { method: 'GET', headers: [] })
    assert.equal(nobody.status, 401)
    assert.equal((nobody.json().error as JsonObject).status, 'UNAUTHENTICATED')
    const unknown = await house.ask('/v1beta/models/four', undefined, { method: 'GET', headers: google() })
    assert.equal(unknown.status, 404)
    assert.equal((unknown.json().error as JsonObject).status, 'NOT_FOUND')
    const wrong = await house.ask('/v1beta/models?pageSize=none', undefined, {
      method: 'GET',
      headers: google(),
    })
    assert.equal((wrong.json().error as JsonObject).status, 'INVALID_ARGUMENT')
  })
})

describe('an address that nobody serves', () => {
  test('is told in the form of Anthropic to its clients', async () => {
    const { status, json } = await house.ask(
      '/v1/messages/batches',
      { requests: [] },
      { headers: anthropic() },
    )
    const said = json()
    assert.equal(status, 404)
    assert.equal(said.type, 'error')
    assert.equal((said.error as JsonObject).type, 'not_found_error')
    assert.match(String((said.error as JsonObject).message), /POST \/v1\/messages\/batches/)
    assert.equal(typeof said.request_id, 'string')
    const wrong = await house.ask('/v1/messages', undefined, { method: 'GET', headers: anthropic() })
    assert.equal(wrong.status, 405)
    assert.equal(wrong.headers.allow, 'POST')
    assert.equal((wrong.json().error as JsonObject).type, 'invalid_request_error')
  })
  test('is told in the form of Google below its paths', async () => {
    const { status, json } = await house.ask('/v1beta/cachedContents', {}, { headers: google() })
    assert.equal(status, 404)
    assert.equal((json().error as JsonObject).status, 'NOT_FOUND')
    const verb = await house.ask('/v1/models/one:embedText', {}, { headers: google() })
    assert.equal((verb.json().error as JsonObject).status, 'NOT_FOUND')
  })
  test('and to everybody else as ever', async () => {
    assert.deepEqual((await house.ask('/v1/nowhere', {})).json(), { detail: 'Not Found' })
  })
})

test('the first of Google’s versions is served like the others', async () => {
  const { status } = await house.ask(
    '/v1alpha/models/one:generateContent',
    { contents: [{ parts: [{ text: 'Hi' }] }] },
    { headers: google() },
  )
  assert.equal(status, 200)
})

describe('a body that says nothing is refused before anything is sent', () => {
  const cases: readonly (readonly [string, JsonObject, string])[] = [
    ['/v1/messages', { model: 'one', max_tokens: 5, messages: 'Hi' }, 'messages'],
    ['/v1/messages', { model: 'one', max_tokens: 5 }, 'messages'],
    ['/v1/messages', { model: 'one', max_tokens: 5, messages: [] }, 'messages'],
    [
      '/v1/messages',
      { model: 'one', max_tokens: 5, messages: [{ role: 'user', content: 5 }] },
      'messages[0].content',
    ],
    [
      '/v1/messages',
      { model: 'one', max_tokens: '5', messages: [{ role: 'user', content: 'Hi' }] },
      'max_tokens',
    ],
    [
      '/v1/messages',
      { model: 'one', max_tokens: 5, system: 7, messages: [{ role: 'user', content: 'Hi' }] },
      'system',
    ],
    [
      '/v1/messages',
      { model: 'one', max_tokens: 5, tools: {}, messages: [{ role: 'user', content: 'Hi' }] },
      'tools',
    ],
    [
      '/v1/messages',
      { model: 'one', max_tokens: 5, stop_sequences: 'x', messages: [{ role: 'user', content: 'Hi' }] },
      'stop_sequences',
    ],
    ['/v1beta/models/one:generateContent', { contents: [] }, 'contents'],
    [
      '/v1beta/models/one:generateContent',
      { contents: [{ parts: [{ text: 'Hi' }] }], generationConfig: { maxOutputTokens: 'five' } },
      'generationConfig.maxOutputTokens',
    ],
  ]
  for (const [path, body, name] of cases)
    test(`${path} ${JSON.stringify(body)}`, async () => {
      house.stages.gpt.clear()
      const { status, text } = await house.ask(path, body)
      assert.equal(status, 400, text)
      assert.ok(text.includes(`'${name}'`), text)
      assert.equal(house.stages.gpt.requests.length, 0)
    })
})

test('numbers of a generateContent request may be written as texts, as Google’s JSON has them', async () => {
  house.stages.gpt.clear()
  const { status } = await house.ask(
    '/v1beta/models/one:generateContent',
    {
      contents: [{ parts: [{ text: 'Hi' }] }],
      generationConfig: { maxOutputTokens: '5', temperature: '0.5', candidateCount: '1' },
    },
    { headers: google() },
  )
  assert.equal(status, 200)
  const sent = JSON.parse(house.stages.gpt.requests[0]?.text ?? '{}') as JsonObject
  assert.deepEqual([sent.max_completion_tokens, sent.temperature], [5, 0.5])
})
