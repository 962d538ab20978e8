import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isObject, type JsonObject } from '../src/wire/json.ts'
import { framesOf } from './support/answers.ts'
import { deployment, MASTER_KEY, type Play, play, type StageSet } from './support/harness.ts'

/** Clients of generateContent in front of providers that speak it: the client's bytes, and nothing lost. */

const gemini = { flavour: 'gemini', models: ['*'] } as const
const KEY = [['x-goog-api-key', MASTER_KEY]] as const
const hello = { contents: [{ role: 'user', parts: [{ text: 'What is your line?' }] }] }
const LINE = 'The understudy knows every line.'

const cast = (t: Parameters<typeof play>[0], more: object = {}) =>
  play(t, {
    stages: { lead: gemini, backup: gemini },
    config: ({ lead, backup }) => ({
      model_list: [
        deployment('flash', lead, 'gemini-2.5-flash'),
        deployment('spare', backup, 'gemini-2.5-pro'),
      ],
      router_settings: { num_retries: 0, fallbacks: [{ flash: ['spare'] }], ...more },
    }),
  })

const ask = (
  door: Pick<Play<StageSet>, 'ask'>,
  path: string,
  body: unknown,
  headers: readonly (readonly [string, string])[] = KEY,
) => door.ask(path, JSON.stringify(body), { headers: [...headers, ['content-type', 'application/json']] })

const textOf = (value: JsonObject): string => {
  const [candidate] = value.candidates as JsonObject[]
  const content = candidate?.content
  const parts = isObject(content) ? (content.parts as JsonObject[]) : []
  return parts.map(part => (part.thought === true ? '' : String(part.text ?? ''))).join('')
}

test('a whole answer, by every path, key and spelling of the model', async t => {
  const door = await cast(t)
  for (const path of [
    '/v1beta/models/flash:generateContent',
    '/v1/models/flash:generateContent',
    '/models/flash:generateContent',
    '/v1beta/models/flash%3AgenerateContent',
    `/v1beta/models/flash:generateContent?key=${MASTER_KEY}`,
  ]) {
    const reply = await ask(door, path, hello, path.includes('key=') ? [] : KEY)
    assert.equal(reply.status, 200, reply.text)
    assert.equal(textOf(reply.json()), LINE)
  }
  for (const hit of door.stages.lead.requests) {
    assert.equal(hit.refusal, undefined)
    assert.equal(hit.target, '/v1beta/models/gemini-2.5-flash:generateContent')
    assert.equal(hit.header('x-goog-api-key'), door.stages.lead.key)
    assert.equal(hit.text, JSON.stringify(hello), 'the bytes are the client’s')
  }
})

test('a stream is events with alt=sse, and one array without it', async t => {
  const door = await cast(t)
  const events = await ask(door, '/v1beta/models/flash:streamGenerateContent?alt=sse', hello)
  assert.match(events.headers['content-type'] ?? '', /^text\/event-stream/)
  const chunks = framesOf(events.text).map(({ data }) => JSON.parse(data) as JsonObject)
  assert.equal(chunks.map(textOf).join(''), LINE)
  const array = await ask(door, '/v1beta/models/flash:streamGenerateContent', hello)
  assert.equal(array.headers['content-type'], 'application/json; charset=UTF-8')
  const elements = JSON.parse(array.text) as JsonObject[]
  assert.equal(elements.length, chunks.length)
  assert.equal(elements.map(textOf).join(''), LINE)
  for (const hit of door.stages.lead.requests)
    assert.equal(hit.target, '/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse')
})

test('tokens are counted where the model is', async t => {
  const door = await cast(t)
  const reply = await ask(door, '/v1beta/models/flash:countTokens', hello)
  assert.equal(reply.status, 200, reply.text)
  assert.equal(reply.json().totalTokens, 5)
})

test('a whole call that is counted names the model that counts it, and no group', async t => {
  const door = await cast(t)
  const generateContentRequest = { model: 'models/flash', ...hello }
  const reply = await ask(door, '/v1beta/models/flash:countTokens', { generateContentRequest })
  assert.equal(reply.status, 200, reply.text)
  assert.deepEqual(door.stages.lead.requests.at(-1)?.json, {
    generateContentRequest: { model: 'models/gemini-2.5-flash', ...hello },
  })
})

test('a deployment of Claude at Vertex AI has no such count: the gateway counts', async t => {
  const door = await play(t, {
    stages: { lead: { flavour: 'vertex_ai', models: ['*'] } },
    config: ({ lead }) => ({
      model_list: [
        deployment('claude', lead, 'claude-sonnet-4-5', {
          model: 'vertex_ai/claude-sonnet-4-5',
          vertex_project: 'p',
        }),
      ],
    }),
  })
  const reply = await ask(door, '/v1beta/models/claude:countTokens', hello)
  assert.equal(reply.status, 200, reply.text)
  assert.ok(Number(reply.json().totalTokens) > 0, reply.text)
  assert.equal(door.stages.lead.requests.length, 0)
})

test('a failure before the first words is invisible, one after them is the last element', async t => {
  const door = await cast(t, { stream_recovery: 'off' })
  const { lead, backup } = door.stages
  lead.script([{ kind: 'status', status: 503 }])
  const whole = await ask(door, '/v1beta/models/flash:generateContent', hello)
  assert.equal(textOf(whole.json()), LINE)
  assert.equal(whole.headers['x-litellm-model-group'], 'spare')
  lead.script([{ kind: 'cut', how: 'clean-chunk-end', afterContent: 0 }])
  const early = await ask(door, '/v1beta/models/flash:streamGenerateContent', hello)
  assert.equal((JSON.parse(early.text) as JsonObject[]).map(textOf).join(''), LINE)
  assert.equal(backup.requests.length, 2)
  for (const query of ['', '?alt=sse']) {
    lead.script([{ kind: 'cut', how: 'clean-chunk-end', afterContent: 2 }])
    const late = await ask(door, `/v1beta/models/flash:streamGenerateContent${query}`, hello)
    const chunks =
      query === ''
        ? (JSON.parse(late.text) as JsonObject[])
        : framesOf(late.text).map(({ data }) => JSON.parse(data) as JsonObject)
    const last = chunks.pop()
    assert.ok(isObject(last?.error), late.text)
    assert.deepEqual([last.error.code, last.error.status], [500, 'INTERNAL'])
    assert.ok(chunks.every(value => !JSON.stringify(value).includes('finishReason')))
    assert.equal(chunks.map(textOf).join(''), 'The understudy')
  }
})

test('errors are told in Google’s words', async t => {
  const door = await cast(t, { fallbacks: [], disable_cooldowns: true })
  const { lead } = door.stages
  const told = async (path: string, body: unknown = hello, headers: typeof KEY | readonly [] = KEY) => {
    const reply = await ask(door, path, body, headers)
    const { error } = reply.json()
    assert.ok(isObject(error), reply.text)
    assert.equal(error.code, reply.status)
    return [reply.status, error.status]
  }
  const path = '/v1beta/models/flash:generateContent'
  assert.deepEqual(await told(path, hello, []), [401, 'UNAUTHENTICATED'])
  assert.deepEqual(await told('/v1beta/models/nobody:generateContent'), [400, 'INVALID_ARGUMENT'])
  assert.deepEqual(await told(path, { contents: 3 }), [400, 'INVALID_ARGUMENT'])
  for (const [status, name] of [
    [503, 'UNAVAILABLE'],
    [500, 'INTERNAL'],
    // Last: who asks for 20 seconds is left alone for them.
    [429, 'RESOURCE_EXHAUSTED'],
  ] as const) {
    lead.script([{ kind: 'status', status }])
    assert.deepEqual(await told(path), [status, name])
  }
  const lost = await ask(door, '/v1beta/models/flash:embedEverything', hello)
  assert.equal(lost.status, 404)
})
