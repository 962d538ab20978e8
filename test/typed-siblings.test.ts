import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { JsonObject } from '../src/wire/json.ts'
import { atRest, type Engine, type Outcome, type Reply, startEngine } from './support/engine.ts'
import { deployment, play } from './support/harness.ts'
import { asked, chat, failing, message, response, steady } from './support/steady.ts'

/** A prompt that does not fit one deployment of a group: which of its siblings is asked, and who is not. */

type Member = { readonly window?: number; readonly order?: number; readonly group?: string }

/** Deployments by their models' names, group `a` unless they say another one. */
const fileOf = (members: Readonly<Record<string, Member>>, settings: JsonObject = {}): string =>
  JSON.stringify({
    model_list: Object.entries(members).map(([name, { window, order, group = 'a' }]) => ({
      model_name: group,
      litellm_params: {
        model: `openai/${name}`,
        api_base: `https://${name}.test/v1`,
        api_key: 'k',
        ...(order === undefined ? {} : { order }),
      },
      model_info: { id: name, ...(window === undefined ? {} : { max_input_tokens: window }) },
    })),
    router_settings: settings,
  })

const tooLong = (text: string): Reply => ({
  status: 400,
  error: { message: text, type: 'invalid_request_error', param: null, code: 'context_length_exceeded' },
})
const SAID = tooLong('prompt is too long: 9000 tokens > 8000 maximum')
const WORDLESS = tooLong('Input is too long for requested model.')

/** These models refuse the prompt, or do what is written for them; the others answer. The first of a level is asked first. */
const start = (source: string, replies: Readonly<Record<string, Reply>>): Promise<Engine> =>
  startEngine(source, { script: ({ model }) => replies[model] ?? {}, roll: () => 0 })

const sentTo = (engine: Engine): readonly string[] => engine.sent.map(one => one.model)
const failureOf = ({ settled }: Outcome) =>
  settled.kind === 'failed' ? settled.failure : assert.fail('it was answered')
const refused = (outcome: Outcome): void => {
  const { status, code, type } = failureOf(outcome)
  assert.deepEqual([status, code, type], [400, 'context_length_exceeded', 'invalid_request_error'])
}

const SMALL = { window: 8000 }
const WIDE = { window: 100_000 }

describe('a sibling that says that the prompt fits', () => {
  test('is asked, and the fallbacks are not', async () => {
    const source = fileOf(
      { m: SMALL, n: WIDE, o: { group: 'b' } },
      { context_window_fallbacks: [{ a: ['b'] }] },
    )
    const engine = await start(source, { m: SAID })
    const outcome = await engine.play('a')
    assert.deepEqual([outcome.status, sentTo(engine), outcome.at], [200, ['m', 'n'], 0])
    const { steps, retries, fallbacks } = outcome.settled.trail
    assert.deepEqual([retries, fallbacks, steps[0]?.next], [1, 0, 'retry: context_window'])
    assert.equal(engine.board.cooling('m'), undefined)
    atRest(engine)
  })

  test('also where nothing is known of the one that has refused', async () => {
    const engine = await start(fileOf({ m: {}, n: WIDE }), { m: SAID })
    assert.equal((await engine.play('a')).status, 200)
    assert.deepEqual(sentTo(engine), ['m', 'n'])
  })

  test('also where the provider names no number: then the text is counted', async () => {
    const words = { messages: [{ role: 'user', content: 'word '.repeat(300) }] }
    for (const [window, sent] of [
      [200, ['m']],
      [400, ['m', 'n']],
    ] as const) {
      const engine = await start(fileOf({ m: { window: 10 }, n: { window } }), { m: WORDLESS })
      await engine.play('a', { body: words })
      assert.deepEqual(sentTo(engine), sent)
    }
  })

  test('on whatever order level it is, and levels without one are passed over', async () => {
    const members = {
      m: { ...SMALL, order: 1 },
      n: { order: 2 },
      o: { window: 8500, order: 3 },
      p: { ...WIDE, order: 4 },
    }
    for (const num_retries of [0, 2]) {
      const engine = await start(fileOf(members, { num_retries }), { m: SAID })
      const outcome = await engine.play('a')
      assert.deepEqual([outcome.status, sentTo(engine)], [200, ['m', 'p']])
      assert.equal(outcome.settled.trail.steps[0]?.next, 'next order: context_window')
      atRest(engine)
    }
  })

  test('and a larger one after it, when it is too small after all', async () => {
    const members = { m: SMALL, n: { window: 9500 }, o: { window: 9400 }, p: { window: 20_000 } }
    const engine = await start(fileOf(members, { num_retries: 5 }), { m: SAID, n: SAID })
    assert.equal((await engine.play('a')).status, 200)
    assert.deepEqual(sentTo(engine), ['m', 'n', 'p'])
  })

  test('on the level behind a check that sent nothing', async () => {
    const members = { m: { window: 10, order: 1 }, n: { order: 2 }, o: { ...WIDE, order: 3 } }
    const engine = await start(fileOf(members, { enable_pre_call_checks: true }), {})
    const body = { messages: [{ role: 'user', content: 'word '.repeat(300) }] }
    assert.equal((await engine.play('a', { body })).status, 200)
    assert.deepEqual(sentTo(engine), ['o'])
  })
})

describe('nobody else of the group is asked', () => {
  const LISTED = { context_window_fallbacks: [{ a: ['b'] }] }
  const B = { z: { group: 'b' } }

  for (const [name, members, reply] of [
    ['who says nothing of its window', { m: SMALL, n: {} }, SAID],
    ['whose window is smaller than the prompt', { m: SMALL, n: { window: 8500 } }, SAID],
    ['whose window is no larger than the one that was too small', { m: WIDE, n: WIDE }, WORDLESS],
  ] as const)
    test(name, async () => {
      const engine = await start(fileOf({ ...members, ...B }, LISTED), { m: reply })
      assert.equal((await engine.play('a')).status, 200)
      assert.deepEqual(sentTo(engine), ['m', 'z'])
      const alone = await start(fileOf(members), { m: reply })
      refused(await alone.play('a'))
      assert.deepEqual(sentTo(alone), ['m'])
      atRest(alone)
    })

  test('when the attempts of the level are used up', async () => {
    const engine = await start(fileOf({ m: SMALL, n: WIDE, ...B }, { ...LISTED, num_retries: 0 }), {
      m: SAID,
    })
    assert.equal((await engine.play('a')).status, 200)
    assert.deepEqual(sentTo(engine), ['m', 'z'])
  })

  test('also when the larger one fails in another way: it may be asked again, and then the typed list follows', async () => {
    const engine = await start(fileOf({ m: SMALL, n: WIDE, o: {}, ...B }, LISTED), {
      m: SAID,
      n: { status: 500 },
    })
    assert.equal((await engine.play('a')).status, 200)
    assert.deepEqual(sentTo(engine), ['m', 'n', 'n', 'z'])
    atRest(engine)
  })

  test('where the typed list has nobody the failure of the larger one is told, and its own list followed', async () => {
    const members = { m: SMALL, n: WIDE }
    const replies = { m: SAID, n: { status: 429, headers: { 'retry-after': '600' } } }
    const alone = await start(fileOf(members), replies)
    assert.equal((await alone.play('a')).status, 429)
    const typed = { context_window_fallbacks: [{ x: ['b'] }], fallbacks: [{ a: ['b'] }] }
    const engine = await start(fileOf({ ...members, ...B }, typed), replies)
    assert.equal((await engine.play('a')).status, 200)
    assert.deepEqual(sentTo(engine), ['m', 'n', 'z'])
  })

  test('a refusal for the content is not routed around on the way of the length', async () => {
    const engine = await start(fileOf({ m: SMALL, n: WIDE, ...B }, LISTED), {
      m: SAID,
      n: {
        status: 400,
        error: { message: 'No.', type: null, param: null, code: 'content_policy_violation' },
      },
    })
    assert.equal((await engine.play('a')).status, 400)
    assert.deepEqual(sentTo(engine), ['m', 'n'])
  })

  test('when all are too small the client reads the word that agents act on', async () => {
    const engine = await start(fileOf({ m: SMALL, n: WIDE, ...B }, LISTED), { m: SAID, n: SAID, z: SAID })
    refused(await engine.play('a'))
    assert.deepEqual(sentTo(engine), ['m', 'n', 'z'])
    atRest(engine)
  })

  test('a retry_policy is obeyed to the letter', async () => {
    const engine = await start(fileOf({ m: SMALL, n: {} }, { retry_policy: { BadRequestErrorRetries: 1 } }), {
      m: SAID,
    })
    assert.equal((await engine.play('a')).status, 200)
    assert.deepEqual(sentTo(engine), ['m', 'n'])
  })

  test('nor is it hedged with', async () => {
    const members = { m: { ...SMALL, order: 1 }, n: { ...WIDE, order: 2 }, o: { order: 2 } }
    const source = fileOf(members, { num_retries: 0, hedge: { a: { after: 1, max_percent: 100 } } })
    const engine = await start(source, { m: SAID, n: { afterMs: 5000 } })
    assert.equal((await engine.play('a')).status, 200)
    assert.deepEqual(sentTo(engine), ['m', 'n'])
    atRest(engine)
  })
})

test('over sockets: the larger sibling answers on every endpoint with a prompt, streamed or not', async t => {
  const on = await play(t, {
    stages: { stage: { models: ['*'] } },
    start: steady().start,
    config: ({ stage }) => ({
      model_list: [
        { ...deployment('a', stage, 'small'), model_info: { max_input_tokens: 8000 } },
        { ...deployment('a', stage, 'unknown') },
        { ...deployment('a', stage, 'large'), model_info: { max_input_tokens: 20_000 } },
      ],
    }),
  })
  const { stage } = on.stages
  const requests: readonly (readonly [string, JsonObject])[] = [
    ['/v1/chat/completions', chat('a')],
    ['/v1/chat/completions', chat('a', { stream: true })],
    ['/v1/responses', response('a')],
    ['/v1/responses', response('a', { stream: true })],
    ['/v1/responses/compact', response('a')],
    ['/v1/completions', { model: 'a', prompt: 'Line, please.' }],
    ['/v1/messages', message('a')],
    ['/v1/messages', message('a', { stream: true })],
  ]
  for (const [path, body] of requests) {
    stage.clear()
    failing(stage, 'small', 400, {
      body: {
        error: {
          message: 'The input token count (9000) exceeds the maximum number of tokens allowed (8000).',
          type: null,
          param: null,
          code: null,
        },
      },
    })
    const reply = await on.ask(path, body)
    assert.equal(reply.status, 200, path)
    assert.deepEqual(asked(stage), ['small', 'large'], path)
  }
})
