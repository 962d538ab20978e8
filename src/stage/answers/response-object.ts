import { isObject, type Json, type JsonObject } from '../../wire/json.ts'
import { type Cue, dueCall, newestWish } from '../calls.ts'
import { countTokens, directionOf, sample, textOf, tokensOf } from '../lines.ts'
import { refuse } from '../refusal.ts'
import { type Ask, snapshot } from '../scene.ts'

/** The text an item carries for counting and for directions. */
export const itemsOf = (ask: Ask): readonly JsonObject[] => {
  const input = ask.body.input
  if (typeof input === 'string') {
    const content = [{ type: 'input_text', text: input }]
    return [{ id: ask.scene.id('msg_'), type: 'message', role: 'user', status: 'completed', content }]
  }
  return (Array.isArray(input) ? input : []).filter(isObject).map(item => listed(ask, item))
}

/** Items come back with an id and a status, and a text content becomes a list of parts. */
const listed = (ask: Ask, item: JsonObject): JsonObject => {
  if (item.type !== undefined && item.type !== 'message') return { id: ask.scene.id('item_'), ...item }
  const kind = item.role === 'assistant' ? 'output_text' : 'input_text'
  const content =
    typeof item.content === 'string' ? [{ type: kind, text: item.content }] : (item.content ?? [])
  return { id: ask.scene.id('msg_'), type: 'message', status: 'completed', ...item, content }
}

const RESULTS: readonly Json[] = ['function_call_output', 'custom_tool_call_output']

const cueOf = (item: JsonObject): readonly Cue[] => {
  if (RESULTS.includes(item.type ?? null)) return ['result']
  return item.type === 'message' && item.role === 'user' ? [{ said: textOf(item) }] : []
}

export const inputTokens = (items: readonly JsonObject[]): number =>
  items.reduce((sum, item) => sum + countTokens(textOf(item)) + 4, 3)

export const usageOf = (input: number, output: number, reasoning = 0): JsonObject => ({
  input_tokens: input,
  input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
  output_tokens: output,
  output_tokens_details: { reasoning_tokens: reasoning },
  total_tokens: input + output,
})

const reasoningItem = (ask: Ask): JsonObject => {
  const include = Array.isArray(ask.body.include) ? ask.body.include : []
  const id = ask.scene.id('rs_')
  const summary = [{ type: 'summary_text', text: 'The lead is away; the lines are known.' }]
  return include.includes('reasoning.encrypted_content')
    ? { id, type: 'reasoning', summary, encrypted_content: ask.scene.vault.seal(id) }
    : { id, type: 'reasoning', summary }
}

export const compactionItem = (ask: Ask, items: readonly JsonObject[]): JsonObject => ({
  id: ask.scene.id('cmp_'),
  type: 'compaction',
  encrypted_content: ask.scene.vault.seal(
    items
      .map(item => textOf(item))
      .join('\n')
      .slice(0, 4096),
  ),
})

const functionsOf = ({ body }: Ask): readonly JsonObject[] =>
  (Array.isArray(body.tools) ? body.tools : []).filter(isObject).filter(tool => tool.type === 'function')

const callItem = (ask: Ask, name: string, args: JsonObject): JsonObject => ({
  id: ask.scene.id('fc_'),
  type: 'function_call',
  status: 'completed',
  call_id: ask.scene.id('call_'),
  name,
  arguments: JSON.stringify(args),
})

/** The call that the prompt directs next; a list of items goes on with the history before it. */
const directedCall = (ask: Ask, cues: readonly Cue[]): JsonObject | undefined => {
  if (ask.body.tool_choice === 'none') return undefined
  const due = dueCall(
    cues,
    functionsOf(ask).map(({ name = null }) => name),
  )
  return due === undefined ? undefined : callItem(ask, due.name, due.args)
}

const functionCall = (ask: Ask, line: string, wanted: boolean): JsonObject | undefined => {
  const choice = ask.body.tool_choice
  const named = isObject(choice) && choice.type === 'function' ? choice.name : undefined
  const functions = functionsOf(ask)
  if ((!wanted && choice !== 'required' && named === undefined) || choice === 'none') return undefined
  const tool = named === undefined ? functions[0] : functions.find(one => one.name === named)
  if (tool === undefined) {
    if (named === undefined) return undefined
    throw refuse(400, "Tool choice 'function' not found in 'tools' parameter.", { param: 'tool_choice' })
  }
  const args = sample(tool.parameters, line)
  return callItem(ask, textOf(tool.name), isObject(args) ? args : {})
}

const message = (ask: Ask, part: JsonObject, status: string): JsonObject => ({
  id: ask.scene.id('msg_'),
  type: 'message',
  status,
  role: 'assistant',
  content: [part],
})

type Produced = { readonly output: readonly JsonObject[]; readonly tokens: number; readonly cut: boolean }

/** The output items of one call: compaction when its trigger is the last item, a tool call, a refusal or the line. */
export const produce = (ask: Ask, items: readonly JsonObject[], history: readonly JsonObject[]): Produced => {
  if (items.at(-1)?.type === 'compaction_trigger') {
    return { output: [compactionItem(ask, [...history, ...items])], tokens: 16, cut: false }
  }
  const cues = [...history, ...items].flatMap(cueOf)
  const direction = directionOf(
    newestWish(items.flatMap(cueOf)).prompt || newestWish(cues).prompt,
    ask.scene.says,
  )
  const include = Array.isArray(ask.body.include) ? ask.body.include : []
  const thinks = direction.reason || include.includes('reasoning.encrypted_content')
  const before = thinks ? [reasoningItem(ask)] : []
  const call = direction.refuse
    ? undefined
    : (directedCall(ask, cues) ??
      functionCall(ask, direction.text, direction.callTool && cues.at(-1) !== 'result'))
  if (call !== undefined)
    return { output: [...before, call], tokens: countTokens(textOf(call.arguments)) + 4, cut: false }
  if (direction.refuse) {
    const part = { type: 'refusal', refusal: direction.text }
    return {
      output: [...before, message(ask, part, 'completed')],
      tokens: tokensOf(direction.text).length,
      cut: false,
    }
  }
  const whole = formatted(ask.body.text, direction.text)
  const tokens = tokensOf(whole)
  const limit = ask.body.max_output_tokens
  const cut = typeof limit === 'number' && limit < tokens.length
  const spoken = cut ? tokens.slice(0, limit).join('') : whole
  const part = { type: 'output_text', text: spoken, annotations: [], logprobs: [] }
  return {
    output: [...before, message(ask, part, cut ? 'incomplete' : 'completed')],
    tokens: tokensOf(spoken).length,
    cut,
  }
}

const formatted = (settings: Json | undefined, line: string): string => {
  const format = isObject(settings) && isObject(settings.format) ? settings.format : undefined
  if (format?.type === 'json_object') return JSON.stringify({ answer: line })
  return format?.type === 'json_schema' ? JSON.stringify(sample(format.schema, line)) : line
}

/** Tools as they are told back: without the secrets of MCP servers. */
const toolsOf = (tools: Json | undefined): Json =>
  (Array.isArray(tools) ? (tools as readonly Json[]) : []).map(tool => {
    if (!isObject(tool) || tool.type !== 'mcp') return tool
    const { authorization: _authorization, headers: _headers, ...rest } = tool
    return rest
  })

/** A response with every key that the published object has, in the state `status`. */
export const responseOf = (
  ask: Ask,
  state: { id: string; status: string; output: readonly JsonObject[]; usage: Json },
): JsonObject => {
  const { body } = ask
  const orNull = (name: string): Json => body[name] ?? null
  const conversation = typeof body.conversation === 'string' ? { id: body.conversation } : body.conversation
  return {
    id: state.id,
    object: 'response',
    created_at: ask.scene.now(),
    status: state.status,
    background: body.background ?? false,
    completed_at: state.status === 'completed' ? ask.scene.now() : null,
    error: null,
    incomplete_details: state.status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
    instructions: orNull('instructions'),
    max_output_tokens: orNull('max_output_tokens'),
    max_tool_calls: orNull('max_tool_calls'),
    model: snapshot(ask.model),
    output: state.output,
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: orNull('previous_response_id'),
    ...(isObject(conversation) ? { conversation: { id: conversation.id ?? null } } : {}),
    prompt_cache_key: orNull('prompt_cache_key'),
    reasoning: { effort: null, summary: null, ...(isObject(body.reasoning) ? body.reasoning : {}) },
    safety_identifier: orNull('safety_identifier'),
    service_tier: body.service_tier ?? 'default',
    store: body.store ?? true,
    temperature: body.temperature ?? 1,
    text: { format: { type: 'text' }, verbosity: 'medium', ...(isObject(body.text) ? body.text : {}) },
    tool_choice: body.tool_choice ?? 'auto',
    tools: toolsOf(body.tools),
    top_logprobs: body.top_logprobs ?? 0,
    top_p: body.top_p ?? 1,
    truncation: body.truncation ?? 'disabled',
    usage: state.usage,
    user: orNull('user'),
    metadata: body.metadata ?? {},
  }
}
