import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import type { JsonObject } from '../src/wire/json.ts'
import { deployment, play } from './support/harness.ts'
import { always } from './support/proofs.ts'
import { steady } from './support/steady.ts'

/** What an operator adds to every body must not make one of them a body that no provider takes. */

const TOOLS = [
  { type: 'function', function: { name: 'cue', parameters: { type: 'object', properties: {} } } },
]

const house = await play(
  { after },
  {
    stages: { lead: {}, backup: {} },
    start: steady().start,
    config: ({ lead, backup }) => ({
      model_list: [
        deployment('older', lead, 'gpt-4.1', { max_tokens: 77 }),
        deployment('newer', lead, 'gpt-4.1', { max_completion_tokens: 77 }),
        deployment('needy', lead, 'gpt-4.1', {
          stream_options: { include_usage: true },
          tool_choice: 'auto',
          parallel_tool_calls: false,
          top_logprobs: 2,
        }),
        deployment('stubborn', lead, 'gpt-4.1', {
          extra_body: { stream: true },
          additional_drop_params: ['stream'],
        }),
        deployment('firm', lead, 'gpt-4.1', { max_tokens: 77, extra_body: { max_completion_tokens: 8 } }),
        deployment('streamer', lead, 'gpt-4.1', {
          extra_body: { stream: true },
          stream_options: { include_usage: true },
        }),
        deployment('backup', backup, 'gpt-4.1', { max_tokens: 77 }),
        deployment('firm-backup', backup, 'gpt-4.1', { extra_body: { max_completion_tokens: 8 } }),
      ],
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: [
          { older: [{ model: 'backup', max_completion_tokens: 9 }] },
          { stubborn: [{ model: 'backup', stream: true }] },
          { firm: [{ model: 'firm-backup', max_tokens: 9 }] },
        ],
      },
    }),
  },
)
const { lead, backup } = house.stages
beforeEach(() => {
  lead.clear()
  backup.clear()
})

const MESSAGES = [{ role: 'user', content: 'Hello' }]
const ask = async (model: string, more: JsonObject = {}) => {
  const reply = await house.ask('/v1/chat/completions', { model, messages: MESSAGES, ...more })
  assert.equal(reply.status, 200, reply.text)
}
const added = (stage: typeof lead): JsonObject => {
  const { model, messages, ...rest } = (stage.requests.at(-1)?.json ?? {}) as JsonObject
  assert.deepEqual([model, messages], ['gpt-4.1', MESSAGES])
  return rest
}

test('a client’s limit wins over the deployment’s under either of its names', async () => {
  await ask('older')
  assert.deepEqual(added(lead), { max_tokens: 77 })
  await ask('older', { max_completion_tokens: 30 })
  assert.deepEqual(added(lead), { max_completion_tokens: 30 })
  await ask('newer', { max_tokens: 30 })
  assert.deepEqual(added(lead), { max_tokens: 30 })
})

test('a fallback entry’s limit takes the place of the others, whatever they are called', async () => {
  for (const more of [{}, { max_tokens: 30 }, { max_completion_tokens: 30 }]) {
    lead.script(always({ kind: 'status', status: 503 }))
    await ask('older', more)
    assert.deepEqual(added(backup), { max_completion_tokens: 9 })
  }
})

test('the limit in extra_body takes the place of the client’s and of the default, a fallback entry’s that of all', async () => {
  for (const more of [{}, { max_tokens: 30 }, { max_completion_tokens: 30 }]) {
    await ask('firm', more)
    assert.deepEqual(added(lead), { max_completion_tokens: 8 })
    lead.script([{ kind: 'status', status: 503 }])
    await ask('firm', more)
    assert.deepEqual(added(backup), { max_tokens: 9 })
  }
})

test('a stream that only the deployment wishes brings no options for one', async () => {
  await ask('streamer')
  assert.deepEqual(added(lead), {})
})

test('where an endpoint has no such other parameter, a default needs none', async () => {
  const reply = await house.ask('/v1/responses', { model: 'needy', input: 'Hello' })
  assert.equal(reply.status, 200, reply.text)
  assert.deepEqual(lead.requests.at(-1)?.json, { model: 'gpt-4.1', input: 'Hello', top_logprobs: 2 })
})

test('a default that needs another parameter waits for it', async () => {
  await ask('needy')
  assert.deepEqual(added(lead), {})
  await ask('needy', { tools: TOOLS, logprobs: true })
  assert.deepEqual(added(lead), {
    tools: TOOLS,
    logprobs: true,
    tool_choice: 'auto',
    parallel_tool_calls: false,
    top_logprobs: 2,
  })
  await ask('needy', { stream: true })
  assert.deepEqual(added(lead), { stream: true, stream_options: { include_usage: true } })
})

test('both names of the limit from the client are the client’s, and the provider’s to refuse', async () => {
  const more = { max_tokens: 9, max_completion_tokens: 9 }
  const reply = await house.ask('/v1/chat/completions', { model: 'needy', messages: MESSAGES, ...more })
  assert.equal(reply.status, 400)
  assert.match(
    reply.text,
    /Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported/,
  )
  assert.deepEqual(added(lead), more)
})

test('whether an answer streams is the request’s to say: nothing that is added or dropped changes it', async () => {
  for (const fails of [false, true])
    for (const more of [{}, { stream: false }, { stream: true }] as readonly JsonObject[]) {
      if (fails) lead.script([{ kind: 'status', status: 503 }])
      const json = { model: 'stubborn', messages: MESSAGES, additional_drop_params: ['stream'], ...more }
      const reply = await house.ask('/v1/chat/completions', json)
      assert.equal(reply.status, 200, reply.text)
      const type = more.stream === true ? /^text\/event-stream/ : /^application\/json/
      assert.match(reply.headers['content-type'] ?? '', type)
      assert.equal(reply.headers['x-litellm-model-group'], fails ? 'backup' : 'stubborn')
    }
})
