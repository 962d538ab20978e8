import type { Row } from './row.ts'
import { everyMessage, someMessages, without } from './rules.ts'

/** xAI: models that think refuse what steers each word; names are the users'. Its codes are gRPC's; some still in words. */

const XAI_CODES: Readonly<Record<number, string>> = {
  400: 'invalid-argument',
  401: 'unauthenticated:no-credentials',
  403: 'permission-denied',
  404: 'not-found',
  429: 'resource-exhausted',
  500: 'Internal error',
  503: 'The service is currently unavailable',
  504: 'Deadline expired before operation could complete',
}

const camel = (name: string): string => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

const grokThinks = (model: string): boolean =>
  !model.includes('non-reasoning') && /grok-[4-9]|grok-code-fast|grok-3-mini/.test(model)

export const XAI: Row = {
  base: '/v1',
  model: 'grok-4',
  routes: ['POST /responses', 'GET /responses/:id', 'DELETE /responses/:id', 'POST /responses/compact'],
  rules: [
    someMessages('Invalid request content: messages must not be empty.'),
    everyMessage(({ role, name }) =>
      name !== undefined && role !== 'user' ? "Only messages of role 'user' can have a name." : undefined,
    ),
    without(
      ['stop', 'presence_penalty', 'frequency_penalty'],
      name => `Argument not supported on this model: ${camel(name)}`,
      grokThinks,
    ),
  ],
  voice: {
    thoughts: 'reasoning_content',
    // What was thought is counted beside the completion, and in the total.
    usage: ({ prompt, answer, thought }) => ({
      prompt_tokens: prompt,
      completion_tokens: answer,
      total_tokens: prompt + answer + thought,
      prompt_tokens_details: { text_tokens: prompt, audio_tokens: 0, image_tokens: 0, cached_tokens: 0 },
      completion_tokens_details: {
        reasoning_tokens: thought,
        audio_tokens: 0,
        accepted_prediction_tokens: 0,
        rejected_prediction_tokens: 0,
      },
      num_sources_used: 0,
    }),
    beside: () => ({ system_fingerprint: 'fp_stage' }),
  },
  noKey: {
    message: 'No credentials presented.',
    status: 401,
  },
  wrongKey: key => ({
    message: `Incorrect API key provided: ${key.slice(0, 2)}***${key.slice(-2)}. You can obtain an API key from https://console.x.ai.`,
    status: 400,
  }),
  noModel: model => ({
    message: `The model ${model} does not exist or your team does not have access to it.`,
  }),
  statuses: {
    429: { message: 'Too many requests for this model. Please try again later.' },
    500: { message: 'Internal error.' },
    503: {
      message:
        'Service temporarily unavailable. The model is at capacity and currently cannot serve this request. Please try again later.',
    },
  },
  envelope: (status, { message }) => ({
    code: XAI_CODES[status] ?? (status >= 500 ? XAI_CODES[500] : XAI_CODES[400]) ?? '',
    error: message,
  }),
}
