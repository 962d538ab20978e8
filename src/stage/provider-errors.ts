import type { ErrorFor } from './steps.ts'

type Row = readonly [message: string, type: string | null, code: string | null]

const OPENAI: Readonly<Record<number, Row>> = {
  400: ['The request is invalid.', 'invalid_request_error', null],
  401: [
    'Incorrect API key provided: sk-s********tage. You can find your API key at https://platform.openai.com/account/api-keys.',
    'invalid_request_error',
    'invalid_api_key',
  ],
  403: [
    'You are not allowed to sample from this model.',
    'invalid_request_error',
    'unsupported_country_region_territory',
  ],
  404: [
    'The model does not exist or you do not have access to it.',
    'invalid_request_error',
    'model_not_found',
  ],
  408: ['Request timed out.', 'server_error', null],
  429: [
    'Rate limit reached in organization org-stage on requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in 20s.',
    'requests',
    'rate_limit_exceeded',
  ],
  500: ['The server had an error while processing your request. Sorry about that!', 'server_error', null],
  502: ['Bad gateway.', 'cf_bad_gateway', null],
  503: [
    'Our servers are currently overloaded. Please try again later.',
    'server_error',
    'server_is_overloaded',
  ],
  504: ['Gateway timeout.', 'server_error', null],
  529: ['Overloaded', 'overloaded_error', null],
}

const AZURE: Readonly<Record<number, Row>> = {
  401: [
    'Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource.',
    null,
    '401',
  ],
  404: [
    'The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again.',
    'invalid_request_error',
    'DeploymentNotFound',
  ],
  429: [
    'Requests to this deployment have exceeded the call rate limit of your current pricing tier. Please retry after 10 seconds.',
    null,
    '429',
  ],
  500: [
    'The server had an error processing your request. Sorry about that! You can retry your request.',
    'server_error',
    'InternalServerError',
  ],
  503: [
    'The service is temporarily unable to process your request. Please try again later.',
    null,
    'ServiceUnavailable',
  ],
}

/** The sentence that says when to come back, with its number. */
const WAIT = / Please (?:try again in|retry after) \d+ ?s(?:econds)?\./

/** Header and text of one answer agree: the text says the header's seconds, or nothing where they are no number. */
const agreeing = (message: string, wait: string | undefined): string => {
  if (wait === undefined) return message
  return message.replace(WAIT, sentence => (/^\d+$/.test(wait) ? sentence.replace(/\d+/, wait) : ''))
}

/**
 * What OpenAI, or Azure for it, writes for a status when a script names no body. `wait`: the Retry-After header that goes
 * with it; '' when only another header says when.
 */
export const openaiErrorFor =
  (flavour: 'openai' | 'azure'): ErrorFor =>
  (status, wait) => {
    const [message, type, code] = (flavour === 'azure' ? AZURE[status] : undefined) ??
      OPENAI[status] ?? [
        `The provider answered ${status}.`,
        status >= 500 ? 'server_error' : 'invalid_request_error',
        null,
      ]
    return { body: { error: { message: agreeing(message, wait), type, param: null, code } } }
  }
