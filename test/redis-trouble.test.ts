import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { Secret } from '../src/config/secret.ts'
import type { HealthEvent } from '../src/shared/ports.ts'
import { until } from './support/inside.ts'
import { needsRedis, redisSettings, startProxy, startRedis } from './support/redis.ts'
import { bound, clock, startMember } from './support/redis-member.ts'

/** What an instance does while its server is away, slow, refuses, or comes back. */

const LOST = 'Redis is lost: this instance goes on with what it learns itself.'
const BACK = 'Redis is back: health is shared again.'

const RECORDS = '{understudy}:health:1:records'

test(
  'what was told while the server was away is heard when it is back, with one line for each',
  needsRedis,
  async t => {
    const server = await startRedis(t)
    const [a, b] = [startMember(t, redisSettings(server.port)), startMember(t, redisSettings(server.port))]
    await Promise.all([a.way.ready, b.way.ready])
    a.publish(bound('before'))
    await b.hears('before')
    await server.kill()
    await Promise.all([a.says(1), b.says(1)])
    a.publish(bound('meanwhile'))
    await server.restart()
    await b.hears('meanwhile', 10_000)
    await Promise.all([a.says(2), b.says(2)])
    // The server came back empty: what held before is told again, by whoever knows it.
    const late = startMember(t, redisSettings(server.port))
    await late.hears('before')
    a.publish(bound('after'))
    await b.hears('after')
    for (const { said } of [a, b]) assert.deepEqual(said(), [LOST, BACK])
  },
)

test(
  'a start without a server waits a quarter of a second at most, and joins when there is one',
  needsRedis,
  async t => {
    const server = await startRedis(t)
    await server.kill()
    const began = performance.now()
    const a = startMember(t, redisSettings(server.port))
    await a.way.ready
    assert.ok(performance.now() - began < 1000)
    a.publish(bound('early'))
    await server.restart()
    const b = startMember(t, redisSettings(server.port))
    await b.hears('early', 10_000)
    await a.says(2)
    assert.deepEqual(a.said(), [LOST, BACK])
  },
)

test('a start at a server that says nothing waits a quarter of a second at most', needsRedis, async t => {
  const server = await startRedis(t)
  const proxy = await startProxy(t, server.port)
  proxy.swallow()
  const a = startMember(t, redisSettings(proxy.port))
  await a.way.ready
  // Nobody has found out yet that it says nothing.
  assert.equal(a.lines.length, 0)
  await a.says(1)
  assert.equal(a.lines[0]?.fields?.reason, 'ETIMEDOUT')
  proxy.mend()
  await a.says(2)
})

test(
  'M-149 a connection that passes nothing is found out and left; nothing piles up, and all of it is told later',
  needsRedis,
  async t => {
    const server = await startRedis(t)
    const proxy = await startProxy(t, server.port)
    const a = startMember(t, redisSettings(proxy.port))
    const b = startMember(t, redisSettings(server.port))
    await Promise.all([a.way.ready, b.way.ready])
    proxy.swallow()
    const began = performance.now()
    for (let count = 0; count < 5000; count += 1) a.publish(bound(`d${count}`))
    assert.ok(performance.now() - began < 1000, 'publishing waits for nobody')
    await a.says(1)
    assert.ok(performance.now() - began < 3000, 'within seconds')
    assert.equal(a.lines[0]?.fields?.reason, 'ETIMEDOUT')
    proxy.mend()
    await b.hears('d4999', 10_000)
    await b.hears('d0')
    await a.says(2)
    assert.deepEqual(a.said(), [LOST, BACK])
    assert.deepEqual(b.said(), [])
  },
)

test('a pause of the process itself is not taken for a silent server', needsRedis, async t => {
  const server = await startRedis(t)
  const [a, b] = [startMember(t, redisSettings(server.port)), startMember(t, redisSettings(server.port))]
  await Promise.all([a.way.ready, b.way.ready])
  a.publish(bound('before'))
  const began = performance.now()
  while (performance.now() - began < 2500);
  a.publish(bound('after'))
  await b.hears('after')
  assert.deepEqual([a.said(), b.said()], [[], []])
})

test('an idle connection that passes nothing is found out as well', needsRedis, async t => {
  const server = await startRedis(t)
  const a = startMember(t, redisSettings(server.port))
  await a.way.ready
  server.freeze()
  await a.says(1)
  server.thaw()
  await a.says(2)
  assert.deepEqual(a.said(), [LOST, BACK])
})

test('more at once than the connection takes is told all the same, without a line', needsRedis, async t => {
  const server = await startRedis(t)
  const [a, b] = [startMember(t, redisSettings(server.port)), startMember(t, redisSettings(server.port))]
  await Promise.all([a.way.ready, b.way.ready])
  for (let count = 0; count < 1000; count += 1) a.publish(bound(`d${count}`))
  await until('all are heard', () => b.heard.length === 1000)
  assert.deepEqual(a.said(), [])
})

test('a connection that is cut is opened again', needsRedis, async t => {
  const server = await startRedis(t)
  const proxy = await startProxy(t, server.port)
  const a = startMember(t, redisSettings(proxy.port))
  const b = startMember(t, redisSettings(server.port))
  await Promise.all([a.way.ready, b.way.ready])
  proxy.cut()
  await a.says(1)
  b.publish(bound('meanwhile'))
  proxy.mend()
  await a.hears('meanwhile', 10_000)
  await a.says(2)
  assert.deepEqual(a.said(), [LOST, BACK])
  assert.ok(proxy.connections() <= 1, 'one connection, and none forgotten')
})

test('a replica that refuses writes counts as lost until it takes them', needsRedis, async t => {
  const server = await startRedis(t)
  const a = startMember(t, redisSettings(server.port))
  await a.way.ready
  a.publish(bound('before'))
  await server.ask('REPLICAOF', '127.0.0.1', '1')
  a.publish(bound('refused'))
  await a.says(1)
  assert.equal(a.lines[0]?.fields?.reason, 'READONLY')
  await server.ask('REPLICAOF', 'NO', 'ONE')
  await a.says(2)
  assert.deepEqual(a.said(), [LOST, BACK])
  assert.match(await server.ask('HKEYS', RECORDS), /bound refused/)
})

test(
  'without permission there is one line however often it is tried, and one when it is mended',
  needsRedis,
  async t => {
    const server = await startRedis(t)
    const a = startMember(t, redisSettings(server.port))
    await a.way.ready
    const attempts = async (): Promise<number> =>
      Number(/total_connections_received:(\d+)/.exec(await server.ask('INFO', 'stats'))?.[1])
    await server.ask('ACL', 'SETUSER', 'default', '-eval')
    a.publish(bound('refused'))
    await a.says(1)
    assert.equal(a.lines[0]?.fields?.reason, 'NOPERM')
    // Each question is a connection as well.
    const before = await attempts()
    let questions = 0
    while ((await attempts()) - before - ++questions < 3);
    assert.deepEqual(a.said(), [LOST])
    await server.ask('ACL', 'SETUSER', 'default', '+eval')
    await a.says(2)
    assert.match(await server.ask('HKEYS', RECORDS), /bound refused/)
  },
)

test('a server whose memory is full still takes what little health needs', needsRedis, async t => {
  const server = await startRedis(t)
  const [a, b] = [startMember(t, redisSettings(server.port)), startMember(t, redisSettings(server.port))]
  await Promise.all([a.way.ready, b.way.ready])
  await server.ask('CONFIG', 'SET', 'maxmemory', '1')
  a.publish(bound('d'))
  await b.hears('d')
  assert.match(await server.ask('HKEYS', RECORDS), /bound d/)
  assert.deepEqual(a.said(), [])
})

test(
  'a wrong password is one line without it, and heals when the server or the configuration changes',
  needsRedis,
  async t => {
    const password = 'correct-horse-battery'
    const server = await startRedis(t, ['--requirepass', password], password)
    const wrong = redisSettings(server.port, { password: new Secret('wrong-horse-battery') })
    const a = startMember(t, wrong)
    const none = startMember(t, redisSettings(server.port))
    await Promise.all([a.says(1), none.says(1)])
    assert.deepEqual([a.lines[0]?.fields?.reason, none.lines[0]?.fields?.reason], ['WRONGPASS', 'NOAUTH'])
    assert.doesNotMatch(JSON.stringify([a.lines, none.lines]), /horse/)
    a.publish(bound('early'))
    const right = redisSettings(server.port, { password: new Secret(password) })
    none.way.use(right)
    a.way.use(right)
    await none.hears('early')
    assert.deepEqual(a.said(), [LOST, BACK])
    // As a reload that takes the keys away.
    none.way.use(undefined)
    a.publish(bound('late'))
    const b = startMember(t, right)
    await b.hears('late')
    assert.ok(!none.heard.some(({ domain }) => domain === 'late'))
  },
)

test('of two that write at once the later deadline holds, whoever was first', needsRedis, async t => {
  const server = await startRedis(t)
  const members = [0, 1, 2, 3].map(() => startMember(t, redisSettings(server.port)))
  await Promise.all(members.map(({ way }) => way.ready))
  const wall = clock.wall() + 60_000
  const deadlines = Array.from({ length: 200 }, (_, at) => wall + ((at * 7919) % 50_000))
  for (const [at, until] of deadlines.entries())
    members[at % members.length]?.publish({ kind: 'bound', domain: 'd', until })
  const longest = Math.max(...deadlines)
  const isLongest = (event: HealthEvent) => event.kind === 'bound' && event.until === longest
  // Whose own it is does not hear it.
  await until('three hear it', () => members.filter(({ heard }) => heard.some(isLongest)).length === 3)
  const newcomer = startMember(t, redisSettings(server.port))
  await newcomer.hears('d')
  assert.ok(newcomer.heard.every(isLongest))
})

test('fleets with different namespaces do not hear of each other', needsRedis, async t => {
  const server = await startRedis(t)
  const a = startMember(t, redisSettings(server.port, { namespace: 'one' }))
  const b = startMember(t, redisSettings(server.port, { namespace: 'two' }))
  await Promise.all([a.way.ready, b.way.ready])
  a.publish(bound('of one'))
  const c = startMember(t, redisSettings(server.port, { namespace: 'one' }))
  await c.hears('of one')
  b.publish(bound('of two'))
  const d = startMember(t, redisSettings(server.port, { namespace: 'two' }))
  await d.hears('of two')
  assert.deepEqual([b.heard, c.heard.length, d.heard.length], [[], 1, 1])
})

test(
  'everything in the server is over by itself, and foreign records are passed over',
  needsRedis,
  async t => {
    const server = await startRedis(t)
    const a = startMember(t, redisSettings(server.port))
    await a.way.ready
    a.publish(bound('short', 500))
    const b = startMember(t, redisSettings(server.port))
    await b.hears('short')
    await until('it is over', () => clock.wall() > (b.heard[0] as { until: number }).until)
    assert.equal(await server.ask('EXISTS', RECORDS), ':0\r\n')
    const foreign = {
      x: 'nonsense',
      'bound good': 'nonsense',
      'bound better': '[1]',
      y: '["y","rest",1,2,{}]',
    }
    await server.ask('HSET', RECORDS, ...Object.entries(foreign).flat())
    await server.ask('PUBLISH', '{understudy}:health:1', 'nonsense\n[]')
    a.publish(bound('good'))
    a.publish(bound('better'))
    await b.hears('better')
    const c = startMember(t, redisSettings(server.port))
    await c.hears('good')
    await c.hears('better')
    assert.deepEqual([a.said(), b.said(), c.said()], [[], [], []])
  },
)

test('a record that cannot be true locks nobody out, and is written over', needsRedis, async t => {
  const server = await startRedis(t)
  const absurd = 1e15
  for (const [key, kind, event] of [
    ['bound d', 'bound', { kind: 'bound', domain: 'd', until: absurd }],
    [
      'recovery d one',
      'recovery',
      { kind: 'recovery', deployment: 'one', domain: 'd', began: absurd, level: 0 },
    ],
  ] as const) {
    await server.ask('HSET', RECORDS, key, JSON.stringify([key, kind, absurd, absurd, event]))
    await server.ask('ZADD', RECORDS.replace('records', 'ends'), String(absurd), key)
  }
  const [a, b] = [startMember(t, redisSettings(server.port)), startMember(t, redisSettings(server.port))]
  await Promise.all([a.way.ready, b.way.ready])
  assert.deepEqual([a.heard, b.heard], [[], []])
  const rest = {
    until: clock.wall() + 60_000,
    kind: 'soft',
    level: 1,
    firm: false,
    status: 500,
    because: 'transient',
  } as const
  a.publish(bound('d'))
  a.publish({ kind: 'rest', deployment: 'one', domain: 'd', began: clock.wall(), rest })
  await until('hears both', () => b.heard.length === 2)
  assert.deepEqual(b.heard.map(({ kind }) => kind).sort(), ['bound', 'rest'])
})

test('a user with the permissions that the documentation names needs no others', needsRedis, async t => {
  const page = await readFile(new URL('../docs/operation.md', import.meta.url), 'utf8')
  const permissions = (/control needs `([^`]*)`/.exec(page)?.[1] ?? '').split(/\s+/)
  const server = await startRedis(t)
  const user = ['ACL', 'SETUSER', 'u', 'on', '>horse', '-@all', '~{understudy}:*', '&{understudy}:health:1']
  assert.equal(await server.ask(...user, ...permissions), '+OK\r\n')
  const own = redisSettings(server.port, { username: 'u', password: new Secret('horse'), database: 1 })
  const [a, b] = [startMember(t, own), startMember(t, own)]
  await Promise.all([a.way.ready, b.way.ready])
  a.publish(bound('d'))
  await b.hears('d')
  assert.deepEqual([a.said(), b.said()], [[], []])
})
