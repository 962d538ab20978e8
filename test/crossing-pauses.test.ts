import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isObject, type JsonObject } from '../src/wire/json.ts'
import { MASTER_KEY, play } from './support/harness.ts'
import { startPuppet } from './support/puppet.ts'

/**
 * Claude pauses a long turn in which Anthropic's own tools work (`pause_turn`): who sends it back gets the rest. In its own
 * dialect that arrives as it is; in another it is an answer that is not whole, never one that is.
 */

const USAGE = { input_tokens: 3, output_tokens: 5 }
const SAID = { type: 'text', text: 'I look it up.' }
const SEARCH = { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: { query: 'x' } }
const PAUSED = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'm',
  content: [SAID, SEARCH],
  stop_reason: 'pause_turn',
  stop_sequence: null,
  usage: USAGE,
}
const EVENTS = [
  { type: 'message_start', message: { ...PAUSED, content: [], stop_reason: null } },
  { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: SAID.text } },
  { type: 'content_block_stop', index: 0 },
  { type: 'message_delta', delta: { stop_reason: 'pause_turn', stop_sequence: null }, usage: USAGE },
  { type: 'message_stop' },
]
  .map(event => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
  .join('')

const messages = [{ role: 'user', content: 'x' }]
type Door = {
  readonly path: string
  readonly body: JsonObject
  readonly ends: RegExp
  readonly stream?: string
}
const DOORS: Readonly<Record<string, Door>> = {
  messages: {
    path: '/v1/messages',
    body: { max_tokens: 9, messages },
    ends: /"stop_reason":"pause_turn"/,
  },
  chat: { path: '/v1/chat/completions', body: { messages }, ends: /"finish_reason":"length"/ },
  completions: { path: '/v1/completions', body: { prompt: 'x' }, ends: /"finish_reason":"length"/ },
  responses: {
    path: '/v1/responses',
    body: { input: 'x', store: false },
    ends: /"status":"incomplete",.*"incomplete_details":\{"reason":"pause_turn"\}/,
  },
  gemini: {
    path: '/v1beta/models/claude:generateContent',
    stream: '/v1beta/models/claude:streamGenerateContent?alt=sse',
    body: { contents: [{ role: 'user', parts: [{ text: 'x' }] }] },
    ends: /"finishReason":"MAX_TOKENS"/,
  },
}

for (const [name, { path, body, ends, stream }] of Object.entries(DOORS))
  for (const streamed of [false, true])
    test(`${name}${streamed ? ', streamed' : ''}: a turn that is paused has not ended`, async t => {
      const puppet = await startPuppet(t)
      const litellm_params = {
        model: 'anthropic/m',
        api_base: puppet.baseUrl.replace(/\/v1$/, ''),
        api_key: 'k',
      }
      const { send } = await play(t, { config: { model_list: [{ model_name: 'claude', litellm_params }] } })
      const named = name === 'gemini' ? {} : { model: 'claude', ...(streamed ? { stream: true } : {}) }
      const client = await send({
        path: streamed && stream !== undefined ? stream : path,
        headers: [
          ['authorization', `Bearer ${MASTER_KEY}`],
          ['anthropic-version', '2023-06-01'],
        ],
        body: { ...named, ...body },
      })
      const call = await puppet.next()
      call.head({ 'content-type': streamed ? 'text/event-stream' : 'application/json' })
      call.end(streamed ? EVENTS : JSON.stringify(PAUSED))
      assert.equal((await client.head()).status, 200)
      const text = String(await client.body())
      assert.match(text, ends)
      assert.match(text, /I look it up\./)
      if (name === 'messages' && !streamed) {
        const told: unknown = JSON.parse(text)
        assert.deepEqual(isObject(told as JsonObject) && told, { ...PAUSED, model: 'claude' })
      }
    })
