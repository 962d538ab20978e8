import { Command, InvalidArgumentError } from 'commander'
import { VERSION } from './version.ts'

/** The command line. Each command loads only what it needs, so that `serve` is up at once. */

const out = (text: string): void => void process.stdout.write(text)
const err = (text: string): void => void process.stderr.write(text)

const whole = (text: string): number => {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('must be a whole number.')
  return value
}

const configOf = (given: string | undefined): string => given ?? process.env.CONFIG_FILE_PATH ?? 'config.yaml'

type ServeFlags = {
  config?: string
  port: number
  host?: string
  dataDir?: string
  workers: number
  grace: number
  level: 'debug' | 'info' | 'warn' | 'error' | 'silent'
}

const serveCommand = async (flags: ServeFlags): Promise<void> => {
  const { run } = await import('./listen/workers.ts')
  const { ConfigRefused } = await import('./listen/serve.ts')
  const { dataDirFor } = await import('./listen/data-dir.ts')
  const { renderNotices } = await import('./config/render.ts')
  const color = process.stderr.isTTY === true
  try {
    const running = await run({
      configPath: configOf(flags.config),
      env: process.env,
      port: flags.port,
      host: flags.host,
      dataDir: dataDirFor(flags.dataDir, process.env),
      stdout: true,
      level: flags.level,
      workers: flags.workers,
      graceMs: flags.grace * 1000,
      print: text => err(`${text}\n`),
      onReport: notices => err(renderNotices(notices, { color })),
    })
    process.exitCode = await running.ended
    process.exit()
  } catch (error) {
    if (error instanceof ConfigRefused) err(`${renderNotices(error.notices, { color })}\n${error.message}\n`)
    else err(`${startFault(error)}\n`)
    process.exit(1)
  }
}

const startFault = (error: unknown): string => {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') return `The port is taken: ${message}. Choose another with --port.`
  if (code === 'EACCES') return `Not permitted: ${message}.`
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

const program = new Command('understudy')
  .description('An LLM gateway whose failover works on every endpoint.')
  .version(VERSION, '-v, --version')

program
  .command('serve', { isDefault: true })
  .description('serve a LiteLLM config.yaml')
  .option('-c, --config <file>', 'configuration file [CONFIG_FILE_PATH] (default: config.yaml)')
  .option('-p, --port <number>', 'port', whole, whole(process.env.PORT ?? '4000'))
  .option(
    '--host <address>',
    'address to listen on (default: all with a master key, loopback without)',
    process.env.HOST,
  )
  .option('--data-dir <folder>', 'where state lives [UNDERSTUDY_DATA_DIR] (default: .understudy)')
  .option('--workers <number>', 'processes', whole, whole(process.env.NUM_WORKERS ?? '1'))
  .option('--grace <seconds>', 'how long streams may finish after SIGTERM', whole, 600)
  .option('--level <level>', 'least level of the log on standard output', 'info')
  .action(serveCommand)

program
  .command('check')
  .description('check a configuration and print its load report; exits 1 on an error')
  .argument('[file]', 'configuration file')
  .action(async (file: string | undefined) => {
    const { check } = await import('./cli/check.ts')
    const { providers } = await import('./providers/index.ts')
    process.exitCode = await check(configOf(file), { env: process.env, providers, write: out })
  })

program
  .command('routes')
  .description('print every endpoint and what failover does for it')
  .action(async () => {
    const { printRoutes } = await import('./cli/routes.ts')
    printRoutes(out)
  })

program
  .command('explain')
  .description('tell what happened to one request')
  .argument('<call-id>', 'the x-litellm-call-id of the answer')
  .option('--data-dir <folder>', 'the data directory of the gateway [UNDERSTUDY_DATA_DIR]')
  .option('--file <file>', "a log file to read instead; '-' is standard input")
  .action(async (callId: string, flags: { dataDir?: string; file?: string }) => {
    const { explain } = await import('./cli/explain.ts')
    const { dataDirFor } = await import('./listen/data-dir.ts')
    const dataDir = dataDirFor(flags.dataDir, process.env)
    process.exitCode = await explain(callId, {
      dataDir,
      write: out,
      ...(flags.file === undefined ? {} : { file: flags.file }),
    })
  })

program
  .command('stage')
  .description('run a strict simulated provider to rehearse on')
  .option('-p, --port <number>', 'port', whole, 4100)
  .option('--host <address>', 'address', '127.0.0.1')
  .option('--key <key>', 'the key it accepts', 'sk-stage')
  .option('--flavour <name>', 'openai or azure', 'openai')
  .action(async (flags: { port: number; host: string; key: string; flavour: string }) => {
    const { runStage } = await import('./cli/stage.ts')
    await runStage({ ...flags, flavour: flags.flavour === 'azure' ? 'azure' : 'openai', write: out })
  })

program
  .command('demo')
  .description('show failover on every endpoint, against two simulated providers')
  .option('--keep', 'leave everything up and print curl lines', false)
  .option('-p, --port <number>', 'port of the gateway (default: any free one)', whole, 0)
  .action(async (flags: { keep: boolean; port: number }) => {
    const { demo } = await import('./cli/demo/demo.ts')
    process.exitCode = await demo({ ...flags, write: out })
  })

await program.parseAsync()
