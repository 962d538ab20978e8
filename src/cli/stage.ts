import { readFile } from 'node:fs/promises'
import { CAST } from '../stage/cast.ts'
import { type Fault, readFaults } from '../stage/faults.ts'
import type { Flavour } from '../stage/flavour.ts'
import { AWS_KEYS } from '../stage/open-scene.ts'
import type { AwsKeys } from '../stage/scene.ts'
import { type Stage, startStage } from '../stage/stage.ts'

export type StageCommand = {
  readonly port: number
  /** Default 127.0.0.1. */
  readonly host?: string
  /** The key clients must send. Default `sk-stage`. */
  readonly key?: string
  readonly flavour?: Flavour
  /** Bedrock: what requests are signed with. Default: AKIASTAGE and stage-secret, in us-east-1. */
  readonly awsAccessKeyId?: string
  readonly awsSecretAccessKey?: string
  readonly awsSessionToken?: string
  readonly awsRegionName?: string
  /** Model (Azure: deployment) names; default: any. */
  readonly models?: readonly string[]
  /** A JSON file with a list of faults, played one per request. */
  readonly scriptFile?: string
  /** Where lines go; each ends with a newline. */
  readonly write: (text: string) => void
}

const DEFAULT_KEY = 'sk-stage'

const awsKeys = (command: StageCommand): AwsKeys => ({
  accessKeyId: command.awsAccessKeyId ?? AWS_KEYS.accessKeyId,
  secretAccessKey: command.awsSecretAccessKey ?? AWS_KEYS.secretAccessKey,
  region: command.awsRegionName ?? AWS_KEYS.region,
  ...(command.awsSessionToken === undefined ? {} : { sessionToken: command.awsSessionToken }),
})

/**
 * Starts one simulated provider with its control door open and says how to reach it. Resolves when it listens;
 * the caller closes it. Rejects when the port is taken, or the script cannot be read or holds something that is no fault.
 */
export const runStage = async (command: StageCommand): Promise<Stage> => {
  const script = command.scriptFile === undefined ? [] : await readScript(command.scriptFile)
  const stage = await startStage({
    port: command.port,
    key: command.key ?? DEFAULT_KEY,
    aws: awsKeys(command),
    control: true,
    models: command.models ?? ['*'],
    script,
    ...(command.host === undefined ? {} : { host: command.host }),
    ...(command.flavour === undefined ? {} : { flavour: command.flavour }),
  })
  command.write(greeting(stage, command, script.length))
  return stage
}

const readScript = async (path: string): Promise<readonly Fault[]> => {
  const text = await readFile(path, 'utf8')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new Error(`${path} is not JSON`)
  }
  try {
    return readFaults(value)
  } catch (error) {
    throw new Error(`${path}: ${error instanceof Error ? error.message : 'not a script'}`)
  }
}

/** A secret that the user chose is not printed. */
const shown = (value: string | undefined, usual: string, what: string): string =>
  value === undefined || value === usual ? usual : `<the ${what} you gave>`

const awsLines = (command: StageCommand): Readonly<Record<string, string>> => {
  const { accessKeyId, region } = awsKeys(command)
  return {
    aws_region_name: region,
    aws_access_key_id: accessKeyId,
    aws_secret_access_key: shown(command.awsSecretAccessKey, AWS_KEYS.secretAccessKey, 'secret'),
    ...(command.awsSessionToken === undefined ? {} : { aws_session_token: '<the token you gave>' }),
  }
}

/** The litellm_params of a deployment on this stage. */
const paramsOf = (stage: Stage, command: StageCommand): Readonly<Record<string, string>> => {
  const { model, settings = {}, open } = CAST[stage.flavour]
  const address = { model: `${stage.flavour}/${model}`, api_base: stage.baseUrl }
  if (stage.flavour === 'bedrock') return { ...address, ...awsLines(command) }
  const key = open === true ? {} : { api_key: shown(command.key, DEFAULT_KEY, 'key') }
  return { ...address, ...key, ...settings }
}

const greeting = (stage: Stage, command: StageCommand, faults: number): string =>
  [
    `A simulated ${stage.flavour} provider listens at ${stage.baseUrl}`,
    `  litellm_params:`,
    ...Object.entries(paramsOf(stage, command)).map(([name, value]) => `    ${name}: ${value}`),
    ...(stage.flavour === 'bedrock'
      ? [`  or, instead of the access key:`, `    api_key: ${shown(command.key, DEFAULT_KEY, 'key')}`]
      : []),
    `Script it:  curl ${stage.origin}/__stage/script -d '{"faults":[{"kind":"status","status":503}]}'`,
    `Look at it: curl ${stage.origin}/__stage/requests`,
    ...(faults > 0
      ? [
          `${faults} scripted ${faults === 1 ? 'fault waits' : 'faults wait'}; after that every answer is right.`,
        ]
      : []),
    '',
  ].join('\n')
