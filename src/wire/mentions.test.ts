import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { mayMention } from './mentions.ts'

const whole = (text: string) => {
  const bytes = Buffer.from(text)
  return [bytes, { start: 0, end: bytes.length }] as const
}

test('a name is found at any depth, a value or a part of another name is none', () => {
  assert.ok(mayMention(...whole('[{"a":{"metadata":1}}]'), 'metadata'))
  assert.ok(!mayMention(...whole('[{"metadata_of":1,"x":"the metadata"}]'), 'metadata'))
})

test('a name that may be spelled with escapes is never called absent', () => {
  assert.ok(mayMention(...whole('[{"m\\u0065tadata":1}]'), 'metadata'))
})

test('only the span is searched', () => {
  const bytes = Buffer.from('{"metadata":1,"input":[]}')
  assert.ok(!mayMention(bytes, { start: bytes.indexOf('['), end: bytes.length }, 'metadata'))
})

test('property: whatever a document has is mentioned, however it is spelled', () => {
  const spelled = (name: string, bits: number): string =>
    [...name]
      .map((char, at) =>
        (bits >> at) % 2 === 0 ? char : `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
      )
      .join('')
  fc.assert(
    fc.property(fc.stringMatching(/^[\w-]{1,20}$/), fc.nat(), fc.jsonValue(), (name, bits, value) => {
      const text = `[{"a":1,"${spelled(name, bits)}":${JSON.stringify(value)}}]`
      assert.ok(mayMention(...whole(text), name))
    }),
  )
})
