import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import type OpenAI from 'openai'
import type { Stage } from '../src/stage/stage.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { clientOf } from './openai-client.fixture.ts'
import { assertNothingRefused } from './support/canary.ts'
import { deployment, type Play, play, replyOf, type StageSet } from './support/harness.ts'
import { failing, steady } from './support/steady.ts'

/** Cohere behind every door, in front of others and behind them, and its own three endpoints. */

const COMMAND = 'command-a-plus-05-2026'
const LINE = 'The understudy knows every line.'
const OPENAI = 'gpt-4.1'

let undo: (() => Promise<void>)[] = []
let house: Play<StageSet>
let lead: Stage
let cohere: Stage
let client: OpenAI

before(async () => {
  const models = [COMMAND, 'embed-v4.0', 'rerank-v3.5']
  house = await play(
    { after: end => void undo.unshift(end) },
    {
      stages: { lead: {}, cohere: { flavour: 'cohere', models } },
      start: steady().start,
      config: stages => ({
        model_list: [
          deployment('star', stages.lead as Stage, OPENAI),
          deployment('command', stages.cohere as Stage, COMMAND),
          deployment('vectors', stages.cohere as Stage, 'embed-v4.0'),
          deployment('ranks', stages.cohere as Stage, 'rerank-v3.5'),
        ],
        router_settings: {
          num_retries: 0,
          disable_cooldowns: true,
          fallbacks: [{ star: ['command'] }, { command: ['star'] }],
        },
      }),
    },
  )
  lead = house.stages.lead as Stage
  cohere = house.stages.cohere as Stage
  client = clientOf(house)
})
after(async () => {
  for (const end of undo) await end()
  undo = []
})
beforeEach(() => {
  lead.clear()
  cohere.clear()
})

const lastBody = (): JsonObject => {
  assertNothingRefused(cohere.requests)
  return cohere.requests.at(-1)?.json as JsonObject
}

const dataIn = (text: string): readonly string[] =>
  text.split('\n').flatMap(line => (line.startsWith('data:') ? [line.slice(5).trim()] : []))

type Doorway = {
  readonly path: (stream: boolean) => string
  readonly body: (group: string, stream: boolean) => JsonObject
  /** What a whole answer says. */
  readonly said: (answer: JsonObject) => unknown
  /** A piece of the stream that only a whole answer has. */
  readonly ends: RegExp
}

type Listed = readonly JsonObject[]
const first = (value: unknown): JsonObject => (value as Listed)[0] ?? {}

const hello = [{ role: 'user', content: 'Who is there?' }]
const DOORWAYS: Readonly<Record<string, Doorway>> = {
  chat: {
    path: () => '/v1/chat/completions',
    body: (model, stream) => ({ model, messages: hello, stream }),
    said: answer => (first(answer.choices).message as JsonObject).content,
    ends: /"finish_reason":"stop"[^\n]*\n\ndata: \[DONE\]/,
  },
  responses: {
    path: () => '/v1/responses',
    body: (model, stream) => ({ model, input: 'Who is there?', stream }),
    said: answer => first(first(answer.output).content).text,
    ends: /event: response\.completed/,
  },
  messages: {
    path: () => '/v1/messages',
    body: (model, stream) => ({ model, messages: hello, max_tokens: 100, stream }),
    said: answer => first(answer.content).text,
    ends: /event: message_stop/,
  },
  gemini: {
    path: stream => `/v1beta/models/command:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
    body: () => ({ contents: [{ role: 'user', parts: [{ text: 'Who is there?' }] }] }),
    said: answer => first((first(answer.candidates).content as JsonObject).parts).text,
    ends: /"finishReason":"STOP"/,
  },
}

describe('Cohere answers', () => {
  for (const [name, door] of Object.entries(DOORWAYS)) {
    test(`clients of ${name}`, async () => {
      const whole = await house.ask(door.path(false), door.body('command', false))
      assert.equal(whole.status, 200, whole.text)
      assert.equal(door.said(whole.json()), LINE)
      const streamed = await house.ask(door.path(true), door.body('command', true))
      assert.equal(streamed.status, 200, streamed.text)
      assert.match(streamed.text, door.ends)
      assert.ok(dataIn(streamed.text).join('').includes('understudy'))
      assert.deepEqual(
        cohere.requests.map(hit => [
          hit.path,
          (hit.json as JsonObject).model,
          (hit.json as JsonObject).stream,
        ]),
        [
          ['/v2/chat', COMMAND, undefined],
          ['/v2/chat', COMMAND, true],
        ],
      )
      assertNothingRefused(cohere.requests)
    })

    if (name !== 'gemini')
      test(`clients of ${name} when the lead is out, and the lead when Cohere is`, async () => {
        failing(lead, OPENAI, 503)
        for (const stream of [false, true]) {
          const reply = await house.ask(door.path(stream), door.body('star', stream))
          assert.equal(reply.status, 200, reply.text)
          assert.equal(reply.headers['x-litellm-attempted-fallbacks'], '1')
        }
        assert.equal(cohere.requests.length, 2)
        lastBody()
        failing(cohere, COMMAND, 429)
        lead.clear()
        for (const stream of [false, true]) {
          const reply = await house.ask(door.path(stream), door.body('command', stream))
          assert.equal(reply.status, 200, reply.text)
        }
        assert.equal(lead.requests.length, 2)
        assertNothingRefused(lead.requests)
      })
  }

  test('a compaction', async () => {
    const reply = await house.ask('/v1/responses/compact', { model: 'command', input: 'A long talk.' })
    assert.equal(reply.status, 200, reply.text)
    assert.equal(first((reply.json().output as Listed).slice(-1)).type, 'compaction')
    assert.ok((lastBody().messages as Listed).length > 0)
  })

  test('a stream that breaks is never whole, and one that fails at its beginning goes on elsewhere', async () => {
    cohere.script([{ kind: 'error-event', error: { message: 'It broke.' }, afterContent: 0 }])
    const begun = await house.ask('/v1/chat/completions', { model: 'command', messages: hello, stream: true })
    assert.match(begun.text, /\[DONE\]/)
    assert.equal(lead.requests.length, 1)
    cohere.script([{ kind: 'cut', how: 'clean-chunk-end', afterContent: 2 }])
    failing(lead, OPENAI, 500)
    const cut = await house.ask('/v1/chat/completions', { model: 'command', messages: hello, stream: true })
    assert.match(cut.text, /The.* understudy/s)
    assert.doesNotMatch(cut.text, /"finish_reason":"|\[DONE\]/)
    assert.match(cut.text, /"error":/)
  })
})

const tools = [
  {
    type: 'function' as const,
    function: {
      name: 'look-around',
      parameters: { type: 'object', properties: { at: { type: 'string' } }, required: ['at'] },
    },
  },
]

for (const stream of [false, true])
  test(`a task with calls begins at OpenAI's and goes on at Cohere, ${stream ? 'streamed' : 'whole'}`, async () => {
    const params = { model: 'star', tools, parallel_tool_calls: true } as const
    const messages: OpenAI.Chat.ChatCompletionMessageParam[] = [{ role: 'user', content: '[stage:tool] Go.' }]
    const ask = async () =>
      stream
        ? client.chat.completions.stream({ ...params, messages, stream: true }).finalChatCompletion()
        : client.chat.completions.create({ ...params, messages })
    const one = (await ask()).choices[0]?.message
    assert.equal(one?.tool_calls?.length, 1)
    messages.push({ role: 'assistant', content: one?.content ?? null, tool_calls: one?.tool_calls ?? [] })
    messages.push({ role: 'tool', tool_call_id: one?.tool_calls?.[0]?.id ?? '', content: 'nobody' })
    messages.push({ role: 'user', content: '[stage:tool] Again.' })
    failing(lead, OPENAI, 503)
    const two = (await ask()).choices[0]
    assert.equal(two?.finish_reason, 'tool_calls')
    const call = two?.message.tool_calls?.[0]
    assert.equal(call?.type === 'function' && call.function.name, 'look-around')
    assert.equal(two?.message.content, 'I will look it up.')
    const sent = lastBody().messages as Listed
    assert.deepEqual(
      sent.map(({ role }) => role),
      ['user', 'assistant', 'tool', 'user'],
    )
    const begun = first(sent[1]?.tool_calls)
    assert.equal((begun.function as JsonObject).name, 'look_around')
    assert.equal(sent[2]?.tool_call_id, begun.id)
  })

test('thoughts reach the client, and how much of them was asked for the model', async () => {
  const ask = async (effort: string): Promise<unknown> => {
    const reply = await house.ask('/v1/chat/completions', {
      model: 'command',
      messages: [{ role: 'user', content: '[stage:reason] Who is there?' }],
      reasoning_effort: effort,
    })
    return (first(reply.json().choices).message as JsonObject).reasoning_content
  }
  assert.equal(await ask('low'), 'The lead has forgotten it.')
  assert.deepEqual(lastBody().thinking, { type: 'enabled', token_budget: 1024 })
  assert.equal(await ask('none'), undefined)
  assert.deepEqual(lastBody().thinking, { type: 'disabled' })
})

test('a parameter that Cohere would lose leads on to who takes it', async () => {
  const reply = await house.ask('/v1/chat/completions', {
    model: 'command',
    messages: hello,
    logit_bias: { 1: 2 },
  })
  assert.equal(reply.status, 200)
  // Nobody was asked who would have left it out.
  assert.deepEqual([cohere.requests.length, lead.requests.length], [0, 1])
})

describe('embeddings', () => {
  test('of texts, as floats and as base64, in the size that is asked for', async () => {
    const floats = await house.ask('/v1/embeddings', {
      model: 'vectors',
      input: ['one', 'two'],
      dimensions: 256,
    })
    assert.equal(floats.status, 200, floats.text)
    const { data, usage, object } = floats.json()
    assert.equal(object, 'list')
    const vectors = (data as Listed).map(({ embedding }) => embedding as readonly number[])
    assert.deepEqual(
      vectors.map(({ length }) => length),
      [256, 256],
    )
    assert.deepEqual(usage, { prompt_tokens: 2, total_tokens: 2 })
    assert.deepEqual(lastBody(), {
      model: 'embed-v4.0',
      texts: ['one', 'two'],
      input_type: 'search_document',
      embedding_types: ['float'],
      output_dimension: 256,
    })
    // OpenAI's client asks for base64 and reads it as the floats that they are.
    const read = await client.embeddings.create({ model: 'vectors', input: 'one', dimensions: 256 })
    assert.deepEqual(lastBody().embedding_types, ['base64'])
    assert.deepEqual(read.data[0]?.embedding, vectors[0])
  })

  test('of a query, and of a picture', async () => {
    await house.ask('/v1/embeddings', {
      model: 'vectors',
      input: 'who?',
      input_type: 'search_query',
      truncate: 'NONE',
    })
    assert.deepEqual([lastBody().input_type, lastBody().truncate], ['search_query', 'NONE'])
    const picture = await house.ask('/v1/embeddings', {
      model: 'vectors',
      input: 'data:image/png;base64,iVBORw0=',
    })
    assert.equal(picture.status, 200, picture.text)
    assert.deepEqual(
      [lastBody().input_type, lastBody().images],
      ['image', ['data:image/png;base64,iVBORw0=']],
    )
  })

  test('what cannot be embedded is said before anybody is asked', async () => {
    for (const input of [
      [1, 2, 3],
      Array.from({ length: 97 }, () => 'a'),
      ['a', 'data:image/png;base64,iVBORw0='],
    ]) {
      const reply = await house.ask('/v1/embeddings', { model: 'vectors', input })
      assert.equal(reply.status, 400, reply.text)
      assert.equal((reply.json().error as JsonObject).param, 'input')
    }
    assert.equal(cohere.requests.length, 0)
  })
})

describe('rerank', () => {
  const documents = ['a line of the lead', 'the understudy knows', 'curtain']
  const body = { model: 'ranks', query: 'what does the understudy know', documents, top_n: 2 }

  test('in either version is the client’s own bytes', async () => {
    const text = `{"query":"who","documents":[ "a", "who" ],"model":"ranks","top_n":1}`
    for (const path of ['/rerank', '/v1/rerank', '/v2/rerank']) {
      const reply = await house.ask(path, body)
      assert.equal(reply.status, 200, reply.text)
      assert.deepEqual(
        (reply.json().results as Listed).map(({ index }) => index),
        [1, 0],
      )
      assert.equal(cohere.requests.at(-1)?.path, '/v2/rerank')
    }
    const client = await house.send({
      method: 'POST',
      path: '/v2/rerank',
      headers: [
        ['authorization', `Bearer ${house.key}`],
        ['content-type', 'application/json'],
      ],
      body: text,
    })
    await replyOf(client)
    assert.equal(cohere.requests.at(-1)?.text, text.replace('"ranks"', '"rerank-v3.5"'))
    assertNothingRefused(cohere.requests)
  })

  test('goes to the first version where only that has what is asked', async () => {
    const reply = await house.ask('/v1/rerank', { ...body, return_documents: true })
    assert.equal(reply.status, 200, reply.text)
    assert.deepEqual(first(reply.json().results).document, { text: documents[1] })
    assert.equal(cohere.requests.at(-1)?.path, '/v1/rerank')
    assertNothingRefused(cohere.requests)
  })
})
