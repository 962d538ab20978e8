import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { atRest, type Outcome, type Reply, type Sent, stageOf, startEngine, times } from './support/engine.ts'
import { deployment, play } from './support/harness.ts'
import { asked, chat, message, response, steady } from './support/steady.ts'

/** A line for a parallel slot: who goes first, how long it may be, and what who is not let in reads. */

type Groups = Readonly<Record<string, readonly string[]>>

/** Every deployment takes one request at once. */
const file = (groups: Groups, router = ''): string =>
  stageOf(groups, `router_settings: {num_retries: 0, default_max_parallel_requests: 1${router}}`)

const start = (source: string, script: (sent: Sent) => Reply = () => ({ afterMs: 100 })) =>
  startEngine(source, { script, roll: () => 0 })

const failureOf = ({ settled }: Outcome) =>
  settled.kind === 'failed' ? settled.failure : assert.fail('it was answered')

describe('in a line', () => {
  for (const [groups, name] of [
    [{ a: ['m'] }, 'for one deployment'],
    [{ a: ['m', 'n'] }, 'for several'],
  ] as const)
    test(`${name} smaller priority goes first, equals as they came, and the file says what the silent ones have`, async () => {
      const order = async (more: string) => {
        const engine = await start(file(groups, more))
        const held = groups.a.map(() => engine.ask('a'))
        await engine.advance(0)
        const came: string[] = []
        const priorities = [5, undefined, 1, 5, 0] as const
        const all = priorities.map((priority, place) =>
          engine
            .ask('a', { body: { user: String(place), ...(priority === undefined ? {} : { priority }) } })
            .done.then(outcome => assert.equal(outcome.status, 200)),
        )
        await engine.advance(2000)
        await Promise.all([...all, ...held.map(({ done }) => done)])
        for (const { body } of engine.sent.slice(groups.a.length)) {
          came.push(String(body.user))
          assert.equal(body.priority, undefined)
        }
        atRest(engine)
        return came
      }
      assert.deepEqual(await order(''), ['1', '4', '2', '0', '3'])
      assert.deepEqual(await order(', default_priority: 3'), ['4', '2', '1', '0', '3'])
    })

  test('whoever leaves gives its place to the next', async () => {
    const engine = await start(file({ a: ['m'] }))
    const held = engine.ask('a')
    await engine.advance(0)
    const [urgent, calm] = [0, 9].map(priority => engine.ask('a', { body: { priority } }))
    await engine.advance(50)
    urgent?.client.abort()
    assert.equal((await urgent?.done)?.status, 499)
    await engine.advance(200)
    for (const one of [held, calm]) assert.equal((await one?.done)?.status, 200)
    assert.deepEqual(times(engine), [0, 100])
    atRest(engine)
  })
})

describe('a line that is full', () => {
  const SIZE = ', parallel_queue_size: 2'

  test('by default no line is', async () => {
    const engine = await start(file({ a: ['m'] }))
    const calls = Array.from({ length: 300 }, () => engine.ask('a'))
    await engine.advance(30_000)
    for (const { done } of calls) assert.equal((await done).status, 200)
    atRest(engine)
  })

  test('with nobody else to ask the client reads 503 at once, and when to come again; who leaves makes room', async () => {
    const engine = await start(file({ a: ['m', 'n'] }, SIZE), () => ({ afterMs: 1000 }))
    const calls = Array.from({ length: 4 }, () => engine.ask('a'))
    await engine.advance(10)
    assert.equal(engine.board.gauges().waiting, 2)
    const turned = await engine.ask('a').done
    const { status, retryAfterMs, exception, message: text } = failureOf(turned)
    assert.deepEqual([status, retryAfterMs, exception, turned.at], [503, 1000, 'ServiceUnavailableError', 10])
    assert.match(
      text,
      /All parallel slots of model=a are taken, and as many requests as may wait for one are waiting\. Try again in 1 second\.$/,
    )
    calls[3]?.client.abort()
    await calls[3]?.done
    const next = engine.ask('a')
    await engine.advance(3000)
    const ends = await Promise.all([...calls, next].map(({ done }) => done))
    assert.deepEqual(
      ends.map(one => one.status),
      [200, 200, 200, 499, 200],
    )
    assert.equal(engine.board.cooling('m'), undefined)
    atRest(engine)
  })

  test('0 lets nobody wait', async () => {
    const engine = await start(file({ a: ['m'] }, ', parallel_queue_size: 0'))
    const first = engine.ask('a')
    assert.equal((await engine.ask('a').done).status, 503)
    await engine.advance(100)
    assert.equal((await first.done).status, 200)
    assert.equal((await engine.play('a')).status, 200)
    atRest(engine)
  })

  test('is no way to the backup: another order level is asked at once', async () => {
    const source = file({ a: ['m', 'n'] }, SIZE)
      .replace('model: openai/m,', 'model: openai/m, order: 1,')
      .replace('model: openai/n,', 'model: openai/n, order: 2,')
    const engine = await start(source, () => ({ afterMs: 1000 }))
    const calls = Array.from({ length: 4 }, () => engine.ask('a'))
    await engine.advance(3000)
    for (const { done } of calls) assert.equal((await done).status, 200)
    assert.deepEqual(times(engine, 'n'), [0])
    atRest(engine)
  })

  test('and another group, whose own line is as long', async () => {
    const engine = await start(file({ a: ['m'], b: ['o'] }, `${SIZE}, fallbacks: [{a: [b]}]`), () => ({
      afterMs: 1000,
    }))
    const calls = Array.from({ length: 7 }, () => engine.ask('a'))
    await engine.advance(0)
    assert.deepEqual([times(engine, 'o'), engine.board.gauges().waiting], [[0], 4])
    await engine.advance(5000)
    const ends = await Promise.all(calls.map(({ done }) => done))
    assert.deepEqual(
      ends.map(one => one.status),
      [200, 200, 200, 200, 200, 200, 503],
    )
    atRest(engine)
  })

  test('what the provider said before is told, and not that the line is full', async () => {
    const source = file({ a: ['m'] }, ', parallel_queue_size: 0').replace('num_retries: 0', 'num_retries: 1')
    const engine = await startEngine(source, {
      script: ({ earlier }) => (earlier === 0 ? { status: 500, afterMs: 100 } : { afterMs: 10_000 }),
      roll: () => 0.9,
    })
    const first = engine.ask('a')
    await engine.advance(200)
    const second = engine.ask('a')
    await engine.advance(20_000)
    assert.equal((await first.done).status, 500)
    assert.equal((await second.done).status, 200)
    atRest(engine)
  })
})

test('over sockets: the urgent one first, and 503 with retry-after in the dialect of whoever is not let in', {
  timeout: 60_000,
}, async t => {
  const house = steady()
  const on = await play(t, {
    stages: { stage: { models: ['*'] } },
    start: house.start,
    config: ({ stage }) => ({
      model_list: [deployment('a', stage, 'm', { max_parallel_requests: 1 })],
      router_settings: { num_retries: 0, timeout: 30, parallel_queue_size: 2 },
    }),
  })
  const { stage } = on.stages
  stage.script([{ kind: 'stall', when: 'before-headers' }], { model: 'm' })
  const { board } = house.served().house
  const leaving = new AbortController()
  const ask = (user: string, priority: number, signal?: AbortSignal) =>
    fetch(`${on.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${on.key}`, 'content-type': 'application/json' },
      body: JSON.stringify(chat('a', { user, priority })),
      ...(signal === undefined ? {} : { signal }),
    }).then(reply => reply.status)
  const first = ask('first', 0, leaving.signal).catch(() => 'left')
  await stage.waitForRequest(1)
  const inLine = async (size: number): Promise<void> => {
    while (board.gauges().waiting < size) await new Promise(resolve => setImmediate(resolve))
  }
  const calm = ask('calm', 7)
  await inLine(1)
  const urgent = ask('urgent', -1)
  await inLine(2)
  for (const [path, body] of [
    ['/v1/chat/completions', chat('a')],
    ['/v1/responses', response('a')],
    ['/v1/messages', message('a')],
  ] as const) {
    const reply = await on.ask(path, body)
    assert.deepEqual([reply.status, reply.headers['retry-after']], [503, '1'], path)
    const error = reply.json().error as { readonly message: string; readonly type: string }
    assert.match(error.message, /as many requests as may wait for one are waiting/)
    assert.equal(reply.json().type, path === '/v1/messages' ? 'error' : undefined)
  }
  leaving.abort()
  assert.deepEqual(await Promise.all([first, calm, urgent]), ['left', 200, 200])
  assert.equal(asked(stage).length, 3)
  const users = stage.requests.map(({ body }) => (JSON.parse(body.toString()) as { user?: string }).user)
  assert.deepEqual(users, ['first', 'urgent', 'calm'])
})
