import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ROUTES } from '../routes.ts'
import type { JsonObject } from '../wire/json.ts'
import { SHAPES } from './index.ts'
import type { ErrorBody, Sight, StreamEvent, StreamState } from './shape.ts'

const event = (data: string | undefined, name = ''): StreamEvent => ({
  bytes: new Uint8Array(),
  event: name,
  data,
})
const sightOf = (shape: keyof typeof SHAPES, data: unknown, name = ''): Sight => {
  const rules = SHAPES[shape].stream
  assert.ok(rules !== undefined)
  return rules.sight(event(typeof data === 'string' ? data : JSON.stringify(data), name))
}
const kindOf = (shape: keyof typeof SHAPES, data: unknown, name = ''): string =>
  sightOf(shape, data, name).kind

const chunk = (choices: unknown, more: object = {}): object => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'm',
  choices,
  ...more,
})
const delta = (value: object, finish: string | null = null): object =>
  chunk([{ index: 0, delta: value, logprobs: null, finish_reason: finish }], { usage: null })

test('every shape that a route names exists', () => {
  for (const route of ROUTES) assert.equal(SHAPES[route.shape].name, route.shape)
  for (const route of ROUTES)
    if (route.streams) assert.ok(SHAPES[route.shape].stream !== undefined, route.name)
})

test('chat: a delta that says something is content, one that says nothing is lifecycle', () => {
  const content = [
    { content: 'a' },
    { role: 'assistant', content: 'a' },
    { refusal: 'no' },
    { reasoning: 'hm' },
    { reasoning_content: 'hm' },
    { reasoning_details: [{ type: 'reasoning.text' }] },
    { tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: { name: 'f', arguments: '' } }] },
    { tool_calls: [{ index: 0, function: { arguments: '{"a' } }] },
    { function_call: { name: 'f' } },
    { audio: { data: 'AAAA' } },
    { content: [{ type: 'text', text: 'a' }] },
    { content: '"error":{"message":"quoted"}' },
    { content: '[DONE]' },
  ]
  for (const value of content) assert.equal(kindOf('chat', delta(value)), 'content', JSON.stringify(value))
  const silent = [
    {},
    { role: 'assistant' },
    { role: 'assistant', content: '' },
    { content: null, tool_calls: [] },
  ]
  for (const value of silent) assert.equal(kindOf('chat', delta(value)), 'lifecycle', JSON.stringify(value))
  assert.equal(kindOf('chat', chunk([], { prompt_filter_results: [] })), 'lifecycle')
  assert.equal(
    kindOf('chat', chunk([{ index: 0, content_filter_results: {}, finish_reason: null }])),
    'lifecycle',
  )
})

test('chat: comments, empty data and pings hold the gate shut', () => {
  assert.equal(SHAPES.chat.stream?.sight(event(undefined)).kind, 'lifecycle')
  assert.equal(kindOf('chat', ''), 'lifecycle')
  assert.equal(kindOf('chat', '{"type":"ping"}', 'ping'), 'lifecycle')
})

test('chat: finish_reason is final, a count alone is none, [DONE] is the end', () => {
  assert.equal(kindOf('chat', delta({}, 'stop')), 'final')
  assert.equal(kindOf('chat', delta({ content: 'last' }, 'length')), 'final')
  assert.equal(kindOf('chat', delta({ content: 'a' }, '')), 'content', 'an empty finish_reason is no finish')
  const usage = {
    prompt_tokens: 9,
    completion_tokens: 4,
    total_tokens: 13,
    prompt_tokens_details: { cached_tokens: 5 },
    completion_tokens_details: { reasoning_tokens: 2 },
  }
  assert.deepEqual(sightOf('chat', chunk([], { usage })), {
    kind: 'lifecycle',
    usage: { inputTokens: 9, outputTokens: 4, cachedInputTokens: 5, reasoningTokens: 2 },
  })
  assert.deepEqual(
    sightOf('chat', chunk([{ index: 0, delta: { content: 'a' }, finish_reason: null }], { usage })).kind,
    'content',
  )
  assert.equal(kindOf('chat', '[DONE]'), 'terminal')
  assert.equal(kindOf('chat', ' [DONE] '), 'terminal')
  assert.equal(SHAPES.chat.stream?.endsWithoutTerminal, true)
})

test('chat: with two choices one that ends does not end the answer', () => {
  const two = chunk([
    { index: 0, delta: {}, finish_reason: 'stop' },
    { index: 1, delta: { content: 'more' }, finish_reason: null },
  ])
  assert.equal(kindOf('chat', two), 'content')
})

test('M-083 chat: an error is found in every shape it comes in', () => {
  const cases: readonly (readonly [unknown, string?])[] = [
    [{ error: { message: 'x', code: 429 } }],
    [{ error: 'x' }],
    [{ error: [{ message: 'x' }] }],
    [[{ error: { message: 'x' } }], 'error'],
    [chunk([], { error: { message: 'x' } })],
    [
      chunk([{ index: 0, delta: { content: '' }, finish_reason: 'error' }], {
        error: { code: 502, message: 'x' },
      }),
    ],
    [chunk([{ index: 0, delta: {}, finish_reason: 'error', native_finish_reason: 'ENGINE' }])],
    [chunk([{ index: 0, delta: {}, finish_reason: null, error: { message: 'x' } }])],
    [{ object: 'error', message: 'x', type: 'BadRequestError', code: 400 }],
    [{ type: 'error', error: { type: 'overloaded_error', message: 'x' } }],
    [{ message: 'x', status_code: 500 }],
    ['plain text', 'error'],
    [{ message: 'x' }, 'error'],
  ]
  for (const [data, name] of cases) {
    const sight = sightOf('chat', data, name)
    assert.equal(sight.kind, 'error', JSON.stringify(data))
    assert.ok(sight.kind === 'error' && typeof sight.error.message === 'string', JSON.stringify(data))
  }
  const spaced = `{ "choices" : [] , "error" : { "message" : "x" } }`
  assert.equal(kindOf('chat', spaced), 'error')
  const escaped = `{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}],"\\u0065rror":{"message":"x"}}`
  assert.equal(kindOf('chat', escaped), 'error', 'an escaped key is the same key')
})

test('chat: data that is not JSON is a malformed event, whatever it looks like', () => {
  const broken = [
    '{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]',
    '{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}],}',
    '{"choices":[{"index":0,"delta":{"content":"a\\x"},"finish_reason":null}]}',
    '{"choices":[{"index":01,"delta":{"content":"a"},"finish_reason":null}]}',
    '{"choices":[{"index":0,"delta":{"content":"a\nb"},"finish_reason":null}]}',
    'oops',
  ]
  for (const data of broken) {
    const sight = sightOf('chat', data)
    assert.ok(sight.kind === 'error' && sight.error.code === 'malformed_event', data)
  }
})

test('an unknown event is passed on as content in every dialect', () => {
  for (const shape of ['chat', 'completions', 'responses', 'images', 'speech', 'transcription'] as const) {
    assert.equal(kindOf(shape, { type: 'response.hologram', beam: 1 }), 'content', shape)
    assert.equal(kindOf(shape, '17'), 'content', shape)
    assert.equal(kindOf(shape, '{"type":'), 'error', shape)
  }
})

const jsonString = fc.string({ unit: 'binary', maxLength: 12 })
const anyDelta = fc.dictionary(
  fc.constantFrom('content', 'refusal', 'reasoning', 'role', 'tool_calls', 'x', 'error'),
  fc.oneof(
    jsonString,
    fc.constant(null),
    fc.constant([]),
    fc.integer(),
    fc.constant([{ index: 0, function: { arguments: 'a' } }]),
  ),
)
const anyChunk = fc.record(
  {
    id: jsonString,
    error: fc.constantFrom(null, 'boom', { message: 'boom' }),
    choices: fc.array(
      fc.record(
        {
          index: fc.nat(),
          delta: anyDelta,
          finish_reason: fc.constantFrom(null, '', 'stop', 'error'),
          logprobs: fc.constant(null),
        },
        { requiredKeys: ['delta'] },
      ),
      { maxLength: 2 },
    ),
    usage: fc.constantFrom(null, { prompt_tokens: 1, completion_tokens: 2 }),
    obfuscation: jsonString,
  },
  { requiredKeys: ['choices'] },
)

test('chat: the quick way and the parsed way see the same in any chunk, whole or damaged', () => {
  const damage = fc.record({
    at: fc.nat(),
    cut: fc.nat(3),
    insert: fc.constantFrom('', '"', '\\', '}', ' ', ',', 'null'),
  })
  fc.assert(
    fc.property(anyChunk, fc.option(damage), fc.boolean(), (value, hurt, spaced) => {
      let data = JSON.stringify(value)
      if (spaced) data = data.replaceAll('":', '": ')
      if (hurt !== null) {
        const at = hurt.at % data.length
        data = data.slice(0, at) + hurt.insert + data.slice(at + hurt.cut)
      }
      // A named event never takes the quick way.
      assert.deepEqual(sightOf('chat', data), sightOf('chat', data, 'message'))
      assert.deepEqual(sightOf('completions', data), sightOf('completions', data, 'message'))
    }),
    { numRuns: 1500 },
  )
})

test('completions: text is content', () => {
  const text = (value: string, finish: string | null): object => ({
    object: 'text_completion',
    choices: [{ text: value, index: 0, logprobs: null, finish_reason: finish }],
  })
  assert.equal(kindOf('completions', text('a', null)), 'content')
  assert.equal(kindOf('completions', text('', null)), 'lifecycle')
  assert.equal(kindOf('completions', text('', 'stop')), 'final')
})

test('images: a partial image commits, a completed one ends its own with its usage', () => {
  assert.equal(
    kindOf('images', { type: 'image_generation.partial_image', b64_json: 'AA', partial_image_index: 0 }),
    'content',
  )
  assert.equal(kindOf('images', { type: 'image_edit.partial_image', b64_json: '' }), 'lifecycle')
  const usage = { input_tokens: 10, output_tokens: 20, total_tokens: 30 }
  assert.deepEqual(sightOf('images', { type: 'image_edit.completed', b64_json: 'AA', usage }), {
    kind: 'final',
    ends: 'each',
    speaks: true,
    usage: { inputTokens: 10, outputTokens: 20 },
  })
  assert.equal(kindOf('images', { type: 'error', error: { message: 'x' } }, 'error'), 'error')
})

test('speech and transcription events', () => {
  assert.equal(kindOf('speech', { type: 'speech.audio.delta', audio: 'AA' }), 'content')
  assert.equal(
    kindOf('speech', { type: 'speech.audio.done', usage: { input_tokens: 1, output_tokens: 2 } }),
    'terminal',
  )
  assert.equal(kindOf('transcription', { type: 'transcript.text.delta', delta: 'a' }), 'content')
  assert.equal(kindOf('transcription', { type: 'transcript.text.segment', text: 'a' }), 'content')
  assert.deepEqual(
    sightOf('transcription', {
      type: 'transcript.text.done',
      text: 'a',
      usage: { type: 'duration', seconds: 3 },
    }),
    {
      kind: 'terminal',
      usage: { inputTokens: 0, outputTokens: 0, audioSeconds: 3 },
    },
  )
})

const body: ErrorBody = { message: 'broken "off"\nhere', type: null, param: null, code: '500' }
const state: StreamState = { sequence: -1, response: undefined }
const frameOf = (shape: keyof typeof SHAPES): string => SHAPES[shape].stream?.errorFrame(body, state) ?? ''

test('error frames: one event with the error, and never the terminator of a whole answer', () => {
  for (const shape of ['chat', 'completions'] as const) {
    const [first, ...rest] = frameOf(shape).split('\n\n')
    assert.deepEqual(JSON.parse(first?.slice('data: '.length) ?? ''), { error: body })
    assert.deepEqual(rest, [''])
  }
  for (const shape of ['images', 'speech', 'transcription'] as const) {
    const [name, data, ...rest] = frameOf(shape).split('\n')
    assert.equal(name, 'event: error')
    const { type, error, ...flat } = JSON.parse(data?.slice('data: '.length) ?? '') as Record<string, unknown>
    assert.equal(type, 'error')
    assert.deepEqual(error, body)
    assert.deepEqual(flat, { code: '500', message: body.message, param: null })
    assert.deepEqual(rest, ['', ''])
  }
})

test('what an error frame says is seen as an error again', () => {
  for (const shape of ['chat', 'completions', 'responses', 'images', 'speech', 'transcription'] as const) {
    const block = frameOf(shape).split('\n\n')[0] ?? ''
    const data = /^data: (.*)$/m.exec(block)?.[1]
    const name = /^event: (.*)$/m.exec(block)?.[1] ?? ''
    assert.equal(kindOf(shape, data, name), 'error', shape)
  }
})

test('readers are total: any JSON at all gets a sight and an answer', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom('', 'error', 'response.completed'), (value, name) => {
      for (const shape of Object.values(SHAPES)) {
        shape.stream?.sight(event(JSON.stringify(value), name))
        if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
          shape.errorInside(value as JsonObject)
          shape.usageOf(value as JsonObject)
        }
      }
    }),
    { numRuns: 500 },
  )
})

test('ordinary deltas are seen without parsing them, in the spellings that servers use', t => {
  const parse = t.mock.method(JSON, 'parse')
  const ordinary: readonly (readonly ['chat' | 'completions' | 'responses', string])[] = [
    [
      'chat',
      '{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":" a\\n\\u00e9"},"logprobs":null,"finish_reason":null}],"usage":null}',
    ],
    [
      'chat',
      '{"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", "content": null, "reasoning_content": "a"}, "finish_reason": null}]}',
    ],
    [
      'chat',
      '{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\\"a"}}]},"finish_reason":null}]}',
    ],
    ['completions', '{"id":"c","choices":[{"index":0,"text":"a","logprobs":null,"finish_reason":null}]}'],
    [
      'responses',
      '{"type":"response.output_text.delta","sequence_number":4,"item_id":"msg_1","output_index":0,"content_index":0,"delta":"a","logprobs":[],"obfuscation":"x"}',
    ],
  ]
  for (const [shape, data] of ordinary) assert.equal(kindOf(shape, data), 'content', data)
  assert.equal(parse.mock.callCount(), 0)
})
