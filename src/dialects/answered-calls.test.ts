import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { JsonObject } from '../wire/json.ts'
import { messagesUpstream } from './anthropic-messages.ts'
import type { NeutralEvent } from './neutral.ts'

/** Some servers end an answer that calls tools like any other; calls that are there are to be answered. */

const call = { type: 'tool_use', id: 'toolu_1', name: 'look', input: {} }

const streamed = (events: readonly JsonObject[]): readonly NeutralEvent[] => {
  const decoder = messagesUpstream.decoder()
  const bytes = Buffer.from(events.map(event => `data: ${JSON.stringify(event)}\n\n`).join(''))
  return [...decoder.push(bytes), ...decoder.end()]
}

const stops = (events: readonly NeutralEvent[]): readonly string[] =>
  events.flatMap(event => (event.kind === 'stop' ? [event.stop.kind] : []))

const begun: readonly JsonObject[] = [
  { type: 'message_start', message: { id: 'msg_1', model: 'm', content: [] } },
  { type: 'content_block_start', index: 0, content_block: call },
  { type: 'content_block_stop', index: 0 },
]
const text: JsonObject = {
  type: 'content_block_start',
  index: 0,
  content_block: { type: 'text', text: 'Hi' },
}
const ended = (reason: string): JsonObject => ({ type: 'message_delta', delta: { stop_reason: reason } })
const stop: JsonObject = { type: 'message_stop' }

describe('an end that does not name the calls before it', () => {
  test('of a message', () => {
    const kind = (stop_reason: string, content: readonly JsonObject[]): string =>
      messagesUpstream.answer({ content, stop_reason }).stop.kind
    assert.equal(kind('end_turn', [call]), 'calls')
    assert.equal(kind('max_tokens', [call]), 'length')
    assert.equal(kind('end_turn', [{ type: 'text', text: 'Hi' }]), 'end')
  })
  test('of a stream of one', () => {
    assert.deepEqual(stops(streamed([...begun, ended('end_turn'), stop])), ['calls'])
    assert.deepEqual(stops(streamed([...begun, ended('max_tokens'), stop])), ['length'])
  })
})

test('a message that ends without a reason has one, and one only', () => {
  assert.deepEqual(stops(streamed([...begun, stop])), ['calls'])
  assert.deepEqual(stops(streamed([begun[0] ?? {}, text, stop])), ['end'])
  assert.deepEqual(stops(streamed([...begun, ended('tool_use'), ended('tool_use'), stop])), ['calls'])
})
