import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countMessages } from './anthropic-messages-count.ts'

/** One token a character: what is counted shows by its length. */
const count = (body: Parameters<typeof countMessages>[0]): number => countMessages(body, text => text.length)

test('system, messages and tools are counted, and nothing that is no prompt', () => {
  const messages = [
    { role: 'user', content: '12345' },
    {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: '123', signature: 'x'.repeat(999) },
        { type: 'redacted_thinking', data: 'x'.repeat(999) },
        { type: 'tool_use', id: 'toolu_1', name: 'look', input: { at: '12' } },
      ],
    },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: '1234' }] },
  ]
  // Texts with a line break between them, and what surrounds each message.
  assert.equal(count({ system: '12', messages }), '12\n12345\n123\nlook\n12\n1234'.length + 3 * 4)
  const tool = { name: 'look', input_schema: { type: 'object' } }
  assert.equal(count({ messages: [], tools: [tool] }), JSON.stringify(tool).length)
})

test('pictures and documents cost what they are like to cost, however long their bytes are', () => {
  const of = (block: Record<string, unknown>) =>
    count({ messages: [{ role: 'user', content: [block] }] } as never) - 4
  const source = { type: 'base64', media_type: 'image/png', data: 'x'.repeat(100_000) }
  assert.equal(of({ type: 'image', source }), 1568)
  assert.equal(of({ type: 'document', source: { ...source, media_type: 'application/pdf' } }), 4000)
  assert.equal(of({ type: 'document', source: { type: 'text', media_type: 'text/plain', data: '1234' } }), 4)
})
