import { differs, type KeyRow, later, listed, refused } from './row.ts'

/** litellm_settings that LiteLLM's library reads and that have no effect here, each with what that means. */

const none = (text: string, keys: string): KeyRow[] => listed(later, text, keys)

export const LIBRARY_ONLY: readonly KeyRow[] = [
  ...listed(
    differs,
    'Has no effect for all deployments at once: write it into the litellm_params of each, or into router_settings.default_litellm_params.',
    'api_base api_key api_version organization headers max_tokens',
  ),
  ...none(
    'A provider’s key comes from litellm_params or its environment variable.',
    `openai_key azure_key anthropic_key cohere_key replicate_key huggingface_key openrouter_key databricks_key
     togetherai_api_key cloudflare_api_key ollama_key`,
  ),
  later('service_callbacks', 'No callback runs yet; nothing is sent to it.'),
  ...none(
    'No callback runs yet; nothing is sent to it.',
    `input_callback aws_sqs_callback_params s3_audit_callback_params datadog_params datadog_use_v1
     datadog_llm_observability_params newrelic_params argilla_* generic_logger_headers generic_api_use_v1
     gcs_pub_sub_use_v1 langsmith_batch_size langfuse_enable_update_trace_keys standard_logging_payload_excluded_fields
     cold_storage_custom_logger batch_line_item_callbacks disable_streaming_logging global_disable_no_log_param
     allow_dynamic_callback_disabling otel_tenant_destination_mode callback_settings logging error_logs
     log_raw_request_response logged_real_time_event_types websearch_interception_params dynamodb_table_name`,
  ),
  ...none(
    'Prometheus metrics are not served yet.',
    `prometheus_* custom_prometheus_tags disable_end_user_cost_tracking_prometheus_only
     enable_end_user_cost_tracking_prometheus_only`,
  ),
  ...none(
    'No guardrail runs: requests and answers are NOT checked.',
    `guardrails guardrail_name_config_map llm_guard_mode llamaguard_* google_moderation_confidence_threshold
     openai_moderations_model_name presidio_ad_hoc_recognizers output_parse_pii banned_keywords_list
     skip_system_message_in_guardrail skip_tool_message_in_guardrail`,
  ),
  ...none(
    'Not enforced yet: such requests are NOT refused.',
    `blocked_user_list block_requests_for_models_without_pricing validate_end_user_id_in_db require_managed_files
     user_url_allowed_hosts`,
  ),
  ...none(
    'Budgets are not enforced yet: spending is NOT limited.',
    `budget_exceeded_* budget_rollover tag_budget_config max_user_budget max_end_user_budget_id
     default_max_internal_user_budget default_soft_budget default_key_max_budget_alert_emails`,
  ),
  ...none(
    'Virtual keys, users and teams do not exist yet.',
    `enable_key_alias_format_validation key_alias_pattern personal_key_model_access_from_teams
     priority_reservation_settings`,
  ),
  ...none(
    'There is no answer cache yet.',
    `caching caching_with_models enable_caching_on_provider_specific_optional_params default_in_memory_ttl
     default_redis_ttl default_redis_batch_cache_expiry force_redis_hash_tag_grouping`,
  ),
  ...none(
    'Prompt management does not exist yet.',
    'prompt_name_config_map global_prompt_directory global_bitbucket_config global_gitlab_config',
  ),
  ...none(
    'The MCP gateway does not exist yet.',
    'mcp_semantic_tool_filter mcp_tool_search public_mcp_servers public_mcp_hub_strict_whitelist',
  ),
  later('vector_store_*', 'Vector stores are reached through their own routes only.'),
  ...none(
    'There is no public model page yet.',
    'public_agent_groups public_model_groups_links public_skills_index blog_posts_url',
  ),
  ...none(
    'Messages and parameters go as the client wrote them.',
    `custom_prompt_dict disable_add_prefix_to_prompt disable_add_transform_inline_image_block
     disable_copilot_system_to_assistant disable_stop_sequence_limit openai_system_messages_first
     enable_anthropic_prompt_caching anthropic_prompt_caching_ttl bedrock_neutralize_orphaned_tool_blocks
     disable_anthropic_gemini_context_caching_transform filter_invalid_headers`,
  ),
  ...none(
    'Thinking is asked for by the request, or by a default in litellm_params.',
    `reasoning_auto_summary reasoning_effort_rounding gemini_include_thoughts_default
     enable_gemini_default_thinking_level_low`,
  ),
  later(
    'vertex_ai_safety_settings',
    'Not sent: write safety_settings into the extra_body of each deployment.',
  ),
  differs('model_fallbacks', 'Use router_settings.fallbacks.'),
  differs('longer_context_model_fallback_dict', 'Use router_settings.context_window_fallbacks.'),
  differs(
    'num_retries_per_request',
    'Use router_settings.num_retries, and max_attempts for the whole request.',
  ),
  differs('retry', 'There is one retry layer: router_settings.num_retries.', true),
  later('disable_token_counter', 'Prompts are counted where a limit or an endpoint needs it.'),
  later(
    'disable_hf_tokenizer_download',
    'Tokens are counted with OpenAI’s vocabulary; nothing is downloaded.',
  ),
  later('anthropic_messages_estimate_initial_input_tokens', 'The first event says what the provider said.'),
  later('include_cost_in_streaming_usage', 'The cost is in x-litellm-response-cost and the log.'),
  later('strip_anthropic_total_tokens', 'Usage goes as the provider says it.'),
  differs('anthropic_sse_ping_interval_seconds', 'Use sse_keepalive_ping_interval_seconds.'),
  later('forward_traceparent_to_llm_provider', 'No trace header is passed on.'),
  ...none(
    'Certificates are always verified; NODE_EXTRA_CA_CERTS names an authority of your own.',
    'ssl_certificate ssl_security_level ssl_ecdh_curve',
  ),
  ...none(
    'There is one transport, which uses no outgoing proxy.',
    'use_aiohttp_transport aiohttp_trust_env disable_aiohttp_trust_env',
  ),
  later(
    'redact_messages_in_exceptions',
    'Use turn_off_message_logging: it leaves out what a provider says of a failure.',
  ),
  ...none(
    'Logs name keys by hash only, and hold no traceback for a client.',
    'log_auth_failure_key_identity log_client_error_tracebacks suppress_debug_info suppress_startup_output',
  ),
  later(
    'model_group_settings',
    'Headers are forwarded for every group or none: general_settings.forward_client_headers_to_llm_api.',
  ),
  later('use_litellm_proxy', 'Deployments of another proxy are litellm_proxy/<model> with its api_base.'),
  later('enable_loadbalancing_on_batch_endpoints', 'Batches go to the deployment that the call names.'),
  later(
    'enable_model_config_credential_overrides',
    'A credential comes from litellm_params or credential_list.',
  ),
  ...none('The price list is built in.', 'model_cost model_cost_map_url'),
  ...none(
    'End users are not tracked.',
    'extra_spend_tag_headers disable_add_user_agent_to_request_tags add_user_information_to_llm_headers',
  ),
  ...none(
    'Has no effect.',
    'email token telemetry litellm_mode safe_memory_mode in_memory_llm_clients_cache check_provider_endpoint',
  ),
  refused('secret_manager_client', 'Understudy cannot run Python. Remove it.'),
]
