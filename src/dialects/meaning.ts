import type { ShapeName } from '../routes.ts'
import { printPath } from '../wire/edit.ts'

/**
 * Parameters that are never left out to please a provider, because the answer would not be one to what was asked, or
 * would do more than was allowed. Everything else is a hint and may go: it tunes the answer or labels the call. One
 * table for what a provider refuses by name, what it is known to refuse, and what a translation has no place for.
 */
type Meaning = {
  readonly path: string
  readonly because: string
  /** Keys inside it, at most three steps deep, that mean nothing of their own. Default: everything inside means something. */
  readonly free?: ReadonlySet<string>
  /** Or: the keys inside it that mean something; every other may go. */
  readonly bound?: ReadonlySet<string>
  /** Answers for which it means nothing. */
  readonly unless?: readonly ShapeName[]
}

/** What a message, an item or a part of one says. */
const CONTENT: ReadonlySet<string> = new Set([
  ...['type', 'role', 'content', 'text', 'refusal', 'name', 'namespace', 'summary', 'encrypted_content'],
  ...['call_id', 'tool_call_id', 'tool_calls', 'function_call', 'function', 'arguments', 'input', 'output'],
  ...['action', 'actions', 'operation', 'result', 'results', 'queries', 'code', 'outputs', 'error', 'tools'],
  ...[
    'image_url',
    'input_audio',
    'audio',
    'data',
    'format',
    'file',
    'file_id',
    'file_data',
    'file_url',
    'filename',
  ],
  ...[
    'parts',
    'inlineData',
    'fileData',
    'functionCall',
    'functionResponse',
    'toolUse',
    'toolResult',
    'source',
  ],
  ...['tool_use_id', 'signature', 'thinking', 'thoughtSignature', 'image', 'document', 'is_error'],
  ...['approve', 'approval_request_id', 'server_label', 'acknowledged_safety_checks', 'environment'],
])

/** Hints of a tool's declaration; anything else in it may widen or narrow what the model may do. */
const TOOL_HINTS: ReadonlySet<string> = new Set([
  'cache_control',
  'defer_loading',
  'eager_input_streaming',
  'input_examples',
])

/** What a block of settings says beyond how words are drawn. */
const GENERATION: ReadonlySet<string> = new Set([
  ...[
    'stopSequences',
    'maxOutputTokens',
    'maxTokens',
    'candidateCount',
    'responseMimeType',
    'responseSchema',
  ],
  ...[
    'responseJsonSchema',
    'responseModalities',
    'responseLogprobs',
    'logprobs',
    'speechConfig',
    'imageConfig',
  ],
])

/** Deeper than this inside a declaration are the names that a caller chose for his own arguments. */
const DEEPEST = 3

const conversation = { because: 'it is what is asked', bound: new Set([...CONTENT, 'id']) }
const limit = 'without it the answer may cost more than the client allowed'
const shape = 'the client reads the answer in this form'
/** A summary calls no tool and has no form. */
const notOfSummaries = { unless: ['compaction', 'trigger'] } as const

const MEANINGS: readonly Meaning[] = [
  { path: 'model', because: 'it is who is asked' },
  // OpenRouter's: which hosts may answer, what they may keep of the prompt, and for what price.
  { path: 'provider', because: 'it says who may see the request' },
  // Together's.
  { path: 'compliance', because: 'it says who may see the request' },
  // The id of an item names nothing that the request itself needs.
  { path: 'input', because: 'it is what is asked', bound: CONTENT },
  { path: 'messages', ...conversation },
  { path: 'prompt', because: 'it is what is asked' },
  { path: 'suffix', because: 'it is what is asked' },
  { path: 'instructions', because: 'it is what is asked' },
  { path: 'system', because: 'it is what is asked', free: new Set(['cache_control']) },
  { path: 'systemInstruction', because: 'it is what is asked' },
  { path: 'system_instruction', because: 'it is what is asked' },
  { path: 'contents', ...conversation },
  { path: 'query', because: 'it is what is asked' },
  { path: 'documents', because: 'it is what is asked' },
  // Among responses it says how pictures are compressed.
  { path: 'image', because: 'it is what is asked', unless: ['responses', 'compaction', 'trigger'] },
  { path: 'mask', because: 'it is what is asked' },
  { path: 'file', because: 'it is what is asked' },
  { path: 'data_sources', because: 'the answer would be made from other sources' },
  // Of OpenRouter, Groq, xAI, Perplexity and DashScope.
  ...[
    ...['search_settings', 'include_domains', 'exclude_domains', 'search_parameters', 'enable_search'],
    ...['search_domain_filter', 'search_recency_filter', 'search_mode', 'disable_search'],
    ...['search_after_date_filter', 'search_before_date_filter', 'plugins', 'compound_custom'],
  ].map(path => ({ path, because: 'the answer would be made from other sources' })),
  { path: 'mcp_servers', because: 'the model could not do what it is asked to' },
  { path: 'toolConfig', because: 'the model could not do what it is asked to' },
  { path: 'container', because: 'the model could not do what it is asked to' },
  { path: 'cachedContent', because: 'it is what was said before' },
  { path: 'cached_content', because: 'it is what was said before' },
  { path: 'inference_geo', because: 'it says where the answer may be made' },
  { path: 'guardrailConfig', because: 'it says what may not pass' },
  { path: 'safetySettings', because: 'it says what may not pass' },
  { path: 'safety_settings', because: 'it says what may not pass' },
  { path: 'safety_mode', because: 'it says what may not pass' },
  { path: 'safe_prompt', because: 'it says what may not pass' },
  { path: 'safety_model', because: 'it says what may not pass' },
  { path: 'generationConfig', because: shape, bound: GENERATION },
  { path: 'inferenceConfig', because: shape, bound: GENERATION },
  { path: 'output_config', because: shape, free: new Set(['effort']) },
  { path: 'web_search_options', because: 'the answer would be made without the search' },
  { path: 'previous_response_id', because: 'it is what was said before' },
  { path: 'conversation', because: 'it is what was said before' },
  { path: 'thread', because: 'it is what was said before' },
  {
    path: 'tools',
    because: 'the model could not do what it is asked to',
    free: TOOL_HINTS,
    ...notOfSummaries,
  },
  { path: 'functions', because: 'the model could not do what it is asked to' },
  { path: 'tool_choice', because: 'it says what the model may do', ...notOfSummaries },
  { path: 'function_call', because: 'it says what the model may do' },
  { path: 'text', because: shape, free: new Set(['verbosity']), ...notOfSummaries },
  { path: 'response_format', because: shape },
  { path: 'output_format', because: shape },
  { path: 'encoding_format', because: shape },
  { path: 'guided_json', because: shape },
  { path: 'guided_regex', because: shape },
  { path: 'guided_choice', because: shape },
  { path: 'guided_grammar', because: shape },
  { path: 'structured_outputs', because: shape },
  { path: 'dimensions', because: 'vectors of another length do not mix' },
  { path: 'input_type', because: 'vectors for another purpose do not mix' },
  { path: 'task_type', because: 'vectors for another purpose do not mix' },
  { path: 'modalities', because: shape },
  { path: 'audio', because: shape },
  { path: 'voice', because: shape },
  { path: 'size', because: shape },
  { path: 'stream', because: shape },
  { path: 'stream_format', because: shape },
  { path: 'background', because: shape },
  { path: 'logprobs', because: 'the client reads them in the answer' },
  { path: 'top_logprobs', because: 'the client reads them in the answer' },
  { path: 'n', because: 'it is how many answers there are' },
  { path: 'best_of', because: 'it is how many answers there are' },
  { path: 'top_n', because: 'it is how many answers there are' },
  { path: 'stop_sequences', because: 'the client relies on where the answer ends' },
  { path: 'stop', because: 'the client relies on where the answer ends' },
  { path: 'logit_bias', because: 'it rules words out' },
  { path: 'max_tokens', because: limit },
  { path: 'max_completion_tokens', because: limit },
  { path: 'max_output_tokens', because: limit },
  { path: 'max_tool_calls', because: limit },
  // Chat answers are not kept unless somebody asks for it.
  {
    path: 'store',
    because: 'it says whether the provider may keep the answer',
    unless: ['chat', 'completions'],
  },
  { path: 'moderation', because: 'it says what may not pass' },
]

const BY_KEY: ReadonlyMap<string, Meaning> = new Map(MEANINGS.map(one => [one.path, one]))

/**
 * Why the parameter is not left out; undefined: it may be. `path` from the top, '*' or an index inside arrays.
 */
export const meaningOf = (path: readonly string[], answers: ShapeName): string | undefined => {
  const [top = '', ...inner] = path
  const meaning = BY_KEY.get(top)
  if (meaning === undefined || meaning.unless?.includes(answers) === true) return undefined
  const last = inner.at(-1)
  const isKey = last !== undefined && last !== '*' && !/^\d+$/.test(last)
  if (isKey && inner.length <= DEEPEST && meaning.free?.has(last) === true) return undefined
  if (isKey && meaning.bound !== undefined && !meaning.bound.has(last)) return undefined
  return `${printPath(path)} stays: ${meaning.because}`
}

/** Of names as a loss is told, `tools[3].type`: those whose loss changes what the client can rely on. */
export const meaningful = (names: readonly string[], answers: ShapeName): readonly string[] =>
  // A client may have chosen the name: it need be no path.
  names.filter(
    name =>
      meaningOf(
        name.split(/[.[\]]+/).filter(key => key !== ''),
        answers,
      ) !== undefined,
  )

/** For the documentation. */
export const MEANINGFUL: readonly { readonly path: string; readonly because: string }[] = MEANINGS
