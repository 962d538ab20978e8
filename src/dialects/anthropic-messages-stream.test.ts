import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { JsonObject } from '../wire/json.ts'
import { asked } from './anthropic-messages.fixture.ts'
import { messagesDecoder } from './anthropic-messages-stream.ts'
import { messagesWriter } from './anthropic-messages-writer.ts'
import { throughBridge } from './bridge.ts'
import type { NeutralDecoder, NeutralEvent } from './neutral.ts'

const sse = (...events: readonly JsonObject[]): Buffer =>
  Buffer.from(
    events.map(event => `event: ${String(event.type)}\ndata: ${JSON.stringify(event)}\n\n`).join(''),
  )

/** Everything a decoder makes of these bytes, cut at these places. */
const decoded = (bytes: Uint8Array, cuts: readonly number[] = []): readonly NeutralEvent[] => {
  const decoder = messagesDecoder()
  const places = [0, ...cuts.map(cut => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]
  const events = places.slice(1).flatMap((end, at) => decoder.push(bytes.subarray(places[at], end)))
  return [...events, ...decoder.end()]
}

const START = {
  type: 'message_start',
  message: {
    id: 'msg_1',
    model: 'claude',
    content: [],
    usage: { input_tokens: 7, cache_read_input_tokens: 3, cache_creation_input_tokens: 0, output_tokens: 1 },
  },
}
const block = (index: number, content_block: JsonObject): JsonObject => ({
  type: 'content_block_start',
  index,
  content_block,
})
const delta = (index: number, value: JsonObject): JsonObject => ({
  type: 'content_block_delta',
  index,
  delta: value,
})
const stop = (index: number): JsonObject => ({ type: 'content_block_stop', index })
const finish = (reason: string, more: JsonObject = {}): readonly JsonObject[] => [
  {
    type: 'message_delta',
    delta: { stop_reason: reason, stop_sequence: null },
    usage: { output_tokens: 9, ...more },
  },
  { type: 'message_stop' },
]

const WHOLE = sse(
  START,
  block(0, { type: 'thinking', thinking: '', signature: '' }),
  { type: 'ping' },
  delta(0, { type: 'thinking_delta', thinking: 'Hm.' }),
  delta(0, { type: 'signature_delta', signature: 'sig' }),
  stop(0),
  block(1, { type: 'redacted_thinking', data: 'blob' }),
  stop(1),
  block(2, { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: {} }),
  delta(2, { type: 'input_json_delta', partial_json: '{"query":"x"}' }),
  stop(2),
  block(3, { type: 'text', text: '' }),
  delta(3, { type: 'text_delta', text: 'Found ' }),
  delta(3, {
    type: 'citations_delta',
    citation: { type: 'web_search_result_location', url: 'https://s.example' },
  }),
  delta(3, { type: 'text_delta', text: 'it.' }),
  stop(3),
  block(4, { type: 'tool_use', id: 'toolu_1', name: 'look', input: {} }),
  delta(4, { type: 'input_json_delta', partial_json: '' }),
  delta(4, { type: 'input_json_delta', partial_json: '{"at":' }),
  delta(4, { type: 'input_json_delta', partial_json: '1}' }),
  stop(4),
  block(5, { type: 'tool_use', id: 'toolu_2', name: 'wait', input: {} }),
  stop(5),
  { type: 'a_new_kind_of_event', index: 9 },
  ...finish('tool_use'),
)

const EVENTS: readonly NeutralEvent[] = [
  { kind: 'start', id: 'msg_1', model: 'claude' },
  { kind: 'usage', usage: { inputTokens: 10, outputTokens: 1, cachedInputTokens: 3, cacheWriteTokens: 0 } },
  { kind: 'open', part: 0, of: 'reasoning' },
  { kind: 'ping' },
  { kind: 'delta', part: 0, text: 'Hm.' },
  { kind: 'seal', part: 0, sealed: { issuer: 'messages', payload: 'sig' } },
  { kind: 'close', part: 0 },
  { kind: 'open', part: 1, of: 'reasoning' },
  { kind: 'seal', part: 1, sealed: { issuer: 'messages', payload: 'blob', redacted: true } },
  { kind: 'close', part: 1 },
  { kind: 'open', part: 2, of: 'text' },
  { kind: 'delta', part: 2, text: 'Found ' },
  { kind: 'annotation', part: 2, annotation: { type: 'url_citation', url: 'https://s.example' } },
  { kind: 'delta', part: 2, text: 'it.' },
  { kind: 'close', part: 2 },
  { kind: 'open', part: 3, of: 'call', id: 'toolu_1', name: 'look' },
  { kind: 'delta', part: 3, text: '{"at":' },
  { kind: 'delta', part: 3, text: '1}' },
  { kind: 'close', part: 3 },
  { kind: 'open', part: 4, of: 'call', id: 'toolu_2', name: 'wait' },
  { kind: 'delta', part: 4, text: '{}' },
  { kind: 'close', part: 4 },
  { kind: 'stop', stop: { kind: 'calls' } },
  { kind: 'usage', usage: { inputTokens: 10, outputTokens: 9, cachedInputTokens: 3, cacheWriteTokens: 0 } },
  { kind: 'end' },
]

test('a stream is read event by event, wherever its bytes are cut', () => {
  assert.deepEqual(decoded(WHOLE), EVENTS)
  fc.assert(
    fc.property(fc.array(fc.nat(WHOLE.length), { maxLength: 12 }), cuts =>
      assert.deepEqual(decoded(WHOLE, cuts), EVENTS),
    ),
  )
})

test('an error in a stream ends it, and what is no JSON is an error', () => {
  const error = { type: 'overloaded_error', message: 'Overloaded' }
  assert.deepEqual(decoded(sse(START, { type: 'error', error }, ...finish('end_turn'))).slice(2), [
    { kind: 'error', error },
  ])
  const broken = Buffer.concat([
    sse(START),
    Buffer.from('event: content_block_delta\ndata: {"ty\n\n'),
    sse(stop(0)),
  ])
  assert.deepEqual(
    decoded(broken).map(event => (event.kind === 'error' ? event.error.code : event.kind)),
    ['start', 'usage', 'malformed_event'],
  )
})

test('a stream that breaks off has no end', () => {
  const cut = decoded(WHOLE.subarray(0, WHOLE.length - 60))
  assert.ok(!cut.some(event => event.kind === 'end'))
})

const written = (events: readonly NeutralEvent[]): readonly JsonObject[] => {
  const writer = messagesWriter(asked)
  return events.flatMap(event =>
    writer.write(event).map(({ event: name, data, bytes }) => {
      const value = JSON.parse(data ?? '') as JsonObject
      assert.equal(value.type, name)
      assert.equal(Buffer.from(bytes).toString(), `event: ${name}\ndata: ${data}\n\n`)
      return value
    }),
  )
}

test('events are written in the dialect’s order: a start, deltas and a stop for each block', () => {
  const usage = { inputTokens: 10, outputTokens: 2, cachedInputTokens: 4 }
  const message = {
    id: 'msg_u1',
    type: 'message',
    role: 'assistant',
    model: 'star',
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { input_tokens: 0, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 0 },
  }
  assert.deepEqual(
    written([
      { kind: 'start', id: 'chatcmpl-1', model: 'gpt' },
      { kind: 'open', part: 0, of: 'text' },
      { kind: 'delta', part: 0, text: 'Hi' },
      { kind: 'ping' },
      { kind: 'close', part: 0 },
      { kind: 'stop', stop: { kind: 'length' } },
      { kind: 'usage', usage },
      { kind: 'end' },
    ]),
    [
      { type: 'message_start', message },
      block(0, { type: 'text', text: '' }),
      delta(0, { type: 'text_delta', text: 'Hi' }),
      { type: 'ping' },
      stop(0),
      {
        type: 'message_delta',
        delta: { stop_reason: 'max_tokens', stop_sequence: null },
        usage: {
          input_tokens: 6,
          cache_creation_input_tokens: 0,
          cache_read_input_tokens: 4,
          output_tokens: 2,
        },
      },
      { type: 'message_stop' },
    ],
  )
})

test('calls that are open at once are told one after the other, and a custom one as its object', () => {
  const blocks = written([
    { kind: 'start', id: undefined, model: undefined },
    { kind: 'open', part: 0, of: 'call', id: 'call_a', name: 'look' },
    { kind: 'open', part: 1, of: 'call', id: 'call_b', name: 'shell', custom: true },
    { kind: 'delta', part: 1, text: 'ls ' },
    { kind: 'delta', part: 0, text: '{"at":' },
    { kind: 'delta', part: 1, text: '"x"' },
    { kind: 'delta', part: 0, text: '1}' },
    { kind: 'close', part: 1 },
    { kind: 'close', part: 0 },
    { kind: 'stop', stop: { kind: 'calls' } },
    { kind: 'end' },
  ]).slice(1, -2)
  assert.deepEqual(blocks, [
    block(0, { type: 'tool_use', id: 'call_a', name: 'look', input: {} }),
    delta(0, { type: 'input_json_delta', partial_json: '{"at":' }),
    delta(0, { type: 'input_json_delta', partial_json: '1}' }),
    stop(0),
    block(1, { type: 'tool_use', id: 'call_b', name: 'shell', input: {} }),
    delta(1, { type: 'input_json_delta', partial_json: '{"input":"ls \\"x\\""}' }),
    stop(1),
  ])
})

test('thoughts of another provider are not told, and a refusal is a text that ends as one', () => {
  const events = written([
    { kind: 'start', id: undefined, model: undefined },
    { kind: 'open', part: 0, of: 'reasoning' },
    { kind: 'delta', part: 0, text: 'Hm.' },
    { kind: 'seal', part: 0, sealed: { issuer: 'gemini', payload: 'x' } },
    { kind: 'close', part: 0 },
    { kind: 'open', part: 1, of: 'refusal' },
    { kind: 'delta', part: 1, text: 'No.' },
    { kind: 'close', part: 1 },
    { kind: 'stop', stop: { kind: 'end' } },
    { kind: 'end' },
  ])
  assert.deepEqual(
    events.map(event => event.type),
    [
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ],
  )
  assert.deepEqual(events.at(-2)?.delta, { stop_reason: 'refusal', stop_sequence: null })
})

test('an error is the last event, and no end is made up', () => {
  assert.deepEqual(
    written([
      { kind: 'start', id: undefined, model: undefined },
      { kind: 'error', error: { message: 'Slow down.', code: 'rate_limit_exceeded' } },
    ]).at(-1),
    { type: 'error', error: { message: 'Slow down.', code: 'rate_limit_exceeded' } },
  )
})

test('what is thought and not told still shows that the provider is alive', () => {
  const upstream: NeutralDecoder = {
    push: () => [
      { kind: 'open', part: 0, of: 'reasoning' },
      { kind: 'delta', part: 0, text: 'Hm.' },
    ],
    end: () => [],
  }
  const stream = throughBridge(upstream, messagesWriter(asked))
  stream.push(new Uint8Array())
  assert.deepEqual([stream.keptBack?.(), stream.keptBack?.()], [true, false])
})

const text = fc.string({ minLength: 1, maxLength: 8 })
type Piece = { readonly of: 'text' | 'call' | 'reasoning'; readonly texts: readonly string[] }
const pieces = fc.array(
  fc.record<Piece>({
    of: fc.constantFrom('text', 'call', 'reasoning'),
    // Of words that say nothing there is no block: see chat-liberties.test.ts.
    texts: fc.array(text, { minLength: 1, maxLength: 3 }).filter(texts => texts.join('').trim() !== ''),
  }),
  { maxLength: 4 },
)

const told = (all: readonly Piece[]): readonly NeutralEvent[] => [
  { kind: 'start', id: 'msg_1', model: 'star' },
  ...all.flatMap(({ of, texts }, part): readonly NeutralEvent[] => [
    of === 'call'
      ? { kind: 'open', part, of, id: `toolu_${part}`, name: 'look' }
      : { kind: 'open', part, of },
    ...texts.map((said): NeutralEvent => ({ kind: 'delta', part, text: said })),
    ...(of === 'reasoning'
      ? [{ kind: 'seal', part, sealed: { issuer: 'messages', payload: `sig${part}` } } as const]
      : []),
    { kind: 'close', part },
  ]),
  { kind: 'stop', stop: { kind: all.some(({ of }) => of === 'call') ? 'calls' : 'end' } },
  { kind: 'usage', usage: { inputTokens: 9, outputTokens: 2, cachedInputTokens: 0, cacheWriteTokens: 0 } },
  { kind: 'end' },
]

/** Deltas of one part as one text: how a text is cut is no part of what is said. */
const meant = (events: readonly NeutralEvent[]): readonly unknown[] => {
  const merged: NeutralEvent[] = []
  for (const event of events) {
    const last = merged.at(-1)
    if (event.kind === 'delta' && last?.kind === 'delta' && last.part === event.part)
      merged.splice(-1, 1, { ...last, text: last.text + event.text })
    else if (event.kind !== 'usage') merged.push(event)
  }
  return merged
}

test('whatever is written is read back as it was, at any split', () => {
  fc.assert(
    fc.property(pieces, fc.array(fc.nat(4000), { maxLength: 8 }), (all, cuts) => {
      const events = told(all)
      const writer = messagesWriter(asked)
      const bytes = Buffer.concat(events.flatMap(event => writer.write(event).map(one => one.bytes)))
      const back = decoded(bytes, cuts)
      assert.deepEqual(meant(back), meant(events))
      assert.deepEqual(back.at(-2), events.at(-2))
    }),
  )
})

test('a terminator and nothing before it is no answer', () => {
  const [event] = decoded(sse({ type: 'ping' }, { type: 'message_stop' })).filter(
    ({ kind }) => kind !== 'ping',
  )
  assert.equal(event?.kind, 'error', JSON.stringify(event))
})

test('a terminator where nothing was said and no reason given is no answer', () => {
  const events = decoded(sse(START, block(0, { type: 'text', text: '' }), { type: 'message_stop' }))
  assert.equal(events.at(-1)?.kind, 'error')
  assert.ok(events.every(({ kind }) => kind !== 'end' && kind !== 'stop'))
})

test('words are heard, also where the beginning of their block was left out', () => {
  const events = decoded(
    sse(
      START,
      delta(0, { type: 'text_delta', text: 'Wh' }),
      delta(0, { type: 'text_delta', text: 'ole' }),
      { type: 'message_delta', delta: { stop_reason: 'end_turn' } },
      { type: 'message_stop' },
    ),
  )
  const text = events.flatMap(event => (event.kind === 'delta' ? [event.text] : [])).join('')
  assert.deepEqual([text, events.at(-1)?.kind], ['Whole', 'end'])
})
