import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { atRest, type Outcome, type Reply, type Sent, stageOf, startEngine, times } from './support/engine.ts'
import { deployment, play } from './support/harness.ts'
import { asked, chat, steady } from './support/steady.ts'

/** max_parallel_requests: who is asked when slots are taken, how long anybody stands in line, and what becomes of it. */

type Limits = Readonly<Record<string, string>>

/** As `stageOf`, with more parameters for some deployments. `roll: 0` asks the first of a group first. */
const file = (groups: Readonly<Record<string, readonly string[]>>, limits: Limits, router = ''): string =>
  Object.entries(limits).reduce(
    (text, [id, more]) =>
      text.replace(`api_key: k}, model_info: {id: ${id}}`, `api_key: k, ${more}}, model_info: {id: ${id}}`),
    stageOf(groups, `router_settings: {num_retries: 0${router}}`),
  )

const start = (source: string, script: (sent: Sent) => Reply) =>
  startEngine(source, { script, roll: () => 0 })

/** Each model takes as long as it is told, and others nothing. */
const taking =
  (ms: Readonly<Record<string, number | 'never'>>) =>
  ({ model }: Sent): Reply => ({ afterMs: ms[model] ?? 0 })

const answered = ({ status, models }: Outcome) => [status, models.at(-1)]

const ONE = 'max_parallel_requests: 1'
const PAIR = { a: ['m', 'n'] }

describe('whoever has a free slot is asked before whoever has to be waited for', () => {
  for (const strategy of ['simple-shuffle', 'cost-based-routing', 'usage-based-routing-v2', 'p2c'] as const)
    test(`with ${strategy}`, async () => {
      const engine = await start(
        file(PAIR, { m: ONE }, `, routing_strategy: ${strategy}`),
        taking({ m: 60_000, n: 100 }),
      )
      const calls = Array.from({ length: 8 }, () => engine.ask('a'))
      await engine.advance(200)
      assert.equal(engine.board.gauges().waiting, 0)
      await engine.advance(60_000)
      for (const { done } of calls) assert.equal((await done).status, 200)
      assert.ok(times(engine, 'm').length <= 1)
      atRest(engine)
    })

  test('but nobody who has a weight of 0', async () => {
    const weights = { m: `${ONE}, weight: 1`, n: 'weight: 0' }
    const engine = await start(file(PAIR, weights), taking({ m: 1000 }))
    const calls = [engine.ask('a'), engine.ask('a')]
    await engine.advance(2000)
    for (const { done } of calls) assert.deepEqual(answered(await done), [200, 'openai/m'])
    assert.deepEqual(times(engine), [0, 1000])
    atRest(engine)
  })

  test('nor a later order level, while there is nothing to say that the first one is stuck', async () => {
    const orders = { m: `${ONE}, order: 1`, n: 'order: 2' }
    const engine = await start(file(PAIR, orders), taking({ m: 1000 }))
    const calls = [engine.ask('a'), engine.ask('a')]
    await engine.advance(2000)
    for (const { done } of calls) assert.deepEqual(answered(await done), [200, 'openai/m'])
    atRest(engine)
  })
})

describe('where nobody has a free slot', () => {
  test('the first that comes free is taken, whoever was chosen, and every line is left', async () => {
    const engine = await start(file(PAIR, { m: ONE, n: ONE }), taking({ m: 60_000, n: 300 }))
    const calls = Array.from({ length: 5 }, () => engine.ask('a'))
    await engine.advance(900)
    assert.deepEqual(times(engine, 'n'), [0, 300, 600, 900])
    await engine.advance(299)
    assert.deepEqual(['m', 'n'].map(engine.board.waiting), [0, 0])
    await engine.advance(60_000)
    const ends = await Promise.all(calls.map(({ done }) => done))
    assert.deepEqual(ends.filter(({ at }) => at <= 1200).length, 4)
    const [last] = ends.slice(-1)
    assert.deepEqual([last?.status, last?.settled.trail.steps[0]?.waitedMs], [200, 900])
    atRest(engine)
  })

  test('two that come free in one moment: one is taken, the other is given back', async () => {
    const engine = await start(file(PAIR, { m: ONE, n: ONE }), () => ({}))
    const held = await Promise.all([1, 2].map(() => engine.ask('a', { hold: true }).done))
    const third = engine.ask('a', { hold: true })
    await engine.advance(0)
    assert.deepEqual([engine.sent.length, engine.board.gauges().waiting], [2, 1])
    for (const { settled } of held) if (settled.kind === 'answered') settled.answered.lease.release()
    const { settled } = await third.done
    await engine.advance(0)
    assert.deepEqual([engine.sent.length, engine.board.gauges().inFlight], [3, 1])
    if (settled.kind === 'answered') settled.answered.lease.release()
    atRest(engine)
  })

  test('a client that leaves while it stands in line leaves every line', async () => {
    const engine = await start(file(PAIR, { m: ONE, n: ONE }), taking({ m: 500, n: 500 }))
    const calls = [engine.ask('a'), engine.ask('a')]
    await engine.advance(100)
    const leaver = engine.ask('a')
    await engine.advance(100)
    leaver.client.abort()
    const { settled } = await leaver.done
    assert.equal(settled.kind === 'failed' && settled.failure.class, 'client_gone')
    await engine.advance(300)
    for (const { done } of calls) assert.equal((await done).status, 200)
    assert.equal(engine.sent.length, 2)
    atRest(engine)
  })

  test('with nobody else to ask it is waited for as long as the request has time', async () => {
    const engine = await start(file({ a: ['m'] }, { m: ONE }), taking({ m: 100_000 }))
    const calls = [engine.ask('a'), engine.ask('a')]
    await engine.advance(200_000)
    for (const { done } of calls) assert.equal((await done).status, 200)
    assert.deepEqual(times(engine), [0, 100_000])
    atRest(engine)
  })

  test('a slot that comes free as the time of the request ends goes back, and nobody is asked', async () => {
    const router = ', total_timeout: 1'
    const engine = await start(file({ a: ['m'] }, { m: ONE }, router), taking({ m: 'never' }))
    const first = engine.ask('a')
    await engine.advance(0)
    const second = engine.ask('a')
    await engine.advance(1000)
    for (const { done } of [first, second]) assert.equal((await done).status, 408)
    assert.deepEqual(times(engine), [0])
    atRest(engine)
  })
})

describe('a primary that hangs with all its slots taken keeps nobody from the backup', () => {
  const GROUPS = { a: ['m'], b: ['o'] }

  test('after as long as anything is waited for beside one, another group is asked', async () => {
    const engine = await start(
      file(GROUPS, { m: ONE }, ', timeout: 60, fallbacks: [{a: [b]}]'),
      taking({ m: 'never' }),
    )
    const first = engine.ask('a')
    const others = Array.from({ length: 20 }, () => engine.ask('a'))
    await engine.advance(4999)
    assert.equal(engine.sent.length, 1)
    await engine.advance(1)
    for (const { done } of others) assert.deepEqual(answered(await done), [200, 'openai/o'])
    await engine.advance(60_000)
    assert.deepEqual(answered(await first.done), [200, 'openai/o'])
    assert.equal(times(engine, 'm').length, 1)
    assert.equal(engine.board.cooling('m'), undefined, 'standing in line says nothing about the deployment')
    atRest(engine)
  })

  test('another order level as well', async () => {
    const orders = { m: `${ONE}, order: 1`, n: 'order: 2' }
    const engine = await start(file(PAIR, orders, ', timeout: 60'), taking({ m: 'never' }))
    const calls = [engine.ask('a'), engine.ask('a')]
    await engine.advance(5000)
    assert.deepEqual(times(engine, 'n'), [5000])
    await engine.advance(60_000)
    for (const { done } of calls) assert.deepEqual(answered(await done), [200, 'openai/n'])
    atRest(engine)
  })

  test('max_retry_wait_with_fallback says how long', async () => {
    const engine = await start(
      file(GROUPS, { m: ONE }, ', timeout: 60, max_retry_wait_with_fallback: 1, fallbacks: [{a: [b]}]'),
      taking({ m: 'never' }),
    )
    const calls = [engine.ask('a'), engine.ask('a')]
    await engine.advance(1000)
    assert.deepEqual(times(engine, 'o'), [1000])
    await engine.advance(60_000)
    for (const { done } of calls) assert.equal((await done).status, 200)
    atRest(engine)
  })

  test('but nobody leaves the line for one that is as full', async () => {
    const engine = await start(
      file({ a: ['m'], b: ['o'] }, { m: ONE, o: ONE }, ', fallbacks: [{a: [b]}]'),
      taking({ m: 20_000, o: 60_000 }),
    )
    const held = [engine.ask('b'), engine.ask('a')]
    await engine.advance(0)
    const waits = engine.ask('a')
    await engine.advance(40_000)
    const { at, ...end } = await waits.done
    assert.deepEqual([at, ...answered({ at, ...end })], [40_000, 200, 'openai/m'])
    await engine.advance(60_000)
    for (const { done } of held) assert.equal((await done).status, 200)
    atRest(engine)
  })

  test('and whoever waits goes as soon as somebody can be', async () => {
    const engine = await start(
      file({ a: ['m'], b: ['o'] }, { m: ONE, o: ONE }, ', timeout: 60, fallbacks: [{a: [b]}]'),
      ({ model, earlier }) => ({ afterMs: model === 'm' ? 'never' : earlier === 0 ? 8_500 : 0 }),
    )
    const held = [engine.ask('b'), engine.ask('a')]
    await engine.advance(0)
    const waits = engine.ask('a')
    await engine.advance(9_000)
    assert.deepEqual(answered(await waits.done), [200, 'openai/o'])
    await engine.advance(60_000)
    for (const { done } of held) assert.equal((await done).status, 200)
    atRest(engine)
  })

  test('a backup that fails too: the client reads that the slots were taken, as a rate limit', async () => {
    const engine = await start(
      file(GROUPS, { m: ONE }, ', timeout: 60, fallbacks: [{a: [b]}]'),
      ({ model }) => (model === 'm' ? { afterMs: 'never' } : { status: 500 }),
    )
    const first = engine.ask('a')
    const second = engine.ask('a')
    await engine.advance(5000)
    const { settled, status } = await second.done
    assert.equal(status, 429)
    assert.ok(settled.kind === 'failed')
    assert.match(
      settled.message,
      /^No deployments available for selected model\. Passed model=a\. All parallel slots are taken\./,
    )
    await engine.advance(60_000)
    await first.done
    atRest(engine)
  })
})

test('over sockets: a sibling with room answers while the other one is full', {
  timeout: 60_000,
}, async t => {
  const on = await play(t, {
    stages: { stage: { models: ['*'] } },
    start: steady().start,
    config: ({ stage }) => ({
      model_list: [
        deployment('a', stage, 'm', { max_parallel_requests: 1 }),
        deployment('a', stage, 'n', { max_parallel_requests: 50 }),
      ],
      router_settings: { num_retries: 0, timeout: 20 },
    }),
  })
  const { stage } = on.stages
  stage.script([{ kind: 'stall', when: 'before-headers' }], { model: 'm' })
  // Until the one that stalls has its request, whoever the dice choose.
  while (!asked(stage).includes('m')) {
    const sofar = stage.requests.length
    await on.send({ path: '/v1/chat/completions', body: chat('a') })
    await stage.waitForRequest(sofar + 1)
  }
  const replies = await Promise.all(
    Array.from({ length: 20 }, () => on.ask('/v1/chat/completions', chat('a'))),
  )
  for (const reply of replies) assert.equal(reply.status, 200)
  assert.equal(asked(stage).filter(model => model === 'm').length, 1)
})
