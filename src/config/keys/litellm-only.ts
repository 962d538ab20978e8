import { differs, each, type KeyRow, later, listed } from './row.ts'

/**
 * litellm_params that LiteLLM reads itself and sends to nobody (its `all_litellm_params`), and that have no effect here.
 * A key that is in no row is a parameter of the provider's and goes along with every call, so these must be known.
 */

const none = (text: string, keys: string): KeyRow[] => listed(later, text, keys)

export const LITELLM_ONLY: readonly KeyRow[] = [
  ...none(
    'Only input_cost_per_token and output_cost_per_token override the price list.',
    `input_cost_per_* output_cost_per_* cache_creation_input_*token_cost* cache_read_input_*token_cost* *_cost_per_query
     ocr_cost_per_* annotation_cost_per_* citation_cost_per_token tiered_pricing regional_*_uplift_multiplier*`,
  ),
  ...none(
    'No callback runs yet; nothing is sent to it.',
    `langfuse_* langsmith_* arize_* posthog_* newrelic_* dd_api_key dd_site dd_agent_host dd_agent_port wandb_api_key
     weave_project_id humanloop_api_key gcs_bucket_name gcs_path_service_account litellm_disabled_callbacks`,
  ),
  later(
    'turn_off_message_logging',
    'Write it into litellm_settings, where it holds for every deployment.',
    false,
  ),
  later('responses_api_version', 'api_version holds for responses, too.'),
  later('no-log', 'The log has a line for every call; it never holds a prompt.', false),
  differs('base_model', 'Has an effect in model_info only: write it there.'),
  ...each(differs, 'Has no effect in a deployment: write it into router_settings.', {
    fallbacks: undefined,
    context_window_fallback_dict: undefined,
    max_fallbacks: undefined,
    retry_policy: undefined,
    retry_strategy: undefined,
    routing_strategy: undefined,
    model_alias_map: undefined,
    enable_tag_filtering: false,
  }),
  differs('allowed_model_region', 'Has no effect in a deployment: the request says it.'),
  later('ssl_verify', 'Certificates are always verified.', true),
  ...none(
    'Batches go to the provider as they are; there is no way over a bucket.',
    `s3_bucket_name s3_bucket_owner s3_region_name s3_endpoint_url s3_access_key_id s3_secret_access_key
     s3_encryption_key_id s3_output_bucket_name aws_batch_role_arn`,
  ),
  ...none('There is no answer cache yet.', 'cache caching cache_key preset_cache_key ttl'),
  ...none(
    'Messages go as the client wrote them.',
    `roles bos_token eos_token initial_prompt_value final_prompt_value hf_model_name custom_prompt_dict
     ensure_alternating_roles user_continue_message assistant_continue_message
     disable_add_transform_inline_image_block litellm_system_prompt enable_prompt_caching`,
  ),
  later('supports_system_message', 'Messages go as the client wrote them.', true),
  ...none(
    'Prompt management does not exist yet.',
    'prompt_id prompt_label prompt_version prompt_variables prompt_environment',
  ),
  ...none(
    'Automatic model choice does not exist yet; the deployment is an ordinary one.',
    'auto_router_* adaptive_router_* complexity_router_* quality_router_*',
  ),
  ...none('Vector stores are the provider’s own.', 'vector_store_id milvus_* valkey_*'),
  ...none('Limits a day are not counted yet; use rpm and tpm.', 'rpd tpd daily_reset_time'),
  ...none(
    'Signing in at OpenAI or Anthropic with an identity token is not there yet; set api_key.',
    `openai_identity_provider_id openai_identity_token_file openai_service_account_id anthropic_federation_*
     anthropic_identity_* anthropic_issuer_* anthropic_keycloak_* anthropic_organization_id
     anthropic_service_account_id anthropic_disable_workload_identity_federation token_exchange_*`,
  ),
  ...none(
    'Has no effect.',
    `timeout_by_service_tier stream_timeout_by_service_tier force_timeout stream_chunk_size stream_response
     enable_json_schema_validation use_xai_oauth max_file_size_mb mock_timeout data_residency bedrock_tags
     aws_session_tags provider_specific_header provider_affinity_header litellm_trace_id model_info
     cost_per_second fedramp_uplift_multiplier bucket_name vector_bucket_name index_name embedding_model
     output_vector_size chatgpt_auth_file kubernetes_pod_discovery switchyard_router_config
     thought_signature_in_tool_call_id fireworks_forward_user_id allow_legacy_cloud_file_ids
     aws_bedrock_control_plane_endpoint aws_bedrock_project_id`,
  ),
]
