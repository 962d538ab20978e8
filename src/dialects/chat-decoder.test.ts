import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { JsonObject } from '../wire/json.ts'
import { decodedBy, hearing, saying } from './chat.fixture.ts'
import { chatDecoder } from './chat-decoder.ts'
import type { NeutralEvent } from './neutral.ts'

const encoder = new TextEncoder()
const decoded = (pieces: readonly Uint8Array[]): readonly NeutralEvent[] => decodedBy(chatDecoder(), pieces)
const piece = (index: number, members: JsonObject): JsonObject =>
  saying({ tool_calls: [{ index, ...members }] })
const START: NeutralEvent = { kind: 'start', id: 'chatcmpl-9', model: 'm' }
const closing = (kind: 'end' | 'calls'): readonly NeutralEvent[] => [
  { kind: 'stop', stop: { kind } },
  { kind: 'end' },
]

describe('streams of a provider', () => {
  const look = { id: 'call_1', type: 'function', function: { name: 'look', arguments: '' } }
  const open = (part: number, id: string, name = 'look'): NeutralEvent => ({
    kind: 'open',
    part,
    of: 'call',
    id,
    name,
  })
  const delta = (part: number, text: string): NeutralEvent => ({ kind: 'delta', part, text })
  const close = (part: number): NeutralEvent => ({ kind: 'close', part })
  const text = (part: number): NeutralEvent => ({ kind: 'open', part, of: 'text' })

  const rows: readonly (readonly [
    what: string,
    heard: readonly NeutralEvent[],
    events: readonly NeutralEvent[],
  ])[] = [
    [
      'reasoning, words, calls: each closes the one before',
      hearing(
        saying({ role: 'assistant', content: '' }),
        saying({ reasoning_content: 'hm' }),
        saying({ content: 'I look.' }),
        piece(0, look),
        piece(0, { function: { arguments: '{}' } }),
        saying({}, 'tool_calls'),
        '[DONE]',
      ),
      [
        START,
        { kind: 'open', part: 0, of: 'reasoning' },
        delta(0, 'hm'),
        close(0),
        text(1),
        delta(1, 'I look.'),
        close(1),
        open(2, 'call_1'),
        delta(2, '{}'),
        close(2),
        ...closing('calls'),
      ],
    ],
    [
      'calls spoken in turns stay open until the end',
      hearing(
        piece(0, look),
        piece(0, { function: { arguments: '{"a"' } }),
        piece(1, { ...look, id: 'call_2' }),
        piece(1, { function: { arguments: '{"b"' } }),
        piece(0, { function: { arguments: ':1}' } }),
        piece(1, { function: { arguments: ':2}' } }),
        saying({}, 'tool_calls'),
        '[DONE]',
      ),
      [
        START,
        open(0, 'call_1'),
        delta(0, '{"a"'),
        open(1, 'call_2'),
        delta(1, '{"b"'),
        delta(0, ':1}'),
        delta(1, ':2}'),
        close(0),
        close(1),
        ...closing('calls'),
      ],
    ],
    [
      'a call that is whole closes when another begins, or words do',
      hearing(
        piece(0, { ...look, function: { name: 'look', arguments: '{"a":1}' } }),
        piece(1, { ...look, id: 'call_2', function: { name: 'look', arguments: '{}' } }),
        piece(0, { function: { arguments: ' \n' } }),
        saying({ content: 'So.' }, 'stop'),
        '[DONE]',
      ),
      [
        START,
        open(0, 'call_1'),
        delta(0, '{"a":1}'),
        close(0),
        open(1, 'call_2'),
        delta(1, '{}'),
        close(1),
        text(2),
        delta(2, 'So.'),
        close(2),
        ...closing('calls'),
      ],
    ],
    [
      'a call that only looks whole',
      hearing(
        piece(0, look),
        piece(0, { function: { arguments: '{"a":{}' } }),
        saying({ content: 'So.' }),
        piece(0, { function: { arguments: '}' } }),
        saying({}, 'tool_calls'),
        '[DONE]',
      ),
      [
        START,
        open(0, 'call_1'),
        delta(0, '{"a":{}'),
        text(1),
        delta(1, 'So.'),
        delta(0, '}'),
        close(1),
        close(0),
        ...closing('calls'),
      ],
    ],
    [
      'words between the pieces of a call',
      hearing(
        piece(0, look),
        piece(0, { function: { arguments: '{"a"' } }),
        saying({ content: 'So.' }),
        piece(0, { function: { arguments: ':1}' } }),
        saying({}, 'tool_calls'),
        '[DONE]',
      ),
      [
        START,
        open(0, 'call_1'),
        delta(0, '{"a"'),
        text(1),
        delta(1, 'So.'),
        delta(0, ':1}'),
        close(1),
        close(0),
        ...closing('calls'),
      ],
    ],
    [
      'every call of an answer has the index 0',
      hearing(
        piece(0, { ...look, function: { name: 'look', arguments: '{}' } }),
        piece(0, { ...look, id: 'call_2', function: { name: 'wait', arguments: '{}' } }),
        saying({}, 'stop'),
        '[DONE]',
      ),
      [
        START,
        open(0, 'call_1'),
        delta(0, '{}'),
        close(0),
        open(1, 'call_2', 'wait'),
        delta(1, '{}'),
        close(1),
        ...closing('calls'),
      ],
    ],
    [
      'no index, no id, arguments as an object',
      hearing(
        saying({ tool_calls: [{ function: { name: 'look', arguments: { a: 1 } } }] }),
        saying({ tool_calls: [{ function: { name: 'wait', arguments: {} } }] }, 'stop'),
        '[DONE]',
      ),
      [
        START,
        open(0, 'call_chatcmpl9_0'),
        delta(0, '{"a":1}'),
        close(0),
        open(1, 'call_chatcmpl9_1', 'wait'),
        delta(1, '{}'),
        close(1),
        ...closing('calls'),
      ],
    ],
    [
      'a name that comes later than its call, and no arguments at all',
      hearing(
        piece(0, { id: 'call_1', function: { arguments: '' } }),
        piece(0, { id: 'call_1', function: { name: 'look' } }),
        saying({}, 'tool_calls'),
        '[DONE]',
      ),
      [START, open(0, 'call_1'), delta(0, '{}'), close(0), ...closing('calls')],
    ],
    [
      'an id and a name that come later than the arguments',
      hearing(
        piece(0, { function: { arguments: '{"a"' } }),
        piece(0, { id: 'call_1', function: { name: 'look', arguments: ':1}' } }),
        saying({}, 'tool_calls'),
        '[DONE]',
      ),
      [START, open(0, 'call_1'), delta(0, '{"a":1}'), close(0), ...closing('calls')],
    ],
    [
      'the older form of a call',
      hearing(
        saying({ function_call: { name: 'look', arguments: '' } }),
        saying({ function_call: { arguments: '{"a":1}' } }),
        saying({}, 'function_call'),
        '[DONE]',
      ),
      [START, open(0, 'call_chatcmpl9_0'), delta(0, '{"a":1}'), close(0), ...closing('calls')],
    ],
    [
      'thinking blocks beside the same words, their seal, and a redacted one',
      hearing(
        saying({
          reasoning_content: 'hm',
          thinking_blocks: [{ type: 'thinking', thinking: 'hm', signature: '' }],
        }),
        saying({ thinking_blocks: [{ type: 'thinking', thinking: '', signature: 'c2ln' }] }),
        saying({ thinking_blocks: [{ type: 'redacted_thinking', data: 'cmVk' }] }),
        saying({ content: 'So.' }, 'stop'),
        '[DONE]',
      ),
      [
        START,
        { kind: 'open', part: 0, of: 'reasoning' },
        delta(0, 'hm'),
        { kind: 'seal', part: 0, sealed: { issuer: 'messages', payload: 'c2ln' } },
        close(0),
        { kind: 'open', part: 1, of: 'reasoning' },
        { kind: 'seal', part: 1, sealed: { issuer: 'messages', payload: 'cmVk', redacted: true } },
        close(1),
        text(2),
        delta(2, 'So.'),
        close(2),
        ...closing('end'),
      ],
    ],
    [
      'a thought that comes once more with its signature, and one that comes only there',
      hearing(
        saying({ reasoning_content: 'h' }),
        saying({ reasoning_content: 'm' }),
        saying({ thinking_blocks: [{ type: 'thinking', thinking: 'hm', signature: 'c2ln' }] }),
        saying({ thinking_blocks: [{ type: 'thinking', thinking: 'and', signature: 'YW5k' }] }, 'stop'),
        '[DONE]',
      ),
      [
        START,
        { kind: 'open', part: 0, of: 'reasoning' },
        delta(0, 'h'),
        delta(0, 'm'),
        { kind: 'seal', part: 0, sealed: { issuer: 'messages', payload: 'c2ln' } },
        close(0),
        { kind: 'open', part: 1, of: 'reasoning' },
        delta(1, 'and'),
        { kind: 'seal', part: 1, sealed: { issuer: 'messages', payload: 'YW5k' } },
        close(1),
        ...closing('end'),
      ],
    ],
    [
      'a redacted thought behind one that may be read',
      hearing(
        saying({ reasoning_content: 'hm' }),
        saying({ thinking_blocks: [{ type: 'redacted_thinking', data: 'cmVk' }] }, 'stop'),
        '[DONE]',
      ),
      [
        START,
        { kind: 'open', part: 0, of: 'reasoning' },
        delta(0, 'hm'),
        close(0),
        { kind: 'open', part: 1, of: 'reasoning' },
        { kind: 'seal', part: 1, sealed: { issuer: 'messages', payload: 'cmVk', redacted: true } },
        close(1),
        ...closing('end'),
      ],
    ],
    [
      'probabilities go with the words that come next, once',
      hearing(
        {
          ...saying({}),
          choices: [{ index: 0, delta: { content: '' }, logprobs: { content: [{ token: 'a' }] } }],
        },
        {
          ...saying({}),
          choices: [{ index: 0, delta: { content: 'ab' }, logprobs: { content: [{ token: 'b' }] } }],
        },
        saying({ content: 'c' }, 'stop'),
        '[DONE]',
      ),
      [
        START,
        text(0),
        { kind: 'delta', part: 0, text: 'ab', logprobs: [{ token: 'a' }, { token: 'b' }] },
        delta(0, 'c'),
        close(0),
        ...closing('end'),
      ],
    ],
    [
      'words behind a reason are words of the answer, and behind the terminator nothing is',
      hearing(
        saying({ content: 'So.' }, 'stop'),
        saying({ content: 'And more.' }),
        { choices: [], usage: { prompt_tokens: 3, completion_tokens: 1 } },
        '[DONE]',
        saying({ content: 'And more.' }),
      ),
      [
        START,
        text(0),
        delta(0, 'So.'),
        delta(0, 'And more.'),
        { kind: 'usage', usage: { inputTokens: 3, outputTokens: 1 } },
        close(0),
        ...closing('end'),
      ],
    ],
    [
      'other choices are not heard',
      hearing(
        {
          ...saying({}),
          choices: [
            { index: 1, delta: { content: 'b' } },
            { index: 0, delta: { content: 'a' } },
          ],
        },
        saying({}, 'stop'),
        '[DONE]',
      ),
      [START, text(0), delta(0, 'a'), close(0), ...closing('end')],
    ],
    [
      'a finish and the end of the bytes is an end, [DONE] without a finish too',
      [...hearing(saying({ content: 'a' }, 'length')), ...hearing(saying({ content: 'a' }), '[DONE]')],
      [
        START,
        text(0),
        delta(0, 'a'),
        close(0),
        { kind: 'stop', stop: { kind: 'length' } },
        { kind: 'end' },
        START,
        text(0),
        delta(0, 'a'),
        close(0),
        ...closing('end'),
      ],
    ],
    [
      'comments and empty chunks are pings and nothing',
      decoded([encoder.encode(': PROCESSING\n\ndata: {"choices":[],"prompt_filter_results":[]}\n\n')]),
      [{ kind: 'ping' }],
    ],
  ]
  for (const [what, heard, events] of rows) test(what, () => assert.deepEqual(heard, events))
})

test('an answer that breaks off in the middle of a call, and gives no reason, has not ended', () => {
  const call = (text: string) =>
    saying({
      tool_calls: [{ index: 0, id: 'c', type: 'function', function: { name: 'f', arguments: text } }],
    })
  assert.equal(hearing(call('{"a": "x'), '[DONE]').at(-1)?.kind, 'error')
  assert.equal(hearing(call('{"a": "x"}'), '[DONE]').at(-1)?.kind, 'end')
  // A limit is a reason.
  assert.equal(hearing(call('{"a": "x'), saying({}, 'length'), '[DONE]').at(-1)?.kind, 'end')
})
