import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseExact } from '../wire/exact-json.ts'
import type { JsonObject } from '../wire/json.ts'
import { countResponses } from './responses-count.ts'

/** One token a character: what is counted shows by its length. */
const count = (body: JsonObject): number => countResponses(body, text => text.length)

test('instructions, items, tools and the schema are counted, and nothing that is no prompt', () => {
  const input = [
    { type: 'message', id: 'msg_1', role: 'user', content: [{ type: 'input_text', text: '12345' }] },
    { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'x'.repeat(999) },
    { type: 'function_call_output', call_id: 'call_1', output: '1234' },
  ]
  assert.equal(count({ instructions: '12', input }), '12\n12345\n1234'.length + 4 * 4)
  const tool = { type: 'function', name: 'look', parameters: {} }
  const schema = { type: 'object' }
  const said = [tool, schema].map(one => JSON.stringify(one)).join('\n').length
  assert.equal(count({ tools: [tool], text: { format: { type: 'json_schema', schema } } }), said)
})

test('pictures, sound and documents cost what they are like to cost, a file of text what it holds', () => {
  const of = (part: JsonObject): number => count({ input: [{ role: 'user', content: [part] }] }) - 4
  const image = { type: 'input_image', image_url: `data:image/png;base64,${'A'.repeat(9999)}` }
  assert.deepEqual([of(image), of({ ...image, detail: 'low' })], [765, 85])
  assert.equal(of({ type: 'input_audio', input_audio: { data: 'A'.repeat(44_000), format: 'mp3' } }), 20)
  const pdf = `data:application/pdf;base64,${'A'.repeat(100_000)}`
  assert.equal(of({ type: 'input_file', file_data: pdf }), 4000)
  const text = `data:text/plain;base64,${Buffer.from('12345').toString('base64')}`
  assert.equal(of({ type: 'input_file', file_data: text }), 5)
})

test('whatever a client calls a type, it is counted', () => {
  for (const type of ['[-9007199254740992]', '9007199254740993', '"constructor"', '"toString"', '{}'])
    assert.equal(count({ input: parseExact(`[{"type": ${type}, "text": "12345"}]`) }), 9, type)
})

test('a type that is no word of the dialect, or no word at all, is neither a medium nor a fault of ours', () => {
  for (const type of ['constructor', { toString: 1 }, ['input_image'], null])
    assert.equal(count({ input: [{ type, text: '12345' }] }), 5 + 4)
})
