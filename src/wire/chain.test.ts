import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inputOf } from './chain.ts'
import type { Json } from './json.ts'

const turn = (input: Json, output: readonly Json[] = []) => ({
  input: JSON.stringify(input),
  output: JSON.stringify(output),
})
const items = (turns: readonly ReturnType<typeof turn>[], now: Json): readonly Json[] =>
  inputOf(turns, JSON.stringify(now)).map(text => JSON.parse(text) as Json)

const said = (text: string, more: { readonly [key: string]: Json } = {}): Json => ({
  type: 'message',
  role: 'assistant',
  content: [{ type: 'output_text', text }],
  ...more,
})
const called = (id: string, more: { readonly [key: string]: Json } = {}): Json => ({
  type: 'function_call',
  call_id: id,
  name: 'f',
  arguments: '{}',
  ...more,
})

test('every response in turn, its input before its output, and what is asked now behind them', () => {
  assert.deepEqual(
    items([turn('one', [said('two', { id: 'msg_1' })]), turn([{ role: 'user', content: 'three' }])], 'four'),
    [
      { role: 'user', content: 'one' },
      said('two'),
      { role: 'user', content: 'three' },
      { role: 'user', content: 'four' },
    ],
  )
})

test('an item stays the bytes that it was', () => {
  const input = '[ {"role":"user", "n": 1.0, "big":12345678901234567890, "content":"\\u00e9"} ]'
  assert.deepEqual(inputOf([{ input, output: '[]' }], '"x"'), [
    '{"role":"user", "n": 1.0, "big":12345678901234567890, "content":"\\u00e9"}',
    '{"role":"user","content":"x"}',
  ])
})

test('ids of another account go where they may; those that an item must have stay', () => {
  const search = { type: 'web_search_call', id: 'ws_1', status: 'completed', action: {} }
  const sealed = { type: 'reasoning', id: 'rs_2', summary: [], encrypted_content: 'gAAA' }
  const kept = { type: 'reasoning', id: 'rs_1', summary: [] }
  assert.deepEqual(items([turn('x', [kept, search, sealed, said('y', { id: 'msg_1' })])], []), [
    { role: 'user', content: 'x' },
    search,
    sealed,
    said('y'),
  ])
  const own = { role: 'user', content: 'z', id: 'msg_mine' }
  assert.deepEqual(items([], [own]), [own])
})

test('a call that was never answered gets a result behind the others of its response, or goes', () => {
  const custom = { type: 'custom_tool_call', call_id: 'c', name: 'g', input: '' }
  const shell = { type: 'shell_call', call_id: 's', action: {} }
  const cut = called('cut', { status: 'incomplete', arguments: '{"a":' })
  assert.deepEqual(items([turn('x', [called('a'), called('b'), custom, shell, cut])], []), [
    { role: 'user', content: 'x' },
    called('a'),
    called('b'),
    custom,
    { type: 'function_call_output', call_id: 'a', output: 'aborted' },
    { type: 'function_call_output', call_id: 'b', output: 'aborted' },
    { type: 'custom_tool_call_output', call_id: 'c', output: 'aborted' },
  ])
  const result = { type: 'function_call_output', call_id: 'a', output: 'r' }
  assert.deepEqual(items([turn('x', [called('a')])], [result]).slice(1), [called('a'), result])
})

test('a reference to what is here is left out, and one to what is not stays', () => {
  const kept = { type: 'reasoning', id: 'rs_1', summary: [] }
  const refer = (id: string): Json => ({ type: 'item_reference', id })
  assert.deepEqual(items([turn('x', [kept])], [refer('rs_1'), { role: 'user', content: 'y' }]), [
    { role: 'user', content: 'x' },
    { role: 'user', content: 'y' },
  ])
  assert.deepEqual(items([turn([refer('msg_9')])], []), [refer('msg_9')])
})

const user = (content: string): Json => ({ role: 'user', content })
const compacted = (sealed: string): Json => ({ type: 'compaction', id: 'cmp_1', encrypted_content: sealed })
const trigger: Json = { type: 'compaction_trigger' }

test('what only its maker can read of what is here is left out, and what came from elsewhere stays', () => {
  const from = compacted('native of elsewhere')
  const native = compacted('native')
  assert.deepEqual(
    items(
      [
        turn([from, user('one')], [said('two')]),
        turn([user('three'), trigger], [native]),
        turn('four', [native, said('five')]),
      ],
      'six',
    ),
    [
      { type: 'compaction', encrypted_content: 'native of elsewhere' },
      user('one'),
      said('two'),
      user('three'),
      user('four'),
      said('five'),
      user('six'),
    ],
  )
})

test('what everybody can read takes the place of all before it', () => {
  const turns = [
    turn('one', [said('two'), called('a')]),
    turn([user('three'), trigger], [compacted('ours')]),
    turn('four', [said('five')]),
  ]
  const isOurs = (item: string): boolean => item.includes('ours')
  assert.deepEqual(
    inputOf(turns, '"six"', isOurs).map(text => JSON.parse(text) as Json),
    [{ type: 'compaction', encrypted_content: 'ours' }, user('four'), said('five'), user('six')],
  )
})
