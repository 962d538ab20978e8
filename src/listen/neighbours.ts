import type { Config } from '../config/config.ts'
import type { Clock, Dice, House } from '../house.ts'
import { type Channel, createChannelWay } from '../shared/channel-way.ts'
import { createHub, type Way } from '../shared/exchange.ts'
import type { HealthExchange } from '../shared/ports.ts'
import type { RedisWay } from '../shared/redis-way.ts'

export type NeighbourOptions = {
  readonly clock: Clock
  readonly dice: Dice
  readonly config: () => Config
  /** To the other workers of this machine, when there are any. */
  readonly siblings: Channel | undefined
  readonly event: House['event']
}

/** How this process shares what it learns about providers, and with whom. */
export type Neighbours = {
  readonly exchange: HealthExchange
  /** Settles when what holds elsewhere was heard, after a quarter of a second at the latest. */
  readonly ready: Promise<unknown>
  /** The configuration has changed. */
  readonly reload: () => Promise<void>
  readonly close: () => void
}

/** Alone unless there are siblings or the file names a Redis: nothing of it is loaded before. */
export const meetNeighbours = async (options: NeighbourOptions): Promise<Neighbours> => {
  const { clock, dice, config, siblings, event } = options
  const hub = createHub(clock)
  const ways: Way[] = siblings === undefined ? [] : [hub.attach(createChannelWay(siblings, clock))]
  let redis: RedisWay | undefined
  let isClosed = false

  const meetRedis = async (): Promise<void> => {
    if (redis !== undefined) return redis.use(config().redis)
    if (config().redis === undefined) return
    const [{ createRedisWay }, { loadRedis }] = await Promise.all([
      import('../shared/redis-way.ts'),
      import('../shared/redis-connection.ts'),
    ])
    const open = await loadRedis()
    const settings = config().redis
    // Another reload may have been here meanwhile, or the end.
    if (redis !== undefined || settings === undefined || isClosed) return
    redis = hub.attach(createRedisWay({ clock, dice, open, event }, settings))
    ways.push(redis)
  }
  await meetRedis()

  return {
    exchange: hub,
    ready: Promise.all(ways.map(way => way.ready)),
    reload: meetRedis,
    close: () => {
      isClosed = true
      for (const way of ways) way.close()
    },
  }
}
