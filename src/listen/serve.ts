import type { AddressInfo } from 'node:net'
import { undiciTransport } from '../attempt/undici-transport.ts'
import type { Config, Notice } from '../config/config.ts'
import { type LoadResult, loadConfig } from '../config/load.ts'
import { watchConfig } from '../config/reload.ts'
import type { Clock, Dice, House } from '../house.ts'
import { providers } from '../providers/index.ts'
import { MemoryBudget } from '../read/memory.ts'
import { createJournal } from '../record/log.ts'
import { Seal } from '../seal.ts'
import { createBoard } from '../shared/board.ts'
import { systemClock, systemDice } from '../shared/clock.ts'
import { ownMasterKey } from './data-dir.ts'
import { listener } from './listen.ts'
import { Traffic } from './traffic.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export type ServeOptions = {
  readonly configPath: string
  readonly env: Environment
  readonly port: number
  /** undefined: every interface with a configured key, loopback without one. */
  readonly host: string | undefined
  readonly dataDir: string
  /** Request lines on standard output. */
  readonly stdout: boolean
  readonly level?: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** Several processes on one port. */
  readonly reusePort?: boolean
  /** Bytes of request bodies held at once; default 1 GiB. */
  readonly memoryBytes?: number
  /** Where the load report and the first start's key are printed. */
  readonly print?: (text: string) => void
  /** Hears the load report before anything listens. */
  readonly onReport?: (notices: readonly Notice[]) => void
  /** Default: the system's. Rehearsals bring their own, so that waiting and chance can be written down. */
  readonly clock?: Clock
  readonly dice?: Dice
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

/** The configuration is not accepted; the notices say where and how to mend it. */
export class ConfigRefused extends Error {
  readonly notices: readonly Notice[]
  constructor(notices: readonly Notice[], message = 'The configuration has errors.') {
    super(message)
    this.notices = notices
  }
}

/** Error events of the streams that did not finish leave within this. */
const CURTAIN_MS = 500
const MEMORY_BYTES = 1024 * 1024 * 1024
const LOOPBACK = new Set(['127.0.0.1', 'localhost', '::1'])

type Accepted = LoadResult & { readonly config: Config }
type Loaded = {
  readonly result: Accepted
  readonly env: Environment
  readonly ownKey: boolean
  readonly notices: readonly Notice[]
}

const accepted = (result: LoadResult): Accepted => {
  const { config } = result
  if (config === undefined) throw new ConfigRefused(result.notices)
  return { ...result, config }
}

/** Loads the file; a configuration without a master key gets the data directory's own. */
const load = async (options: ServeOptions): Promise<Loaded> => {
  const { configPath: path, env } = options
  const first = accepted(await loadConfig({ path, env, providers }))
  if (first.config.general.masterKey !== undefined)
    return { result: first, env, ownKey: false, notices: first.notices }
  if (options.host !== undefined && !LOOPBACK.has(options.host))
    throw new ConfigRefused(
      first.notices,
      `Without general_settings.master_key the gateway listens on loopback only, not on ${options.host}: set the key, or use --host 127.0.0.1.`,
    )
  const own = await ownMasterKey(options.dataDir)
  if (own.made)
    options.print?.(
      `No master key is configured: one was made and kept in ${own.path}\n\n    ${own.key}\n\nIt is printed this once. Send it as 'Authorization: Bearer <key>'.\n`,
    )
  const withKey = { ...env, UNDERSTUDY_MASTER_KEY: own.key }
  const second = accepted(await loadConfig({ path, env: withKey, providers }))
  return { result: second, env: withKey, ownKey: true, notices: first.notices }
}

const sealFor = (config: Config): Seal => {
  const material = config.general.saltKey ?? config.general.masterKey
  if (material === undefined) throw new Error('A gateway has a master key before it has a house.')
  return new Seal(material.reveal())
}

/** Starts one gateway process: configuration, house, door. Throws ConfigRefused before anything listens. */
export const serve = async (options: ServeOptions): Promise<Served> => {
  const loaded = await load(options)
  options.onReport?.(loaded.notices)
  const { clock = systemClock(), dice = systemDice() } = options
  const journal = createJournal({
    dataDir: options.dataDir,
    stdout: options.stdout,
    level: options.level ?? 'info',
    now: clock.wall,
  })
  const watch = watchConfig({
    load: { path: options.configPath, env: loaded.env, providers },
    loaded: loaded.result,
    clock,
    onNotices: (notices, accepted) => changed(notices, accepted),
  })
  const config = watch.current
  const board = createBoard({ clock, dice, config })
  const house: House = {
    config,
    clock,
    dice,
    board,
    transport: undiciTransport({ clock }),
    seal: sealFor(loaded.result.config),
    memory: new MemoryBudget(options.memoryBytes ?? MEMORY_BYTES),
    journal,
    event: (level, message, fields) => journal.event(level, message, fields ?? {}),
  }
  const changed = (notices: readonly Notice[], accepted: boolean): void => {
    if (accepted) board.keep(new Set(config().deployments.map(one => one.id)))
    const shown = notices.filter(one => accepted || one.level === 'error')
    if (accepted) journal.event('info', 'Configuration reloaded.', { notices: shown })
    else
      journal.event('error', 'The new configuration has errors; the old one stays in force.', {
        notices: shown,
      })
  }
  const traffic = new Traffic()
  const app = listener(house, traffic)
  const host = options.host ?? (loaded.ownKey ? '127.0.0.1' : '0.0.0.0')
  await app.listen({ port: options.port, host, ...(options.reusePort === true ? { reusePort: true } : {}) })
  const { port } = app.server.address() as AddressInfo
  const close = async (graceMs = 10_000): Promise<void> => {
    traffic.drain()
    watch.close()
    const closing = app.close()
    await Promise.race([traffic.empty(), new Promise<void>(resolve => clock.after(graceMs, resolve))])
    traffic.fall()
    await Promise.race([traffic.empty(), new Promise<void>(resolve => clock.after(CURTAIN_MS, resolve))])
    app.server.closeAllConnections()
    await closing
    await house.transport.close()
    await journal.close()
  }
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    house,
    traffic,
    notices: loaded.notices,
    reload: () => watch.reload(),
    close,
  }
}
