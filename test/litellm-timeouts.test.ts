import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../src/wire/json.ts'
import { deployment, MASTER_KEY, type Play, play, type StageSet } from './support/harness.ts'
import { asked, chat, response, steady } from './support/steady.ts'

/** timeout and stream_timeout: who may set them, which one counts, and whose fault it is when they run out. */

const stages = { stage: { models: ['*'] } }
const CHAT = '/v1/chat/completions'
const silence = { kind: 'stall', when: 'before-headers' } as const
const messageOf = (reply: { json: () => JsonObject }): string =>
  String((reply.json().error as JsonObject).message)
const keyed = (...more: readonly (readonly [string, string])[]) => ({
  headers: [['authorization', `Bearer ${MASTER_KEY}`] as const, ...more],
})

type Asking = { readonly body?: JsonObject; readonly header?: readonly [string, string] }

/** The limit in force, in seconds, as the error tells it. */
const limitOf = async (
  theatre: Play<StageSet>,
  group: string,
  { body = {}, header }: Asking,
): Promise<string> => {
  const { stage } = theatre.stages
  stage?.script([silence])
  const more = header === undefined ? {} : keyed(header)
  const reply = await theatre.ask(CHAT, chat(group, { num_retries: 0, ...body }), more)
  assert.equal(reply.status, 408)
  const limit = reply.headers['x-litellm-timeout'] ?? 'none'
  assert.match(
    messageOf(reply),
    new RegExp(
      `^litellm\\.Timeout: APITimeoutError - Request timed out\\. Error_str: Request timed out\\. - timeout value=${limit}, time taken=\\d+\\.\\d+ seconds\\n\\nDeployment Info: request_timeout: (None|[\\d.]+)\\ntimeout: (None|[\\d.]+)\\. Received`,
    ),
  )
  return limit
}

test('timeout: header over body over deployment over router over request_timeout', async t => {
  const config = (router: JsonObject) => (named: { stage: Parameters<typeof deployment>[1] }) => ({
    model_list: [
      deployment('plain', named.stage, 'm'),
      deployment('own', named.stage, 'm', { timeout: 0.03 }),
      deployment('older', named.stage, 'm', { request_timeout: 0.035 }),
    ],
    litellm_settings: { request_timeout: 0.02 },
    router_settings: router,
  })
  const bare = await play(t, { stages, start: steady().start, config: config({}) })
  assert.equal(await limitOf(bare, 'plain', {}), '0.02')
  await bare.close()
  const theatre = await play(t, { stages, start: steady().start, config: config({ timeout: 0.025 }) })
  assert.equal(await limitOf(theatre, 'plain', {}), '0.025')
  assert.equal(await limitOf(theatre, 'own', {}), '0.03')
  assert.equal(await limitOf(theatre, 'older', {}), '0.035')
  assert.equal(await limitOf(theatre, 'own', { body: { timeout: 0.04 } }), '0.04')
  assert.equal(await limitOf(theatre, 'own', { body: { request_timeout: 0.045 } }), '0.045')
  assert.equal(
    await limitOf(theatre, 'own', { body: { timeout: 0.04 }, header: ['x-litellm-timeout', '0.05'] }),
    '0.05',
  )
})

test('M-091 stream_timeout: header over body over deployment over router, then the timeout', async t => {
  const config = (router: JsonObject) => (named: { stage: Parameters<typeof deployment>[1] }) => ({
    model_list: [
      deployment('plain', named.stage, 'm'),
      deployment('own', named.stage, 'm', { timeout: 0.03, stream_timeout: 0.035 }),
      deployment('long', named.stage, 'm', { timeout: 0.06 }),
    ],
    router_settings: { timeout: 0.02, ...router },
  })
  const stream: JsonObject = { stream: true }
  const bare = await play(t, { stages, start: steady().start, config: config({}) })
  assert.equal(await limitOf(bare, 'plain', { body: stream }), '0.02')
  assert.equal(await limitOf(bare, 'long', { body: stream }), '0.06')
  assert.equal(await limitOf(bare, 'long', { body: { ...stream, timeout: 0.04 } }), '0.04')
  await bare.close()
  const theatre = await play(t, { stages, start: steady().start, config: config({ stream_timeout: 0.025 }) })
  assert.equal(await limitOf(theatre, 'plain', { body: stream }), '0.025')
  assert.equal(await limitOf(theatre, 'plain', {}), '0.02', 'not a stream')
  assert.equal(await limitOf(theatre, 'own', { body: stream }), '0.035')
  assert.equal(await limitOf(theatre, 'own', { body: { ...stream, stream_timeout: 0.04 } }), '0.04')
  assert.equal(
    await limitOf(theatre, 'own', {
      body: { ...stream, stream_timeout: 0.04 },
      header: ['x-litellm-stream-timeout', '0.045'],
    }),
    '0.045',
  )
})

test('M-089 M-092 every phase before the first content is limited, and the time that ran out leads on to the fallback', async t => {
  const theatre = await play(t, {
    stages,
    start: steady().start,
    config: ({ stage }) => ({
      model_list: [deployment('star', stage, 'm', { timeout: 0.06 }), deployment('second', stage, 'ok')],
      router_settings: { num_retries: 2, fallbacks: [{ star: ['second'] }] },
    }),
  })
  const { stage } = theatre.stages
  for (const when of ['before-headers', 'before-first-event', 'after-lifecycle'] as const)
    for (const [path, body] of [
      [CHAT, chat],
      ['/v1/responses', response],
    ] as const)
      for (const stream of [true, false]) {
        if (!stream && when !== 'before-headers') continue
        stage.clear()
        stage.script([{ kind: 'stall', when }], { model: 'm' })
        const started = performance.now()
        const reply = await theatre.ask(path, body('star', { stream }))
        assert.equal(reply.status, 200, `${when} ${path} ${stream}`)
        // A deployment that was silent is not asked again: the next one is another.
        assert.deepEqual(asked(stage), ['m', 'ok'])
        assert.ok(performance.now() - started < 1000)
      }
})

test('M-089 a body that trickles for ever is over when the timeout is', async t => {
  const theatre = await play(t, {
    stages,
    start: steady().start,
    config: ({ stage }) => ({
      model_list: [deployment('star', stage, 'm', { timeout: 0.06 }), deployment('second', stage, 'ok')],
      router_settings: { num_retries: 0, fallbacks: [{ star: ['second'] }] },
    }),
  })
  const { stage } = theatre.stages
  stage.script([{ kind: 'stall', when: 'mid-stream' }], { model: 'm' })
  assert.equal((await theatre.ask(CHAT, chat('star'))).status, 200)
  assert.deepEqual(asked(stage), ['m', 'ok'])
})

test("M-058 a caller's own short timeout never rests a deployment; the operator's does", async t => {
  const house = steady()
  const theatre = await play(t, {
    stages,
    start: house.start,
    config: ({ stage }) => ({
      model_list: [
        deployment('star', stage, 'm', { timeout: 1, order: 1 }),
        deployment('star', stage, 'm2', { order: 2 }),
      ],
      router_settings: { num_retries: 0, allowed_fails: 0, cooldown_time: 60 },
    }),
  })
  const { stage } = theatre.stages
  const resting = () =>
    house
      .served()
      .house.board.snapshot()
      .filter(one => one.cooling !== undefined).length
  for (const stream of [false, true])
    for (let round = 0; round < 5; round += 1) {
      stage.clear()
      stage.script([silence, silence])
      const reply = await theatre.ask(
        CHAT,
        chat('star', { stream }),
        keyed([stream ? 'x-litellm-stream-timeout' : 'x-litellm-timeout', '0.02']),
      )
      assert.equal(reply.status, 408)
      assert.equal(resting(), 0)
    }
  stage.clear()
  assert.equal((await theatre.ask(CHAT, chat('star'))).status, 200)
  assert.deepEqual(asked(stage), ['m'])
  // A client that leaves is no failure either.
  stage.script([silence], { model: 'm' })
  const client = await theatre.send({ path: CHAT, body: chat('star') })
  const hit = await stage.waitForRequest(2)
  client.leave()
  await hit.closedByPeer
  assert.equal(resting(), 0)
  stage.clear()
  stage.script([silence], { model: 'm' })
  assert.equal((await theatre.ask(CHAT, chat('star'))).status, 200)
  assert.equal(resting(), 1)
  await theatre.ask(CHAT, chat('star'))
  assert.deepEqual(asked(stage), ['m', 'm2', 'm2'])
})

test('a timeout is not retried at the same deployment unless TimeoutErrorRetries says so', async t => {
  for (const [policy, retries] of [
    [{}, '0'],
    [{ retry_policy: { TimeoutErrorRetries: 2 } }, '2'],
  ] as const) {
    const theatre = await play(t, {
      stages,
      start: steady().start,
      config: ({ stage }) => ({
        model_list: [deployment('star', stage, 'm', { timeout: 0.03 })],
        router_settings: { num_retries: 2, ...policy },
      }),
    })
    const { stage } = theatre.stages
    stage.script([silence, silence, silence, silence])
    const reply = await theatre.ask(CHAT, chat('star'))
    assert.equal(reply.status, 408)
    // An attempt may be over before the stage has read of it.
    assert.equal(reply.headers['x-litellm-attempted-retries'], retries)
    await theatre.close()
  }
})

test('nonsense for a limit is refused before anything is sent', async t => {
  const theatre = await play(t, {
    stages,
    config: ({ stage }) => ({ model_list: [deployment('star', stage, 'm')] }),
  })
  const { stage } = theatre.stages
  for (const [param, value] of [
    ['timeout', 'soon'],
    ['timeout', -1],
    ['stream_timeout', []],
    ['num_retries', 'NaN'],
  ] as const) {
    const reply = await theatre.ask(CHAT, chat('star', { [param]: value }))
    assert.equal(reply.status, 400)
    assert.equal((reply.json().error as JsonObject).param, param)
  }
  assert.equal((await theatre.ask(CHAT, chat('star'), keyed(['x-litellm-timeout', 'soon']))).status, 400)
  assert.equal(stage.requests.length, 0)
})

test('a limit of 0 sets none: the next place holds, in the file as in the request', async t => {
  const config =
    (own: JsonObject, router: JsonObject) => (named: { stage: Parameters<typeof deployment>[1] }) => ({
      model_list: [deployment('own', named.stage, 'm', own)],
      router_settings: router,
    })
  const zeros = { timeout: 0, request_timeout: 0, stream_timeout: 0 }
  const theatre = await play(t, { stages, start: steady().start, config: config(zeros, { timeout: 0.03 }) })
  assert.equal(await limitOf(theatre, 'own', {}), '0.03')
  assert.equal(await limitOf(theatre, 'own', { body: { stream: true } }), '0.03')
  assert.equal(await limitOf(theatre, 'own', { body: { timeout: 0 } }), '0.03')
  assert.equal(await limitOf(theatre, 'own', { body: { timeout: 0, request_timeout: 0.04 } }), '0.04')
  assert.equal(
    await limitOf(theatre, 'own', { body: { timeout: 0.04 }, header: ['x-litellm-timeout', '0'] }),
    '0.04',
  )
  await theatre.close()
  const none = await play(t, {
    stages,
    start: steady().start,
    config: named => ({
      ...config(zeros, { timeout: 0, stream_timeout: 0 })(named),
      litellm_settings: { request_timeout: 0 },
    }),
  })
  for (const stream of [false, true])
    for (const path of [CHAT, '/v1/responses']) {
      const make = path === CHAT ? chat : response
      assert.equal(
        (await none.ask(path, make('own', { stream, timeout: 0 }))).status,
        200,
        `${path} ${stream}`,
      )
    }
})
