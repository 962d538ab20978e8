import type { Json, JsonObject } from '../wire/json.ts'
import { formatPlan } from './bedrock-converse-format.ts'
import { toMessages } from './bedrock-converse-messages.ts'
import { type Traits, traitsOf } from './bedrock-converse-models.ts'
import { thinkingFields } from './bedrock-converse-thinking.ts'
import { toToolConfig } from './bedrock-converse-tools.ts'
import type { Losses } from './losses.ts'
import type { NeutralRequest, Target } from './neutral.ts'
import { PARAMETERS } from './openai-parameters.ts'
import { objectOf } from './read-json.ts'

/**
 * A request as a Converse body. What has no place there is never dropped in silence: it is a warning when the answer
 * stays what was asked for, and lost when it does not.
 */

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
  include: 'nothing of it is there to be included',
  truncation: 'Converse refuses a prompt that is too long',
}

const isNeutralList = (value: Json): boolean => Array.isArray(value) && value.every(each => each === 'text')
const isEmpty = (value: Json): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0

/** Values with which a parameter changes nothing. */
const NOTHING: Readonly<Record<string, (value: Json) => boolean>> = {
  logit_bias: isEmpty,
  presence_penalty: value => value === 0,
  frequency_penalty: value => value === 0,
  modalities: isNeutralList,
  verbosity: value => value === 'medium',
  parallel_tool_calls: value => value === true,
}

/** Published for other endpoints of OpenAI: no model behind Converse knows it. */
const PUBLISHED: ReadonlySet<string> = new Set(
  ['POST /chat/completions', 'POST /responses'].flatMap(route =>
    Object.keys(PARAMETERS[route]?.parameters ?? {}),
  ),
)

/** What the request asks for and no member of Converse holds, by the names that clients know. */
const foreign = (request: NeutralRequest): readonly (readonly [name: string, value: Json | undefined])[] => [
  ['user', request.user],
  ['prompt_cache_key', request.cacheKey],
  ['seed', request.seed],
  ['logit_bias', request.logitBias],
  ['presence_penalty', request.presencePenalty],
  ['frequency_penalty', request.frequencyPenalty],
  ['logprobs', request.logprobs === undefined ? undefined : true],
  ['top_logprobs', request.logprobs === 0 ? undefined : request.logprobs],
  ['verbosity', request.verbosity],
  ['parallel_tool_calls', request.tools === undefined ? undefined : request.parallelCalls],
  ...Object.entries(request.rest),
]

/** Parameters outside the table: harmless, weighty, native to Converse, or the model's own. */
const otherParameters = (request: NeutralRequest, target: Target, losses: Losses) => {
  const native: Record<string, Json> = {}
  const fields: Record<string, Json> = {}
  for (const [name, value] of foreign(request)) {
    if (value === undefined || value === null) continue
    if (NATIVE.has(name)) native[name] = value
    else if (target.allowedParams.includes(name)) fields[name] = value
    else if (Object.hasOwn(HARMLESS, name)) losses.warn(name, HARMLESS[name] ?? '')
    else if (PUBLISHED.has(name)) {
      if (!(Object.hasOwn(NOTHING, name) && NOTHING[name]?.(value) === true)) losses.lose(name)
    } else fields[name] = value
  }
  return { native, fields }
}

const temperatureOf = (request: NeutralRequest, fixed: boolean, losses: Losses): JsonObject => {
  const { temperature } = request
  if (temperature === undefined) return {}
  if (fixed) {
    if (temperature !== 1) losses.lose('temperature')
    return {}
  }
  if (temperature > 1) losses.warn('temperature', 'Converse goes up to 1: sent as 1')
  return { temperature: Math.min(1, temperature) }
}

type Sampling = { readonly traits: Traits; readonly thinks: boolean; readonly losses: Losses }

const topPOf = ({ temperature, topP }: NeutralRequest, { traits, thinks, losses }: Sampling): JsonObject => {
  if (topP === undefined) return {}
  const taken = traits.sampling === 'both' || (traits.sampling === 'one' && temperature === undefined)
  // Where Claude thinks, a narrow cut is refused.
  if (taken && (!thinks || topP >= 0.95)) return { topP }
  if (topP !== 1) losses.lose('top_p')
  return {}
}

/** Claude refuses stops of white space alone. */
const stopsOf = ({ stop }: NeutralRequest, losses: Losses): JsonObject => {
  const spoken = (stop ?? []).filter(each => each.trim() !== '')
  if (spoken.length < (stop?.length ?? 0)) losses.lose('stop')
  return spoken.length === 0 ? {} : { stopSequences: spoken }
}

const inferenceConfig = (request: NeutralRequest, target: Target, sampling: Sampling): JsonObject => {
  const { traits, thinks, losses } = sampling
  const maxTokens = request.maxTokens ?? target.maxTokens
  return {
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...temperatureOf(request, thinks || traits.sampling === 'none', losses),
    ...topPOf(request, sampling),
    ...stopsOf(request, losses),
  }
}

const topK = ({ topK: count }: NeutralRequest, { traits, thinks, losses }: Sampling): JsonObject => {
  if (count === undefined) return {}
  if (thinks || traits.sampling === 'none') {
    losses.lose('top_k')
    return {}
  }
  return traits.family === 'nova' ? { inferenceConfig: { topK: count } } : { top_k: count }
}

/** Characters that keys and values of requestMetadata may have, and how many. */
const METADATA = /^[a-zA-Z0-9\s:_@$#=/+,.-]{0,256}$/

/** metadata becomes requestMetadata, which holds up to 16 short texts. */
const requestMetadata = ({ metadata }: NeutralRequest, losses: Losses): JsonObject => {
  const entries = Object.entries(metadata ?? {})
  const texts = entries
    .filter(
      ([key, value]) => key !== '' && METADATA.test(key) && typeof value === 'string' && METADATA.test(value),
    )
    .slice(0, 16)
  if (texts.length < entries.length) losses.warn('metadata', 'requestMetadata holds 16 short plain texts')
  return texts.length === 0 ? {} : { requestMetadata: Object.fromEntries(texts) }
}

const serviceTier = ({ serviceTier: tier }: NeutralRequest, losses: Losses): JsonObject => {
  if (tier === undefined || tier === 'auto' || tier === 'default' || tier === 'standard_only') return {}
  if (tier === 'priority' || tier === 'flex' || tier === 'reserved') return { serviceTier: { type: tier } }
  losses.warn('service_tier', 'Bedrock has no such service tier')
  return {}
}

const filled = (name: string, value: JsonObject | readonly JsonObject[] | undefined): JsonObject =>
  value === undefined || Object.keys(value).length === 0 ? {} : { [name]: value }

/** Translates a whole request. Throws Unsupported for content that no Converse body can hold. */
export const writeConverse = (request: NeutralRequest, target: Target, losses: Losses): JsonObject => {
  const traits = traitsOf(target.model)
  const { model, callIds } = target
  const { system, turns } = toMessages(request.turns, { model, traits, callIds }, losses)
  const { native, fields } = otherParameters(request, target, losses)
  const thinking = thinkingFields(request, turns, traits, losses)
  const toolConfig = toToolConfig(request, turns, traits, losses)
  const plan = formatPlan(request, toolConfig, traits, losses)
  // A client may ask for it in the model's own words.
  const thinks = thinking.thinking !== undefined || objectOf(fields.thinking) !== undefined
  const sampling: Sampling = { traits, thinks, losses }
  const words = plan.words === undefined ? [] : [{ text: plan.words }]
  return {
    messages: turns,
    ...filled('system', [...system, ...words]),
    ...filled('inferenceConfig', inferenceConfig(request, target, sampling)),
    ...filled('toolConfig', plan.toolConfig ?? toolConfig),
    ...filled('outputConfig', plan.outputConfig),
    ...requestMetadata(request, losses),
    ...serviceTier(request, losses),
    ...native,
    ...filled('additionalModelRequestFields', {
      ...fields,
      ...topK(request, sampling),
      ...thinking,
      ...objectOf(native.additionalModelRequestFields),
    }),
  }
}
