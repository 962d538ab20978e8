import { PARAMETERS, type RouteParameters, type TypeList } from '../dialects/openai-parameters.ts'
import type { Flavour } from './flavour.ts'

const json = { contentType: 'application/json' } as const

/** Routes that the published description gives as sub-resources, and two rerank dialects (Cohere v1 and v2). */
const MORE: Readonly<Record<string, RouteParameters>> = {
  'POST /conversations/:id': { ...json, required: ['metadata'], parameters: { metadata: 'object | null' } },
  'POST /conversations/:id/items': { ...json, required: ['items'], parameters: { items: 'array' } },
  'POST /vector_stores/:id': {
    ...json,
    required: [],
    parameters: { name: 'string | null', expires_after: 'object | null', metadata: 'object | null' },
  },
  'POST /vector_stores/:id/search': {
    ...json,
    required: ['query'],
    parameters: {
      query: 'string | array',
      rewrite_query: 'boolean',
      max_num_results: 'integer',
      filters: 'object',
      ranking_options: 'object',
    },
  },
  'POST /vector_stores/:id/files': {
    ...json,
    required: ['file_id'],
    parameters: { file_id: 'string', attributes: 'object | null', chunking_strategy: 'object' },
  },
  'POST /vector_stores/:id/files/:file': {
    ...json,
    required: ['attributes'],
    parameters: { attributes: 'object | null' },
  },
  'POST /vector_stores/:id/file_batches': {
    ...json,
    required: [],
    parameters: {
      file_ids: 'array',
      files: 'array',
      attributes: 'object | null',
      chunking_strategy: 'object',
    },
  },
  'POST /rerank': {
    ...json,
    required: ['query', 'documents'],
    parameters: {
      model: 'string',
      query: 'string',
      documents: 'array',
      top_n: 'integer | null',
      rank_fields: 'array',
      return_documents: 'boolean',
      max_chunks_per_doc: 'integer',
      max_tokens_per_doc: 'integer',
    },
  },
  'POST /v2/rerank': {
    ...json,
    required: ['model', 'query', 'documents'],
    parameters: {
      model: 'string',
      query: 'string',
      documents: 'array',
      top_n: 'integer',
      max_tokens_per_doc: 'integer',
      priority: 'integer',
    },
  },
}

/** Published after August 2026, and only by OpenAI itself. */
const NEWER: Readonly<Record<string, Readonly<Record<string, TypeList>>>> = {
  'POST /responses': {
    image: 'object | null',
    access_programs: 'object | null',
    // Published nowhere: what Codex sends, and its provider takes.
    client_metadata: 'object | null',
  },
  'POST /responses/compact': { image: 'object | null' },
}

/** What Azure's own v1 description leaves out. The live service may be wider; a rehearsal should not rely on it. */
const AZURE_LACKS: Readonly<Record<string, readonly string[]>> = {
  'POST /responses': [
    'conversation',
    'moderation',
    'prompt_cache_key',
    'prompt_cache_options',
    'prompt_cache_retention',
    'safety_identifier',
    'service_tier',
    'stream_options',
  ],
  'POST /chat/completions': [
    'moderation',
    'prompt_cache_key',
    'prompt_cache_options',
    'prompt_cache_retention',
    'safety_identifier',
    'service_tier',
    'verbosity',
    'web_search_options',
  ],
}

const AZURE_ADDS: Readonly<Record<string, Readonly<Record<string, TypeList>>>> = {
  'POST /chat/completions': { data_sources: 'array', user_security_context: 'object' },
}

/** The parameters of one route as this flavour publishes them; undefined: the route takes no checked body. */
export const parametersOf = (flavour: Flavour, route: string): RouteParameters | undefined => {
  const base = PARAMETERS[route] ?? MORE[route]
  if (base === undefined) return undefined
  if (flavour === 'openai') return { ...base, parameters: { ...base.parameters, ...NEWER[route] } }
  const lacks = AZURE_LACKS[route] ?? []
  const kept = Object.entries(base.parameters).filter(([name]) => !lacks.includes(name))
  return { ...base, parameters: { ...Object.fromEntries(kept), ...AZURE_ADDS[route] } }
}

/** Items of a Responses input: every key that any published version of the type has, `type` aside. */
export const ITEM_KEYS: Readonly<Record<string, readonly string[]>> = {
  message: ['id', 'role', 'content', 'status', 'phase'],
  file_search_call: ['id', 'status', 'queries', 'results'],
  computer_call: ['id', 'call_id', 'pending_safety_checks', 'status', 'action', 'actions'],
  computer_call_output: ['id', 'call_id', 'output', 'acknowledged_safety_checks', 'status'],
  web_search_call: ['id', 'status', 'action'],
  function_call: ['id', 'call_id', 'name', 'arguments', 'caller', 'namespace', 'status'],
  function_call_output: ['id', 'call_id', 'name', 'namespace', 'output', 'caller', 'status'],
  tool_search_call: ['id', 'call_id', 'arguments', 'execution', 'status'],
  tool_search_output: ['id', 'call_id', 'tools', 'execution', 'status'],
  additional_tools: ['id', 'role', 'tools'],
  reasoning: ['id', 'summary', 'encrypted_content', 'content', 'status'],
  compaction: ['id', 'encrypted_content'],
  compaction_trigger: [],
  image_generation_call: ['id', 'status', 'result'],
  code_interpreter_call: ['id', 'status', 'container_id', 'code', 'outputs'],
  local_shell_call: ['id', 'call_id', 'action', 'status'],
  local_shell_call_output: ['id', 'output', 'status'],
  shell_call: ['id', 'call_id', 'action', 'caller', 'status', 'environment'],
  shell_call_output: ['id', 'call_id', 'output', 'caller', 'status', 'max_output_length'],
  apply_patch_call: ['id', 'call_id', 'status', 'operation', 'caller'],
  apply_patch_call_output: ['id', 'call_id', 'status', 'caller', 'output'],
  mcp_list_tools: ['id', 'server_label', 'tools', 'error'],
  mcp_approval_request: ['id', 'server_label', 'name', 'arguments'],
  mcp_approval_response: ['id', 'approval_request_id', 'approve', 'reason'],
  mcp_call: ['id', 'server_label', 'name', 'arguments', 'output', 'error', 'status', 'approval_request_id'],
  custom_tool_call: ['id', 'call_id', 'name', 'input', 'caller', 'namespace'],
  custom_tool_call_output: ['id', 'call_id', 'output', 'caller'],
  item_reference: ['id'],
  program: ['id', 'call_id', 'code', 'fingerprint'],
  program_output: ['id', 'call_id', 'result', 'status'],
}

/** Item types that only the newer OpenAI description has. */
export const NEWER_ITEM_KEYS: Readonly<Record<string, readonly string[]>> = {
  configuration_update: ['id', 'reasoning', 'text'],
}

/** A key that every input item may have at OpenAI itself: Codex sends it, other providers refuse it as unknown. */
export const UNPUBLISHED_ITEM_KEYS: readonly string[] = ['internal_chat_message_metadata_passthrough']
