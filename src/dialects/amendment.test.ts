import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { applyEdits, joinSegments } from '../wire/edit.ts'
import { fingerprintOf } from '../wire/encrypted.ts'
import { indexObject } from '../wire/index.ts'
import { itemsIn } from '../wire/items.ts'
import type { Json } from '../wire/json.ts'
import { type Amendment, amendmentEdits, placeOf } from './amendment.ts'

const amended = (text: string, amendment: Amendment): string => {
  const index = indexObject(Buffer.from(text))
  return Buffer.from(joinSegments(applyEdits(index, amendmentEdits(index, amendment)))).toString()
}

describe('a parameter stays behind', () => {
  const without = (path: string, value?: string): Amendment => ({
    kind: 'without',
    path: path.split('/'),
    value,
  })

  test('at the top, inside, and in every element of a list', () => {
    assert.equal(amended('{"a":1.0, "b" :2}', without('b')), '{"a":1.0}')
    assert.equal(amended('{"a":{"b":1,"c":2}}', without('a/b')), '{"a":{"c":2}}')
    assert.equal(
      amended('{"input":[{"x":1,"y":2},{"y":3},"s"]}', without('input/*/y')),
      '{"input":[{"x":1},{},"s"]}',
    )
  })

  test('with one value only, as it was written', () => {
    assert.equal(amended('{"tier":"flex","a":1}', without('tier', '"flex"')), '{"a":1}')
    assert.equal(amended('{"tier":"auto","a":1}', without('tier', '"flex"')), '{"tier":"auto","a":1}')
    assert.equal(amended('{"r":{"e":"x"}}', without('r/e', '"x"')), '{"r":{}}')
  })
})

describe('ids that a provider wants', () => {
  const text =
    '{"input":[{"type":"reasoning","summary":[]},{"role":"user","content":"a"},{"type":"reasoning","id":"rs_1","summary":[]},{"type":"reasoning","summary":[]}]}'

  test('every item of the type gets one of the right form, those that have one keep it', () => {
    const { input } = JSON.parse(amended(text, { kind: 'item-ids', type: 'reasoning' }))
    assert.match(input[0].id, /^rs_[0-9a-f]{48}$/)
    assert.match(input[3].id, /^rs_[0-9a-f]{48}$/)
    assert.notEqual(input[0].id, input[3].id)
    assert.equal(input[2].id, 'rs_1')
    assert.equal(input[1].id, undefined)
  })

  test('the same item at the same place gets the same id in the next turn', () => {
    const longer = text.replace(/\]\}$/, ',{"role":"user","content":"b"}]}')
    const ids = (body: string) =>
      JSON.parse(amended(body, { kind: 'item-ids', type: 'reasoning' })).input.map(
        (one: { id: string }) => one.id,
      )
    assert.deepEqual(ids(longer).slice(0, 4), ids(text))
  })

  test('an item without a type is a message', () => {
    const { input } = JSON.parse(amended(text, { kind: 'item-ids', type: 'message' }))
    assert.match(input[1].id, /^msg_/)
  })
})

describe('reasoning of another account', () => {
  const items = [
    '{"type":"message","role":"user","id":"msg_u","content":"a"}',
    '{"type":"reasoning","id":"rs_a","summary":[],"encrypted_content":"gAAA/a=="}',
    '{"type":"function_call","id":"fc_a","call_id":"call_1","name":"f","arguments":"{\\"x\\": 1.0}"}',
    '{"type":"message","role":"assistant","id":"msg_a","status":"completed","content":[]}',
    '{"type":"web_search_call","id":"ws_a","status":"completed","action":{}}',
    '{"type":"function_call_output","id":"fco_1","call_id":"call_1","output":"y"}',
    '{"type":"function_call","id":"fc_late","call_id":"call_2","name":"f","arguments":"{}"}',
    '{"type":"reasoning","id":"rs_b","summary":[],"encrypted_content":"gAAA/b=="}',
    '{"type":"function_call","id":"fc_b","call_id":"call_3","name":"f","arguments":"{}"}',
    '{"type":"compaction","id":"cmp_a","encrypted_content":"gAAA/a=="}',
  ]
  const ofA = fingerprintOf('gAAA/a==')

  test('goes as a whole; what was said with it keeps its words and call ids; every other byte stays', () => {
    const left = amended(`{"input":[${items.join(', ')}],"x":1.0}`, {
      kind: 'unsealed',
      foreign: ({ key }) => key === ofA,
    })
    const expected = items
      .filter(item => !item.includes('rs_a'))
      .map(item => item.replace('"id":"fc_a",', '').replace('"id":"msg_a",', ''))
    assert.equal(left, `{"input":[${expected.join(', ')}],"x":1.0}`)
  })

  test('of several each goes, and nothing else', () => {
    const left = JSON.parse(amended(`{"input":[${items.join()}]}`, { kind: 'unsealed', foreign: () => true }))
    assert.deepEqual(
      left.input.map((one: { type: string }) => one.type),
      items.map(one => JSON.parse(one).type).filter(type => type !== 'reasoning'),
    )
  })

  test('a compaction is never taken, whoever made it', () => {
    const text = `{"input":[${items[9]}]}`
    assert.equal(amended(text, { kind: 'unsealed', foreign: () => true }), text)
  })

  test('a slash that is escaped is the same secret', () => {
    const index = indexObject(
      Buffer.from('{"input":[{"type":"reasoning","encrypted_content":"gAAA\\/a=="}]}'),
    )
    assert.equal(itemsIn(index, 'input')[0]?.bond?.key, ofA)
  })

  test('a text, a list of texts and nothing at all have no items', () => {
    for (const text of ['{"input":"x"}', '{"input":["x",1,null,[]]}', '{}', '{"input":null}'])
      assert.equal(amended(text, { kind: 'unsealed', foreign: () => true }), text)
  })
})

describe('where a provider’s words point', () => {
  const body: Json = {
    input: [{ metadata: 1 }, {}],
    presence_penalty: 1,
    messages: [{ role: 'assistant', reasoning_content: 'x' }],
    body: 1,
  }
  const at = (path: string, loose = false) => placeOf(body, path.split('.'), { loose })?.join('.')

  test('every element, when one is named', () => {
    assert.equal(at('input.0.metadata'), 'input.*.metadata')
    assert.equal(at('input.1.metadata'), undefined)
    assert.equal(at('input.0'), undefined, 'an element is no parameter')
  })
  test('another way to write a name is the same name', () => {
    assert.equal(at('presencePenalty'), 'presence_penalty')
  })
  test('names of a schema’s parts are passed over, where a schema speaks', () => {
    assert.equal(at('messages.0.assistant.reasoning_content', true), 'messages.*.reasoning_content')
    assert.equal(at('messages.0.assistant.reasoning_content'), undefined)
  })
  test('what is not there is nowhere', () => {
    for (const path of ['user', 'input.metadata', 'messages.0.name', '__proto__', 'toString', 'input.length'])
      assert.equal(at(path), undefined, path)
  })
})
