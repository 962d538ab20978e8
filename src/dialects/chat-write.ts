import type { Json, JsonObject } from '../wire/json.ts'
import { type IdRule, idRuleFor } from './call-ids.ts'
import { writeTools } from './chat-tools.ts'
import { writeMessages } from './chat-turns.ts'
import type { Losses } from './losses.ts'
import type { Format, NeutralRequest, Target } from './neutral.ts'
import { shortUser, strictness, withJsonSaid } from './openai-limits.ts'
import { PARAMETERS } from './openai-parameters.ts'

/** A request as Chat Completions, in the words that most servers of it know. */

/** OpenAI refuses longer ids; letters, digits, '_' and '-' are taken everywhere. */
const CALL_ID: IdRule = { accepts: /^[a-zA-Z0-9_-]{1,40}$/, prefix: 'call_', length: 29 }

/** Published parameters that the neutral form holds under names of its own, or that no answer of it could keep. */
const NOT_FROM_REST = new Set([
  'model',
  'messages',
  'tools',
  'functions',
  'stream',
  'stream_options',
  'audio',
  'modalities',
  'n',
])
const PUBLISHED = new Set(Object.keys(PARAMETERS['POST /chat/completions']?.parameters ?? {}))

const formatOf = (format: Format, losses: Losses): JsonObject => {
  if (format.kind !== 'schema') return { type: format.kind === 'json' ? 'json_object' : 'text' }
  const { name, schema, strict, description } = format
  return {
    type: 'json_schema',
    json_schema: {
      name,
      ...(description === undefined ? {} : { description }),
      schema,
      ...strictness(strict, schema, 'response_format.strict', losses),
    },
  }
}

/** Chat has words for how much to think, and no numbers. The steps are LiteLLM's. */
const effortFor = (tokens: number): string => {
  if (tokens >= 10_000) return 'high'
  if (tokens >= 5_000) return 'medium'
  return tokens >= 2_000 ? 'low' : 'minimal'
}

const effort = ({ effort: asked, thinkingTokens }: NeutralRequest, losses: Losses): JsonObject => {
  if (asked !== undefined) return { reasoning_effort: asked }
  if (thinkingTokens === undefined) return {}
  const word = effortFor(thinkingTokens)
  losses.warn('thinking.budget_tokens', `chat counts no thinking tokens: sent as reasoning_effort ${word}`)
  return { reasoning_effort: word }
}

type Pair = readonly [name: string, value: Json | undefined]

/** Members that chat has as they are. */
const same = (request: NeutralRequest, losses: Losses): readonly Pair[] => [
  ['temperature', request.temperature],
  ['top_p', request.topP],
  ['seed', request.seed],
  ['presence_penalty', request.presencePenalty],
  ['frequency_penalty', request.frequencyPenalty],
  ['logit_bias', request.logitBias],
  ['verbosity', request.verbosity],
  ['metadata', request.metadata],
  ['user', shortUser(request.user, losses)],
  ['service_tier', request.serviceTier],
  ['prompt_cache_key', request.cacheKey],
]

const logprobs = (count: number | undefined): JsonObject => {
  if (count === undefined) return {}
  return { logprobs: true, ...(count === 0 ? {} : { top_logprobs: count }) }
}

const limit = ({ maxTokens }: NeutralRequest, target: Target): JsonObject => {
  const found = maxTokens ?? target.maxTokens
  return found === undefined ? {} : { [target.limitName ?? 'max_completion_tokens']: found }
}

/** What the client sent under a name of its own: chat takes what it has published, and what the operator lets through. */
const fromRest = ({ rest }: NeutralRequest, target: Target, losses: Losses): JsonObject => {
  const taken: Record<string, Json> = {}
  for (const [name, value] of Object.entries(rest)) {
    if (value === null) continue
    const known = PUBLISHED.has(name) && !NOT_FROM_REST.has(name)
    if (known || target.allowedParams.includes(name)) taken[name] = value
    else losses.lose(name)
  }
  return taken
}

const stops = ({ stop }: NeutralRequest, { mostStops }: Target, losses: Losses): JsonObject => {
  if (stop === undefined) return {}
  if (stop.length > (mostStops ?? stop.length))
    losses.lose('stop', `Of the stop sequences ${mostStops} can be sent.`)
  return { stop: stop.slice(0, mostStops) }
}

const topK = ({ topK: count }: NeutralRequest, target: Target, losses: Losses): JsonObject => {
  if (count === undefined) return {}
  if (target.allowedParams.includes('top_k')) return { top_k: count }
  losses.lose('top_k')
  return {}
}

const tellMarks = ({ turns, tools = [] }: NeutralRequest, losses: Losses): void => {
  const marks = [...turns.flatMap(({ parts }) => parts), ...tools]
  if (marks.some(one => 'cache' in one && one.cache !== undefined))
    losses.warn('cache_control', 'chat has no marks for a prompt cache')
}

/** Throws Unsupported, naming the part, for content that no chat request can hold. */
export const writeChat = (request: NeutralRequest, target: Target, losses: Losses): JsonObject => {
  tellMarks(request, losses)
  if (request.thoughts === 'shown') losses.warn('reasoning.summary', 'chat cannot ask for thoughts')
  const { format, stream, streamUsage } = request
  return {
    model: target.model,
    messages: writeMessages(withJsonSaid(request, losses), {
      callIds: target.callIds ?? idRuleFor(target.model, CALL_ID),
      customTools: target.customTools === true,
      wantsReasoning: target.wantsReasoning === true,
      losses,
    }),
    ...writeTools(request, target.customTools === true ? 'custom' : 'functions', losses),
    ...limit(request, target),
    ...Object.fromEntries(
      same(request, losses).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
    ),
    ...stops(request, target, losses),
    ...logprobs(request.logprobs),
    ...topK(request, target, losses),
    ...(format === undefined ? {} : { response_format: formatOf(format, losses) }),
    ...effort(request, losses),
    ...fromRest(request, target, losses),
    ...(stream ? { stream: true } : {}),
    ...(stream && streamUsage ? { stream_options: { include_usage: true } } : {}),
  }
}
