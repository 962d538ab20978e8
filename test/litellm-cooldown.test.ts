import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closedPort, type Stage } from '../src/stage/stage.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { deployment, play } from './support/harness.ts'
import { asked, chat, failing, message, response, type Steady, steady } from './support/steady.ts'

/** When a deployment rests, for how long, and what a client hears while all of a group do. Time is moved by hand. */

const stages = { stage: { models: ['*'] } }
const CHAT = '/v1/chat/completions'
const named = (stage: Stage, group: string, id: string, more: JsonObject = {}) => ({
  ...deployment(group, stage, id, more),
  model_info: { id },
})
const informed = (stage: Stage, group: string, id: string, info: JsonObject) => ({
  ...deployment(group, stage, id),
  model_info: { id, ...info },
})
const resting = (house: Steady): readonly string[] =>
  house
    .served()
    .house.board.snapshot()
    .flatMap(one => (one.cooling === undefined ? [] : [one.id]))
    .toSorted()
const errorOf = (reply: { json: () => JsonObject }): JsonObject => reply.json().error as JsonObject

test('M-064 a lone deployment is not rested by a blip: by default 5xx and 429 leave it in place', async t => {
  for (const settings of [{}, { allowed_fails: 3 }]) {
    const house = steady()
    const theatre = await play(t, {
      stages,
      start: house.start,
      config: ({ stage }) => ({
        model_list: [named(stage, 'star', 'm')],
        router_settings: { num_retries: 0, cooldown_time: 60, ...settings },
      }),
    })
    const { stage } = theatre.stages
    for (const status of [500, 503, 429, 500, 429, 500]) {
      stage.clear()
      failing(stage, 'm', status)
      assert.equal((await theatre.ask(CHAT, chat('star'))).status, status)
      assert.equal(stage.requests.length, 1)
    }
    assert.deepEqual(resting(house), [])
    stage.clear()
    assert.equal((await theatre.ask(CHAT, chat('star'))).status, 200)
    await theatre.close()
  }
})

for (const allowed of [0, 1, 4])
  test(`M-064 allowed_fails ${allowed}: one failure more rests even a lone deployment, for cooldown_time, then it is asked again`, async t => {
    const house = steady()
    const theatre = await play(t, {
      stages,
      start: house.start,
      config: ({ stage }) => ({
        model_list: [named(stage, 'star', 'm')],
        router_settings: { num_retries: 0, cooldown_time: 60, allowed_fails: allowed },
      }),
    })
    const { stage } = theatre.stages
    failing(stage, 'm', 500)
    for (let fails = 0; fails <= allowed; fails += 1) {
      assert.deepEqual(resting(house), [], `after ${fails} failures`)
      assert.equal((await theatre.ask(CHAT, chat('star'))).status, 500)
    }
    assert.deepEqual(resting(house), ['m'])
    stage.clear()
    house.pass(30_500)
    const reply = await theatre.ask(CHAT, chat('star'))
    assert.equal(reply.status, 429)
    assert.equal(stage.requests.length, 0)
    assert.equal(reply.headers['retry-after'], '30')
    assert.equal(errorOf(reply).type, 'throttling_error')
    assert.equal(errorOf(reply).code, '429')
    assert.match(
      String(errorOf(reply).message),
      /^No deployments available for selected model, Try again in 30 seconds\. All deployments for selected model are in cooldown\. Passed model=star\. pre-call-checks=False, cooldown_list=\['m'\]/,
    )
    house.pass(30_000)
    assert.equal((await theatre.ask(CHAT, chat('star'))).status, 200)
  })

test('M-041 all resting: every endpoint and stream hears 429 with the seconds until the earliest comes back', async t => {
  const house = steady()
  const theatre = await play(t, {
    stages,
    start: house.start,
    config: ({ stage }) => ({
      model_list: [named(stage, 'star', 'm1', { order: 1 }), named(stage, 'star', 'm2', { order: 1 })],
      router_settings: { num_retries: 2, cooldown_time: 5 },
    }),
  })
  const { stage } = theatre.stages
  failing(stage, 'm1', 429, { headers: { 'retry-after': '37' } })
  failing(stage, 'm2', 429, { headers: { 'retry-after': '90' } })
  const first = await theatre.ask(CHAT, chat('star'))
  assert.equal(first.status, 429)
  assert.deepEqual(resting(house), ['m1', 'm2'], "each provider's Retry-After is longer than cooldown_time")
  house.pass(10_000)
  stage.clear()
  const input = { model: 'star', input: 'x' }
  for (const [path, body] of [
    [CHAT, chat('star')],
    [CHAT, chat('star', { stream: true })],
    ['/v1/responses', response('star')],
    ['/v1/responses', response('star', { stream: true })],
    ['/v1/responses/compact', response('star')],
    ['/v1/messages', message('star')],
    ['/v1/messages', message('star', { stream: true })],
    ['/v1beta/models/star:generateContent', { contents: [{ role: 'user', parts: [{ text: 'x' }] }] }],
    ['/v1/completions', { model: 'star', prompt: 'x' }],
    ['/v1/embeddings', input],
    ['/v1/moderations', input],
    ['/v1/audio/speech', { ...input, voice: 'alloy' }],
  ] as const) {
    const reply = await theatre.ask(path, body)
    assert.equal(reply.status, 429, path)
    assert.equal(reply.headers['retry-after'], '27', path)
    assert.match(String(errorOf(reply).message), /Try again in 27 seconds\. All deployments/)
  }
  assert.equal(stage.requests.length, 0)
  house.pass(27_000)
  assert.equal((await theatre.ask(CHAT, chat('star'))).status, 200)
  assert.deepEqual(asked(stage), ['m1'])
})

test('a resting group is passed over for its fallback without an upstream request, and returned to afterwards', async t => {
  const house = steady()
  const theatre = await play(t, {
    stages,
    start: house.start,
    config: ({ stage }) => ({
      model_list: [named(stage, 'star', 'm1'), named(stage, 'star', 'm2'), named(stage, 'second', 'ok')],
      router_settings: { num_retries: 2, cooldown_time: 30, fallbacks: [{ star: ['second'] }] },
    }),
  })
  const { stage } = theatre.stages
  for (const model of ['m1', 'm2']) failing(stage, model, 429)
  const sequence = async (stream: boolean) => {
    const before = stage.requests.length
    assert.equal((await theatre.ask(CHAT, chat('star', { stream }))).status, 200)
    return asked(stage).slice(before)
  }
  assert.deepEqual((await sequence(false)).toSorted(), ['m1', 'm2', 'ok'])
  assert.deepEqual(await sequence(true), ['ok'])
  stage.clear()
  house.pass(31_000)
  assert.deepEqual((await sequence(true)).length, 1)
  assert.notEqual(asked(stage)[0], 'ok')
})

test('of several deployments a 429 rests one at once, a 5xx only when most of at least five requests failed', async t => {
  const house = steady()
  const theatre = await play(t, {
    stages,
    start: house.start,
    config: ({ stage }) => ({
      model_list: [named(stage, 'star', 'bad', { order: 1 }), named(stage, 'star', 'good', { order: 2 })],
      router_settings: { num_retries: 0, cooldown_time: 60 },
    }),
  })
  const { stage } = theatre.stages
  failing(stage, 'bad', 500)
  for (let round = 1; round <= 5; round += 1) {
    assert.equal((await theatre.ask(CHAT, chat('star'))).status, 200)
    assert.deepEqual(resting(house), round < 5 ? [] : ['bad'])
  }
  house.pass(61_000)
  stage.clear()
  failing(stage, 'bad', 429)
  assert.equal((await theatre.ask(CHAT, chat('star'))).status, 200)
  assert.deepEqual(resting(house), ['bad'])
})

test('M-052 a refused key or a retired model rests a deployment at once, a lone one too', async t => {
  for (const status of [401, 404]) {
    const house = steady()
    const theatre = await play(t, {
      stages,
      start: house.start,
      config: ({ stage }) => ({
        model_list: [named(stage, 'star', 'm')],
        router_settings: { num_retries: 0, cooldown_time: 60 },
      }),
    })
    const { stage } = theatre.stages
    failing(stage, 'm', status, {
      body: {
        error: {
          message: 'no',
          type: null,
          param: null,
          code: status === 404 ? 'model_not_found' : 'invalid_api_key',
        },
      },
    })
    assert.equal((await theatre.ask(CHAT, chat('star'))).status, status)
    assert.deepEqual(resting(house), ['m'])
    await theatre.close()
  }
})

test('M-061 what the caller got wrong never rests anyone, however often', async t => {
  const house = steady()
  const theatre = await play(t, {
    stages,
    start: house.start,
    config: ({ stage }) => ({
      model_list: [named(stage, 'star', 'm'), named(stage, 'star', 'm2')],
      router_settings: { num_retries: 0, allowed_fails: 0, cooldown_time: 60 },
    }),
  })
  const { stage } = theatre.stages
  for (const [status, code] of [
    [400, null],
    [413, null],
    [422, null],
    [400, 'context_length_exceeded'],
    [400, 'content_policy_violation'],
  ] as const)
    for (const stream of [false, true]) {
      stage.clear()
      const body = { error: { message: 'no', type: null, param: null, code } }
      for (const model of ['m', 'm2']) failing(stage, model, status, { body })
      await theatre.ask(CHAT, chat('star', { stream }))
      assert.deepEqual(resting(house), [], `${status} ${code}`)
    }
})

test('M-056 every transport failure counts towards allowed_fails', async t => {
  const port = await closedPort()
  const house = steady()
  const theatre = await play(t, {
    stages,
    start: house.start,
    config: ({ stage }) => ({
      model_list: [
        named(stage, 'reset', 'reset'),
        named(stage, 'cut', 'cut'),
        named(stage, 'garbled', 'garbled'),
        named(stage, 'refused', 'refused', { api_base: `http://127.0.0.1:${port}/v1` }),
        named(stage, 'nowhere', 'nowhere', { api_base: 'http://nowhere.invalid/v1' }),
      ],
      router_settings: { num_retries: 0, allowed_fails: 1, cooldown_time: 60 },
    }),
  })
  const { stage } = theatre.stages
  const once = [
    ['reset', { kind: 'reset', when: 'before-headers' }],
    ['cut', { kind: 'cut', how: 'fin' }],
    ['garbled', { kind: 'bad-status-line' }],
  ] as const
  for (const [model, fault] of once) stage.script([fault, fault, fault, fault], { model })
  const all = ['refused', 'nowhere', ...once.map(([model]) => model)]
  for (const group of all) assert.equal((await theatre.ask(CHAT, chat(group))).status, 500, group)
  assert.deepEqual(resting(house), [])
  for (const group of all) await theatre.ask(CHAT, chat(group))
  assert.deepEqual(resting(house), all.toSorted())
})

test('M-055 cooldown_time 0 is a value: that deployment never rests, its sibling does', async t => {
  const house = steady()
  const theatre = await play(t, {
    stages,
    start: house.start,
    config: ({ stage }) => ({
      model_list: [named(stage, 'star', 'm1', { cooldown_time: 0 }), named(stage, 'star', 'm2')],
      router_settings: { num_retries: 1, allowed_fails: 0 },
    }),
  })
  const { stage } = theatre.stages
  for (const model of ['m1', 'm2']) failing(stage, model, 500)
  await theatre.ask(CHAT, chat('star'))
  assert.deepEqual(resting(house), ['m2'])
})

test('disable_cooldowns: nobody rests', async t => {
  const house = steady()
  const theatre = await play(t, {
    stages,
    start: house.start,
    config: ({ stage }) => ({
      model_list: [named(stage, 'star', 'm1'), named(stage, 'star', 'm2')],
      router_settings: { num_retries: 1, allowed_fails: 0, disable_cooldowns: true },
    }),
  })
  const { stage } = theatre.stages
  for (const status of [500, 401, 429]) {
    for (const model of ['m1', 'm2']) failing(stage, model, status)
    await theatre.ask(CHAT, chat('star'))
    assert.deepEqual(resting(house), [])
  }
})

test('M-049 allowed_fails_policy counts each kind of failure by itself; model_info speaks before the router', async t => {
  const house = steady()
  const theatre = await play(t, {
    stages,
    start: house.start,
    config: ({ stage }) => ({
      model_list: [
        named(stage, 'star', 'm1'),
        informed(stage, 'own', 'm2', { allowed_fails_policy: { InternalServerErrorAllowedFails: 0 } }),
        informed(stage, 'own', 'm3', { allowed_fails: 2 }),
        informed(stage, 'brief', 'm4', { cooldown_time: 1 }),
      ],
      router_settings: {
        num_retries: 0,
        cooldown_time: 60,
        allowed_fails_policy: { InternalServerErrorAllowedFails: 1, RateLimitErrorAllowedFails: 0 },
      },
    }),
  })
  const { stage } = theatre.stages
  const fail = async (group: string, model: string, status: number) => {
    failing(stage, model, status)
    await theatre.ask(CHAT, chat(group))
  }
  await fail('star', 'm1', 500)
  assert.deepEqual(resting(house), [])
  await fail('star', 'm1', 500)
  assert.deepEqual(resting(house), ['m1'])
  house.pass(61_000)
  await fail('star', 'm1', 429)
  assert.deepEqual(resting(house), ['m1'])
  failing(stage, 'm3', 500)
  await fail('own', 'm2', 500)
  assert.deepEqual(resting(house), ['m1', 'm2'])
  for (let round = 0; round < 3; round += 1) {
    assert.ok(!resting(house).includes('m3'))
    await fail('own', 'm3', 500)
  }
  assert.ok(resting(house).includes('m3'))
  await fail('brief', 'm4', 429)
  assert.ok(resting(house).includes('m4'))
  house.pass(1500)
  assert.ok(!resting(house).includes('m4'))
})
