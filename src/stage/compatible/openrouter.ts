import { isObject, type Json, type JsonObject } from '../../wire/json.ts'
import { plainUsage } from '../voice.ts'
import type { Row } from './row.ts'
import { type Complaint, given, needs, type Rule, someMessages } from './rules.ts'

/**
 * OpenRouter: a router, and one provider behind it, which is called `stage`. What a model does not know is passed over, and
 * so is here what is not published. Its description of the API, its guide to errors, and answers that were recorded.
 */

const PROVIDER = 'stage'

/** What every error of a provider tells of itself. */
const ofType = (error_type: string): JsonObject => ({ error_type })

const namesIn = (value: Json | undefined): readonly string[] =>
  Array.isArray(value) ? value.filter(one => typeof one === 'string') : []

/** Nobody else serves its models. */
const allowed: Rule = ({ provider }): Complaint | undefined => {
  const only = namesIn(isObject(provider) ? provider.only : undefined)
  if (only.length === 0 || only.includes(PROVIDER)) return undefined
  return {
    message: 'No allowed providers are available for the selected model.',
    status: 404,
    metadata: { available_providers: [PROVIDER], requested_providers: only },
  }
}

/** A response is kept nowhere, and nobody can ask for that: the literal false, or nothing. */
const unkept: Rule = ({ store, previous_response_id: previous }): Complaint | undefined => {
  const raw =
    store !== undefined && store !== false
      ? { code: 'invalid_value', values: [false], path: ['store'], message: 'Invalid input: expected false' }
      : given(previous)
        ? { path: ['previous_response_id'] }
        : undefined
  return raw === undefined
    ? undefined
    : { message: 'Invalid Responses API request', code: 'invalid_prompt', metadata: { raw: [raw] } }
}

export const OPENROUTER: Row = {
  base: '/api/v1',
  model: 'openai/gpt-oss-120b',
  routes: ['POST /completions', 'POST /embeddings', 'POST /responses'],
  deaf: ['n'],
  rules: [
    someMessages('Input required: specify "prompt" or "messages"'),
    needs(({ models }) => namesIn(models).length > 3, "'models' array must have 3 items or fewer.", 'models'),
    allowed,
  ],
  rulesOf: { 'POST /responses': [unkept, allowed] },
  voice: {
    thoughts: 'reasoning',
    details: text => ({ reasoning_details: [{ type: 'reasoning.text', text, format: 'unknown', index: 0 }] }),
    idPrefix: 'gen-',
    comment: 'OPENROUTER PROCESSING',
    alwaysUsage: true,
    usage: counts => ({
      ...plainUsage(counts),
      cost: 0.000012,
      is_byok: false,
      prompt_tokens_details: { cached_tokens: 0 },
      cost_details: { upstream_inference_cost: null },
      completion_tokens_details: { reasoning_tokens: counts.thought },
    }),
    beside: () => ({ provider: 'Stage', system_fingerprint: null }),
    // The chunk looks like one that ends an answer, and says that it does not.
    failed: (chunk, error) => ({
      ...chunk,
      error,
      choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }],
    }),
  },
  noKey: { message: 'No cookie auth credentials found' },
  wrongKey: () => ({ message: 'User not found.' }),
  noModel: model => ({ message: `${model} is not a valid model ID`, status: 400 }),
  statuses: {
    401: { message: 'User not found.' },
    402: {
      message: 'Insufficient credits. Add more using https://openrouter.ai/credits',
      metadata: ofType('payment_required'),
    },
    408: { message: 'Request timed out', metadata: ofType('timeout') },
    429: { message: 'Rate limit exceeded', metadata: ofType('rate_limit_exceeded') },
    500: { message: 'Internal Server Error', metadata: ofType('server') },
    502: { message: 'Provider returned error', metadata: ofType('provider_unavailable') },
    503: { message: 'Provider returned error', metadata: ofType('provider_overloaded') },
  },
  // Who asks is told beside the error, wherever that is known.
  envelope: (status, { message, code, metadata }) => {
    const beside = metadata === undefined ? {} : { metadata }
    if (code !== undefined) return { error: { code, message }, ...beside }
    return {
      error: { message, code: status, ...beside },
      ...(status === 401 ? {} : { user_id: 'user_stage' }),
    }
  },
}
