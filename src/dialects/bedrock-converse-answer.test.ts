import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { BedrockAnswer } from '../stage/bedrock-answer.ts'
import { isObject, type JsonObject } from '../wire/json.ts'
import { askedBy, CHAT_USAGE, CLAUDE, RICH } from './bedrock-converse.fixture.ts'
import { converseUpstream } from './bedrock-converse.ts'
import { readConverse } from './bedrock-converse-answer.ts'
import { converseErrorOf } from './bedrock-converse-error.ts'
import { bytesOf, objectIn, translateAnswer } from './bridge.ts'
import { chatDoor } from './chat.ts'

describe('answers', () => {
  const bodyOf = (answer: BedrockAnswer): JsonObject => ({
    output: { message: { role: 'assistant', content: answer.content } },
    stopReason: answer.stopReason,
    usage: answer.usage,
  })
  const whole = (answer: BedrockAnswer): JsonObject =>
    objectIn(translateAnswer(bytesOf(bodyOf(answer)), converseUpstream(CLAUDE), chatDoor, askedBy()))

  test('text, reasoning, calls and usage', () => {
    assert.deepEqual(whole(RICH), {
      id: 'chatcmpl-u1',
      object: 'chat.completion',
      created: 1_700_000_000,
      model: 'upstream',
      choices: [
        {
          index: 0,
          message: {
            role: 'assistant',
            content: 'Here, with an é and a 🎭.',
            reasoning_content: 'thinking it over',
            thinking_blocks: [{ type: 'thinking', thinking: 'thinking it over', signature: 'sig' }],
            tool_calls: [
              { id: 't1', type: 'function', function: { name: 'look', arguments: '{"at":"left"}' } },
              { id: 't2', type: 'function', function: { name: 'wait', arguments: '{}' } },
            ],
          },
          logprobs: null,
          finish_reason: 'tool_calls',
        },
      ],
      usage: CHAT_USAGE,
    })
  })

  const reasons: readonly (readonly [stopReason: string, finish: string])[] = [
    ['end_turn', 'stop'],
    ['stop_sequence', 'stop'],
    ['max_tokens', 'length'],
    ['model_context_window_exceeded', 'length'],
    ['content_filtered', 'content_filter'],
    ['guardrail_intervened', 'content_filter'],
    ['something_new', 'stop'],
  ]
  for (const [stopReason, finish] of reasons) {
    test(`${stopReason} is ${finish}`, () => {
      const { choices } = whole({ ...RICH, content: [{ text: 'x' }], stopReason })
      assert.ok(Array.isArray(choices) && isObject(choices[0]))
      assert.equal(choices[0].finish_reason, finish)
    })
  }

  test('a malformed answer is an error, not a success', () => {
    const { error } = whole({ ...RICH, stopReason: 'malformed_tool_use' })
    assert.ok(isObject(error) && error.code === 'server_error')
  })

  test('what is no Converse answer throws', () => {
    for (const answer of [{}, { output: { message: {} } }]) {
      assert.throws(() => readConverse(answer, 'converse'), /no output\.message/)
    }
  })
})

describe('error answers', () => {
  const of = (kind: string | undefined, body: string) =>
    converseErrorOf(
      400,
      kind === undefined ? {} : { 'x-amzn-errortype': kind },
      new TextEncoder().encode(body),
    )
  const rows: readonly (readonly [kind: string, message: string, code: string | null])[] = [
    ['ThrottlingException:http://internal', 'Too many requests', 'rate_limit_exceeded'],
    ['ServiceQuotaExceededException', 'over', 'insufficient_quota'],
    ['AccessDeniedException', 'no', 'access_denied'],
    ['ExpiredTokenException', 'old', 'invalid_api_key'],
    ['ResourceNotFoundException', 'gone', 'model_not_found'],
    ['ModelNotReadyException', 'wait', 'server_is_overloaded'],
    ['ModelErrorException', 'oops', 'server_error'],
    ['ModelTimeoutException', 'slow', 'timeout'],
    ['ValidationException', 'bad shape', null],
    ['ValidationException', 'Input is too long for requested model.', 'context_length_exceeded'],
    ['ValidationException', 'The provided model identifier is invalid.', 'model_not_found'],
    ['SomethingNewException', 'hm', null],
  ]
  for (const [kind, message, code] of rows) {
    test(`${kind}: ${message}`, () => {
      const error = of(kind, JSON.stringify({ message }))
      assert.equal(error?.message, message)
      assert.equal(error?.code, code)
    })
  }

  test('the body names the exception when no header does', () => {
    const error = of(undefined, '{"__type":"com.amazon.coral.service#ThrottlingException","Message":"slow"}')
    assert.deepEqual([error?.code, error?.message], ['rate_limit_exceeded', 'slow'])
  })

  test('nothing known is left to others', () => {
    assert.equal(of(undefined, '<html>'), undefined)
    assert.equal(of(undefined, '{}'), undefined)
  })
})
