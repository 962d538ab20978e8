import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import type { Asked, Stop } from './neutral.ts'
import type { Usage } from './shape.ts'

/** The response object of an answer that another dialect gave. */

export type State = {
  readonly status: 'in_progress' | 'completed' | 'incomplete' | 'failed'
  readonly output: readonly JsonObject[]
  /** Why it is incomplete. */
  readonly reason?: 'max_output_tokens' | 'content_filter' | 'pause_turn'
  readonly error?: JsonObject
  readonly usage?: Usage | undefined
  readonly serviceTier?: string | undefined
}

export const usageJson = (usage: Usage): JsonObject => ({
  input_tokens: usage.inputTokens,
  input_tokens_details: {
    cached_tokens: usage.cachedInputTokens ?? 0,
    cache_write_tokens: usage.cacheWriteTokens ?? 0,
  },
  output_tokens: usage.outputTokens,
  output_tokens_details: { reasoning_tokens: usage.reasoningTokens ?? 0 },
  total_tokens: usage.inputTokens + usage.outputTokens,
})

/** Clients read these members of a function without asking whether they are there. */
const toolJson = (tool: Json): Json =>
  isObject(tool) && tool.type === 'function'
    ? { description: null, parameters: null, strict: null, ...tool }
    : tool

const settings = (value: Json | undefined): JsonObject => (isObject(value) ? value : {})

/**
 * Every member that the published object has, whether or not it must be there, with what the request said or its
 * default. Nothing is stored and nothing works on in the background, whatever was asked.
 */
export const responseObject = ({ body, model, unique, created }: Asked, state: State): JsonObject => {
  const orNull = (name: string): Json => body[name] ?? null
  const { status, output, reason, error, usage } = state
  return {
    id: `resp_${unique}`,
    object: 'response',
    created_at: created,
    completed_at: status === 'completed' ? created : null,
    status,
    background: false,
    error: error ?? null,
    incomplete_details: reason === undefined ? null : { reason },
    instructions: orNull('instructions'),
    max_output_tokens: orNull('max_output_tokens'),
    max_tool_calls: orNull('max_tool_calls'),
    model,
    output,
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: null,
    presence_penalty: body.presence_penalty ?? 0,
    frequency_penalty: body.frequency_penalty ?? 0,
    prompt_cache_key: orNull('prompt_cache_key'),
    reasoning: { effort: null, summary: null, ...settings(body.reasoning) },
    safety_identifier: orNull('safety_identifier'),
    service_tier: state.serviceTier ?? body.service_tier ?? 'default',
    store: false,
    temperature: body.temperature ?? 1,
    text: { format: { type: 'text' }, ...settings(body.text) },
    tool_choice: body.tool_choice ?? 'auto',
    tools: Array.isArray(body.tools) ? body.tools.map(toolJson) : [],
    top_logprobs: body.top_logprobs ?? 0,
    top_p: body.top_p ?? 1,
    truncation: body.truncation ?? 'disabled',
    usage: usage === undefined ? null : usageJson(usage),
    user: orNull('user'),
    metadata: body.metadata ?? {},
  }
}

/** How an answer ended, in this dialect's words. A refusal without words of its own is what a filter leaves. */
export const endingOf = (stop: Stop, refused: boolean): Pick<State, 'status' | 'reason'> => {
  if (stop.kind === 'length' || stop.kind === 'context')
    return { status: 'incomplete', reason: 'max_output_tokens' }
  if (stop.kind === 'filter' || (stop.kind === 'refusal' && !refused))
    return { status: 'incomplete', reason: 'content_filter' }
  // Not one of OpenAI's two reasons: either would be untrue, and a reason that nobody knows is still one for `incomplete`.
  if (stop.kind === 'pause') return { status: 'incomplete', reason: 'pause_turn' }
  return { status: 'completed' }
}
