import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { JsonObject } from '../wire/json.ts'
import { askedWith, written } from './chat.fixture.ts'
import { chatWriter } from './chat-writer.ts'
import { ANSWERS } from './neutral.fixture.ts'
import type { NeutralEvent } from './neutral.ts'
import { STREAMS } from './neutral-streams.fixture.ts'

describe('streams to a client', () => {
  const chunk = (
    delta: JsonObject,
    finish_reason: string | null = null,
    more: JsonObject = {},
  ): JsonObject => ({
    id: 'chatcmpl-u1',
    object: 'chat.completion.chunk',
    created: 1_700_000_000,
    model: 'group',
    choices: [{ index: 0, delta, finish_reason, ...more }],
  })
  const called = (index: number, members: JsonObject): JsonObject =>
    chunk({ tool_calls: [{ index, ...members }] })
  const eventsNamed = (name: string): readonly NeutralEvent[] => STREAMS[name] ?? []
  const chunksOf = (events: readonly NeutralEvent[], asked = askedWith()): readonly unknown[] =>
    written(events, asked).map(data => (data === '[DONE]' ? data : JSON.parse(data)))

  test('thoughts, their seal, words, a call, usage and the end', () => {
    assert.deepEqual(chunksOf(eventsNamed('sealed thoughts, words, calls')), [
      chunk({ role: 'assistant', content: '' }),
      chunk({ reasoning_content: 'thinki' }),
      chunk({ reasoning_content: 'ng it ' }),
      chunk({ reasoning_content: 'over' }),
      chunk({ thinking_blocks: [{ type: 'thinking', thinking: 'thinking it over', signature: 'c2ln' }] }),
      chunk({ content: 'So.' }),
      called(0, { id: 'call_1', type: 'function', function: { name: 'look', arguments: '' } }),
      called(0, { function: { arguments: '{"at":' } }),
      called(0, { function: { arguments: '"left"' } }),
      called(0, { function: { arguments: '}' } }),
      chunk({}, 'tool_calls'),
      {
        ...chunk({}),
        choices: [],
        usage: {
          prompt_tokens: 12,
          completion_tokens: 9,
          total_tokens: 21,
          completion_tokens_details: { reasoning_tokens: 4 },
        },
      },
      '[DONE]',
    ])
  })

  test('calls that are spoken in turns keep their places', () => {
    assert.deepEqual(chunksOf(eventsNamed('calls that are spoken in turns')), [
      chunk({ role: 'assistant', content: '' }),
      called(0, { id: 'call_1', type: 'function', function: { name: 'look', arguments: '' } }),
      called(0, { function: { arguments: '{"at":' } }),
      called(1, { id: 'call_2', type: 'function', function: { name: 'look', arguments: '' } }),
      called(1, { function: { arguments: '{"at"' } }),
      called(0, { function: { arguments: '"left"}' } }),
      called(1, { function: { arguments: ':"right"}' } }),
      chunk({}, 'tool_calls'),
      '[DONE]',
    ])
  })

  test('a call that says nothing says {}', () => {
    const events = eventsNamed('a call without arguments').filter(event => event.kind !== 'delta')
    assert.deepEqual(chunksOf(events)[2], called(0, { function: { arguments: '{}' } }))
  })

  test('a custom call that says nothing says nothing', () => {
    const events = eventsNamed('a custom call').filter(event => event.kind !== 'delta')
    assert.deepEqual(chunksOf(events)[2], chunk({}, 'tool_calls'))
  })

  test('each seal comes with its own thought', () => {
    const thought = (part: number, text: string): readonly NeutralEvent[] => [
      { kind: 'open', part, of: 'reasoning' },
      { kind: 'delta', part, text },
      { kind: 'seal', part, sealed: { issuer: 'messages', payload: `${part}` } },
      { kind: 'close', part },
    ]
    assert.deepEqual(
      written([...thought(0, 'one'), ...thought(1, 'two')]).flatMap(
        data => /"thinking":"[a-z]+","signature":"\d"/.exec(data)?.[0] ?? [],
      ),
      ['"thinking":"one","signature":"0"', '"thinking":"two","signature":"1"'],
    )
  })

  test('a custom call is told as one', () => {
    assert.deepEqual(chunksOf(eventsNamed('a custom call')).slice(1, 3), [
      called(0, { id: 'call_1', type: 'custom', custom: { name: 'apply_patch', input: '' } }),
      called(0, { custom: { input: '*** "B' } }),
    ])
  })

  test('a refusal, citations and probabilities have members of their own', () => {
    assert.deepEqual(chunksOf(eventsNamed('a refusal')).slice(1, 4), [
      chunk({ refusal: 'I will' }),
      chunk({ refusal: ' not.' }),
      chunk({}, 'stop'),
    ])
    assert.match(written(eventsNamed('citations')).join(), /"delta":{"annotations":\[{"type":"url_citation"/)
    const logprobs = { content: ANSWERS['probabilities of each token']?.logprobs ?? [], refusal: null }
    assert.deepEqual(
      chunksOf(eventsNamed('probabilities of each token'))[1],
      chunk({ content: 'Yes.' }, null, { logprobs }),
    )
  })

  test('redacted thoughts and seals on calls', () => {
    assert.match(
      written(eventsNamed('thoughts that may not be read')).join(),
      /"thinking_blocks":\[{"type":"redacted_thinking","data":"cmVk"}\]/,
    )
    assert.match(
      written(eventsNamed('a call that carries a seal')).join(),
      /{"index":0,"function":{"arguments":""},"provider_specific_fields":{"thought_signature":"dGhvdWdodA=="}}/,
    )
  })

  test('who asked with functions hears of a function_call', () => {
    const older = askedWith({}, { functions: [{ name: 'look' }] })
    assert.deepEqual(chunksOf(eventsNamed('words, then parallel calls'), older).slice(3, 10), [
      chunk({ function_call: { name: 'look', arguments: '' } }),
      chunk({ function_call: { arguments: '{"at":' } }),
      chunk({ function_call: { arguments: '"left"' } }),
      chunk({ function_call: { arguments: '}' } }),
      called(0, { id: 'call_2', type: 'function', function: { name: 'wait', arguments: '' } }),
      called(0, { function: { arguments: '{}' } }),
      chunk({}, 'function_call'),
    ])
  })

  test('usage goes only to who asked for it', () => {
    const events = eventsNamed('words')
    assert.deepEqual(
      written(events, askedWith({ streamUsage: false })),
      written(events).filter(data => !data.includes('"usage"')),
    )
  })

  test('a ping is a comment', () => {
    const [ping] = chatWriter(askedWith()).write({ kind: 'ping' })
    assert.deepEqual([new TextDecoder().decode(ping?.bytes), ping?.data], [': ping\n\n', undefined])
  })

  test('an error is the last event: no [DONE] follows, whatever comes', () => {
    const error = { message: 'lost', type: 'server_error', param: null, code: 'server_error' }
    const [start, ...rest] = eventsNamed('words')
    assert.ok(start)
    assert.deepEqual(chunksOf([start, { kind: 'error', error }, ...rest]), [
      chunk({ role: 'assistant', content: '' }),
      { error },
    ])
  })
})
