import { Unsupported } from '../providers/provider.ts'
import type { Warning } from '../wire/edit.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { toMessages } from './bedrock-converse-messages.ts'
import { toToolConfig } from './bedrock-converse-tools.ts'
import { collectLosses, type Losses } from './losses.ts'

/**
 * A chat.completions request as a Converse body. What has no place there is never dropped in silence: it is a
 * warning when the answer stays what was asked for, and `lost` when it does not.
 */

export type ConverseOptions = {
  /** Upstream model id: reasoning is spelled per model family. */
  readonly model: string
  /** allowed_openai_params: sent in additionalModelRequestFields instead of being lost. */
  readonly allowedParams: readonly string[]
}

export type ConverseTranslation = {
  readonly body: JsonObject
  readonly warnings: readonly Warning[]
  /** Client parameters that would have changed the answer and have no place in Converse. */
  readonly lost: readonly string[]
}

/** Parameters that the translation itself reads. */
const READ = new Set([
  'model',
  'messages',
  'stream',
  'stream_options',
  'max_tokens',
  'max_completion_tokens',
  'temperature',
  'top_p',
  'stop',
  'tools',
  'tool_choice',
  'response_format',
  'reasoning_effort',
  'metadata',
  'service_tier',
])

/** Converse's own top-level members, taken as they are when a client or a deployment gives them. */
const NATIVE = new Set([
  'guardrailConfig',
  'additionalModelRequestFields',
  'additionalModelResponseFieldPaths',
  'promptVariables',
  'requestMetadata',
  'performanceConfig',
  'serviceTier',
])

/** Parameters whose absence changes nothing in the answer. */
const HARMLESS: Readonly<Record<string, string>> = {
  user: 'Converse has no end-user id',
  safety_identifier: 'Converse has no end-user id',
  store: 'Converse stores nothing',
  prediction: 'Converse has no predicted output',
  prompt_cache_key: 'Converse caches by cachePoint blocks',
  prompt_cache_options: 'Converse caches by cachePoint blocks',
  prompt_cache_retention: 'Converse caches by cachePoint blocks',
}

const isNeutralList = (value: Json): boolean => Array.isArray(value) && value.every(each => each === 'text')
const isEmptyObject = (value: Json): boolean => isObject(value) && Object.keys(value).length === 0

/** Parameters that change the answer, and the values with which they do not. */
const WEIGHTY: Readonly<Record<string, (value: Json) => boolean>> = {
  n: value => value === 1,
  seed: () => false,
  logit_bias: isEmptyObject,
  presence_penalty: value => value === 0,
  frequency_penalty: value => value === 0,
  logprobs: value => value === false,
  top_logprobs: value => value === 0,
  modalities: isNeutralList,
  audio: () => false,
  functions: () => false,
  function_call: () => false,
  web_search_options: () => false,
  moderation: () => false,
  verbosity: value => value === 'medium',
  parallel_tool_calls: value => value === true,
}

const present = (value: Json | undefined): value is Json => value !== undefined && value !== null

const inferenceConfig = (request: JsonObject): JsonObject => {
  const stop = request.stop
  const sequences = typeof stop === 'string' ? [stop] : Array.isArray(stop) ? stop : []
  const maxTokens = request.max_completion_tokens ?? request.max_tokens
  return {
    ...(present(maxTokens) ? { maxTokens } : {}),
    ...(present(request.temperature) ? { temperature: request.temperature } : {}),
    ...(present(request.top_p) ? { topP: request.top_p } : {}),
    ...(sequences.length > 0 ? { stopSequences: sequences } : {}),
  }
}

/** Thinking budgets in tokens; LiteLLM's numbers. A budget must be at least 1024 and below maxTokens. */
const BUDGETS: Readonly<Record<string, number>> = {
  minimal: 1024,
  low: 1024,
  medium: 2048,
  high: 4096,
  xhigh: 8192,
  max: 16384,
}

const reasoningFields = (request: JsonObject, options: ConverseOptions, losses: Losses): JsonObject => {
  const effort = request.reasoning_effort
  if (typeof effort !== 'string' || effort === 'none') return {}
  if (/\bgpt-oss\b/.test(options.model)) return { reasoning_effort: effort }
  const budget = BUDGETS[effort]
  if (!/anthropic\.claude/.test(options.model) || budget === undefined) {
    losses.lose('reasoning_effort')
    return {}
  }
  // A client that spells thinking out itself is more precise than an effort.
  if (present(request.thinking)) return {}
  const limit = request.max_completion_tokens ?? request.max_tokens
  const fitting = typeof limit === 'number' ? Math.min(budget, limit - 1) : budget
  if (fitting < 1024) {
    losses.warn('reasoning_effort', 'max_tokens leaves no room for a thinking budget')
    return {}
  }
  return { thinking: { type: 'enabled', budget_tokens: fitting } }
}

/** metadata becomes requestMetadata, which holds strings only. */
const requestMetadata = (metadata: Json | undefined, losses: Losses): JsonObject => {
  if (!isObject(metadata)) return {}
  const entries = Object.entries(metadata)
  const texts = entries.filter(([, value]) => typeof value === 'string')
  if (texts.length < entries.length) losses.warn('metadata', 'requestMetadata holds strings only')
  return texts.length === 0 ? {} : { requestMetadata: Object.fromEntries(texts) }
}

const serviceTier = (tier: Json | undefined, losses: Losses): JsonObject => {
  if (!present(tier) || tier === 'auto' || tier === 'default') return {}
  if (tier === 'priority' || tier === 'flex' || tier === 'reserved') return { serviceTier: { type: tier } }
  losses.warn('service_tier', 'Bedrock has no such service tier')
  return {}
}

/** Parameters outside the table: harmless, weighty, native to Converse, or the model's own. */
const otherParameters = (request: JsonObject, options: ConverseOptions, losses: Losses) => {
  const native: Record<string, Json> = {}
  const fields: Record<string, Json> = {}
  for (const [name, value] of Object.entries(request)) {
    if (READ.has(name) || value === null) continue
    if (NATIVE.has(name)) native[name] = value
    else if (options.allowedParams.includes(name)) fields[name] = value
    else if (Object.hasOwn(HARMLESS, name)) losses.warn(name, HARMLESS[name] ?? '')
    else if (Object.hasOwn(WEIGHTY, name)) {
      if (WEIGHTY[name]?.(value) !== true) losses.lose(name)
    } else fields[name] = value
  }
  return { native, fields }
}

/** Translates a whole request. Throws Unsupported for content that no Converse body can hold. */
export const toConverse = (request: JsonObject, options: ConverseOptions): ConverseTranslation => {
  const losses = collectLosses()
  const { messages } = request
  if (!Array.isArray(messages)) throw new Unsupported("'messages' must be an array", 'messages')
  const { system, turns } = toMessages(messages, losses)
  const format = request.response_format
  if (isObject(format) && format.type !== 'text') losses.lose('response_format')
  const { native, fields } = otherParameters(request, options, losses)
  const own = isObject(native.additionalModelRequestFields) ? native.additionalModelRequestFields : {}
  const additional = { ...fields, ...reasoningFields(request, options, losses), ...own }
  const inference = inferenceConfig(request)
  const toolConfig = toToolConfig(request, turns, losses)
  const body: JsonObject = {
    messages: turns,
    ...(system.length > 0 ? { system } : {}),
    ...(Object.keys(inference).length > 0 ? { inferenceConfig: inference } : {}),
    ...(toolConfig === undefined ? {} : { toolConfig }),
    ...requestMetadata(request.metadata, losses),
    ...serviceTier(request.service_tier, losses),
    ...native,
    ...(Object.keys(additional).length > 0 ? { additionalModelRequestFields: additional } : {}),
  }
  return { body, ...losses.found() }
}
