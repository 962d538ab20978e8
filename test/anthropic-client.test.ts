import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import type Anthropic from '@anthropic-ai/sdk'
import { CANONICAL } from '../src/stage/lines.ts'
import { assertPlayed, clear, ensemble, messages } from './anthropic-client.fixture.ts'

/** The official client of the Messages API, unmodified, against the gateway. */
const house = await ensemble({ after })
const { client } = house
const { lead, backup } = house.stages
beforeEach(() => clear(house))

const ask = (more: Partial<Anthropic.MessageCreateParamsNonStreaming> = {}) => ({
  model: 'star',
  max_tokens: 64,
  messages: messages('What is your line?'),
  ...more,
})

const textOf = ({ content }: Anthropic.Message): string =>
  content.map(block => (block.type === 'text' ? block.text : '')).join('')

test('messages.create: the answer, its usage, the group as its model, and the gateway’s headers', async () => {
  const { data, response } = await client.messages.create(ask()).withResponse()
  assert.equal(textOf(data), CANONICAL)
  assert.deepEqual(
    [data.type, data.role, data.model, data.stop_reason],
    ['message', 'assistant', 'star', 'end_turn'],
  )
  assert.ok(data.usage.input_tokens > 0 && data.usage.output_tokens > 0)
  assert.equal(response.headers.get('x-litellm-model-group'), 'star')
  assert.equal(response.headers.get('x-litellm-attempted-fallbacks'), '0')
  assert.match(String(response.headers.get('request-id')), /^req_/)
  assert.equal(response.headers.get('anthropic-ratelimit-requests-limit'), '10000')
  assertPlayed(house, 1, 0)
})

test('what the client wrote reaches the provider byte for byte but for the model, with its version and betas', async () => {
  const system = [{ type: 'text' as const, text: 'Be brief.', cache_control: { type: 'ephemeral' as const } }]
  const edits = [{ type: 'clear_tool_uses_20250919' as const }]
  await client.beta.messages.create(
    {
      ...ask(),
      system,
      metadata: { user_id: 'u1' },
      context_management: { edits },
      betas: ['context-management-2025-06-27'],
    },
    { query: { beta: 'true' } },
  )
  const [hit] = lead.requests
  assert.deepEqual(hit?.json, {
    ...ask({ model: 'claude-sonnet-4-5' }),
    system,
    metadata: { user_id: 'u1' },
    context_management: { edits },
  })
  assert.equal(hit?.target, '/v1/messages?beta=true')
  assert.equal(hit?.header('anthropic-beta'), 'context-management-2025-06-27')
  assert.match(String(hit?.header('anthropic-version')), /^20\d\d-\d\d-\d\d$/)
  assert.equal(hit?.header('x-api-key'), lead.key)
  assert.equal(hit?.header('authorization'), undefined)
  assertPlayed(house, 1, 0)
})

test('messages.stream: the helper hears every event and builds the message', async () => {
  const heard: string[] = []
  const stream = client.messages.stream(ask())
  stream.on('text', delta => heard.push(delta))
  const types: string[] = []
  stream.on('streamEvent', event => types.push(event.type))
  const message = await stream.finalMessage()
  assert.equal(heard.join(''), CANONICAL)
  assert.equal(textOf(message), CANONICAL)
  assert.deepEqual([message.model, message.stop_reason], ['star', 'end_turn'])
  assert.ok(message.usage.input_tokens > 0 && message.usage.output_tokens > 1)
  assert.deepEqual(
    types.filter((type, at) => type !== types[at - 1]),
    [
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ],
  )
  assertPlayed(house, 1, 0)
})

test('the same by hand: stream: true', async () => {
  const seen: string[] = []
  for await (const event of await client.messages.create({ ...ask(), stream: true })) {
    if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') seen.push(event.delta.text)
    if (event.type === 'message_start') assert.equal(event.message.model, 'star')
  }
  assert.equal(seen.join(''), CANONICAL)
})

const tools: Anthropic.Tool[] = [
  {
    name: 'look',
    description: 'Looks somewhere.',
    input_schema: { type: 'object', properties: { at: { type: 'string' } }, required: ['at'] },
  },
]

test('a loop of tools and thoughts: the call, its result, and the answer', async () => {
  const thinking = { type: 'enabled' as const, budget_tokens: 1024 }
  const question = messages('[stage:tool] Where is it?')
  const first = await client.messages.create(ask({ max_tokens: 2000, thinking, tools, messages: question }))
  assert.equal(first.stop_reason, 'tool_use')
  const call = first.content.find(block => block.type === 'tool_use')
  assert.deepEqual([call?.name, call?.input], ['look', { at: CANONICAL }])
  const results = [{ type: 'tool_result' as const, tool_use_id: call?.id ?? '', content: 'On the left.' }]
  const second = await client.messages.create(
    ask({
      max_tokens: 2000,
      thinking,
      tools,
      messages: [
        ...question,
        { role: 'assistant', content: first.content as Anthropic.ContentBlockParam[] },
        { role: 'user', content: results },
      ],
    }),
  )
  assert.equal(second.stop_reason, 'end_turn')
  assert.equal(textOf(second), CANONICAL)
  assertPlayed(house, 2, 0)
})

test('a tool’s input streams in pieces and is put together', async () => {
  const stream = client.messages.stream(ask({ tools, tool_choice: { type: 'any' } }))
  const inputs: unknown[] = []
  stream.on('inputJson', (_, snapshot) => inputs.push(snapshot))
  const message = await stream.finalMessage()
  assert.deepEqual(message.content[0]?.type === 'tool_use' && message.content[0].input, { at: CANONICAL })
  assert.ok(inputs.length > 0)
})

test('messages.countTokens is counted by the provider that counts', async () => {
  const count = await client.messages.countTokens({ model: 'star', messages: messages('What is your line?') })
  assert.ok(count.input_tokens > 0)
  assert.equal(lead.requests[0]?.target, '/v1/messages/count_tokens')
  assertPlayed(house, 1, 0)
})

test('the lead is down: the fallback answers, whole, streamed and counted', async () => {
  lead.script(Array.from({ length: 9 }, () => ({ kind: 'status', status: 529 }) as const))
  const { data, response } = await client.messages.create(ask()).withResponse()
  assert.deepEqual([textOf(data), data.model], [CANONICAL, 'star-second'])
  assert.equal(response.headers.get('x-litellm-attempted-fallbacks'), '1')
  const streamed = await client.messages.stream(ask()).finalMessage()
  assert.deepEqual([textOf(streamed), streamed.model], [CANONICAL, 'star-second'])
  const counted = await client.messages.countTokens({ model: 'star', messages: messages('Hello') })
  assert.ok(counted.input_tokens > 0)
  assertPlayed(house, 3, 3)
})

test('models.list and models.retrieve have the form that this client reads', async () => {
  const page = await client.models.list({ limit: 2 })
  assert.deepEqual(
    page.data.map(({ type, id, display_name }) => [type, id, display_name]),
    [
      ['model', 'star', 'star'],
      ['model', 'star-second', 'star-second'],
    ],
  )
  assert.deepEqual([page.has_more, page.first_id, page.last_id], [true, 'star', 'star-second'])
  const all: string[] = []
  for await (const model of client.models.list({ limit: 2 })) all.push(model.id)
  assert.deepEqual(all, ['star', 'star-second', 'alone'])
  const back = await client.models.list({ limit: 2, before_id: 'alone' })
  assert.deepEqual([back.data.map(({ id }) => id), back.has_more], [['star', 'star-second'], false])
  assert.equal((await client.models.retrieve('star')).id, 'star')
})

test('an agent’s look at the door needs no key', async () => {
  const response = await fetch(`${house.url}/api/hello`, { method: 'HEAD' })
  assert.equal(response.status, 200)
})

test('a broken stream is gone on with where the deployment declares it, in the same message', async t => {
  const resuming = await ensemble({ after: undo => t.after(undo) })
  resuming.stages.lead.script([{ kind: 'cut', how: 'fin', afterContent: 3 }])
  const message = await resuming.client.messages.stream(ask()).finalMessage()
  assert.equal(textOf(message), CANONICAL)
  assert.deepEqual([resuming.stages.lead.requests.length, resuming.stages.backup.requests.length], [1, 1])
  assert.equal(backup.requests.length, 0)
})
