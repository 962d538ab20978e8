import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { asFunction } from './custom-tools.ts'
import { contentsOf } from './gemini-upstream-turns.ts'
import { isThird, neverThinks } from './gemini-words.ts'
import type { Losses } from './losses.ts'
import type { Effort, NeutralRequest, Target, Tool, ToolChoice } from './neutral.ts'

/** A neutral request as a generateContent body. The model and whether it streams are in the path. */

const present = (value: Json | undefined): value is Json => value !== undefined && value !== null

const isBlank = (schema: JsonObject): boolean =>
  Object.keys(schema).length === 0 ||
  (schema.type === 'object' && isObject(schema.properties) && Object.keys(schema.properties).length === 0)

const declarationOf = (tool: Tool, losses: Losses): JsonObject => {
  const { name, description, schema } = asFunction(tool)
  if (tool.strict === true) losses.warn('tools[].strict', 'Gemini promises it for no function')
  if (tool.format !== undefined)
    losses.warn('tools[].format', 'the grammar of a custom tool is told in words')
  if (tool.cache !== undefined) losses.warn('cache_control', 'Gemini caches prompts by itself')
  return {
    name,
    ...(description === undefined || description === '' ? {} : { description }),
    // A function without parameters has no schema: an empty one is refused by some models.
    ...(isBlank(schema) ? {} : { parametersJsonSchema: schema }),
  }
}

const callingConfig = (choice: ToolChoice): JsonObject => {
  switch (choice.kind) {
    case 'auto':
      return { mode: 'AUTO' }
    case 'none':
      return { mode: 'NONE' }
    case 'required':
      return { mode: 'ANY' }
    case 'tool':
      return { mode: 'ANY', allowedFunctionNames: [choice.name] }
    case 'allowed':
      // AUTO takes no names; VALIDATED is AUTO with them.
      return { mode: choice.required ? 'ANY' : 'VALIDATED', allowedFunctionNames: choice.names }
  }
}

const toolMembers = (request: NeutralRequest, losses: Losses): JsonObject => {
  const { tools = [], toolChoice } = request
  if (tools.length === 0) return {}
  if (request.parallelCalls === false)
    losses.lose('parallel_tool_calls', 'nothing keeps Gemini from making several calls at once')
  return {
    tools: [{ functionDeclarations: tools.map(tool => declarationOf(tool, losses)) }],
    ...(toolChoice === undefined ? {} : { toolConfig: { functionCallingConfig: callingConfig(toolChoice) } }),
  }
}

/** Budgets for efforts, as Google's own OpenAI-compatible endpoint publishes them for the 2.5 models. */
const BUDGETS: Readonly<Record<Exclude<Effort, 'none'>, number>> = {
  minimal: 1024,
  low: 1024,
  medium: 8192,
  high: 24576,
  xhigh: 24576,
  max: 24576,
}

const levelOf = (effort: Effort, model: string, losses: Losses): string => {
  const fast = /flash/.test(model)
  if (effort === 'none' || effort === 'minimal') {
    if (effort === 'none' || !fast)
      losses.warn('reasoning_effort', `${model} cannot think less than its lowest level`)
    return fast ? 'MINIMAL' : 'LOW'
  }
  if (effort === 'low') return 'LOW'
  // The first Pro of that generation knows two levels.
  if (effort === 'medium') return /gemini-3-pro/.test(model) ? 'HIGH' : 'MEDIUM'
  if (effort !== 'high') losses.warn('reasoning_effort', `HIGH is the highest level of ${model}`)
  return 'HIGH'
}

const budgetOf = (effort: Effort, model: string, losses: Losses): number => {
  if (effort !== 'none') return BUDGETS[effort]
  if (!/pro/.test(model)) return 0
  losses.warn('reasoning_effort', `${model} cannot be kept from thinking`)
  return 128
}

/** A budget that is none: the model decides by itself how long it thinks. */
const AS_IT_LIKES = -1

/** `The thinking budget … is invalid. Please choose a value between …`: budgets as Google's guide to thinking has them. */
const tokensFor = (asked: number, model: string, losses: Losses): number => {
  if (asked === AS_IT_LIKES) return asked
  const [least, most] = /pro/.test(model) ? [128, 32_768] : [/lite/.test(model) ? 512 : 1, 24_576]
  const fit = Math.min(Math.max(asked, least), most)
  if (fit !== asked)
    losses.warn('thinking', `${model} thinks in ${least} to ${most} tokens: ${fit} are given`)
  return fit
}

type Thinking = { readonly effort?: Effort | undefined; readonly thinkingTokens?: number | undefined }

/** A budget of nothing is the wish not to think. */
const thinkingOf = ({ effort, thinkingTokens }: NeutralRequest): Thinking =>
  thinkingTokens === 0 ? { effort: 'none' } : { effort, thinkingTokens }

const thinkingConfig = (request: NeutralRequest, model: string, losses: Losses): JsonObject => {
  const { thoughts } = request
  const { effort, thinkingTokens } = thinkingOf(request)
  if (neverThinks(model)) {
    if (thinkingTokens !== undefined || (effort !== undefined && effort !== 'none'))
      losses.lose('reasoning_effort')
    return {}
  }
  const amount: JsonObject =
    thinkingTokens !== undefined
      ? { thinkingBudget: tokensFor(thinkingTokens, model, losses) }
      : effort === undefined
        ? {}
        : isThird(model)
          ? { thinkingLevel: levelOf(effort, model, losses) }
          : { thinkingBudget: budgetOf(effort, model, losses) }
  // Who asks for effort gets to see what it bought, as LiteLLM's clients expect.
  const asked = thinkingTokens !== undefined || (effort !== undefined && effort !== 'none')
  const shown = thoughts === undefined ? asked : thoughts === 'shown'
  const config = { ...amount, ...(shown ? { includeThoughts: true } : {}) }
  return Object.keys(config).length === 0 ? {} : { thinkingConfig: config }
}

const formatMembers = (request: NeutralRequest, model: string, losses: Losses): JsonObject => {
  const { format, tools = [] } = request
  if (format === undefined || format.kind === 'text') return {}
  // Older models refuse a JSON answer where functions are declared.
  if (tools.length > 0 && !isThird(model)) {
    losses.lose('response_format')
    return {}
  }
  if (format.kind === 'schema' && format.description !== undefined)
    losses.warn('response_format.description', 'a schema has no description of its own here')
  return {
    responseMimeType: 'application/json',
    ...(format.kind === 'schema' ? { responseJsonSchema: format.schema } : {}),
  }
}

const MOST_STOPS = 5

const stopMembers = (stop: readonly string[] | undefined, losses: Losses): JsonObject => {
  const sequences = (stop ?? []).filter(one => one !== '')
  if (sequences.length > MOST_STOPS) losses.lose('stop')
  return sequences.length === 0 ? {} : { stopSequences: sequences.slice(0, MOST_STOPS) }
}

const seedMember = (seed: number | undefined, losses: Losses): JsonObject => {
  if (seed === undefined) return {}
  if (Number.isInteger(seed) && Math.abs(seed) < 2 ** 31) return { seed }
  losses.lose('seed')
  return {}
}

/** Pictures beside the text, as LiteLLM's clients ask for them. Sound wants a voice, which has no name in common. */
const modalitiesIn = ({ rest }: NeutralRequest): readonly string[] | undefined => {
  const { modalities } = rest
  if (!Array.isArray(modalities) || !modalities.includes('image')) return undefined
  return modalities.every(one => one === 'text' || one === 'image')
    ? modalities.map(one => String(one).toUpperCase())
    : undefined
}

const generationConfig = (request: NeutralRequest, target: Target, losses: Losses): JsonObject => {
  const { logprobs, maxTokens = target.maxTokens } = request
  const modalities = modalitiesIn(request)
  const given = {
    maxOutputTokens: maxTokens,
    temperature: request.temperature,
    topP: request.topP,
    topK: request.topK,
    presencePenalty: request.presencePenalty,
    frequencyPenalty: request.frequencyPenalty,
  }
  return {
    ...Object.fromEntries(
      Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
    ),
    ...stopMembers(request.stop, losses),
    ...seedMember(request.seed, losses),
    ...(logprobs === undefined ? {} : { responseLogprobs: true }),
    ...(logprobs === undefined || logprobs === 0 ? {} : { logprobs }),
    ...(modalities === undefined ? {} : { responseModalities: modalities }),
    ...formatMembers(request, target.model, losses),
    ...thinkingConfig(request, target.model, losses),
  }
}

const TIERS: ReadonlySet<string> = new Set(['flex', 'priority'])

const tierMember = (tier: string | undefined, losses: Losses): JsonObject => {
  if (tier === undefined || tier === 'auto' || tier === 'default' || tier === 'standard') return {}
  if (TIERS.has(tier)) return { serviceTier: tier }
  losses.warn('service_tier', 'Gemini has no such service tier')
  return {}
}

/** What a client or a deployment says in the API's own names goes along as it is. */
const NATIVE: Readonly<Record<string, string>> = {
  safetySettings: 'safetySettings',
  safety_settings: 'safetySettings',
  cachedContent: 'cachedContent',
  cached_content: 'cachedContent',
  labels: 'labels',
}

/** Parameters whose absence changes nothing in the answer. */
const HARMLESS: ReadonlySet<string> = new Set([
  'store',
  'prediction',
  'prompt_cache_options',
  'prompt_cache_retention',
  'include',
  'truncation',
  'betas',
  'client_metadata',
  'context_management',
  'service_tier',
  'safety_identifier',
])

/** Parameters that change the answer, but not with these values. */
const NEUTRAL: Readonly<Record<string, (value: Json) => boolean>> = {
  n: value => value === 1,
  // Pictures are asked for in the generationConfig.
  modalities: value => Array.isArray(value) && value.every(one => one === 'text' || one === 'image'),
  background: value => value === false,
}

const restMembers = (rest: JsonObject, target: Target, losses: Losses): JsonObject => {
  const found: Record<string, Json> = {}
  for (const [name, value] of Object.entries(rest)) {
    if (!present(value)) continue
    const native = Object.hasOwn(NATIVE, name) ? NATIVE[name] : undefined
    if (native !== undefined) found[native] = value
    else if (target.allowedParams.includes(name)) found[name] = value
    else if (HARMLESS.has(name)) losses.warn(name, 'Gemini has nothing like it')
    else if (!(Object.hasOwn(NEUTRAL, name) && NEUTRAL[name]?.(value) === true)) losses.lose(name)
  }
  return found
}

const noteOthers = (request: NeutralRequest, losses: Losses): void => {
  const { logitBias, verbosity } = request
  if (logitBias !== undefined && Object.keys(logitBias).length > 0) losses.lose('logit_bias')
  if (verbosity !== undefined && verbosity !== 'medium') losses.lose('verbosity')
  if (request.user !== undefined) losses.warn('user', 'Gemini has no end-user id')
  if (request.metadata !== undefined) losses.warn('metadata', 'labels have rules of their own')
  if (request.cacheKey !== undefined) losses.warn('prompt_cache_key', 'Gemini caches prompts by itself')
}

/** Throws Unsupported for content that cannot be carried. */
export const writeGemini = (request: NeutralRequest, target: Target, losses: Losses): JsonObject => {
  const { system, contents } = contentsOf(request.turns, { model: target.model, losses })
  const config = generationConfig(request, target, losses)
  noteOthers(request, losses)
  return {
    contents,
    ...(system.length === 0 ? {} : { systemInstruction: { parts: system } }),
    ...toolMembers(request, losses),
    ...(Object.keys(config).length === 0 ? {} : { generationConfig: config }),
    ...tierMember(request.serviceTier, losses),
    ...restMembers(request.rest, target, losses),
  }
}
