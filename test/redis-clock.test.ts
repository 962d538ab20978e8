import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../src/house.ts'
import { until } from './support/inside.ts'
import { needsRedis, redisSettings, startRedis } from './support/redis.ts'
import { clock, startMember } from './support/redis-member.ts'

/** Instances whose clocks say something else than the server's. */

test('a clock that is wrong by minutes shifts no deadline', needsRedis, async t => {
  const server = await startRedis(t)
  const skewed = (by: number): Clock => ({ ...clock, wall: () => clock.wall() + by })
  const fast = startMember(t, redisSettings(server.port), { clock: skewed(600_000) })
  const slow = startMember(t, redisSettings(server.port), { clock: skewed(-600_000) })
  const right = startMember(t, redisSettings(server.port))
  await Promise.all([fast, slow, right].map(({ way }) => way.ready))
  const now = clock.wall()
  fast.publish({ kind: 'bound', domain: 'd', until: now + 600_000 + 30_000 })
  await Promise.all([slow.hears('d'), right.hears('d')])
  const [atSlow, atRight] = [slow.heard[0], right.heard[0]]
  assert.ok(atSlow?.kind === 'bound' && Math.abs(atSlow.until - (now - 600_000 + 30_000)) < 100)
  assert.ok(atRight?.kind === 'bound' && Math.abs(atRight.until - (now + 30_000)) < 100)
})

test('a clock that is set while the connection stands is noticed', needsRedis, async t => {
  const server = await startRedis(t)
  let by = 0
  let looks = 0
  const set: Clock = {
    ...clock,
    wall: () => {
      looks += 1
      return clock.wall() + by
    },
  }
  const moved = startMember(t, redisSettings(server.port), { clock: set })
  const right = startMember(t, redisSettings(server.port))
  await Promise.all([moved.way.ready, right.way.ready])
  for (const [domain, jump] of [
    ['forth', 600_000],
    ['back', -600_000],
  ] as const) {
    by = jump
    looks = 0
    await until('two looks at the clock', () => looks >= 2)
    const now = clock.wall()
    moved.publish({ kind: 'bound', domain: `${domain} told`, until: now + jump + 30_000 })
    right.publish({ kind: 'bound', domain: `${domain} heard`, until: now + 30_000 })
    await Promise.all([right.hears(`${domain} told`), moved.hears(`${domain} heard`)])
    const untilAt = ({ heard }: typeof right, name: string): number => {
      const event = heard.find(one => one.domain === name)
      return event?.kind === 'bound' ? event.until : assert.fail(name)
    }
    assert.ok(Math.abs(untilAt(right, `${domain} told`) - (now + 30_000)) < 100, domain)
    assert.ok(Math.abs(untilAt(moved, `${domain} heard`) - (now + jump + 30_000)) < 100, domain)
  }
})
