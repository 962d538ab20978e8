import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { openRaw } from '../../test/support/raw.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { type Stage, type StageOptions, startStage } from './stage.ts'

const open = async (t: TestContext, options: StageOptions = {}): Promise<Stage> => {
  const stage = await startStage(options)
  t.after(() => stage.close())
  return stage
}

/** The error object of the answer; {} for a success. */
const errorOf = async (stage: Stage, path: string, body?: object): Promise<JsonObject> => {
  const client = await openRaw(stage.origin)
  const base = new URL(stage.baseUrl).pathname
  await client.request({
    path: base + path,
    headers: [['authorization', `Bearer ${stage.key}`]],
    ...(body === undefined ? {} : { body }),
  })
  const head = await client.head()
  const answer: Json = JSON.parse((await client.body()).toString())
  client.leave()
  if (head.status < 400) return {}
  return isObject(answer) && isObject(answer.error) ? answer.error : { message: 'no error object' }
}

test('a key inside an input item is refused with its place', async t => {
  const stage = await open(t)
  const user = { role: 'user', content: 'a' }
  const create = (...input: object[]) => errorOf(stage, '/responses', { model: 'gpt-4.1', input })
  assert.deepEqual(await create(user, { type: 'message', ...user }), {})
  assert.equal(
    (await create(user, { ...user, metadata: {} })).message,
    "Unknown parameter: 'input[1].metadata'.",
  )
  const compaction = { type: 'compaction', encrypted_content: 'x', created_by: 'someone' }
  assert.equal((await create(compaction, user)).param, 'input[0].created_by')
  assert.equal((await create({ type: 'encore' }, user)).code, 'invalid_value')
  assert.equal((await create({ type: 'compaction_trigger' }, user)).code, 'invalid_value')
})

test('an item whose id is not of its kind, or is too long, is refused with its place', async t => {
  const stage = await open(t)
  const call = { type: 'function_call', call_id: 'call_1', name: 'look', arguments: '{}' }
  const result = { type: 'function_call_output', call_id: 'call_1', output: 'seen' }
  const create = (item: object) => errorOf(stage, '/responses', { model: 'gpt-4.1', input: [item, result] })
  assert.deepEqual(await create({ ...call, id: 'fc_1' }), {})
  assert.deepEqual(await create(call), {})
  for (const [item, says] of [
    [{ ...call, id: 'toolu_1' }, "Invalid 'input[0].id': 'toolu_1'. Expected an ID that begins with 'fc'."],
    [
      { type: 'message', role: 'assistant', content: 'a', id: 'chatcmpl-1' },
      "Invalid 'input[0].id': 'chatcmpl-1'. Expected an ID that begins with 'msg'.",
    ],
    [
      { ...call, call_id: 'x'.repeat(65) },
      "Invalid 'input[0].call_id': string too long. Expected a string with maximum length 64, but got a string with length 65 instead.",
    ],
  ] as const)
    assert.equal((await create(item)).message, says)
})

test('a key inside a message, or in the query, is refused', async t => {
  const stage = await open(t)
  const chat = (message: object) =>
    errorOf(stage, '/chat/completions', { model: 'gpt-4.1', messages: [message] })
  assert.equal(
    (await chat({ role: 'user', content: 'a', cache_control: {} })).param,
    'messages[0].cache_control',
  )
  assert.equal((await chat({ content: 'a' })).code, 'missing_required_parameter')
  assert.equal((await errorOf(stage, '/models?custom_llm_provider=openai')).param, 'custom_llm_provider')
  assert.equal((await errorOf(stage, '/files?limit=2&limit=3')).param, 'limit')
  assert.deepEqual(await errorOf(stage, '/files?limit=2&purpose=batch'), {})
})

test('stream_options without a stream, metadata that is no text, and a body where none belongs are refused', async t => {
  const stage = await open(t)
  const hello = { model: 'gpt-4.1', messages: [{ role: 'user', content: 'a' }] }
  const chat = (more: object) => errorOf(stage, '/chat/completions', { ...hello, ...more })
  assert.equal((await chat({ stream_options: { include_usage: true } })).param, 'stream_options')
  assert.equal((await chat({ metadata: { retries: 3 } })).param, 'metadata.retries')
  assert.deepEqual(await chat({ metadata: { scene: '3' } }), {})
  assert.equal((await errorOf(stage, '/batches/batch_1/cancel', { metadata: {} })).code, 'unexpected_body')
})

test('a provider wider than its description can be played', async t => {
  const stage = await open(t, { accepts: ['client_metadata'] })
  assert.deepEqual(
    await errorOf(stage, '/responses', { model: 'gpt-4.1', input: 'a', client_metadata: {} }),
    {},
  )
  assert.equal(
    (await errorOf(stage, '/responses', { model: 'gpt-4.1', input: 'a', other: {} })).param,
    'other',
  )
})

test('prefill: taken as one more message, gone on from, or rejected', async t => {
  const body = {
    model: 'gpt-4.1',
    messages: [
      { role: 'user', content: 'a' },
      { role: 'assistant', content: 'The understudy' },
    ],
  }
  const said = async (stage: Stage): Promise<string> => {
    const client = await openRaw(stage.origin)
    await client.request({
      path: '/v1/chat/completions',
      headers: [['authorization', `Bearer ${stage.key}`]],
      body,
    })
    await client.head()
    const answer = JSON.parse((await client.body()).toString())
    client.leave()
    return answer.choices?.[0].message.content ?? answer.error.message
  }
  assert.equal(await said(await open(t)), 'The understudy knows every line.')
  assert.equal(await said(await open(t, { prefill: 'continue' })), ' knows every line.')
  assert.match(await said(await open(t, { prefill: 'reject' })), /does not support assistant message prefill/)
})

test('what was wrong with a request is recorded even when a fault answered it', async t => {
  const stage = await open(t)
  stage.script([{ kind: 'status', status: 503 }])
  await errorOf(stage, '/responses', { model: 'gpt-4.1', input: 'a', model_group: 'star' })
  const hit = stage.requests[0]
  assert.equal(hit?.answered.status, 503)
  assert.equal(hit?.refusal?.error.param, 'model_group')
})

test('an id that is not encoded properly is an unknown id, not the end of the stage', async t => {
  const stage = await open(t)
  assert.match(String((await errorOf(stage, '/files/%E0%A4%A')).message), /No such File object/)
  assert.deepEqual(await errorOf(stage, '/models'), {})
})
