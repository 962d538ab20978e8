import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { atRest, type Engine, type Reply, type Sent, stageOf, startEngine, times } from './support/engine.ts'

/** When a hedge is made and how many there are, in virtual time. `roll: 0` asks the first of a group first. */

const GROUPS = { a: ['m', 'n'], b: ['o', 'p'] }
const file = (hedge: string, settings = '', groups: Readonly<Record<string, readonly string[]>> = GROUPS) =>
  stageOf(groups, `router_settings: {num_retries: 0, hedge: {${hedge}}${settings}}`)

const ordered = (source: string, orders: Readonly<Record<string, number>>): string =>
  Object.entries(orders).reduce(
    (text, [id, order]) => text.replace(`/${id},`, `/${id}, order: ${order},`),
    source,
  )

const EVERY = 'a: {after: 1, max_percent: 100}'

const start = (source: string, script: (sent: Sent) => Reply) =>
  startEngine(source, { script, roll: () => 0 })

/** `m` takes as long as it is told, everybody else answers at once. */
const mTakes =
  (ms: number | 'never' | ((sent: Sent) => number | 'never')) =>
  (sent: Sent): Reply =>
    sent.model === 'm' ? { afterMs: typeof ms === 'function' ? ms(sent) : ms } : {}

const ask = async (engine: Engine, count: number): Promise<void> => {
  for (let number = 0; number < count; number++) await engine.play('a')
}

describe('a learned time', () => {
  const learned = file('a: {after: p95, max_percent: 100}')

  test('until twenty answers are known nothing is hedged, and then the slowest twentieth is', async () => {
    const engine = await start(
      learned,
      mTakes(({ earlier }) => (earlier === 7 ? 3000 : earlier < 20 ? 400 : 5000)),
    )
    await ask(engine, 20)
    assert.deepEqual(times(engine, 'n'), [])
    const { at, models } = await engine.play('a')
    const [sent = 0] = times(engine, 'm').slice(-1)
    assert.deepEqual(times(engine, 'n'), [sent + 400])
    assert.equal(at, sent + 400)
    assert.deepEqual(models, ['openai/m', 'openai/n'])
    atRest(engine)
  })

  test('those that were outrun count among the slow ones: the time does not fall with every hedge', async () => {
    // 95 of 100 come evenly from 1000 to 1940, the others much later.
    const tookMs = (earlier: number): number => {
      const place = (earlier * 37) % 100
      return place < 95 ? 1000 + 10 * place : 9000
    }
    const engine = await start(learned, ({ model, earlier }) => ({
      afterMs: model === 'm' ? tookMs(earlier) : 100,
    }))
    await ask(engine, 1000)
    const waits = times(engine, 'n')
      .slice(-20)
      .map(at => at - Math.max(...times(engine, 'm').filter(one => one < at)))
    assert.deepEqual(new Set(waits), new Set([1940]))
    atRest(engine)
  })

  test('what is slow is what is slower than of late: a slower pace is learned with a few hedges', async () => {
    const engine = await start(learned, ({ model, earlier }) => ({
      afterMs: model !== 'm' ? 300 : earlier < 100 ? 200 : 1000,
    }))
    await ask(engine, 200)
    const hedged = times(engine, 'n').length
    assert.ok(hedged >= 5 && hedged < 30, `${hedged} hedges until the new pace was known`)
    await ask(engine, 50)
    assert.equal(times(engine, 'n').length, hedged)
  })

  test('nobody is hurried more than anybody notices', async () => {
    const engine = await start(
      learned,
      mTakes(({ earlier }) => (earlier < 20 ? 5 : 5000)),
    )
    await ask(engine, 21)
    const [sent = 0] = times(engine, 'm').slice(-1)
    assert.deepEqual(times(engine, 'n'), [sent + 100])
  })

  test('a reload with another key begins afresh, and one that changes nothing does not', async () => {
    const engine = await start(
      learned,
      mTakes(({ earlier }) => (earlier < 20 || earlier === 21 ? 200 : 5000)),
    )
    await ask(engine, 20)
    await engine.reload(learned)
    await ask(engine, 1)
    assert.equal(times(engine, 'n').length, 1)
    await engine.reload(learned.replaceAll('api_key: k', 'api_key: other'))
    await ask(engine, 2)
    assert.equal(times(engine, 'n').length, 1)
  })
})

describe('a fixed time', () => {
  test('is kept to the millisecond, from the start of the attempt; an answer that comes with it is in time', async () => {
    const slow = await start(file(EVERY), mTakes(1001))
    assert.deepEqual([(await slow.play('a')).at, times(slow, 'n')], [1000, [1000]])
    const fast = await start(file(EVERY), mTakes(1000))
    assert.deepEqual([(await fast.play('a')).at, times(fast, 'n')], [1000, []])
    atRest(slow)
    atRest(fast)
  })

  test('holds for the group, an alias of it, and with a star for all', async () => {
    for (const hedge of ['a: {after: 2, max_percent: 100}', '"*": {after: 2, max_percent: 100}']) {
      const engine = await start(file(hedge, ', model_group_alias: {z: a}'), mTakes('never'))
      assert.equal((await engine.play('z')).at, 2000, hedge)
    }
    const own = file('"*": {after: 9}, a: {after: 2, max_percent: 100}')
    assert.equal((await (await start(own, mTakes('never'))).play('a')).at, 2000)
  })
})

describe('how many', () => {
  test('twenty requests earn one hedge, and a new group has earned none', async () => {
    const engine = await start(file('a: {after: 1}'), mTakes(3000))
    await ask(engine, 100)
    const hedged = times(engine, 'n')
      .map(at => times(engine, 'm').filter(one => one < at).length)
      .toSorted((one, other) => one - other)
    assert.deepEqual(hedged, [20, 40, 60, 80, 100])
    atRest(engine)
  })

  test('what is not used is saved for a hundred requests and no more', async () => {
    const engine = await start(
      file('a: {after: 1}'),
      mTakes(({ earlier }) => (earlier < 1000 ? 10 : 3000)),
    )
    await ask(engine, 1000)
    await ask(engine, 19)
    assert.equal(times(engine, 'n').length, 5)
  })

  test('a request that may not be hedged earns its share as well', async () => {
    const engine = await start(file('a: {after: 1}'), mTakes(3000))
    for (let number = 0; number < 19; number++)
      await engine.play('a', { body: { tools: [{ type: 'function', function: { name: 'f' } }] } })
    assert.deepEqual(times(engine, 'n'), [])
    await ask(engine, 1)
    assert.equal(times(engine, 'n').length, 1)
  })

  test('a request earns its share once, whichever order it is served by', async () => {
    const source = ordered(file('a: {after: 1}', '', { a: ['m', 'n', 'k'] }), { m: 1, n: 2, k: 2 })
    const script = ({ model }: Sent): Reply =>
      model === 'm' ? { status: 500 } : model === 'n' ? { afterMs: 3000 } : {}
    const engine = await start(source, script)
    await ask(engine, 19)
    assert.deepEqual(times(engine, 'k'), [])
    await ask(engine, 1)
    assert.equal(times(engine, 'k').length, 1)
    atRest(engine)
  })

  test('one deployment that is asked by its id earns nothing for its group', async () => {
    const engine = await start(file('a: {after: 1}'), mTakes(3000))
    for (let number = 0; number < 19; number++) await engine.play('m')
    await ask(engine, 1)
    assert.deepEqual(times(engine, 'n'), [])
  })

  test('they are extra attempts: no more at once than the retry budget has room for', async () => {
    const engine = await start(file(EVERY), (): Reply => ({ afterMs: 5000 }))
    const calls = Array.from({ length: 10 }, () => engine.ask('a'))
    await engine.advance(1000)
    assert.equal(times(engine, 'n').length, 3)
    assert.equal(engine.board.gauges().extraAttempts, 3)
    await engine.advance(4000)
    await Promise.all(calls.map(({ done }) => done))
    atRest(engine)
  })

  test('one for each request, whatever comes after it', async () => {
    const engine = await start(
      file('"*": {after: 1, max_percent: 100}', ', fallbacks: [{a: [b]}]'),
      ({ model }): Reply =>
        model === 'm' || model === 'n' ? { status: 500, afterMs: 1500 } : { afterMs: 4000 },
    )
    const { models, status } = await engine.play('a')
    assert.deepEqual([models, status], [['openai/m', 'openai/n', 'openai/o'], 200])
    atRest(engine)
  })

  test('a fallback group hedges as well, when nobody has before', async () => {
    const engine = await start(
      file('b: {after: 1, max_percent: 100}', ', fallbacks: [{a: [b]}]'),
      ({ model }): Reply => (model === 'o' ? { afterMs: 'never' } : model === 'p' ? {} : { status: 500 }),
    )
    const { models, at } = await engine.play('a')
    assert.deepEqual([models, at], [['openai/m', 'openai/o', 'openai/p'], 1000])
    atRest(engine)
  })

  test('no retry is hedged', async () => {
    const engine = await start(
      stageOf({ a: ['m', 'n', 'k'] }, `router_settings: {num_retries: 1, hedge: {${EVERY}}}`),
      ({ model }): Reply => (model === 'm' ? { status: 500 } : { afterMs: 5000 }),
    )
    assert.deepEqual((await engine.play('a')).models, ['openai/m', 'openai/n'])
  })
})

describe('what the request may spend', () => {
  test('max_attempts counts the hedge', async () => {
    const one = await start(file(EVERY, ', max_attempts: 1'), mTakes(3000))
    assert.deepEqual((await one.play('a')).models, ['openai/m'])
    const two = await start(
      file(EVERY, ', max_attempts: 2, fallbacks: [{a: [b]}]'),
      (): Reply => ({ status: 500, afterMs: 1500 }),
    )
    assert.deepEqual((await two.play('a')).models, ['openai/m', 'openai/n'])
    atRest(two)
  })

  test('num_retries does not: a hedge is no retry', async () => {
    const engine = await start(
      stageOf(
        { a: ['m', 'n'] },
        `router_settings: {num_retries: 1, disable_cooldowns: true, hedge: {${EVERY}}}`,
      ),
      ({ model, earlier }): Reply =>
        earlier > 0 ? {} : { status: 500, afterMs: model === 'm' ? 3000 : 500 },
    )
    const { settled, models, status } = await engine.play('a')
    // The hedge failed first, the first attempt last; then one retry, at either: both may be asked again.
    assert.deepEqual([models.length, models.slice(0, 2), status], [3, ['openai/n', 'openai/m'], 200])
    assert.deepEqual([settled.trail.retries, settled.trail.maxRetries], [1, 1])
    assert.match(settled.trail.steps[1]?.next ?? '', /^retry: transient/)
    atRest(engine)
  })

  test('when both fail, each is asked again only if its own failure allows it', async () => {
    const engine = await start(
      stageOf({ a: ['m', 'n'] }, `router_settings: {num_retries: 1, hedge: {${EVERY}}}`),
      ({ model, earlier }): Reply =>
        model === 'm' ? { status: 401, afterMs: 3000 } : earlier > 0 ? {} : { status: 500, afterMs: 500 },
    )
    const { models, status } = await engine.play('a')
    // The hedge was only out of luck; the first attempt, which failed last, has a wrong key.
    assert.deepEqual([models, status], [['openai/n', 'openai/m', 'openai/n'], 200])
    atRest(engine)
  })

  test('who has failed as a hedge has been asked', async () => {
    const engine = await start(file(EVERY).replace('num_retries: 0', 'num_retries: 1'), ({ model }) =>
      model === 'm' ? { afterMs: 3000, status: 500 } : { status: 404 },
    )
    assert.deepEqual((await engine.play('a')).models, ['openai/n', 'openai/m', 'openai/m'])
    atRest(engine)
  })

  test('the time of the request ends both', async () => {
    const engine = await start(file(EVERY, ', total_timeout: 3'), (): Reply => ({ afterMs: 'never' }))
    const { at, status, settled } = await engine.play('a')
    assert.deepEqual([at, status], [3000, 408])
    assert.deepEqual(
      settled.trail.steps.map(step => [step.outcome, step.ms]),
      [
        ['timeout_total', 3000],
        ['timeout_total', 2000],
      ],
    )
    atRest(engine)
  })

  test('and nothing is begun when it is over', async () => {
    const engine = await start(file(EVERY, ', total_timeout: 1'), (): Reply => ({ afterMs: 'never' }))
    assert.deepEqual((await engine.play('a')).models, ['openai/m'])
    atRest(engine)
  })
})

test('nobody waits for one that is outrun and does not notice; its late answer is closed, and its slot given back', async () => {
  // The scripted transport hears nothing any more once the head has come.
  const script = ({ model }: Sent): Reply => (model === 'm' ? { afterMs: 500, bodyAfterMs: 5000 } : {})
  const engine = await start(file(EVERY), script)
  const { at, models, settled } = await engine.play('a')
  assert.deepEqual([at, models], [1000, ['openai/m', 'openai/n']])
  assert.deepEqual([settled.trail.steps[0]?.outcome, settled.trail.outrun], ['outrun', undefined])
  assert.equal(engine.board.inFlight('m'), 1)
  await engine.advance(4500)
  assert.deepEqual(settled.trail.outrun?.usage, { inputTokens: 1, outputTokens: 1 })
  assert.deepEqual(engine.board.pace('m', false), undefined, 'it says nothing about the deployment')
  atRest(engine)
})

describe('who is asked', () => {
  test('nobody who rests', async () => {
    const engine = await start(
      file(EVERY, ', soft_cooldown_failures: 1'),
      ({ model, earlier }): Reply => (model === 'n' ? { status: 500 } : { afterMs: 3000 + earlier }),
    )
    assert.equal((await engine.play('a')).status, 200)
    assert.notEqual(engine.board.cooling('n'), undefined)
    await engine.play('a')
    assert.equal(times(engine, 'n').length, 1)
    atRest(engine)
  })

  test('nobody who rests by a guess, whatever the panic rule would set aside', async () => {
    const engine = await startEngine(
      file(EVERY, ', soft_cooldown_failures: 1, soft_cooldown_time: 200, cooldown_panic_percent: 100', {
        a: ['m', 'n', 'k'],
      }),
      { script: ({ model }): Reply => (model === 'm' ? { afterMs: 3000 } : { status: 500 }), roll: () => 0 },
    )
    // Each hedge fails and rests its deployment; then nobody is left to hedge with.
    for (const hedged of [1, 2, 2, 2]) {
      assert.equal((await engine.play('a')).status, 200)
      assert.equal(times(engine, 'n').length + times(engine, 'k').length, hedged)
    }
    atRest(engine)
  })

  test('nobody of a later order: that is who is asked when this one has failed', async () => {
    const engine = await start(ordered(file(EVERY), { m: 1, n: 2 }), mTakes(3000))
    assert.deepEqual((await engine.play('a')).models, ['openai/m'])
    atRest(engine)
  })

  for (const status of [429, 503])
    test(`nobody who asked to be left alone with a ${status}, be it that it does not rest for it`, async () => {
      const busy: Reply = { status, headers: { 'retry-after': '5' } }
      const engine = await start(file(EVERY), ({ model }) => (model === 'm' ? { afterMs: 3000 } : busy))
      for (let turn = 0; turn < 3; turn++) assert.equal((await engine.play('a')).status, 200)
      // The first is hedged at 1000, and the second would be at 4000.
      assert.deepEqual(times(engine, 'n'), [1000, 7000])
      atRest(engine)
    })

  test('nobody when the request or the deployment makes its answers up', async () => {
    const allowed = 'general_settings: {dangerously_allow_mock_testing_request_params: true}'
    const mocked = await start(`${file(EVERY)}${allowed}\n`, () => ({}))
    const { status, models, at } = await mocked.play('a', { body: { mock_response: 'Yes.', mock_delay: 5 } })
    assert.deepEqual([status, models, at], [200, ['openai/m'], 5000])
    atRest(mocked)
    const source = file(EVERY).replace(
      'api_base: "https://n.test/v1"',
      'api_base: "https://n.test/v1", mock_response: "Yes."',
    )
    const engine = await start(source, mTakes(3000))
    assert.deepEqual((await engine.play('a')).models, ['openai/m'])
  })

  test('nobody whose slots are taken, and nobody stands in line', async () => {
    const source = file(EVERY).replace(
      'api_base: "https://n.test/v1"',
      'api_base: "https://n.test/v1", max_parallel_requests: 1',
    )
    const engine = await start(source, (): Reply => ({ afterMs: 2500 }))
    const calls = [engine.ask('a'), engine.ask('a')]
    await engine.advance(1000)
    assert.equal(times(engine, 'n').length, 1)
    assert.equal(engine.board.gauges().waiting, 0)
    await engine.advance(2000)
    for (const { done } of calls) assert.equal((await done).status, 200)
    atRest(engine)
  })

  test('the best of the others, by the strategy', async () => {
    const prices = { m: 1, k: 2, n: 3 }
    let source = file(EVERY, ', routing_strategy: cost-based-routing', { a: ['m', 'n', 'k'] })
    for (const [model, price] of Object.entries(prices))
      source = source.replace(
        `model: openai/${model},`,
        `model: openai/${model}, input_cost_per_token: ${price}, output_cost_per_token: ${price},`,
      )
    const engine = await start(source, mTakes('never'))
    const { models, settled } = await engine.play('a')
    assert.deepEqual(models, ['openai/m', 'openai/k'])
    assert.match(settled.trail.steps[1]?.because ?? '', /^hedge: nothing after 1000 ms; cost-based-routing/)
    atRest(engine)
  })

  test('not beside the one that a session is tied to; a session that is new takes whoever answers', async () => {
    const engine = await start(
      file(EVERY, ', optional_pre_call_checks: [session_affinity]'),
      mTakes(({ earlier }) => (earlier === 0 ? 10 : 3000)),
    )
    const of = (session: string) => engine.play('a', { headers: { 'x-litellm-session-id': session } })
    await of('one')
    assert.deepEqual([(await of('one')).models, times(engine, 'n')], [['openai/m'], []])
    assert.deepEqual((await of('two')).models, ['openai/m', 'openai/n'])
    assert.deepEqual((await of('two')).models, ['openai/n'])
    atRest(engine)
  })
})
