import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isExactNumber, parseExact } from './exact-json.ts'

test('numbers that no JavaScript number holds are written as they were read', () => {
  const text = '{"id":12345678901234567890,"least":-9223372036854775808,"in":[{"a":100000000000000000001}]}'
  assert.equal(JSON.stringify(parseExact(text)), text)
})

test('every other value is what JSON.parse makes of it', () => {
  fc.assert(
    fc.property(fc.json(), text => {
      assert.equal(JSON.stringify(parseExact(text)), JSON.stringify(JSON.parse(text)))
    }),
  )
  assert.deepEqual(parseExact('{"a":"12345678901234567890","b":1234567890123456}'), {
    a: '12345678901234567890',
    b: 1_234_567_890_123_456,
  })
  assert.throws(() => parseExact('{"a":12345678901234567890'), SyntaxError)
})

test('what is kept is told from an object that looks like it', () => {
  const [kept, like] = parseExact('[12345678901234567890,{"rawJSON":"1"}]') as [number, object]
  assert.deepEqual([isExactNumber(kept), isExactNumber(like as never)], [true, false])
})
