import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { JsonObject } from '../wire/json.ts'
import { FailedAnswer } from './bridge.ts'
import { cohereUpstream } from './cohere.ts'
import type { NeutralEvent } from './neutral.ts'
import { cutAt } from './neutral-any.fixture.ts'
import { answerOf } from './neutral-streams.fixture.ts'

const USAGE = {
  billed_units: { input_tokens: 18, output_tokens: 6 },
  tokens: { input_tokens: 1661, output_tokens: 19 },
  cached_tokens: 512,
}
const COUNTED = { inputTokens: 1661, outputTokens: 19, cachedInputTokens: 512 }

const event = (type: string, more: JsonObject = {}): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`
const said = (message: JsonObject): JsonObject => ({ delta: { message } })
const START = event('message-start', { id: 'r1', ...said({ role: 'assistant', content: [] }) })
const END = event('message-end', { delta: { finish_reason: 'COMPLETE', usage: USAGE } })

const heard = (text: string, cuts: readonly number[] = []): readonly NeutralEvent[] => {
  const decoder = cohereUpstream.decoder()
  const pieces = cutAt(Buffer.from(text), cuts)
  return [...pieces.flatMap(piece => decoder.push(piece)), ...decoder.end()]
}

describe('an answer', () => {
  const source = { type: 'document', id: 'doc:0', document: { id: 'doc:0', title: 'Hamlet', snippet: 'Who' } }
  const citation = { start: 0, end: 3, text: 'Who', sources: [source], type: 'TEXT_CONTENT' }
  const annotation = {
    type: 'url_citation',
    url: 'source:doc:0',
    title: 'Hamlet',
    start_index: 0,
    end_index: 3,
  }

  const TALK = [
    START,
    event('content-start', { index: 0, ...said({ content: { type: 'thinking', thinking: '' } }) }),
    event('content-delta', { index: 0, ...said({ content: { thinking: 'I re' } }) }),
    event('content-delta', { index: 0, ...said({ content: { thinking: 'call.' } }) }),
    event('content-end', { index: 0 }),
    event('content-start', { index: 1, ...said({ content: { type: 'text', text: '' } }) }),
    event('content-delta', { index: 1, ...said({ content: { text: 'Who is ' } }) }),
    event('citation-start', { index: 1, ...said({ citations: citation }) }),
    event('citation-end', { index: 1 }),
    event('content-delta', { index: 1, ...said({ content: { text: 'thére? 🎭' } }) }),
    event('content-end', { index: 1 }),
    END,
  ].join('')
  const whole: JsonObject = {
    id: 'r1',
    finish_reason: 'COMPLETE',
    message: {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'I recall.' },
        { type: 'text', text: 'Who is thére? 🎭' },
      ],
      citations: [citation],
    },
    usage: USAGE,
  }

  test('with thoughts and citations is read whole', () => {
    assert.deepEqual(cohereUpstream.answer(whole), {
      id: 'r1',
      model: undefined,
      parts: [
        { kind: 'reasoning', text: 'I recall.' },
        { kind: 'text', text: 'Who is thére? 🎭', annotations: [annotation] },
      ],
      stop: { kind: 'end' },
      usage: COUNTED,
    })
  })

  test('streamed is the same, wherever its bytes are cut', () => {
    const expected = cohereUpstream.answer(whole)
    fc.assert(
      fc.property(fc.array(fc.nat(80)), cuts => assert.deepEqual(answerOf(heard(TALK, cuts)), expected)),
    )
  })

  test('that ends before message-end has no end', () => {
    const events = heard(TALK.slice(0, -END.length))
    assert.ok(!events.some(({ kind }) => kind === 'end' || kind === 'stop'))
  })

  test('with a plan and calls', () => {
    const calls = [
      { id: 'look_1', type: 'function', function: { name: 'look', arguments: '{"at":"left"}' } },
      { id: 'wait_1', type: 'function', function: { name: 'wait', arguments: '' } },
    ]
    const answer = cohereUpstream.answer({
      id: 'r1',
      finish_reason: 'TOOL_CALL',
      message: { role: 'assistant', tool_plan: 'I look.', tool_calls: calls },
      usage: USAGE,
    })
    assert.deepEqual(answer.parts, [
      { kind: 'text', text: 'I look.' },
      { kind: 'call', id: 'look_1', name: 'look', input: '{"at":"left"}' },
      { kind: 'call', id: 'wait_1', name: 'wait', input: '{}' },
    ])
    assert.deepEqual(answer.stop, { kind: 'calls' })
    const begun = (index: number, id: string, name: string): string =>
      event('tool-call-start', {
        index,
        ...said({ tool_calls: { id, type: 'function', function: { name, arguments: '' } } }),
      })
    const piece = (index: number, text: string): string =>
      event('tool-call-delta', { index, ...said({ tool_calls: { function: { arguments: text } } }) })
    const stream = [
      START,
      event('tool-plan-delta', said({ tool_plan: 'I ' })),
      event('tool-plan-delta', said({ tool_plan: 'look.' })),
      begun(0, 'look_1', 'look'),
      piece(0, '{"at"'),
      piece(0, ':"left"}'),
      event('tool-call-end', { index: 0 }),
      begun(1, 'wait_1', 'wait'),
      event('tool-call-end', { index: 1 }),
      event('message-end', { delta: { finish_reason: 'TOOL_CALL', usage: USAGE } }),
    ].join('')
    assert.deepEqual(answerOf(heard(stream)), answer)
  })

  test('every word for an end', () => {
    const stop = (finish: string) =>
      cohereUpstream.answer({ finish_reason: finish, message: { content: [{ type: 'text', text: 'a' }] } })
        .stop.kind
    assert.deepEqual(
      ['COMPLETE', 'STOP_SEQUENCE', 'MAX_TOKENS', 'TOOL_CALL', 'ERROR_TOXIC', 'TOMORROW'].map(stop),
      ['end', 'sequence', 'length', 'end', 'filter', 'end'],
    )
  })

  test('a failure inside an answer is a failure', () => {
    for (const [finish, code] of [
      ['ERROR', 'server_error'],
      ['TIMEOUT', 'timeout'],
    ] as const) {
      assert.throws(() => cohereUpstream.answer({ finish_reason: finish, message: {} }), { name: 'Error' })
      const ended = event('message-end', { delta: { finish_reason: finish, error: 'It broke.' } })
      const last = heard(START + ended + END).at(-1)
      assert.ok(last?.kind === 'error')
      assert.deepEqual([last.error.code, last.error.message], [code, 'It broke.'])
    }
    for (const broken of [
      'data: {"message":"It broke.","id":"1"}\n\n',
      'event: content-delta\ndata: {"ty\n\n',
    ])
      assert.equal(heard(START + broken + END).at(-1)?.kind, 'error')
    assert.equal(heard(END).at(-1)?.kind, 'error')
    assert.throws(() => cohereUpstream.answer({ text: 'version 1' }), /no message/)
  })

  test('an error’s body in a success is told in the provider’s own words', () => {
    const message = 'The model is currently overloaded, please try again later.'
    assert.throws(
      () => cohereUpstream.answer({ id: '1', message }),
      (error: unknown) => error instanceof FailedAnswer && error.error.message === message,
    )
  })

  test('how likely the words were', () => {
    const item = { text: 'Who', token_ids: [1, 2], logprobs: [-0.25, -0.5] }
    const { logprobs } = cohereUpstream.answer({ ...whole, logprobs: [item] })
    assert.deepEqual(logprobs, [{ token: 'Who', logprob: -0.75, bytes: [87, 104, 111], top_logprobs: [] }])
  })
})
