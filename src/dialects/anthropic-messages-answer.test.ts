import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asked } from './anthropic-messages.fixture.ts'
import { readMessagesAnswer, writeMessagesAnswer } from './anthropic-messages-answer.ts'
import { stopOf as stopOfConverse } from './bedrock-converse-answer.ts'
import { readFinish } from './chat-answer.ts'
import { stopOf as stopOfCohere } from './cohere-answer.ts'
import type { NeutralAnswer, Part, Stop } from './neutral.ts'

const usage = {
  inputTokens: 100,
  outputTokens: 20,
  cachedInputTokens: 60,
  cacheWriteTokens: 10,
  reasoningTokens: 5,
}

const answer = (parts: readonly Part[], stop: Stop = { kind: 'end' }): NeutralAnswer => ({
  id: 'msg_1',
  model: 'claude',
  parts,
  stop,
  usage,
})

test('a message is read: parts, stop, usage with everything that was input', () => {
  assert.deepEqual(
    readMessagesAnswer({
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'claude',
      content: [
        { type: 'thinking', thinking: 'Hm.', signature: 'sig' },
        { type: 'redacted_thinking', data: 'blob' },
        {
          type: 'text',
          text: 'Found.',
          citations: [
            { type: 'web_search_result_location', url: 'https://s.example', title: 'S', cited_text: 'x' },
            { type: 'char_location', document_index: 0 },
          ],
        },
        { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: {} },
        { type: 'tool_use', id: 'toolu_1', name: 'look', input: { at: 1 } },
      ],
      stop_reason: 'tool_use',
      stop_sequence: null,
      usage: {
        input_tokens: 30,
        cache_read_input_tokens: 60,
        cache_creation_input_tokens: 10,
        output_tokens: 20,
        output_tokens_details: { thinking_tokens: 5 },
        service_tier: 'standard',
      },
    }),
    {
      ...answer(
        [
          { kind: 'reasoning', text: 'Hm.', sealed: { issuer: 'messages', payload: 'sig' } },
          { kind: 'reasoning', text: '', sealed: { issuer: 'messages', payload: 'blob', redacted: true } },
          {
            kind: 'text',
            text: 'Found.',
            annotations: [{ type: 'url_citation', url: 'https://s.example', title: 'S' }],
          },
          { kind: 'call', id: 'toolu_1', name: 'look', input: '{"at":1}' },
        ],
        { kind: 'calls' },
      ),
      serviceTier: 'default',
    },
  )
  assert.throws(() => readMessagesAnswer({ type: 'error' }), /no message/)
})

test('an answer is written: foreign thoughts stay out, ids and inputs have the dialect’s form', () => {
  const parts: readonly Part[] = [
    { kind: 'reasoning', text: 'Hm.', sealed: { issuer: 'messages', payload: 'sig' } },
    { kind: 'reasoning', text: 'foreign', sealed: { issuer: 'converse', payload: 'x' } },
    { kind: 'reasoning', text: 'unsigned' },
    { kind: 'text', text: 'Said.' },
    { kind: 'text', text: '' },
    { kind: 'call', id: 'call_1', name: 'look', input: '{"at": 1}' },
    { kind: 'call', id: 'call.2', name: 'look', input: 'oops' },
    { kind: 'call', id: 'call_3', name: 'shell', input: 'ls', custom: true },
  ]
  const written = writeMessagesAnswer({ ...answer(parts, { kind: 'calls' }), id: 'chatcmpl-1' }, asked)
  assert.deepEqual(written, {
    id: 'msg_u1',
    type: 'message',
    role: 'assistant',
    model: 'star',
    content: [
      { type: 'thinking', thinking: 'Hm.', signature: 'sig' },
      { type: 'text', text: 'Said.' },
      { type: 'tool_use', id: 'call_1', name: 'look', input: { at: 1 } },
      {
        type: 'tool_use',
        id: (written.content as { id: string }[])[3]?.id,
        name: 'look',
        input: { raw_arguments: 'oops' },
      },
      { type: 'tool_use', id: 'call_3', name: 'shell', input: { input: 'ls' } },
    ],
    stop_reason: 'tool_use',
    stop_sequence: null,
    usage: {
      input_tokens: 30,
      cache_creation_input_tokens: 10,
      cache_read_input_tokens: 60,
      output_tokens: 20,
      output_tokens_details: { thinking_tokens: 5 },
    },
  })
})

test('reasons to stop, there and back', () => {
  const pairs: readonly (readonly [Stop, string, string | null])[] = [
    [{ kind: 'end' }, 'end_turn', null],
    [{ kind: 'length' }, 'max_tokens', null],
    [{ kind: 'context' }, 'model_context_window_exceeded', null],
    [{ kind: 'calls' }, 'tool_use', null],
    [{ kind: 'refusal' }, 'refusal', null],
    [{ kind: 'pause' }, 'pause_turn', null],
    [{ kind: 'compaction' }, 'compaction', null],
    [{ kind: 'sequence', sequence: 'END' }, 'stop_sequence', 'END'],
  ]
  for (const [stop, reason, sequence] of pairs) {
    const written = writeMessagesAnswer(answer([], stop), asked)
    assert.deepEqual([written.stop_reason, written.stop_sequence], [reason, sequence])
    assert.deepEqual(readMessagesAnswer(written).stop, stop)
  }
  assert.equal(writeMessagesAnswer(answer([], { kind: 'filter' }), asked).stop_reason, 'refusal')
  assert.equal(writeMessagesAnswer(answer([{ kind: 'refusal', text: 'No.' }]), asked).stop_reason, 'refusal')
  assert.deepEqual(readMessagesAnswer({ content: [], stop_reason: 'a_new_one' }).stop, { kind: 'end' })
})

test('ids and names that are no words, whatever their members, are read all the same', () => {
  const odd = { toString: 1, valueOf: 1 }
  const { parts } = readMessagesAnswer({
    content: [
      { type: 'tool_use', id: odd, name: [odd], input: {} },
      { type: 'redacted_thinking', data: odd },
    ],
    stop_reason: 'tool_use',
  })
  assert.deepEqual(
    parts.map(part => part.kind),
    ['call', 'reasoning'],
  )
})

test('a reason to stop that is no word, or a word of the language, ends an answer like any unknown one', () => {
  for (const reason of [{ toString: 1 }, ['end_turn'], 'constructor', '__proto__']) {
    assert.deepEqual(readMessagesAnswer({ content: [], stop_reason: reason }).stop, { kind: 'end' })
    assert.deepEqual(stopOfConverse(reason, false), { kind: 'end' })
    assert.deepEqual(stopOfCohere(reason, false), { kind: 'end' })
    assert.deepEqual(readFinish(reason, { calls: false, refused: false }), { kind: 'end' })
  }
})
