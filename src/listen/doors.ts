import { once } from 'node:events'
import type { Server as HttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { turnsEnd } from '../turn.ts'

/**
 * The event loop accepts one connection a turn from each listening socket (libuv since 1.45). A process that is busy
 * has long turns: with one socket whoever comes anew stands in the kernel's queue behind everybody else, and where
 * that is full the kernel drops the greeting, which a client repeats after 1, 2, 4 … 32 seconds. Several sockets on
 * one port let as many in at each turn, and queue as many times more.
 */
const DOORS = 16
/** Where the kernel spreads connections over the sockets of one port. */
const MAY_SHARE = process.platform === 'linux'
/** A drain waits for no more turns than this until nobody comes any more. */
const MOST_TURNS = 200

export type Place = {
  readonly port: number
  readonly host: string
  /** Other processes listen on this port, too, and somebody has made sure that they are ours. */
  readonly shared: boolean
}

export type Doors = {
  readonly port: number
  /** Resolves when everybody has been let in who knocked until now. */
  readonly quiet: () => Promise<void>
  /** Nobody is let in any more; resolves when the last connection is closed. */
  readonly close: () => Promise<void>
}

const listening = async (door: Server, { port, host }: Place, reusePort: boolean): Promise<void> => {
  door.listen({ port, host, reusePort })
  await once(door, 'listening')
}

const closed = (door: Server): Promise<void> => new Promise(resolve => door.close(() => resolve()))

const portOf = (door: Server): number => (door.address() as AddressInfo).port

/**
 * The port, chosen when it is 0. Who shares a port (SO_REUSEPORT) would share it with a stranger unnoticed; one plain
 * bind tells. Rejects with EADDRINUSE when it is taken.
 */
export const reservePort = async (port: number, host: string): Promise<number> => {
  const probe = createServer()
  probe.listen({ port, host, exclusive: true })
  await once(probe, 'listening')
  const found = portOf(probe)
  await closed(probe)
  return found
}

/** One more way in: its connections are the server's. */
const sideDoor = (server: HttpServer): Server =>
  createServer({ allowHalfOpen: true, noDelay: true }, socket => void server.emit('connection', socket))

/** Listens. Rejects with the error of listening, as EADDRINUSE. */
export const openDoors = async (server: HttpServer, place: Place): Promise<Doors> => {
  let came = 0
  server.on('connection', () => {
    came += 1
  })
  // A port that the kernel chooses is nobody's: it looks at those that are shared, too.
  if (MAY_SHARE && !place.shared && place.port !== 0) await reservePort(place.port, place.host)
  await listening(server, place, place.shared || MAY_SHARE)
  const port = portOf(server)
  const sides = Array.from({ length: MAY_SHARE ? DOORS - 1 : 0 }, () => sideDoor(server))
  await Promise.all(sides.map(side => listening(side, { ...place, port }, true)))
  const doors = [server, ...sides]
  return {
    port,
    quiet: async () => {
      // From the end of one turn to the end of the next one everybody is looked at.
      await turnsEnd()
      for (let turns = 0, before = -1; turns < MOST_TURNS && before !== came; turns++) {
        before = came
        await turnsEnd()
      }
    },
    close: async () => {
      await Promise.all(doors.map(closed))
    },
  }
}
