import type { RouteParameters, TypeList } from './openai-parameters.ts'

/**
 * What Anthropic publishes for its message routes at the top level of a body: names, JSON types, which are required.
 * Sources: its API reference for version 2023-06-01 and the types of its own TypeScript client 1.14 (November 2026).
 */

const json = { contentType: 'application/json' } as const

const COMMON: Readonly<Record<string, TypeList>> = {
  cache_control: 'object | null',
  messages: 'array',
  model: 'string',
  output_config: 'object',
  speed: 'string | null',
  system: 'string | array',
  thinking: 'object',
  tool_choice: 'object',
  tools: 'array',
  user_profile_id: 'string',
  workspace_id: 'string',
}

const CREATE: Readonly<Record<string, TypeList>> = {
  ...COMMON,
  container: 'object | string | null',
  diagnostics: 'object | null',
  inference_geo: 'string | null',
  max_tokens: 'integer',
  metadata: 'object',
  service_tier: 'string',
  stop_sequences: 'array',
  stream: 'boolean',
  temperature: 'number',
  top_k: 'integer',
  top_p: 'number',
}

/** Taken only together with an `anthropic-beta` header. */
export const BETA_PARAMETERS: Readonly<Record<string, TypeList>> = {
  billing_policy: 'object | null',
  compaction: 'object | null',
  context_management: 'object | null',
  fallback_credit_token: 'object | string | null',
  fallbacks: 'array | string | null',
  mcp_servers: 'array',
  output_format: 'object | null',
  thread: 'object | null',
}

/** Keys are `METHOD path`, relative to `/v1`. */
export const MESSAGES_PARAMETERS: Readonly<Record<string, RouteParameters>> = {
  'POST /messages': { ...json, required: ['model', 'messages', 'max_tokens'], parameters: CREATE },
  'POST /messages/count_tokens': { ...json, required: ['model', 'messages'], parameters: COMMON },
}
