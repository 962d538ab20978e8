import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededDice } from '../src/shared/clock.ts'
import type { Stage } from '../src/stage/stage.ts'
import type { Json, JsonObject } from '../src/wire/json.ts'
import { deployment, MASTER_KEY, play, type Reply } from './support/harness.ts'
import { asked, chat, failing, message, response, steady } from './support/steady.ts'

/** Which deployment of a group is picked: strategies, pre-call checks, affinities, over real traffic. */

const stages = { stage: { models: ['*'] } }
const CHAT = '/v1/chat/completions'
const MINUTE = 60_000
const errorOf = (reply: Reply): JsonObject => reply.json().error as JsonObject
const seeded = () => {
  const dice = seededDice(7)
  return steady(() => dice.random())
}
const count = (models: readonly Json[], model: string): number => models.filter(one => one === model).length

test('M-038 least-busy: a request held open on any endpoint counts on every endpoint', async t => {
  const house = seeded()
  const theatre = await play(t, {
    stages,
    start: house.start,
    config: ({ stage }) => ({
      model_list: ['d1', 'd2', 'd3'].map(name => ({
        ...deployment('star', stage, name),
        model_info: { id: name },
      })),
      router_settings: { routing_strategy: 'least-busy', num_retries: 0 },
    }),
  })
  const { stage } = theatre.stages
  const endpoints = [
    [CHAT, chat('star')],
    [CHAT, chat('star', { stream: true })],
    ['/v1/responses', response('star')],
    ['/v1/responses/compact', response('star')],
    ['/v1/messages', message('star')],
    ['/v1/messages', message('star', { stream: true })],
    [
      '/v1beta/models/star:generateContent',
      { contents: [{ role: 'user', parts: [{ text: 'Line, please.' }] }] },
    ],
    ['/v1/embeddings', { model: 'star', input: 'x' }],
    ['/v1/audio/speech', { model: 'star', input: 'x', voice: 'alloy' }],
  ] as const
  for (const [path, body] of endpoints) {
    stage.clear()
    stage.script([
      { kind: 'stall', when: 'before-headers' },
      { kind: 'stall', when: 'before-headers' },
    ])
    const held = [await theatre.send({ path, body }), await theatre.send({ path, body })]
    await stage.waitForRequest(2)
    const busy = asked(stage).slice()
    assert.notEqual(busy[0], busy[1], `two held on ${path}`)
    for (const [other, otherBody] of endpoints)
      assert.equal((await theatre.ask(other, otherBody)).status, 200)
    const [free] = ['d1', 'd2', 'd3'].filter(name => !busy.includes(name))
    assert.deepEqual(new Set(asked(stage).slice(2)), new Set([free]), `held on ${path}`)
    const hits = stage.requests.slice(0, 2)
    for (const client of held) client.leave()
    for (const hit of hits) await hit.closedByPeer
  }
  for (const name of ['d1', 'd2', 'd3']) assert.equal(house.served().house.board.inFlight(name), 0)
})

for (const strategy of ['usage-based-routing', 'usage-based-routing-v2'])
  test(`${strategy}: the fewest tokens this minute, and one request less than rpm`, async t => {
    const house = seeded()
    const theatre = await play(t, {
      stages,
      start: house.start,
      config: ({ stage }) => ({
        model_list: [
          deployment('star', stage, 'd1', { tpm: 100_000 }),
          deployment('star', stage, 'd2', { tpm: 100_000 }),
          deployment('small', stage, 'd3', { rpm: 3 }),
          deployment('small', stage, 'd4', { rpm: 4 }),
        ],
        router_settings: { routing_strategy: strategy, num_retries: 0 },
      }),
    })
    const { stage } = theatre.stages
    const heavy = { messages: [{ role: 'user', content: '[stage:words 400]' }] }
    await theatre.ask(CHAT, { ...chat('star'), ...heavy })
    const [first] = asked(stage)
    const light = () => theatre.ask(CHAT, chat('star'))
    for (let round = 0; round < 5; round += 1) await light()
    assert.equal(count(asked(stage), String(first)), 1, 'the one that has talked much rests')
    stage.clear()
    const statuses = []
    for (let round = 0; round < 6; round += 1) statuses.push((await theatre.ask(CHAT, chat('small'))).status)
    assert.deepEqual(statuses, [200, 200, 200, 200, 200, 429])
    assert.deepEqual([count(asked(stage), 'd3'), count(asked(stage), 'd4')], [2, 3])
    const over = await theatre.ask(CHAT, chat('small', { stream: true }))
    assert.equal(over.headers['retry-after'], '60')
    assert.match(
      String(errorOf(over).message),
      /No deployments available for selected model\. Passed model=small/,
    )
    house.pass(MINUTE)
    assert.equal((await theatre.ask(CHAT, chat('small'))).status, 200)
  })

test('latency-based-routing prefers the one that has been fast; an untested one is tried', async t => {
  const theatre = await play(t, {
    stages,
    start: seeded().start,
    config: ({ stage }) => ({
      model_list: [deployment('star', stage, 'slow'), deployment('star', stage, 'fast')],
      router_settings: { routing_strategy: 'latency-based-routing', num_retries: 0 },
    }),
  })
  const { stage } = theatre.stages
  const late = { kind: 'slow', delayMs: 60 } as const
  stage.script([late, late, late], { model: 'slow' })
  for (let round = 0; round < 12; round += 1) await theatre.ask(CHAT, chat('star'))
  assert.equal(count(asked(stage), 'slow'), 1)
  assert.equal(count(asked(stage), 'fast'), 11)
})

test('cost-based-routing takes the cheapest, and the next when that one is out', async t => {
  const theatre = await play(t, {
    stages,
    start: seeded().start,
    config: ({ stage }) => ({
      model_list: [
        deployment('star', stage, 'dear', { input_cost_per_token: 0.1, output_cost_per_token: 0.1 }),
        deployment('star', stage, 'cheap', { input_cost_per_token: 0.00001, output_cost_per_token: 0.00001 }),
        deployment('star', stage, 'gpt-4.1'),
      ],
      router_settings: { routing_strategy: 'cost-based-routing', num_retries: 2 },
    }),
  })
  const { stage } = theatre.stages
  for (let round = 0; round < 5; round += 1) await theatre.ask(CHAT, chat('star'))
  assert.deepEqual(new Set(asked(stage)), new Set(['gpt-4.1']), 'its price is the published one')
  stage.clear()
  for (const model of ['gpt-4.1', 'cheap']) failing(stage, model, 500)
  assert.equal((await theatre.ask(CHAT, chat('star'))).status, 200)
  assert.deepEqual(asked(stage), ['gpt-4.1', 'cheap', 'dear'])
})

test('simple-shuffle: shares follow the weights; without any they are even', async t => {
  const theatre = await play(t, {
    stages,
    start: seeded().start,
    config: ({ stage }) => ({
      model_list: [
        deployment('star', stage, 'w3', { weight: 3 }),
        deployment('star', stage, 'w1', { weight: 1 }),
        deployment('even', stage, 'e1'),
        deployment('even', stage, 'e2'),
        deployment('rated', stage, 'r9', { rpm: 900 }),
        deployment('rated', stage, 'r1', { rpm: 100 }),
      ],
    }),
  })
  const { stage } = theatre.stages
  for (const group of ['star', 'even', 'rated'])
    for (let round = 0; round < 150; round += 1) await theatre.ask(CHAT, chat(group))
  const share = (one: string) => count(asked(stage), one) / 150
  for (const [model, expected] of [
    ['w3', 0.75],
    ['e1', 0.5],
    ['r9', 0.9],
  ] as const)
    assert.ok(Math.abs(share(model) - expected) < 0.1, `${model} has ${share(model)}`)
})

test('enable_pre_call_checks: the prompt must fit, rpm must not be used up, the region must be allowed', async t => {
  const house = seeded()
  const limited = (stage: Stage, group: string, model: string, tokens: number) => ({
    ...deployment(group, stage, model),
    model_info: { max_input_tokens: tokens },
  })
  const theatre = await play(t, {
    stages,
    start: house.start,
    config: ({ stage }) => ({
      model_list: [
        limited(stage, 'star', 'short', 20),
        limited(stage, 'star', 'long', 5000),
        limited(stage, 'tiny', 'tiny', 20),
        limited(stage, 'rescue', 'rescue', 20),
        limited(stage, 'vast', 'vast', 100_000),
        deployment('rated', stage, 'rated', { rpm: 2 }),
        deployment('eu', stage, 'paris', { region_name: 'eu' }),
        deployment('eu', stage, 'ohio', { region_name: 'us' }),
      ],
      router_settings: {
        enable_pre_call_checks: true,
        num_retries: 0,
        context_window_fallbacks: [{ rescue: ['vast'] }],
      },
    }),
  })
  const { stage } = theatre.stages
  const prompt = 'word '.repeat(300)
  const long = { messages: [{ role: 'user', content: prompt }] }
  const models = async (times: number, ask: () => Promise<Reply>) => {
    stage.clear()
    for (let round = 0; round < times; round += 1) assert.equal((await ask()).status, 200)
    return new Set(asked(stage))
  }
  assert.deepEqual(await models(8, () => theatre.ask(CHAT, { ...chat('star'), ...long })), new Set(['long']))
  assert.deepEqual(
    await models(8, () => theatre.ask('/v1/responses', { model: 'star', input: prompt })),
    new Set(['long']),
  )
  assert.deepEqual(
    await models(1, () => theatre.ask(CHAT, { ...chat('rescue'), ...long })),
    new Set(['vast']),
  )
  stage.clear()
  for (const stream of [false, true]) {
    const refused = await theatre.ask(CHAT, { ...chat('tiny', { stream }), ...long })
    assert.equal(refused.status, 400)
    assert.equal(errorOf(refused).code, 'context_length_exceeded')
    assert.match(
      String(errorOf(refused).message),
      /litellm\._pre_call_checks: Context Window exceeded for given call\. No models have context window large enough for this call\.\nModel=openai\/tiny, Max Input Tokens=20, Got=3\d\d/,
    )
  }
  assert.equal(stage.requests.length, 0)
  const rated = () => theatre.ask(CHAT, chat('rated'))
  assert.equal((await rated()).status, 200)
  assert.equal((await rated()).status, 200)
  const over = await rated()
  assert.equal(over.status, 429)
  assert.match(
    String(errorOf(over).message),
    /No deployments available for selected model\. Passed model=rated/,
  )
  house.pass(MINUTE)
  assert.equal((await rated()).status, 200)
  const inEurope = () => theatre.ask(CHAT, chat('eu', { allowed_model_region: 'eu' }))
  assert.deepEqual(await models(6, inEurope), new Set(['paris']))
  assert.equal((await theatre.ask(CHAT, chat('eu', { allowed_model_region: 'mars' }))).status, 429)
})

const session = (name: string) => ({
  headers: [['authorization', `Bearer ${MASTER_KEY}`] as const, ['x-litellm-session-id', name] as const],
})

test('session affinity: a session stays where it began on every endpoint, and moves when that one is out', async t => {
  const theatre = await play(t, {
    stages,
    start: seeded().start,
    config: ({ stage }) => ({
      model_list: ['d1', 'd2', 'd3', 'd4'].map(name => deployment('star', stage, name)),
      router_settings: { optional_pre_call_checks: ['session_affinity'], num_retries: 1 },
    }),
  })
  const { stage } = theatre.stages
  const homes = new Map<string, Json>()
  for (const name of ['s1', 's2', 's3', 's4', 's5', 's6']) {
    stage.clear()
    for (let round = 0; round < 4; round += 1)
      for (const [path, body] of [
        [CHAT, chat('star')],
        ['/v1/responses', response('star', { stream: true })],
      ] as const)
        await theatre.ask(path, body, session(name))
    assert.equal(new Set(asked(stage)).size, 1, name)
    homes.set(name, asked(stage)[0] ?? null)
  }
  assert.ok(new Set(homes.values()).size > 1, 'sessions spread')
  const home = String(homes.get('s1'))
  stage.clear()
  failing(stage, home, 429)
  for (let round = 0; round < 3; round += 1)
    assert.equal((await theatre.ask(CHAT, chat('star'), session('s1'))).status, 200)
  assert.equal(count(asked(stage), home), 1)
  assert.equal(new Set(asked(stage).slice(1)).size, 1, 'its new home')
})

test('session over prompt cache over key, whatever the order of the list', async t => {
  const checks = ['session_affinity', 'prompt_caching', 'deployment_affinity']
  for (const listed of [checks, checks.toReversed()]) {
    const theatre = await play(t, {
      stages,
      start: seeded().start,
      config: ({ stage }) => ({
        model_list: ['d1', 'd2', 'd3', 'd4', 'd5'].map(name => deployment('star', stage, name)),
        router_settings: { optional_pre_call_checks: listed, num_retries: 0, disable_cooldowns: true },
      }),
    })
    const { stage } = theatre.stages
    const prompt = (text: string) => ({ messages: [{ role: 'user', content: text.repeat(600) }] })
    const one = async (text: string, name?: string): Promise<string> => {
      stage.clear()
      const reply = await theatre.ask(
        CHAT,
        { ...chat('star'), ...prompt(text) },
        name === undefined ? {} : session(name),
      )
      assert.equal(reply.status, 200)
      return String(asked(stage)[0])
    }
    /** Makes the next pick fall elsewhere: everyone but `wanted` fails once, so that this one serves and is remembered. */
    const bind = async (wanted: string, text: string, name?: string): Promise<void> => {
      for (let tries = 0; tries < 60; tries += 1) {
        stage.clear()
        for (const model of ['d1', 'd2', 'd3', 'd4', 'd5']) if (model !== wanted) failing(stage, model, 500)
        const reply = await theatre.ask(
          CHAT,
          { ...chat('star', { num_retries: 4 }), ...prompt(text) },
          name === undefined ? {} : session(name),
        )
        if (reply.status === 200) return
      }
      assert.fail('never bound')
    }
    await bind('d1', 'alpha ', 'act')
    await bind('d2', 'beta ')
    await bind('d3', 'gamma ')
    // The key was served last by d3; the prompt 'beta' by d2; the session 'act' by d1.
    assert.equal(await one('beta ', 'act'), 'd1', 'the session is the strongest')
    await bind('d2', 'beta ')
    await bind('d3', 'gamma ')
    assert.equal(await one('beta '), 'd2', 'then the prompt')
    await bind('d3', 'gamma ')
    assert.equal(await one('delta '), 'd3', 'then the key')
    await theatre.close()
  }
})

test('M-130 enforce_model_rate_limits: rpm is a hard limit, told with its numbers', async t => {
  const house = seeded()
  const theatre = await play(t, {
    stages,
    start: house.start,
    config: ({ stage }) => ({
      model_list: [deployment('star', stage, 'm', { rpm: 2 })],
      router_settings: { optional_pre_call_checks: ['enforce_model_rate_limits'], num_retries: 3 },
    }),
  })
  const { stage } = theatre.stages
  for (let round = 0; round < 2; round += 1) assert.equal((await theatre.ask(CHAT, chat('star'))).status, 200)
  const over = await theatre.ask(CHAT, chat('star'))
  assert.equal(over.status, 429)
  assert.equal(over.headers['retry-after'], '60')
  assert.match(String(errorOf(over).message), /Model rate limit exceeded\. RPM limit=2, current usage=2/)
  assert.equal(stage.requests.length, 2)
  house.pass(MINUTE)
  assert.equal((await theatre.ask(CHAT, chat('star'))).status, 200)
})

test('M-097 what only its owner can read goes before every soft affinity, whatever the order of the list', async t => {
  const checks = ['deployment_affinity', 'responses_api_deployment_check', 'session_affinity']
  for (const listed of [checks, checks.toReversed(), []]) {
    const theatre = await play(t, {
      stages: { one: { models: ['*'] }, other: { models: ['*'] } },
      start: seeded().start,
      config: ({ one, other }) => ({
        model_list: [deployment('star', one, 'm1'), deployment('star', other, 'm2')],
        router_settings: { optional_pre_call_checks: listed, num_retries: 0, disable_cooldowns: true },
      }),
    })
    const { one, other } = theatre.stages
    failing(other, 'm2', 500)
    let begun = await theatre.ask('/v1/responses', response('star', { num_retries: 1 }), session('s'))
    assert.equal(begun.status, 200)
    const { id } = begun.json() as { id: string }
    other.clear()
    failing(one, 'm1', 500)
    // Key and session now belong to the other deployment.
    begun = await theatre.ask('/v1/responses', response('star', { num_retries: 1 }), session('s'))
    assert.equal(begun.status, 200)
    one.clear()
    other.clear()
    for (let round = 0; round < 4; round += 1) {
      const more = response('star', { previous_response_id: id, stream: round % 2 === 0 })
      assert.equal((await theatre.ask('/v1/responses', more, session('s'))).status, 200)
    }
    assert.deepEqual([one.requests.length, other.requests.length], [4, 0])
    await theatre.close()
  }
})
