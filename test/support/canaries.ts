import { CONTROL_KEYS } from '../../src/read/controls.ts'
import type { Json, JsonObject } from '../../src/wire/json.ts'
import { type Canary, plant } from './canary.ts'

/** Plants canaries and remembers them. */
export type Aviary = {
  /** A new canary's text. `prefix` keeps formats like `sk-…` valid. */
  readonly hide: (place: string, prefix?: string) => string
  /** Any other text that must not surface. */
  readonly watch: (place: string, text: string) => string
  readonly all: readonly Canary[]
}

export const openAviary = (): Aviary => {
  const all: Canary[] = []
  const keep = (canary: Canary): string => {
    all.push(canary)
    return canary.text
  }
  return {
    hide: (place, prefix) => keep(plant(place, prefix)),
    watch: (place, text) => keep({ place, text }),
    all,
  }
}

/** Controls that must have a certain form, or would change the way the request takes. */
const SHAPED: Readonly<Record<string, (hide: Aviary['hide']) => Json | undefined>> = {
  num_retries: () => 1,
  timeout: () => 60,
  request_timeout: () => 60,
  stream_timeout: () => 60,
  max_fallbacks: () => 5,
  fallbacks: () => undefined,
  context_window_fallbacks: hide => [{ [hide('context_window_fallbacks')]: [hide('a fallback’s target')] }],
  content_policy_fallbacks: hide => [{ [hide('content_policy_fallbacks')]: [hide('a fallback’s target')] }],
  disable_fallbacks: () => false,
  include_fallback_errors: () => true,
  mock_testing_fallbacks: () => undefined,
  mock_testing_context_fallbacks: () => false,
  mock_testing_content_policy_fallbacks: () => false,
  mock_testing_rate_limit_error: () => false,
  mock_timeout: () => false,
  mock_delay: () => 0,
  mock_response: () => undefined,
  drop_params: () => true,
  additional_drop_params: hide => [hide('additional_drop_params')],
  allowed_openai_params: hide => [hide('allowed_openai_params')],
  allowed_model_region: () => undefined,
  tags: hide => [hide('tags')],
  custom_llm_provider: () => undefined,
  target_model_names: () => undefined,
  litellm_metadata: hide => ({
    [hide('a key of litellm_metadata')]: hide('litellm_metadata'),
    user_api_key_alias: hide('litellm_metadata.user_api_key_alias'),
    tags: [hide('litellm_metadata.tags')],
  }),
  litellm_params: hide => ({ metadata: { team: hide('litellm_params.metadata') } }),
}

/** Names that LiteLLM reads from a body or writes into one; a provider knows none of them. Kept apart from the code. */
const LITELLM_NAMES = `
  num_retries timeout request_timeout stream_timeout fallbacks context_window_fallbacks content_policy_fallbacks
  disable_fallbacks max_fallbacks mock_testing_fallbacks mock_testing_context_fallbacks
  mock_testing_content_policy_fallbacks mock_testing_rate_limit_error mock_timeout mock_delay mock_response
  mock_tool_calls drop_params additional_drop_params allowed_openai_params allowed_model_region litellm_metadata
  litellm_call_id litellm_session_id litellm_trace_id litellm_logging_obj litellm_params proxy_server_request
  secret_fields standard_logging_object tags guardrails disable_global_guardrails applied_guardrails
  applied_policies cache caching priority callbacks service_callback logger_fn litellm_disabled_callbacks
  target_model_names no-log input_cost_per_token output_cost_per_token base_model model_info
  spend_logs_metadata custom_llm_provider`.split(/\s+/)

/**
 * Every control that a body may hold for the gateway. A control that is added later is planted as text without
 * anybody thinking of it; forms carry the ones that are text.
 */
export const plantedControls = ({ hide }: Aviary): JsonObject => {
  const planted: Record<string, Json> = {}
  for (const key of new Set([...LITELLM_NAMES, ...CONTROL_KEYS].filter(name => name !== ''))) {
    const shape = SHAPED[key]
    const value = shape === undefined ? hide(`the body's ${key}`) : shape(hide)
    if (value !== undefined) planted[key] = value
  }
  return planted
}

type Headers = readonly (readonly [name: string, value: string])[]

const FOR_THE_GATEWAY = [
  'x-litellm-call-id',
  'x-litellm-session-id',
  'x-litellm-trace-id',
  'x-litellm-agent-id',
  'x-litellm-spend-logs-metadata',
  'x-litellm-tags',
  'x-litellm-enable-message-redaction',
  'x-litellm-anything-else',
  'x-claude-code-session-id',
  'x-session-id',
  'session-id',
  'session_id',
]

const ABOUT_THE_CLIENT = [
  'user-agent',
  'cookie',
  'referer',
  'origin',
  'from',
  'forwarded',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
  'cf-connecting-ip',
  'proxy-authorization',
  'traceparent',
  'x-request-id',
  'x-stainless-os',
  'x-amz-security-token',
  'x-custom',
  'openai-organization',
  'openai-project',
]

/** The master key in every header that may carry it, and a canary in every other that a client may send. */
export const plantedHeaders = ({ hide }: Aviary, masterKey: string): Headers => [
  ['authorization', `Bearer ${masterKey}`],
  ['x-litellm-api-key', masterKey],
  ['x-api-key', masterKey],
  ['api-key', masterKey],
  ['x-goog-api-key', masterKey],
  ['x-house-key', `Bearer ${masterKey}`],
  ['x-litellm-num-retries', '1'],
  ['x-litellm-timeout', '60'],
  ['x-litellm-stream-timeout', '60'],
  ...[...FOR_THE_GATEWAY, ...ABOUT_THE_CLIENT].map(name => [name, hide(`the header ${name}`)] as const),
]

/** Query parameters that are for the gateway. */
export const plantedQuery = ({ hide }: Aviary, masterKey: string): Readonly<Record<string, string>> => ({
  key: masterKey,
  custom_llm_provider: hide('the query’s custom_llm_provider'),
  'api-version': hide('the query’s api-version'),
})
