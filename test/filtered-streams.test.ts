import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../src/wire/json.ts'
import { deployment, play, type Reply } from './support/harness.ts'
import { type Puppet, startPuppet } from './support/puppet.ts'
import { asked, chat, message, response } from './support/steady.ts'

/** A stream that a content filter ended before its first word takes the way that a whole answer takes. */

const sse = (events: readonly JsonObject[], end = ''): string =>
  events
    .map(event => {
      const named = typeof event.type === 'string' ? `event: ${event.type}\n` : ''
      return `${named}data: ${JSON.stringify(event)}\n\n`
    })
    .join('') + end

const chunk = (delta: JsonObject, finish: string | null): JsonObject => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'm',
  choices: [{ index: 0, delta, finish_reason: finish }],
})
const stored = (status: string, more: JsonObject = {}): JsonObject => ({
  id: 'resp_1',
  object: 'response',
  created_at: 1,
  model: 'm',
  output: [],
  status,
  ...more,
})
const started: JsonObject = {
  type: 'message_start',
  message: {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'm',
    content: [],
    stop_reason: null,
    usage: { input_tokens: 3, output_tokens: 1 },
  },
}

type Door = {
  readonly path: string
  readonly body: JsonObject
  readonly provider: string
  /** What the provider says when its filter left nothing over. */
  readonly emptied: string
  /** The same behind a first word. */
  readonly cut: string
}

const filtered = { incomplete_details: { reason: 'content_filter' } }
const refusal: JsonObject = {
  type: 'message_delta',
  delta: { stop_reason: 'refusal', stop_sequence: null },
  usage: { output_tokens: 1 },
}
const created: JsonObject = { type: 'response.created', sequence_number: 0, response: stored('in_progress') }
const incomplete = (number: number): JsonObject => ({
  type: 'response.incomplete',
  sequence_number: number,
  response: stored('incomplete', filtered),
})

const DOORS: Readonly<Record<string, Door>> = {
  chat: {
    path: '/v1/chat/completions',
    body: chat('a', { stream: true }),
    provider: 'openai',
    emptied: sse(
      [chunk({ role: 'assistant', content: '' }, null), chunk({}, 'content_filter')],
      'data: [DONE]\n\n',
    ),
    cut: sse(
      [chunk({ role: 'assistant', content: 'No' }, null), chunk({}, 'content_filter')],
      'data: [DONE]\n\n',
    ),
  },
  responses: {
    path: '/v1/responses',
    body: response('a', { stream: true }),
    provider: 'openai',
    emptied: sse([created, incomplete(1)]),
    cut: sse([
      created,
      {
        type: 'response.output_text.delta',
        sequence_number: 1,
        item_id: 'msg_1',
        output_index: 0,
        content_index: 0,
        delta: 'No',
      },
      incomplete(2),
    ]),
  },
  messages: {
    path: '/v1/messages',
    body: message('a', { stream: true }),
    provider: 'anthropic',
    emptied: sse([started, refusal, { type: 'message_stop' }]),
    cut: sse([
      started,
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'No' } },
      { type: 'content_block_stop', index: 0 },
      refusal,
      { type: 'message_stop' },
    ]),
  },
}

const answer = async (puppet: Puppet, bytes: string, asking: Promise<Reply>): Promise<Reply> => {
  const call = await puppet.next()
  call.events()
  call.end(bytes)
  return asking
}

for (const [name, { path, body, provider, emptied, cut }] of Object.entries(DOORS))
  test(`M-032 ${name}: what a filter emptied follows content_policy_fallbacks, streamed as whole`, async t => {
    const puppet = await startPuppet(t)
    const theatre = await play(t, {
      stages: { backup: { models: ['*'] } },
      config: ({ backup }) => ({
        model_list: [
          {
            model_name: 'a',
            litellm_params: {
              model: `${provider}/m`,
              api_base: provider === 'anthropic' ? puppet.baseUrl.replace(/\/v1$/, '') : puppet.baseUrl,
              api_key: 'sk-puppet',
            },
          },
          deployment('b', backup, 'b'),
        ],
        router_settings: { num_retries: 0, content_policy_fallbacks: [{ a: ['b'] }] },
      }),
    })
    const { backup } = theatre.stages
    const saved = await answer(puppet, emptied, theatre.ask(path, body))
    assert.equal(saved.status, 200)
    assert.equal(saved.headers['x-litellm-model-group'], 'b')
    assert.deepEqual(asked(backup), ['b'])
    // With nobody to go to, the filter's end is the answer.
    const alone = await answer(puppet, emptied, theatre.ask(path, { ...body, disable_fallbacks: true }))
    assert.equal(alone.status, 200)
    assert.match(alone.text, /content_filter|refusal/)
    // What was said stands.
    const begun = await answer(puppet, cut, theatre.ask(path, body))
    assert.equal(begun.headers['x-litellm-model-group'], 'a')
    assert.match(begun.text, /No/)
    assert.equal(backup.requests.length, 1)
  })
