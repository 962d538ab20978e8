import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import type { JsonObject } from '../src/wire/json.ts'
import { assertNothingRefused } from './support/canary.ts'
import { deployment, MASTER_KEY, play, type Reply } from './support/harness.ts'

/**
 * Threads of the Messages API. Anthropic's Python client (2.14) begins one for every run of its tools and sends only the
 * new turn from then on. The requests here are what it sends.
 */

const house = await play(
  { after },
  {
    stages: {
      lead: { flavour: 'anthropic', models: ['*'] },
      other: { flavour: 'anthropic', models: ['*'] },
      chat: {},
      google: { flavour: 'gemini', models: ['*'] },
      foundry: { flavour: 'azure_ai', models: ['*'] },
      cloud: { flavour: 'vertex_ai', models: ['*'] },
    },
    config: ({ lead, other, chat, google, foundry, cloud }) => ({
      model_list: [
        deployment('claude', lead, 'claude-sonnet-4-5'),
        deployment('elsewhere', other, 'claude-sonnet-4-5'),
        deployment('gpt', chat, 'gpt-4.1'),
        deployment('gemini', google, 'gemini-2.5-pro'),
        deployment('foundry', foundry, 'claude-sonnet-4-5'),
        {
          model_name: 'vertex',
          litellm_params: {
            model: 'vertex_ai/claude-sonnet-4-5',
            vertex_project: 'p',
            vertex_location: 'us-central1',
            api_base: cloud.origin,
            api_key: cloud.key,
          },
        },
      ],
      router_settings: { num_retries: 0, disable_cooldowns: true, fallbacks: [{ claude: ['gpt'] }] },
    }),
  },
)
const { lead, chat } = house.stages
beforeEach(() => {
  for (const stage of Object.values(house.stages)) stage.clear()
  lead.script([])
})

const HEADERS = [
  ['x-api-key', MASTER_KEY],
  ['anthropic-version', '2026-10-21'],
  ['anthropic-beta', 'message-threads-2026-08-12'],
  ['x-stainless-helper', 'BetaToolRunner, message-thread'],
  ['content-type', 'application/json'],
] as const

const TOOL: JsonObject = {
  name: 'get_weather',
  description: 'The weather.',
  input_schema: {
    additionalProperties: false,
    properties: { city: { title: 'City', type: 'string' } },
    required: ['city'],
    type: 'object',
  },
}
const WISH: JsonObject = { role: 'user', content: '[stage:call get_weather {"city": "Rome"}]' }

const ask = (body: JsonObject): Promise<Reply> =>
  house.ask('/v1/messages?beta=true', { max_tokens: 100, ...body }, { headers: HEADERS })

const begin = (model: string): Promise<Reply> =>
  ask({ messages: [WISH], model, thread: { type: 'create' }, tools: [TOOL] })

type Message = { readonly id: string; readonly content: readonly JsonObject[]; readonly stop_reason: string }
const messageOf = (reply: Reply): Message => {
  assert.equal(reply.status, 200, reply.text)
  return JSON.parse(reply.text)
}

/** The turn behind the call, as the client sends it: nothing of what the thread holds. */
const resultOf = ({ content }: Message): JsonObject => ({
  role: 'user',
  content: [{ type: 'tool_result', tool_use_id: content.at(-1)?.id ?? '', content: 'sun' }],
})
const goOn = (model: string, message: Message): Promise<Reply> =>
  ask({
    messages: [resultOf(message)],
    model,
    thread: { type: 'continue', previous_message_id: message.id },
  })

/** On which the client sends the whole conversation in a new thread. */
const assertNotFound = (reply: Reply): void => {
  const { type, error } = reply.json() as { type: string; error: { type: string; details: JsonObject } }
  assert.equal(type, 'error', reply.text)
  assert.equal(error.details?.error_code, 'thread_not_found', reply.text)
}

test('a thread lives at Anthropic: the next turn brings only what is new', async () => {
  const first = messageOf(await begin('claude'))
  assert.equal(first.stop_reason, 'tool_use')
  assert.equal(messageOf(await goOn('claude', first)).stop_reason, 'end_turn')
  assert.deepEqual(lead.requests.at(-1)?.json, {
    max_tokens: 100,
    messages: [resultOf(first)],
    model: 'claude-sonnet-4-5',
    thread: { type: 'continue', previous_message_id: first.id },
  })
  assertNothingRefused(lead.requests)
})

for (const group of ['gpt', 'gemini', 'foundry', 'vertex'])
  test(`${group}: a thread is begun without anybody who keeps it, and the next turn is told to bring all of it`, async () => {
    const reply = await begin(group)
    const first = messageOf(reply)
    assert.equal(first.stop_reason, 'tool_use')
    assert.match(reply.headers['x-understudy-dropped'] ?? '', /thread/)
    const sent = Object.values(house.stages).flatMap(stage => stage.requests).length
    assertNotFound(await goOn(group, first))
    const stages = Object.values(house.stages)
    assert.equal(stages.flatMap(stage => stage.requests).length, sent, 'half a conversation was sent')
    const whole = await ask({
      messages: [WISH, { role: 'assistant', content: [...first.content] }, resultOf(first)],
      model: group,
      thread: { type: 'create' },
      tools: [TOOL],
    })
    assert.equal(messageOf(whole).stop_reason, 'end_turn')
    for (const stage of stages) assertNothingRefused(stage.requests)
  })

test('the keeper of a thread is out: the client hears that it is not there, and the backup gets all of it', async () => {
  const first = messageOf(await begin('claude'))
  const out = { kind: 'status', status: 529 } as const
  lead.script([out, out])
  const lost = await goOn('claude', first)
  assert.equal(lost.status, 404)
  assertNotFound(lost)
  assert.equal(chat.requests.length, 0)
  const whole = await ask({
    messages: [WISH, { role: 'assistant', content: [...first.content] }, resultOf(first)],
    model: 'claude',
    thread: { type: 'create' },
    tools: [TOOL],
  })
  assert.equal(messageOf(whole).stop_reason, 'end_turn')
  assert.equal(chat.requests.length, 1)
  assertNothingRefused(chat.requests)
})

test('a keeper that asks for a pause keeps its thread: the client waits', async () => {
  const first = messageOf(await begin('claude'))
  lead.script([{ kind: 'status', status: 429, headers: { 'retry-after': '7' } }])
  const limited = await goOn('claude', first)
  assert.deepEqual([limited.status, limited.headers['retry-after']], [429, '7'])
})

test('a thread that another account keeps is told in the words that clients know, and nobody rests for it', async () => {
  const first = messageOf(await begin('claude'))
  const foreign = await goOn('elsewhere', first)
  assert.equal(foreign.status, 404)
  assertNotFound(foreign)
})

test('in another dialect a member of that name is one that nobody knows', async () => {
  const body = { model: 'gemini', messages: [{ role: 'user', content: 'hi' }], thread: { id: 'x' } }
  const refused = await house.ask('/v1/chat/completions', body)
  assert.equal(refused.status, 400)
  assert.deepEqual(refused.json().error, {
    ...(refused.json().error as JsonObject),
    param: 'thread',
    code: '400',
  })
  const dropped = await house.ask('/v1/chat/completions', { ...body, drop_params: true })
  assert.equal(dropped.status, 200, dropped.text)
  assert.match(dropped.headers['x-understudy-dropped'] ?? '', /thread/)
})
