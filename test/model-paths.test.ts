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

test('a model in the query is one where a path may name it, and wins over the body', async t => {
  const on = await play(t, {
    stages: { lead: {} },
    config: ({ lead }) => ({
      model_list: [deployment('star', lead, 'gpt-4.1'), deployment('other', lead, 'gpt-4.1-mini')],
    }),
  })
  const { lead } = on.stages
  for (const body of [{ messages }, { messages, model: 'other' }]) {
    const answer = await on.ask('/v1/chat/completions?model=star&api-version=1', body)
    assert.equal(answer.status, 200, answer.text)
    assert.equal(answer.json().model, 'star')
    assert.equal(lead.requests.at(-1)?.target, '/v1/chat/completions')
    assert.equal(JSON.parse(String(lead.requests.at(-1)?.body)).model, 'gpt-4.1')
  }
  const wrong = await on.ask('/v1/chat/completions?model=http%3A%2F%2F127.0.0.1', {
    messages,
    model: 'other',
  })
  assert.equal(wrong.status, 400)
  const empty = await on.ask('/v1/chat/completions?model=', { messages, model: 'other' })
  assert.equal(empty.json().model, 'other', empty.text)
  const elsewhere = await on.ask('/v1/responses?model=star', { input: 'x', model: 'other' })
  assert.equal(elsewhere.json().model, 'other')
  assert.equal(lead.requests.length, 4)
})
