import type { FailureClass } from '../../src/failure.ts'
import type { JsonObject } from '../../src/wire/json.ts'

/** Refusals as providers make them, and what each of them means. Only such as can mean one thing. */
export type ProviderError = {
  readonly status: number
  readonly class: FailureClass
  /** What the client is shown when this is the end of it. */
  readonly shown: number
  readonly error: JsonObject | undefined
}

const said = (type: string | null, code: string | null, message: string): JsonObject => ({
  message,
  type,
  param: null,
  code,
})

export const ERRORS = {
  rate_limit: {
    status: 429,
    class: 'rate_limit',
    shown: 429,
    error: said('requests', 'rate_limit_exceeded', 'Rate limit reached for requests.'),
  },
  quota: {
    status: 429,
    class: 'quota',
    shown: 429,
    error: said('insufficient_quota', 'insufficient_quota', 'You exceeded your current quota.'),
  },
  money: {
    status: 402,
    class: 'quota',
    shown: 402,
    error: said('insufficient_quota', 'insufficient_quota', 'Insufficient balance.'),
  },
  server: {
    status: 500,
    class: 'transient',
    shown: 500,
    error: said('server_error', null, 'The server had an error while processing your request.'),
  },
  bad_gateway: { status: 502, class: 'transient', shown: 502, error: undefined },
  overloaded: {
    status: 503,
    class: 'overloaded',
    shown: 503,
    error: said('overloaded_error', 'overloaded', 'The engine is currently overloaded.'),
  },
  busy: { status: 529, class: 'overloaded', shown: 529, error: said('overloaded_error', null, 'Overloaded') },
  late: { status: 504, class: 'transient', shown: 408, error: undefined },
  key: {
    status: 401,
    class: 'credential',
    shown: 401,
    error: said('invalid_request_error', 'invalid_api_key', 'Incorrect API key provided.'),
  },
  forbidden: {
    status: 403,
    class: 'credential',
    shown: 403,
    error: said('permission_error', 'permission_denied', 'You have no access.'),
  },
  bad_request: {
    status: 400,
    class: 'caller_fault',
    shown: 400,
    error: said('invalid_request_error', 'unknown_parameter', "Unknown parameter: 'frobnicate'."),
  },
  too_large: {
    status: 413,
    class: 'caller_fault',
    shown: 413,
    error: said('invalid_request_error', 'request_too_large', 'Request too large.'),
  },
  window: {
    status: 400,
    class: 'context_window',
    shown: 400,
    error: said('invalid_request_error', 'context_length_exceeded', "This model's maximum context is small."),
  },
  content: {
    status: 400,
    class: 'content_policy',
    shown: 400,
    error: said('invalid_request_error', 'content_policy_violation', 'Your request was rejected.'),
  },
  gone: {
    status: 404,
    class: 'model_gone',
    shown: 404,
    error: said('invalid_request_error', 'model_not_found', 'The model does not exist.'),
  },
  no_route: { status: 404, class: 'unsupported', shown: 404, error: undefined },
} as const satisfies Readonly<Record<string, ProviderError>>

export type ErrorName = keyof typeof ERRORS
export const ERROR_NAMES = Object.keys(ERRORS) as readonly ErrorName[]

/** Classes whose wait a provider may name. */
export const WAITING: ReadonlySet<FailureClass> = new Set(['rate_limit', 'overloaded', 'transient', 'quota'])

/** How a provider says when to come back. `ms` is what it means to say. */
export type WaitForm = {
  readonly form: 'seconds' | 'date' | 'milliseconds' | 'reset' | 'garbage'
  readonly ms: number
}

const httpDate = (wall: number): string => new Date(wall).toUTCString()

export const waitHeaders = ({ form, ms }: WaitForm, wall: number): Readonly<Record<string, string>> => {
  switch (form) {
    case 'seconds':
      return { 'retry-after': String(Math.ceil(ms / 1000)) }
    case 'date':
      return { 'retry-after': httpDate(wall + ms) }
    case 'milliseconds':
      return { 'retry-after-ms': String(ms) }
    case 'reset':
      return { 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': `${ms}ms` }
    case 'garbage':
      return { 'retry-after': 'soon' }
  }
}

/** What those headers ask for, in milliseconds from `wall`; undefined: nothing. No gateway waits above an hour. */
export const askedMs = ({ form, ms }: WaitForm, wall: number): number | undefined => {
  if (form === 'garbage') return undefined
  const asked =
    form === 'seconds'
      ? Math.ceil(ms / 1000) * 1000
      : form === 'date'
        ? Math.floor((wall + ms) / 1000) * 1000 - wall
        : ms
  return Math.min(Math.max(0, asked), 3_600_000)
}
