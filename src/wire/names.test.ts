import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { nameAt } from './names.ts'

test('property: a name reads the same the first time and every time after, whatever shares its slot', () => {
  const name = fc.oneof(fc.string({ maxLength: 40 }), fc.string({ unit: 'binary', maxLength: 12 }))
  fc.assert(
    fc.property(fc.array(name, { maxLength: 60 }), names => {
      for (const text of [...names, ...names]) {
        const bytes = Buffer.from(`..${text}.`)
        const end = bytes.length - 1
        assert.equal(nameAt(bytes, 2, end), bytes.toString('utf8', 2, end))
      }
    }),
  )
})
