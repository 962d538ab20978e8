import type { Flavour } from './flavour.ts'
import { CANONICAL } from './lines.ts'
import { emptyMemory, idMaker, vaultOf } from './memory.ts'
import { type AwsKeys, DEFAULT_MODELS, type Prefill, type Scene } from './scene.ts'

export type SceneOptions = {
  readonly flavour: Flavour
  readonly name: string
  /** Whose ids these are: no other stage issues the same. */
  readonly issuer: string
  /** Default: `sk-stage-<name>`. */
  readonly key?: string
  readonly aws?: Partial<AwsKeys>
  readonly models?: readonly string[]
  readonly says?: string
  readonly prefill?: Prefill | undefined
  readonly accepts?: readonly string[]
  readonly organisation?: string
  readonly now?: () => Date
}

/** What Bedrock takes when nothing else is said. */
export const AWS_KEYS: AwsKeys = {
  accessKeyId: 'AKIASTAGE',
  secretAccessKey: 'stage-secret',
  region: 'us-east-1',
}

/** A provider that has been asked nothing yet. */
export const openScene = (options: SceneOptions): Scene => ({
  flavour: options.flavour,
  key: options.key ?? `sk-stage-${options.name}`,
  aws: { ...AWS_KEYS, ...options.aws },
  models: options.models ?? DEFAULT_MODELS,
  says: options.says ?? CANONICAL,
  prefill: options.prefill ?? 'ignore',
  accepts: options.accepts ?? [],
  memory: emptyMemory(),
  vault: vaultOf(options.organisation ?? options.issuer),
  id: idMaker(options.issuer),
  now: () => Math.floor((options.now?.() ?? new Date()).getTime() / 1000),
})
