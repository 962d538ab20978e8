import type { JsonObject } from '../wire/json.ts'
import type { Headers } from './answer.ts'
import { hostErrorBody, inspectMessages, messagesErrorBody, messagesErrorFor } from './anthropic.ts'
import { bedrockErrorFor, bedrockModelIn, bedrockRefusal, inspectBedrock } from './bedrock.ts'
import { cohereErrorBody, cohereErrorFor, inspectCohere } from './cohere.ts'
import { compatible } from './compatible.ts'
import type { Flavour } from './flavour.ts'
import { inspectFoundry } from './foundry.ts'
import { geminiErrorBody, geminiModelIn, inspectGoogle } from './gemini.ts'
import { type Inspector, inspectOpenAi } from './inspect.ts'
import { inspectMistral, mistralErrorFor } from './mistral.ts'
import { openaiErrorFor } from './provider-errors.ts'
import type { Prefill, Scene } from './scene.ts'
import type { ErrorAnswer, ErrorFor } from './steps.ts'
import { inspectVertex, vertexModelIn } from './vertex.ts'

/** Who is played by which files. A provider is one row here. */

export type Part = {
  /** Where the API begins, as a configuration writes it after the origin. */
  readonly base: string
  /** A name for examples. */
  readonly model: string
  /** What a configuration says beside model, address and key. */
  readonly settings?: Readonly<Record<string, string>>
  /** Nobody is asked for a key. */
  readonly open?: true
  /** Every check before anything is done. Throws StageRefusal. */
  readonly inspect: Inspector
  /** What the head of every answer holds, the date aside. */
  readonly headers: (scene: Scene) => Headers
  /** What it writes for a status when a script names no body. */
  readonly errorFor: ErrorFor
  /** A refusal as it goes out. */
  readonly refusal: (error: JsonObject) => ErrorAnswer
  /** What becomes of an assistant message at the end, unless the stage is told otherwise. Default: `ignore`. */
  readonly prefill?: Prefill
  /** The model that a path names, where paths do. */
  readonly modelIn?: (path: string) => string | undefined
}

const requestId = (scene: Scene): Headers => ({
  'x-request-id': scene.id('req_'),
  'x-ratelimit-limit-requests': '10000',
  'x-ratelimit-remaining-requests': '9999',
})

const openaiHeaders = (scene: Scene): Headers => ({
  ...requestId(scene),
  'openai-version': '2020-10-01',
  'openai-organization': 'org-stage',
  'openai-processing-ms': '12',
})

const azureHeaders = (scene: Scene): Headers => ({
  ...requestId(scene),
  'apim-request-id': scene.id('apim-'),
  'x-ms-region': 'Stage Left',
})

const anthropicHeaders = (scene: Scene): Headers => ({
  'request-id': scene.id('req_'),
  'anthropic-organization-id': 'org-stage',
  'anthropic-ratelimit-requests-limit': '10000',
  'anthropic-ratelimit-requests-remaining': '9999',
})

const googleHeaders = (): Headers => ({ 'server-timing': 'gfet4t7; dur=12' })

const hosted = (error: JsonObject): ErrorAnswer => ({ body: hostErrorBody(error) })
const nested = (error: JsonObject): ErrorAnswer => ({ body: { error } })
const azureErrorFor = openaiErrorFor('azure')

export const CAST: Readonly<Record<Flavour, Part>> = {
  openai: {
    base: '/v1',
    model: 'gpt-4.1',
    inspect: inspectOpenAi,
    headers: openaiHeaders,
    errorFor: openaiErrorFor('openai'),
    refusal: nested,
  },
  azure: {
    base: '/openai/v1',
    model: 'any-deployment',
    settings: { api_version: 'v1' },
    inspect: inspectOpenAi,
    headers: azureHeaders,
    errorFor: azureErrorFor,
    refusal: nested,
  },
  azure_ai: {
    base: '',
    model: 'claude-sonnet-4-5',
    inspect: inspectFoundry(inspectOpenAi),
    headers: azureHeaders,
    errorFor: azureErrorFor,
    refusal: hosted,
  },
  anthropic: {
    base: '',
    model: 'claude-sonnet-4-5',
    inspect: inspectMessages,
    headers: anthropicHeaders,
    errorFor: status => ({ body: messagesErrorFor(status) }),
    refusal: error => ({ body: messagesErrorBody(error) }),
    prefill: 'continue',
  },
  bedrock: {
    base: '',
    model: 'anthropic.claude-sonnet-4-5-20250929-v1:0',
    inspect: inspectBedrock,
    headers: scene => ({ 'x-amzn-requestid': scene.id('') }),
    errorFor: bedrockErrorFor,
    refusal: bedrockRefusal,
    prefill: 'continue',
    modelIn: bedrockModelIn,
  },
  vertex_ai: {
    base: '',
    model: 'gemini-3-flash',
    settings: { vertex_project: 'stage', vertex_location: 'us-central1' },
    inspect: inspectVertex,
    headers: googleHeaders,
    errorFor: (status, wait) => ({ body: geminiErrorBody(status, wait) }),
    refusal: hosted,
    prefill: 'continue',
    modelIn: vertexModelIn,
  },
  gemini: {
    base: '',
    model: 'gemini-3-flash',
    inspect: inspectGoogle(false),
    headers: googleHeaders,
    errorFor: (status, wait) => ({ body: geminiErrorBody(status, wait) }),
    refusal: nested,
    modelIn: geminiModelIn,
  },
  cohere: {
    base: '',
    model: 'command-a-03-2025',
    inspect: inspectCohere,
    headers: scene => ({ 'x-debug-trace-id': scene.id('') }),
    errorFor: status => ({ body: cohereErrorFor(status) }),
    refusal: error => ({ body: cohereErrorBody(error) }),
  },
  mistral: {
    base: '/v1',
    model: 'mistral-large-latest',
    inspect: inspectMistral,
    headers: scene => ({ 'mistral-correlation-id': scene.id('') }),
    errorFor: status => ({ body: mistralErrorFor(status) }),
    refusal: error => ({ body: error }),
  },
  groq: compatible('groq'),
  xai: compatible('xai'),
  deepseek: compatible('deepseek'),
  together_ai: compatible('together_ai'),
  fireworks_ai: compatible('fireworks_ai'),
  openrouter: compatible('openrouter'),
  ollama: compatible('ollama'),
  hosted_vllm: compatible('hosted_vllm'),
}
