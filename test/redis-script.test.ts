import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../src/shared/clock.ts'
import type { HealthEvent } from '../src/shared/ports.ts'
import { loadRedis } from '../src/shared/redis-connection.ts'
import { recordOf, redisNames, TELL_SCRIPT } from '../src/shared/redis-records.ts'
import { needsRedis, redisSettings, startRedis } from './support/redis.ts'

const clock = systemClock()
const open = await loadRedis()

const bound = (domain: string, inMs = 60_000): HealthEvent => ({
  kind: 'bound',
  domain,
  until: clock.wall() + inMs,
})

test('the script keeps its rules for writers who know nothing of each other', needsRedis, async t => {
  const { port } = await startRedis(t)
  const pending = open(redisSettings(port), { onBroken: () => {}, connectTimeoutMs: 5000 })
  t.after(() => pending.destroy())
  const { send } = await pending.connected
  const { records, ends, channel } = redisNames('understudy')
  const wall = clock.wall()
  const tell = (...events: readonly HealthEvent[]) =>
    send([
      ...['EVAL', TELL_SCRIPT, '2', records, ends, channel, '3'],
      ...events.map(event => recordOf(event, { ahead: 0, wall })),
    ])
  const rest = (began: number, inMs: number): HealthEvent => ({
    kind: 'rest',
    deployment: 'one',
    domain: 'd',
    began: wall + began,
    rest: { until: wall + inMs, kind: 'soft', level: 1, firm: false, status: 500, because: 'transient' },
  })
  const recovery = (began: number): HealthEvent => ({
    kind: 'recovery',
    deployment: 'one',
    domain: 'd',
    began: wall + began,
    level: 0,
  })
  const lasts = async () => Number(await send(['PTTL', records]))
  assert.equal(await tell(rest(0, 900_000), rest(1, 40_000), rest(2, 900_000)), 1, 'the later deadline only')
  assert.equal(await tell(recovery(10), recovery(10), recovery(5)), 1, 'the later recovery only')
  assert.ok((await lasts()) > 600_000, 'a recovery lasts as long as what it has ended could be told again')
  assert.equal(await tell(rest(0, 60_000), rest(9, 70_000)), 0, 'what is over stays over')
  assert.equal(await tell(rest(10, 60_000)), 1, 'what began no earlier than the answered attempt holds')
  assert.equal(await tell(rest(20, -1)), 0, 'what has ended is not begun')
  assert.equal(await tell(...[1, 2, 3, 4].map(at => bound(`d${at}`, at * 60_000))), 4)
  assert.equal(await send(['HLEN', records]), 3, 'bounded: what ends first goes first')
  assert.equal(await send(['ZCARD', ends]), 3)
  const left = await lasts()
  assert.ok(left > 0 && left <= 900_000)
})
