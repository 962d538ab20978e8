import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { JsonObject } from '../wire/json.ts'
import { type Stage, startStage } from './stage.ts'

/** What the simulated Mistral refuses, and in which words. */

let stage: Stage
before(async () => {
  stage = await startStage({ flavour: 'mistral', name: 'm', models: ['mistral-large-latest'] })
})
after(() => stage.close())

const post = async (body: object, path = '/v1/chat/completions', key = stage.key) => {
  const response = await fetch(`${stage.origin}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: 'mistral-large-latest', ...body }),
  })
  return { status: response.status, text: await response.text() }
}

const user = { role: 'user', content: 'hi' }
const call = (id: string) => ({ id, type: 'function', function: { name: 'look', arguments: '{}' } })

describe('a chat completion that breaks a rule', () => {
  const rows: readonly (readonly [name: string, more: object, status: number, says: RegExp])[] = [
    ['an unknown member', { seed: 1 }, 422, /"loc":\["body","seed"\],"msg":"Extra inputs/],
    ['the newer limit', { max_completion_tokens: 1 }, 422, /max_completion_tokens/],
    ['stream options', { stream: true, stream_options: {} }, 422, /stream_options/],
    ['a user with a name', { messages: [{ ...user, name: 'a' }] }, 422, /"messages",0,"user","name"/],
    [
      'thoughts',
      { messages: [{ role: 'assistant', content: '', reasoning_content: '' }] },
      422,
      /reasoning_content/,
    ],
    ['a developer', { messages: [{ role: 'developer', content: '' }] }, 422, /union_tag_invalid/],
    ['an effort of others', { reasoning_effort: 'low' }, 422, /'none', 'high'/],
    [
      'a long id',
      { messages: [user, { role: 'assistant', tool_calls: [call('call_1')] }] },
      400,
      /length of 9/,
    ],
    [
      'a long id of a result',
      { messages: [{ role: 'tool', tool_call_id: 'call_1', content: '' }] },
      400,
      /3280/,
    ],
    ['an unknown model', { model: 'gpt-4.1' }, 400, /Invalid model/],
  ]
  for (const [name, more, status, says] of rows)
    test(name, async () => {
      const answer = await post({ messages: [user], ...more })
      assert.equal(answer.status, status, answer.text)
      assert.match(answer.text, says)
      assert.equal((JSON.parse(answer.text) as JsonObject).object, 'error')
    })
})

test('keys and paths', async () => {
  assert.equal((await post({ messages: [user] }, undefined, 'other')).status, 401)
  assert.equal((await post({ input: 'a' }, '/v1/responses')).status, 404)
  assert.equal((await post({ input: ['a'] }, '/v1/embeddings')).status, 200)
  assert.equal((await post({ input: ['a'], user: 'me' }, '/v1/embeddings')).status, 422)
})

test('calls have nine letters and digits, and a stream tells its usage unasked', async () => {
  const tools = [{ type: 'function', function: { name: 'look', parameters: {} } }]
  const { text } = await post({ messages: [user], tools, tool_choice: 'any' })
  assert.match(text, /"id":"[a-z0-9]{9}","type":"function"/)
  assert.match((await post({ messages: [user], stream: true })).text, /"usage":\{"prompt_tokens"/)
})
