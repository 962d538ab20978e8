import type { Config, Notice } from '../config/config.ts'
import { type LoadOptions, type LoadResult, loadConfig } from '../config/load.ts'
import { providers } from '../providers/index.ts'
import { type OwnKey, ownMasterKey } from './data-dir.ts'
import { ownMethods } from './own-paths.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export type PrepareOptions = {
  readonly configPath: string
  readonly env: Environment
  /** undefined: every interface with a configured key, loopback without one. */
  readonly host: string | undefined
  readonly dataDir: string
}

/** A configuration that can be served: it was accepted and it has a master key. */
export type Prepared = {
  /** How the file was read, for reading it again. */
  readonly load: LoadOptions
  readonly loaded: LoadResult & { readonly config: Config }
  /** The load report of the file as it is written. */
  readonly notices: readonly Notice[]
  readonly host: string
  /** The data directory's own key, when the configuration names none. */
  readonly ownKey: OwnKey | undefined
}

/** The configuration is not accepted; the notices say where and how to mend it. */
export class ConfigRefused extends Error {
  readonly notices: readonly Notice[]
  constructor(notices: readonly Notice[], message = 'The configuration has errors; nothing was started.') {
    super(message)
    this.notices = notices
  }
}

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '::1'])

/** True when only this machine can reach the address. */
export const isLoopback = (host: string): boolean => LOOPBACK.has(host)

const accepted = (result: LoadResult): Prepared['loaded'] => {
  const { config } = result
  if (config === undefined) throw new ConfigRefused(result.notices)
  return { ...result, config }
}

/** Loads the file; a configuration without a master key gets the data directory's own. Throws ConfigRefused. */
export const prepare = async ({ configPath, env, host, dataDir }: PrepareOptions): Promise<Prepared> => {
  // From the first start on a file without the key is refused: a reload must not lock every client out.
  const load = { path: configPath, env, providers, ownMethods, needsKey: true }
  const first = accepted(await loadConfig({ ...load, needsKey: false }))
  const { notices } = first
  if (first.config.general.masterKey !== undefined)
    return { load, loaded: first, notices, host: host ?? '0.0.0.0', ownKey: undefined }
  if (host !== undefined && !isLoopback(host))
    throw new ConfigRefused(
      notices,
      `Without general_settings.master_key the gateway listens on loopback only, not on ${host}: set the key, or use --host 127.0.0.1.`,
    )
  const ownKey = await ownMasterKey(dataDir)
  const withKey = { ...load, env: { ...env, UNDERSTUDY_MASTER_KEY: ownKey.key } }
  return {
    load: withKey,
    loaded: accepted(await loadConfig(withKey)),
    notices,
    host: host ?? '127.0.0.1',
    ownKey,
  }
}
