import type { Fields, Kind } from './cohere-shape.ts'

/** Cohere's published requests (cohere-openapi.yaml, August 2026). A name that ends with `!` is required. */

const TEXT: Kind = { of: { 'type!': { one: ['text'] }, 'text!': 'string' } }
const PICTURE: Kind = {
  of: {
    'type!': { one: ['image_url'] },
    'image_url!': { of: { 'url!': 'string', detail: { one: ['auto', 'low', 'high'] } } },
  },
}
const THOUGHT: Kind = { of: { 'type!': { one: ['thinking'] }, 'thinking!': 'string' } }
const DOCUMENT: Kind = { of: { id: 'string', 'data!': { either: ['object', 'string'] } } }
const DOCUMENT_CONTENT: Kind = { of: { 'type!': { one: ['document'] }, 'document!': DOCUMENT } }

const CALL: Kind = {
  of: {
    'id!': 'string',
    'type!': { one: ['function'] },
    function: { of: { name: 'string', arguments: 'string' } },
  },
}

const TOOL: Kind = {
  of: {
    'type!': { one: ['function'] },
    function: { of: { 'name!': 'string', description: 'string', 'parameters!': 'object' } },
  },
}

/** What a block of content is: which of these it has to be is told by its `type`. */
export const BLOCKS: Readonly<Record<string, Kind>> = {
  text: TEXT,
  image_url: PICTURE,
  thinking: THOUGHT,
  document: DOCUMENT_CONTENT,
}

/** The blocks that a message of each role may hold. */
export const BLOCKS_OF: Readonly<Record<string, readonly string[]>> = {
  system: ['text'],
  user: ['text', 'image_url'],
  assistant: ['text', 'thinking'],
  tool: ['text', 'document'],
}

const CONTENT: Kind = { either: ['string', { list: 'object' }] }

/** Messages by their role. */
export const MESSAGES: Readonly<Record<string, Fields>> = {
  system: { 'role!': 'string', 'content!': CONTENT },
  user: { 'role!': 'string', 'content!': CONTENT },
  assistant: {
    'role!': 'string',
    content: CONTENT,
    tool_plan: 'string',
    tool_calls: { list: CALL },
    citations: { list: 'object' },
  },
  tool: { 'role!': 'string', 'tool_call_id!': 'string', 'content!': CONTENT },
}

export const CHAT: Fields = {
  'model!': 'string',
  'messages!': { list: 'object' },
  stream: 'boolean',
  tools: { list: TOOL },
  strict_tools: 'boolean',
  documents: { list: { either: ['string', DOCUMENT] } },
  citation_options: { of: { mode: { one: ['ENABLED', 'DISABLED', 'FAST', 'ACCURATE', 'OFF'] } } },
  response_format: { of: { 'type!': { one: ['text', 'json_object'] }, json_schema: 'object' } },
  safety_mode: { one: ['CONTEXTUAL', 'STRICT', 'OFF'] },
  max_tokens: 'integer',
  stop_sequences: { list: 'string' },
  temperature: 'number',
  seed: 'integer',
  frequency_penalty: 'number',
  presence_penalty: 'number',
  k: 'integer',
  p: 'number',
  logprobs: 'boolean',
  tool_choice: { one: ['REQUIRED', 'NONE'] },
  thinking: { of: { 'type!': { one: ['enabled', 'disabled'] }, token_budget: 'integer' } },
  priority: 'integer',
}

export const EMBED: Fields = {
  'model!': 'string',
  'input_type!': { one: ['search_document', 'search_query', 'classification', 'clustering', 'image'] },
  texts: { list: 'string' },
  images: { list: 'string' },
  inputs: { list: { of: { 'content!': { list: 'object' } } } },
  max_tokens: 'integer',
  output_dimension: 'integer',
  embedding_types: { list: { one: ['float', 'int8', 'uint8', 'binary', 'ubinary', 'base64'] } },
  truncate: { one: ['NONE', 'START', 'END'] },
  priority: 'integer',
}

export const RERANK: Fields = {
  'model!': 'string',
  'query!': 'string',
  'documents!': { list: 'string' },
  top_n: 'integer',
  max_tokens_per_doc: 'integer',
  priority: 'integer',
}

export const RERANK_V1: Fields = {
  model: 'string',
  'query!': 'string',
  'documents!': { list: { either: ['string', 'object'] } },
  top_n: 'integer',
  rank_fields: { list: 'string' },
  return_documents: 'boolean',
  max_chunks_per_doc: 'integer',
}
