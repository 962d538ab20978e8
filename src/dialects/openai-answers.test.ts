import assert from 'node:assert/strict'
import { test } from 'node:test'
import { indexObject } from '../wire/index.ts'
import type { JsonObject } from '../wire/json.ts'
import { SHAPES } from './index.ts'
import type { StreamEvent } from './shape.ts'

/** The same bytes as compact and as spaced JSON: what a quick look at them says. */
const calmAt = (shape: keyof typeof SHAPES, answer: JsonObject): boolean =>
  [undefined, 1].some(
    space => SHAPES[shape].calm?.(indexObject(Buffer.from(JSON.stringify(answer, null, space)))) === true,
  )

const insideOf = (shape: keyof typeof SHAPES, answer: JsonObject): JsonObject | undefined =>
  SHAPES[shape].errorInside(answer)

test('an error inside a 200 is found', () => {
  const hidden: readonly (readonly [keyof typeof SHAPES, JsonObject])[] = [
    ['chat', { error: { code: 429, message: 'quota' } }],
    ['chat', { id: 'x', object: 'chat.completion', choices: [] }],
    ['chat', { id: 'x' }],
    ['chat', { detail: 'Not Found' }],
    ['chat', { choices: [{ index: 0, message: { content: '' }, finish_reason: 'error' }] }],
    ['chat', { choices: [{ index: 0, error: { code: 502, message: 'x' }, message: { content: '' } }] }],
    ['completions', { object: 'error', message: 'x', code: 400 }],
    ['chat', { choices: [null] }],
    [
      'chat',
      {
        choices: [{ index: 0, message: { role: 'assistant', content: '' }, finish_reason: 'stop' }],
        usage: { prompt_tokens: 14_903, completion_tokens: 0, total_tokens: 14_903 },
      },
    ],
    [
      'completions',
      { choices: [{ index: 0, text: '', finish_reason: null }], usage: { completion_tokens: 0 } },
    ],
    ['chat', { candidates: [], promptFeedback: { blockReason: 'SAFETY' } }],
    ['chat', { base_resp: { status_code: 1002, status_msg: 'rate limit' }, choices: null }],
    ['embeddings', { object: 'list', model: 'e' }],
    ['embeddings', { object: 'list', model: 'e', data: [] }],
    ['images', { created: 1 }],
    ['images', { created: 1, data: [] }],
    ['moderations', { id: 'm' }],
    ['moderations', { id: 'm', results: [] }],
    ['responses', { foo: 1 }],
    [
      'responses',
      { id: 'resp_1', status: 'completed', output: [], usage: { input_tokens: 9, output_tokens: 0 } },
    ],
    ['rerank', { id: 'r' }],
    ['transcription', { task: 'transcribe' }],
    ['speech', { message: 'no voice' }],
    [
      'responses',
      { id: 'resp_1', object: 'response', status: 'failed', error: { code: 'server_error', message: 'x' } },
    ],
    ['responses', { error: { message: 'x' } }],
    ['compaction', { id: 'r', object: 'response.compaction', output: [] }],
    ['compaction', { id: 'r', object: 'response.compaction' }],
    ['transcription', { error: { message: 'x' } }],
    ['speech', { error: { message: 'x' } }],
    ['rerank', { error: 'x' }],
    ['resource', { error: { message: 'x' } }],
  ]
  for (const [shape, answer] of hidden) {
    const found = insideOf(shape, answer)
    assert.equal(typeof found?.message, 'string', `${shape} ${JSON.stringify(answer)}`)
    assert.equal(calmAt(shape, answer), false, `${shape} is looked into: ${JSON.stringify(answer)}`)
  }
})

test('a real answer is never taken for an error', () => {
  const real: readonly (readonly [keyof typeof SHAPES, JsonObject])[] = [
    ['chat', { choices: [{ index: 0, message: { content: '' }, finish_reason: 'stop' }], error: null }],
    [
      'chat',
      {
        choices: [{ index: 0, message: { content: null, refusal: 'no' }, finish_reason: 'content_filter' }],
        error: {},
      },
    ],
    [
      'chat',
      {
        choices: [{ index: 0, message: { content: '' }, finish_reason: 'stop' }],
        usage: { prompt_tokens: 9, completion_tokens: 1 },
      },
    ],
    ['chat', { choices: [{ index: 0, message: { content: '' }, finish_reason: 'stop' }], usage: {} }],
    [
      'chat',
      {
        choices: [{ index: 0, message: { content: null }, finish_reason: 'content_filter' }],
        usage: { completion_tokens: 0 },
      },
    ],
    [
      'chat',
      {
        choices: [{ index: 0, message: { content: null }, finish_reason: 'length' }],
        usage: { completion_tokens: 0 },
      },
    ],
    [
      'chat',
      {
        choices: [{ index: 0, message: { content: null, tool_calls: [{ id: 'a' }] }, finish_reason: 'stop' }],
        usage: { completion_tokens: 0 },
      },
    ],
    [
      'completions',
      { choices: [{ index: 0, text: 'echo', finish_reason: 'stop' }], usage: { completion_tokens: 0 } },
    ],
    ['embeddings', { object: 'list', data: [{ embedding: [0] }] }],
    ['responses', { id: 'resp_1', object: 'response', status: 'completed', error: null, output: [] }],
    ['responses', { id: 'resp_1', object: 'response', status: 'incomplete', error: null, output: [] }],
    ['responses', { id: 'resp_1', object: 'response', status: 'queued', background: true, error: null }],
    [
      'responses',
      { id: 'resp_1', status: 'failed', background: true, error: { code: 'server_error', message: 'x' } },
    ],
    ['compaction', { object: 'response.compaction', output: [{ type: 'message' }] }],
    ['transcription', { text: '' }],
    ['rerank', { results: [] }],
    [
      'resource',
      { id: 'ftjob-1', object: 'fine_tuning.job', error: { code: 'x', message: 'the job failed' } },
    ],
    ['response_tokens', { object: 'response.input_tokens', input_tokens: 3 }],
    ['raw', { error: { message: 'a file may say anything' } }],
  ]
  for (const [shape, answer] of real)
    assert.equal(insideOf(shape, answer), undefined, `${shape} ${JSON.stringify(answer)}`)
})

const ended = (...events: readonly JsonObject[]): readonly StreamEvent[] =>
  events.map(event => ({ bytes: new Uint8Array(), event: '', data: JSON.stringify(event) }))

test('a stream that ended before content is none when not one token was counted', () => {
  const { completions, responses, images, speech, compaction, trigger } = SHAPES
  const stop = (usage: JsonObject) =>
    ended({ choices: [{ index: 0, text: '', finish_reason: 'stop' }], usage })
  assert.equal(completions.stream?.emptyEnd?.(stop({ completion_tokens: 0 }))?.code, 'empty_answer')
  assert.equal(completions.stream?.emptyEnd?.(stop({ completion_tokens: 1 })), undefined)
  assert.equal(completions.stream?.emptyEnd?.(ended())?.code, 'empty_answer')
  const completed = (response: JsonObject) =>
    ended({ type: 'response.created' }, { type: 'response.completed', response })
  const nothing = { status: 'completed', output: [], usage: { output_tokens: 0 } }
  const end = responses.stream?.emptyEnd
  assert.equal(end?.(completed(nothing))?.code, 'empty_answer')
  assert.equal(end?.(completed({ ...nothing, usage: { output_tokens: 3 } })), undefined)
  assert.equal(end?.(completed({ ...nothing, usage: null })), undefined)
  assert.equal(end?.(completed({ ...nothing, status: 'incomplete' })), undefined)
  const shown = (image: JsonObject) =>
    images.stream?.emptyEnd?.(ended({ type: 'image_edit.completed', ...image }))
  assert.equal(shown({})?.code, 'empty_answer')
  assert.equal(shown({ b64_json: '' })?.code, 'empty_answer')
  assert.equal(shown({ b64_json: 'AA' }), undefined)
  assert.equal(speech.stream?.emptyEnd?.(ended({ type: 'speech.audio.done' }))?.code, 'empty_answer')
  const compacted = (encrypted_content: string) => ({ output: [{ type: 'compaction', encrypted_content }] })
  for (const shape of [compaction, trigger]) {
    assert.equal(shape.errorInside(compacted(''))?.code, 'empty_answer', shape.name)
    assert.equal(shape.errorInside(compacted('kept')), undefined, shape.name)
  }
})

test('usage of whole answers', () => {
  assert.deepEqual(SHAPES.embeddings.usageOf({ usage: { prompt_tokens: 8, total_tokens: 8 } }), {
    inputTokens: 8,
    outputTokens: 0,
  })
  assert.deepEqual(
    SHAPES.responses.usageOf({
      usage: {
        input_tokens: 10,
        input_tokens_details: { cached_tokens: 4, cache_write_tokens: 2 },
        output_tokens: 5,
        output_tokens_details: { reasoning_tokens: 3 },
        total_tokens: 15,
      },
    }),
    { inputTokens: 10, outputTokens: 5, cachedInputTokens: 4, cacheWriteTokens: 2, reasoningTokens: 3 },
  )
  assert.equal(SHAPES.rerank.usageOf({ meta: { billed_units: { search_units: 1 } } }), undefined)
  assert.equal(SHAPES.chat.usageOf({ usage: null }), undefined)
  const counted = (total_tokens: number) =>
    SHAPES.chat.usageOf({
      usage: {
        prompt_tokens: 32,
        completion_tokens: 9,
        total_tokens,
        completion_tokens_details: { reasoning_tokens: 4 },
      },
    })?.outputTokens
  assert.equal(counted(41), 9, 'what was thought is within the completion')
  assert.equal(counted(45), 13, 'what was thought is beside the completion')
  assert.equal(SHAPES.chat.usageOf({ usage: { prompt_tokens: -1, completion_tokens: 'x' } }), undefined)
})
