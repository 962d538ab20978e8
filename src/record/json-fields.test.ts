import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { JsonFields } from './json-fields.ts'

test('fields are written as JSON.stringify writes the object', () => {
  fc.assert(
    fc.property(
      fc.option(fc.string({ unit: 'binary' }), { nil: undefined }),
      fc.option(fc.oneof(fc.double(), fc.integer()), { nil: undefined }),
      fc.option(fc.boolean(), { nil: undefined }),
      fc.option(fc.oneof(fc.array(fc.string()), fc.dictionary(fc.string(), fc.integer())), {
        nil: undefined,
      }),
      (text, number, flag, json) => {
        const written = new JsonFields()
          .text('text', text)
          .number('number', number)
          .flag('flag', flag)
          .json('json', json)
          .end()
        assert.equal(written, JSON.stringify({ text, number, flag, json }))
      },
    ),
  )
})

test('halves of surrogate pairs, quotes, control characters and line separators are written as JSON.stringify does', () => {
  for (const text of ['\ud800', 'a\udfffb', '"', '\\', '\n\u0000\u001f\u007f', '\u2028\u2029', '😀'])
    assert.equal(new JsonFields().text('t', text).end(), JSON.stringify({ t: text }))
})
