import { LITELLM_ONLY } from './litellm-only.ts'
import { PHASE_ROWS } from './phases.ts'
import { differs, each, honoured, type KeyRow, later, ofProvider } from './row.ts'

export const LITELLM_PARAMS: readonly KeyRow[] = [
  honoured('model', '`provider/name`. Required.'),
  honoured('custom_llm_provider', 'The provider, when `model` does not name it. Wins over a prefix.'),
  honoured(
    'api_base',
    "The provider's address, without an endpoint: one at its end is left out and reported.",
  ),
  honoured('base_url', 'The same as `api_base`.'),
  honoured('api_key', 'The credential.'),
  honoured('api_version', "The provider's API version."),
  honoured('organization', "The provider's organization."),
  honoured('litellm_credential_name', 'Fills what is not written here from `credential_list`.'),
  honoured('tpm', 'Tokens a minute: weight or limit, by strategy.'),
  honoured('rpm', 'Requests a minute: weight or limit, by strategy.'),
  ...each(later, 'Input and output tokens are not limited separately; use tpm.', {
    itpm: undefined,
    otpm: undefined,
  }),
  honoured('order', 'Lower is tried first.'),
  honoured('weight', 'Share of the traffic.'),
  honoured(
    'max_parallel_requests',
    'Further calls go to a sibling with a free slot, or wait for the first. See [failover.md](failover.md#choice).',
  ),
  honoured('timeout', 'Seconds for a whole call.'),
  honoured('request_timeout', 'The same as `timeout`, which wins.'),
  honoured('stream_timeout', 'Seconds for a streamed call.'),
  honoured('connect_timeout', 'Seconds to connect. 0: no limit.'),
  ...PHASE_ROWS,
  honoured('num_retries', 'Overrides `router_settings.num_retries`.'),
  differs('max_retries', 'Without effect, as in LiteLLM’s router: only num_retries counts.', 0),
  honoured('cooldown_time', 'Seconds this deployment rests after failures.'),
  honoured('drop_params', 'Leaves out request parameters the provider does not take.'),
  honoured('additional_drop_params', 'Further request parameters to leave out; dotted paths.'),
  honoured('allowed_openai_params', 'Request parameters that `drop_params` must not leave out.'),
  honoured('extra_headers', 'Headers added to every upstream request.'),
  honoured('headers', 'The same as `extra_headers`, which wins.'),
  honoured('extra_body', 'Values added to every upstream body.'),
  honoured('region_name', 'Where the deployment runs, for `allowed_model_region`.'),
  honoured('tags', 'For tag routing.'),
  honoured('tag_regex', 'Matched against the User-Agent.'),
  honoured('mock_response', 'The answer, without calling anybody.'),
  honoured('input_cost_per_token', 'USD, overriding the price list.'),
  honoured('output_cost_per_token', 'USD, overriding the price list.'),
  honoured('tools', 'Tools put before those of the request.'),
  honoured('tool_choice', 'Used when the request has none.'),
  differs('configurable_clientside_auth_params', 'A request cannot bring its own address or key.'),
  ...ofProvider(
    'true: responses go as chat completions, and chat completions are never sent as responses. See [providers.md](providers.md#chat-completions-and-responses).',
    ['use_chat_completions_api'],
  ),
  ...each(later, 'Each route calls its own upstream route.', {
    use_litellm_proxy: false,
    merge_reasoning_content_in_choices: false,
  }),
  later('use_in_pass_through', 'Provider pass-through routes are not served yet.', false),
  ...each(later, 'Budgets are not enforced yet: spending is NOT limited.', {
    max_budget: undefined,
    budget_duration: undefined,
  }),
  ...each(later, 'Limits per key are not enforced yet.', {
    default_api_key_tpm_limit: undefined,
    default_api_key_rpm_limit: undefined,
  }),
  ...each(later, 'Use litellm_settings.sse_keepalive_ping_interval_seconds.', {
    keepalive_seconds: undefined,
    allow_client_keepalive_override: false,
  }),
  later('silent_model', 'Traffic is not mirrored.'),
  later('guardrails', 'No guardrail runs: requests and answers are NOT checked.', []),
  later('supported_environments', 'Deployments are active in every environment.'),
  later('model_file_id_mapping', 'Files belong to the deployment they were uploaded to.'),
  later('metadata', 'Not sent to the provider; what it should receive belongs into extra_body.'),
  later('stream', 'The request decides.', false),
  later('caching_groups', 'There is no answer cache yet.'),
  ...ofProvider('Signs in with Entra ID: see [providers.md](providers.md#azure-sign-in).', [
    'azure_ad_token',
    'tenant_id',
    'client_id',
    'client_secret',
    'azure_username',
    'azure_password',
    'azure_scope',
  ]),
  later(
    'azure_ad_token_provider',
    'A function of Python cannot be called: set client_secret, azure_ad_token: oidc/…, or enable_azure_ad_token_refresh.',
  ),
  ...ofProvider('Where AWS credentials come from: see [providers.md](providers.md#aws-credentials).', [
    'aws_access_key_id',
    'aws_secret_access_key',
    'aws_session_token',
    'aws_role_name',
    'aws_session_name',
    'aws_profile_name',
    'aws_web_identity_token',
    'aws_sts_endpoint',
    'aws_external_id',
  ]),
  ...ofProvider('A Google credential: see [providers.md](providers.md#google-credentials).', [
    'vertex_credentials',
    'vertex_ai_credentials',
  ]),
  ...ofProvider('For the provider that knows it.', [
    'vertex_project',
    'vertex_location',
    'vertex_ai_project',
    'vertex_ai_location',
    'aws_region_name',
    'aws_bedrock_runtime_endpoint',
    'watsonx_region_name',
  ]),
  ...LITELLM_ONLY,
]

/** Body parameters of the model routes: in litellm_params they are values used when the request has none. */
export const REQUEST_PARAMETERS: ReadonlySet<string> = new Set(
  `audio background cache_control dimensions encoding_format file_search frequency_penalty function_call functions
  include input_type instructions language logit_bias logprobs max_completion_tokens max_output_tokens max_tokens
  max_tool_calls min_p modalities moderation n output_format parallel_tool_calls plugins prediction
  presence_penalty prompt prompt_cache_key prompt_cache_retention provider quality reasoning reasoning_effort
  reasoning_format repetition_penalty response_format return_documents safety_identifier safety_settings seed
  service_tier size speed stop stop_sequences store stream_options style suffix system temperature text
  thinking top_a top_k top_logprobs top_n top_p transforms truncate truncation user verbosity voice
  web_search_options`.split(/\s+/),
)
