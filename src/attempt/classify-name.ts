import type { ExceptionName, FailureClass } from '../failure.ts'

/** How LiteLLM names a failure: the class, the status it shows, and what stands before the provider's tag. */
export type Naming = {
  readonly exception: ExceptionName
  readonly status: number
  /** `RateLimitError: ` in `litellm.RateLimitError: RateLimitError: …`; '' where LiteLLM does not repeat the name. */
  readonly lead: string
}

const repeated = (exception: ExceptionName, status: number): Naming => ({
  exception,
  status,
  lead: `${exception}: `,
})

/** By upstream status. Every other status is an APIError that keeps it. */
export const NAMING_OF_STATUS: Readonly<Record<number, Naming>> = {
  400: { exception: 'BadRequestError', status: 400, lead: '' },
  401: repeated('AuthenticationError', 401),
  404: repeated('NotFoundError', 404),
  408: { exception: 'Timeout', status: 408, lead: 'Timeout Error: ' },
  422: { exception: 'BadRequestError', status: 400, lead: '' },
  429: repeated('RateLimitError', 429),
  500: repeated('InternalServerError', 500),
  502: repeated('BadGatewayError', 502),
  503: repeated('ServiceUnavailableError', 503),
  504: { exception: 'Timeout', status: 408, lead: 'Timeout Error: ' },
}

/** Classes that carry their own name whatever the status was. */
export const NAMING_OF_CLASS: Readonly<Partial<Record<FailureClass, Naming>>> = {
  content_policy: repeated('ContentPolicyViolationError', 400),
  context_window: repeated('ContextWindowExceededError', 400),
  rate_limit: repeated('RateLimitError', 429),
  model_gone: repeated('NotFoundError', 404),
}

/** The status that a class stands for when the provider gave none. */
export const STATUS_OF_CLASS: Readonly<Record<FailureClass, number>> = {
  caller_fault: 400,
  content_policy: 400,
  context_window: 400,
  credential: 401,
  quota: 429,
  rate_limit: 429,
  model_gone: 404,
  unsupported: 404,
  overloaded: 503,
  transient: 500,
  empty_answer: 502,
  transport: 500,
  timeout_connect: 408,
  timeout_headers: 408,
  timeout_first_token: 408,
  timeout_idle: 408,
  timeout_attempt: 408,
  timeout_client: 408,
  timeout_total: 408,
  no_deployment: 429,
  gateway_bug: 500,
  outrun: 499,
  client_gone: 499,
  shutdown: 503,
}

/** A stream that broke, and an error in one that names no kind. */
export const BROKEN_STREAM: Naming = repeated('APIConnectionError', 500)

/**
 * The name of a failure. A status outside 400–599 shows as 500, as LiteLLM's does; a 4xx never becomes a 5xx:
 * the only statuses that change are 422, 504 and those of the classes that carry their own name.
 */
export const namingOf = (failureClass: FailureClass, status: number): Naming => {
  const own = NAMING_OF_CLASS[failureClass]
  if (own !== undefined) return own
  // A wrong key that was answered with 400 is still a wrong key.
  if (failureClass === 'credential' && status === 400) return repeated('AuthenticationError', 401)
  const named = NAMING_OF_STATUS[status]
  if (named !== undefined) return named
  return repeated('APIError', status >= 400 && status <= 599 ? status : 500)
}

/** `litellm.RateLimitError: RateLimitError: OpenAIException - text` */
export const prefixed = (naming: Naming, tag: string, text: string): string =>
  `litellm.${naming.exception}: ${naming.lead}${tag} - ${text}`
