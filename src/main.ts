import { Command, Option } from 'commander'
import { loadEnvFile } from './cli/env-file.ts'
import { addServeOptions, PORT_RANGE, type ServeFlags } from './cli/serve-flags.ts'
import { FLAVOURS, type Flavour } from './stage/flavour.ts'
import { VERSION } from './version.ts'

/** The command line. Each command loads only what it needs, so that `serve` is up at once. */

const out = (text: string): void => void process.stdout.write(text)
const err = (text: string): void => void process.stderr.write(text)

// Whoever read the console may be gone; that ends no gateway.
process.stdout.on('error', () => {})
process.stderr.on('error', () => {})

/** Options read the environment, so the file comes before them. */
const envFile = (() => {
  try {
    return loadEnvFile()
  } catch (error) {
    err(`${error instanceof Error ? error.message : String(error)}\n`)
    return process.exit(1)
  }
})()

const configOf = (given: string | undefined): string => given ?? process.env.CONFIG_FILE_PATH ?? 'config.yaml'

const checkCommand = async (file: string | undefined): Promise<number> => {
  const { check } = await import('./cli/check.ts')
  const { ownMethods } = await import('./listen/own-paths.ts')
  const { providers } = await import('./providers/index.ts')
  const color = process.stdout.isTTY === true
  return check(configOf(file), { env: process.env, providers, ownMethods, write: out, color })
}

const serveCommand = async (flags: ServeFlags): Promise<void> => {
  const configPath = configOf(flags.config)
  if (flags.validate_config === true || flags.skip_server_startup === true) {
    process.exitCode = await checkCommand(configPath)
    return
  }
  const { serve } = await import('./cli/serve.ts')
  const color = process.stderr.isTTY === true
  // Whatever a library still keeps open, a gateway that has ended is over.
  process.exit(await serve(flags, { configPath, env: process.env, envFile, tell: err, color }))
}

/** What a user did wrong is a sentence, not a stack. */
const orSentence = async (work: () => Promise<unknown>): Promise<void> => {
  try {
    await work()
  } catch (error) {
    err(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
}

const program = new Command('understudy')
  .description('An LLM gateway whose failover works on every endpoint.')
  .version(VERSION, '-v, --version')

addServeOptions(
  program.command('serve', { isDefault: true }).description('serve a LiteLLM config.yaml'),
).action(serveCommand)

program
  .command('check')
  .description('check a configuration and print its load report; exits 1 on an error')
  .argument('[file]', 'configuration file')
  .action(async (file: string | undefined) => {
    process.exitCode = await checkCommand(file)
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

type StageFlags = {
  port: number
  host: string
  key: string
  flavour: Flavour
  models?: string[]
  scriptFile?: string
  awsAccessKeyId?: string
  awsSecretAccessKey?: string
  awsSessionToken?: string
  awsRegionName?: string
}

program
  .command('stage')
  .description('run a strict simulated provider to rehearse on')
  .option('-p, --port <number>', 'port', PORT_RANGE, 4100)
  .option('--host <address>', 'address', '127.0.0.1')
  .option('--key <key>', 'the key it accepts', 'sk-stage')
  .addOption(new Option('--flavour <name>', 'whom it plays').choices(FLAVOURS).default('openai'))
  .option('--models <names...>', 'the models (Azure: deployments) it has (default: any)')
  .option('--script-file <file>', 'a JSON list of faults, played one a request')
  .option('--aws-access-key-id <id>', 'bedrock: what its requests are signed with (default: "AKIASTAGE")')
  .option('--aws-secret-access-key <secret>', 'bedrock: its secret (default: "stage-secret")')
  .option('--aws-session-token <token>', 'bedrock: the token of temporary credentials (default: none)')
  .option('--aws-region-name <region>', 'bedrock: the region of the signatures (default: "us-east-1")')
  .action((flags: StageFlags) =>
    orSentence(async () => {
      const { runStage } = await import('./cli/stage.ts')
      await runStage({ ...flags, write: out })
    }),
  )

program
  .command('demo')
  .description('show failover on every endpoint, against two simulated providers')
  .option('--keep', 'leave everything up and print curl lines', false)
  .option('-p, --port <number>', 'port of the gateway (default: any free one)', PORT_RANGE, 0)
  .action((flags: { keep: boolean; port: number }) =>
    orSentence(async () => {
      const { demo } = await import('./cli/demo/demo.ts')
      process.exitCode = await demo({ ...flags, write: out })
    }),
  )

// `understudy routes | head` closes our output early: that is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
await program.parseAsync()
