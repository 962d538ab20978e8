import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { openRaw } from '../../test/support/raw.ts'
import type { Json, JsonObject } from '../wire/json.ts'
import { type Stage, type StageOptions, startStage } from './stage.ts'

const open = async (t: TestContext, options: StageOptions = {}): Promise<Stage> => {
  const stage = await startStage({ flavour: 'anthropic', models: ['*'], ...options })
  t.after(() => stage.close())
  return stage
}

type Headers = readonly (readonly [string, string])[]
type Answer = { readonly status: number; readonly body: JsonObject; readonly text: string }

const MODEL = 'claude-sonnet-4-5'
const user = (content: Json): JsonObject => ({ role: 'user', content })
const assistant = (content: Json): JsonObject => ({ role: 'assistant', content })
const plain = { model: MODEL, max_tokens: 64, messages: [user('Hello')] }

const headersOf = (stage: Stage): Headers => [
  ['x-api-key', stage.key],
  ['anthropic-version', '2023-06-01'],
  ['content-type', 'application/json'],
]

const send = async (
  stage: Stage,
  body: JsonObject,
  { headers = headersOf(stage), path = '/v1/messages' } = {},
): Promise<Answer> => {
  const client = await openRaw(stage.origin)
  await client.request({ path, headers, body })
  const { status } = await client.head()
  const text = (await client.body()).toString()
  client.leave()
  return { status, text, body: text.startsWith('{') ? JSON.parse(text) : {} }
}

const said = ({ body }: Answer): string =>
  String((body.error as JsonObject | undefined)?.message ?? 'it was taken')

test('it answers whole, streamed and counted', async t => {
  const stage = await open(t)
  const whole = await send(stage, plain)
  assert.deepEqual(
    [whole.status, whole.body.type, whole.body.model, whole.body.stop_reason],
    [200, 'message', MODEL, 'end_turn'],
  )
  const streamed = await send(stage, { ...plain, stream: true })
  assert.deepEqual(
    [...streamed.text.matchAll(/^event: (.*)$/gm)]
      .map(([, name]) => name)
      .filter((name, at, all) => name !== all[at - 1]),
    [
      'message_start',
      'content_block_start',
      'ping',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ],
  )
  const { max_tokens: _, ...counted } = plain
  const count = await send(stage, counted, { path: '/v1/messages/count_tokens?beta=true' })
  assert.deepEqual(Object.keys(count.body), ['input_tokens'])
})

test('a scope of what is cached is taken with its beta alone, wherever it stands', async t => {
  const stage = await open(t)
  const mark = { type: 'ephemeral', scope: 'global' }
  const text = { type: 'text', text: 'Hello', cache_control: mark }
  const tool = { name: 'look', input_schema: { type: 'object' }, cache_control: mark }
  const beta: Headers = [...headersOf(stage), ['anthropic-beta', 'a, prompt-caching-scope-2026-01-05']]
  const rows: readonly (readonly [body: JsonObject, at: string])[] = [
    [{ ...plain, system: [text] }, 'system.0'],
    [{ ...plain, messages: [user([text])] }, 'messages.0.content.0'],
    [{ ...plain, tools: [tool] }, 'tools.0.custom'],
  ]
  for (const [body, at] of rows) {
    assert.equal(said(await send(stage, body, { headers: beta })), 'it was taken')
    assert.equal(said(await send(stage, body)), `${at}.cache_control.scope: Extra inputs are not permitted`)
  }
})

test('the head: a key, a version, no header of a gateway or of another provider', async t => {
  const stage = await open(t)
  const [key, version, type] = headersOf(stage)
  assert.ok(key && version && type)
  const errorOf = async (...headers: Headers): Promise<unknown> => {
    const answer = await send(stage, plain, { headers })
    assert.equal(answer.body.type, 'error')
    return [answer.status, (answer.body.error as JsonObject).type, said(answer)]
  }
  assert.deepEqual(await errorOf(version, type), [
    401,
    'authentication_error',
    'x-api-key header is required',
  ])
  assert.deepEqual(await errorOf(['x-api-key', 'sk-other'], version, type), [
    401,
    'authentication_error',
    'invalid x-api-key',
  ])
  assert.deepEqual(await errorOf(key, type), [
    400,
    'invalid_request_error',
    'anthropic-version: header is required',
  ])
  assert.match(String(await errorOf(key, version, type, ['openai-beta', 'x'])), /Unexpected header/)
  assert.match(String(await errorOf(key, version, type, ['x-litellm-tags', 'x'])), /Unexpected header/)
  const bearer: Headers = [['authorization', `Bearer ${stage.key}`], version, type]
  assert.equal((await send(stage, plain, { headers: bearer })).status, 200)
})

const CALL = { type: 'tool_use', id: 'toolu_1', name: 'look', input: {} }
const RESULT = { type: 'tool_result', tool_use_id: 'toolu_1', content: 'dark' }
const TOOLS = { tools: [{ name: 'look', input_schema: { type: 'object' } }] }
const THINKING = { thinking: { type: 'enabled', budget_tokens: 1024 }, max_tokens: 2000 }

/** What the body changes of a plain one, and what is said to it. */
const REFUSED: readonly (readonly [name: string, body: JsonObject, says: RegExp])[] = [
  ['a key that is not published', { n: 1 }, /n: Extra inputs are not permitted/],
  ['a beta without its header', { context_management: {} }, /context_management: Extra inputs/],
  ['labels', { metadata: { team: 'stage' } }, /metadata.team: Extra inputs/],
  ['no turn at all', { messages: [] }, /at least one message/],
  ['an assistant first', { messages: [assistant('a'), user('b')] }, /first message must use the "user" role/],
  ['two users in a row', { messages: [user('a'), user('b')] }, /roles must alternate/],
  ['a role of its own', { messages: [{ role: 'tool', content: 'a' }] }, /messages.0.role/],
  ['an empty text', { messages: [user([{ type: 'text', text: '' }])] }, /must be non-empty/],
  ['a blank text', { messages: [user([{ type: 'text', text: ' \n' }])] }, /non-whitespace/],
  ['an unknown block', { messages: [user([{ type: 'hologram' }])] }, /Input tag 'hologram'/],
  [
    'a member of a block',
    { messages: [user([{ type: 'text', text: 'a', id: 'x' }])] },
    /text.id: Extra inputs/,
  ],
  ['a call of the user', { messages: [user([CALL])] }, /not permitted in user messages/],
  [
    'a bad id',
    { ...TOOLS, messages: [user('a'), assistant([{ ...CALL, id: 'a:b' }]), user([RESULT])] },
    /tool_use.id: String should match/,
  ],
  [
    'a call without a result',
    { ...TOOLS, messages: [user('a'), assistant([CALL]), user('b')] },
    /without `tool_result` blocks immediately after: toolu_1/,
  ],
  [
    'a result without a call',
    { ...TOOLS, messages: [user('a'), assistant('b'), user([RESULT])] },
    /unexpected `tool_use_id`/,
  ],
  [
    'a result behind a text',
    { ...TOOLS, messages: [user('a'), assistant([CALL]), user([{ type: 'text', text: 'b' }, RESULT])] },
    /must come before all other content/,
  ],
  ['calls without tools', { messages: [user('a'), assistant([CALL]), user([RESULT])] }, /must define tools/],
  ['a tool without a schema', { tools: [{ name: 'look', input_schema: {} }] }, /input_schema.type/],
  ['a choice without tools', { tool_choice: { type: 'auto' } }, /while providing tools/],
  ['a beginning that ends in space', { messages: [user('a'), assistant('b ')] }, /trailing whitespace/],
  [
    'a budget above the limit',
    { thinking: THINKING.thinking },
    /must be greater than `thinking.budget_tokens`/,
  ],
  [
    'a small budget',
    { ...THINKING, thinking: { type: 'enabled', budget_tokens: 9 } },
    /greater than or equal to 1024/,
  ],
  ['a temperature beside thinking', { ...THINKING, temperature: 0.5 }, /may only be set to 1/],
  [
    'a forced tool beside thinking',
    { ...THINKING, ...TOOLS, tool_choice: { type: 'any' } },
    /forces tool use/,
  ],
  [
    'tools in the middle of thinking without its thoughts',
    { ...THINKING, ...TOOLS, messages: [user('a'), assistant([CALL]), user([RESULT])] },
    /must start with a thinking block/,
  ],
  [
    'a signature of somebody else',
    { messages: [user('a'), assistant([{ type: 'thinking', thinking: 'b', signature: 'c' }]), user('d')] },
    /Invalid `signature`/,
  ],
  ['a high temperature', { temperature: 1.5 }, /temperature: range/],
  ['a budget for a new model', { ...THINKING, model: 'claude-opus-5' }, /thinking.type.adaptive/],
  [
    'a temperature for a new model',
    { model: 'claude-opus-4-7', temperature: 0.5 },
    /not supported on this model/,
  ],
  [
    'a beginning for a new model',
    { model: 'claude-opus-5', messages: [user('a'), assistant('b')] },
    /prefill/,
  ],
]

test('it refuses what the API refuses, in its words', async t => {
  const stage = await open(t)
  for (const [name, body, says] of REFUSED) {
    const answer = await send(stage, { ...plain, ...body })
    assert.equal(answer.status, 400, name)
    assert.match(said(answer), says, name)
  }
  const { max_tokens: _, ...endless } = plain
  assert.match(said(await send(stage, endless)), /max_tokens: Field required/)
  const beta: Headers = [...headersOf(stage), ['anthropic-beta', 'context-management-2025-06-27']]
  assert.equal((await send(stage, { ...plain, context_management: {} }, { headers: beta })).status, 200)
  const clearing = { context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] } }
  const cleared = async (more: JsonObject): Promise<Answer> =>
    send(stage, { ...plain, ...clearing, ...more }, { headers: beta })
  assert.match(said(await cleared({})), /requires `thinking` to be enabled or adaptive/)
  assert.equal((await cleared({ ...THINKING, max_tokens: 4000 })).status, 200)
})

test('a model it does not have, and a path', async t => {
  const stage = await open(t, { models: [MODEL] })
  assert.deepEqual((await send(stage, { ...plain, model: 'claude-0' })).body.error, {
    type: 'not_found_error',
    message: 'model: claude-0',
  })
  assert.equal((await send(stage, plain, { path: '/v1/chat/completions' })).status, 404)
})

test('it fails on cue with the API’s own bodies', async t => {
  const stage = await open(t)
  stage.script([{ kind: 'status', status: 529 }])
  assert.deepEqual((await send(stage, plain)).body, {
    type: 'error',
    error: { type: 'overloaded_error', message: 'Overloaded' },
    request_id: 'req_stage',
  })
  const error = { type: 'api_error', message: 'Broken.' }
  stage.script([{ kind: 'error-event', error, afterContent: 1 }])
  const { text } = await send(stage, { ...plain, stream: true })
  assert.ok(text.endsWith(`event: error\ndata: ${JSON.stringify({ type: 'error', error })}\n\n`))
})
