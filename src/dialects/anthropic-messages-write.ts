import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { type Traits, traitsOf } from './anthropic-messages-models.ts'
import { LEAST_BUDGET, type Thinking, thinkingFor } from './anthropic-messages-thinking.ts'
import { calledTools, conversationOf, lacksThinking } from './anthropic-messages-turns.ts'
import { closed, isClosable, isLimited, LIMITS_IN_WORDS } from './bound-schema.ts'
import { asFunction } from './custom-tools.ts'
import type { Losses } from './losses.ts'
import type { Format, NeutralRequest, Target, Tool, ToolChoice } from './neutral.ts'
import { rooted } from './root-schema.ts'

/** A neutral request as one of the Messages dialect. */

/** What is left for the answer at least, beside a budget for thinking. */
const LEAST_ANSWER = 4096

type Body = Record<string, Json>

const OPEN_SCHEMA =
  'Claude is bound only by a schema whose objects hold nothing but their properties, and that does not refer to itself.'

const toolBlock = (tool: Tool, { structured }: Traits, losses: Losses): JsonObject => {
  const { name, description, schema: whole, strict, cache } = asFunction(tool)
  const schema = rooted(whole, 'tools[].parameters', losses)
  if (tool.schema === undefined && tool.format !== undefined)
    losses.warn('tools[].format', 'no grammar binds this model: it is told in the tool’s description')
  const bound = strict === true && structured && isClosable(schema)
  if (strict === true && !bound)
    losses.warn('tools[].strict', structured ? OPEN_SCHEMA : 'this model cannot be bound to a schema')
  if (bound && isLimited(schema)) losses.warn('tools[].strict', LIMITS_IN_WORDS)
  return {
    name,
    ...(description === undefined || description === '' ? {} : { description }),
    input_schema: bound ? closed(schema) : schema,
    ...(bound ? { strict: true } : {}),
    ...(cache === undefined ? {} : { cache_control: { type: 'ephemeral', ...cache } }),
  }
}

const choiceOf = (choice: ToolChoice): JsonObject => {
  if (choice.kind === 'tool') return { type: 'tool', name: choice.name }
  if (choice.kind === 'allowed') return { type: choice.required ? 'any' : 'auto' }
  return { type: choice.kind === 'required' ? 'any' : choice.kind }
}

const allowedOf = (tools: readonly Tool[], choice: ToolChoice | undefined): readonly Tool[] =>
  choice?.kind === 'allowed' ? tools.filter(({ name }) => choice.names.includes(name)) : tools

const putTools = (request: NeutralRequest, into: Body, traits: Traits, losses: Losses): void => {
  const { toolChoice, parallelCalls } = request
  const tools = allowedOf(request.tools ?? [], toolChoice).map(tool => toolBlock(tool, traits, losses))
  if (tools.length === 0) {
    // A history with calls in it is refused where no tool is declared.
    const names = calledTools(into.messages as readonly JsonObject[])
    if (names.length === 0) return
    losses.warn('tools', 'none were given: the tools of earlier turns are declared with an open schema')
    into.tools = names.map(name => ({ name, input_schema: { type: 'object', properties: {} } }))
    into.tool_choice = { type: 'none' }
    return
  }
  into.tools = tools
  const choice = toolChoice === undefined ? undefined : choiceOf(toolChoice)
  const single = parallelCalls === false && choice?.type !== 'none' ? { disable_parallel_tool_use: true } : {}
  if (choice !== undefined || parallelCalls === false)
    into.tool_choice = { ...(choice ?? { type: 'auto' }), ...single }
}

/** The model is made to call a tool: it cannot think before that. */
const isForced = (choice: ToolChoice | undefined): boolean =>
  choice?.kind === 'required' || choice?.kind === 'tool' || (choice?.kind === 'allowed' && choice.required)

/** What a model is in the middle of, by the last message. */
const begunBy = (last: JsonObject | undefined): string =>
  last?.role === 'assistant' ? 'this beginning of an answer' : 'these tool calls'

const thinkingOf = (request: NeutralRequest, into: Body, traits: Traits, losses: Losses): Thinking => {
  const thinking = thinkingFor(request, traits, losses)
  if (thinking.thinking === undefined || thinking.thinking.type === 'disabled') return thinking
  const without = (because: string): Thinking => {
    losses.warn('reasoning_effort', because)
    return thinking.effort === undefined ? {} : { effort: thinking.effort }
  }
  if (isForced(request.toolChoice)) return without('a model that has to call a tool cannot think first')
  const messages = into.messages as readonly JsonObject[]
  if (thinking.budget !== undefined && lacksThinking(messages))
    return without(`what was thought before ${begunBy(messages.at(-1))} is not there`)
  return thinking
}

/** A budget stays below the limit: of a limit that the client gave it takes what may be taken. */
const putLimit = (request: NeutralRequest, target: Target, thinking: Thinking, losses: Losses): Body => {
  const usual = target.maxTokens ?? traitsOf(target.model).longest
  const { budget } = thinking
  const given = request.maxTokens
  if (budget === undefined || thinking.thinking === undefined)
    return {
      max_tokens: given ?? usual,
      ...(thinking.thinking === undefined ? {} : { thinking: thinking.thinking }),
    }
  if (given === undefined)
    return { max_tokens: Math.max(usual, budget + LEAST_ANSWER), thinking: thinking.thinking }
  if (given > budget) return { max_tokens: given, thinking: thinking.thinking }
  losses.warn('reasoning_effort', 'max_tokens leaves less room for thinking')
  return given > LEAST_BUDGET
    ? {
        max_tokens: given,
        thinking: { ...thinking.thinking, budget_tokens: Math.max(LEAST_BUDGET, given >> 1) },
      }
    : { max_tokens: given }
}

const putSampling = (request: NeutralRequest, into: Body, traits: Traits, losses: Losses): void => {
  const { temperature, topP, topK } = request
  const thinks = isObject(into.thinking) && into.thinking.type !== 'disabled'
  const fixed = !traits.sampling || thinks
  if (temperature !== undefined) {
    if (fixed && temperature !== 1) losses.lose('temperature')
    else if (!fixed) into.temperature = Math.min(temperature, 1)
    if (!fixed && temperature > 1) losses.warn('temperature', 'it reaches from 0 to 1 here: sent as 1')
  }
  const bothSet = temperature !== undefined && topP !== undefined && !traits.bothSampling
  if (topP !== undefined && topP !== 1) {
    // Where the model thinks, a narrow cut is refused.
    if (!traits.sampling || bothSet || (thinks && topP < 0.95)) losses.lose('top_p')
    else into.top_p = topP
  }
  if (topK !== undefined) {
    if (fixed) losses.lose('top_k')
    else into.top_k = topK
  }
}

const JSON_ONLY = 'Answer with one JSON object and nothing else.'

const putFormat = (
  format: Format | undefined,
  output: Body,
  traits: Traits,
  losses: Losses,
): JsonObject[] => {
  if (format === undefined || format.kind === 'text') return []
  if (format.kind !== 'schema') {
    losses.warn('response_format', 'JSON is asked for in the system prompt')
    return [{ type: 'text', text: JSON_ONLY }]
  }
  if (!traits.structured) losses.lose('response_format')
  else if (!isClosable(format.schema)) losses.lose('response_format', OPEN_SCHEMA)
  else {
    if (isLimited(format.schema)) losses.warn('response_format', LIMITS_IN_WORDS)
    if (format.description !== undefined)
      losses.warn('response_format.description', 'a schema has no description of its own here')
    output.format = { type: 'json_schema', schema: closed(format.schema) }
  }
  return []
}

/** Parameters that no Claude has, by the names clients know them by. */
const LACKING = {
  seed: 'seed',
  presencePenalty: 'presence_penalty',
  frequencyPenalty: 'frequency_penalty',
  logitBias: 'logit_bias',
  logprobs: 'logprobs',
  verbosity: 'verbosity',
} as const satisfies Readonly<Partial<Record<keyof NeutralRequest, string>>>

/** What is so anyway. */
const isNothing = (value: Json | undefined): boolean =>
  value === undefined ||
  value === 0 ||
  value === 'medium' ||
  (isObject(value) && Object.keys(value).length === 0)

const reportLacking = (request: NeutralRequest, losses: Losses): void => {
  for (const [key, name] of Object.entries(LACKING)) {
    const value = request[key as keyof typeof LACKING]
    const says = key === 'seed' || key === 'logprobs' ? value !== undefined : !isNothing(value)
    if (says) losses.lose(name)
  }
  if (request.metadata !== undefined && Object.keys(request.metadata).length > 0)
    losses.warn('metadata', 'labels of a request have no place here')
  if (request.cacheKey !== undefined)
    losses.warn('prompt_cache_key', 'a prompt’s cache is found by the prompt')
}

/** What clients of other dialects may write in this one's own words. */
const OWN: ReadonlySet<string> = new Set([
  'thinking',
  'compaction',
  'context_management',
  'mcp_servers',
  'container',
  'cache_control',
  'inference_geo',
  'speed',
])

/** Members of other dialects that no answer depends on here. */
const ASIDE: Readonly<Record<string, string>> = {
  store: 'nothing is stored here',
  prompt_cache_retention: 'a cache mark says how long',
  prompt_cache_options: 'a cache mark says it',
  prediction: 'it saves time only',
  stream_options: 'usage is always told',
  safety_identifier: 'metadata.user_id is what is there for it',
  include: 'nothing of it is there to be included',
  truncation: 'a prompt that is too long is refused',
}

const isDefault = (key: string, value: Json): boolean =>
  value === null ||
  (key === 'n' && value === 1) ||
  (key === 'modalities' && Array.isArray(value) && value.every(one => one === 'text')) ||
  (Array.isArray(value) && value.length === 0)

const putRest = (rest: JsonObject, into: Body, target: Target, losses: Losses): void => {
  for (const [key, value] of Object.entries(rest)) {
    if (isDefault(key, value)) continue
    if (OWN.has(key) || target.allowedParams.includes(key)) into[key] = value
    else if (Object.hasOwn(ASIDE, key)) losses.warn(key, ASIDE[key] ?? '')
    else losses.lose(key)
  }
}

const USER_LENGTH = 256

const putAside = (request: NeutralRequest, into: Body, losses: Losses): void => {
  const { user, serviceTier, stop } = request
  if (user !== undefined) {
    if (user.length <= USER_LENGTH) into.metadata = { user_id: user }
    else losses.warn('user', `a name longer than ${USER_LENGTH} characters is refused`)
  }
  if (serviceTier === 'default') into.service_tier = 'standard_only'
  else if (serviceTier === 'auto') into.service_tier = 'auto'
  else if (serviceTier !== undefined) losses.warn('service_tier', `Anthropic has no tier '${serviceTier}'`)
  const spoken = stop?.filter(one => one.trim() !== '') ?? []
  if (spoken.length > 0) into.stop_sequences = spoken
  if (spoken.length < (stop?.length ?? 0)) losses.lose('stop')
}

const onlyText = (system: readonly JsonObject[]): Json => {
  const [first] = system
  return system.length === 1 &&
    first !== undefined &&
    first.cache_control === undefined &&
    first.text !== undefined
    ? first.text
    : system
}

/**
 * `model` and `stream` are in the body. Losses carry the names that clients of chat know. Throws Unsupported for files
 * that only another provider can read, and for audio.
 */
export const writeMessagesRequest = (request: NeutralRequest, target: Target, losses: Losses): JsonObject => {
  const traits = traitsOf(target.model)
  const { system, messages } = conversationOf(request.turns, traits.prefill, losses)
  const into: Body = { model: target.model, messages }
  const output: Body = {}
  const thinking = thinkingOf(request, into, traits, losses)
  Object.assign(into, putLimit(request, target, thinking, losses))
  if (thinking.effort !== undefined) output.effort = thinking.effort
  const instructed = [...system, ...putFormat(request.format, output, traits, losses)]
  if (instructed.length > 0) into.system = onlyText(instructed)
  if (Object.keys(output).length > 0) into.output_config = output
  putTools(request, into, traits, losses)
  putAside(request, into, losses)
  reportLacking(request, losses)
  putRest(request.rest, into, target, losses)
  putSampling(request, into, traits, losses)
  if (request.stream) into.stream = true
  return into
}
