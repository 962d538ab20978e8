import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { JsonObject } from '../wire/json.ts'
import type { NeutralEvent } from './neutral.ts'
import { answerOf } from './neutral-streams.fixture.ts'
import { answers, askedOf, told } from './responses.fixture.ts'
import { responsesDoor, responsesUpstream } from './responses.ts'
import type { StreamEvent } from './shape.ts'

const written = (events: readonly NeutralEvent[]): readonly StreamEvent[] => {
  const writer = responsesDoor.writer(askedOf())
  return events.flatMap(event => writer.write(event))
}

describe('the stream that a provider sends', () => {
  const read = (chunks: readonly Uint8Array[]): readonly NeutralEvent[] => {
    const decoder = responsesUpstream.decoder()
    return [...chunks.flatMap(chunk => decoder.push(chunk)), ...decoder.end()]
  }
  const streamOf = (events: readonly JsonObject[]): Buffer =>
    Buffer.from(events.map(event => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(''))

  test('what was written is read back as it was, at any split', () => {
    fc.assert(
      fc.property(answers, fc.integer({ min: 1, max: 7 }), fc.array(fc.nat(4000)), (answer, size, cuts) => {
        const bytes = Buffer.concat(written(told(answer, size)).map(event => event.bytes))
        const places = [...new Set([0, ...cuts.map(cut => cut % bytes.length), bytes.length])].sort(
          (a, b) => a - b,
        )
        const chunks = places.slice(1).map((end, at) => bytes.subarray(places[at], end))
        const events = read(chunks)
        assert.deepEqual(events.at(-1), { kind: 'end' })
        assert.deepEqual(answerOf(events), answer)
      }),
    )
  })

  test('paragraphs of a summary are one thought, with the ciphertext and the id that belong together', () => {
    const place = { item_id: 'rs_1', output_index: 0 }
    const delta = (summary_index: number, text: string): JsonObject => ({
      type: 'response.reasoning_summary_text.delta',
      ...place,
      summary_index,
      delta: text,
    })
    const summary = ['One.', 'Two.'].map(text => ({ type: 'summary_text', text }))
    const item = { id: 'rs_1', type: 'reasoning', summary, encrypted_content: 'gAAA' }
    assert.deepEqual(
      read([
        streamOf([
          { type: 'response.created', response: { id: 'resp_1', model: 'm' } },
          { type: 'response.output_item.added', output_index: 0, item: { ...item, summary: [] } },
          delta(0, 'One.'),
          delta(1, 'Two.'),
          { type: 'response.output_item.done', output_index: 0, item },
          { type: 'response.completed', response: { status: 'completed', output: [item] } },
        ]),
      ]),
      [
        { kind: 'start', id: 'resp_1', model: 'm' },
        { kind: 'open', part: 0, of: 'reasoning' },
        { kind: 'delta', part: 0, text: 'One.' },
        { kind: 'delta', part: 0, text: '\n\n' },
        { kind: 'delta', part: 0, text: 'Two.' },
        { kind: 'seal', part: 0, sealed: { issuer: 'responses', payload: 'rs_1:gAAA' } },
        { kind: 'close', part: 0 },
        { kind: 'stop', stop: { kind: 'end' } },
        { kind: 'end' },
      ],
    )
  })

  test('a server that tells everything in its last event is heard', () => {
    const output = [
      { type: 'message', id: 'msg_1', content: [{ type: 'output_text', text: 'Whole.' }] },
      { type: 'function_call', id: 'fc_1', call_id: 'call_1', name: 'look', arguments: '{}' },
    ]
    const events = read([
      streamOf([{ type: 'response.completed', response: { id: 'resp_1', status: 'completed', output } }]),
    ])
    assert.deepEqual(answerOf(events).parts, [
      { kind: 'text', text: 'Whole.' },
      { kind: 'call', id: 'call_1', name: 'look', input: '{}' },
    ])
    assert.deepEqual(answerOf(events).stop, { kind: 'calls' })
  })

  test('a part that was begun and never said is told by the last event', () => {
    const place = { output_index: 0, content_index: 0 }
    const part = { type: 'output_text', text: '' }
    const output = [{ type: 'message', content: [{ type: 'output_text', text: 'Whole.' }] }]
    const begun: readonly JsonObject[] = [
      { type: 'response.created', response: {} },
      { type: 'response.content_part.added', ...place, part },
    ]
    for (const some of [[], [{ type: 'response.output_text.delta', ...place, delta: 'Who' }]]) {
      const last = { type: 'response.completed', response: { status: 'completed', output } }
      assert.deepEqual(answerOf(read([streamOf([...begun, ...some, last])])).parts, [
        { kind: 'text', text: 'Whole.' },
      ])
    }
  })

  test('a server that ends none of its parts is heard in order all the same', () => {
    const say = (type: string, more: JsonObject): JsonObject => ({ type: `response.${type}`, ...more })
    const call = { type: 'function_call', id: 'fc_1', call_id: 'call_1', name: 'look', arguments: '' }
    const events = read([
      streamOf([
        say('created', { response: {} }),
        say('reasoning_text.delta', { output_index: 0, content_index: 0, delta: 'Hm.' }),
        say('output_text.delta', { output_index: 1, content_index: 0, delta: 'I look.' }),
        say('output_item.added', { output_index: 2, item: call }),
        say('function_call_arguments.delta', { output_index: 2, delta: '{}' }),
        say('output_text.delta', { output_index: 3, content_index: 0, delta: 'So.' }),
        say('completed', { response: { status: 'completed', output: [] } }),
      ]),
    ])
    assert.deepEqual(answerOf(events).parts, [
      { kind: 'reasoning', text: 'Hm.' },
      { kind: 'text', text: 'I look.' },
      { kind: 'call', id: 'call_1', name: 'look', input: '{}' },
      { kind: 'text', text: 'So.' },
    ])
    const closed = events.flatMap(event => (event.kind === 'close' ? [event.part] : []))
    assert.deepEqual(closed, [0, 1, 2, 3])
  })

  test('an item whose deltas were few is completed by its end', () => {
    const item = { type: 'function_call', id: 'fc_1', call_id: 'call_1', name: 'look', arguments: '{"a":1}' }
    const message = { type: 'message', id: 'msg_1', content: [{ type: 'output_text', text: 'Whole.' }] }
    const events = read([
      streamOf([
        { type: 'response.created', response: {} },
        { type: 'response.output_text.delta', output_index: 0, content_index: 0, delta: 'Who' },
        { type: 'response.output_item.done', output_index: 0, item: message },
        { type: 'response.output_item.added', output_index: 1, item: { ...item, arguments: '' } },
        { type: 'response.output_item.done', output_index: 1, item },
        {
          type: 'response.incomplete',
          response: { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } },
        },
      ]),
    ])
    assert.deepEqual(answerOf(events), {
      id: undefined,
      model: undefined,
      parts: [
        { kind: 'text', text: 'Whole.' },
        { kind: 'call', id: 'call_1', name: 'look', input: '{"a":1}' },
      ],
      stop: { kind: 'length' },
      usage: undefined,
    })
  })

  for (const [what, event, message] of [
    [
      'response.failed',
      {
        type: 'response.failed',
        response: { status: 'failed', error: { code: 'server_error', message: 'No.' } },
      },
      'No.',
    ],
    ['a flat error', { type: 'error', code: 'slow_down', message: 'Slow.', param: null }, 'Slow.'],
    ['a nested error', { type: 'error', error: { type: 'x', code: 'y', message: 'Nested.' } }, 'Nested.'],
  ] as const)
    test(`${what} is a failure, and nothing follows it`, () => {
      const events = read([
        streamOf([
          { type: 'response.created', response: {} },
          event,
          { type: 'response.completed', response: { status: 'completed', output: [] } },
        ]),
      ])
      assert.equal(events.length, 2)
      assert.equal(events[1]?.kind === 'error' && events[1].error.message, message)
    })

  test('an event that is no JSON is a failure', () => {
    const events = read([Buffer.from('data: {"type": \n\n')])
    assert.equal(events.at(-1)?.kind, 'error')
  })

  test('[DONE] and keepalives end nothing', () => {
    const events = read([Buffer.from('event: keepalive\ndata: {"type":"keepalive"}\n\ndata: [DONE]\n\n')])
    assert.deepEqual(events, [{ kind: 'ping' }])
  })
})
