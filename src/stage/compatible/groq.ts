import type { JsonObject } from '../../wire/json.ts'
import { plainUsage } from '../voice.ts'
import type { Row } from './row.ts'
import { among, everyMessage, given, needs, only, someMessages, unplaced, without } from './rules.ts'

/**
 * Groq: every name that is not published is refused, at the top and in each message. The names are those of its own
 * client (groq-python) and its reference, `name` of a message aside, which its page on compatibility says to be refused.
 */

const GROQ_CHAT = [
  ...['citation_options', 'compound_custom', 'disable_tool_validation', 'documents', 'exclude_domains'],
  ...[
    'frequency_penalty',
    'function_call',
    'functions',
    'include_domains',
    'include_reasoning',
    'logit_bias',
  ],
  ...['logprobs', 'max_completion_tokens', 'max_tokens', 'messages', 'metadata', 'model', 'n'],
  ...['parallel_tool_calls', 'presence_penalty', 'reasoning_effort', 'reasoning_format', 'response_format'],
  ...['search_settings', 'seed', 'service_tier', 'stop', 'store', 'stream', 'stream_options', 'temperature'],
  ...['tool_choice', 'tools', 'top_logprobs', 'top_p', 'user'],
]

const GROQ_MESSAGES: Readonly<Record<string, readonly string[]>> = {
  system: ['role', 'content'],
  developer: ['role', 'content'],
  user: ['role', 'content'],
  assistant: ['role', 'content', 'tool_calls', 'function_call', 'reasoning'],
  tool: ['role', 'content', 'tool_call_id'],
  function: ['role', 'content', 'name'],
}

const groqMessage = (message: JsonObject, at: number): string | undefined => {
  const role = String(message.role)
  const known = Object.hasOwn(GROQ_MESSAGES, role) ? GROQ_MESSAGES[role] : undefined
  if (known === undefined) return `'messages.${at}' : discriminator property 'role' has invalid value`
  const name = Object.keys(message).find(key => !known.includes(key))
  if (name === undefined) return undefined
  return `'messages.${at}' : for 'role:${role}' the following must be satisfied[('messages.${at}' : property '${name}' is unsupported)]`
}

const groqEfforts = (model: string): readonly string[] =>
  /\bqwen3(?:\.6)?-/.test(model) ? ['none', 'default'] : ['low', 'medium', 'high']

/** `a` or `b`; `a`, `b`, or `c`. */
const oneOf = (words: readonly string[]): string => {
  const quoted = words.map(word => `\`${word}\``)
  if (quoted.length < 3) return quoted.join(' or ')
  return `${quoted.slice(0, -1).join(', ')}, or ${quoted.at(-1)}`
}

/** Thoughts of earlier turns are taken by the models that have any. */
const groqThinks = (model: string): boolean => /gpt-oss|qwen3|qwq|deepseek-r1/.test(model)

export const GROQ: Row = {
  base: '/openai/v1',
  model: 'openai/gpt-oss-120b',
  routes: ['POST /audio/transcriptions', 'POST /audio/translations', 'POST /audio/speech'],
  rules: [
    unplaced(only(GROQ_CHAT, name => `property '${name}' is unsupported`)),
    unplaced(someMessages("'messages' : minimum number of items is 1")),
    unplaced(everyMessage(groqMessage)),
    unplaced(
      everyMessage(({ reasoning }, at, { model }) =>
        given(reasoning) && !groqThinks(String(model))
          ? `messages[${at}].reasoning: reasoning is not supported with this model`
          : undefined,
      ),
    ),
    without(
      ['logprobs', 'logit_bias', 'top_logprobs'],
      name => `\`${name}\` is not supported with this model`,
    ),
    unplaced(needs(({ n }) => given(n) && n !== 1, "'n' : number must be at most 1", 'n')),
    among(
      'reasoning_effort',
      groqEfforts,
      (_, values) => `\`reasoning_effort\` must be one of ${oneOf(values)}`,
    ),
  ],
  voice: {
    thoughts: 'reasoning',
    usage: counts => ({
      queue_time: 0.012,
      prompt_time: 0.001,
      completion_time: 0.02,
      total_time: 0.021,
      ...plainUsage(counts),
      ...(counts.thought > 0 ? { completion_tokens_details: { reasoning_tokens: counts.thought } } : {}),
    }),
    beside: id => ({ system_fingerprint: 'fp_stage', x_groq: { id: `req_${id.slice(-26)}` } }),
    last: (id, usage) => ({ x_groq: { id: `req_${id.slice(-26)}`, usage } }),
  },
  noKey: { message: 'Invalid API Key', code: 'invalid_api_key' },
  wrongKey: () => ({ message: 'Invalid API Key', code: 'invalid_api_key' }),
  noModel: model => ({
    message: `The model \`${model}\` does not exist or you do not have access to it.`,
    code: 'model_not_found',
  }),
  statuses: {
    401: { message: 'Invalid API Key', code: 'invalid_api_key' },
    413: { message: 'Request too large for model', type: 'tokens', code: 'rate_limit_exceeded' },
    429: {
      message: 'Rate limit reached for model in organization on tokens per minute (TPM).',
      type: 'tokens',
      code: 'rate_limit_exceeded',
    },
    498: { message: 'Flex tier capacity exceeded', type: 'capacity_exceeded' },
    503: { message: 'Service Unavailable', type: 'internal_server_error' },
  },
  envelope: (status, { message, type, param, code }) => ({
    error: {
      message,
      type: type ?? (status >= 500 ? 'internal_server_error' : 'invalid_request_error'),
      ...(param === undefined ? {} : { param }),
      ...(code === undefined ? {} : { code }),
    },
  }),
}
