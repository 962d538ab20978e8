import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { atRest, type Outcome, type Reply, type Sent, stageOf, startEngine, times } from './support/engine.ts'
import { deployment, play } from './support/harness.ts'
import { asked, chat, steady } from './support/steady.ts'

/** rpm and tpm as hard limits: they hold for whoever has stood in line or slept, too. */

type Limits = Readonly<Record<string, string>>

const file = (groups: Readonly<Record<string, readonly string[]>>, limits: Limits, router = ''): string =>
  Object.entries(limits).reduce(
    (text, [id, more]) =>
      text.replace(`api_key: k}, model_info: {id: ${id}}`, `api_key: k, ${more}}, model_info: {id: ${id}}`),
    stageOf(
      groups,
      `router_settings: {num_retries: 0, optional_pre_call_checks: [enforce_model_rate_limits]${router}}`,
    ),
  )

const start = (source: string, script: (sent: Sent) => Reply = () => ({ afterMs: 100 })) =>
  startEngine(source, { script, roll: () => 0 })

const ONE = 'max_parallel_requests: 1'

const failureOf = ({ settled }: Outcome) =>
  settled.kind === 'failed' ? settled.failure : assert.fail('it was answered')

describe('a limit of the minute holds for those who have waited', () => {
  test('whoever gets a slot after the last request that rpm allows is told so, and counts nowhere', async () => {
    const engine = await start(file({ a: ['m'] }, { m: `${ONE}, rpm: 2` }))
    const calls = Array.from({ length: 5 }, () => engine.ask('a'))
    await engine.advance(1000)
    const ends = await Promise.all(calls.map(({ done }) => done))
    assert.deepEqual(
      ends.map(({ status }) => status),
      [200, 200, 429, 429, 429],
    )
    for (const end of ends.slice(2)) {
      assert.match(failureOf(end).message, /RPM limit=2, current usage=/)
      assert.equal(failureOf(end).retryAfterMs, 60_000)
    }
    assert.deepEqual([times(engine), engine.board.usage('m').requests], [[0, 100], 2])
    atRest(engine)
  })

  test('a sibling is asked instead', async () => {
    const limits = { m: `${ONE}, rpm: 2`, n: ONE }
    const engine = await start(file({ a: ['m', 'n'] }, limits), ({ model }) => ({
      afterMs: model === 'm' ? 100 : 1000,
    }))
    const calls = [engine.ask('a'), engine.ask('a'), engine.ask('a'), engine.ask('a')]
    await engine.advance(3000)
    for (const { done } of calls) assert.equal((await done).status, 200)
    assert.deepEqual(
      [times(engine, 'm'), times(engine, 'n')],
      [
        [0, 100],
        [0, 1000],
      ],
    )
    atRest(engine)
  })

  test('or another group', async () => {
    const engine = await start(
      file({ a: ['m'], b: ['o'] }, { m: `${ONE}, rpm: 2` }, ', fallbacks: [{a: [b]}]'),
    )
    const calls = [engine.ask('a'), engine.ask('a'), engine.ask('a')]
    await engine.advance(1000)
    for (const { done } of calls) assert.equal((await done).status, 200)
    assert.deepEqual([times(engine, 'm'), times(engine, 'o')], [[0, 100], [200]])
    atRest(engine)
  })

  test('tokens that an answer has used up count for the next in line', async () => {
    const engine = await start(file({ a: ['m'] }, { m: `${ONE}, tpm: 1000` }), () => ({}))
    const first = await engine.ask('a', { hold: true }).done
    const second = engine.ask('a')
    await engine.advance(0)
    assert.equal(engine.board.gauges().waiting, 1)
    const usage = { inputTokens: 900, outputTokens: 100 } as never
    if (first.settled.kind === 'answered')
      first.settled.answered.lease.settle({ kind: 'success', usage, totalMs: 1, firstTokenMs: undefined })
    const end = await second.done
    assert.equal(end.status, 429)
    assert.match(failureOf(end).message, /TPM limit=1000, current usage=1000/)
    assert.equal(engine.sent.length, 1)
    atRest(engine)
  })

  test('two that slept until the same moment: the limit has room for one of them', async () => {
    const engine = await start(
      file({ a: ['m'] }, { m: 'rpm: 3, num_retries: 1', n: '' }, ', retry_after: 1'),
      ({ earlier }) => (earlier < 2 ? { status: 500 } : {}),
    )
    const calls = [engine.ask('a'), engine.ask('a')]
    await engine.advance(5000)
    const ends = await Promise.all(calls.map(({ done }) => done))
    assert.deepEqual(
      ends.map(({ status }) => status),
      [200, 500],
      'the failure that was there says more than a limit',
    )
    assert.equal(engine.sent.length, 3)
    atRest(engine)
  })

  test('without the check nothing is refused', async () => {
    const source = file({ a: ['m'] }, { m: `${ONE}, rpm: 2` }).replace('[enforce_model_rate_limits]', '[]')
    const engine = await start(source)
    const calls = Array.from({ length: 4 }, () => engine.ask('a'))
    await engine.advance(1000)
    for (const { done } of calls) assert.equal((await done).status, 200)
    atRest(engine)
  })

  test('with enable_pre_call_checks rpm holds as well', async () => {
    const source = file({ a: ['m'] }, { m: `${ONE}, rpm: 2` }).replace(
      'optional_pre_call_checks: [enforce_model_rate_limits]',
      'enable_pre_call_checks: true',
    )
    const engine = await start(source)
    const calls = Array.from({ length: 4 }, () => engine.ask('a'))
    await engine.advance(1000)
    const ends = await Promise.all(calls.map(({ done }) => done))
    assert.deepEqual(
      ends.map(({ status }) => status),
      [200, 200, 429, 429],
    )
    atRest(engine)
  })
})

test('over sockets: of ten that come at once, as many are sent as the minute allows', {
  timeout: 60_000,
}, async t => {
  const on = await play(t, {
    stages: { stage: { models: ['*'] } },
    start: steady().start,
    config: ({ stage }) => ({
      model_list: [deployment('a', stage, 'm', { max_parallel_requests: 1, rpm: 3 })],
      router_settings: { num_retries: 0, optional_pre_call_checks: ['enforce_model_rate_limits'] },
    }),
  })
  const replies = await Promise.all(
    Array.from({ length: 10 }, () => on.ask('/v1/chat/completions', chat('a'))),
  )
  assert.deepEqual(replies.map(({ status }) => status).sort(), [...Array(3).fill(200), ...Array(7).fill(429)])
  for (const { status, headers } of replies) if (status === 429) assert.equal(headers['retry-after'], '60')
  assert.equal(asked(on.stages.stage).length, 3)
})
