import { type Command, InvalidArgumentError, Option } from 'commander'

export const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LEVELS)[number]

export type ServeFlags = {
  readonly config?: string
  readonly port: number
  readonly host?: string
  readonly dataDir?: string
  readonly workers: number
  readonly grace: number
  readonly notice: number
  /** Megabytes. */
  readonly bodyMemory?: number
  readonly level?: LogLevel
  /** LiteLLM's spellings, by their own names. */
  readonly [spelling: string]: unknown
}

export const whole =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text)
    if (text.trim() === '' || !Number.isInteger(value) || value < least || value > most)
      throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`)
    return value
  }

export const PORT_RANGE = whole(0, 65_535)
const WORKERS_RANGE = whole(1, 256)
const MEGABYTES_RANGE = whole(1, 1_048_576)
/** A day. */
const SECONDS_RANGE = whole(0, 86_400)

type Spelling = {
  /** As commander takes it; LiteLLM's own flags with a value may come without one here. */
  readonly flags: string
  /** What the user is told. */
  readonly text: string
}

/** Flags of LiteLLM that change nothing here; each one used prints its line. */
export const WITHOUT_EFFECT: readonly Spelling[] = [
  { flags: '--telemetry [value]', text: 'nothing is ever sent home' },
  { flags: '--local', text: 'there is no other mode' },
  { flags: '--use_queue', text: 'it is gone from LiteLLM too' },
  { flags: '--run_gunicorn', text: '--workers is all there is to choose' },
  { flags: '--run_hypercorn', text: '--workers is all there is to choose' },
  { flags: '--run_granian', text: '--workers is all there is to choose' },
  { flags: '--granian_threads [number]', text: '--workers is all there is to choose' },
  { flags: '--timeout_worker_healthcheck [seconds]', text: 'a worker that ends is replaced at once' },
  { flags: '--max_requests_before_restart [number]', text: 'a worker lives as long as it is well' },
  { flags: '--max_requests_before_restart_jitter [number]', text: 'a worker lives as long as it is well' },
  { flags: '--keepalive_timeout [seconds]', text: 'idle connections are kept for 75 seconds' },
  { flags: '--log_config [file]', text: 'the log is one JSON line a request; --level says how much of it' },
  { flags: '--reload', text: 'the configuration is reloaded whenever it changes' },
  { flags: '--prometheus_metrics_port [port]', text: 'there are no Prometheus metrics yet' },
  { flags: '--add_function_to_prompt', text: 'tools are passed as they are' },
  { flags: '--iam_token_db_auth', text: 'there is no external database yet' },
  { flags: '--azure_postgresql_auth', text: 'there is no external database yet' },
  { flags: '--use_prisma_db_push', text: 'there is no external database yet' },
  { flags: '--use_legacy_migration_resolver', text: 'there is no external database yet' },
  { flags: '--use_v2_migration_resolver', text: 'there is no external database yet' },
  { flags: '--enforce_prisma_migration_check', text: 'there is no external database yet' },
]

const IN_THE_FILE = 'write it into a configuration file'

/** Flags of LiteLLM without which something else would be served than was asked for: the start is refused. */
export const REFUSED: readonly Spelling[] = [
  { flags: '-m, --model <name>', text: `${IN_THE_FILE}: model_list` },
  { flags: '--alias <name>', text: `${IN_THE_FILE}: model_name` },
  { flags: '--api_base <url>', text: `${IN_THE_FILE}: litellm_params.api_base` },
  { flags: '--api_version <version>', text: `${IN_THE_FILE}: litellm_params.api_version` },
  { flags: '--headers <json>', text: `${IN_THE_FILE}: litellm_params.extra_headers` },
  { flags: '--temperature <number>', text: `${IN_THE_FILE}: litellm_params.temperature` },
  { flags: '--max_tokens <number>', text: `${IN_THE_FILE}: litellm_params.max_tokens` },
  { flags: '--request_timeout <seconds>', text: `${IN_THE_FILE}: litellm_settings.request_timeout` },
  { flags: '--drop_params', text: `${IN_THE_FILE}: litellm_settings.drop_params` },
  {
    flags: '--limit_concurrency <number>',
    text: `${IN_THE_FILE}: general_settings.max_in_flight_requests_per_worker`,
  },
  { flags: '--max_budget <usd>', text: 'there are no budgets yet' },
  { flags: '--add_key <key>', text: 'keys come from the environment: api_key: os.environ/NAME' },
  { flags: '--save', text: 'the configuration file is yours to write' },
  { flags: '--ssl_keyfile_path <file>', text: 'TLS is not served yet: put a TLS proxy in front' },
  { flags: '--ssl_certfile_path <file>', text: 'TLS is not served yet: put a TLS proxy in front' },
  { flags: '--ciphers <list>', text: 'TLS is not served yet: put a TLS proxy in front' },
  { flags: '--health', text: 'ask a running gateway: curl http://127.0.0.1:4000/health' },
  { flags: '--test', text: 'try `understudy demo`, or one call to /v1/chat/completions' },
]

const hidden = (flags: string): Option => new Option(flags).hideHelp()

/** The options of `serve`: our own, and LiteLLM's spellings, which the help does not list. */
export const addServeOptions = (command: Command): Command => {
  command
    .option('-c, --config <file>', 'configuration file [CONFIG_FILE_PATH] (default: config.yaml)')
    .addOption(new Option('-p, --port <number>', 'port').argParser(PORT_RANGE).default(4000).env('PORT'))
    .addOption(
      new Option(
        '--host <address>',
        'address to listen on (default: all with a master key, loopback without)',
      ).env('HOST'),
    )
    .option('--data-dir <folder>', 'where state lives [UNDERSTUDY_DATA_DIR] (default: .understudy)')
    .addOption(
      new Option('--workers <number>', 'processes').argParser(WORKERS_RANGE).default(1).env('NUM_WORKERS'),
    )
    .option('--grace <seconds>', 'how long calls may finish after SIGTERM', SECONDS_RANGE, 600)
    .option(
      '--notice <seconds>',
      'how long calls are still accepted after SIGTERM, while readiness says no',
      SECONDS_RANGE,
      0,
    )
    .option(
      '--body-memory <megabytes>',
      'memory for request bodies (default: 1024, at most a quarter of what there is)',
      MEGABYTES_RANGE,
    )
    .addOption(
      new Option(
        '--level <level>',
        'least level of the log on standard output [LITELLM_LOG] (default: info)',
      ).choices(LEVELS),
    )
    .addOption(hidden('--num_workers <number>').argParser(WORKERS_RANGE))
    .addOption(hidden('--debug [value]'))
    .addOption(hidden('--detailed_debug [value]'))
    .addOption(hidden('--validate_config'))
    .addOption(hidden('--skip_server_startup'))
  for (const { flags } of [...WITHOUT_EFFECT, ...REFUSED]) command.addOption(hidden(flags))
  return command
}

const nameOf = ({ flags }: Spelling): string => /--(\w+)/.exec(flags)?.[1] ?? ''

const used = (spellings: readonly Spelling[], flags: ServeFlags): readonly string[] =>
  spellings.filter(one => flags[nameOf(one)] !== undefined).map(one => `--${nameOf(one)}: ${one.text}.`)

/** LITELLM_LOG's words (Python's levels) as ours. */
const LEVEL_OF: Readonly<Record<string, LogLevel>> = {
  debug: 'debug',
  info: 'info',
  warning: 'warn',
  warn: 'warn',
  error: 'error',
  critical: 'error',
}

const isOn = (value: unknown): boolean => value !== undefined && !/^(0|false|no|off)$/i.test(String(value))

/** What the command line asks for, LiteLLM's spellings understood. */
export type Wanted = {
  readonly workers: number
  readonly level: LogLevel
  readonly refused: readonly string[]
  readonly withoutEffect: readonly string[]
}

export const readServeFlags = (
  flags: ServeFlags,
  env: Readonly<Record<string, string | undefined>>,
): Wanted => {
  const debug = isOn(flags.debug) || isOn(flags.detailed_debug)
  const named = LEVEL_OF[env.LITELLM_LOG?.trim().toLowerCase() ?? '']
  return {
    workers: typeof flags.num_workers === 'number' ? flags.num_workers : flags.workers,
    level: flags.level ?? (debug ? 'debug' : (named ?? 'info')),
    refused: used(REFUSED, flags).map(line => `Not supported here: ${line}`),
    withoutEffect: used(WITHOUT_EFFECT, flags).map(line => `Without effect: ${line}`),
  }
}
