import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { virtualClock } from '../src/shared/clock.ts'
import { createQueue, type Waiter } from '../src/shared/queue.ts'
import { Departure } from '../src/signal.ts'
import {
  atRest,
  type Engine,
  type EngineOptions,
  type Outcome,
  stageOf,
  startEngine,
  times,
} from './support/engine.ts'
import { deployment, play } from './support/harness.ts'
import { asked, chat, steady } from './support/steady.ts'

/** A whole group rests: who waits for it, for how long, in which order, and who is told to come again. */

const settings = (more: string) =>
  `router_settings: {num_retries: 0, allowed_fails: 0, cooldown_time: 10, ${more}}`

/** Two deployments, both at rest for ten seconds from now on. */
const resting = async (more: string, options: EngineOptions = {}): Promise<Engine> => {
  let down = true
  const engine = await startEngine(stageOf({ a: ['m1', 'm2'] }, settings(more)), {
    script: sent => (down ? { status: 500 } : (options.script?.(sent) ?? {})),
  })
  while (engine.board.cooling('m1') === undefined || engine.board.cooling('m2') === undefined)
    await engine.play('a')
  down = false
  engine.sent.length = 0
  return engine
}
const failureOf = ({ settled }: Outcome) =>
  settled.kind === 'failed' ? settled.failure : assert.fail('it was answered')

describe('a group that rests', () => {
  test('by default nobody waits', async () => {
    const engine = await resting('')
    const at = engine.now()
    const outcome = await engine.play('a')
    assert.deepEqual([outcome.status, outcome.at - at, engine.sent.length], [429, 0, 0])
  })

  test('with the setting a request waits for the first that comes back, and is answered', async () => {
    const engine = await resting('wait_for_cooldown_seconds: 10')
    const at = engine.now()
    const { done } = engine.ask('a')
    await engine.advance(9_999)
    assert.deepEqual([engine.board.gauges().waiting, engine.board.queue.waiting('a')], [1, 1])
    assert.equal(engine.sent.length, 0)
    await engine.advance(1)
    const outcome = await done
    assert.equal(outcome.status, 200)
    assert.deepEqual(times(engine), [at + 10_000])
    assert.equal(outcome.settled.trail.steps[0]?.waitedMs, 10_000)
    atRest(engine)
  })

  test('a rest that lasts longer than the setting, or than the request, is not waited for', async () => {
    for (const [more, body] of [
      ['wait_for_cooldown_seconds: 9.9', {}],
      ['wait_for_cooldown_seconds: 60, total_timeout: 8', {}],
      ['wait_for_cooldown_seconds: 60', { timeout: 8 }],
    ] as const) {
      const engine = await resting(more)
      const at = engine.now()
      const outcome = await engine.play('a', { body })
      assert.deepEqual([outcome.status, outcome.at - at], [429, 0], more)
      assert.equal(failureOf(outcome).retryAfterMs, 10_000)
      atRest(engine)
    }
  })

  test('nobody waits while another group can be asked', async () => {
    const file = (model: string) =>
      stageOf(
        { a: ['m1', 'm2'], b: ['rescue'] },
        settings(`wait_for_cooldown_seconds: 60, fallbacks: [{a: [${model}]}]`),
      )
    const engine = await startEngine(file('b'), {
      script: ({ model }) => (model === 'rescue' ? {} : { status: 500 }),
    })
    for (let round = 0; round < 8; round += 1) {
      const outcome = await engine.play('a')
      assert.equal(outcome.status, 200)
    }
    assert.equal(engine.now(), 0)
    assert.equal(engine.sent.length, 10)
  })

  test('a wrong key does not mend itself: hard rests are not waited for, rate limits are', async () => {
    for (const [status, headers, waits] of [
      [401, {}, false],
      [429, { 'retry-after': '20' }, true],
    ] as const) {
      const engine = await startEngine(
        stageOf({ a: ['m1', 'm2'] }, 'router_settings: {num_retries: 0, wait_for_cooldown_seconds: 600}'),
        { script: ({ earlier }) => (earlier === 0 ? { status, headers } : {}) },
      )
      await engine.play('a')
      await engine.play('a')
      const at = engine.now()
      const outcome = await engine.play('a')
      assert.equal(outcome.status, waits ? 200 : 429, String(status))
      assert.ok(waits ? outcome.at - at >= 20_000 : outcome.at === at)
      atRest(engine)
    }
  })

  test('a group that rests on is waited for once more, within the same time', async () => {
    const engine = await resting('wait_for_cooldown_seconds: 25', { script: () => ({ status: 500 }) })
    const at = engine.now()
    const outcomes = [engine.ask('a').done, engine.ask('a').done, engine.ask('a').done]
    await engine.advance(100_000)
    const all = await Promise.all(outcomes)
    // Two find out that it is still down; the third has waited on, and is let go with the next rest's end.
    assert.deepEqual(
      times(engine).map(one => one - at),
      [10_000, 10_005, 20_000],
    )
    assert.ok(all.every(one => one.status === 500))
    atRest(engine)
  })

  test('what was waited for one rest is not waited again for the next', async () => {
    const engine = await resting('wait_for_cooldown_seconds: 15', { script: () => ({ status: 500 }) })
    const at = engine.now()
    const outcomes = [1, 2, 3].map(() => engine.ask('a').done)
    await engine.advance(100_000)
    const all = await Promise.all(outcomes)
    assert.deepEqual(
      all.map(one => [one.status, one.at - at]),
      [
        [500, 10_000],
        [500, 10_005],
        [429, 10_010],
      ],
    )
    atRest(engine)
  })

  test('where an attempt was made its failure is told, and not that the queue is full', async () => {
    const file = `router_settings: {num_retries: 2, allowed_fails: 0, cooldown_time: 10, wait_for_cooldown_seconds: 30, cooldown_queue_size: 0}`
    const engine = await startEngine(stageOf({ a: ['m1', 'm2'] }, file), { script: () => ({ status: 500 }) })
    const outcome = await engine.play('a')
    assert.deepEqual([outcome.status, engine.sent.length], [500, 2])
    atRest(engine)
    // Be it that the one who was asked is of an order before.
    const ordered = stageOf({ a: ['m1', 'm2'] }, file)
      .replace('/m1,', '/m1, order: 1,')
      .replace('/m2,', '/m2, order: 2,')
    const other = await startEngine(ordered, { script: () => ({ status: 500 }) })
    await other.play('m2')
    assert.equal((await other.play('a')).status, 500)
    atRest(other)
  })

  test('smaller priority goes first, equals in the order they came, and the file says what the silent ones have', async () => {
    const order = async (more: string) => {
      const engine = await resting(`wait_for_cooldown_seconds: 30, ${more}`)
      const came: string[] = []
      const priorities = [5, undefined, 1, 5, 0] as const
      const all = priorities.map((priority, place) =>
        engine.ask('a', { body: priority === undefined ? {} : { priority } }).done.then(outcome => {
          assert.equal(outcome.status, 200)
          came.push(`${place}:${priority}`)
        }),
      )
      await engine.advance(20_000)
      await Promise.all(all)
      const first = times(engine)[0] ?? 0
      assert.deepEqual(
        times(engine).map(one => one - first),
        [0, 5, 10, 15, 20],
      )
      atRest(engine)
      return came
    }
    assert.deepEqual(await order(''), ['1:undefined', '4:0', '2:1', '0:5', '3:5'])
    assert.deepEqual(await order('default_priority: 3'), ['4:0', '2:1', '1:undefined', '0:5', '3:5'])
  })

  test('a full queue says so with 503 and when to come again; who leaves makes room', async () => {
    const engine = await resting('wait_for_cooldown_seconds: 30, cooldown_queue_size: 2')
    const first = engine.ask('a')
    const second = engine.ask('a')
    await engine.advance(1000)
    const turned = await engine.ask('a').done
    const { status, retryAfterMs, exception, message } = failureOf(turned)
    assert.deepEqual([status, retryAfterMs, exception], [503, 9000, 'ServiceUnavailableError'])
    assert.match(message, /as many requests as may wait for one are waiting\. Try again in 9 seconds\.$/)
    first.client.abort()
    assert.equal((await first.done).status, 499)
    assert.equal(engine.board.gauges().waiting, 1)
    const third = engine.ask('a')
    await engine.advance(10_000)
    assert.deepEqual([(await second.done).status, (await third.done).status], [200, 200])
    assert.equal(engine.sent.length, 2)
    atRest(engine)
  })
})

test('whoever comes, leaves and waits how long: everybody who stays goes, none before its time, the urgent before the others', async () => {
  const waiter = fc.record({
    at: fc.nat(50),
    ms: fc.integer({ min: 1, max: 60 }),
    priority: fc.nat(3),
    leavesAfter: fc.option(fc.nat(60), { nil: undefined }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(waiter, { maxLength: 12 }), async waiters => {
      const time = virtualClock()
      const queue = createQueue(time.clock)
      const ends = new Map<number, { stayed: boolean; at: number }>()
      for (const [place, { at, ms, priority, leavesAfter }] of waiters.entries())
        time.clock.after(at, () => {
          const client = new Departure()
          queue.enter('g', { priority, ms, signal: client, most: 99 })?.then(stayed => {
            ends.set(place, { stayed, at: time.now() })
          })
          if (leavesAfter !== undefined) time.clock.after(leavesAfter, () => client.abort())
        })
      await time.advance(10_000)
      assert.deepEqual([queue.waiting(), time.pending(), ends.size], [0, 0, waiters.length])
      for (const [place, { at, ms, priority, leavesAfter }] of waiters.entries()) {
        const end = ends.get(place)
        if (end?.stayed !== true) {
          assert.ok(leavesAfter !== undefined)
          continue
        }
        assert.ok(end.at >= at + ms, 'before its time')
        for (const [other, before] of waiters.entries()) {
          const rival = ends.get(other)
          // Who was let go first although its time had come no earlier was at least as urgent.
          if (rival?.stayed === true && rival.at < end.at && rival.at >= at + ms)
            assert.ok(before.priority <= priority, 'an urgent one was passed over')
        }
      }
    }),
    { numRuns: 300 },
  )
})

test('who leaves takes the turn it holds along, be it another one than it came with', async () => {
  const time = virtualClock()
  const queue = createQueue(time.clock)
  const calm = new Departure()
  const late = queue.enter('g', { priority: 1, ms: 10, signal: calm, most: 9 })
  const urgent = queue.enter('g', { priority: 0, ms: 10, signal: new Departure(), most: 9 })
  await time.advance(12)
  assert.equal(await urgent, true)
  calm.abort()
  assert.equal(await late, false)
  assert.deepEqual([queue.waiting(), time.pending()], [0, 0])
})

test('over sockets: the priority of a form counts as that of a body does', async t => {
  const house = steady()
  const on = await play(t, {
    stages: { stage: { models: ['*'] } },
    start: house.start,
    config: ({ stage }) => ({
      model_list: [deployment('a', stage, 'm1'), deployment('a', stage, 'm2')],
      router_settings: { num_retries: 0, allowed_fails: 0, cooldown_time: 2, wait_for_cooldown_seconds: 30 },
    }),
  })
  const { stage } = on.stages
  for (const model of ['m1', 'm2']) stage.script([{ kind: 'status', status: 500 }], { model })
  for (let times = 0; times < 2; times += 1)
    assert.equal((await on.ask('/v1/chat/completions', chat('a'))).status, 500)
  const { queue } = house.served().house.board
  const { enter } = queue
  const heard: number[] = []
  Object.assign(queue, {
    enter: (group: string, waiter: Waiter) => {
      heard.push(waiter.priority)
      return enter(group, waiter)
    },
  })
  const form = new FormData()
  form.set('model', 'a')
  form.set('priority', '3')
  form.set('file', new Blob(['RIFF']), 'a.wav')
  const answer = await fetch(`${on.url}/v1/audio/transcriptions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${on.key}` },
    body: form,
  })
  await answer.text()
  assert.equal(answer.status, 200)
  assert.deepEqual(new Set(heard), new Set([3]))
})

test('over sockets: a request waits for the rest to end and is answered, on chat and streamed; the next one is told to come again', async t => {
  for (const stream of [false, true]) {
    const on = await play(t, {
      stages: { stage: { models: ['*'] } },
      start: steady().start,
      config: ({ stage }) => ({
        model_list: ['m1', 'm2'].map(name => deployment('a', stage, name)),
        router_settings: {
          num_retries: 0,
          allowed_fails: 0,
          cooldown_time: 1,
          wait_for_cooldown_seconds: 30,
          cooldown_queue_size: 1,
        },
      }),
    })
    const { stage } = on.stages
    const out = { kind: 'status', status: 500, body: { error: { message: 'out' } } } as const
    for (const model of ['m1', 'm2']) stage.script([out], { model })
    const ask = () => on.ask('/v1/chat/completions', chat('a', { stream }))
    assert.equal((await ask()).status, 500)
    assert.equal((await ask()).status, 500)
    const both = await Promise.all([ask(), ask()])
    assert.deepEqual(both.map(reply => reply.status).sort(), [200, 503])
    const told = both.find(reply => reply.status === 503)
    assert.equal(told?.headers['retry-after'], '1')
    assert.equal(asked(stage).length, 3)
  }
})
