import assert from 'node:assert/strict'
import { after, beforeEach, type TestContext, test } from 'node:test'
import { CANONICAL } from '../src/stage/lines.ts'
import { isObject, type Json, type JsonObject } from '../src/wire/json.ts'
import { deployment, MASTER_KEY, play } from './support/harness.ts'
import { startPuppet } from './support/puppet.ts'
import { parseSse } from './support/sse.ts'

/** A stream of the Messages API that breaks and is gone on with: one message, in one grammar, whoever finishes it. */

const CLAUDE = 'claude-sonnet-4-5'
const prefilling = { model_info: { supports_assistant_prefill: true } }
const anthropic = { flavour: 'anthropic', models: ['*'] } as const
const house = await play(
  { after },
  {
    stages: { lead: anthropic, backup: anthropic, chat: { prefill: 'continue', models: ['*'] } },
    config: ({ lead, backup, chat }) => ({
      model_list: [
        deployment('continued', lead, CLAUDE),
        { ...deployment('goes-on', backup, CLAUDE), ...prefilling },
        deployment('spliced', lead, CLAUDE),
        deployment('repeats', backup, CLAUDE),
        deployment('crossed', lead, CLAUDE),
        { ...deployment('chat-goes-on', chat, 'gpt-4.1'), ...prefilling },
        deployment('from-chat', chat, 'gpt-4.1'),
      ],
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: [
          { continued: ['goes-on'] },
          { spliced: ['repeats'] },
          { crossed: ['chat-goes-on'] },
          { 'from-chat': ['goes-on'] },
        ],
      },
    }),
  },
)
const { lead, backup, chat } = house.stages
beforeEach(() => {
  for (const stage of Object.values(house.stages)) stage.clear()
})

const user = { role: 'user', content: 'What is your line?' }

const stream = async (
  model: string,
  path = '/v1/messages',
  more: JsonObject = {},
): Promise<readonly JsonObject[]> => {
  const body = {
    model,
    messages: [user],
    stream: true,
    ...(path === '/v1/messages' ? { max_tokens: 64 } : {}),
    ...more,
  }
  const client = await house.send({
    path,
    headers: [
      ['authorization', `Bearer ${MASTER_KEY}`],
      ['content-type', 'application/json'],
    ],
    body,
  })
  assert.equal((await client.head()).status, 200)
  const bytes = await client.body()
  client.leave()
  return parseSse(bytes).flatMap(({ data }) => (data.startsWith('{') ? [JSON.parse(data) as JsonObject] : []))
}

const typesOf = (events: readonly JsonObject[]): readonly Json[] =>
  events.map(({ type }) => type ?? null).filter((type, at, all) => type !== 'ping' && type !== all[at - 1])

const textOf = (events: readonly JsonObject[]): string =>
  events.map(({ delta }) => (isObject(delta) && typeof delta.text === 'string' ? delta.text : '')).join('')

/** Each event that may come once comes once, and the grammar is whole. */
const assertOneMessage = (events: readonly JsonObject[]): void => {
  assert.deepEqual(typesOf(events), GRAMMAR)
  for (const type of GRAMMAR.filter(name => name !== 'content_block_delta'))
    assert.equal(events.filter(event => event.type === type).length, 1, type)
}

const GRAMMAR = [
  'message_start',
  'content_block_start',
  'content_block_delta',
  'content_block_stop',
  'message_delta',
  'message_stop',
]

const usageOf = (events: readonly JsonObject[]): JsonObject =>
  events.find(({ type }) => type === 'message_delta')?.usage as JsonObject

const lastMessage = (json: Json | undefined): Json | undefined =>
  isObject(json) && Array.isArray(json.messages) ? (json.messages as readonly Json[]).at(-1) : undefined

test('by prefill: the backup is given the beginning, and its text is appended to the block that is open', async () => {
  lead.script([{ kind: 'cut', how: 'fin', afterContent: 3 }])
  const events = await stream('continued')
  assertOneMessage(events)
  assert.equal(textOf(events), CANONICAL)
  assert.deepEqual(lastMessage(backup.requests[0]?.json), {
    role: 'assistant',
    content: 'The understudy knows',
  })
  assert.ok(Number(usageOf(events).output_tokens) > 0)
})

test('by repetition: a backup that says the same goes on where it differs from nothing', async () => {
  // In the text, behind it, and behind the end of its block.
  for (const afterEvents of [4, 9, 10]) {
    lead.script([{ kind: 'cut', how: 'fin', afterEvents }])
    const events = await stream('spliced')
    assertOneMessage(events)
    assert.equal(textOf(events), CANONICAL)
    assert.deepEqual(lastMessage(backup.requests[0]?.json), user)
    backup.clear()
  }
})

test('across dialects: Claude breaks, chat goes on, and the other way round', async () => {
  lead.script([{ kind: 'cut', how: 'fin', afterContent: 3 }])
  const events = await stream('crossed')
  assertOneMessage(events)
  assert.equal(textOf(events), CANONICAL)
  assert.deepEqual(lastMessage(chat.requests[0]?.json), {
    role: 'assistant',
    content: 'The understudy knows',
  })
  chat.clear()
  chat.script([{ kind: 'cut', how: 'fin', afterContent: 3 }])
  const chunks = await stream('from-chat', '/v1/chat/completions')
  const said = chunks.flatMap(({ choices }) => (Array.isArray(choices) ? (choices as JsonObject[]) : []))
  assert.equal(said.map(({ delta }) => (isObject(delta) ? (delta.content ?? '') : '')).join(''), CANONICAL)
  assert.deepEqual(lastMessage(backup.requests[0]?.json), {
    role: 'assistant',
    content: [{ type: 'text', text: 'The understudy knows' }],
  })
})

test('whose reason to stop is told has nothing to be gone on with, and is not called whole', async () => {
  lead.script([{ kind: 'cut', how: 'fin', afterEvents: 11 }])
  const events = await stream('spliced')
  assert.deepEqual(
    events.slice(-2).map(({ type }) => type),
    ['message_delta', 'error'],
  )
  assert.equal(backup.requests.length, 0)
})

test('thoughts and calls cannot be said again: the stream ends with its error', async () => {
  const thinking = { thinking: { type: 'enabled', budget_tokens: 1024 }, max_tokens: 2000 }
  const tools = { tools: [{ name: 'look', input_schema: { type: 'object' } }], tool_choice: { type: 'any' } }
  for (const more of [thinking, tools]) {
    lead.script([{ kind: 'cut', how: 'fin', afterContent: 2 }])
    const events = await stream('continued', '/v1/messages', more)
    assert.equal(events.at(-1)?.type, 'error')
    assert.ok(!typesOf(events).includes('message_stop'))
    assert.equal(backup.requests.length, 0)
  }
})

const eventOf = (value: JsonObject): string => `event: ${value.type}\ndata: ${JSON.stringify(value)}\n\n`
const START = eventOf({
  type: 'message_start',
  message: {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: CLAUDE,
    content: [],
    usage: { input_tokens: 5, cache_read_input_tokens: 100 },
  },
})
const opened = (text: string): string =>
  eventOf({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }) +
  eventOf({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })
const CLOSE = eventOf({ type: 'content_block_stop', index: 0 })
const REASON = eventOf({
  type: 'message_delta',
  delta: { stop_reason: 'end_turn' },
  usage: { output_tokens: 1 },
})
const STOP = eventOf({ type: 'message_stop' })

/** Three puppets that speak as Claude, one behind the other; the first breaks after it has begun. */
const playClaudes = async (t: TestContext) => {
  const puppets = [await startPuppet(t), await startPuppet(t), await startPuppet(t)] as const
  const names = ['first', 'second', 'third'] as const
  const on = await play(t, {
    config: {
      model_list: puppets.map((puppet, at) => ({
        model_name: names[at] ?? '',
        litellm_params: { model: `anthropic/${CLAUDE}`, api_base: puppet.baseUrl, api_key: `sk-${at}` },
        ...prefilling,
      })),
      router_settings: { num_retries: 0, fallbacks: [{ first: ['second', 'third'] }] },
    },
  })
  const client = await on.send({
    path: '/v1/messages',
    headers: [['authorization', `Bearer ${MASTER_KEY}`]],
    body: { model: 'first', max_tokens: 64, stream: true, messages: [user] },
  })
  const broken = await puppets[0].next()
  broken.events()
  await broken.write(START + opened('The under'))
  await client.head()
  broken.reset()
  const heir = await puppets[1].next()
  heir.events()
  return { client, heir, third: puppets[2] }
}

const eventsIn = (bytes: Uint8Array): readonly JsonObject[] =>
  parseSse(bytes).flatMap(({ data }) => (data.startsWith('{') ? [JSON.parse(data) as JsonObject] : []))

for (const [what, second, text] of [
  ['who has nothing to add closes the block that is open', START + REASON + STOP, 'The under'],
  [
    'who stops without a reason has not ended the message: the next one goes on',
    START + STOP,
    'The understudy',
  ],
] as const)
  test(what, async t => {
    const { client, heir, third } = await playClaudes(t)
    heir.end(second)
    const bytes = client.body()
    const last = await Promise.race([third.next(), bytes.then(() => undefined)])
    last?.events()
    last?.end(START + opened('study') + CLOSE + REASON + STOP)
    const events = eventsIn(await bytes)
    assert.equal(textOf(events), text)
    assertOneMessage(events)
  })

test('usage is that of all parts, what was read from a cache apart from the rest of the prompt', async t => {
  const { client, heir } = await playClaudes(t)
  heir.end(START + opened('study') + CLOSE + REASON + STOP)
  const events = eventsIn(await client.body())
  assertOneMessage(events)
  // The broken part has told its prompt, and nine characters of it were delivered.
  assert.deepEqual(usageOf(events), { input_tokens: 10, cache_read_input_tokens: 200, output_tokens: 4 })
})
