import { honoured, type KeyRow, later } from './row.ts'

export const TOP_LEVEL: readonly KeyRow[] = [
  honoured('model_list', 'The deployments; several entries with one `model_name` are one group.'),
  honoured('litellm_settings', 'See below.'),
  honoured('router_settings', 'See below. Where a key stands here and in `litellm_settings`, this one wins.'),
  honoured('general_settings', 'See below.'),
  honoured('environment_variables', 'NAME: value, on top of the process environment while the file is read.'),
  honoured(
    'include',
    'Other YAML files, relative to the file that names them. Lists grow, sections gain keys.',
  ),
  honoured('credential_list', 'Named credentials for `litellm_params.litellm_credential_name`.'),
  later('callback_settings', 'No callback runs yet.'),
  later('guardrails', 'No guardrail runs: requests and answers are NOT checked.'),
  later('mcp_servers', 'The MCP gateway does not exist yet.'),
  later('worker_registry', 'Every instance stands alone.'),
  later('files_settings', 'File routes use the credentials of `model_list`.'),
  later('finetune_settings', 'Fine-tuning routes use the credentials of `model_list`.'),
  later('assistant_settings', 'The assistants routes are not served.'),
  later('vector_store_registry', 'Vector stores are reached through their own routes only.'),
  later('search_tools', 'The search route is not served.'),
  later('prompts', 'Prompt management does not exist yet.'),
  later('policies', 'Guardrail policies are NOT applied.'),
  later('agent_list', 'The agent gateway does not exist yet.'),
  later('agents', 'The agent gateway does not exist yet.'),
  later(
    'default_vertex_config',
    'Write vertex_project, vertex_location and vertex_credentials into the deployment.',
  ),
  later('policy_attachments', 'Guardrail policies are NOT applied.'),
  later('mcp_tools', 'The MCP gateway does not exist yet.'),
  later('sandbox_tools', 'The MCP gateway does not exist yet.'),
]
