import type { Server } from 'node:http'
import { totalmem } from 'node:os'
import { undiciTransport } from '../attempt/undici-transport.ts'
import type { Notice } from '../config/config.ts'
import { watchConfig } from '../config/reload.ts'
import type { Clock, Dice, House } from '../house.ts'
import { MemoryBudget } from '../read/memory.ts'
import { createJournal } from '../record/log.ts'
import { createBoard } from '../shared/board.ts'
import type { Channel } from '../shared/channel-way.ts'
import { systemClock, systemDice } from '../shared/clock.ts'
import { turnsEnd } from '../turn.ts'
import { type Doors, openDoors } from './doors.ts'
import { openKeeping } from './keeping.ts'
import { keepLimits, listener } from './listen.ts'
import { meetNeighbours } from './neighbours.ts'
import { type Prepared, type PrepareOptions, prepare } from './prepare.ts'
import { Traffic } from './traffic.ts'
import { openVault } from './vault.ts'

export type ServeOptions = PrepareOptions & {
  readonly port: number
  /** Request lines on standard output. */
  readonly stdout: boolean
  readonly level?: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** Several processes on one port, which one of them has reserved. */
  readonly sharesPort?: boolean
  /** Bytes of request bodies held at once; default `usualMemory()`. */
  readonly memoryBytes?: number
  /** How long calls are still accepted after `close`, while readiness says no; milliseconds, default 0. */
  readonly noticeMs?: number
  /** Hears what was loaded before anything listens. */
  readonly onPrepared?: (prepared: Prepared) => void
  /** Default: the system's. Rehearsals bring their own, so that waiting and chance can be written down. */
  readonly clock?: Clock
  readonly dice?: Dice
  /** The way to the other workers of this machine; absent: there are none. */
  readonly siblings?: Channel
}

export type Served = {
  readonly url: string
  readonly house: House
  readonly traffic: Traffic
  readonly notices: readonly Notice[]
  readonly reload: () => Promise<readonly Notice[]>
  /** Stops accepting, waits for calls inside up to `graceMs`, closes what is left, flushes the log. */
  readonly close: (graceMs?: number) => Promise<void>
}

/** Error events of the streams that did not finish leave within this. */
const CURTAIN_MS = 500
const MEMORY_BYTES = 1024 * 1024 * 1024

/** 1 GiB, but never more than a quarter of what the container or the machine has. */
export const usualMemory = (): number => {
  // 0: no limit is known; without a limit it may be a number larger than any memory.
  const limit = process.constrainedMemory() || Number.POSITIVE_INFINITY
  return Math.min(MEMORY_BYTES, Math.floor(Math.min(limit, totalmem()) / 4))
}

const tellReload = (event: House['event'], notices: readonly Notice[], accepted: boolean): void => {
  const shown = notices.filter(one => accepted || one.level === 'error')
  if (accepted) event('info', 'Configuration reloaded.', { notices: shown })
  else event('error', 'The new configuration has errors; the old one stays in force.', { notices: shown })
}

type Way = {
  readonly server: Server
  readonly doors: Doors
  readonly traffic: Traffic
  readonly clock: Clock
}

/** Readiness says no; then the door shuts; then calls inside finish; then streams that did not are ended; then nobody is left. */
const empty = async (
  { server, doors, traffic, clock }: Way,
  { noticeMs, graceMs }: { readonly noticeMs: number; readonly graceMs: number },
): Promise<void> => {
  const pass = (ms: number): Promise<void> => new Promise(resolve => clock.after(ms, resolve))
  traffic.drain()
  if (noticeMs > 0) await pass(noticeMs)
  // Who came before the door shuts is inside.
  await doors.quiet()
  traffic.shutDoor()
  const closed = doors.close()
  server.closeIdleConnections()
  await Promise.race([traffic.empty(), pass(graceMs)])
  traffic.fall()
  await Promise.race([traffic.empty(), pass(CURTAIN_MS)])
  // Who came after it is told so.
  await turnsEnd()
  server.closeAllConnections()
  await closed
}

const urlOf = ({ port }: Doors, host: string): string =>
  `http://${host.includes(':') ? `[${host}]` : host}:${port}`

/** Starts one gateway process: configuration, house, door. Throws ConfigRefused before anything listens. */
export const serve = async (options: ServeOptions): Promise<Served> => {
  const prepared = await prepare(options)
  options.onPrepared?.(prepared)
  const { load, loaded, host } = prepared
  const { clock = systemClock(), dice = systemDice() } = options
  const journal = createJournal({
    dataDir: options.dataDir,
    stdout: options.stdout,
    level: options.level ?? 'info',
    now: clock.wall,
  })
  const watch = watchConfig({
    load,
    loaded,
    clock,
    onNotices: (notices, accepted) => changed(notices, accepted),
  })
  const config = watch.current
  const event: House['event'] = (level, message, fields) => journal.event(level, message, fields ?? {})
  const neighbours = await meetNeighbours({ clock, dice, config, siblings: options.siblings, event })
  const { origins, looking, closeKeeping, ...kept } = openKeeping(options, { clock, event, config })
  const board = createBoard({ clock, dice, config, origins, exchange: neighbours.exchange })
  const transport = undiciTransport({ clock })
  const vault = openVault({ clock, dice, event, transport, board, config })
  const house: House = {
    config,
    clock,
    dice,
    board,
    transport,
    vault,
    ...kept,
    memory: new MemoryBudget(options.memoryBytes ?? usualMemory()),
    journal,
    event,
  }
  const changed = (notices: readonly Notice[], accepted: boolean): void => {
    if (accepted) {
      board.keep(new Set(config().deployments.map(one => one.id)))
      vault.follow()
      keepLimits(server, config())
      neighbours.reload().catch(error => event('error', 'Redis cannot be used.', { error }))
    }
    tellReload(event, notices, accepted)
  }
  const traffic = new Traffic()
  const server = listener(house, traffic)
  await Promise.all([neighbours.ready, looking])
  const { port, sharesPort: shared = false } = options
  const doors = await openDoors(server, { port, host, shared })
  vault.follow()
  const close = async (graceMs = 10_000): Promise<void> => {
    watch.close()
    await empty({ server, doors, traffic, clock }, { noticeMs: options.noticeMs ?? 0, graceMs })
    board.leave()
    neighbours.close()
    vault.close()
    await Promise.all([house.transport.close(), closeKeeping()])
    await journal.close()
  }
  return {
    url: urlOf(doors, host),
    house,
    traffic,
    notices: prepared.notices,
    reload: () => watch.reload(),
    close,
  }
}
