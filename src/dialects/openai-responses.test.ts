import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { responses } from './openai-responses.ts'
import type { Sight, StreamEvent, StreamState } from './shape.ts'

const event = (data: string, name = ''): StreamEvent => ({ bytes: new Uint8Array(), event: name, data })
const sightOf = (data: object | string): Sight => {
  const type = typeof data === 'object' && 'type' in data ? String(data.type) : ''
  const sight = responses.stream?.sight(event(typeof data === 'string' ? data : JSON.stringify(data), type))
  assert.ok(sight !== undefined)
  return sight
}
const place = { item_id: 'msg_1', output_index: 0, content_index: 0, sequence_number: 4 }
const response = { id: 'resp_1', object: 'response', status: 'in_progress', output: [], error: null }

test('announcements hold the gate shut', () => {
  const quiet: readonly object[] = [
    { type: 'response.created', response, sequence_number: 0 },
    { type: 'response.queued', response },
    { type: 'response.in_progress', response },
    {
      type: 'response.output_item.added',
      item: { id: 'msg_1', type: 'message', content: [] },
      output_index: 0,
    },
    { type: 'response.content_part.added', ...place, part: { type: 'output_text', text: '' } },
    { type: 'response.reasoning_summary_part.added', ...place, part: { type: 'summary_text', text: '' } },
    { type: 'response.web_search_call.in_progress', ...place },
    { type: 'response.web_search_call.searching', ...place },
    { type: 'response.web_search_call.completed', ...place },
    { type: 'response.code_interpreter_call.interpreting', ...place },
    { type: 'response.image_generation_call.generating', ...place },
    { type: 'response.mcp_list_tools.failed', ...place },
    { type: 'response.compaction.compacting', ...place },
    { type: 'keepalive', sequence_number: 3 },
    { type: 'response.output_text.delta', ...place, delta: '' },
    { type: 'response.shell_call_command.added', command: '', output_index: 0 },
    { type: 'response.output_text.done', ...place, text: '' },
    { type: 'response.content_part.done', ...place, part: { type: 'output_text', text: '' } },
    { type: 'response.output_item.done', item: { type: 'message', id: 'msg_1', content: [] } },
    { type: 'response.output_item.done', item: { type: 'reasoning', id: 'rs_1', summary: [] } },
  ]
  for (const value of quiet) assert.equal(sightOf(value).kind, 'lifecycle', JSON.stringify(value))
})

test('whatever carries part of the answer commits', () => {
  const speaking: readonly object[] = [
    { type: 'response.output_text.delta', ...place, delta: 'a', logprobs: [] },
    { type: 'response.refusal.delta', ...place, delta: 'a' },
    { type: 'response.reasoning_text.delta', ...place, delta: 'a' },
    { type: 'response.reasoning_summary_text.delta', ...place, delta: 'a' },
    { type: 'response.reasoning.delta', ...place, delta: 'a' },
    { type: 'response.function_call_arguments.delta', ...place, delta: '{' },
    { type: 'response.custom_tool_call_input.delta', ...place, delta: 'x' },
    { type: 'response.mcp_call_arguments.delta', ...place, delta: '{' },
    { type: 'response.code_interpreter_call_code.delta', ...place, delta: 'p' },
    { type: 'response.audio.delta', delta: 'AA', sequence_number: 1 },
    { type: 'response.image_generation_call.partial_image', ...place, partial_image_b64: 'AA' },
    { type: 'response.output_text.annotation.added', ...place, annotation: {} },
    { type: 'response.output_text.done', ...place, text: 'a' },
    { type: 'response.function_call_arguments.done', ...place, arguments: '{}' },
    { type: 'response.shell_call_output_content.done', ...place, output: [{}] },
    { type: 'response.content_part.done', ...place, part: { type: 'refusal', refusal: 'no' } },
    {
      type: 'response.output_item.done',
      item: { type: 'message', content: [{ type: 'output_text', text: 'a' }] },
    },
    { type: 'response.output_item.done', item: { type: 'function_call', name: 'f', arguments: '{}' } },
    { type: 'response.output_item.done', item: { type: 'compaction', encrypted_content: 'x' } },
    { type: 'response.output_item.done', item: { type: 'reasoning', summary: [], encrypted_content: 'x' } },
    { type: 'response.new_kind_of_thing', value: 1 },
  ]
  for (const value of speaking) assert.equal(sightOf(value).kind, 'content', JSON.stringify(value))
})

test('completed and incomplete end the stream with their usage; [DONE] alone does not', () => {
  const usage = { input_tokens: 7, output_tokens: 3, total_tokens: 10 }
  for (const type of ['response.completed', 'response.incomplete']) {
    assert.deepEqual(sightOf({ type, response: { ...response, usage } }), {
      kind: 'terminal',
      usage: { inputTokens: 7, outputTokens: 3 },
    })
  }
  assert.equal(sightOf('[DONE]').kind, 'lifecycle')
  assert.equal(responses.stream?.endsWithoutTerminal, false)
})

test("response.failed and both spellings of error give the provider's own error object", () => {
  const error = { code: 'rate_limit_exceeded', message: 'slow' }
  const said: readonly object[] = [
    { type: 'response.failed', response: { ...response, status: 'failed', error }, sequence_number: 2 },
    { type: 'error', ...error, param: null, sequence_number: 2 },
    { type: 'error', sequence_number: 2, error: { type: 'too_many', ...error } },
    { error },
  ]
  for (const value of said) {
    const sight = sightOf(value)
    assert.ok(sight.kind === 'error', JSON.stringify(value))
    assert.equal(sight.error.code, 'rate_limit_exceeded')
    assert.equal(sight.error.message, 'slow')
  }
  const bare = sightOf({ type: 'response.failed', response: { ...response, error: null } })
  assert.ok(bare.kind === 'error' && typeof bare.error.message === 'string')
})

test('the quick way and the parsed way see the same', () => {
  const value = fc.record(
    {
      type: fc.constantFrom('response.output_text.delta', 'response.completed', 'response.x.delta', 'error'),
      delta: fc.oneof(fc.string({ unit: 'binary' }), fc.constant(null), fc.constant({})),
      error: fc.constantFrom(null, { message: 'x' }),
      logprobs: fc.constant([]),
      sequence_number: fc.nat(),
      obfuscation: fc.string(),
    },
    { requiredKeys: ['type'] },
  )
  fc.assert(
    fc.property(value, fc.nat(), fc.constantFrom('', '"', '}', '\\'), (object, at, insert) => {
      const whole = JSON.stringify(object)
      const cut = at % (whole.length + 1)
      const data = whole.slice(0, cut) + insert + whole.slice(cut)
      // Leading white space is legal JSON and never takes the quick way.
      const name = object.type
      assert.deepEqual(
        responses.stream?.sight(event(data, name)),
        responses.stream?.sight(event(` ${data}`, name)),
      )
    }),
    { numRuns: 1000 },
  )
})

const failedFrame = (code: string | null, state: StreamState): Record<string, unknown> => {
  const frame =
    responses.stream?.errorFrame({ message: 'broken', type: null, param: null, code }, state) ?? ''
  const [name, data, ...rest] = frame.split('\n')
  assert.equal(name, 'event: response.failed')
  assert.deepEqual(rest, ['', ''])
  return JSON.parse(data?.slice('data: '.length) ?? '') as Record<string, unknown>
}

test('the error frame goes on with the response and the numbering the client has seen', () => {
  const frame = failedFrame('500', { sequence: 41, response: { ...response, model: 'm' } })
  assert.equal(frame.sequence_number, 42)
  assert.deepEqual(frame.response, {
    ...response,
    model: 'm',
    status: 'failed',
    error: { code: 'server_error', message: 'broken' },
    incomplete_details: null,
  })
})

test('the error frame is a whole response even when none was seen', () => {
  const frame = failedFrame('context_length_exceeded', { sequence: -1, response: undefined })
  assert.equal(frame.type, 'response.failed')
  assert.equal(frame.sequence_number, 0)
  const made = frame.response as Record<string, unknown>
  const required = [
    'id',
    'object',
    'created_at',
    'status',
    'error',
    'incomplete_details',
    'instructions',
    'metadata',
    'model',
    'output',
    'parallel_tool_calls',
    'temperature',
    'tool_choice',
    'tools',
    'top_p',
  ]
  for (const key of required) assert.ok(key in made, key)
  assert.deepEqual(made.error, { code: 'context_length_exceeded', message: 'broken' })
})

test('statuses become the words this dialect has for them', () => {
  const codeOf = (code: string | null): unknown =>
    (
      (failedFrame(code, { sequence: 0, response: undefined }).response as Record<string, unknown>)
        .error as Record<string, unknown>
    ).code
  assert.equal(codeOf('429'), 'rate_limit_exceeded')
  assert.equal(codeOf('400'), 'invalid_prompt')
  assert.equal(codeOf('503'), 'server_error')
  assert.equal(codeOf(null), 'server_error')
  assert.equal(codeOf('insufficient_quota'), 'insufficient_quota')
})
