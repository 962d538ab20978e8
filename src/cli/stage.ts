import { readFile } from 'node:fs/promises'
import type { Flavour } from '../stage/columns.ts'
import { type Fault, readFaults } from '../stage/faults.ts'
import { type Stage, startStage } from '../stage/stage.ts'

export type StageCommand = {
  readonly port: number
  /** Default 127.0.0.1. */
  readonly host?: string
  /** The key clients must send. Default `sk-stage`. */
  readonly key?: string
  readonly flavour?: Flavour
  /** Model (Azure: deployment) names; default: any. */
  readonly models?: readonly string[]
  /** A JSON file with a list of faults, played one per request. */
  readonly scriptFile?: string
  /** Where lines go; each ends with a newline. */
  readonly write: (text: string) => void
}

/** A name for the example. */
const MODELS: Readonly<Record<Flavour, string>> = {
  openai: 'gpt-4.1',
  azure: 'any-deployment',
  anthropic: 'claude-sonnet-4-5',
  gemini: 'gemini-3-flash',
  cohere: 'command-a-03-2025',
  mistral: 'mistral-large-latest',
  azure_ai: 'claude-sonnet-4-5',
}

const DEFAULT_KEY = 'sk-stage'

/**
 * Starts one simulated provider with its control door open and says how to reach it. Resolves when it listens;
 * the caller closes it. Rejects when the port is taken, or the script cannot be read or holds something that is no fault.
 */
export const runStage = async (command: StageCommand): Promise<Stage> => {
  const script = command.scriptFile === undefined ? [] : await readScript(command.scriptFile)
  const key = command.key ?? DEFAULT_KEY
  const stage = await startStage({
    port: command.port,
    key,
    control: true,
    models: command.models ?? ['*'],
    script,
    ...(command.host === undefined ? {} : { host: command.host }),
    ...(command.flavour === undefined ? {} : { flavour: command.flavour }),
  })
  command.write(greeting(stage, script.length, key === DEFAULT_KEY))
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

/** A key that the user chose is not printed. */
const greeting = (stage: Stage, faults: number, shownKey: boolean): string =>
  [
    `A simulated ${stage.flavour} provider listens at ${stage.baseUrl}`,
    `  litellm_params:`,
    `    model: ${stage.flavour}/${MODELS[stage.flavour]}`,
    `    api_base: ${stage.baseUrl}`,
    `    api_key: ${shownKey ? stage.key : '<the key you gave>'}`,
    `Script it:  curl ${stage.origin}/__stage/script -d '{"faults":[{"kind":"status","status":503}]}'`,
    `Look at it: curl ${stage.origin}/__stage/requests`,
    ...(faults > 0
      ? [
          `${faults} scripted ${faults === 1 ? 'fault waits' : 'faults wait'}; after that every answer is right.`,
        ]
      : []),
    '',
  ].join('\n')
