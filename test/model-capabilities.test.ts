import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../src/wire/json.ts'
import { deployment, play } from './support/harness.ts'
import { always } from './support/proofs.ts'

/** What a model cannot do another one may: its siblings and fallbacks are asked, and it rests for nothing. */

const SAYINGS: Readonly<Record<string, JsonObject>> = {
  'tools, of Ollama': {
    error: { message: 'registry.ollama.ai/library/gemma3:4b does not support tools', type: 'api_error' },
  },
  'images, of vLLM': {
    object: 'error',
    message: 'The model `x` does not support image input.',
    type: 'BadRequestError',
    code: 400,
  },
}

for (const [what, body] of Object.entries(SAYINGS))
  test(`a model that lacks ${what}: its sibling serves, its fallback serves, and nobody rests`, async t => {
    const { ask, stages } = await play(t, {
      stages: { lacking: { flavour: 'ollama', models: ['*'] }, able: { models: ['*'] } },
      config: ({ lacking, able }) => ({
        model_list: [
          deployment('pair', lacking, 'gemma3:4b'),
          deployment('pair', able, 'gpt-4.1'),
          deployment('alone', lacking, 'gemma3:4b'),
          deployment('able', able, 'gpt-4.1'),
        ],
        router_settings: { num_retries: 1, cooldown_time: 600, fallbacks: [{ alone: ['able'] }] },
      }),
    })
    stages.lacking.script(always({ kind: 'status', status: 400, body }))
    const tools = [{ type: 'function', function: { name: 'look', parameters: { type: 'object' } } }]
    const said = { messages: [{ role: 'user', content: 'Look.' }], tools }
    for (let call = 0; call < 5; call += 1)
      for (const [model, group] of [
        ['pair', 'pair'],
        ['alone', 'able'],
      ] as const) {
        const reply = await ask('/v1/chat/completions', { model, ...said })
        assert.equal(reply.status, 200, reply.text)
        assert.equal(reply.headers['x-litellm-model-group'], group)
      }
    // Five of `alone`, and of `pair` those for which it was the first: as often as chance would have it.
    assert.ok(stages.lacking.requests.length > 5, String(stages.lacking.requests.length))
  })
