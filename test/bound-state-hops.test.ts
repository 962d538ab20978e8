import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import type { Stage } from '../src/stage/stage.ts'
import type { Json } from '../src/wire/json.ts'
import { question, troupe } from './bound-state.fixture.ts'
import { bodies, CHAT, down, dropped, itemsOf, said } from './repairs.fixture.ts'
import { assertNothingRefused } from './support/canary.ts'

/** State whose owner nobody knows, and state that a hop to another account goes without. */

const { house, within, ask, assertSeen, clear, fresh, made, store, upload, left, right, azure } =
  await troupe({
    after,
  })
beforeEach(clear)

test('what nobody knows stays with the account that was asked first, retries and fallbacks included', async () => {
  const request = { tools: [{ type: 'file_search', vector_store_ids: ['vs_elsewhere'] }] }
  for (const stage of [left, right]) down(stage)
  const reply = await ask('pair', request)
  assert.equal(reply.status, 503)
  assert.equal(said(reply).param, 'tools[0].vector_store_ids[0]')
  assert.equal([left, right].filter(stage => stage.requests.length > 0).length, 1, 'one of the two')
})

test('ids of two accounts in one call are refused', async () => {
  const there = made('cntr_there', right)
  assert.equal((await ask('right', { tools: [{ type: 'code_interpreter', container: there }] })).status, 200)
  const reply = await ask('pair', {
    tools: [
      { type: 'file_search', vector_store_ids: [await store()] },
      { type: 'code_interpreter', container: there },
    ],
  })
  assert.equal(reply.status, 400)
  assert.match(String(said(reply).message), /two different providers/)
})

test('an approval goes with its request, and without it to who was asked', async () => {
  const request = {
    type: 'mcp_approval_request',
    id: 'mcpr_1',
    server_label: 'm',
    name: 'f',
    arguments: '{}',
  }
  const response = { type: 'mcp_approval_response', approval_request_id: 'mcpr_1', approve: true }
  down(left)
  const whole = await ask('left', { input: [question('x'), request, response] })
  assert.equal(whole.status, 200, whole.text)
  assert.equal(right.requests.length, 1)
  const bare = await ask('left', { input: [question('x'), response] })
  assert.equal(bare.status, 503)
  assert.equal(said(bare).param, 'input[1].approval_request_id')
  assert.equal(right.requests.length, 1)
})

test('files of chat and of Messages stay, too', async () => {
  const file = await upload()
  down(left)
  const content = [{ type: 'file', file: { file_id: file } }]
  const reply = await house.ask(CHAT, { model: 'left', messages: [{ role: 'user', content }] })
  assert.equal(reply.status, 503, reply.text)
  assert.equal(said(reply).param, 'messages[0].content[0].file.file_id')
  assertSeen(left.requests.length, 0, 0, 0)
})

test('the secrets of an MCP server go to the provider, and into no log, trail or error', async () => {
  const before = (await within.records()).length
  const tools = [
    {
      type: 'mcp',
      server_label: 'm',
      server_url: 'https://mcp.test/sse',
      authorization: 'canary-authorization',
      headers: { 'x-key': 'canary-header' },
    },
  ]
  assert.equal((await ask('left', { tools })).status, 200)
  assert.ok(left.requests[0]?.text.includes('canary-authorization'))
  assert.ok(left.requests[0]?.text.includes('canary-header'))
  down(left)
  const crossed = await ask('left', { tools })
  for (const stage of [right, azure]) down(stage)
  const failed = await ask('left', { tools })
  assert.equal(crossed.status, 200)
  for (const reply of [crossed, failed])
    assert.ok(!/canary/.test(JSON.stringify([reply.headers, reply.text])))
  const records = await within.recorded(before + 3)
  assert.ok(!JSON.stringify(records).includes('canary'))
})

test('ids that another account gave are left out of a hop, call_id stays, and clients keep their own', async () => {
  const tool = { type: 'function', name: 'f', parameters: { type: 'object', properties: {} }, strict: false }
  const first = await ask('left', { input: [question('[stage:tool] x')], tools: [tool], store: false })
  const output = itemsOf({ input: first.json().output ?? null })
  const call = output.find(item => item.type === 'function_call')
  assert.ok(call !== undefined)
  const input = [
    { ...question('x'), id: 'msg_ours' },
    ...output,
    { type: 'function_call_output', id: 'fco_ours', call_id: call.call_id ?? '', output: 'y' },
  ]
  left.clear()
  assert.equal((await ask('left', { input, tools: [tool], store: false })).status, 200)
  assert.deepEqual(itemsOf(bodies(left)[0]), input, 'its maker gets it as it is')
  down(left)
  const reply = await ask('left', { input, tools: [tool], store: false })
  assert.equal(reply.status, 200, reply.text)
  const sent = itemsOf(bodies(right)[0])
  assert.deepEqual(
    sent.map(item => item.id),
    ['msg_ours', undefined, 'fco_ours'],
  )
  assert.deepEqual(
    sent.map(item => item.call_id),
    [undefined, call.call_id, call.call_id],
  )
  assert.deepEqual(dropped(reply), ['input[1].id'])
  assertNothingRefused(right.requests)
})

test('a response to compare caches with is opened for its maker, and left out for everybody else', async () => {
  const first = await ask('left', {})
  const id = String(first.json().id)
  const raw = [...left.memory.responses.keys()].at(-1)
  const options = { prompt_cache_options: { mode: 'implicit', comparison_response_id: id } }
  const own = await ask('left', options)
  assert.equal(own.status, 200, own.text)
  const optionsAt = (stage: Stage): Json | undefined => bodies(stage).at(-1)?.prompt_cache_options
  assert.deepEqual(optionsAt(left), { mode: 'implicit', comparison_response_id: raw })
  down(left)
  const crossed = await ask('left', options)
  assert.equal(crossed.status, 200, crossed.text)
  assert.deepEqual(optionsAt(right), { mode: 'implicit' })
  assert.deepEqual(dropped(crossed), ['prompt_cache_options.comparison_response_id'])
})

test('a background run is read, cancelled and deleted at its owner’s alone, and never begun anew', async () => {
  const begun = await ask('left', { background: true })
  const id = String(begun.json().id)
  down(left)
  for (const [method, path] of [
    ['GET', `/v1/responses/${id}`],
    ['POST', `/v1/responses/${id}/cancel`],
    ['GET', `/v1/responses/${id}/input_items`],
    ['DELETE', `/v1/responses/${id}`],
  ] as const) {
    const reply = await house.ask(path, undefined, { method })
    assert.equal(reply.status, 503, `${method} ${path}`)
  }
  assert.equal(left.requests.filter(hit => hit.method === 'POST' && hit.path === '/v1/responses').length, 1)
  assertSeen(left.requests.length, 0, 0, 0)
})

test('keys of a prompt cache go on as they are, and are left out where they are not known', async () => {
  const keys = { prompt_cache_key: 'thread-1', prompt_cache_options: { mode: 'implicit' } }
  down(left)
  const reply = await ask('left', keys)
  assert.equal(reply.status, 200)
  assert.equal(bodies(right)[0]?.prompt_cache_key, 'thread-1')
  down(right)
  const far = await ask('left', keys)
  assert.equal(far.status, 200, far.text)
  assert.deepEqual(dropped(far), ['prompt_cache_key', 'prompt_cache_options'])
})

test('the trail says what bound the call', async () => {
  const before = (await within.records()).length
  down(left)
  await ask('left', { prompt: { id: fresh('pmpt_') } })
  const [record] = (await within.recorded(before + 1)).slice(before)
  const last = record?.steps.at(-1)
  assert.match(String(last?.next), /prompt\.id binds the call/)
})
