import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { readMessages } from './chat-history.ts'
import { tellToolMembers } from './chat-members.ts'
import { present } from './chat-parts.ts'
import { readToolChoice, readTools } from './chat-tools.ts'
import type { Losses } from './losses.ts'
import type { Effort, Format, NeutralRequest } from './neutral.ts'
import { objectOf, textOf } from './read-json.ts'

/** A request of a Chat Completions client. */

const EFFORTS: readonly Effort[] = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max']

type Writable = { -readonly [Key in keyof NeutralRequest]: NeutralRequest[Key] }
type Reader = (value: Json, losses: Losses, body: JsonObject) => Partial<Writable> | undefined

const number =
  (name: 'temperature' | 'topP' | 'topK' | 'seed' | 'presencePenalty' | 'frequencyPenalty'): Reader =>
  value =>
    typeof value === 'number' ? { [name]: value } : undefined

const text =
  (name: 'serviceTier' | 'cacheKey'): Reader =>
  value =>
    typeof value === 'string' ? { [name]: value } : undefined

const formatOf = (value: Json): Format | undefined => {
  const type = isObject(value) ? value.type : undefined
  if (type === 'text') return { kind: 'text' }
  if (type === 'json_object') return { kind: 'json' }
  const written = isObject(value) ? objectOf(value.json_schema) : undefined
  const schema = objectOf(written?.schema)
  if (type !== 'json_schema' || written === undefined || schema === undefined) return undefined
  const description = textOf(written.description)
  return {
    kind: 'schema',
    name: textOf(written.name) ?? 'answer',
    schema,
    ...(typeof written.strict === 'boolean' ? { strict: written.strict } : {}),
    ...(description === undefined ? {} : { description }),
  }
}

const effortOf = (value: Json | undefined): Effort | undefined => EFFORTS.find(effort => effort === value)

/** A word, or LiteLLM's `{effort, summary}`. */
const readEffort: Reader = value => {
  const effort = effortOf(isObject(value) ? value.effort : value)
  if (effort === undefined) return undefined
  return isObject(value) && present(value.summary) ? { effort, thoughts: 'shown' } : { effort }
}

/** Anthropic's `thinking`, which LiteLLM takes in a chat. `adaptive` has no count: it goes on as it is written. */
const readThinking: Reader = (value, _, body) => {
  if (!isObject(value)) return undefined
  // Of two that say how much, the word counts.
  if (value.type === 'disabled') return present(body.reasoning_effort) ? {} : { effort: 'none' }
  const { budget_tokens: budget } = value
  return value.type === 'enabled' && typeof budget === 'number' ? { thinkingTokens: budget } : undefined
}

const readStop: Reader = value => {
  const all = (Array.isArray(value) ? value : [value]).filter(each => typeof each === 'string')
  return all.length === 0 ? {} : { stop: all }
}

const readLogprobs: Reader = (value, _, body) => {
  if (value !== true) return {}
  return { logprobs: typeof body.top_logprobs === 'number' ? body.top_logprobs : 0 }
}

/** One answer is what the neutral form holds. */
const readCount: Reader = (value, losses) => {
  if (value !== 1) losses.lose('n')
  return {}
}

/** The newer name of `user`; where they differ, each goes on under its own. */
const readSafety: Reader = (value, _, body) => {
  if (typeof value !== 'string') return undefined
  return present(body.user) && body.user !== value ? undefined : { user: value }
}

const limitOf: Reader = value => (typeof value === 'number' ? { maxTokens: value } : undefined)

const nothing: Reader = () => ({})

/** undefined from a reader: the value is none that it knows, and goes on under its own name. */
const READERS: Readonly<Record<string, Reader>> = {
  model: nothing,
  messages: nothing,
  stream: nothing,
  stream_options: nothing,
  tools: nothing,
  tool_choice: nothing,
  functions: nothing,
  function_call: nothing,
  top_logprobs: nothing,
  max_completion_tokens: limitOf,
  // The newer name wins.
  max_tokens: (value, losses, body) =>
    present(body.max_completion_tokens) ? {} : limitOf(value, losses, body),
  temperature: number('temperature'),
  top_p: number('topP'),
  top_k: number('topK'),
  stop: readStop,
  seed: number('seed'),
  presence_penalty: number('presencePenalty'),
  frequency_penalty: number('frequencyPenalty'),
  logit_bias: value => (isObject(value) ? { logitBias: value } : undefined),
  logprobs: readLogprobs,
  response_format: value => {
    const format = formatOf(value)
    return format === undefined ? undefined : { format }
  },
  reasoning_effort: readEffort,
  thinking: readThinking,
  verbosity: value =>
    value === 'low' || value === 'medium' || value === 'high' ? { verbosity: value } : undefined,
  metadata: value => (isObject(value) ? { metadata: value } : undefined),
  user: value => (typeof value === 'string' ? { user: value } : undefined),
  safety_identifier: readSafety,
  service_tier: text('serviceTier'),
  prompt_cache_key: text('cacheKey'),
  parallel_tool_calls: value => (typeof value === 'boolean' ? { parallelCalls: value } : undefined),
  n: readCount,
}

const parameters = (body: JsonObject, losses: Losses): Partial<Writable> & { readonly rest: JsonObject } => {
  const found: Partial<Writable> = {}
  const rest: Record<string, Json> = {}
  for (const [name, value] of Object.entries(body)) {
    // null is as good as absent in every published parameter.
    if (value === null) continue
    const reader = Object.hasOwn(READERS, name) ? READERS[name] : undefined
    const read = reader?.(value, losses, body)
    if (read === undefined) rest[name] = value
    else Object.assign(found, read)
  }
  return { ...found, rest }
}

/**
 * Reads a whole request. Throws Unsupported, naming the parameter, for messages, parts and tools that no other dialect
 * can hold.
 */
export const readChat = (body: JsonObject, losses: Losses): NeutralRequest => {
  tellToolMembers(body, losses)
  const tools = readTools(body)
  const toolChoice = readToolChoice(body)
  return {
    turns: readMessages(body.messages, losses),
    ...(tools === undefined ? {} : { tools }),
    ...(toolChoice === undefined ? {} : { toolChoice }),
    stream: body.stream === true,
    streamUsage: objectOf(body.stream_options)?.include_usage === true,
    ...parameters(body, losses),
  }
}
