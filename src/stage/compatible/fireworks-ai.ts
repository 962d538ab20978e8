import { isObject, type Json, type JsonObject } from '../../wire/json.ts'
import { plainUsage } from '../voice.ts'
import type { Row } from './row.ts'
import { among, callsOf, everyMessage, needs, only } from './rules.ts'

/**
 * Fireworks: what its own client (fw-ai-external/python-sdk) has not got is refused, in messages and calls as well, OpenAI's
 * own members of a message aside: nobody has seen those refused. Where it finds several faults this one tells the first.
 */

const FIREWORKS_CHAT = [
  ...['context_length_exceeded_behavior', 'echo', 'echo_last', 'frequency_penalty', 'function_call'],
  ...['functions', 'ignore_eos', 'logit_bias', 'logprobs', 'max_completion_tokens', 'max_tokens', 'messages'],
  ...['metadata', 'min_p', 'mirostat_lr', 'mirostat_target', 'model', 'n', 'parallel_tool_calls'],
  ...['perf_metrics_in_response', 'prediction', 'presence_penalty', 'prompt_cache_isolation_key'],
  ...['prompt_cache_key', 'prompt_truncate_len', 'raw_output', 'reasoning_effort', 'reasoning_history'],
  ...['repetition_penalty', 'response_format', 'return_token_ids', 'safe_tokenization', 'seed'],
  ...['service_tier', 'speculation', 'stop', 'stream', 'stream_options', 'temperature', 'thinking'],
  ...['tool_choice', 'tools', 'top_k', 'top_logprobs', 'top_p', 'typical_p', 'user'],
]

const MESSAGE = [
  ...['role', 'content', 'reasoning_content', 'tool_call_id', 'tool_calls'],
  ...['name', 'refusal', 'audio', 'function_call'],
]

const CALL = ['id', 'type', 'index', 'function']

/** As Python prints it, which is what reads the request. */
const printed = (value: Json): string => {
  if (value === null) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'string') return `'${value}'`
  if (Array.isArray(value)) return `[${value.map(printed).join(', ')}]`
  if (!isObject(value)) return String(value)
  return `{${Object.entries(value)
    .map(([name, one]) => `'${name}': ${printed(one)}`)
    .join(', ')}}`
}

const extra = (place: string, value: Json): string =>
  `Extra inputs are not permitted, field: '${place}', value: ${printed(value)}`

/** The first member that is not known. */
const extraIn = (object: JsonObject, known: readonly string[], place: string): string | undefined => {
  const found = Object.entries(object).find(([name]) => !known.includes(name))
  return found === undefined ? undefined : extra(`${place}.${found[0]}`, found[1])
}

const fireworksMessage = (message: JsonObject, at: number): string | undefined =>
  extraIn(message, MESSAGE, `messages[${at}]`) ??
  callsOf(message)
    .map((call, index) => extraIn(call, CALL, `messages[${at}].tool_calls[${index}]`))
    .find(said => said !== undefined)

/** Above this an answer has to be streamed. */
const MOST_UNSTREAMED = 4096

const isLong = ({ max_tokens: older, max_completion_tokens: newer }: JsonObject): boolean =>
  Math.max(Number(older ?? 0), Number(newer ?? 0)) > MOST_UNSTREAMED

const INVALID_KEY = { message: 'The API key you provided is invalid.' }

const CODES: Readonly<Record<number, string>> = {
  401: 'UNAUTHORIZED',
  402: 'PAYMENT_REQUIRED',
  404: 'NOT_FOUND',
  412: 'PRECONDITION_FAILED',
  429: 'RATE_LIMIT_EXCEEDED',
  500: 'INTERNAL',
  503: 'UNAVAILABLE',
}

export const FIREWORKS: Row = {
  base: '/inference/v1',
  model: 'accounts/fireworks/models/deepseek-v3p1',
  routes: ['POST /completions', 'POST /embeddings', 'POST /rerank'],
  rules: [
    only(FIREWORKS_CHAT, extra),
    everyMessage(fireworksMessage),
    needs(
      body => isLong(body) && body.stream !== true,
      `Requests with max_tokens > ${MOST_UNSTREAMED} must have stream=true`,
      'stream',
    ),
    among(
      'reasoning_effort',
      model => (model.includes('gpt-oss') ? [] : ['none', 'max']).concat('low', 'medium', 'high'),
      value => `Invalid reasoning effort: ${value}`,
    ),
  ],
  voice: {
    thoughts: 'reasoning_content',
    usage: counts => ({ ...plainUsage(counts), prompt_tokens_details: { cached_tokens: 0 } }),
    beside: () => ({}),
  },
  noKey: INVALID_KEY,
  wrongKey: () => INVALID_KEY,
  noModel: () => ({ message: 'Model not found, inaccessible, and/or not deployed', param: 'model' }),
  statuses: {
    401: INVALID_KEY,
    412: {
      message:
        'Account stage is suspended, possibly due to reaching the monthly spending limit or failure to pay past invoices. Please go to https://fireworks.ai/account/billing for more information.',
    },
    429: { message: 'Rate limit exceeded, please try again later' },
    500: { message: 'Internal server error' },
    503: { message: 'The model is at capacity, please try again later' },
  },
  envelope: (status, { message, param }) =>
    status === 400
      ? {
          error: {
            object: 'error',
            type: 'invalid_request_error',
            code: 'invalid_request_error',
            message,
          },
        }
      : {
          error: { message, param: param ?? null, code: CODES[status] ?? 'UNKNOWN', type: 'error' },
          request_id: 'req_stage',
        },
}
