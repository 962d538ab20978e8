import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import type { Stage } from '../src/stage/stage.ts'
import { isObject, type Json, type JsonObject } from '../src/wire/json.ts'
import { bodies, CHAT, down, dropped, RESPONSES, refusing, said } from './repairs.fixture.ts'
import { deployment, MASTER_KEY, play, type Reply } from './support/harness.ts'

/** Histories that another provider took part in: its signatures, its thoughts and its ids of calls. */

const house = await play(
  { after },
  {
    stages: {
      openai: {},
      azure: { flavour: 'azure' as const, models: ['*'] },
      claude: { flavour: 'anthropic' as const, models: ['*'] },
      other: { flavour: 'anthropic' as const, models: ['*'] },
      google: { flavour: 'gemini' as const, models: ['*'] },
    },
    config: ({ openai, azure, claude, other, google }) => ({
      model_list: [
        deployment('openai', openai, 'gpt-4.1'),
        deployment('azure', azure, 'prod'),
        deployment('deepseek', openai, 'deepseek-chat', { model: 'deepseek/gpt-4.1' }),
        deployment('hosted', openai, 'gpt-4.1', { model: 'together_ai/gpt-4.1' }),
        deployment('claude', claude, 'claude-sonnet-4-5'),
        deployment('other', other, 'claude-sonnet-4-5'),
        deployment('google', google, 'gemini-3-pro'),
      ],
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: [{ claude: ['other', 'openai'] }],
      },
    }),
  },
)
const { openai, azure, claude, other, google } = house.stages
beforeEach(() => {
  for (const stage of Object.values(house.stages)) stage.clear()
})

const last = (stage: Stage): JsonObject => bodies(stage).at(-1) ?? {}
const list = (value: Json | undefined): readonly JsonObject[] =>
  (Array.isArray(value) ? (value as readonly Json[]) : []).filter(isObject)

/** A chat history as gateways write it after hops to Claude, Gemini and DeepSeek. */
const thoughtful: readonly JsonObject[] = [
  { role: 'user', content: 'Look.' },
  {
    role: 'assistant',
    content: 'I look.',
    reasoning_content: 'Where?',
    thinking_blocks: [{ type: 'thinking', thinking: 'Where?', signature: 'c2ln' }],
    provider_specific_fields: { citations: null },
    tool_calls: [
      {
        id: 'call_1',
        type: 'function',
        function: { name: 'look', arguments: '{"at": 1.0}' },
        provider_specific_fields: { thought_signature: 'c2ln' },
      },
    ],
  },
  { role: 'tool', tool_call_id: 'call_1', content: 'A stage.' },
]

test('thoughts of other providers leave a chat history on its way to Azure, and the answer names them', async () => {
  const reply = await house.ask(CHAT, { model: 'azure', messages: thoughtful })
  assert.equal(reply.status, 200, reply.text)
  const [, said] = list(last(azure).messages)
  assert.deepEqual(Object.keys(said ?? {}), ['role', 'content', 'tool_calls'])
  assert.ok(azure.requests[0]?.text.includes('"{\\"at\\": 1.0}"'), 'the rest is the client’s bytes')
  assert.deepEqual(dropped(reply), [
    'messages[*].thinking_blocks',
    'messages[*].provider_specific_fields',
    'messages[*].tool_calls[*].provider_specific_fields',
    'messages[*].reasoning_content',
  ])
})

test('a server that thinks itself gets its own words back, and no signature of anybody; who refuses them is asked again', async () => {
  for (const model of ['deepseek', 'openai']) {
    openai.clear()
    const reply = await house.ask(CHAT, { model, messages: thoughtful })
    assert.equal(reply.status, 200, reply.text)
    const keysAt = (at: number): readonly string[] => Object.keys(list(bodies(openai)[at]?.messages)[1] ?? {})
    assert.deepEqual(keysAt(0), ['role', 'content', 'reasoning_content', 'tool_calls'], model)
    // The stage is OpenAI's: it publishes no such key.
    assert.deepEqual(keysAt(1), ['role', 'content', 'tool_calls'], model)
    assert.ok(dropped(reply).includes('messages[*].reasoning_content'))
  }
})

const MESSAGES = '/v1/messages'
const thinking = { type: 'enabled', budget_tokens: 1024 }
const signed = { type: 'thinking', thinking: 'Where?', signature: 'not-from-here' }
const look = { name: 'look', input_schema: { type: 'object', properties: {} } }
const toolTurn = (more: JsonObject = {}): JsonObject => ({
  model: 'other',
  max_tokens: 2000,
  thinking,
  tools: [look],
  messages: [
    { role: 'user', content: 'Look.' },
    { role: 'assistant', content: [signed, { type: 'tool_use', id: 'toolu_1', name: 'look', input: {} }] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'A stage.' }] },
  ],
  ...more,
})

test('a signature that Claude refuses goes with its thought, once, and thinking rests in the middle of a turn', async () => {
  const reply = await house.ask(MESSAGES, toolTurn())
  assert.equal(reply.status, 200, reply.text)
  assert.equal(other.requests.length, 2)
  const sent = last(other)
  assert.deepEqual(
    list(list(sent.messages)[1]?.content).map(block => block.type),
    ['tool_use'],
  )
  assert.equal(sent.thinking, undefined)
  assert.ok(dropped(reply).includes('messages[1].content[0]'))
  other.clear()
  const after = await house.ask(MESSAGES, {
    ...toolTurn(),
    messages: [
      { role: 'user', content: 'Look.' },
      {
        role: 'assistant',
        content: [{ type: 'redacted_thinking', data: 'x' }, signed, { type: 'text', text: 'Done.' }],
      },
      { role: 'user', content: 'Again.' },
    ],
  })
  assert.equal(after.status, 200, after.text)
  assert.deepEqual(last(other).thinking, thinking, 'the user’s next turn thinks')
})

test('Claude’s own signatures go on to Claude elsewhere, and to nobody of another dialect', async () => {
  const first = await house.ask(MESSAGES, {
    model: 'claude',
    max_tokens: 2000,
    thinking,
    messages: [{ role: 'user', content: 'Look.' }],
  })
  const content = first.json().content ?? null
  assert.equal(list(content)[0]?.type, 'thinking')
  const messages = [
    { role: 'user', content: 'Look.' },
    { role: 'assistant', content },
    { role: 'user', content: 'Again.' },
  ]
  const own = await house.ask(MESSAGES, { model: 'claude', max_tokens: 2000, thinking, messages })
  assert.equal(own.status, 200)
  assert.deepEqual(last(claude).messages, messages)
  for (const stage of [claude, other]) down(stage)
  const crossed = await house.ask(MESSAGES, { model: 'claude', max_tokens: 2000, thinking, messages })
  assert.equal(crossed.status, 200, crossed.text)
  assert.ok(!/signature|thinking/.test(openai.requests.at(-1)?.text ?? ''))
})

const generate = (contents: readonly JsonObject[]): Promise<Reply> =>
  house.ask('/v1beta/models/google:generateContent', JSON.stringify({ contents, tools: TOOLS }), {
    headers: [
      ['x-goog-api-key', MASTER_KEY],
      ['content-type', 'application/json'],
    ],
  })
const TOOLS = [{ functionDeclarations: [{ name: 'look', parameters: { type: 'OBJECT', properties: {} } }] }]
const turnWith = (signature: JsonObject): readonly JsonObject[] => [
  { role: 'user', parts: [{ text: 'Look.' }] },
  {
    role: 'model',
    parts: [
      { text: 'I look.', ...signature },
      { functionCall: { name: 'look', args: {} }, ...signature },
      { functionCall: { name: 'look', args: {} } },
    ],
  },
  {
    role: 'user',
    parts: [1, 2].map(() => ({ functionResponse: { name: 'look', response: { output: 'x' } } })),
  },
]
const STAND_IN = 'skip_thought_signature_validator'

test('Gemini’s signatures: a missing one gets the stand-in at once, a refused one after one refusal', async () => {
  assert.equal((await generate(turnWith({}))).status, 200)
  const signaturesIn = (): readonly Json[] =>
    list(list(last(google).contents)[1]?.parts).map(part => part.thoughtSignature ?? null)
  assert.deepEqual(signaturesIn(), [null, STAND_IN, null])
  google.clear()
  google.script([
    {
      kind: 'status',
      status: 400,
      body: { error: { code: 400, message: 'Corrupted thought signature.', status: 'INVALID_ARGUMENT' } },
    },
  ])
  const reply = await generate(turnWith({ thoughtSignature: 'AAAA' }))
  assert.equal(reply.status, 200, reply.text)
  assert.equal(google.requests.length, 2)
  assert.deepEqual(signaturesIn(), [null, STAND_IN, null])
  assert.ok(dropped(reply).includes('contents[1].parts[1].thoughtSignature'))
})

const LONG = `call_${'x'.repeat(90)}`

test('ids of calls that are too long are made shorter, the same in every turn, and from then on at once', async () => {
  const input = [
    { role: 'user', content: 'Look.' },
    { type: 'function_call', call_id: LONG, name: 'look', arguments: '{}' },
    { type: 'function_call_output', call_id: LONG, output: 'x' },
    { type: 'function_call', call_id: 'call_short', name: 'look', arguments: '{}' },
    { type: 'function_call_output', call_id: 'call_short', output: 'x' },
  ]
  openai.script([
    refusing(
      "Invalid 'input[1].call_id': string too long. Expected a string with maximum length 64, but got a string with length 95 instead.",
      'string_above_max_length',
      'input[1].call_id',
    ),
  ])
  for (let turn = 0; turn < 2; turn += 1)
    assert.equal((await house.ask(RESPONSES, { model: 'openai', input })).status, 200)
  assert.equal(openai.requests.length, 3)
  const idsAt = (at: number): readonly Json[] =>
    list(bodies(openai)[at]?.input).flatMap(item => (item.call_id === undefined ? [] : [item.call_id]))
  const [first = '', second, ...short] = idsAt(1)
  assert.match(String(first), /^call_\w{1,59}$/)
  assert.equal(second, first)
  assert.deepEqual(short, ['call_short', 'call_short'])
  assert.deepEqual(idsAt(2), idsAt(1))
})

test('Mistral’s nine letters and digits, for whoever asks for them', async () => {
  openai.script([
    {
      kind: 'status',
      status: 400,
      body: {
        object: 'error',
        message: 'Tool call id was call_1 but must be a-z, A-Z, 0-9, with a length of 9.',
        type: 'invalid_request_error',
        code: 3280,
      },
    },
  ])
  const messages = [
    { role: 'user', content: 'Look.' },
    {
      role: 'assistant',
      tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'look', arguments: '{}' } }],
    },
    { role: 'tool', tool_call_id: 'call_1', content: 'x' },
  ]
  const reply = await house.ask(CHAT, { model: 'hosted', messages })
  assert.equal(reply.status, 200, reply.text)
  const [, call, result] = list(last(openai).messages)
  const id = list(call?.tool_calls)[0]?.id
  assert.match(String(id), /^[a-zA-Z0-9]{9}$/)
  assert.equal(result?.tool_call_id, id)
})

test('a tier that is not to be had is the answer; a name that is not known is left out', async () => {
  openai.script([
    refusing(
      "Unsupported value: 'service_tier' does not support 'flex' with this model.",
      'unsupported_value',
      'service_tier',
    ),
  ])
  const refused = await house.ask(RESPONSES, { model: 'openai', input: 'x', service_tier: 'flex' })
  assert.equal(refused.status, 400)
  assert.equal(said(refused).param, 'service_tier')
  assert.equal(openai.requests.length, 1)
  const unknown = await house.ask(RESPONSES, { model: 'azure', input: 'x', service_tier: 'default' })
  assert.equal(unknown.status, 200, unknown.text)
  assert.deepEqual(dropped(unknown), ['service_tier'])
})
