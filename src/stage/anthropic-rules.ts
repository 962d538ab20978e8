import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import {
  checkBlock,
  checkCache,
  listAt,
  objectAt,
  onlyKeys,
  type Reading,
  refused,
} from './anthropic-shape.ts'
import { choiceAtTop, notClosed } from './schema-rules.ts'

/** What the Messages API accepts, by its published shape and its published errors. The first breach is thrown as StageRefusal. */

/** What one simulated model takes. */
export type ModelRules = Reading & {
  /** `thinking: {type: 'enabled'}` with a budget; newer models think as much as they like. */
  readonly budgets: boolean
  readonly adaptive: boolean
  /** temperature, top_p and top_k. */
  readonly sampling: boolean
  /** A conversation may end with the beginning of the answer. */
  readonly prefill: boolean
}

export const LAX: ModelRules = {
  budgets: true,
  adaptive: true,
  sampling: true,
  prefill: true,
  reads: () => true,
  scopes: false,
}

type Message = { readonly role: Json; readonly blocks: readonly JsonObject[]; readonly path: string }

const checkRoles = (messages: readonly Message[]): void => {
  const [first] = messages
  if (first === undefined) throw refused('messages: at least one message is required')
  const spoken = messages.filter(({ role }) => role !== 'system')
  if (spoken[0]?.role !== 'user') throw refused('messages: first message must use the "user" role')
  for (const [at, { role }] of spoken.entries())
    if (at > 0 && role === spoken[at - 1]?.role)
      throw refused(
        'messages: roles must alternate between "user" and "assistant", but found multiple such roles in a row',
      )
}

const messageOf = (value: Json, at: number, last: boolean, rules: ModelRules): Message => {
  const path = `messages.${at}`
  const message = objectAt(value, path)
  onlyKeys(message, ['role', 'content'], path)
  const { role, content } = message
  if (role !== 'user' && role !== 'assistant' && role !== 'system')
    throw refused(`${path}.role: Input should be 'user', 'assistant' or 'system'`)
  if (typeof content === 'string') {
    if (content.trim() === '' && !(role === 'assistant' && last))
      throw refused(`${path}: user messages must have non-empty content`)
    return { role, blocks: [{ type: 'text', text: content }], path }
  }
  const blocks = listAt(content, `${path}.content`)
  if (blocks.length === 0 && !(role === 'assistant' && last))
    throw refused(
      `${path}: all messages must have non-empty content except for the optional final assistant message`,
    )
  for (const [place, block] of blocks.entries())
    checkBlock(block, `${path}.content.${place}`, String(role), rules)
  return { role, blocks: blocks.filter(isObject), path }
}

const idsOf = (blocks: readonly JsonObject[], type: string, key: string): readonly string[] =>
  blocks.flatMap(block => (block.type === type ? [String(block[key])] : []))

/** Each call has its result in the very next message, at its beginning, and each result its call just before. */
const checkTools = (messages: readonly Message[]): void => {
  const seen = new Set<string>()
  for (const [at, { blocks, path, role }] of messages.entries()) {
    const called = role === 'assistant' ? idsOf(blocks, 'tool_use', 'id') : []
    for (const id of called) {
      if (seen.has(id)) throw refused(`${path}: \`tool_use\` ids must be unique`)
      seen.add(id)
    }
    const next = messages[at + 1]
    const answered = next?.role === 'user' ? idsOf(next.blocks, 'tool_result', 'tool_use_id') : []
    const missing = called.filter(id => !answered.includes(id))
    if (missing.length > 0 && next !== undefined)
      throw refused(
        `${path}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${missing.join(', ')}`,
      )
    const before = messages[at - 1]
    const open = before?.role === 'assistant' ? idsOf(before.blocks, 'tool_use', 'id') : []
    const results = idsOf(blocks, 'tool_result', 'tool_use_id')
    for (const id of results)
      if (!open.includes(id))
        throw refused(`${path}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${id}`)
    if (new Set(results).size !== results.length)
      throw refused(`${path}: each tool_use must have a single result`)
    const first = blocks.findIndex(block => block.type !== 'tool_result')
    if (first !== -1 && blocks.slice(first).some(block => block.type === 'tool_result'))
      throw refused(`${path}: \`tool_result\` blocks must come before all other content`)
  }
}

const checkEnd = (messages: readonly Message[], rules: ModelRules): void => {
  const last = messages.at(-1)
  if (last?.role !== 'assistant') return
  if (!rules.prefill)
    throw refused(
      'This model does not support assistant message prefill. The conversation must end with a user message.',
    )
  const text = last.blocks.at(-1)?.text
  if (typeof text === 'string' && /\s$/.test(text))
    throw refused('messages: final assistant content cannot end with trailing whitespace')
}

const LEAST_BUDGET = 1024

/** As the API says it in anthropics/claude-code#11971. */
const checkClearing = ({ thinking, context_management: management }: JsonObject): void => {
  if (!isObject(management) || !Array.isArray(management.edits)) return
  const thinks = isObject(thinking) && thinking.type !== 'disabled'
  for (const edit of management.edits)
    if (!thinks && isObject(edit) && edit.type === 'clear_thinking_20251015')
      throw refused('`clear_thinking_20251015` strategy requires `thinking` to be enabled or adaptive')
}

const checkThinking = (body: JsonObject, messages: readonly Message[], rules: ModelRules): void => {
  if (body.thinking === undefined) return
  const thinking = objectAt(body.thinking, 'thinking')
  onlyKeys(thinking, ['type', 'budget_tokens', 'display'], 'thinking')
  const { type, budget_tokens: budget } = thinking
  if (type === 'disabled') return
  if (type === 'adaptive') {
    if (!rules.adaptive) throw refused('adaptive thinking is not supported on this model')
    if (budget !== undefined) throw refused('thinking.adaptive.budget_tokens: Extra inputs are not permitted')
    return
  }
  if (type !== 'enabled')
    throw refused(`thinking: Input tag '${String(type)}' found using 'type' does not match`)
  if (!rules.budgets)
    throw refused('"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive"')
  if (typeof budget !== 'number' || budget < LEAST_BUDGET)
    throw refused('thinking.enabled.budget_tokens: Input should be greater than or equal to 1024')
  if (typeof body.max_tokens === 'number' && budget >= body.max_tokens)
    throw refused('`max_tokens` must be greater than `thinking.budget_tokens`')
  if (body.temperature !== undefined && body.temperature !== 1)
    throw refused('`temperature` may only be set to 1 when thinking is enabled')
  const choice = isObject(body.tool_choice) ? body.tool_choice.type : undefined
  if (choice === 'any' || choice === 'tool')
    throw refused('Thinking may not be enabled when tool_choice forces tool use.')
  const last = messages.findLast(({ role }) => role === 'assistant')
  const first = last?.blocks[0]?.type
  const inTools = messages.at(-1)?.blocks.some(block => block.type === 'tool_result') === true
  if (inTools && first !== 'thinking' && first !== 'redacted_thinking')
    throw refused(
      `${last?.path}.content.0.type: Expected \`thinking\` or \`redacted_thinking\`, but found \`${String(first)}\`. When \`thinking\` is enabled, a final \`assistant\` message must start with a thinking block`,
    )
}

const checkSampling = (body: JsonObject, { sampling }: ModelRules): void => {
  for (const [name, highest] of [
    ['temperature', 1],
    ['top_p', 1],
    ['top_k', 500],
  ] as const) {
    const value = body[name]
    if (value === undefined) continue
    if (!sampling && value !== 1) throw refused(`\`${name}\` is not supported on this model.`)
    if (typeof value !== 'number' || value < 0 || value > highest)
      throw refused(`${name}: range: 0..${highest}`)
  }
  if (typeof body.max_tokens === 'number' && body.max_tokens < 1)
    throw refused('max_tokens: Input should be greater than or equal to 1')
  for (const stop of Array.isArray(body.stop_sequences) ? body.stop_sequences : [])
    if (typeof stop !== 'string' || stop.trim() === '')
      throw refused('stop_sequences: each stop sequence must contain non-whitespace')
}

const TOOL_NAME = /^[a-zA-Z0-9_-]{1,128}$/
const TOOL_KEYS = [
  'type',
  'name',
  'description',
  'input_schema',
  'cache_control',
  'strict',
  'defer_loading',
  'eager_input_streaming',
  'input_examples',
  'allowed_callers',
]

const checkToolList = (body: JsonObject, messages: readonly Message[], { scopes }: ModelRules): void => {
  const tools = body.tools === undefined ? [] : listAt(body.tools, 'tools')
  const names = tools.map((value, at) => {
    const tool = objectAt(value, `tools.${at}`)
    // Tools that the provider runs have members of their own.
    if (tool.type !== undefined && tool.type !== 'custom') return String(tool.name ?? tool.type)
    onlyKeys(tool, TOOL_KEYS, `tools.${at}.custom`)
    checkCache(tool, `tools.${at}.custom`, scopes)
    if (typeof tool.name !== 'string' || !TOOL_NAME.test(tool.name))
      throw refused(`tools.${at}.custom.name: String should match pattern '${TOOL_NAME.source}'`)
    if (objectAt(tool.input_schema, `tools.${at}.custom.input_schema`).type !== 'object')
      throw refused(`tools.${at}.custom.input_schema.type: Input should be 'object'`)
    if (choiceAtTop(tool.input_schema ?? null, ['oneOf', 'allOf', 'anyOf']))
      throw refused(
        `tools.${at}.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level`,
      )
    const open = tool.strict === true ? notClosed(tool.input_schema ?? null) : undefined
    if (open !== undefined) throw refused(`tools.${at}.custom: ${open}`)
    return tool.name
  })
  if (new Set(names).size !== names.length) throw refused('tools: Tool names must be unique.')
  const used = messages.some(({ blocks }) =>
    blocks.some(({ type }) => type === 'tool_use' || type === 'tool_result'),
  )
  if (used && tools.length === 0)
    throw refused(
      'Requests which have `tool_use` or `tool_result` blocks in their messages must define tools',
    )
  if (body.tool_choice === undefined) return
  const choice = objectAt(body.tool_choice, 'tool_choice')
  onlyKeys(choice, ['type', 'name', 'disable_parallel_tool_use'], 'tool_choice')
  if (!['auto', 'any', 'tool', 'none'].includes(String(choice.type)))
    throw refused(`tool_choice: Input tag '${String(choice.type)}' found using 'type' does not match`)
  if (tools.length === 0) throw refused('tool_choice may only be specified while providing tools')
  if (choice.type === 'tool' && !names.includes(String(choice.name)))
    throw refused(`Tool '${String(choice.name)}' not found in provided tools`)
}

const checkSystem = (system: Json | undefined, rules: ModelRules): void => {
  if (system === undefined || typeof system === 'string') return
  for (const [at, block] of listAt(system, 'system').entries())
    checkBlock(block, `system.${at}`, 'system', rules)
}

const checkOutput = (value: Json | undefined): void => {
  if (value === undefined) return
  const output = objectAt(value, 'output_config')
  onlyKeys(output, ['effort', 'format', 'task_budget'], 'output_config')
  if (
    output.effort !== undefined &&
    !['low', 'medium', 'high', 'xhigh', 'max'].includes(String(output.effort))
  )
    throw refused("output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'")
  if (output.format === undefined) return
  const format = objectAt(output.format, 'output_config.format')
  onlyKeys(format, ['type', 'schema'], 'output_config.format')
  const open = notClosed(objectAt(format.schema, 'output_config.format.schema'))
  if (open !== undefined) throw refused(`output_config.format.schema: ${open}`)
}

const LONGEST_USER = 256

const checkMetadata = (value: Json | undefined): void => {
  if (value === undefined) return
  const metadata = objectAt(value, 'metadata')
  onlyKeys(metadata, ['user_id'], 'metadata')
  if (typeof metadata.user_id === 'string' && metadata.user_id.length > LONGEST_USER)
    throw refused(`metadata.user_id: String should have at most ${LONGEST_USER} characters`)
}

/** Claude's other hosts fetch nothing; their complaint names a member that nobody wrote. */
export const refuseAddresses = ({ messages }: JsonObject): void => {
  if (/"source":\{"type":"url"/.test(JSON.stringify(messages ?? null)))
    throw refused('messages.0.content.0.image.source.base64.data: URL sources are not supported')
}

/** Throws StageRefusal with the API's kind of message; the top-level names are checked before. */
export const checkMessages = (body: JsonObject, rules: ModelRules = LAX): void => {
  const list = listAt(body.messages, 'messages')
  const messages = list.map((message, at) => messageOf(message, at, at === list.length - 1, rules))
  checkRoles(messages)
  const spoken = messages.filter(({ role }) => role !== 'system')
  checkTools(spoken)
  checkEnd(spoken, rules)
  checkSystem(body.system, rules)
  checkSampling(body, rules)
  checkToolList(body, spoken, rules)
  checkThinking(body, spoken, rules)
  checkClearing(body)
  checkOutput(body.output_config)
  checkMetadata(body.metadata)
}
