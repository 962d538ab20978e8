import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deployment, play } from './support/harness.ts'

const filtered = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'gpt-4.1',
  choices: [{ index: 0, message: { role: 'assistant', content: null }, finish_reason: 'content_filter' }],
}

const ask = { model: 'main', messages: [{ role: 'user', content: 'Say your line.' }] }

test('an answer that a content filter emptied goes to the content-policy fallback, and only with one', async t => {
  const house = await play(t, {
    stages: { main: {}, calm: {} },
    config: stages => ({
      model_list: [
        deployment('main', stages.main, 'gpt-4.1'),
        deployment('lone', stages.main, 'gpt-4.1'),
        deployment('calm', stages.calm, 'gpt-4.1'),
      ],
      router_settings: { num_retries: 0, content_policy_fallbacks: [{ main: ['calm'] }] },
    }),
  })
  const { main } = house.stages
  main.script([
    { kind: 'status', status: 200, body: filtered },
    { kind: 'status', status: 200, body: filtered },
  ])
  const rescued = await house.ask('/v1/chat/completions', ask)
  assert.equal(rescued.status, 200)
  assert.equal(rescued.headers['x-litellm-model-group'], 'calm')
  const left = await house.ask('/v1/chat/completions', { ...ask, model: 'lone' })
  assert.equal(left.status, 200)
  assert.match(left.text, /content_filter/)
})
