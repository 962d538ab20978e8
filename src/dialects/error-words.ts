import type { FailureClass } from '../failure.ts'

/**
 * The words providers put into `code`, `type`, `status`, `reason` and exception names, lower-cased, with '_' for
 * spaces, dots and hyphens. Sources: the error guides of OpenAI, Azure OpenAI, Anthropic, Gemini, Bedrock, Mistral,
 * Groq, xAI, DeepSeek, Together, Fireworks, OpenRouter, Moonshot and DashScope, and bodies in their public issues.
 */
type Words = Readonly<Partial<Record<FailureClass, readonly string[]>>>

/**
 * About the request alone, however the message reads: a message may quote the caller, so these are decided first
 * and no sentence inside the text can turn them into a fault of the deployment.
 */
const callerWords: readonly string[] = [
  'unknown_parameter',
  'unsupported_parameter',
  'unsupported_value',
  'missing_required_parameter',
  'invalid_type',
  'invalid_value',
  'invalid_json',
  'invalid_encrypted_content',
  'previous_response_not_found',
  'response_not_found',
  'conversation_locked',
  'string_above_max_length',
  'string_below_min_length',
  'array_above_max_length',
  'array_below_min_length',
  'integer_above_max_value',
  'integer_below_min_value',
  'decimal_above_max_value',
  'decimal_below_min_value',
  'invalid_function_parameters',
  'invalid_tool_choice',
  'invalid_image',
  'invalid_image_format',
  'invalid_base64_image',
  'invalid_image_url',
  'invalid_image_mode',
  'image_too_large',
  'image_too_small',
  'image_parse_error',
  'image_file_too_large',
  'image_file_not_found',
  'unsupported_image_media_type',
  'empty_image_file',
  'failed_to_download_image',
  'request_too_large',
  'payload_too_large',
  'max_tokens_exceeded',
  'weight_exceeds_budget',
  'image_not_found',
  'image_download_failed',
  'unsupported_image_format',
]

/** Decisive: these mean one thing at every status. */
const strong: Words = {
  context_window: [
    'context_length_exceeded',
    'context_window_exceeded',
    'model_context_window_exceeded',
    'exceed_context_size_error',
    'prompt_too_long',
    'input_too_long',
    'tokens_limit_reached',
    'model_max_prompt_tokens_exceeded',
    'string_too_long',
  ],
  content_policy: [
    'content_filter',
    'content_policy_violation',
    'content_filter_policy',
    'responsibleaipolicyviolation',
    'image_content_policy_violation',
    'moderation_blocked',
    'invalid_prompt',
    'bio_policy',
    'misalignment_policy_violation',
    'prohibited_content',
    'data_inspection_failed',
    'datainspectionfailed',
    'guardrail_intervened',
    'guardrails_violation',
    'contentfilter',
    'refusal',
  ],
  quota: [
    'insufficient_quota',
    'credit_balance_exhausted',
    'usage_limit_reached',
    'billing_hard_limit_reached',
    'billing_not_active',
    'billing_error',
    'insufficient_balance',
    'insufficient_credits',
    'enforced_spend_limit_reached',
    'contract_spend_limit_reached',
    'exceeded_current_quota_error',
    'payment_required',
    'arrearage',
    'accountoverdueerror',
    'servicequotaexceededexception',
    'organization_spend_limit_exceeded',
    'project_spend_limit_exceeded',
    'organization_usage_limit_exceeded',
    'spend_limit_exceeded',
    'blocked_api_access',
    'credit_limit',
    'insufficient_user_quota',
    'not_enough_balance',
    'budget_exceeded',
    'billing_disabled',
    'daily_quota',
    'token_limit_exceeded',
  ],
  credential: [
    'invalid_api_key',
    'api_key_invalid',
    'authentication_error',
    'authenticationerror',
    'invalid_authentication',
    'invalid_authentication_error',
    'authenticationfailed',
    'unauthenticated',
    'account_deactivated',
    'organization_restricted',
    'unsupported_country_region_territory',
    'access_terminated_error',
    'unrecognizedclientexception',
    'invalidsignatureexception',
    'expiredtokenexception',
    'incompletesignature',
    'missingauthenticationtoken',
    'model_terms_required',
    'authentication',
    'api_key_service_blocked',
    'service_disabled',
    'consumer_suspended',
    'access_token_expired',
    'access_token_scope_insufficient',
    'credentials_missing',
    'iam_permission_denied',
    'missing_scope',
    'ip_not_authorized',
    'requestexpired',
    'notauthorized',
    'invalidclienttokenid',
    'signaturedoesnotmatch',
    'expiredtoken',
    'expired_key',
    'token_not_found_in_db',
    'auth_error',
  ],
  model_gone: [
    'deploymentnotfound',
    'model_not_found',
    'modelnotfound',
    'model_not_available',
    'model_decommissioned',
    'model_deprecated',
    'model_permission_blocked_org',
    'model_permission_blocked_project',
    'invalid_model',
    'unknown_model',
    'servicemodeldeprecated',
    'unavailable_model',
  ],
  unsupported: [
    'operationnotsupported',
    'unsupported_endpoint',
    'method_not_allowed',
    'unimplemented',
    'unknown_url',
  ],
  overloaded: [
    'overloaded_error',
    'overloaded',
    'server_is_overloaded',
    'engine_overloaded_error',
    'engine_overloaded',
    'model_overloaded',
    'nocapacity',
    'capacity_exceeded',
    'modelnotreadyexception',
    'serviceunavailableexception',
    'provider_overloaded',
    'model_capacity_exhausted',
    'queue_exceeded',
    'resource_unavailable',
    'unreachable_backend',
  ],
  rate_limit: [
    'rate_limit_exceeded',
    'rate_limit_error',
    'rate_limit_reached_error',
    'ratelimitreached',
    'too_many_requests',
    'toomanyrequests',
    'throttlingexception',
    'throttling',
    'throttling_ratequota',
    'throttling_allocationquota',
    'limit_requests',
    'resource_exhausted',
    'rate_limited',
    'ratelimitexceeded',
    'request_limit_exceeded',
    'openrouter_in_flight_budget',
    'in_flight_budget_exhausted',
  ],
  transient: ['malformed_event'],
  empty_answer: ['empty_answer'],
}

/** Believed only when no usable status came with them: a stream, an error inside a 200, or a 5xx. */
const weak: Words = {
  caller_fault: [
    'invalid_request_error',
    'invalid_request',
    'invalidrequesterror',
    'badrequesterror',
    'bad_request',
    'bad_request_error',
    'invalid_argument',
    'validation_error',
    'validationexception',
    'failed_precondition',
    'out_of_range',
    'unprocessableentityerror',
    'unprocessable_entity',
    'conflict_error',
    'badrequest',
    'unprocessable',
  ],
  credential: [
    'permission_error',
    'permission_denied',
    'permissiondenied',
    'accessdeniedexception',
    'forbidden',
    'unauthorized',
  ],
  unsupported: ['not_found_error', 'not_found', 'notfounderror', 'resourcenotfoundexception'],
  overloaded: [
    'slow_down',
    'unavailable',
    'service_unavailable',
    'service_unavailable_error',
    'service_tier_capacity_exceeded',
    'serviceunavailable',
    'serviceunavailableerror',
    'unavailable_error',
  ],
  rate_limit: ['ratelimiterror'],
  transient: [
    'server_error',
    'internal_server_error',
    'internalservererror',
    'internal_error',
    'internal',
    'internalserverexception',
    'api_error',
    'modelerrorexception',
    'modelstreamerrorexception',
    'modeltimeoutexception',
    'timeout_error',
    'deadline_exceeded',
    'vector_store_timeout',
    'aborted',
    'unknown',
    'provider_unavailable',
    'server',
    'timeout',
    'internalfailure',
  ],
}

const mapOf = (words: Words): ReadonlyMap<string, FailureClass> =>
  new Map(
    Object.entries(words).flatMap(([failureClass, list]) =>
      list.map(word => [word, failureClass as FailureClass] as const),
    ),
  )

export const CALLER_WORDS: ReadonlySet<string> = new Set(callerWords)
/** A 402 with one of these passes as soon as calls in flight have ended. */
export const BUDGET_WORDS: ReadonlySet<string> = new Set([
  'openrouter_in_flight_budget',
  'in_flight_budget_exhausted',
])

/** Words of OpenRouter's `metadata.error_type` that mean something else in a `code`. */
export const ROUTER_WORDS: ReadonlyMap<string, string> = new Map([
  // A message with a wrong role or no content; as a code it is a refusal.
  ['invalid_prompt', 'invalid_request'],
])

export const STRONG_WORDS = mapOf(strong)
export const WEAK_WORDS = mapOf(weak)

/** The HTTP status that goes with a word when none came: the provider's own for it. */
export const STATUS_OF_WORD: ReadonlyMap<string, number> = new Map([
  ['billing_error', 402],
  ['payment_required', 402],
  ['insufficient_balance', 402],
  ['permission_error', 403],
  ['permission_denied', 403],
  ['accessdeniedexception', 403],
  ['forbidden', 403],
  ['request_too_large', 413],
  ['timeout_error', 504],
  ['deadline_exceeded', 504],
  ['modeltimeoutexception', 408],
])

/** Codes that clients act on; they reach the client as the provider spelt them. Every other code becomes the status. */
export const KEPT_CODES: ReadonlySet<string> = new Set([
  ...callerWords,
  'context_length_exceeded',
  'content_filter',
  'content_policy_violation',
  'moderation_blocked',
  'invalid_prompt',
  'invalid_api_key',
  'insufficient_quota',
  'credit_balance_exhausted',
  'usage_limit_reached',
  'billing_hard_limit_reached',
  'model_not_found',
  'server_is_overloaded',
  'slow_down',
])

/** `ResponsibleAIPolicyViolation`, `permission-denied`, `Some requested entity was not found` as table words. */
export const wordOf = (text: string): string =>
  text
    .slice(0, 128)
    .trim()
    .toLowerCase()
    .replace(/[\s.-]+/g, '_')
