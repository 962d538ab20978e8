import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadText } from './load.fixture.ts'

/** What the load report says of keys that LiteLLM's proxy reads: none of them is unknown. */

const FILE = `
model_list:
  - model_name: star
    litellm_params: { model: openai/gpt-4.1, api_key: sk-x, rpd: 5, anthropic_federation_rule_id: r }
litellm_settings:
  service_callbacks: [datadog]
  blocked_user_list: [somebody]
  prometheus_emit_stream_label: true
  anthropic_key: sk-ant
  model_fallbacks: [a]
general_settings:
  allowed_ips: ["10.0.0.1"]
  password_policy_min_length: 12
  disable_reset_budget: true
  maximum_spend_logs_cleanup_cron: "* * * * *"
router_settings:
  max_retries: 3
  weights: { a: 1 }
default_vertex_config: { vertex_project: p }
`

const told = async (source: string): Promise<readonly string[]> =>
  (await loadText(source)).notices.map(({ level, key, text }) => `${level} ${key}: ${text}`)

test('keys of LiteLLM that have no effect here are told as such, with what that means', async () => {
  const said = await told(FILE)
  assert.deepEqual(
    said.filter(line => /unknown key|not known here/.test(line)),
    [],
  )
  for (const line of [
    'later model_list[0].litellm_params.rpd: Limits a day are not counted yet; use rpm and tpm.',
    'later litellm_settings.blocked_user_list: Not enforced yet: such requests are NOT refused.',
    'later general_settings.allowed_ips: Not enforced yet: such requests are NOT refused.',
    'differs litellm_settings.model_fallbacks: Use router_settings.fallbacks.',
    'later router_settings.weights: Write litellm_params.weight into each deployment.',
  ])
    assert.ok(said.includes(line), `${line}\n${said.join('\n')}`)
})

test('a misspelt key is unknown, and the suggestion is a key that can be written', async () => {
  const said = await told('general_settings: { alowed_ips: ["10.0.0.1"], passwordpolicy: 1, mcp: 2 }')
  assert.ok(
    said.includes(
      'warning general_settings.alowed_ips: unknown key: it has no effect. Did you mean allowed_ips?',
    ),
    said.join('\n'),
  )
  for (const line of said) assert.doesNotMatch(line, /Did you mean [^?]*\*/)
})

test('a setting that cannot be honoured because it is Python is refused', async () => {
  const said = await told('general_settings: { custom_key_policy: my_hooks.policy }')
  assert.match(said.join('\n'), /error general_settings\.custom_key_policy: Understudy cannot run Python/)
})
