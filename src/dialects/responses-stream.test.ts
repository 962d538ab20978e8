import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { isObject, type JsonObject } from '../wire/json.ts'
import type { Asked, NeutralEvent } from './neutral.ts'
import { answerOf, STREAMS } from './neutral-streams.fixture.ts'
import { sightOfResponseEvent } from './openai-responses.ts'
import { answers, askedOf, told } from './responses.fixture.ts'
import { responsesDoor, responsesUpstream } from './responses.ts'
import { checkGrammar } from './responses-grammar.fixture.ts'
import type { StreamEvent } from './shape.ts'

const written = (events: readonly NeutralEvent[], asked: Asked = askedOf()): readonly StreamEvent[] => {
  const writer = responsesDoor.writer(asked)
  return events.flatMap(event => writer.write(event))
}
const dataOf = (events: readonly StreamEvent[]): JsonObject[] =>
  events.map(({ data = '' }) => JSON.parse(data) as JsonObject)

const USAGE = { inputTokens: 7, outputTokens: 5, reasoningTokens: 2 }

describe('the stream that a client hears', () => {
  test('words, two calls side by side and their ends are told in the published order', () => {
    const events = written([
      { kind: 'start', id: 'chatcmpl-1', model: 'm' },
      { kind: 'open', part: 0, of: 'text' },
      { kind: 'delta', part: 0, text: 'I lo' },
      { kind: 'delta', part: 0, text: 'ok.' },
      { kind: 'close', part: 0 },
      { kind: 'open', part: 1, of: 'call', id: 'call_a', name: 'look' },
      { kind: 'open', part: 2, of: 'call', id: 'call_b', name: 'wait' },
      { kind: 'delta', part: 2, text: '{' },
      { kind: 'delta', part: 1, text: '{}' },
      { kind: 'ping' },
      { kind: 'delta', part: 2, text: '}' },
      { kind: 'close', part: 1 },
      { kind: 'close', part: 2 },
      { kind: 'stop', stop: { kind: 'calls' } },
      { kind: 'usage', usage: USAGE },
      { kind: 'end' },
    ])
    const data = dataOf(events)
    const response = checkGrammar(data)
    const a = { item_id: 'fc_understudy_u1_1', output_index: 1 }
    const b = { item_id: 'fc_understudy_u1_2', output_index: 2 }
    const say = { item_id: 'msg_understudy_u1_0', output_index: 0, content_index: 0 }
    const empty = { type: 'output_text', text: '', annotations: [], logprobs: [] }
    const whole = { ...empty, text: 'I look.' }
    const message = {
      id: 'msg_understudy_u1_0',
      type: 'message',
      status: 'completed',
      role: 'assistant',
      content: [whole],
    }
    const callA = { id: 'fc_understudy_u1_1', type: 'function_call', call_id: 'call_a', name: 'look' }
    const callB = { id: 'fc_understudy_u1_2', type: 'function_call', call_id: 'call_b', name: 'wait' }
    const begun = { status: 'in_progress', arguments: '' }
    const done = { status: 'completed', arguments: '{}' }
    assert.deepEqual(
      data.slice(2, -1).map(({ type, sequence_number: _, ...rest }) => [type, rest]),
      [
        [
          'response.output_item.added',
          { output_index: 0, item: { ...message, status: 'in_progress', content: [] } },
        ],
        ['response.content_part.added', { ...say, part: empty }],
        ['response.output_text.delta', { ...say, delta: 'I lo', logprobs: [] }],
        ['response.output_text.delta', { ...say, delta: 'ok.', logprobs: [] }],
        ['response.output_text.done', { ...say, text: 'I look.', logprobs: [] }],
        ['response.content_part.done', { ...say, part: whole }],
        ['response.output_item.done', { output_index: 0, item: message }],
        ['response.output_item.added', { output_index: 1, item: { ...callA, ...begun } }],
        ['response.output_item.added', { output_index: 2, item: { ...callB, ...begun } }],
        ['response.function_call_arguments.delta', { ...b, delta: '{' }],
        ['response.function_call_arguments.delta', { ...a, delta: '{}' }],
        ['response.function_call_arguments.delta', { ...b, delta: '}' }],
        ['response.function_call_arguments.done', { ...a, name: 'look', arguments: '{}' }],
        ['response.output_item.done', { output_index: 1, item: { ...callA, ...done } }],
        ['response.function_call_arguments.done', { ...b, name: 'wait', arguments: '{}' }],
        ['response.output_item.done', { output_index: 2, item: { ...callB, ...done } }],
      ],
    )
    assert.deepEqual(response.usage, {
      input_tokens: 7,
      input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
      output_tokens: 5,
      output_tokens_details: { reasoning_tokens: 2 },
      total_tokens: 12,
    })
    assert.deepEqual(
      events.map(event => event.event),
      data.map(event => event.type),
    )
  })

  test('a call whose arguments a limit has cut is incomplete; one that a model left broken is not', () => {
    const call = (stop: 'length' | 'calls') =>
      dataOf(
        written([
          { kind: 'start', id: undefined, model: undefined },
          { kind: 'open', part: 0, of: 'call', id: 'call_a', name: 'look' },
          { kind: 'delta', part: 0, text: '{"at":"le' },
          { kind: 'close', part: 0 },
          { kind: 'stop', stop: { kind: stop } },
          { kind: 'end' },
        ]),
      )
    const statusIn = (data: readonly JsonObject[]): unknown =>
      data.flatMap(({ type, item }) =>
        type === 'response.output_item.done' && isObject(item) ? [item.status] : [],
      )
    const [cut, broken] = [call('length'), call('calls')]
    checkGrammar(cut)
    assert.deepEqual([statusIn(cut), statusIn(broken)], [['incomplete'], ['completed']])
  })

  test('a thought is a summary, and its foreign seal comes with its end', () => {
    const data = dataOf(
      written([
        { kind: 'start', id: undefined, model: undefined },
        { kind: 'open', part: 0, of: 'reasoning' },
        { kind: 'delta', part: 0, text: 'Hm.' },
        { kind: 'seal', part: 0, sealed: { issuer: 'messages', payload: 'sig' } },
        { kind: 'close', part: 0 },
        { kind: 'open', part: 1, of: 'reasoning' },
        { kind: 'seal', part: 1, sealed: { issuer: 'messages', payload: 'dark', redacted: true } },
        { kind: 'close', part: 1 },
        { kind: 'end' },
      ]),
    )
    const { output } = checkGrammar(data)
    const seal = (members: JsonObject): string =>
      `understudy.r1.${Buffer.from(JSON.stringify(members)).toString('base64url')}`
    assert.deepEqual(output, [
      {
        id: 'rs_understudy_u1_0',
        type: 'reasoning',
        summary: [{ type: 'summary_text', text: 'Hm.' }],
        encrypted_content: seal({ issuer: 'messages', payload: 'sig' }),
      },
      {
        id: 'rs_understudy_u1_1',
        type: 'reasoning',
        summary: [],
        encrypted_content: seal({ issuer: 'messages', payload: 'dark', redacted: true }),
      },
    ])
  })

  test('the seal of a call is an item of its own that names the call', () => {
    const { output } = checkGrammar(
      dataOf(
        written([
          { kind: 'open', part: 0, of: 'call', id: 'call_a', name: 'look' },
          { kind: 'seal', part: 0, sealed: { issuer: 'gemini', payload: 'thought' } },
          { kind: 'delta', part: 0, text: '{}' },
          { kind: 'close', part: 0 },
          { kind: 'end' },
        ]),
      ),
    )
    const back = responsesDoor.read(
      { input: output ?? [] },
      { warn: () => {}, lose: () => {}, found: () => ({ warnings: [], lost: [], what: new Map() }) },
    )
    assert.deepEqual(back.turns, [
      {
        role: 'assistant',
        parts: [
          {
            kind: 'call',
            id: 'call_a',
            name: 'look',
            input: '{}',
            sealed: { issuer: 'gemini', payload: 'thought' },
          },
        ],
      },
    ])
  })

  test('a failure inside ends with what was said so far, and is a failure to the gate', () => {
    const events = written([
      { kind: 'start', id: undefined, model: undefined },
      { kind: 'open', part: 0, of: 'text' },
      { kind: 'delta', part: 0, text: 'half' },
      { kind: 'error', error: { message: 'Overloaded', type: 'overloaded_error', param: null, code: null } },
      { kind: 'end' },
    ])
    const last = events.at(-1)
    assert.ok(last !== undefined)
    assert.equal(last.event, 'response.failed')
    assert.deepEqual(sightOfResponseEvent(last), {
      kind: 'error',
      error: { message: 'Overloaded', type: 'overloaded_error', param: null, code: 'overloaded_error' },
    })
    checkGrammar(dataOf(events))
  })

  test('no end is made up', () => {
    const events = written([
      { kind: 'open', part: 0, of: 'text' },
      { kind: 'delta', part: 0, text: 'half' },
      { kind: 'close', part: 0 },
      { kind: 'stop', stop: { kind: 'end' } },
      { kind: 'usage', usage: USAGE },
    ])
    assert.ok(events.every(event => sightOfResponseEvent(event).kind !== 'terminal'))
  })

  for (const [name, events] of Object.entries(STREAMS))
    test(`${name}: in order, and as the whole answer is written`, () => {
      const answer = answerOf(events)
      const response = checkGrammar(dataOf(written(events)))
      const whole = responsesDoor.answer(answer, askedOf())
      assert.deepEqual({ ...response, output: null }, { ...whole, output: null })
      assert.deepEqual(withoutStatus(response.output), withoutStatus(whole.output))
    })

  test('whatever an answer holds, its stream keeps the grammar and ends as the whole answer is written', () => {
    fc.assert(
      fc.property(answers, fc.integer({ min: 1, max: 7 }), (answer, size) => {
        const response = checkGrammar(dataOf(written(told(answer, size))))
        const whole = responsesDoor.answer(answer, askedOf())
        assert.deepEqual({ ...response, output: null }, { ...whole, output: null })
        assert.deepEqual(withoutStatus(response.output), withoutStatus(whole.output))
      }),
    )
  })
})

/** Of what a limit cut, a stream and a whole answer may say differently which item was the last. */
const withoutStatus = (output: unknown): unknown =>
  (output as JsonObject[]).map(({ status: _, id: _id, ...item }) => item)

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
