import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Json, JsonObject } from '../wire/json.ts'
import { bytesOf, FailedAnswer, translateAnswer } from './bridge.ts'
import { askedWith } from './chat.fixture.ts'
import { chatDoor, chatUpstream } from './chat.ts'
import { readChatAnswer, writeChatAnswer } from './chat-answer.ts'
import { ANSWERS, call } from './neutral.fixture.ts'
import type { NeutralAnswer, Stop } from './neutral.ts'
import { anyAnswer } from './neutral-any.fixture.ts'

const asked = askedWith()
const answerNamed = (name: string): NeutralAnswer => {
  const answer = ANSWERS[name]
  assert.ok(answer)
  return answer
}
const messageOf = (answer: NeutralAnswer, body: JsonObject = {}): JsonObject => {
  const [choice] = writeChatAnswer(answer, askedWith({}, body)).choices as readonly JsonObject[]
  return choice ?? {}
}

describe('answers to a client', () => {
  test('everything an answer can hold', () => {
    const answer: NeutralAnswer = {
      ...answerNamed('sealed thoughts, words, calls'),
      usage: {
        inputTokens: 100,
        outputTokens: 50,
        cachedInputTokens: 60,
        cacheWriteTokens: 20,
        reasoningTokens: 30,
      },
      logprobs: [{ token: 'So.', logprob: -1 }],
      serviceTier: 'default',
    }
    assert.deepEqual(writeChatAnswer(answer, asked), {
      id: 'chatcmpl-u1',
      object: 'chat.completion',
      created: 1_700_000_000,
      model: 'group',
      choices: [
        {
          index: 0,
          message: {
            role: 'assistant',
            content: 'So.',
            reasoning_content: 'thinking it over',
            thinking_blocks: [{ type: 'thinking', thinking: 'thinking it over', signature: 'c2ln' }],
            tool_calls: [
              { id: 'call_1', type: 'function', function: { name: 'look', arguments: '{"at":"left"}' } },
            ],
          },
          logprobs: { content: [{ token: 'So.', logprob: -1 }], refusal: null },
          finish_reason: 'tool_calls',
        },
      ],
      usage: {
        prompt_tokens: 100,
        completion_tokens: 50,
        total_tokens: 150,
        prompt_tokens_details: { cached_tokens: 60, cache_write_tokens: 20 },
        completion_tokens_details: { reasoning_tokens: 30 },
      },
      service_tier: 'default',
    })
  })

  const stops: readonly (readonly [stop: Stop, finish: string])[] = [
    [{ kind: 'end' }, 'stop'],
    [{ kind: 'sequence', sequence: 'END' }, 'stop'],
    [{ kind: 'length' }, 'length'],
    [{ kind: 'context' }, 'length'],
    [{ kind: 'calls' }, 'tool_calls'],
    [{ kind: 'filter' }, 'content_filter'],
    [{ kind: 'refusal' }, 'content_filter'],
    [{ kind: 'pause' }, 'length'],
    [{ kind: 'compaction' }, 'stop'],
  ]
  for (const [stop, finish] of stops)
    test(`${stop.kind} is ${finish}`, () =>
      assert.equal(messageOf({ ...answerNamed('words'), stop }).finish_reason, finish))

  const messages: readonly (readonly [name: string, message: JsonObject])[] = [
    ['nothing at all', { role: 'assistant', content: '' }],
    ['an empty text', { role: 'assistant', content: '' }],
    ['a refusal', { role: 'assistant', content: null, refusal: 'I will not.' }],
    [
      'thoughts that may not be read',
      { role: 'assistant', content: 'So.', thinking_blocks: [{ type: 'redacted_thinking', data: 'cmVk' }] },
    ],
    [
      'a custom call',
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          { id: 'call_1', type: 'custom', custom: { name: 'apply_patch', input: '*** "Begin"\n' } },
        ],
      },
    ],
    [
      'a call that carries a seal',
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          {
            id: 'call_1',
            type: 'function',
            function: { name: 'look', arguments: '{"at":"left"}' },
            provider_specific_fields: { thought_signature: 'dGhvdWdodA==' },
          },
        ],
      },
    ],
  ]
  for (const [name, message] of messages)
    test(name, () => assert.deepEqual(messageOf(answerNamed(name)).message, message))

  test('a refusal in words is an ordinary end', () => {
    assert.equal(messageOf(answerNamed('a refusal')).finish_reason, 'stop')
  })

  test('who asked with functions hears of a function_call; what is too many is told all the same', () => {
    const body = { functions: [{ name: 'look' }] }
    assert.deepEqual(messageOf(answerNamed('one call'), body), {
      index: 0,
      message: {
        role: 'assistant',
        content: null,
        function_call: { name: 'look', arguments: '{"at":"left"}' },
      },
      logprobs: null,
      finish_reason: 'function_call',
    })
    const { message } = messageOf(answerNamed('words, then parallel calls'), body)
    assert.match(JSON.stringify(message), /"function_call":\{"name":"look".*"tool_calls":\[\{"id":"call_2"/)
  })
})

describe('answers of a provider', () => {
  const read = (message: JsonObject, more: JsonObject = {}): NeutralAnswer =>
    readChatAnswer({ id: 'chatcmpl-9', choices: [{ message, finish_reason: 'stop', ...more }] })

  test('an answer without anything around it', () => {
    assert.deepEqual(read({ role: 'assistant', content: 'Yes.' }), {
      id: 'chatcmpl-9',
      model: undefined,
      parts: [{ kind: 'text', text: 'Yes.' }],
      stop: { kind: 'end' },
      usage: undefined,
    })
  })

  const rows: readonly (readonly [what: string, message: JsonObject, parts: NeutralAnswer['parts']])[] = [
    ['null', { content: null }, []],
    [
      'reasoning by its other name',
      { reasoning: 'hm', content: 'a' },
      [
        { kind: 'reasoning', text: 'hm' },
        { kind: 'text', text: 'a' },
      ],
    ],
    [
      'thinking parts',
      {
        content: [
          { type: 'thinking', thinking: [{ type: 'text', text: 'hm' }] },
          { type: 'text', text: 'a' },
        ],
      },
      [
        { kind: 'reasoning', text: 'hm' },
        { kind: 'text', text: 'a' },
      ],
    ],
    [
      'arguments that are an object, and a call without an id',
      { content: '', tool_calls: [{ function: { name: 'look', arguments: { at: 'left' } } }] },
      [call('call_chatcmpl9_0', 'look')],
    ],
    [
      'a call without arguments',
      { tool_calls: [{ id: 'a', function: { name: 'look', arguments: '' } }] },
      [call('a', 'look', '{}')],
    ],
    [
      'the older call',
      { function_call: { name: 'look', arguments: '{"at":"left"}' } },
      [call('call_chatcmpl9_0', 'look')],
    ],
  ]
  for (const [what, message, parts] of rows) test(what, () => assert.deepEqual(read(message).parts, parts))

  const stops: readonly (readonly [message: JsonObject, finish: Json, stop: Stop['kind']])[] = [
    [{ content: 'a' }, 'stop', 'end'],
    [{ content: 'a' }, 'eos', 'end'],
    [{ content: 'a' }, null, 'end'],
    [{ content: 'a' }, 'length', 'length'],
    [{ content: 'a' }, 'content_filter', 'filter'],
    [{ refusal: 'a' }, 'stop', 'refusal'],
    [{ tool_calls: [{ id: 'a', function: { name: 'look' } }] }, 'stop', 'calls'],
    [{ tool_calls: [{ id: 'a', function: { name: 'look' } }] }, 'tool_calls', 'calls'],
    [{ function_call: { name: 'look', arguments: '' } }, 'function_call', 'calls'],
  ]
  for (const [message, finish, stop] of stops)
    test(`${String(finish)} after ${JSON.stringify(message)} is ${stop}`, () =>
      assert.deepEqual(read(message, { finish_reason: finish }).stop, { kind: stop }))

  test('an error inside a success is a failed answer, and no answer is none', () => {
    const failed = { error: { message: 'overloaded', code: 'server_is_overloaded' } }
    assert.throws(
      () => readChatAnswer(failed),
      (error: unknown) => error instanceof FailedAnswer && error.error.code === 'server_is_overloaded',
    )
    assert.throws(() => readChatAnswer({ choices: [] }), FailedAnswer)
    assert.throws(() => readChatAnswer({ choices: [{}] }), /no message/)
    const told = translateAnswer(bytesOf(failed), chatUpstream, chatDoor, asked)
    assert.deepEqual(JSON.parse(new TextDecoder().decode(told)), failed)
  })
})

describe('there and back', () => {
  const there = (answer: NeutralAnswer): NeutralAnswer =>
    readChatAnswer(JSON.parse(JSON.stringify(writeChatAnswer(answer, asked))) as JsonObject)
  const named = { id: 'chatcmpl-u1', model: 'group' }

  test('property: an answer is the same answer', () => {
    fc.assert(
      fc.property(anyAnswer, answer => {
        // Of a function '' and no arguments are one.
        const parts = answer.parts.map(part =>
          part.kind === 'call' && part.input === '' && part.custom !== true ? { ...part, input: '{}' } : part,
        )
        assert.deepEqual(there(answer), { ...answer, ...named, parts })
      }),
    )
  })

  test('seals of other issuers come back as theirs, readable or not', () => {
    const parts = (['responses', 'gemini', 'converse'] as const).flatMap((issuer): NeutralAnswer['parts'] => [
      { kind: 'reasoning', text: `${issuer} thinks`, sealed: { issuer, payload: `${issuer}-1` } },
      { kind: 'reasoning', text: '', sealed: { issuer, payload: `${issuer}-2`, redacted: true } },
    ])
    assert.deepEqual(there({ ...answerNamed('words'), parts }).parts, parts)
  })

  /** What chat has no word for. */
  const differs: Readonly<Record<string, Partial<NeutralAnswer>>> = {
    'an empty text': { parts: [] },
    'cut by the window': { stop: { kind: 'length' } },
    'ended by a stop sequence': { stop: { kind: 'end' } },
  }
  for (const [name, answer] of Object.entries(ANSWERS))
    test(name, () => assert.deepEqual(there(answer), { ...answer, ...named, ...differs[name] }))
})
