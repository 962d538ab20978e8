import { Unsupported } from '../providers/provider.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { cacheOf, systemTurn, turnsOf } from './anthropic-messages-blocks.ts'
import { isOffer, NOT_OFFERED } from './hosted-tools.ts'
import type { Losses } from './losses.ts'
import type { Effort, Format, NeutralRequest, Tool, ToolChoice } from './neutral.ts'
import { listOf, objectOf, textOf } from './read-json.ts'

/** A request of the Messages dialect as a neutral one. */

type Members = { -readonly [Key in keyof NeutralRequest]?: NeutralRequest[Key] }

const numberOf = (value: Json | undefined): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined

/** Members of a tool that mean something to its issuer only. */
const TOOL_MEMBERS: ReadonlySet<string> = new Set([
  'type',
  'name',
  'description',
  'input_schema',
  'cache_control',
  'strict',
])

const isOwn = (tool: Json): boolean =>
  isObject(tool) && (tool.type === undefined || tool.type === null || tool.type === 'custom')

/** What Anthropic would run: it is done without, or Unsupported is thrown. */
const leaveOut = (type: Json | undefined, at: number, own: number, losses: Losses): void => {
  // A search over tools that are held back: elsewhere none is held back, so there is nothing to be searched.
  if (typeof type === 'string' && type.startsWith('tool_search_tool_'))
    losses.warn(`tools[].type ${type}`, 'every tool is given from the start')
  else if (typeof type === 'string' && isOffer(type, own)) losses.warn(`tools[].type ${type}`, NOT_OFFERED)
  else
    throw new Unsupported(
      `the tool of type '${String(type)}' is run by Anthropic ('tools[${at}].type')`,
      `tools[${at}].type`,
    )
}

const ownTool = (tool: JsonObject, losses: Losses): Tool => {
  for (const member of Object.keys(tool))
    if (!TOOL_MEMBERS.has(member)) losses.warn(`tools[].${member}`, 'only Anthropic knows it')
  const description = textOf(tool.description)
  return {
    name: String(tool.name),
    ...(description === undefined ? {} : { description }),
    schema: objectOf(tool.input_schema) ?? { type: 'object', properties: {} },
    ...(typeof tool.strict === 'boolean' ? { strict: tool.strict } : {}),
    ...cacheOf(tool),
  }
}

const toolsOf = (body: JsonObject, losses: Losses): readonly Tool[] => {
  const tools = listOf(body.tools) ?? []
  const forced = objectOf(body.tool_choice)?.name
  const own = tools.filter(isOwn).length
  return tools.flatMap((tool, at): readonly Tool[] => {
    if (isObject(tool) && isOwn(tool)) return [ownTool(tool, losses)]
    const { type, name } = objectOf(tool) ?? {}
    // What has to be called is no offer.
    leaveOut(type, at, name !== undefined && name === forced ? 0 : own, losses)
    return []
  })
}

const toolChoiceOf = (choice: Json | undefined): ToolChoice | undefined => {
  if (!isObject(choice)) return undefined
  if (choice.type === 'tool') return { kind: 'tool', name: String(choice.name) }
  if (choice.type === 'any') return { kind: 'required' }
  return choice.type === 'none' || choice.type === 'auto' ? { kind: choice.type } : undefined
}

const EFFORTS: ReadonlySet<string> = new Set<Effort>(['low', 'medium', 'high', 'xhigh', 'max'])

const effortOf = (value: Json | undefined): Effort | undefined =>
  typeof value === 'string' && EFFORTS.has(value) ? (value as Effort) : undefined

const formatOf = (value: Json | undefined): Format | undefined => {
  if (!isObject(value) || value.type !== 'json_schema' || !isObject(value.schema)) return undefined
  // This dialect gives a schema no name, others demand one.
  return { kind: 'schema', name: 'answer', schema: value.schema, strict: true }
}

const readThinking = (thinking: Json | undefined, into: Members, losses: Losses): void => {
  if (!isObject(thinking)) return
  const { type, display } = thinking
  if (type === 'disabled' || type === 'between_tools') {
    into.effort = 'none'
    if (type === 'between_tools') losses.warn('thinking', "'between_tools' is told as no thinking")
    return
  }
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
}

/** What only Anthropic can do, or where only Anthropic can do it. */
export const OWN: readonly string[] = ['container', 'mcp_servers', 'compaction', 'thread', 'inference_geo']

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
    if (ASIDE[key] !== undefined) losses.warn(key, ASIDE[key])
    else if (!empty) rest[key] = value
  }
  return rest
}

const readOutput = (body: JsonObject, into: Members, losses: Losses): void => {
  const output = objectOf(body.output_config) ?? {}
  const effort = effortOf(output.effort)
  const format = formatOf(output.format) ?? formatOf(body.output_format)
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
  const into: Members = {}
  for (const [key, name] of Object.entries(NUMBERS)) {
    const value = numberOf(body[key])
    if (value !== undefined) into[name] = value
  }
  const tools = toolsOf(body, losses)
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
