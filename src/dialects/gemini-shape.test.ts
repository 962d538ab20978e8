import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Json, JsonObject } from '../wire/json.ts'
import { gemini, geminiTokens } from './gemini-shape.ts'
import { eventOf } from './gemini-writer.ts'

const sight = (value: JsonObject) => gemini.stream?.sight(eventOf(value))
const said = (parts: readonly JsonObject[], more: JsonObject = {}): JsonObject => ({
  candidates: [{ content: { parts, role: 'model' }, ...more }],
})

describe('sight of a chunk', () => {
  test('what speaks is content, what does not is lifecycle', () => {
    for (const part of [
      { text: 'a' },
      { text: 'a', thought: true },
      { functionCall: { name: 'look' } },
      { inlineData: { mimeType: 'image/png', data: '' } },
      { executableCode: {} },
    ])
      assert.equal(sight(said([part]))?.kind, 'content', JSON.stringify(part))
    for (const value of [
      said([]),
      said([{ text: '' }]),
      said([{ text: '', thoughtSignature: 'c2ln' }]),
      { usageMetadata: { promptTokenCount: 1 } },
      said([], { finishReason: 'FINISH_REASON_UNSPECIFIED' }),
    ])
      assert.equal(sight(value)?.kind, 'lifecycle', JSON.stringify(value))
  })

  test('a reason is the end of its candidate', () => {
    assert.deepEqual(sight({ ...said([{ text: 'a' }], { finishReason: 'STOP' }) }), {
      kind: 'final',
      finished: [0],
      speaks: true,
    })
    const two = {
      candidates: [{ finishReason: 'STOP' }, { finishReason: 'MAX_TOKENS' }],
      usageMetadata: { promptTokenCount: 3, candidatesTokenCount: 2, totalTokenCount: 5 },
    }
    assert.deepEqual(sight(two), {
      kind: 'final',
      finished: [0, 1],
      usage: { inputTokens: 3, outputTokens: 2 },
    })
    assert.equal(sight({ promptFeedback: { blockReason: 'SAFETY' } })?.kind, 'final')
  })

  test('errors and failing ends', () => {
    assert.equal(sight({ error: { code: 503, message: 'busy', status: 'UNAVAILABLE' } })?.kind, 'error')
    assert.equal(sight(said([], { finishReason: 'MALFORMED_FUNCTION_CALL' }))?.kind, 'error')
    assert.equal(
      gemini.stream?.sight({ event: '', data: '{"candidates":', bytes: new Uint8Array() }).kind,
      'error',
    )
    assert.equal(
      gemini.stream?.sight({ event: '', data: undefined, bytes: Buffer.from(': ping\n\n') }).kind,
      'lifecycle',
    )
  })
})

describe('a whole answer', () => {
  const code = (answer: JsonObject) => gemini.errorInside(answer)?.code
  test('without anything in it is none; blocked, it is one', () => {
    assert.equal(code({}), 'empty_answer')
    assert.equal(code({ candidates: [] }), 'empty_answer')
    assert.equal(code({ promptFeedback: { blockReason: 'SAFETY' } }), undefined)
    assert.equal(
      code({ ...said([], { finishReason: 'STOP' }), usageMetadata: { promptTokenCount: 3 } }),
      'empty_answer',
    )
    assert.equal(code(said([], { finishReason: 'STOP' })), undefined, 'nobody has counted')
    assert.equal(code(said([], { finishReason: 'MAX_TOKENS' })), undefined)
    assert.equal(code(said([{ text: 'a' }], { finishReason: 'OTHER' })), 'empty_answer')
  })

  test('that a filter took', () => {
    for (const finishReason of ['SAFETY', 'RECITATION', 'SPII'])
      assert.equal(gemini.filtered?.(said([], { finishReason })), true)
    assert.equal(gemini.filtered?.({ promptFeedback: { blockReason: 'OTHER' } }), true)
    assert.equal(gemini.filtered?.(said([{ text: 'a' }], { finishReason: 'STOP' })), false)
  })

  test('how many there are', () => {
    const answers = (body: Record<string, Json>) => gemini.answersIn?.(key => body[key])
    assert.equal(answers({}), 1)
    assert.equal(answers({ generationConfig: { candidateCount: 3 } }), 3)
    assert.equal(answers({ generation_config: { candidate_count: 2 } }), 2)
  })

  test('a count is a number', () => {
    assert.equal(geminiTokens.errorInside({ totalTokens: 0 }), undefined)
    assert.equal(geminiTokens.errorInside({})?.code, 'empty_answer')
  })
})

describe('an error', () => {
  const error = { message: 'busy', type: 'server_error', param: null, code: '503' }
  test("is told with the dialect's own names", () => {
    const told = gemini.tell?.(error, { status: 503, failure: 'overloaded', callId: 'c' })
    assert.deepEqual(told, {
      status: 503,
      document: { error: { code: 503, message: 'busy', status: 'UNAVAILABLE' } },
    })
    const names = [400, 401, 403, 404, 408, 418, 429, 500, 502, 504, 529].map(status => {
      const { document } = gemini.tell?.(error, { status, failure: undefined, callId: 'c' }) ?? {}
      return (document!.error as JsonObject).status
    })
    assert.deepEqual(names, [
      'INVALID_ARGUMENT',
      'UNAUTHENTICATED',
      'PERMISSION_DENIED',
      'NOT_FOUND',
      'DEADLINE_EXCEEDED',
      'INVALID_ARGUMENT',
      'RESOURCE_EXHAUSTED',
      'INTERNAL',
      'UNAVAILABLE',
      'DEADLINE_EXCEEDED',
      'UNAVAILABLE',
    ])
  })

  test('keeps its word and its parameter in its details', () => {
    const told = gemini.tell?.(
      { ...error, code: 'context_length_exceeded', param: 'contents', litellm_call_id: 'c-1' },
      { status: 400, failure: 'context_window', callId: 'c-1' },
    )
    assert.deepEqual((told!.document.error as JsonObject).details, [
      {
        '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
        reason: 'CONTEXT_LENGTH_EXCEEDED',
        domain: 'understudy',
        metadata: { litellm_call_id: 'c-1' },
      },
      {
        '@type': 'type.googleapis.com/google.rpc.BadRequest',
        fieldViolations: [{ field: 'contents', description: 'busy' }],
      },
    ])
  })

  test('in a stream is a chunk with a status that client libraries raise at', () => {
    const frame = gemini.stream?.errorFrame(error, { sequence: -1, response: undefined })
    assert.equal(frame, 'data: {"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}\n\n')
    const worded = gemini.stream?.errorFrame(
      { ...error, code: 'server_error' },
      { sequence: -1, response: undefined },
      { status: 502, failure: 'transport', callId: 'c' },
    )
    assert.match(worded ?? '', /"code":502/)
  })
})
