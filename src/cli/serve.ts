import { basename, resolve } from 'node:path'
import { renderOutline } from '../config/effective.ts'
import { renderNotices } from '../config/render.ts'
import { dataDirFor, makeFolder } from '../listen/data-dir.ts'
import { ConfigRefused, isLoopback, type Prepared } from '../listen/prepare.ts'
import { tuneV8 } from '../listen/v8.ts'
import { type Listening, run } from '../listen/workers.ts'
import { VERSION } from '../version.ts'
import { readServeFlags, type ServeFlags } from './serve-flags.ts'

export type ServeCommand = {
  readonly configPath: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** The `.env` that was read into it. */
  readonly envFile: string | undefined
  /** The operator's console: standard error, because standard output is the log. */
  readonly tell: (text: string) => void
  readonly color: boolean
}

const plural = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`

const report = ({ notices, ownKey }: Prepared, { tell, color }: ServeCommand): void => {
  const text = renderNotices(notices, { color })
  if (text !== '') tell(`${text}\n`)
  if (ownKey?.made === true)
    tell(
      `No master key is configured, so one was made. It is shown this once and kept in ${ownKey.path}:\n\n    ${ownKey.key}\n\n`,
    )
}

/** Beyond this many groups the plan would push the address off the screen. */
const SHOWN_GROUPS = 20

const greet = ({ url, workers, prepared }: Listening, dataDir: string, command: ServeCommand): void => {
  const { config } = prepared.loaded
  const name = basename(command.configPath)
  const reach = isLoopback(prepared.host) ? ' (this machine only)' : ''
  const groups = config.groups.size + config.patterns.length
  command.tell(
    [
      `Understudy ${VERSION} listens on ${url}${reach}${workers > 1 ? ` with ${workers} workers` : ''}`,
      '',
      `  config  ${resolve(command.configPath)}: ${plural(groups, 'group')}, ${plural(config.deployments.length, 'deployment')}`,
      `  data    ${resolve(dataDir)}`,
      ...(command.envFile === undefined ? [] : [`  env     ${command.envFile}`]),
      '',
      renderOutline(config, SHOWN_GROUPS).replace(/^(?=.)/gm, '  '),
      `\`understudy check ${name}\` tells all of it.`,
      '',
    ].join('\n'),
  )
}

/** A folder that cannot be made or written: rights, a read-only disk, or a file in its way. */
const NO_FOLDER: ReadonlySet<string> = new Set([
  'EACCES',
  'ENOENT',
  'EPERM',
  'EROFS',
  'EEXIST',
  'ENOTDIR',
  'EISDIR',
  'ENOSPC',
])

/** One sentence for what can go wrong before anything is served. */
const startFault = (error: unknown, port: number): string => {
  const { code, message, address, path } = error as NodeJS.ErrnoException & { address?: string }
  if (code === 'EADDRINUSE')
    return `Port ${port} is taken: choose another one with --port, or stop who has it.`
  if (code === 'EADDRNOTAVAIL')
    return `${address ?? 'That address'} is no address of this machine: see --host.`
  if (code === 'ENOTFOUND') return 'That host has no address: see --host.'
  if (NO_FOLDER.has(code ?? '') && path !== undefined)
    return `The data directory cannot be written (${path}): choose another one with --data-dir.`
  if (code === 'EACCES')
    return `This user may not listen on port ${port}: choose one from 1024 on with --port.`
  return error instanceof Error ? (error.stack ?? message) : String(error)
}

/** `understudy serve`. Resolves with the exit code when the gateway has ended. */
export const serve = async (flags: ServeFlags, command: ServeCommand): Promise<number> => {
  const { configPath, env, tell, color } = command
  const wanted = readServeFlags(flags, env)
  for (const line of [...wanted.withoutEffect, ...wanted.refused]) tell(`${line}\n`)
  if (wanted.refused.length > 0) return 1
  const dataDir = dataDirFor(flags.dataDir, env)
  const prepare = (prepared: Prepared): void => {
    report(prepared, command)
    // Whoever names a folder wants what is kept in it. Without the usual one calls are served all the same.
    if ((flags.dataDir ?? env.UNDERSTUDY_DATA_DIR) !== undefined) makeFolder(dataDir)
  }
  tuneV8()
  try {
    const running = await run({
      configPath,
      env,
      port: flags.port,
      host: flags.host,
      dataDir,
      stdout: true,
      level: wanted.level,
      workers: wanted.workers,
      graceMs: flags.grace * 1000,
      noticeMs: flags.notice * 1000,
      ...(flags.bodyMemory === undefined ? {} : { memoryBytes: flags.bodyMemory * 1024 * 1024 }),
      onPrepared: prepare,
      onListening: listening => greet(listening, dataDir, command),
      onNews: text => tell(`${text}\n`),
    })
    return await running.ended
  } catch (error) {
    if (error instanceof ConfigRefused) tell(`${renderNotices(error.notices, { color })}\n${error.message}\n`)
    else tell(`${startFault(error, flags.port)}\n`)
    return 1
  }
}
