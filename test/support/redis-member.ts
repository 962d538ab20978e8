import type { RedisSettings } from '../../src/config/config.ts'
import type { Clock } from '../../src/house.ts'
import { seededDice, systemClock } from '../../src/shared/clock.ts'
import { createHub } from '../../src/shared/exchange.ts'
import type { HealthEvent } from '../../src/shared/ports.ts'
import { loadRedis, type OpenRedis } from '../../src/shared/redis-connection.ts'
import { createRedisWay } from '../../src/shared/redis-way.ts'
import type { Owner } from './harness.ts'
import { until } from './inside.ts'

/** One instance's way over a server, without a gateway around it. */

export const clock = systemClock()
export const open = await loadRedis()

type Line = { readonly message: string; readonly fields: Readonly<Record<string, unknown>> | undefined }

export const startMember = (
  t: Owner,
  settings: RedisSettings,
  more: { readonly clock?: Clock; readonly open?: OpenRedis } = {},
) => {
  const hub = createHub(more.clock ?? clock)
  const lines: Line[] = []
  const options = {
    clock,
    dice: seededDice(1),
    open,
    event: (_: string, message: string, fields?: Line['fields']) => void lines.push({ message, fields }),
    ...more,
  }
  const way = hub.attach(createRedisWay(options, settings))
  t.after(async () => way.close())
  const heard: HealthEvent[] = []
  hub.subscribe(event => heard.push(event))
  const said = () => lines.map(({ message }) => message)
  const hears = (domain: string, patienceMs?: number) =>
    until(`hears of ${domain}`, () => heard.some(event => event.domain === domain), patienceMs)
  const says = (count: number) => until(`${count} lines`, () => lines.length >= count, 10_000)
  return { ...hub, way, lines, said, heard, hears, says }
}

export const bound = (domain: string, inMs = 60_000): HealthEvent => ({
  kind: 'bound',
  domain,
  until: clock.wall() + inMs,
})
