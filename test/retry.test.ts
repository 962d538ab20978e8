import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { atRest, type Reply, type Sent, stageOf, startEngine, times } from './support/engine.ts'

/** When an attempt is made again. The whole engine in virtual time: no socket, no sleep. */

const limited = (seconds: number, more: Reply = {}): Reply => ({
  status: 429,
  headers: { 'retry-after': String(seconds) },
  ...more,
})
const down: Reply = { status: 500 }
describe('backoff', () => {
  test('full jitter: between nothing and half a second, doubled each time up to eight seconds', async () => {
    const gapsAt = async (roll: number): Promise<readonly number[]> => {
      const file = stageOf({ a: ['m'] }, 'router_settings: {num_retries: 7}')
      const engine = await startEngine(file, { roll: () => roll, script: () => down })
      await engine.play('a')
      atRest(engine)
      const at = times(engine)
      return at.slice(1).map((moment, place) => moment - (at[place] ?? 0))
    }
    assert.deepEqual(await gapsAt(0), [0, 0, 0, 0, 0, 0, 0])
    assert.deepEqual(await gapsAt(0.5), [250, 500, 1000, 2000, 4000, 4000, 4000])
    assert.deepEqual(await gapsAt(0.999), [500, 999, 1998, 3996, 7992, 7992, 7992])
  })

  test('the settings move both ends, and retry_after is the floor', async () => {
    const file = stageOf(
      { a: ['m'] },
      'router_settings: {num_retries: 3, retry_backoff: 1, max_retry_backoff: 2, retry_after: 0.9}',
    )
    const engine = await startEngine(file, { roll: () => 0.5, script: () => down })
    await engine.play('a')
    assert.deepEqual(times(engine), [0, 900, 1900, 2900])
  })

  test('a sibling is asked at once', async () => {
    const file = stageOf({ a: ['m1', 'm2'] }, 'router_settings: {num_retries: 1}')
    const engine = await startEngine(file, { roll: () => 0.9, script: () => down })
    await engine.play('a')
    assert.deepEqual(times(engine), [0, 0])
  })
})

describe('what a provider asked for', () => {
  const forms: readonly (readonly [string, Readonly<Record<string, string>>, number])[] = [
    ['seconds', { 'retry-after': '3' }, 3000],
    ['milliseconds', { 'retry-after-ms': '1500', 'retry-after': '2' }, 1500],
    [
      'a date',
      { 'retry-after': 'Thu, 01 Jan 2026 00:00:04 GMT', date: 'Thu, 01 Jan 2026 00:00:00 GMT' },
      4000,
    ],
    ['1s', { 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '1s' }, 1000],
    ['0m6s', { 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '0m6s' }, 6000],
    ['120ms', { 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '120ms' }, 120],
    ['the epoch', { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1767225605' }, 5000],
    [
      'RFC 3339',
      {
        'anthropic-ratelimit-requests-remaining': '0',
        'anthropic-ratelimit-requests-reset': '2026-01-01T00:00:07Z',
      },
      7000,
    ],
  ]
  for (const [name, headers, least] of forms)
    test(`${name}: nothing is sent before it, and the retry comes soon after it`, async () => {
      const script = ({ earlier }: Sent): Reply => (earlier === 0 ? { status: 429, headers } : {})
      const engine = await startEngine(stageOf({ a: ['m'] }), { script })
      const { status } = await engine.play('a')
      assert.equal(status, 200)
      const [, second = 0] = times(engine)
      assert.ok(second >= least && second <= least * 1.1 + 500, `sent after ${second} ms`)
      atRest(engine)
    })

  test('each retry reads the latest', async () => {
    const waits = [2, 5, 1]
    const script = ({ earlier }: Sent): Reply => {
      const wait = waits[earlier]
      return wait === undefined ? {} : limited(wait)
    }
    const engine = await startEngine(stageOf({ a: ['m'] }, 'router_settings: {num_retries: 3}'), {
      roll: () => 0,
      script,
    })
    assert.equal((await engine.play('a')).status, 200)
    assert.deepEqual(times(engine), [0, 2000, 7000, 8000])
  })

  test('of requests under way together the longest wait holds, whatever comes in after it', async () => {
    const script = ({ earlier }: Sent): Reply =>
      earlier === 0 ? limited(30) : earlier === 1 ? limited(2, { afterMs: 50 }) : {}
    const engine = await startEngine(stageOf({ a: ['m'] }), { roll: () => 0, script })
    const first = engine.ask('a')
    const second = engine.ask('a')
    await engine.advance(60_000)
    assert.deepEqual([(await first.done).status, (await second.done).status], [200, 200])
    assert.deepEqual(times(engine), [0, 0, 30_000, 30_000])
    atRest(engine)
  })

  test('M-040 invariant 17: the bound holds for every request, the first attempt of a lone deployment too', async () => {
    const engine = await startEngine(stageOf({ a: ['m'] }), {
      roll: () => 0,
      script: ({ earlier }) => (earlier === 0 ? limited(10) : {}),
    })
    const one = engine.ask('a', { body: { num_retries: 0 } })
    await engine.advance(1000)
    assert.equal((await one.done).status, 429)
    const later = engine.ask('a')
    await engine.advance(8000)
    assert.deepEqual(times(engine), [0], 'nothing before the bound')
    assert.equal(engine.board.gauges().sleeping, 1)
    await engine.advance(1000)
    assert.deepEqual(times(engine), [0, 10_000])
    assert.equal((await later.done).status, 200)
    atRest(engine)
  })

  test('the domain is address, credential and model: another name for it waits as well, another model does not', async () => {
    const list = ['one', 'two', 'three'].map(
      (group, at) =>
        `  - {model_name: ${group}, litellm_params: {model: openai/${at === 2 ? 'n' : 'm'}, api_base: "https://m.test/v1", api_key: k}}`,
    )
    const engine = await startEngine(`model_list:\n${list.join('\n')}\n`, {
      roll: () => 0,
      script: ({ model, earlier }) => (model === 'm' && earlier === 0 ? limited(10) : {}),
    })
    await engine.play('one', { body: { num_retries: 0 } })
    const two = engine.ask('two')
    const three = engine.ask('three')
    await engine.advance(0)
    assert.deepEqual(
      engine.sent.map(one => one.model),
      ['m', 'n'],
    )
    assert.equal((await three.done).status, 200)
    await engine.advance(10_000)
    assert.equal((await two.done).status, 200)
    assert.deepEqual(times(engine, 'm'), [0, 10_000])
  })

  test('a model behind a wildcard has the bound of its name, and no other model has', async () => {
    const file = `model_list:
  - {model_name: "w/*", litellm_params: {model: "openai/*", api_base: "https://m.test/v1", api_key: k}}
  - {model_name: named, litellm_params: {model: openai/x, api_base: "https://m.test/v1", api_key: k}}
`
    const engine = await startEngine(file, {
      roll: () => 0,
      script: ({ model, earlier }) => (model === 'x' && earlier === 0 ? limited(10) : {}),
    })
    await engine.play('w/x', { body: { num_retries: 0 } })
    assert.equal((await engine.play('w/y')).at, 0)
    assert.equal((await engine.play('named')).at, 10_000)
  })

  test('it holds for who stood in line when it was said', async () => {
    const file = stageOf({ a: ['m'] }, 'router_settings: {default_max_parallel_requests: 1}')
    const engine = await startEngine(file, {
      roll: () => 0,
      script: ({ earlier }) => (earlier === 0 ? limited(10, { afterMs: 1000 }) : {}),
    })
    const first = engine.ask('a', { body: { num_retries: 0 } })
    const second = engine.ask('a')
    await engine.advance(500)
    assert.equal(engine.board.gauges().waiting, 1)
    await engine.advance(10_499)
    assert.equal((await first.done).status, 429)
    assert.deepEqual(times(engine), [0])
    await engine.advance(1)
    assert.equal((await second.done).status, 200)
    assert.deepEqual(times(engine), [0, 11_000])
    atRest(engine)
  })

  test('those who wait for one moment do not all go in the same millisecond', async () => {
    const engine = await startEngine(stageOf({ a: ['m'] }), {
      script: ({ earlier }) => (earlier === 0 ? limited(30) : {}),
    })
    await engine.play('a', { body: { num_retries: 0 } })
    const waiting = Array.from({ length: 20 }, () => engine.ask('a'))
    await engine.advance(31_000)
    await Promise.all(waiting.map(one => one.done))
    const at = times(engine).slice(1)
    assert.ok(at.every(moment => moment >= 30_000 && moment <= 30_500))
    assert.ok(new Set(at).size > 10)
    atRest(engine)
  })

  test('a client that leaves while it waits leaves nothing behind', async () => {
    const engine = await startEngine(stageOf({ a: ['m'] }), { script: () => limited(10) })
    const { client, done } = engine.ask('a')
    await engine.advance(5000)
    assert.deepEqual(engine.board.gauges(), {
      inFlight: 0,
      waiting: 0,
      extraAttempts: 1,
      sleeping: 1,
      probes: 0,
    })
    client.abort()
    const { settled } = await done
    assert.equal(settled.kind === 'failed' && settled.failure.class, 'client_gone')
    atRest(engine)
    await engine.advance(60_000)
    assert.deepEqual(times(engine), [0])
  })

  test('a wait that is too long is not begun: the next group is asked at once, or the client is told', async () => {
    const file = (settings = '') =>
      stageOf({ a: ['m'], b: ['n'], c: ['o'] }, `router_settings: {fallbacks: [{a: [b]}]${settings}}`)
    const script = ({ model }: Sent): Reply => (model === 'm' ? limited(6) : model === 'o' ? limited(61) : {})
    const engine = await startEngine(file(), { roll: () => 0, script })
    assert.deepEqual(await engine.play('a').then(one => [one.at, one.models]), [0, ['openai/m', 'openai/n']])
    // Known by now: the primary is not even asked.
    assert.deepEqual(await engine.play('a').then(one => [one.at, one.models]), [0, ['openai/n']])
    const told = await engine.play('c')
    assert.deepEqual([told.at, told.status], [0, 429])
    const again = await engine.play('c')
    assert.deepEqual([again.at, again.status, again.models], [0, 429, []])
    const { settled } = again
    assert.equal(settled.kind === 'failed' && settled.failure.retryAfterMs, 61_000)
    assert.match(
      settled.kind === 'failed' ? settled.message : '',
      /Try again in 61 seconds.*cooldown_list=\['o'\]/,
    )
    const patient = await startEngine(file(', max_retry_wait: 70, max_retry_wait_with_fallback: 7'), {
      roll: () => 0,
      script: one => (one.earlier === 0 ? script(one) : {}),
    })
    assert.deepEqual(await patient.play('a').then(one => [one.at, one.models]), [
      6000,
      ['openai/m', 'openai/m'],
    ])
    assert.equal((await patient.play('c')).at, 6000 + 61_000)
  })

  test('of several limits the client hears the one that ends first: of a sibling, of a fallback, of who was not even asked', async () => {
    const waits: Readonly<Record<string, number>> = { m: 30, n: 12, o: 20, p: 50 }
    const engine = await startEngine(
      stageOf(
        { a: ['m', 'n'], b: ['o'], c: ['p'] },
        'router_settings: {max_retry_wait: 1, fallbacks: [{b: [c]}, {c: [a]}]}',
      ),
      { roll: () => 0, script: ({ model }) => limited(waits[model] ?? 0) },
    )
    const told = async (group: string) => {
      const { settled, status } = await engine.play(group)
      return [status, settled.kind === 'failed' && settled.failure.retryAfterMs]
    }
    assert.deepEqual(await told('b'), [429, 12_000], 'b: 20 s, c: 50 s, a: 30 s and 12 s')
    await engine.advance(1000)
    assert.deepEqual(await told('c'), [429, 11_000], 'nobody is asked, and the wait is the same')
    assert.equal(engine.sent.length, 4)
    atRest(engine)
  })

  test('a limit that nobody has given a number is told as long as its rest', async () => {
    const engine = await startEngine(stageOf({ a: ['m', 'n'] }), {
      roll: () => 0,
      script: () => ({ status: 429, error: { message: 'slow down', type: null, code: null } }),
    })
    const { settled } = await engine.play('a')
    assert.equal(settled.kind === 'failed' && settled.failure.retryAfterMs, 5000)
    atRest(engine)
  })

  test('the next order level is not kept waiting for the first one', async () => {
    const file = `model_list:
  - {model_name: a, litellm_params: {model: openai/m, api_base: "https://m.test/v1", api_key: k, order: 1}}
  - {model_name: a, litellm_params: {model: openai/n, api_base: "https://n.test/v1", api_key: k, order: 2}}
`
    const script = ({ model }: Sent): Reply =>
      model === 'm' ? { status: 503, headers: { 'retry-after': '20' } } : {}
    const engine = await startEngine(file, { roll: () => 0, script })
    assert.deepEqual(await engine.play('a').then(one => [one.at, one.models]), [0, ['openai/m', 'openai/n']])
    assert.deepEqual(await engine.play('a').then(one => [one.at, one.models]), [0, ['openai/n']])
  })

  test('a deployment that may be asked again goes before one that has to be waited for', async () => {
    const file = stageOf({ a: ['m', 'n'], b: ['n'] }, 'router_settings: {num_retries: 1}').replace(
      'id: n}',
      'id: n1}',
    )
    const engine = await startEngine(file, {
      roll: () => 0,
      script: ({ model, earlier }) =>
        model === 'n' ? { status: 503, headers: { 'retry-after': '40' } } : earlier === 0 ? down : {},
    })
    await engine.play('b', { body: { num_retries: 0 } })
    const { status, at, models } = await engine.play('a')
    assert.deepEqual([status, at, models], [200, 0, ['openai/m', 'openai/m']])
  })
})
