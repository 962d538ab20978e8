import type { Json, JsonObject } from '../wire/json.ts'
import { toCohereMessages } from './cohere-messages.ts'
import { toolMembers } from './cohere-tools.ts'
import type { Losses } from './losses.ts'
import type { Effort, Format, NeutralRequest, Target } from './neutral.ts'
import { listOf } from './read-json.ts'

/** A neutral request as the body of POST /v2/chat. Names, ranges and limits are the published description's. */

const between = (value: number, [least, most]: readonly [number, number]): number =>
  Math.min(most, Math.max(least, value))

/** A sampling value within Cohere's range; one beyond it is sent as the end of the range. */
const ranged = (
  name: string,
  value: number | undefined,
  range: readonly [number, number],
  losses: Losses,
): number | undefined => {
  if (value === undefined) return undefined
  const sent = between(value, range)
  if (sent !== value) losses.warn(name, `Cohere takes ${range[0]} to ${range[1]}: sent as ${sent}`)
  return sent
}

/** 0 is the default, and some models refuse one penalty beside the other. Below 0 there is nothing. */
const penalty = (name: string, value: number | undefined, losses: Losses): number | undefined => {
  if (value === undefined || value === 0) return undefined
  if (value > 0) return ranged(name, value, [0, 1], losses)
  losses.lose(name)
  return undefined
}

const MOST_STOPS = 5

const stops = (stop: readonly string[] | undefined, losses: Losses): readonly string[] | undefined => {
  const sequences = (stop ?? []).filter(each => each !== '')
  if (sequences.length > MOST_STOPS) losses.lose('stop')
  return sequences.length === 0 ? undefined : sequences.slice(0, MOST_STOPS)
}

const seedOf = (seed: number | undefined, losses: Losses): number | undefined => {
  if (seed === undefined || (Number.isSafeInteger(seed) && seed >= 0)) return seed
  losses.lose('seed')
  return undefined
}

/** Whether a whole answer, or each event, tells how likely its words were. */
const logprobsOf = (count: number | undefined, losses: Losses): true | undefined => {
  if (count === undefined) return undefined
  if (count > 0) losses.lose('top_logprobs')
  return true
}

/** "not supported when used in combinations with the documents or tools parameters". */
const formatOf = (format: Format | undefined, beside: boolean, losses: Losses): JsonObject | undefined => {
  if (format === undefined || format.kind === 'text') return undefined
  if (beside) {
    losses.lose('response_format', 'Cohere takes it neither beside tools nor beside documents.')
    return undefined
  }
  if (format.kind === 'schema' && format.description !== undefined)
    losses.warn('response_format.description', 'a schema has no description of its own here')
  return { type: 'json_object', ...(format.kind === 'schema' ? { json_schema: format.schema } : {}) }
}

/** Models that think, and do so unless they are told not to. */
const THINKS = /reasoning|command-a-plus/

/** Budgets in tokens. Above medium there is none: Cohere's guide to reasoning advises against one. */
const BUDGETS: Readonly<Partial<Record<Effort, number>>> = { minimal: 1024, low: 1024, medium: 4096 }

const thinkingOf = (request: NeutralRequest, target: Target, losses: Losses): JsonObject | undefined => {
  const { effort, thinkingTokens, maxTokens = target.maxTokens } = request
  if (effort === undefined && thinkingTokens === undefined) return undefined
  const off = effort === 'none' || thinkingTokens === 0
  if (!THINKS.test(target.model) && !target.allowedParams.includes('reasoning_effort')) {
    if (!off) losses.lose(effort === undefined ? 'thinking' : 'reasoning_effort')
    return undefined
  }
  if (off) return { type: 'disabled' }
  const budget = thinkingTokens ?? BUDGETS[effort ?? 'high']
  if (budget === undefined) return { type: 'enabled' }
  // Thoughts count as tokens of the answer: something has to be left for it.
  const most = maxTokens === undefined ? budget : Math.max(1, Math.floor(maxTokens / 2))
  return { type: 'enabled', token_budget: Math.min(budget, most) }
}

/** Members of this API that no other dialect has: taken as they are when a client or a deployment gives them. */
const NATIVE = new Set([
  'citation_options',
  'documents',
  'frequency_penalty',
  'k',
  'p',
  'priority',
  'safety_mode',
  'strict_tools',
])

/** Parameters whose absence changes nothing in the answer. */
const HARMLESS = new Set([
  'betas',
  'client_metadata',
  'context_management',
  'include',
  'prediction',
  'prompt_cache_options',
  'prompt_cache_retention',
  'safety_identifier',
  'service_tier',
  'store',
  'truncation',
])

/** Values with which a parameter changes nothing. */
const NOTHING: Readonly<Record<string, (value: Json) => boolean>> = {
  n: value => value === 1,
  modalities: value => listOf(value)?.every(each => each === 'text') === true,
  background: value => value === false,
}

const restMembers = (rest: JsonObject, target: Target, losses: Losses): JsonObject => {
  const found: Record<string, Json> = {}
  for (const [name, value] of Object.entries(rest)) {
    if (value === null) continue
    if (NATIVE.has(name) || target.allowedParams.includes(name)) found[name] = value
    else if (HARMLESS.has(name)) losses.warn(name, 'Cohere has nothing like it')
    else if (!(Object.hasOwn(NOTHING, name) && NOTHING[name]?.(value) === true)) losses.lose(name)
  }
  return found
}

const noteOthers = (request: NeutralRequest, losses: Losses): void => {
  const { logitBias, verbosity, serviceTier } = request
  if (logitBias !== undefined && Object.keys(logitBias).length > 0) losses.lose('logit_bias')
  if (verbosity !== undefined && verbosity !== 'medium') losses.lose('verbosity')
  if (request.turns.some(({ parts }) => parts.some(part => 'cache' in part && part.cache !== undefined)))
    losses.warn('cache_control', 'Cohere caches prompts by itself')
  if (request.user !== undefined) losses.warn('user', 'Cohere has no end-user id')
  if (request.metadata !== undefined) losses.warn('metadata', 'Cohere keeps no metadata')
  if (request.cacheKey !== undefined) losses.warn('prompt_cache_key', 'Cohere caches prompts by itself')
  if (serviceTier !== undefined && serviceTier !== 'auto' && serviceTier !== 'default')
    losses.warn('service_tier', 'Cohere has no service tiers')
}

const given = (members: Readonly<Record<string, Json | undefined>>): JsonObject =>
  Object.fromEntries(
    Object.entries(members).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )

/** Throws Unsupported for content that cannot be carried. */
export const writeCohere = (request: NeutralRequest, target: Target, losses: Losses): JsonObject => {
  const tools = toolMembers(request, losses)
  const rest = restMembers(request.rest, target, losses)
  noteOthers(request, losses)
  return {
    model: target.model,
    messages: toCohereMessages(request.turns, losses),
    ...tools,
    ...given({
      max_tokens: request.maxTokens ?? target.maxTokens,
      temperature: ranged('temperature', request.temperature, [0, 1], losses),
      p: ranged('top_p', request.topP, [0.01, 0.99], losses),
      k: ranged('top_k', request.topK, [0, 500], losses),
      stop_sequences: stops(request.stop, losses),
      seed: seedOf(request.seed, losses),
      frequency_penalty: penalty('frequency_penalty', request.frequencyPenalty, losses),
      presence_penalty: penalty('presence_penalty', request.presencePenalty, losses),
      logprobs: logprobsOf(request.logprobs, losses),
      response_format: formatOf(
        request.format,
        tools.tools !== undefined || rest.documents !== undefined,
        losses,
      ),
      thinking: thinkingOf(request, target, losses),
    }),
    ...rest,
    ...(request.stream ? { stream: true } : {}),
  }
}
