import { isObject, type JsonObject } from '../../wire/json.ts'
import { plainUsage } from '../voice.ts'
import type { Row } from './row.ts'
import { among, answered, callsOf, everyMessage, needs, someMessages } from './rules.ts'

/** DeepSeek: what cannot be read is refused as such, and thoughts come back with the calls they led to. */

/** The last four characters, as most of them show a key. */
const tail = (key: string): string => `****${key.slice(-4)}`

const lastOf = ({ messages }: JsonObject): JsonObject => {
  const last = Array.isArray(messages) ? messages.at(-1) : undefined
  return isObject(last) ? last : {}
}

const unread = (what: string): string => `Failed to deserialize the JSON body into the target type: ${what}`

const variants = (names: readonly string[]): string => names.map(name => `\`${name}\``).join(', ')

const DEEPSEEK_ROLES = ['system', 'user', 'assistant', 'tool']
const DEEPSEEK_EFFORTS = ['minimal', 'low', 'medium', 'high', 'max', 'xhigh']

const deepseekThinks = ({ model, thinking }: JsonObject): boolean =>
  model !== 'deepseek-chat' && !(isObject(thinking) && thinking.type === 'disabled')

export const DEEPSEEK: Row = {
  base: '',
  roots: ['/beta', '/v1', ''],
  model: 'deepseek-v4-flash',
  routes: ['POST /completions'],
  deaf: ['n', 'max_completion_tokens'],
  rules: [
    everyMessage(({ role }, at) =>
      DEEPSEEK_ROLES.includes(String(role))
        ? undefined
        : unread(
            `messages[${at}].role: unknown variant \`${String(role)}\`, expected one of ${variants(DEEPSEEK_ROLES)}`,
          ),
    ),
    among(
      'reasoning_effort',
      () => DEEPSEEK_EFFORTS,
      value =>
        unread(
          `reasoning_effort: unknown variant \`${value}\`, expected one of ${variants(DEEPSEEK_EFFORTS)}`,
        ),
    ),
    someMessages('Empty input messages'),
    needs(
      ({ response_format: format }) => isObject(format) && format.type === 'json_schema',
      'This response_format type is unavailable now',
      'response_format',
    ),
    answered(
      "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. (insufficient tool messages following tool_calls message)",
    ),
    everyMessage((message, _, body) =>
      deepseekThinks(body) && callsOf(message).length > 0 && (message.reasoning_content ?? '') === ''
        ? 'The `reasoning_content` in the thinking mode must be passed back to the API.'
        : undefined,
    ),
  ],
  goesOn: body => lastOf(body).prefix === true,
  voice: {
    thoughts: 'reasoning_content',
    usage: counts => ({
      ...plainUsage(counts),
      prompt_tokens_details: { cached_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: counts.thought },
      prompt_cache_hit_tokens: 0,
      prompt_cache_miss_tokens: counts.prompt,
    }),
    beside: () => ({ system_fingerprint: 'fp_stage_prod' }),
  },
  noKey: {
    message: 'Authentication Fails (auth header format should be Bearer sk-...)',
    type: 'authentication_error',
  },
  wrongKey: key => ({
    message: `Authentication Fails, Your api key: ${tail(key)} is invalid`,
    type: 'authentication_error',
  }),
  noModel: () => ({ message: 'Model Not Exist', status: 400 }),
  statuses: {
    401: { message: 'Authentication Fails (governor)', type: 'authentication_error' },
    402: { message: 'Insufficient Balance', type: 'unknown_error' },
    429: { message: 'Rate limit reached.', type: 'rate_limit_reached_error' },
    500: { message: 'Internal Server Error', type: 'internal_error' },
    503: {
      message:
        'Service is too busy. We advise users to temporarily switch to alternative LLM API service providers.',
      type: 'service_unavailable_error',
    },
  },
  envelope: (_, { message, type }) => ({
    error: { message, type: type ?? 'invalid_request_error', param: null, code: 'invalid_request_error' },
  }),
}
