import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { assertNothingRefused } from './support/canary.ts'
import { deployment, play } from './support/harness.ts'

/** A turn of a coding agent that asks Anthropic for half a dozen betas, at Claude on Vertex AI, which knows some of them. */

const CLAUDE = 'claude-sonnet-4-5'
const { ask, key, stages } = await play(
  { after },
  {
    stages: {
      claude: { flavour: 'anthropic', models: ['*'] },
      google: { flavour: 'vertex_ai', models: ['*'] },
    },
    config: ({ claude, google }) => ({
      model_list: [
        deployment('claude', claude, CLAUDE),
        deployment('vertex', google, CLAUDE, { model: `vertex_ai/${CLAUDE}`, vertex_project: 'p' }),
      ],
      router_settings: { num_retries: 0, disable_cooldowns: true, fallbacks: [{ claude: ['vertex'] }] },
    }),
  },
)

test('the backup is asked without the betas that it refuses, and the answer names them', async () => {
  stages.claude.script([{ kind: 'status', status: 529 }])
  const betas = [
    ...['claude-code-20250219', 'interleaved-thinking-2025-05-14', 'prompt-caching-scope-2026-01-05'],
    ...['context-management-2025-06-27', 'effort-2025-11-24'],
  ]
  const mark = { type: 'ephemeral', scope: 'global' }
  const reply = await ask(
    '/v1/messages?beta=true',
    {
      model: 'claude',
      max_tokens: 99,
      system: [{ type: 'text', text: 'Be brief.', cache_control: mark }],
      messages: [{ role: 'user', content: 'Line, please.' }],
    },
    {
      headers: [
        ['authorization', `Bearer ${key}`],
        ['anthropic-version', '2023-06-01'],
        ['anthropic-beta', betas.join(',')],
      ],
    },
  )
  assert.equal(reply.status, 200, reply.text)
  assertNothingRefused(stages.google.requests)
  const [hit] = stages.google.requests
  assert.ok(hit !== undefined && !hit.text.includes('scope'))
  assert.match(String(reply.headers['x-understudy-dropped']), /effort-2025-11-24/)
})
