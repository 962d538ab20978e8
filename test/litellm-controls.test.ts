import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Stage } from '../src/stage/stage.ts'
import type { Json, JsonObject } from '../src/wire/json.ts'
import { deployment, MASTER_KEY, play } from './support/harness.ts'
import { asked, chat, failing, response, steady } from './support/steady.ts'

/** What a request may ask of the router, in each of its forms; and how it hears that it asked wrongly. */

const stages = { stage: { models: ['*'] } }
const CHAT = '/v1/chat/completions'
const COMPACT = '/v1/responses/compact'
const groups = (stage: Stage, names: readonly string[]) => names.map(name => deployment(name, stage, name))
const errorOf = (reply: { json: () => JsonObject }): JsonObject => reply.json().error as JsonObject
const keyed = (...more: readonly (readonly [string, string])[]) => ({
  headers: [['authorization', `Bearer ${MASTER_KEY}`] as const, ...more],
})
const DOORS = { [CHAT]: chat, [COMPACT]: response, '/v1/responses': response }

test('M-031 a general list that the request brings as the file writes it stands in place of the file’s', async t => {
  const theatre = await play(t, {
    stages,
    start: steady().start,
    config: ({ stage }) => ({
      model_list: groups(stage, ['a', 'b', 'c', 'd']),
      router_settings: { num_retries: 0, fallbacks: [{ a: ['d'] }] },
    }),
  })
  const { stage } = theatre.stages
  for (const [path, make] of Object.entries(DOORS)) {
    stage.clear()
    for (const model of ['a', 'b', 'd']) failing(stage, model, 500)
    // Every hop looks into it, as it would into the file's.
    const saved = await theatre.ask(path, make('a', { fallbacks: [{ a: ['b'] }, { b: ['c'] }] }))
    assert.equal(saved.status, 200, path)
    assert.deepEqual(asked(stage), ['a', 'b', 'c'], path)
    assert.equal(saved.headers['x-litellm-attempted-fallbacks'], '2')
  }
  const lost = await theatre.ask(CHAT, chat('a', { fallbacks: [{ x: ['c'] }] }))
  assert.equal(lost.status, 500)
  assert.match(
    String(errorOf(lost).message),
    /No fallback model group found for original model_group=a\. Fallbacks=\[\{'x': \['c'\]\}\]/,
  )
  stage.clear()
  failing(stage, 'a', 500)
  const form = `--x\r\ncontent-disposition: form-data; name="model"\r\n\r\na\r\n--x\r\ncontent-disposition: form-data; name="fallbacks"\r\n\r\n[{"a":["b"]}]\r\n--x\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\ncontent-type: audio/wav\r\n\r\nRIFF\r\n--x--\r\n`
  const typed = keyed(['content-type', 'multipart/form-data; boundary=x'])
  const told = await theatre.ask('/v1/audio/transcriptions', form, typed)
  assert.equal(told.status, 200)
  assert.equal(told.headers['x-litellm-model-group'], 'b')
})

test('max_fallbacks of a request counts its hops', async t => {
  const theatre = await play(t, {
    stages,
    start: steady().start,
    config: ({ stage }) => ({
      model_list: groups(stage, ['a', 'b', 'c']),
      router_settings: { num_retries: 0, max_fallbacks: 1, fallbacks: [{ a: ['b'] }, { b: ['c'] }] },
    }),
  })
  const { stage } = theatre.stages
  for (const [hops, expected] of [
    [0, ['a']],
    [1, ['a', 'b']],
    [2, ['a', 'b', 'c']],
    [undefined, ['a', 'b']],
  ] as const) {
    stage.clear()
    for (const model of ['a', 'b']) failing(stage, model, 500)
    await theatre.ask(CHAT, chat('a', hops === undefined ? {} : { max_fallbacks: hops }))
    assert.deepEqual(asked(stage), expected, `${hops}`)
  }
})

test('a fallback that could not be asked is told with its reason', async t => {
  const theatre = await play(t, {
    stages,
    start: steady().start,
    config: ({ stage }) => ({
      model_list: [
        ...groups(stage, ['a']),
        { ...deployment('voice', stage, 'voice'), model_info: { mode: 'audio_speech' } },
      ],
      router_settings: { num_retries: 0 },
    }),
  })
  failing(theatre.stages.stage, 'a', 500)
  const said = async (fallbacks: Json) =>
    String(errorOf(await theatre.ask(CHAT, chat('a', { fallbacks }))).message)
  assert.match(
    await said(['nobody']),
    /Fallbacks=\['nobody'\]\nError doing the fallback: no group is named nobody\.$/,
  )
  assert.match(
    await said(['nobody', 'voice']),
    /fallback: no group is named nobody; voice does not serve chat\.completions\.$/,
  )
})

test('an unknown name is served under the name of the default fallback that serves it', async t => {
  const theatre = await play(t, {
    stages,
    start: steady().start,
    config: ({ stage }) => ({
      model_list: groups(stage, ['a', 'b']),
      router_settings: { num_retries: 0, default_fallbacks: ['a', 'b'] },
    }),
  })
  const { stage } = theatre.stages
  const reply = await theatre.ask(CHAT, chat('gpt-of-tomorrow'))
  assert.equal(reply.status, 200)
  assert.deepEqual([reply.json().model, reply.headers['x-litellm-model-group']], ['a', 'a'])
  failing(stage, 'a', 500)
  const next = await theatre.ask(CHAT, chat('gpt-of-tomorrow'))
  assert.deepEqual([next.json().model, next.headers['x-litellm-model-group']], ['b', 'b'])
})

test('M-136 a bare name that a provider’s wildcard serves falls back as the wildcard does', async t => {
  const theatre = await play(t, {
    stages,
    start: steady().start,
    config: ({ stage }) => ({
      model_list: [deployment('openai/*', stage, '*'), deployment('b', stage, 'b')],
      router_settings: { num_retries: 0, fallbacks: [{ 'openai/*': ['b'] }] },
    }),
  })
  const { stage } = theatre.stages
  for (const [path, make] of Object.entries(DOORS))
    for (const name of ['openai/gpt-4.1', 'gpt-4.1']) {
      stage.clear()
      failing(stage, 'gpt-4.1', 500)
      const reply = await theatre.ask(path, make(name))
      assert.equal(reply.status, 200, `${path} ${name}`)
      assert.deepEqual(asked(stage), ['gpt-4.1', 'b'])
    }
})

test('metadata that held nothing but words for the gateway goes nowhere', async t => {
  const theatre = await play(t, {
    stages,
    start: steady().start,
    config: ({ stage }) => ({
      model_list: groups(stage, ['a']),
      router_settings: { num_retries: 0, learn_unsupported_params: false },
    }),
  })
  const { stage } = theatre.stages
  const words = { tags: ['x'], disable_fallbacks: true, guardrails: ['g'] }
  // A strict provider: this endpoint has no metadata at all.
  const compacted = await theatre.ask(COMPACT, response('a', { metadata: words }))
  assert.equal(compacted.status, 200)
  assert.deepEqual(stage.requests.at(-1)?.json, response('a'))
  for (const [metadata, left] of [
    [{ ...words, mine: 'y' }, { mine: 'y' }],
    [{}, {}],
  ] as const) {
    await theatre.ask(CHAT, chat('a', { metadata, store: true }))
    assert.deepEqual(stage.requests.at(-1)?.json, chat('a', { metadata: left, store: true }))
  }
})

test('tags as a text are tags, and anything else is refused before a deployment is picked', async t => {
  const theatre = await play(t, {
    stages,
    start: steady().start,
    config: ({ stage }) => ({
      model_list: [
        deployment('a', stage, 'free', { tags: ['free'] }),
        deployment('a', stage, 'paid', { tags: ['paid'] }),
      ],
      router_settings: { enable_tag_filtering: true, num_retries: 0 },
    }),
  })
  const { stage } = theatre.stages
  for (const tags of ['paid', 'paid, other', '["paid"]', ['paid']] as const) {
    stage.clear()
    assert.equal((await theatre.ask(CHAT, chat('a', { tags: tags as Json }))).status, 200)
    assert.deepEqual(asked(stage), ['paid'], JSON.stringify(tags))
  }
  stage.clear()
  for (const tags of [7, { paid: true }, ['paid', 7]] as const) {
    const reply = await theatre.ask(CHAT, chat('a', { tags: tags as Json }))
    assert.equal(reply.status, 400, JSON.stringify(tags))
    assert.equal(errorOf(reply).param, 'tags')
  }
  assert.equal(stage.requests.length, 0)
})

test('a control with a wrong value is refused by the name it was written under', async t => {
  const theatre = await play(t, {
    stages,
    config: ({ stage }) => ({ model_list: groups(stage, ['a']) }),
  })
  for (const [name, value] of [
    ['x-litellm-timeout', 'soon'],
    ['x-litellm-stream-timeout', '-1'],
    ['x-litellm-num-retries', '1.5'],
  ] as const) {
    const reply = await theatre.ask(CHAT, chat('a'), keyed([name, value]))
    assert.equal(reply.status, 400, name)
    assert.equal(errorOf(reply).param, name)
    assert.ok(String(errorOf(reply).message).startsWith(`${name}: must be a `))
  }
  for (const [name, value] of [
    ['timeout', 'soon'],
    ['request_timeout', {}],
    ['stream_timeout', []],
    ['num_retries', 0.5],
    ['max_fallbacks', -1],
  ] as const) {
    const reply = await theatre.ask(CHAT, chat('a', { [name]: value as Json }))
    assert.equal(reply.status, 400, name)
    assert.equal(errorOf(reply).param, name)
  }
  assert.equal(theatre.stages.stage.requests.length, 0)
})
