import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { isObject, type JsonObject } from '../wire/json.ts'
import type { Asked, NeutralEvent } from './neutral.ts'
import { answerOf, STREAMS } from './neutral-streams.fixture.ts'
import { sightOfResponseEvent } from './openai-responses.ts'
import { answers, askedOf, told } from './responses.fixture.ts'
import { responsesDoor } from './responses.ts'
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

  test('the seal of a call is an item behind it: ends come in the order of their numbers', () => {
    const data = dataOf(
      written([
        { kind: 'start', id: undefined, model: undefined },
        { kind: 'open', part: 0, of: 'call', id: 'call_a', name: 'look' },
        { kind: 'delta', part: 0, text: '{}' },
        { kind: 'seal', part: 0, sealed: { issuer: 'gemini', payload: 'sig' } },
        { kind: 'close', part: 0 },
        { kind: 'end' },
      ]),
    )
    const ended = data.filter(({ type }) => type === 'response.output_item.done').map(({ item }) => item)
    const response = checkGrammar(data)
    assert.deepEqual(ended, response.output, 'agents keep the items as they end')
    assert.deepEqual(
      (response.output as JsonObject[]).map(({ type }) => type),
      ['function_call', 'reasoning'],
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
