import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CHAT_BODY } from './support/door.ts'
import { deployment, play } from './support/harness.ts'

const { messages } = JSON.parse(CHAT_BODY)

test('a model in the path may hold slashes, colons and any letters, encoded or not', async t => {
  const on = await play(t, {
    stages: { lead: {} },
    config: ({ lead }) => ({
      model_list: [deployment('star', lead, 'gpt-4.1'), deployment('vendor/*', lead, '*')],
      router_settings: { num_retries: 0, disable_cooldowns: true },
    }),
  })
  const { lead } = on.stages
  const ends = [
    ['/chat/completions', { messages }],
    ['/completions', { prompt: 'Hello' }],
    ['/embeddings', { input: 'Hello' }],
  ] as const
  const names = [
    ['star', 'gpt-4.1'],
    ['vendor/house/one:free', 'house/one:free'],
    ['vendor%2Fhouse%2fone%3Afree', 'house/one:free'],
    ['vendor/%E6%97%A5%E6%9C%AC', '日本'],
    // The end of the path is the endpoint, whatever the name looks like.
    ['vendor/chat/completions', 'chat/completions'],
  ] as const
  for (const root of ['/engines/', '/openai/deployments/'])
    for (const [end, body] of ends)
      for (const [name, model] of names)
        for (const tail of ['', '/', '?api-version=2024-10-21']) {
          lead.clear()
          const path = `${root}${name}${end}${tail}`
          // The stage has no such models, and says so: what it was asked is what counts.
          await on.ask(path, body)
          const [hit] = lead.requests
          assert.equal(new URL(`http://x${hit?.target}`).pathname, `/v1${end}`, path)
          assert.equal(JSON.parse(String(hit?.body)).model, model, path)
        }
})

test('a path without a model, and a wrong method, are what they were', async t => {
  const on = await play(t, {
    stages: { lead: {} },
    config: ({ lead }) => ({ model_list: [deployment('star', lead, 'gpt-4.1')] }),
  })
  assert.equal((await on.ask('/engines//chat/completions', { messages })).status, 404)
  const wrong = await on.ask('/engines/vendor/one/chat/completions')
  assert.equal(wrong.status, 405)
  assert.equal(wrong.headers.allow, 'POST')
  assert.equal(on.stages.lead.requests.length, 0)
})
