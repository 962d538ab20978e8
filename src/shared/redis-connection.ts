import { isIP } from 'node:net'
import type { RedisSettings } from '../config/config.ts'
import { lookUp } from '../lookups.ts'

/** One connection to a Redis or Valkey server. When it breaks it stays broken; whoever holds it opens another one. */
export type RedisConnection = {
  /** Rejects when the server refuses the command, or when the connection breaks before the answer. */
  readonly send: (command: readonly string[]) => Promise<unknown>
  readonly subscribe: (channel: string, hear: (message: string) => void) => Promise<void>
  /** At once; what has no answer yet is rejected. */
  readonly destroy: () => void
}

export type RedisWatcher = {
  /** The connection is broken. May come more than once, and after `destroy`. */
  readonly onBroken: (error: unknown) => void
  /** Milliseconds. */
  readonly connectTimeoutMs: number
}

/** Begins to open a connection. */
export type OpenRedis = (settings: RedisSettings, watcher: RedisWatcher) => PendingConnection

/** `destroy` ends the attempt as well: an address that does not answer must not hold a socket. */
export type PendingConnection = Pick<RedisConnection, 'destroy'> & {
  readonly connected: Promise<RedisConnection>
}

/** Beyond this nothing more is written to a server that does not answer. */
const MOST_UNANSWERED = 1_000

const clientOptions = (settings: RedisSettings, connectTimeout: number) => {
  const { host, port, tls, username, password, database } = settings
  // Once it is broken nothing is repeated and nothing is queued here: what holds is told again by who knows it.
  const common = { host, port, connectTimeout, reconnectStrategy: false, lookup: lookUp } as const
  const name = isIP(host) === 0 ? { servername: host } : {}
  return {
    // Answers and messages share one connection (Redis 6, any Valkey).
    RESP: 3,
    socket: tls ? { ...common, tls: true as const, ...name } : common,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password: password.reveal() }),
    database,
    disableOfflineQueue: true,
    commandsQueueMaxLength: MOST_UNANSWERED,
    maintNotifications: 'disabled',
    disableClientInfo: true,
  } as const
}

/** Loads the client library, which takes as long as the rest of a start: only where a server is configured. */
export const loadRedis = async (): Promise<OpenRedis> => {
  const { createClient } = await import('@redis/client')
  return (settings, { onBroken, connectTimeoutMs }) => {
    const client = createClient(clientOptions(settings, connectTimeoutMs))
    client.on('error', onBroken)
    const destroy = (): void => {
      try {
        client.destroy()
      } catch {
        // It was closed already.
      }
    }
    const connect = async (): Promise<RedisConnection> => {
      await client.connect()
      return {
        send: command => client.sendCommand(command),
        subscribe: async (channel, hear) => void (await client.subscribe(channel, hear)),
        destroy,
      }
    }
    return { connected: connect(), destroy }
  }
}
