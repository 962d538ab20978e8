import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { describe, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createRelay } from '../src/shared/channel-way.ts'
import { seededDice, systemClock } from '../src/shared/clock.ts'
import { createMemoryExchange } from '../src/shared/exchange.fixture.ts'
import { createHub } from '../src/shared/exchange.ts'
import type { HealthEvent } from '../src/shared/ports.ts'
import { loadRedis } from '../src/shared/redis-connection.ts'
import { createRedisWay } from '../src/shared/redis-way.ts'
import { until } from './support/inside.ts'
import { needsRedis, redisSettings, startRedis } from './support/redis.ts'

/** What every way between boards keeps to, whatever it is made of. */

type Member = {
  readonly publish: (event: HealthEvent) => void
  readonly heard: readonly HealthEvent[]
  readonly leave: () => Promise<void>
}
/** Joins one more member; resolves when it has heard what holds. */
type Join = () => Promise<Member>

const clock = systemClock()

const memory = async (): Promise<Join> => {
  const { join } = createMemoryExchange(clock)
  return async () => {
    const exchange = join()
    const heard: HealthEvent[] = []
    const leave = exchange.subscribe(event => heard.push(event))
    return { publish: exchange.publish, heard, leave: async () => leave() }
  }
}

const CHILD = fileURLToPath(new URL('support/exchange-child.ts', import.meta.url))

const processes = async (t: TestContext): Promise<Join> => {
  const relay = createRelay(clock)
  return async () => {
    const child = fork(CHILD)
    t.after(() => void child.kill('SIGKILL'))
    const heard: HealthEvent[] = []
    const { promise: ready, resolve } = Promise.withResolvers<void>()
    relay.join({
      send: (message, sent) => child.send(message, sent),
      onMessage: hear => void child.on('message', hear),
    })
    child.on('message', (message: { readonly heard?: HealthEvent; readonly ready?: true }) => {
      if (message.heard !== undefined) heard.push(message.heard)
      if (message.ready) resolve()
    })
    await ready
    const leave = async (): Promise<void> => {
      child.disconnect()
      await once(child, 'exit')
    }
    return { publish: publish => void child.send({ publish }), heard, leave }
  }
}

const redis = async (t: TestContext): Promise<Join> => {
  const { port } = await startRedis(t)
  const open = await loadRedis()
  return async () => {
    const hub = createHub(clock)
    const options = { clock, dice: seededDice(1), open, event: () => {} }
    const way = hub.attach(createRedisWay(options, redisSettings(port)))
    t.after(() => way.close())
    const heard: HealthEvent[] = []
    hub.subscribe(event => heard.push(event))
    await way.ready
    return { publish: hub.publish, heard, leave: async () => way.close() }
  }
}

const MINUTE = 60_000
const bound = (domain: string, inMs = MINUTE): HealthEvent => ({
  kind: 'bound',
  domain,
  until: clock.wall() + inMs,
})
const rest = (deployment: string, inMs = MINUTE, began = clock.wall()): HealthEvent => ({
  kind: 'rest',
  deployment,
  domain: 'd',
  began,
  rest: {
    until: clock.wall() + inMs,
    kind: 'hard',
    level: 1,
    firm: true,
    status: 401,
    because: 'credential',
  },
})
const recovery = (deployment: string, began: number): HealthEvent => ({
  kind: 'recovery',
  deployment,
  domain: 'd',
  began,
  level: 1,
})

/** What a member tells is heard in order: when the last word is there, so is everything before it. */
const settle = async (from: Member, ...others: readonly Member[]): Promise<void> => {
  const mark = bound(`mark ${marks++}`)
  from.publish(mark)
  for (const { heard } of others)
    await until('the last word', () => heard.some(({ domain }) => domain === mark.domain))
}
let marks = 0
const saidTo = ({ heard }: Member): readonly HealthEvent[] =>
  heard.filter(({ domain }) => !domain.startsWith('mark'))

const contract = (start: (t: TestContext) => Promise<Join>): void => {
  test('everybody else hears it, word for word, and nobody himself', async t => {
    const join = await start(t)
    const [a, b, c] = [await join(), await join(), await join()]
    const events = [bound('d'), rest('one'), recovery('one', clock.wall() + 1)]
    for (const event of events) a.publish(event)
    await settle(a, b, c)
    assert.deepEqual([saidTo(a), saidTo(b), saidTo(c)], [[], events, events])
  })

  test('who comes later hears what still holds, and of that what holds longest', async t => {
    const join = await start(t)
    const [a, b] = [await join(), await join()]
    const longest = rest('one', MINUTE)
    a.publish(bound('over soon', 50))
    a.publish(longest)
    await settle(a, b)
    b.publish(rest('one', 1000))
    await settle(b, a)
    await until('it is over', () => (b.heard[0] as { until: number }).until < clock.wall())
    const late = await join()
    await settle(a, late)
    assert.deepEqual(saidTo(late), [longest])
  })

  test('a shorter deadline is nobody’s news; a longer one is', async t => {
    const join = await start(t)
    const [a, b, c] = [await join(), await join(), await join()]
    const [long, longer] = [bound('d', 2 * MINUTE), bound('d', 3 * MINUTE)]
    a.publish(long)
    await settle(a, b, c)
    b.publish(bound('d', MINUTE))
    b.publish(long)
    b.publish(longer)
    await settle(b, a, c)
    assert.deepEqual(saidTo(c), [long, longer])
  })

  test('what a recovery has ended does not come back, neither late nor to newcomers; what began after it does', async t => {
    const join = await start(t)
    const [a, b, c] = [await join(), await join(), await join()]
    const now = clock.wall()
    const over = recovery('one', now + 10)
    const after = rest('two', MINUTE, now + 20)
    a.publish(over)
    a.publish(rest('two', MINUTE, now))
    a.publish(recovery('two', now + 10))
    await settle(a, b, c)
    b.publish(rest('one', MINUTE, now))
    b.publish(after)
    await settle(b, a, c)
    assert.ok(!saidTo(c).some(event => event.kind === 'rest' && event.deployment === 'one'))
    const late = await join()
    await settle(a, late)
    assert.deepEqual(
      saidTo(late).filter(event => event.kind === 'rest'),
      [after],
    )
  })

  test('who has left hears nothing, and the others go on', async t => {
    const join = await start(t)
    const [a, b, c] = [await join(), await join(), await join()]
    await b.leave()
    a.publish(bound('d'))
    await settle(a, c)
    assert.equal(saidTo(c).length, 1)
    assert.deepEqual(b.heard, [])
  })
}

describe('in memory', () => contract(memory))
describe('between processes of one machine', () => contract(processes))
describe('over Redis', needsRedis, () => contract(redis))
