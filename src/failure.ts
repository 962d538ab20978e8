import type { Json } from './wire/json.ts'

/**
 * The closed catalogue of failure classes and what each one leads to.
 * attempt/classify.ts decides the class from meaning (provider code and type, then text, then status, then
 * transport error); this table decides everything after. docs/failover.md prints it; a test keeps them equal.
 */
export type FailureClass =
  | 'caller_fault' // the request itself is wrong: 400, 409 locked, 413, 415, 422, an unknown resource id
  | 'content_policy' // refused by a safety filter
  | 'context_window' // the prompt does not fit
  | 'credential' // 401, 403: this deployment's key is wrong, not the caller's
  | 'quota' // money is gone: 402, insufficient_quota, credit balance too low
  | 'rate_limit' // 429 that passes with time
  | 'model_gone' // the deployment's model does not exist there (any more)
  | 'unsupported' // the provider has no such endpoint or cannot carry this body, or its model cannot do what it asks
  | 'overloaded' // 529, 503 overloaded
  | 'transient' // other 5xx, an unreadable answer
  | 'empty_answer' // whole and well-formed, and nothing in it: no choice, no vector, not one token
  | 'transport' // DNS, TLS, refused, reset, cut
  | 'timeout_connect' // no connection in time
  | 'timeout_headers' // nothing came back in time
  | 'timeout_first_token' // headers came, content did not
  | 'timeout_idle' // content stopped half-way
  | 'timeout_attempt' // content came to no end in time
  | 'timeout_client' // the caller's own, shorter limit ran out
  | 'timeout_total' // the time for the whole request ran out, attempts and waits together
  | 'no_deployment' // nothing was left to try: all cooling or filtered out
  | 'gateway_bug' // our own fault; never blamed on a deployment
  | 'outrun' // another attempt at the same request answered first
  | 'client_gone' // nobody is listening any more
  | 'shutdown' // the gateway ended before the call did

/**
 * any: the same deployment may be tried again; sibling: only another one; larger: only one whose declared window holds the
 * prompt and is larger; never: not inside this group.
 */
export type RetryRule = 'any' | 'sibling' | 'larger' | 'never'
/** Which fallback list follows when the group is exhausted. */
export type FallbackRule = 'generic' | 'content_policy' | 'context_window' | 'none'
/**
 * What kind of rest the failure can bring. soft: short, growing with repetition, gone with a success (server errors,
 * timeouts, connections). rate_limit: the whole rate-limit domain, for at least as long as the provider asked.
 * hard: long, because waiting does not mend it (a key, money, a model that is gone). none: health is left alone.
 */
export type CooldownRule = 'none' | 'soft' | 'rate_limit' | 'hard'
/**
 * What a breaker makes of it: failure counts against the deployment; neutral is neither a failure nor a success, so
 * that it moves no counter, does not end a streak and lets a half-open probe go to somebody else.
 */
export type BreakerRule = 'failure' | 'neutral'

export type Verdict = {
  readonly retry: RetryRule
  readonly fallback: FallbackRule
  readonly cooldown: CooldownRule
  readonly breaker: BreakerRule
}

export const VERDICTS: Readonly<Record<FailureClass, Verdict>> = {
  // LiteLLM sends every upstream status through the general fallbacks, 400 included; another provider may accept
  // what this one refused. It is never retried inside the group and never touches health.
  caller_fault: { retry: 'never', fallback: 'generic', cooldown: 'none', breaker: 'neutral' },
  content_policy: { retry: 'never', fallback: 'content_policy', cooldown: 'none', breaker: 'neutral' },
  // Whoever says nothing of its window would refuse the prompt as well, as LiteLLM takes it.
  context_window: { retry: 'larger', fallback: 'context_window', cooldown: 'none', breaker: 'neutral' },
  credential: { retry: 'sibling', fallback: 'generic', cooldown: 'hard', breaker: 'failure' },
  quota: { retry: 'sibling', fallback: 'generic', cooldown: 'hard', breaker: 'failure' },
  rate_limit: { retry: 'any', fallback: 'generic', cooldown: 'rate_limit', breaker: 'neutral' },
  model_gone: { retry: 'sibling', fallback: 'generic', cooldown: 'hard', breaker: 'failure' },
  unsupported: { retry: 'sibling', fallback: 'generic', cooldown: 'none', breaker: 'neutral' },
  overloaded: { retry: 'any', fallback: 'generic', cooldown: 'soft', breaker: 'failure' },
  transient: { retry: 'any', fallback: 'generic', cooldown: 'soft', breaker: 'failure' },
  // Nobody can tell whether the model, its filter or the prompt made it so: worth another try, no reason to rest.
  empty_answer: { retry: 'any', fallback: 'generic', cooldown: 'none', breaker: 'neutral' },
  transport: { retry: 'any', fallback: 'generic', cooldown: 'soft', breaker: 'failure' },
  timeout_connect: { retry: 'any', fallback: 'generic', cooldown: 'soft', breaker: 'failure' },
  timeout_headers: { retry: 'sibling', fallback: 'generic', cooldown: 'soft', breaker: 'failure' },
  timeout_first_token: { retry: 'sibling', fallback: 'generic', cooldown: 'soft', breaker: 'failure' },
  timeout_idle: { retry: 'sibling', fallback: 'generic', cooldown: 'soft', breaker: 'failure' },
  timeout_attempt: { retry: 'sibling', fallback: 'generic', cooldown: 'soft', breaker: 'failure' },
  timeout_client: { retry: 'sibling', fallback: 'generic', cooldown: 'none', breaker: 'neutral' },
  // The attempt that was under way may have begun a moment before: it says nothing about its deployment.
  timeout_total: { retry: 'never', fallback: 'none', cooldown: 'none', breaker: 'neutral' },
  no_deployment: { retry: 'never', fallback: 'generic', cooldown: 'none', breaker: 'neutral' },
  gateway_bug: { retry: 'never', fallback: 'none', cooldown: 'none', breaker: 'neutral' },
  // It was well and on its way: if the one that was faster breaks, it may go on.
  outrun: { retry: 'any', fallback: 'none', cooldown: 'none', breaker: 'neutral' },
  client_gone: { retry: 'never', fallback: 'none', cooldown: 'none', breaker: 'neutral' },
  shutdown: { retry: 'never', fallback: 'none', cooldown: 'none', breaker: 'neutral' },
}

/** Another try would end the same way, wherever the same is asked. */
export const isFinal = (failure: FailureClass): boolean => {
  const { retry } = VERDICTS[failure]
  return retry === 'never' || retry === 'larger'
}

/** LiteLLM's exception classes: they name policies and prefix messages. */
export type ExceptionName =
  | 'BadRequestError'
  | 'UnsupportedParamsError'
  | 'ContextWindowExceededError'
  | 'ContentPolicyViolationError'
  | 'AuthenticationError'
  | 'PermissionDeniedError'
  | 'NotFoundError'
  | 'Timeout'
  | 'UnprocessableEntityError'
  | 'RateLimitError'
  | 'InternalServerError'
  | 'APIConnectionError'
  | 'BadGatewayError'
  | 'ServiceUnavailableError'
  | 'APIError'

/** One attempt's failure, as a value. `message` is safe to show: no key, no internal URL, no stack. */
export type Failure = {
  readonly class: FailureClass
  /** The HTTP status LiteLLM gives this failure (a refused connection is 500, an upstream 504 is 408). */
  readonly status: number
  readonly exception: ExceptionName
  /** LiteLLM's full text without the fallback decoration: `litellm.RateLimitError: RateLimitError: OpenAIException - …`. */
  readonly message: string
  readonly type: string | null
  readonly param: string | null
  /** The provider's own code when it is a word clients act on (context_length_exceeded), else null. */
  readonly code: string | null
  /** Milliseconds from now; a lower bound for the deployment's rate-limit domain. */
  readonly retryAfterMs: number | undefined
  /** Structured detail from the provider (Azure innererror), shown as provider_specific_fields. */
  readonly detail: Json | undefined
  /** The request was fully sent and something may have been generated and billed. */
  readonly possiblyBilled: boolean
  /** What broke below HTTP: `refused (ECONNREFUSED)`. For the operator; clients read `Connection error.`, as LiteLLM's do. */
  readonly fault?: string
}

/**
 * Leaves the request: thrown once, caught once in gateway.ts, answered in the caller's dialect.
 * For what the gateway itself refuses; an upstream failure is a Failure value and decides what happens next.
 */
export class Refusal extends Error {
  readonly status: number
  readonly type: string | null
  readonly param: string | null
  readonly code: string | null
  readonly headers: Readonly<Record<string, string>>
  constructor(
    status: number,
    message: string,
    more: {
      type?: string | null
      param?: string | null
      code?: string | null
      headers?: Readonly<Record<string, string>>
    } = {},
  ) {
    super(message)
    this.status = status
    this.type = more.type ?? null
    this.param = more.param ?? null
    this.code = more.code ?? String(status)
    this.headers = more.headers ?? {}
  }
}
