import { each, type KeyRow, later, listed, refused } from './row.ts'

/** general_settings of parts of LiteLLM's proxy that are not there yet, each with what that means here. */

const none = (text: string, keys: string): KeyRow[] => listed(later, text, keys)

export const GENERAL_ONLY: readonly KeyRow[] = [
  ...none(
    'Not enforced yet: such requests are NOT refused.',
    `allowed_ips allowed_file_extensions blocked_file_extensions max_batch_file_size_mb max_batch_file_records
     max_batch_file_uploads_per_day max_file_downloads_per_minute provider_url_destination_allowed_hosts`,
  ),
  ...none(
    'Limits per key are not enforced yet; max_in_flight_requests_per_worker limits this instance.',
    `fail_closed_rate_limit_enforcement disable_retry_on_max_parallel_request_limit_error
     disable_fallbacks_on_per_model_rate_limits disable_batch_input_file_rate_limiting
     skip_batch_input_file_rate_limiting_for_*`,
  ),
  later('max_queued_requests_per_worker', 'A call over the limit is refused at once.'),
  ...none(
    'Virtual keys, users and teams do not exist yet: the master key is the only key.',
    `disable_custom_api_keys disable_key_generate_for_org_admin disable_adding_master_key_hash_to_db
     disable_master_key_return default_team_disabled disable_auto_add_proxy_admin_to_teams enforce_rbac
     role_permissions service_account_settings allow_user_auth apply_user_budget_to_team_keys
     use_team_public_model_name team_metadata_* agent_access_default_deny search_tool_deny_by_default
     vector_store_deny_by_default custom_auth_run_common_checks`,
  ),
  ...each(refused, 'Understudy cannot run Python. Remove it; virtual keys and teams do not exist yet.', {
    custom_key_policy: undefined,
    custom_team_metadata_validate: undefined,
  }),
  ...none(
    'There is no login page yet.',
    `password_policy_* disable_password_login_when_sso_enabled disable_env_credential_login failed_login_*
     max_failed_login_attempts_* hide_default_credentials_hint auto_redirect_ui_login_to_sso control_plane_url
     allow_cli_sso_verification_uri_complete`,
  ),
  ...none(
    'Budgets are not enforced yet: spending is NOT limited.',
    'disable_reset_budget self_serve_budget_policy',
  ),
  ...none(
    'There is no external database yet; nothing is stored in it.',
    `disable_spend_updates disable_prisma_schema_update database_max_idle_connection_lifetime
     maximum_spend_logs_* maximum_*_retention_period spend_logs_* spend_capture_rate_check use_spend_logs_*
     supported_db_objects scheduled_job_stagger proxy_batch_polling_interval track_unmanaged_batch_cost
     passthrough_managed_object_ids coordination_redis`,
  ),
  ...none(
    'Background health checks do not run yet; a deployment is judged by real calls.',
    `health_check_concurrency health_check_skip_disabled_background_models background_health_check_model_groups
     use_shared_health_check model_list_healthy_only`,
  ),
  ...none(
    'The MCP gateway does not exist yet.',
    'mcp_* user_mcp_management_mode enable_mcp_registry require_*_mcp_access_defined',
  ),
  ...none(
    'No callback runs yet; nothing is sent to it.',
    'otel tracing request_tag_mappings disable_requester_ip_address_logging',
  ),
  later('alert_type_config', 'No alert is sent yet.'),
  later('trusted_proxy_ranges', 'A client’s address in logs is that of the connection.'),
  ...none(
    'The gateway itself fetches no URL from a request.',
    'user_url_validation user_url_allowed_hosts allowed_client_side_s3_*',
  ),
  ...none(
    'Provider pass-through routes are those of openai and azure.',
    `use_client_credentials_pass_through_routes disable_bedrock_agent_runtime_passthrough
     enable_openai_websocket_passthrough vertex_ai_pass_through_drop_anthropic_betas`,
  ),
  later('responses_websocket_session_limit_seconds', 'Responses are not served over a WebSocket yet.'),
  later('return_wildcard_routes', 'The list of models has wildcards as they are written.'),
  later('enable_public_model_hub', 'There is no public model page yet.'),
  ...none(
    'Stopping is a signal: SIGTERM lets the calls inside finish.',
    'enable_drain_endpoint drain_endpoint_token',
  ),
  later('allow_public_health_readiness_details', 'GET /health/readiness tells the same to everybody.'),
  ...none(
    'This part of the proxy does not exist yet.',
    `plugins search_tools skill_scanner enable_claude_code_gateway claude_code_* disable_model_info_refresh
     transcribe_media_buckets`,
  ),
]
