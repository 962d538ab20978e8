import type { JsonObject } from '../wire/json.ts'
import type { Answer } from './answer.ts'
import type { Flavour } from './flavour.ts'
import type { Field } from './form.ts'
import type { Memory, Vault } from './memory.ts'
import type { Voice } from './voice.ts'

/** What a stage does with a conversation whose last message is the assistant's own beginning. */
export type Prefill = 'ignore' | 'continue' | 'reject'

/** With what requests to AWS are signed. */
export type AwsKeys = {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Of temporary credentials. */
  readonly sessionToken?: string
  readonly region: string
}

/** What a test has a model of Bedrock's say. */
export type Scripted = {
  readonly content: readonly JsonObject[]
  readonly stopReason: string
  readonly usage?: JsonObject
}

/** One simulated provider: who it is, what it knows. */
export type Scene = {
  readonly flavour: Flavour
  readonly key: string
  /** Bedrock takes them beside the key. */
  readonly aws: AwsKeys
  /** Model names it serves; '*' stands for any. */
  readonly models: readonly string[]
  /** The text of every answer, unless the request's own text holds a direction. */
  readonly says: string
  readonly prefill: Prefill
  /** Default: OpenAI's own. */
  readonly voice?: Voice
  /** Top-level parameters taken on every route although they are not published. */
  readonly accepts: readonly string[]
  readonly memory: Memory
  readonly vault: Vault
  readonly id: (prefix: string) => string
  /** Seconds since the epoch. */
  readonly now: () => number
}

/** A request that passed every check. */
export type Ask = {
  readonly scene: Scene
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  /** {} when the route takes no JSON. A form's text fields are here too, typed as their parameters say. */
  readonly body: JsonObject
  readonly fields: readonly Field[]
  readonly model: string
  readonly scripted?: Scripted
}

export type Handler = (ask: Ask) => Answer

/** A path parameter that the route pattern guarantees. */
export const param = (ask: Ask, name: string): string => ask.params[name] ?? ''

const SNAPSHOTS: Readonly<Record<string, string>> = {
  'gpt-3.5-turbo': 'gpt-3.5-turbo-0125',
  'gpt-3.5-turbo-instruct': 'gpt-3.5-turbo-instruct:20230824-v2',
  'gpt-4o': 'gpt-4o-2024-08-06',
  'gpt-4o-mini': 'gpt-4o-mini-2024-07-18',
  'gpt-4.1': 'gpt-4.1-2025-04-14',
  'gpt-4.1-mini': 'gpt-4.1-mini-2025-04-14',
  'gpt-4.1-nano': 'gpt-4.1-nano-2025-04-14',
  'gpt-5': 'gpt-5-2025-08-07',
  'gpt-5-mini': 'gpt-5-mini-2025-08-07',
  'o4-mini': 'o4-mini-2025-04-16',
}

/** Models whose name in the answer is the name asked for. */
const UNDATED = /embedding|moderation|tts|whisper|transcribe|image|dall-e|rerank|-\d{4}-\d{2}-\d{2}$|:\d/

/** The dated name a provider answers with. */
export const snapshot = (model: string): string =>
  SNAPSHOTS[model] ?? (UNDATED.test(model) ? model : `${model}-2025-04-14`)

export const DEFAULT_MODELS: readonly string[] = [
  ...Object.keys(SNAPSHOTS),
  'gpt-5.1-codex-max',
  'text-embedding-3-small',
  'text-embedding-3-large',
  'text-embedding-ada-002',
  'omni-moderation-latest',
  'text-moderation-latest',
  'gpt-image-1',
  'dall-e-2',
  'dall-e-3',
  'tts-1',
  'gpt-4o-mini-tts',
  'whisper-1',
  'gpt-4o-transcribe',
  'gpt-4o-mini-transcribe',
  'rerank-v3.5',
]
