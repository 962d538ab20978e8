import type { JsonObject } from '../../wire/json.ts'
import { plainUsage } from '../voice.ts'
import type { Row } from './row.ts'
import { callsOf, everyMessage, given, needs } from './rules.ts'

/** vLLM: names that it does not know are let through unheard; what it knows is checked, and so are templates' rules. */

const VLLM_TYPES: Readonly<Record<number, string>> = {
  400: 'BadRequestError',
  404: 'NotFoundError',
  500: 'InternalServerError',
  503: 'ServiceUnavailableError',
}

const isMistrals = (model: string): boolean => /mistral|mixtral|magistral|devstral|codestral/i.test(model)

const vllmCallId = (message: JsonObject, _: number, { model }: JsonObject): string | undefined => {
  if (!isMistrals(String(model))) return undefined
  const ids = [...callsOf(message).map(({ id }) => id), message.tool_call_id]
  const wrong = ids.find(id => typeof id === 'string' && !/^[a-zA-Z0-9]{9}$/.test(id))
  return wrong === undefined
    ? undefined
    : `Tool call id was ${String(wrong)} but must be a-z, A-Z, 0-9, with a length of 9.`
}

export const VLLM: Row = {
  base: '/v1',
  model: 'Qwen/Qwen3-32B',
  routes: [
    ...['POST /completions', 'POST /embeddings', 'POST /rerank', 'POST /v2/rerank'],
    ...['POST /responses', 'GET /responses/:id', 'POST /responses/:id/cancel'],
  ],
  rules: [
    needs(
      ({ stream, stream_options: options }) => given(options) && stream !== true,
      'Stream options can only be defined when `stream=True`.',
      'stream_options',
    ),
    needs(
      ({ tools, tool_choice: choice }) => given(choice) && choice !== 'none' && !given(tools),
      'When using `tool_choice`, `tools` must be set.',
      'tool_choice',
    ),
    needs(
      ({ logprobs, top_logprobs: top }) => given(top) && top !== 0 && logprobs !== true,
      'when using `top_logprobs`, `logprobs` must be set to true.',
      'top_logprobs',
    ),
    needs(
      ({ continue_final_message: goOn, add_generation_prompt: prompt }) => goOn === true && prompt !== false,
      'Cannot set both `continue_final_message` and `add_generation_prompt` to True.',
      'continue_final_message',
    ),
    everyMessage(vllmCallId),
  ],
  goesOn: body => body.continue_final_message === true,
  voice: {
    thoughts: 'reasoning',
    usage: counts => ({ ...plainUsage(counts), prompt_tokens_details: null }),
    beside: () => ({}),
  },
  noKey: { message: 'Unauthorized' },
  wrongKey: () => ({ message: 'Unauthorized' }),
  noModel: model => ({ message: `The model \`${model}\` does not exist.`, param: 'model' }),
  statuses: {
    500: { message: 'EngineCore encountered an issue. See stack trace (above) for the root cause.' },
    503: { message: 'The server is overloaded.' },
  },
  // Its key is checked before anything else has a say, by something that knows no envelope.
  envelope: (status, { message, param }) =>
    status === 401
      ? { error: message }
      : {
          error: {
            message,
            type: VLLM_TYPES[status] ?? 'BadRequestError',
            param: param ?? null,
            code: status,
          },
        },
}
