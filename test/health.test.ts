import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { virtualClock } from '../src/shared/clock.ts'
import { createMemoryExchange } from '../src/shared/exchange.fixture.ts'
import {
  type Asked,
  atRest,
  type Engine,
  type Reply,
  type Sent,
  stageOf,
  startEngine,
  times,
} from './support/engine.ts'

/** What rests, what is asked all the same, and how it comes back: the whole engine in virtual time. */

const down: Reply = { status: 503 }
const resting = (engine: Engine): readonly string[] =>
  engine.board
    .snapshot()
    .filter(one => one.cooling !== undefined)
    .map(one => one.id)
    .toSorted()
const statuses = async (asked: readonly Asked[]): Promise<readonly number[]> =>
  Promise.all(asked.map(async one => (await one.done).status))

/** One request each second; the statuses, and at which second the primary answered again. */
const everySecond = async (engine: Engine, seconds: number) => {
  const asked: Asked[] = []
  for (let second = 0; second < seconds; second += 1) {
    asked.push(engine.ask('a'))
    await engine.advance(1000)
  }
  await engine.advance(10_000)
  return statuses(asked)
}

describe('an outage of a minute', () => {
  const outage =
    (model: string) =>
    (sent: Sent): Reply =>
      sent.model === model && sent.at < 60_000 ? down : {}

  test('a lone deployment with a fallback: everybody is served, and the first request after the outage is home', async () => {
    const file = stageOf({ a: ['m'], b: ['n'] }, 'router_settings: {fallbacks: [{a: [b]}]}')
    const engine = await startEngine(file, { script: outage('m') })
    assert.deepEqual(new Set(await everySecond(engine, 90)), new Set([200]))
    assert.deepEqual(resting(engine), [])
    const home = engine.sent.filter(one => one.at >= 60_000)
    assert.ok(home.every(one => one.model === 'm'))
    atRest(engine)
  })

  test('one of two: it is asked now and then by one request, never more than three at first, and is back within its rest', async () => {
    const engine = await startEngine(stageOf({ a: ['m', 'n'] }), { script: outage('m') })
    assert.deepEqual(new Set(await everySecond(engine, 120)), new Set([200]))
    const failed = times(engine, 'm').filter(at => at < 60_000)
    // Three in a row, then a probe after 5, 10 and 20 seconds more.
    assert.equal(failed.length, 6, String(failed))
    const back = times(engine, 'm').find(at => at >= 60_000) ?? Number.NaN
    assert.ok(back <= 60_000 + 30_000, `back after ${back}`)
    assert.ok(times(engine, 'm').filter(at => at > back).length > 10, 'and with its full share')
    assert.deepEqual(resting(engine), [])
    atRest(engine)
  })

  test('a group that is down whole: no request is refused for a rest, all are served when it is back', async () => {
    const engine = await startEngine(stageOf({ a: ['m', 'n', 'o'] }), {
      script: ({ at }) => (at < 60_000 ? down : {}),
    })
    const answers = await everySecond(engine, 90)
    assert.equal(new Set(answers.slice(0, 55)).has(429), false, 'a provider’s error, not ours')
    assert.deepEqual(new Set(answers.slice(61)), new Set([200]))
    atRest(engine)
  })
})

describe('a probe', () => {
  /** m fails three times and rests; the rest is over; n answers after 100 ms. */
  const recovering = async (probed: Reply, more = '') => {
    const script = ({ model, earlier, at }: Sent): Reply =>
      model === 'n' ? { afterMs: 100 } : earlier < 3 ? down : at < 12_000 ? probed : {}
    const engine = await startEngine(stageOf({ a: ['m', 'n'] }, more), { roll: () => 0, script })
    // The die draws the first one of the file whenever it may be drawn.
    for (let count = 0; count < 3; count += 1) await engine.play('a')
    assert.deepEqual(resting(engine), ['m'])
    await engine.advance(5600)
    assert.deepEqual(resting(engine), [])
    return engine
  }
  const crowd = (engine: Engine): readonly Asked[] => Array.from({ length: 10 }, () => engine.ask('a'))

  test('of ten who come at once one goes, and the others do not wait for it', async () => {
    const engine = await recovering({ afterMs: 3000 })
    const all = crowd(engine)
    await engine.advance(100)
    assert.equal(times(engine, 'm').length, 4)
    assert.equal(engine.board.gauges().probes, 1)
    const later = crowd(engine)
    await engine.advance(2900)
    assert.equal(times(engine, 'm').length, 4)
    assert.deepEqual(new Set(await statuses([...all, ...later])), new Set([200]))
    const home = crowd(engine)
    await engine.advance(3000)
    await statuses(home)
    assert.equal(times(engine, 'm').length, 14, 'all are back')
    atRest(engine)
  })

  test('that fails costs its request nothing but a retry, and the deployment rests twice as long', async () => {
    const engine = await recovering(down)
    const all = crowd(engine)
    await engine.advance(1000)
    assert.deepEqual(new Set(await statuses(all)), new Set([200]))
    assert.equal(times(engine, 'm').length, 4)
    const until = engine.board.cooling('m')?.until ?? 0
    assert.equal(until - (times(engine, 'm').at(-1) ?? 0), 9000, 'ten seconds less a tenth')
    atRest(engine)
  })

  test('whose client leaves gives its place to the next one', async () => {
    const engine = await recovering({ afterMs: 'never' })
    const first = engine.ask('a')
    await engine.advance(10)
    assert.equal(engine.board.gauges().probes, 1)
    first.client.abort()
    await first.done
    assert.equal(engine.board.gauges().probes, 0)
    assert.deepEqual(resting(engine), [])
    await engine.advance(8000)
    assert.equal((await engine.play('a')).models[0], 'openai/m')
    atRest(engine)
  })

  test('that waits for ever ends with its request, and is no lock', async () => {
    const engine = await recovering({ afterMs: 'never' }, 'router_settings: {timeout: 2}')
    const first = engine.ask('a')
    await engine.advance(2500)
    assert.equal((await first.done).status, 200)
    // It ran into the operator's limit: that is a failure of the probe.
    assert.deepEqual(resting(engine), ['m'])
    atRest(engine)
  })

  test('in a streamed answer others need not wait for its end', async () => {
    const engine = await recovering({})
    const streaming = engine.ask('a', { hold: true })
    await engine.advance(10)
    const { settled } = await streaming.done
    assert.equal(engine.board.gauges().probes, 0)
    assert.equal(engine.board.gauges().inFlight, 1)
    assert.deepEqual((await engine.play('a')).models, ['openai/m'])
    if (settled.kind === 'answered') settled.answered.lease.release()
    atRest(engine)
  })

  test('is one even among those who come out of a line together', async () => {
    const script = ({ model, at, earlier }: Sent): Reply => {
      // The last one before the reload holds its only slot then.
      if (model === 'n') return earlier === 3 ? { afterMs: 22_000 } : {}
      // Two long answers from before; then failures, then a slow recovery.
      return earlier < 2 ? { afterMs: 20_000 } : at < 5000 ? down : { afterMs: 500 }
    }
    const file = stageOf({ a: ['m', 'n'] }).replace(
      'api_key: k}, model_info: {id: m}',
      'api_key: k, max_parallel_requests: 5}, model_info: {id: m}',
    )
    const engine = await startEngine(file, { roll: () => 0, script })
    const old = [engine.ask('a'), engine.ask('a')]
    await engine.advance(0)
    for (let count = 0; count < 3; count += 1) await engine.play('a')
    assert.deepEqual(resting(engine), ['m'])
    old.push(engine.ask('a'))
    await engine.reload(
      file
        .replace('max_parallel_requests: 5', 'max_parallel_requests: 2')
        .replace(
          'api_key: k}, model_info: {id: n}',
          'api_key: k, max_parallel_requests: 1}, model_info: {id: n}',
        ),
    )
    await engine.advance(5600)
    // Both choose m, which nobody probes yet, and stand in line behind the old ones.
    const asked = [engine.ask('a'), engine.ask('a')]
    await engine.advance(1000)
    assert.equal(engine.board.gauges().waiting, 2)
    await engine.advance(13_400)
    assert.equal(engine.board.gauges().probes, 1)
    assert.equal(times(engine, 'm').length, 6)
    await engine.advance(5000)
    assert.deepEqual(await statuses([...old, ...asked]), [200, 200, 200, 200, 200])
    atRest(engine)
  })
})

test('M-058 neither a client’s timeout nor its departure nor its fault rests a deployment', async () => {
  const engine = await startEngine(stageOf({ a: ['m', 'n'] }, 'router_settings: {num_retries: 0}'), {
    script: ({ earlier }) => (earlier < 10 ? { afterMs: 1000 } : {}),
  })
  for (let count = 0; count < 10; count += 1) {
    await engine.play('a', { body: { timeout: 0.1 } })
    const { client, done } = engine.ask('a')
    await engine.advance(50)
    client.abort()
    await done
  }
  assert.deepEqual(resting(engine), [])
  assert.equal((await engine.play('a')).status, 200)
  const faulty = await startEngine(stageOf({ a: ['m', 'n'] }), { script: () => ({ status: 400 }) })
  for (let count = 0; count < 10; count += 1) await faulty.play('a')
  assert.deepEqual(resting(faulty), [])
  assert.equal(faulty.sent.length, 10)
  atRest(faulty)
})

test('M-046 M-061 a quota that is gone rests its deployment for five minutes; its sibling serves meanwhile', async () => {
  const engine = await startEngine(stageOf({ a: ['m', 'n'] }), {
    roll: () => 0,
    script: ({ model, at }) =>
      model === 'm' && at < 250_000
        ? {
            status: 429,
            error: {
              message: 'no money',
              type: 'insufficient_quota',
              param: null,
              code: 'insufficient_quota',
            },
          }
        : {},
  })
  assert.deepEqual((await engine.play('a')).models, ['openai/m', 'openai/n'])
  await engine.advance(299_000)
  assert.deepEqual((await engine.play('a')).models, ['openai/n'])
  await engine.advance(1000)
  assert.deepEqual((await engine.play('a')).models, ['openai/m'])
})

test('a reload with another key is the operator’s way to end a rest', async () => {
  const file = stageOf({ a: ['m'] })
  const engine = await startEngine(file, { script: ({ earlier }) => (earlier === 0 ? { status: 401 } : {}) })
  assert.equal((await engine.play('a')).status, 401)
  assert.equal((await engine.play('a')).status, 429)
  await engine.reload(file)
  assert.equal((await engine.play('a')).status, 429, 'an unchanged file ends nothing')
  await engine.reload(file.replace('api_key: k', 'api_key: mended'))
  assert.equal((await engine.play('a')).status, 200)
})

test('two gateways that hear of each other: what one was told the other honours', async () => {
  const time = virtualClock()
  const exchange = createMemoryExchange(time.clock)
  const script = (sent: Sent): Reply =>
    sent.at < 100 ? { status: 429, headers: { 'retry-after': '20' } } : {}
  const file = stageOf({ a: ['m'], p: ['x', 'y'] })
  const [one, two] = [
    await startEngine(file, { time, exchange: exchange.join(), roll: () => 0, script }),
    await startEngine(file, { time, exchange: exchange.join(), roll: () => 0, script }),
  ]
  await one.play('a', { body: { num_retries: 0 } })
  await one.play('p', { body: { num_retries: 0 } })
  await time.advance(100)
  const { done } = two.ask('a')
  assert.deepEqual((await two.play('p')).models, ['openai/y'])
  await time.advance(19_800)
  assert.deepEqual(times(two, 'm'), [])
  await time.advance(200)
  assert.equal((await done).status, 200)
  assert.deepEqual(times(two, 'm'), [20_000])
})
