import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../src/wire/json.ts'
import { MASTER_KEY, play } from './support/harness.ts'
import { startPuppet } from './support/puppet.ts'

/** An event whose data is edited on its way keeps everything else that its provider wrote around it. */

type Row = {
  readonly model: string
  readonly path: string
  readonly body: JsonObject
  readonly event: string
  readonly rest?: string
}

const FIRST = { id: 'a', object: 'chat.completion.chunk', created: 1, model: 'm' }
const choice = (delta: JsonObject): JsonObject => ({ index: 0, delta, finish_reason: 'stop' })
const chat = { path: '/v1/chat/completions', body: { messages: [{ role: 'user', content: 'x' }] } }
const data = (value: JsonObject): string => `data: ${JSON.stringify(value)}\n`
const RESPONSE = {
  id: 'resp_1',
  object: 'response',
  created_at: 1,
  model: 'm',
  status: 'completed',
  output: [],
}
const MESSAGE = { id: 'msg_1', type: 'message', role: 'assistant', model: 'm', content: [], usage: {} }

const ROWS: Readonly<Record<string, Row>> = {
  chat: { ...chat, model: 'openai/m', event: data({ ...FIRST, choices: [choice({ content: 'hi' })] }) },
  'content in parts': {
    ...chat,
    model: 'mistral/m',
    event: data({ ...FIRST, choices: [choice({ content: [{ type: 'text', text: 'hi' }] })] }),
  },
  responses: {
    model: 'openai/m',
    path: '/v1/responses',
    body: { input: 'x', store: false },
    event: `event: response.completed\n${data({ type: 'response.completed', sequence_number: 1, response: RESPONSE })}`,
  },
  messages: {
    model: 'anthropic/m',
    path: '/v1/messages',
    body: { max_tokens: 9, messages: [{ role: 'user', content: 'x' }] },
    event: `event: message_start\n${data({ type: 'message_start', message: MESSAGE })}`,
    rest: [
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: 'hi' } },
      { type: 'content_block_stop', index: 0 },
      { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 1 } },
      { type: 'message_stop' },
    ]
      .map(event => `event: ${event.type}\n${data(event)}\n`)
      .join(''),
  },
  gemini: {
    model: 'gemini/m',
    path: '/v1beta/models/first:streamGenerateContent?alt=sse',
    body: { contents: [{ role: 'user', parts: [{ text: 'x' }] }] },
    event: data({
      candidates: [{ index: 0, content: { role: 'model', parts: [{ text: 'hi' }] }, finishReason: 'STOP' }],
      modelVersion: 'm',
    }),
  },
}

const namesOf = (text: string): readonly string[] =>
  text.split('\n').map(line => (line.startsWith('data') ? 'data' : line))

for (const [what, { model, path, body, event, rest = '' }] of Object.entries(ROWS))
  test(`${what}: an event that is edited keeps its id, its retry and its comments, in their order`, async t => {
    const puppet = await startPuppet(t)
    const params = { model, api_base: puppet.baseUrl.replace(/\/v1$/, model.startsWith('a') ? '' : '/v1') }
    const { send } = await play(t, {
      config: { model_list: [{ model_name: 'first', litellm_params: { ...params, api_key: 'k' } }] },
    })
    const client = await send({
      path,
      headers: [['authorization', `Bearer ${MASTER_KEY}`]],
      body: { ...(path.includes('first') ? {} : { model: 'first', stream: true }), ...body },
    })
    const block = `: cue\nid: 7\n${event}retry: 1500\nown: x\n\n`
    const call = await puppet.next()
    call.events()
    call.end(block + rest)
    await client.head()
    const text = String(await client.body())
    assert.ok(text.includes('"first"') || what === 'content in parts', text)
    assert.deepEqual(namesOf(text.slice(0, text.indexOf('\n\n') + 2)), namesOf(block))
  })
