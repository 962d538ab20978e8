import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { Stage } from '../src/stage/stage.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { assertNothingRefused } from './support/canary.ts'
import { deployment, type Play, play, type StageSet } from './support/harness.ts'
import { steady } from './support/steady.ts'

/** Conversations as clients of OpenAI's have them, with a provider of the same dialect that refuses half of it. */

const LARGE = 'mistral-large-latest'
const LINE = 'The understudy knows every line.'

let undo: (() => Promise<void>)[] = []
let house: Play<StageSet>
let lead: Stage
let mistral: Stage

before(async () => {
  house = await play(
    { after: end => void undo.unshift(end) },
    {
      stages: { lead: {}, mistral: { flavour: 'mistral', models: [LARGE] } },
      start: steady().start,
      config: stages => ({
        model_list: [
          deployment('star', stages.lead as Stage, 'gpt-4.1'),
          deployment('large', stages.mistral as Stage, LARGE),
        ],
        router_settings: {
          num_retries: 0,
          disable_cooldowns: true,
          fallbacks: [{ star: ['large'] }, { large: ['star'] }],
        },
        litellm_settings: { always_include_stream_usage: true },
      }),
    },
  )
  lead = house.stages.lead as Stage
  mistral = house.stages.mistral as Stage
})
after(async () => {
  for (const end of undo) await end()
  undo = []
})
beforeEach(() => {
  lead.clear()
  mistral.clear()
})

type Messages = readonly JsonObject[]
const messageIn = (answer: JsonObject): JsonObject => (answer.choices as Messages)[0]?.message as JsonObject
const heard = (stage: Stage, at = -1): JsonObject => stage.requests.at(at)?.json as JsonObject
const messagesAt = (at = -1): Messages => heard(mistral, at).messages as Messages
const idsIn = (messages: Messages): readonly unknown[] =>
  messages.flatMap(({ tool_calls: calls, tool_call_id: id }) => [
    ...((calls ?? []) as Messages).map(call => call.id),
    ...(id === undefined ? [] : [id]),
  ])

const tools = [
  { type: 'function', function: { name: 'look', parameters: { type: 'object', properties: {} } } },
]
const opening = [
  { role: 'developer', content: 'You open doors.' },
  { role: 'user', name: 'Ann', content: 'Go. [stage:call look {}] [stage:call look {}]' },
]
const asking = (messages: Messages, more: JsonObject = {}): JsonObject => ({
  model: 'star',
  messages: [...messages],
  tools,
  max_completion_tokens: 100,
  seed: 7,
  ...more,
})
const down = { kind: 'status', status: 503 } as const

test('a task goes on at Mistral, with the same ids in every turn, and back', async () => {
  const first = messageIn((await house.ask('/v1/chat/completions', asking(opening))).json())
  const [call] = first.tool_calls as Messages
  assert.match(String(call?.id), /^call_/)
  const second = [...opening, first, { role: 'tool', tool_call_id: String(call?.id), content: 'nobody' }]
  lead.script([down, down])
  const answered = await house.ask('/v1/chat/completions', asking(second))
  assert.equal(answered.status, 200, answered.text)
  const own = messageIn(answered.json())
  const [ownCall] = own.tool_calls as Messages
  assert.match(String(ownCall?.id), /^\w{9}$/)
  const third = [...second, own, { role: 'tool', tool_call_id: String(ownCall?.id), content: 'nobody' }]
  const last = await house.ask('/v1/chat/completions', asking(third))
  assert.equal(last.headers['x-litellm-attempted-fallbacks'], '1')
  assert.equal(messageIn(last.json()).content, LINE)
  assertNothingRefused(mistral.requests)
  const [id, result] = idsIn(messagesAt(0))
  assert.equal(id, result)
  assert.deepEqual(idsIn(messagesAt(1)), [id, id, ownCall?.id, ownCall?.id])
  assert.deepEqual(
    messagesAt().map(({ role, name }) => [role, name]),
    [
      ['system', undefined],
      ['user', undefined],
      ['assistant', undefined],
      ['tool', undefined],
      ['assistant', undefined],
      ['tool', undefined],
    ],
  )
  const { random_seed, max_tokens } = heard(mistral)
  assert.deepEqual({ random_seed, max_tokens }, { random_seed: 7, max_tokens: 100 })
  // Mistral's own ids are nobody's trouble.
  mistral.script([down])
  const back = await house.ask('/v1/chat/completions', asking(third, { model: 'large' }))
  assert.equal(back.status, 200, back.text)
  assert.deepEqual(idsIn(heard(lead).messages as Messages), idsIn(third))
})

test('a stream with its usage, wanted by the client or by the operator', async () => {
  for (const more of [{ stream_options: { include_usage: true } }, {}]) {
    const { status, text } = await house.ask('/v1/chat/completions', {
      model: 'large',
      messages: [{ role: 'user', content: 'hi' }],
      stream: true,
      ...more,
    })
    assert.equal(status, 200, text)
    assert.match(text, /"usage":\{"prompt_tokens":\d+/)
    assert.match(text, /data: \[DONE\]/)
  }
  assertNothingRefused(mistral.requests)
  assert.ok(mistral.requests.every(hit => (hit.json as JsonObject).stream_options === undefined))
})

describe('clients of every dialect', () => {
  const hello = [{ role: 'user', content: 'Who is there?' }]
  const rows: readonly (readonly [path: string, body: JsonObject])[] = [
    ['/v1/responses', { input: 'Who is there?', reasoning: { effort: 'low' } }],
    ['/v1/messages', { messages: hello, max_tokens: 100, system: 'Short.' }],
    ['/v1beta/models/large:generateContent', { contents: [{ role: 'user', parts: [{ text: 'Who?' }] }] }],
  ]
  for (const [path, body] of rows)
    test(path, async () => {
      const more = path.includes(':') ? {} : { model: 'large' }
      const { status, text } = await house.ask(path, { ...body, ...more })
      assert.equal(status, 200, text)
      assert.ok(text.includes(LINE))
      assertNothingRefused(mistral.requests)
    })
})

test('what only OpenAI has is refused by name before anything is sent, and dropped on wish', async () => {
  const body = { model: 'large', messages: [{ role: 'user', content: 'hi' }], logprobs: true, fallbacks: [] }
  const refused = await house.ask('/v1/chat/completions', body)
  assert.equal(refused.status, 400, refused.text)
  assert.match(refused.text, /mistral does not support parameters: \['logprobs'\]/)
  assert.equal(mistral.requests.length, 0)
  const dropped = await house.ask('/v1/chat/completions', { ...body, drop_params: true })
  assert.equal(dropped.status, 200, dropped.text)
})

test('its limits of rate and its complaints are understood', async () => {
  mistral.script([{ kind: 'status', status: 429 }])
  const answered = await house.ask('/v1/chat/completions', {
    model: 'large',
    messages: [{ role: 'user', content: 'hi' }],
  })
  assert.equal(answered.headers['x-litellm-attempted-fallbacks'], '1')
  mistral.clear()
  const mended = await house.ask('/v1/chat/completions', {
    model: 'large',
    messages: [{ role: 'user', content: 'hi', novelty: 1 }],
    fallbacks: [],
  })
  assert.equal(mended.status, 200, mended.text)
  assert.deepEqual(
    mistral.requests.map(hit => hit.refusal?.status),
    [422, undefined],
  )
})

test('a document reaches Mistral in its own form, whatever dialect it came in', async () => {
  const bytes = 'JVBERi0xLjQ='
  const data = `data:application/pdf;base64,${bytes}`
  const source = { type: 'base64', media_type: 'application/pdf', data: bytes }
  const asked: readonly (readonly [path: string, body: JsonObject])[] = [
    [
      '/v1/chat/completions',
      {
        messages: [
          { role: 'user', content: [{ type: 'file', file: { filename: 'a.pdf', file_data: data } }] },
        ],
      },
    ],
    [
      '/v1/responses',
      { input: [{ role: 'user', content: [{ type: 'input_file', filename: 'a.pdf', file_data: data }] }] },
    ],
    [
      '/v1/messages',
      {
        max_tokens: 9,
        messages: [{ role: 'user', content: [{ type: 'document', title: 'a.pdf', source }] }],
      },
    ],
  ]
  for (const [path, body] of asked) {
    const reply = await house.ask(path, { model: 'large', ...body })
    assert.equal(reply.status, 200, reply.text)
    assertNothingRefused(mistral.requests)
    assert.deepEqual(messagesAt().at(-1)?.content, [
      { type: 'document_url', document_url: data, document_name: 'a.pdf' },
    ])
  }
})
