import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseForm } from './form.ts'
import { duplicateKey } from './strict-json.ts'

test('any JSON that JSON.stringify writes has no key twice', () => {
  fc.assert(fc.property(fc.jsonValue(), value => duplicateKey(JSON.stringify(value, null, 1)) === undefined))
})

test('a key written again is found at any depth, also in another spelling, and strings are not looked into', () => {
  assert.equal(duplicateKey('{"a":1,"a":2}'), 'a')
  assert.equal(duplicateKey('[{"x":{"b":{},"c":[],"b" : 1}}]'), 'b')
  assert.equal(duplicateKey('{"a":1,"\\u0061":2}'), 'a')
  assert.equal(duplicateKey('{"a":{"a":1},"b":[{"a":1},{"a":2}]}'), undefined)
  assert.equal(duplicateKey('{"a":"\\"a\\":1,\\"a\\":2"}'), undefined)
  assert.equal(duplicateKey('{"a":["a","a"]}'), undefined)
})

const field = fc.record({
  name: fc.stringMatching(/^[a-z_]{1,12}$/),
  bytes: fc.uint8Array({ maxLength: 64 }),
})

test('every form that is written is read again, byte for byte', () => {
  fc.assert(
    fc.property(fc.array(field, { minLength: 1, maxLength: 5 }), fields => {
      const parts = fields.flatMap(({ name, bytes }) => [
        Buffer.from(`--no-such-bytes-7f3\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n`),
        bytes,
        Buffer.from('\r\n'),
      ])
      const body = Buffer.concat([...parts, Buffer.from('--no-such-bytes-7f3--\r\n')])
      const read = parseForm(body, 'multipart/form-data; boundary=no-such-bytes-7f3')
      assert.notEqual(typeof read, 'string')
      if (typeof read === 'string') return
      assert.deepEqual(
        read.map(part => part.name),
        fields.map(part => part.name),
      )
      for (const [index, part] of read.entries())
        assert.deepEqual(part.bytes, Uint8Array.from(fields[index]?.bytes ?? []))
    }),
  )
})

test('a form that is not closed, or has no boundary, is named as such', () => {
  const open = Buffer.from('--b\r\ncontent-disposition: form-data; name="a"\r\n\r\nvalue\r\n')
  assert.match(String(parseForm(open, 'multipart/form-data; boundary=b')), /not closed/)
  assert.match(String(parseForm(open, 'multipart/form-data')), /no boundary/)
  assert.match(String(parseForm(Buffer.from('x'), 'multipart/form-data; boundary=b')), /never occurs/)
})
