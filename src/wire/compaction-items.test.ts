import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compactionItems } from './compaction-items.ts'
import { indexObject } from './index.ts'
import type { JsonObject } from './json.ts'

const found = (text: string) => compactionItems(indexObject(Buffer.from(text)), 'input')
const within = (...items: string[]) => found(`{"model":"m","input":[${items.join(', ')}]}`)

test('items are found by their type, whatever stands around them', () => {
  assert.deepEqual(
    within(
      '{"role":"user","content":"compaction"}',
      '{"encrypted_content":"abc","type":"compaction","id":null}',
      '{"type":"compaction_summary","encrypted_content":"d\\"ef"}',
      '{"type":"context_compaction"}',
      '{"type":"reasoning","encrypted_content":"about compaction"}',
    ),
    {
      items: [
        { at: 1, encrypted: 'abc' },
        { at: 2, encrypted: 'd"ef' },
        { at: 3, encrypted: '' },
      ],
      trigger: undefined,
    },
  )
})

test('escapes do not hide an item, and a key that is given twice is seen both times', () => {
  assert.deepEqual(
    within('{"t\\u0079pe":"\\u0063ompaction","encrypted_\\u0063ontent":"gw\\u00631.x"}').items,
    [{ at: 0, encrypted: 'gwc1.x' }],
  )
  assert.deepEqual(within('{"type":"message","type":"compaction","encrypted_content":"a"}').items, [
    { at: 0, encrypted: 'a' },
  ])
})

test('a trigger counts where it stands last', () => {
  assert.equal(within('{"role":"user","content":"x"}', '{"type":"compaction_trigger"}').trigger, 1)
  assert.equal(within('{"type":"compaction_trigger"}', '{"role":"user","content":"x"}').trigger, undefined)
  assert.equal(within('{"role":"user","content":"{\\"type\\":\\"compaction_trigger\\"}"}').trigger, undefined)
})

test('what is no list of items has none', () => {
  for (const text of [
    '{}',
    '{"input":"compaction"}',
    '{"input":null}',
    '{"input":{"type":"compaction"}}',
    '{"input":["compaction",1,null]}',
  ])
    assert.deepEqual(found(text), { items: [], trigger: undefined })
})

test('it finds what JSON.parse finds', () => {
  const item = fc.record(
    {
      type: fc.constantFrom('message', 'compaction', 'compaction_trigger', 'reasoning'),
      encrypted_content: fc.string({ unit: 'grapheme' }),
      more: fc.jsonValue({ maxDepth: 2 }),
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(fc.array(item, { maxLength: 8 }), items => {
      const list = items as readonly JsonObject[]
      const expected = list.flatMap(({ type, encrypted_content: encrypted }, at) =>
        type === 'compaction' ? [{ at, encrypted: typeof encrypted === 'string' ? encrypted : '' }] : [],
      )
      const last = list.length - 1
      assert.deepEqual(found(JSON.stringify({ input: list })), {
        items: expected,
        trigger: list[last]?.type === 'compaction_trigger' ? last : undefined,
      })
    }),
  )
})
