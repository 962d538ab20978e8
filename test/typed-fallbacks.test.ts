import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { JsonObject } from '../src/wire/json.ts'
import { atRest, type Engine, type Outcome, type Reply, startEngine } from './support/engine.ts'
import { deployment, play } from './support/harness.ts'
import { asked, chat, failing, response, steady } from './support/steady.ts'

/** A prompt that does not fit: who is asked next, who is known to be too small, and what the client reads. */

type Windows = Readonly<Record<string, number | undefined>>

/** Each group has one deployment, its model's name is the group's, and its window is what the operator wrote. */
const fileOf = (windows: Windows, settings: JsonObject): string =>
  JSON.stringify({
    model_list: Object.entries(windows).map(([name, window]) => ({
      model_name: name,
      litellm_params: { model: `openai/${name}`, api_base: `https://${name}.test/v1`, api_key: 'k' },
      model_info: { id: name, ...(window === undefined ? {} : { max_input_tokens: window }) },
    })),
    router_settings: { num_retries: 0, ...settings },
  })

const tooLong = (message: string): Reply => ({
  status: 400,
  error: { message, type: 'invalid_request_error', param: null, code: 'context_length_exceeded' },
})
const WORDLESS = tooLong('Input is too long for requested model.')
const LISTED = { context_window_fallbacks: [{ a: ['b', 'c', 'd'] }] }
const skippedOf = ({ settled }: Outcome): readonly string[] => settled.trail.skipped
const sentTo = (engine: Engine): readonly string[] => engine.sent.map(one => one.model)

const failureOf = ({ settled }: Outcome) =>
  settled.kind === 'failed' ? settled.failure : assert.fail('it was answered')

const refused = (outcome: Outcome): void => {
  const { status, code, type } = failureOf(outcome)
  assert.deepEqual([status, code, type], [400, 'context_length_exceeded', 'invalid_request_error'])
}

describe('targets that are known to be too small', () => {
  const script =
    (first: Reply) =>
    ({ model }: { readonly model: string }): Reply =>
      model === 'a' ? first : {}

  test("the provider's own count decides, and nothing is sent to who could not take it", async () => {
    const file = fileOf({ a: 8000, b: 8500, c: undefined, d: 100_000 }, LISTED)
    const said = 'prompt is too long: 9000 tokens > 8000 maximum'
    const engine = await startEngine(file, { script: script(tooLong(said)) })
    const outcome = await engine.play('a')
    assert.equal(outcome.status, 200)
    // What is not known is asked.
    assert.deepEqual(sentTo(engine), ['a', 'c'])
    assert.deepEqual(skippedOf(outcome), [
      'b is too small: 9000 tokens, as its provider counted, do not fit into 8500',
    ])
    assert.equal(outcome.settled.trail.fallbacks, 1)
    atRest(engine)
  })

  test('a window that just fits is asked', async () => {
    const file = fileOf({ a: 8000, b: 9000 }, { context_window_fallbacks: [{ a: ['b'] }] })
    const engine = await startEngine(file, { script: script(tooLong('prompt is too long: 9000 tokens')) })
    assert.equal((await engine.play('a')).status, 200)
    assert.deepEqual(sentTo(engine), ['a', 'b'])
  })

  test('what was asked for the completion is no part of the prompt', async () => {
    const file = fileOf({ a: 8000, b: 8000 }, { context_window_fallbacks: [{ a: ['b'] }] })
    const engine = await startEngine(file, { script: script(tooLong('you requested 9000 tokens.')) })
    assert.equal((await engine.play('a')).status, 400)
    assert.equal((await engine.play('a', { body: { max_tokens: 1000 } })).status, 200)
    assert.deepEqual(sentTo(engine), ['a', 'a', 'b'])
  })

  test('where no provider says a number, the text is counted, and pictures are no text', async () => {
    const file = fileOf({ a: 10, b: 200, c: 400 }, { context_window_fallbacks: [{ a: ['b', 'c'] }] })
    const engine = await startEngine(file, { script: script(WORDLESS) })
    const words = 'word '.repeat(300)
    const outcome = await engine.play('a', { body: { messages: [{ role: 'user', content: words }] } })
    assert.deepEqual(sentTo(engine), ['a', 'c'])
    assert.match(
      skippedOf(outcome)[0] ?? '',
      /^b is too small: 30\d tokens, counted here, do not fit into 200$/,
    )
    const url = `data:image/png;base64,${'iVBORw0K'.repeat(4000)}`
    const picture = [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is it?' },
          { type: 'image_url', image_url: { url } },
          { type: 'input_file', file_data: 'iVBORw0K'.repeat(4000) },
        ],
      },
    ]
    engine.sent.length = 0
    assert.equal((await engine.play('a', { body: { messages: picture } })).status, 200)
    assert.deepEqual(sentTo(engine), ['a', 'b'])
  })

  test('the general list is looked at the same way where it takes the place of the typed one', async () => {
    const file = fileOf({ a: 8000, b: 8500, c: 10_000 }, { fallbacks: [{ a: ['b', 'c'] }] })
    const engine = await startEngine(file, { script: script(tooLong('prompt is too long: 9000 tokens')) })
    assert.equal((await engine.play('a')).status, 200)
    assert.deepEqual(sentTo(engine), ['a', 'c'])
  })

  test('a failure of another kind passes over nobody', async () => {
    const file = fileOf({ a: 8000, b: 1 }, { fallbacks: [{ a: ['b'] }] })
    const engine = await startEngine(file, { script: script({ status: 500 }) })
    assert.equal((await engine.play('a')).status, 200)
    assert.deepEqual(sentTo(engine), ['a', 'b'])
  })

  test('what one group has said holds for the rest of the way, whatever fails next', async () => {
    const file = fileOf(
      { a: undefined, b: undefined, c: 8500, d: 10_000 },
      { context_window_fallbacks: [{ a: ['b'] }], fallbacks: [{ b: ['c', 'd'] }] },
    )
    const engine = await startEngine(file, {
      script: ({ model }) =>
        model === 'a' ? tooLong('prompt is too long: 9000 tokens') : model === 'b' ? { status: 500 } : {},
    })
    assert.equal((await engine.play('a')).status, 200)
    assert.deepEqual(sentTo(engine), ['a', 'b', 'd'])
  })

  test('a group keeps its deployments that are large enough', async () => {
    const file = `${JSON.stringify({
      model_list: [
        ['a', 'a', 8000],
        ['wide', 'w1', 8500],
        ['wide', 'w2', 20_000],
      ].map(([group, id, window]) => ({
        model_name: group,
        litellm_params: { model: `openai/${id}`, api_base: `https://${id}.test/v1`, api_key: 'k' },
        model_info: { id, max_input_tokens: window },
      })),
      router_settings: { num_retries: 0, context_window_fallbacks: [{ a: ['wide'] }] },
    })}`
    const engine = await startEngine(file, { script: script(tooLong('prompt is too long: 9000 tokens')) })
    for (let round = 0; round < 10; round += 1) assert.equal((await engine.play('a')).status, 200)
    assert.ok(!sentTo(engine).includes('w1'))
  })

  test('a fallback that brings a prompt of its own is another request', async () => {
    const target = { model: 'b', messages: [{ role: 'user', content: 'Short.' }] }
    const file = fileOf({ a: 8000, b: 100 }, { context_window_fallbacks: [{ a: [target] }] })
    const engine = await startEngine(file, { script: script(tooLong('prompt is too long: 9000 tokens')) })
    assert.equal((await engine.play('a')).status, 200)
  })

  test('when every target is too small the client reads the word that agents act on, and one request was sent', async () => {
    for (const said of [tooLong('prompt is too long: 9000 tokens > 10 maximum'), WORDLESS]) {
      const engine = await startEngine(fileOf({ a: 1, b: 2, c: 3, d: 2 }, LISTED), { script: script(said) })
      const messages = [{ role: 'user', content: 'A few words more than three.' }]
      const outcome = await engine.play('a', { body: { messages } })
      refused(outcome)
      assert.deepEqual(sentTo(engine), ['a'])
      assert.equal(skippedOf(outcome).length, 3)
      atRest(engine)
    }
  })

  test('a check before the first attempt counts as well: nothing at all is sent', async () => {
    const file = fileOf({ a: 1, b: 2, c: 3, d: 2 }, { ...LISTED, enable_pre_call_checks: true })
    const engine = await startEngine(file)
    refused(await engine.play('a'))
    assert.deepEqual(sentTo(engine), [])
  })
})

const stages = { stage: { models: ['*'] } }
const CHAT = '/v1/chat/completions'

test('too small everywhere: the same error on every endpoint with a prompt, streamed or not, with and without the account', async t => {
  for (const exposed of [true, false]) {
    const on = await play(t, {
      stages,
      start: steady().start,
      config: ({ stage }) => ({
        model_list: ['a', 'b', 'c'].map((name, place) => ({
          ...deployment(name, stage, name),
          ...(name === 'c' ? {} : { model_info: { max_input_tokens: 8000 + place } }),
        })),
        router_settings: { num_retries: 0, context_window_fallbacks: [{ a: ['b', 'c'] }] },
        litellm_settings: { expose_router_debug_in_errors: exposed },
      }),
    })
    const { stage } = on.stages
    const requests: readonly (readonly [string, JsonObject])[] = [
      [CHAT, chat('a')],
      [CHAT, chat('a', { stream: true })],
      ['/v1/responses', response('a')],
      ['/v1/responses', response('a', { stream: true })],
      ['/v1/responses/compact', response('a')],
      ['/v1/completions', { model: 'a', prompt: 'Line, please.' }],
    ]
    for (const [path, body] of requests) {
      stage.clear()
      const fails = (model: string, message: string): void =>
        failing(stage, model, 400, { body: { error: { message, type: null, param: null, code: null } } })
      fails('a', 'The input token count (9000) exceeds the maximum number of tokens allowed (8000).')
      fails('c', 'Input is too long for requested model.')
      const reply = await on.ask(path, body)
      const error = reply.json().error as JsonObject
      assert.deepEqual(
        [reply.status, error.code, error.type],
        [400, 'context_length_exceeded', 'invalid_request_error'],
        path,
      )
      assert.deepEqual(asked(stage), ['a', 'c'], path)
      assert.equal(String(error.message).includes('Available Model Group Fallbacks'), exposed)
    }
  }
})
