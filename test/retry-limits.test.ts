import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { atRest, type Engine, type Reply, type Sent, stageOf, startEngine, times } from './support/engine.ts'

/** What ends the retries of a request: its time, its attempts, its group's budget. In virtual time. */

const limited = (seconds: number): Reply => ({ status: 429, headers: { 'retry-after': String(seconds) } })
const down: Reply = { status: 500 }

describe('the time of a request', () => {
  const file = (settings: string) =>
    stageOf(
      { a: ['m'], b: ['n'] },
      `router_settings: {num_retries: 5, timeout: 20, fallbacks: [{a: [b]}], ${settings}}`,
    )
  const silent: Reply = { afterMs: 'never' }
  const failureOf = async (engine: Engine, asking = {}) => {
    const outcome = await engine.play('a', asking)
    if (outcome.settled.kind === 'answered') throw new Error('answered')
    return { ...outcome, failure: outcome.settled.failure, message: outcome.settled.message }
  }

  test('one attempt keeps its own limit, the next group has what is left, and then it is over: 408', async () => {
    const engine = await startEngine(file('total_timeout: 30'), { script: () => silent })
    const { at, status, failure, models, message } = await failureOf(engine)
    assert.deepEqual([at, status, models], [30_000, 408, ['openai/m', 'openai/n']])
    assert.equal(failure.class, 'timeout_total')
    assert.match(message, /timeout value=30\.0, time taken=30\.0 seconds/)
    atRest(engine)
    // The first ran into its own limit; the second had ten seconds only, which says nothing about it.
    assert.deepEqual(engine.board.latencies('m').perToken, [1000])
    assert.deepEqual(engine.board.latencies('n').perToken, [])
  })

  test('after it no attempt starts, in this group or another', async () => {
    const engine = await startEngine(file('total_timeout: 1'), {
      script: () => ({ status: 500, afterMs: 1000 }),
    })
    const { at, models, failure } = await failureOf(engine)
    assert.deepEqual([at, models, failure.class], [1000, ['openai/m'], 'timeout_total'])
    atRest(engine)
  })

  test('sleeps are part of it: one that would not end in time is not begun', async () => {
    const engine = await startEngine(
      stageOf({ a: ['m'] }, 'router_settings: {num_retries: 5, total_timeout: 3}'),
      {
        roll: () => 0,
        script: () => limited(2),
      },
    )
    const { at, status, failure } = await failureOf(engine)
    assert.deepEqual([at, status, times(engine)], [2000, 429, [0, 2000]])
    assert.equal(failure.retryAfterMs, 2000)
    atRest(engine)
  })

  test('a sleep that ends with the time is followed by nothing', async () => {
    const engine = await startEngine(stageOf({ a: ['m'] }, 'router_settings: {total_timeout: 2}'), {
      roll: () => 0,
      script: () => limited(2),
    })
    const { at, status } = await failureOf(engine)
    assert.deepEqual([status, times(engine)], [429, [0]])
    assert.ok(at <= 2000)
    atRest(engine)
  })

  test('the body of an answer is part of it', async () => {
    const engine = await startEngine(file('total_timeout: 5'), { script: () => ({ bodyAfterMs: 'never' }) })
    const { at, failure } = await failureOf(engine)
    assert.deepEqual([at, failure.class], [5000, 'timeout_total'])
    atRest(engine)
  })

  test('standing in line for a parallel slot is part of it', async () => {
    const limits = stageOf(
      { a: ['m'] },
      'router_settings: {total_timeout: 5, default_max_parallel_requests: 1}',
    )
    const engine = await startEngine(limits, { script: () => ({ afterMs: 60_000 }) })
    const first = engine.ask('a', { body: { timeout: 100 } })
    void first
    await engine.advance(0)
    const second = engine.ask('a')
    await engine.advance(4999)
    assert.equal(engine.board.gauges().waiting, 1)
    await engine.advance(1)
    const { settled, status } = await second.done
    assert.equal(status, 408)
    assert.equal(settled.kind === 'failed' && settled.failure.class, 'timeout_total')
    assert.equal(engine.board.gauges().waiting, 0)
    await engine.advance(60_000)
    atRest(engine)
  })

  for (const [name, asking] of [
    ['the body', { body: { timeout: 3 } }],
    ['a header', { headers: { 'x-litellm-timeout': '3' } }],
  ] as const)
    test(`a timeout in ${name} is the time of the whole request`, async () => {
      const script = ({ model }: Sent): Reply => (model === 'm' ? { status: 500, afterMs: 1000 } : silent)
      const engine = await startEngine(
        stageOf({ a: ['m'], b: ['n'] }, 'router_settings: {num_retries: 1, fallbacks: [{a: [b]}]}'),
        { roll: () => 0, script },
      )
      const { at, status, failure, models } = await failureOf(engine, asking)
      assert.deepEqual([at, status, models], [3000, 408, ['openai/m', 'openai/m', 'openai/n']])
      assert.equal(failure.class, 'timeout_client')
      assert.match(failure.message, /timeout value=3\.0/)
      assert.deepEqual(engine.board.latencies('n').perToken, [], 'a client chose it: nobody is blamed')
      atRest(engine)
    })

  test('a client may have less than the operator grants, never more', async () => {
    const engine = await startEngine(file('total_timeout: 10'), { script: () => silent })
    const { at, failure } = await failureOf(engine, { body: { timeout: 60 } })
    assert.deepEqual([at, failure.class], [10_000, 'timeout_total'])
  })

  test('nothing written: nothing that LiteLLM allows is cut short', async () => {
    const long = stageOf({ a: ['m'] }, 'litellm_settings: {request_timeout: 9000}')
    const engine = await startEngine(long, { script: () => ({ afterMs: 8_999_000 }) })
    assert.equal((await engine.play('a')).status, 200)
    const usual = await startEngine(stageOf({ a: ['m'] }), { script: () => silent })
    assert.equal((await failureOf(usual)).at, 6_000_000)
    const none = await startEngine(file('total_timeout: 0'), { script: () => silent })
    assert.equal((await failureOf(none)).at, 40_000, 'each attempt has its own 20 s')
  })
})

describe('how many', () => {
  test('max_attempts holds over all groups, and the answer is the first one’s failure', async () => {
    const groups = { a: ['a1'], b: ['b1'], c: ['c1'], d: ['d1'], e: ['e1'] }
    const settings = 'num_retries: 2, fallbacks: [{a: [b, c, d, e]}]'
    const usual = await startEngine(stageOf(groups, `router_settings: {${settings}}`), { script: () => down })
    const { settled } = await usual.play('a')
    assert.deepEqual(
      usual.sent.map(one => one.model),
      ['a1', 'a1', 'a1', 'b1', 'b1', 'b1', 'c1', 'c1', 'c1', 'd1'],
    )
    assert.match(settled.kind === 'failed' ? settled.message : '', /^litellm\.InternalServerError/)
    atRest(usual)
    const few = await startEngine(stageOf(groups, `router_settings: {${settings}, max_attempts: 2}`), {
      script: () => down,
    })
    await few.play('a', { body: { num_retries: 50 } })
    assert.equal(few.sent.length, 2)
    atRest(few)
  })
})

test('the last attempt has nobody to hand on to: what a filter emptied is the answer then', async () => {
  const filtered = {
    choices: [{ index: 0, message: { role: 'assistant', content: '' }, finish_reason: 'content_filter' }],
  }
  const answered = async (most: number) => {
    const file = stageOf(
      { a: ['m'], b: ['n'] },
      `router_settings: {content_policy_fallbacks: [{a: [b]}], max_attempts: ${most}}`,
    )
    const engine = await startEngine(file, {
      script: ({ model }) => (model === 'm' ? { json: filtered } : {}),
    })
    const { status, models } = await engine.play('a')
    atRest(engine)
    return [status, models]
  }
  assert.deepEqual(await answered(2), [200, ['openai/m', 'openai/n']])
  assert.deepEqual(await answered(1), [200, ['openai/m']])
})

describe('the retry budget', () => {
  const crowd = (engine: Engine, size: number, group = 'a') =>
    Array.from({ length: size }, () => engine.ask(group))

  test('lone deployment: at most three retries at once while little runs, and the others end with their failure', async () => {
    const engine = await startEngine(stageOf({ a: ['m'] }, 'router_settings: {num_retries: 1}'), {
      roll: () => 0.9,
      script: () => ({ status: 500, afterMs: 100 }),
    })
    const all = crowd(engine, 10)
    await engine.advance(100)
    assert.deepEqual(engine.board.gauges(), {
      inFlight: 0,
      waiting: 0,
      extraAttempts: 3,
      sleeping: 3,
      probes: 0,
    })
    await engine.advance(5000)
    for (const one of all) assert.equal((await one.done).status, 500)
    assert.equal(engine.sent.length, 13)
    atRest(engine)
  })

  test('a fifth of what runs in the group, those that sleep included', async () => {
    const engine = await startEngine(stageOf({ a: ['m'] }, 'router_settings: {num_retries: 1}'), {
      roll: () => 0.9,
      // The first forty go on for a long time, the others fail at once.
      script: ({ earlier }) => (earlier < 40 ? { afterMs: 60_000 } : down),
    })
    const running = crowd(engine, 40)
    await engine.advance(0)
    const failing = crowd(engine, 20)
    await engine.advance(0)
    // 20 % of the 40, and of the 9 sleepers that came to them.
    assert.equal(engine.board.budget.extras('a'), 9)
    assert.equal(engine.board.budget.sleeping('a'), 9)
    await engine.advance(60_000)
    await Promise.all([...running, ...failing].map(one => one.done))
    assert.equal(engine.sent.length, 69)
    atRest(engine)
  })

  test('when it is spent the next group is asked at once, and counts against its own budget', async () => {
    const file = stageOf({ a: ['m'], b: ['n'] }, 'router_settings: {num_retries: 1, fallbacks: [{a: [b]}]}')
    const engine = await startEngine(file, {
      roll: () => 0.9,
      script: ({ model }) => (model === 'm' ? down : { afterMs: 1000 }),
    })
    const all = crowd(engine, 10)
    await engine.advance(0)
    assert.equal(engine.board.budget.extras('a'), 3)
    assert.equal(engine.board.budget.extras('b'), 7, 'a hop counts, and is not refused')
    await engine.advance(5000)
    for (const one of all) assert.equal((await one.done).status, 200)
    assert.equal(times(engine, 'm').length, 13)
    atRest(engine)
  })

  test('without another group a sibling that was not asked is still asked: the budget makes no error of its own', async () => {
    const file = stageOf({ a: ['bad', 'good'] }, 'router_settings: {num_retries: 5, disable_cooldowns: true}')
    const engine = await startEngine(file, {
      // The first in the file is drawn first.
      roll: () => 0,
      script: ({ model }) => (model === 'bad' ? down : { afterMs: 1000 }),
    })
    const all = crowd(engine, 30)
    await engine.advance(1000)
    for (const one of all) assert.equal((await one.done).status, 200)
    assert.equal(times(engine, 'bad').length, 30, 'nobody was asked twice')
    atRest(engine)
  })

  test('a percentage, a least number, or none at all can be written', async () => {
    const most = async (settings: string): Promise<number> => {
      const engine = await startEngine(
        stageOf({ a: ['m'] }, `router_settings: {num_retries: 1, ${settings}}`),
        {
          roll: () => 0.9,
          script: () => ({ status: 500, afterMs: 100 }),
        },
      )
      const all = crowd(engine, 10)
      await engine.advance(100)
      const { extraAttempts } = engine.board.gauges()
      await engine.advance(5000)
      await Promise.all(all.map(one => one.done))
      atRest(engine)
      return extraAttempts
    }
    assert.equal(await most('retry_budget_min: 1, retry_budget_percent: 0'), 1)
    assert.equal(await most('retry_budget_min: 0, retry_budget_percent: 0'), 0)
    assert.equal(await most('retry_budget_min: 6'), 6)
    assert.equal(await most('disable_retry_budget: true'), 10)
  })

  test('given back on every way out: answer, failure, departure in sleep and in flight, end of time', async () => {
    const replies: readonly Reply[] = [down, { afterMs: 'never' }, {}, limited(3), { fault: 'reset' }]
    const engine = await startEngine(
      stageOf(
        { a: ['m'], b: ['n'] },
        'router_settings: {num_retries: 2, total_timeout: 20, fallbacks: [{a: [b]}]}',
      ),
      { seed: 7, script: ({ earlier }) => replies[earlier % replies.length] ?? {} },
    )
    const all = crowd(engine, 40)
    for (const [place, { client }] of all.entries()) {
      await engine.advance(50)
      if (place % 3 === 0) client.abort()
    }
    await engine.advance(30_000)
    await Promise.all(all.map(one => one.done))
    atRest(engine)
  })
})
