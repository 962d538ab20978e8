import { plainUsage } from '../voice.ts'
import type { Row } from './row.ts'
import { someMessages } from './rules.ts'

/**
 * Together AI: its published description of the API and recorded answers. What it says to names that it has not
 * published is not known: they are let through.
 */

/** One for all: the text of an error is the same whoever got it. */
const REQUEST = 'oStage1-2kFHot-9addf27bee28a320'

const WRONG_KEY = {
  message:
    'Invalid API key provided. You can find your API key at https://api.together.ai/settings/api-keys.',
  code: 'invalid_api_key',
}

export const TOGETHER: Row = {
  base: '/v1',
  model: 'openai/gpt-oss-120b',
  routes: [
    ...['POST /completions', 'POST /embeddings', 'POST /rerank'],
    ...['POST /audio/speech', 'POST /audio/transcriptions', 'POST /audio/translations'],
  ],
  // Not published; the older name of the limit is.
  deaf: ['max_completion_tokens'],
  rules: [someMessages('Input validation error: `inputs` cannot be empty')],
  voice: {
    thoughts: 'reasoning',
    idPrefix: 'o',
    alwaysUsage: true,
    usage: counts => ({
      ...plainUsage(counts),
      prompt_tokens_details: null,
      reasoning_tokens: counts.thought,
    }),
    beside: () => ({}),
  },
  noKey: { message: 'Missing API key', type: 'authentication_error' },
  wrongKey: () => WRONG_KEY,
  noModel: model => ({
    message: `Unable to access model ${model}. Please visit https://api.together.ai/models to view the list of supported models.`,
    code: 'model_not_available',
  }),
  statuses: {
    401: WRONG_KEY,
    402: { message: 'Credit limit exceeded, please navigate to billing.', type: 'credit_limit' },
    429: {
      message: 'You have reached the rate limit specific to this model.',
      type: 'model_rate_limit',
    },
    500: { message: 'Internal server error', type: 'server_error' },
    503: {
      message: 'The server is currently overloaded with other requests. Please try again later.',
      type: 'server_error',
    },
  },
  envelope: (_, { message, type, param, code }) => ({
    id: REQUEST,
    error: {
      message,
      type: type ?? 'invalid_request_error',
      param: param ?? null,
      code: code ?? null,
    },
  }),
}
