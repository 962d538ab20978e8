import { Unsupported } from '../providers/provider.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { systemTurn, turnsOf } from './anthropic-messages-blocks.ts'
import { toolChoiceOf, toolsIn } from './anthropic-messages-tools.ts'
import type { Losses } from './losses.ts'
import type { Effort, Format, NeutralRequest } from './neutral.ts'
import { listOf, objectOf } from './read-json.ts'

/** A request of the Messages dialect as a neutral one. */

type Members = { -readonly [Key in keyof NeutralRequest]?: NeutralRequest[Key] }

const numberOf = (value: Json | undefined): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined

const isList = (value: Json): boolean => Array.isArray(value)
const isNumber = (value: Json): boolean => numberOf(value) !== undefined

/** What is not of its type says nothing: a request without it would be another one. */
const TYPES: Readonly<Record<string, readonly [holds: (value: Json) => boolean, what: string]>> = {
  max_tokens: [isNumber, 'a number'],
  temperature: [isNumber, 'a number'],
  top_k: [isNumber, 'a number'],
  top_p: [isNumber, 'a number'],
  tools: [isList, 'a list'],
  stop_sequences: [isList, 'a list'],
  system: [value => typeof value === 'string' || isList(value), 'a text or a list of blocks'],
}

const checkTypes = (body: JsonObject): void => {
  for (const [name, [holds, what]] of Object.entries(TYPES)) {
    const value = body[name]
    if (value !== undefined && value !== null && !holds(value))
      throw new Unsupported(`'${name}' must be ${what}`, name)
  }
}

const EFFORTS: ReadonlySet<string> = new Set<Effort>(['low', 'medium', 'high', 'xhigh', 'max'])

const present = (value: Json | undefined): value is Exclude<Json, null> =>
  value !== undefined && value !== null

const effortOf = (value: Json | undefined, losses: Losses): Effort | undefined => {
  if (!present(value)) return undefined
  if (typeof value === 'string' && EFFORTS.has(value)) return value as Effort
  losses.lose('output_config.effort')
  return undefined
}

const formatOf = (value: Json | undefined, name: string, losses: Losses): Format | undefined => {
  if (!present(value)) return undefined
  if (!isObject(value) || value.type !== 'json_schema' || !isObject(value.schema)) {
    losses.lose(name)
    return undefined
  }
  // This dialect gives a schema no name, others demand one.
  return { kind: 'schema', name: 'answer', schema: value.schema, strict: true }
}

const readThinking = (thinking: Json | undefined, into: Members, losses: Losses): void => {
  if (!isObject(thinking)) return
  const { type, display } = thinking
  if (present(thinking.block_binding)) losses.warn('thinking.block_binding', 'only Anthropic binds thoughts')
  if (type === 'disabled' || type === 'between_tools') {
    into.effort = 'none'
    if (type === 'between_tools') losses.warn('thinking', "'between_tools' is told as no thinking")
    return
  }
  if (type !== 'enabled' && type !== 'adaptive') return losses.lose('thinking.type')
  into.thoughts = display === 'omitted' ? 'hidden' : 'shown'
  const budget = numberOf(thinking.budget_tokens)
  if (type === 'enabled' && budget !== undefined) into.thinkingTokens = budget
}

/** What this dialect has for its own service, and no answer depends on. */
export const ASIDE: Readonly<Record<string, string>> = {
  cache_control: 'other providers find what they have cached by themselves',
  context_management: 'only Anthropic clears a context on its side',
  diagnostics: 'only Anthropic gives them',
  speed: 'only Anthropic has it',
  user_profile_id: 'it belongs to an account at Anthropic',
  workspace_id: 'it belongs to an account at Anthropic',
  billing_policy: 'it belongs to an account at Anthropic',
  fallback_credit_token: 'it belongs to an account at Anthropic',
  fallbacks: 'the groups of this gateway are what is fallen back to',
  // One that goes on is refused before (providers/threads.ts).
  thread: 'only Anthropic keeps a conversation: the next turn brings all of it',
}

/** What only Anthropic can do, or where only Anthropic can do it. */
export const OWN: readonly string[] = ['container', 'mcp_servers', 'compaction', 'inference_geo']

const READ: ReadonlySet<string> = new Set([
  'max_tokens',
  'messages',
  'metadata',
  'model',
  'output_config',
  'output_format',
  'service_tier',
  'stop_sequences',
  'stream',
  'system',
  'temperature',
  'thinking',
  'tool_choice',
  'tools',
  'top_k',
  'top_p',
  'betas',
])

const restOf = (body: JsonObject, losses: Losses): JsonObject => {
  const rest: Record<string, Json> = {}
  for (const [key, value] of Object.entries(body)) {
    if (READ.has(key) || value === null) continue
    const empty = Array.isArray(value) && value.length === 0
    if (OWN.includes(key) && !empty) throw new Unsupported(`'${key}' is known to Anthropic only`, key)
    if (Object.hasOwn(ASIDE, key)) losses.warn(key, ASIDE[key] ?? '')
    else if (!empty) rest[key] = value
  }
  return rest
}

/** A word of the system in the middle may set the effort from there on. */
const laterEffort = (messages: Json | undefined, losses: Losses): Effort | undefined =>
  (listOf(messages) ?? [])
    .map(message =>
      isObject(message) && message.role === 'system' ? objectOf(message.output_config) : undefined,
    )
    .map(output => effortOf(output?.effort, losses))
    .findLast(effort => effort !== undefined)

const readOutput = (body: JsonObject, into: Members, losses: Losses): void => {
  const output = objectOf(body.output_config) ?? {}
  const effort = laterEffort(body.messages, losses) ?? effortOf(output.effort, losses)
  const format =
    formatOf(output.format, 'output_config.format', losses) ??
    formatOf(body.output_format, 'output_format', losses)
  // Thinking that is switched off has no effort; the effort of the words themselves nobody else can set.
  if (effort !== undefined && into.effort === undefined) into.effort = effort
  if (format !== undefined) into.format = format
  for (const key of Object.keys(output))
    if (key !== 'effort' && key !== 'format') losses.warn(`output_config.${key}`, 'only Anthropic knows it')
}

const readMetadata = (metadata: Json | undefined, into: Members, losses: Losses): void => {
  if (!isObject(metadata)) return
  const { user_id: user, ...labels } = metadata
  if (typeof user === 'string') into.user = user
  if (Object.keys(labels).length > 0) losses.warn('metadata', 'of it only user_id is defined')
}

const NUMBERS = {
  max_tokens: 'maxTokens',
  temperature: 'temperature',
  top_p: 'topP',
  top_k: 'topK',
} as const satisfies Readonly<Record<string, keyof NeutralRequest>>

/** Throws Unsupported, naming the parameter, for what only Anthropic can do. */
export const readMessagesRequest = (body: JsonObject, losses: Losses): NeutralRequest => {
  checkTypes(body)
  const into: Members = {}
  for (const [key, name] of Object.entries(NUMBERS)) {
    const value = numberOf(body[key])
    if (value !== undefined) into[name] = value
  }
  const tools = toolsIn(body, losses)
  if (tools.length > 0) into.tools = tools
  const toolChoice = toolChoiceOf(body.tool_choice)
  if (toolChoice !== undefined) into.toolChoice = toolChoice
  if (objectOf(body.tool_choice)?.disable_parallel_tool_use === true) into.parallelCalls = false
  const stop = listOf(body.stop_sequences)?.filter(one => typeof one === 'string') ?? []
  if (stop.length > 0) into.stop = stop
  readThinking(body.thinking, into, losses)
  readOutput(body, into, losses)
  readMetadata(body.metadata, into, losses)
  // The other tier is bought in advance, from Anthropic.
  if (body.service_tier === 'standard_only') into.serviceTier = 'default'
  return {
    ...into,
    turns: [...systemTurn(body.system, losses), ...turnsOf(body.messages, losses)],
    stream: body.stream === true,
    streamUsage: true,
    rest: restOf(body, losses),
  }
}
