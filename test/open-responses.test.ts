import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { checkGrammar } from '../src/dialects/responses-grammar.fixture.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { checkEvent, EmulatedResponse, ResponseObject } from './open-responses.schema.ts'
import { type Bridge, bridge } from './responses-bridge.fixture.ts'
import { assertNothingRefused } from './support/canary.ts'
import { parseSse } from './support/sse.ts'

/**
 * The compliance cases of Open Responses, the same for every target: a provider that serves responses itself, one that
 * is asked for chat completions in its place, and what a client gets when a failover leads from the one to the other.
 */

const undo: (() => Promise<void>)[] = []
let on: Bridge
before(async () => {
  on = await bridge({ after: fn => void undo.push(fn) })
})
beforeEach(() => {
  on.stages.native.clear()
  on.stages.plain.clear()
})
after(async () => {
  for (const fn of undo.reverse()) await fn()
})

const user = (content: string | readonly JsonObject[]): JsonObject => ({
  type: 'message',
  role: 'user',
  content,
})
const WEATHER: JsonObject = {
  type: 'function',
  name: 'get_weather',
  description: 'The weather at a place.',
  strict: true,
  parameters: {
    type: 'object',
    properties: { location: { type: 'string' } },
    required: ['location'],
    additionalProperties: false,
  },
}
const PIXEL =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

type Case = {
  readonly name: string
  readonly body: JsonObject
  readonly stream?: true
  readonly holds: (response: JsonObject) => void
}

const types = (response: JsonObject): readonly unknown[] =>
  (response.output as JsonObject[]).map(item => item.type)

const speaks = (response: JsonObject): void => {
  assert.equal(response.status, 'completed')
  const [message = {}] = response.output as JsonObject[]
  const [part] = message.content as JsonObject[]
  assert.ok(String(part?.text).length > 0)
}

const calls = (response: JsonObject): void => {
  assert.equal(response.status, 'completed')
  assert.ok(types(response).includes('function_call'))
  const call = (response.output as JsonObject[]).find(item => item.type === 'function_call')
  assert.equal(call?.name, 'get_weather')
  assert.equal(typeof JSON.parse(String(call?.arguments)).location, 'string')
}

const CASES: readonly Case[] = [
  { name: 'basic text', body: { input: [user('Say hello in three words.')] }, holds: speaks },
  { name: 'streaming text', body: { input: [user('Count from one to five.')] }, stream: true, holds: speaks },
  {
    name: 'system prompt',
    body: {
      input: [{ type: 'message', role: 'system', content: 'You are a pirate.' }, user('Say hello.')],
    },
    holds: speaks,
  },
  {
    name: 'instructions',
    body: { instructions: 'You are a pirate.', input: 'Say hello.' },
    holds: response => {
      speaks(response)
      assert.equal(response.instructions, 'You are a pirate.')
    },
  },
  {
    name: 'tool calling',
    body: { input: [user('[stage:tool] What is the weather in Kronborg?')], tools: [WEATHER] },
    holds: calls,
  },
  {
    name: 'tool calling, streamed',
    body: { input: [user('[stage:tool] What is the weather in Kronborg?')], tools: [WEATHER] },
    stream: true,
    holds: calls,
  },
  {
    name: 'a result goes back',
    body: {
      input: [
        user('What is the weather in Kronborg?'),
        {
          type: 'function_call',
          call_id: 'call_weather',
          name: 'get_weather',
          arguments: '{"location":"Kronborg"}',
        },
        { type: 'function_call_output', call_id: 'call_weather', output: 'A bitter cold.' },
      ],
      tools: [WEATHER],
    },
    holds: speaks,
  },
  {
    name: 'image input',
    body: {
      input: [
        user([
          { type: 'input_text', text: 'What is in this image?' },
          { type: 'input_image', image_url: PIXEL },
        ]),
      ],
    },
    holds: speaks,
  },
  {
    name: 'multi-turn conversation',
    body: {
      input: [
        user('My name is Horatio.'),
        {
          type: 'message',
          role: 'assistant',
          content: [{ type: 'output_text', text: 'Well met.', annotations: [] }],
        },
        user('What is my name?'),
      ],
    },
    holds: speaks,
  },
]

const TARGETS = [
  { name: 'a native target', group: 'native', fails: undefined },
  { name: 'a chat-only target', group: 'plain', fails: undefined },
  { name: 'a chat-only target after its native primary failed', group: 'forth', fails: 'native' },
  { name: 'a native target after its chat-only primary failed', group: 'back', fails: 'plain' },
] as const

const whole = async (body: JsonObject): Promise<JsonObject> => {
  const answer = await on.ask('/v1/responses', body)
  assert.equal(answer.status, 200, answer.text)
  return answer.json()
}

const streamed = async (body: JsonObject): Promise<JsonObject> => {
  const answer = await on.ask('/v1/responses', { ...body, stream: true })
  assert.equal(answer.status, 200, answer.text)
  assert.match(answer.headers['content-type'] ?? '', /^text\/event-stream/)
  const events = parseSse(Buffer.from(answer.text)).filter(event => event.data !== '[DONE]')
  const parsed = events.map(event => {
    const data = JSON.parse(event.data) as JsonObject
    assert.equal(event.event, data.type, 'the event is named twice alike')
    checkEvent(data)
    return data
  })
  return checkGrammar(parsed)
}

for (const { name, group, fails } of TARGETS)
  describe(name, () => {
    for (const { name: what, body, stream, holds } of CASES)
      test(what, async () => {
        if (fails !== undefined) on.stages[fails].script([{ kind: 'status', status: 503 }])
        const ask = { model: group, ...body }
        const response = stream ? await streamed(ask) : await whole(ask)
        const emulated = group === 'plain' || group === 'forth'
        ;(emulated ? EmulatedResponse : ResponseObject).parse(response)
        holds(response)
        const { native, plain } = on.stages
        assertNothingRefused([...native.requests, ...plain.requests].filter(hit => hit.json !== undefined))
        assert.equal(native.requests.length + plain.requests.length, fails === undefined ? 1 : 2)
      })
  })
