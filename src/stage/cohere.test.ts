import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { JsonObject } from '../wire/json.ts'
import { type Stage, startStage } from './stage.ts'

/** What the simulated Cohere refuses, and in which words. */

const PLUS = 'command-r-plus-08-2024'

let stage: Stage
before(async () => {
  stage = await startStage({
    flavour: 'cohere',
    name: 'c',
    models: [PLUS, 'embed-english-v3.0', 'rerank-v3.5'],
  })
})
after(() => stage.close())

const post = async (path: string, body: unknown, headers: Readonly<Record<string, string>> = {}) => {
  const response = await fetch(`${stage.origin}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${stage.key}`, ...headers },
    body: JSON.stringify(body),
  })
  return { status: response.status, text: await response.text() }
}

const user = { role: 'user', content: 'hi' }
const call = { id: 'look_1', type: 'function', function: { name: 'look', arguments: '{}' } }
const calling = { role: 'assistant', tool_plan: 'I look.', tool_calls: [call] }
const result = { role: 'tool', tool_call_id: 'look_1', content: 'nobody' }
const tool = (name: string, required?: readonly string[]) => ({
  type: 'function',
  function: { name, parameters: { type: 'object', properties: {}, ...(required ? { required } : {}) } },
})

describe('a chat that breaks a rule', () => {
  const rows: readonly (readonly [name: string, more: object, says: RegExp])[] = [
    ['an unknown member', { top_p: 1 }, /parameter 'top_p' is not a valid field/],
    ['an unknown member within', { messages: [{ ...user, name: 'x' }] }, /'messages\[0\]\.name' is not/],
    ['a wrong type', { max_tokens: '1' }, /parameter max_tokens should be of type integer/],
    ['a word of others', { tool_choice: 'auto', tools: [tool('look')] }, /REQUIRED\|NONE/],
    ['no messages', { messages: undefined }, /required field 'messages' is missing/],
    ['nobody speaks', { messages: [{ role: 'system', content: 'a' }] }, /at least 1 token/],
    ['a role of others', { messages: [{ role: 'developer', content: 'a' }] }, /Role must be one of/],
    [
      'a late system message',
      { messages: [user, { role: 'system', content: 'a' }] },
      /system turn must be the first/,
    ],
    ['an empty message', { messages: [{ role: 'user', content: ' ' }] }, /must not be empty in a turn/],
    ['a result without its call', { messages: [user, result] }, /id not found in previous tool calls/],
    ['an id twice', { messages: [user, calling, result, calling] }, /duplicate tool ids/],
    [
      'a picture of the assistant',
      { messages: [user, { role: 'assistant', content: [{ type: 'image_url', image_url: { url: 'u' } }] }] },
      /not valid for the role assistant/,
    ],
    ['a name with a hyphen', { tools: [tool('look-at')] }, /\(A-Za-z0-9_\)/],
    ['a choice among nothing', { tool_choice: 'NONE' }, /tools are provided/],
    [
      'strict tools without a required parameter',
      { strict_tools: true, tools: [tool('look')] },
      /required parameter/,
    ],
    [
      'a form beside tools',
      { response_format: { type: 'json_object' }, tools: [tool('look')] },
      /not supported with tools/,
    ],
    [
      'a form beside documents',
      { response_format: { type: 'json_object' }, documents: ['a'] },
      /not supported with RAG/,
    ],
    ['a hot temperature', { temperature: 1.5 }, /temperature must be between 0 and 1/],
    ['p beyond its end', { p: 1 }, /p must be between 0\.01 and 0\.99/],
    ['six stops', { stop_sequences: ['a', 'b', 'c', 'd', 'e', 'f'] }, /at most 5/],
    ['thoughts of a model without', { thinking: { type: 'enabled' } }, /thinking is not supported/],
  ]
  for (const [name, more, says] of rows)
    test(name, async () => {
      const { status, text } = await post('/v2/chat', { model: PLUS, messages: [user], ...more })
      assert.ok(status === 400 || status === 422, text)
      assert.match((JSON.parse(text) as { readonly message: string }).message, says)
    })
})

test('keys, paths, models and heads', async () => {
  const chat = { model: PLUS, messages: [user] }
  const statuses = [
    await post('/v2/chat', chat, { authorization: 'Bearer other' }),
    await post('/v2/chat', chat, { 'x-api-key': 'a' }),
    await post('/v1/chat', chat),
    await post('/v2/chat?beta=true', chat),
    await post('/v2/chat', { ...chat, model: 'gpt-4.1' }),
  ].map(({ status }) => status)
  assert.deepEqual(statuses, [401, 400, 404, 400, 404])
  const none = await fetch(`${stage.origin}/v2/chat`, { method: 'POST', body: '{}' })
  assert.deepEqual([none.status, ((await none.json()) as JsonObject).message], [401, 'no api key supplied'])
})

test('a task: plan and call, then the answer from a document, whole and streamed', async () => {
  const tools = [tool('look', ['at'])]
  const asked = { model: PLUS, messages: [{ role: 'user', content: '[stage:tool] Go.' }], tools }
  const whole = JSON.parse((await post('/v2/chat', asked)).text) as JsonObject
  assert.equal(whole.finish_reason, 'TOOL_CALL')
  const { text } = await post('/v2/chat', { ...asked, stream: true })
  const types = [...text.matchAll(/^event: (.+)$/gm)].map(([, type]) => type)
  assert.deepEqual(
    [types[0], types.includes('tool-plan-delta'), types.at(-2), types.at(-1)],
    ['message-start', true, 'tool-call-end', 'message-end'],
  )
  const told = await post('/v2/chat', {
    model: PLUS,
    messages: [user, calling, result],
    documents: [{ id: 'd1', data: { title: 'Hamlet' } }],
    stream: true,
  })
  assert.match(told.text, /event: citation-start\ndata: .*"id":"d1"/)
  assert.match(told.text, /"finish_reason":"COMPLETE"/)
})

describe('embed and rerank', () => {
  const embed = { model: 'embed-english-v3.0', input_type: 'search_query', texts: ['a'] }
  const rank = { model: 'rerank-v3.5', query: 'a', documents: ['a', 'b'] }
  const rows: readonly (readonly [path: string, body: object, says: RegExp])[] = [
    ['/v2/embed', { ...embed, input_type: undefined }, /'input_type' is missing/],
    ['/v2/embed', { ...embed, input: 'a' }, /'input' is not a valid field/],
    ['/v2/embed', { ...embed, texts: Array.from({ length: 97 }, () => 'a') }, /at most 96 - received 97/],
    ['/v2/embed', { ...embed, texts: ['a', ''] }, /empty string at index 1/],
    ['/v2/embed', { ...embed, texts: undefined, images: ['data:image/png;base64,AA=='] }, /input_type=image/],
    ['/v2/embed', { ...embed, output_dimension: 256 }, /not supported by model/],
    ['/v2/rerank', { ...rank, documents: [] }, /list of documents must not be empty/],
    ['/v2/rerank', { ...rank, query: ' ' }, /query must not be empty/],
    ['/v2/rerank', { ...rank, return_documents: true }, /'return_documents' is not a valid field/],
    ['/v2/rerank', { ...rank, documents: [{ text: 'a' }] }, /should be of type string/],
    ['/v1/rerank', { ...rank, max_tokens_per_doc: 10 }, /'max_tokens_per_doc' is not a valid field/],
  ]
  for (const [path, body, says] of rows)
    test(`${path}: ${says.source}`, async () => {
      const { status, text } = await post(path, body)
      assert.ok(status === 400 || status === 422, text)
      assert.match(text, says)
    })

  test('every kind of vector', async () => {
    const kinds = ['float', 'int8', 'uint8', 'base64']
    const { text } = await post('/v2/embed', { ...embed, embedding_types: kinds })
    assert.deepEqual(Object.keys((JSON.parse(text) as { readonly embeddings: object }).embeddings), kinds)
  })
})
