import assert from 'node:assert/strict'
import { test } from 'node:test'
import { indexObject } from '../wire/index.ts'
import type { JsonObject } from '../wire/json.ts'
import { limitEdits, limitSaid } from './answer-limit.ts'

test('the limit that a refusal names, and whether it is the model’s', () => {
  const said = (words: string): readonly unknown[] => {
    const limit = limitSaid(words)
    return limit === undefined ? [] : [limit.most, limit.once]
  }
  assert.deepEqual(
    said('The maximum tokens you requested exceeds the model limit of 4096. Try again with a lower value.'),
    [4096, false],
  )
  assert.deepEqual(
    said("Invalid 'max_output_tokens': integer above maximum value. Expected a value <= 32768, but got 9."),
    [32_768, false],
  )
  assert.deepEqual(
    said(
      'Unable to submit request because it has a maxOutputTokens value of 99999 but the supported range is from 1 (inclusive) to 65537 (exclusive). Update the value and try again.',
    ),
    [65_536, false],
  )
  const room = (prompt: number): string =>
    `'max_tokens' or 'max_completion_tokens' is too large: 64000. This model's maximum context length is 64001 tokens and your request has ${prompt} input tokens (64000 > 64001 - ${prompt}).`
  assert.deepEqual(said(room(24_235)), [39_766, true])
  assert.deepEqual(said(room(64_000)), [], 'a window that is full is not mended')
  assert.deepEqual(said('The prompt said: max_tokens is too large: 5. This model supports at most 4'), [])
  assert.deepEqual(said('temperature must be less than or equal to 1'), [])
})

test('every dialect’s own name of it, and nothing that is small enough', () => {
  const edits = (body: JsonObject): readonly unknown[] =>
    limitEdits(indexObject(Buffer.from(JSON.stringify(body))), 100).map(edit => [
      edit.path.join('.'),
      edit.op === 'set' && edit.value,
    ])
  assert.deepEqual(edits({ max_tokens: 200, max_completion_tokens: 101, max_output_tokens: 100 }), [
    ['max_tokens', 100],
    ['max_completion_tokens', 100],
  ])
  assert.deepEqual(
    edits({ generationConfig: { maxOutputTokens: 101 }, inferenceConfig: { maxTokens: 101 } }),
    [
      ['generationConfig.maxOutputTokens', 100],
      ['inferenceConfig.maxTokens', 100],
    ],
  )
  assert.deepEqual(edits({ max_tokens: '200', generationConfig: null }), [])
})
