import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encryptedParts } from './encrypted.ts'

const parts = (text: string): readonly string[] => encryptedParts(Buffer.from(text))

test('the same ciphertext has the same fingerprint wherever and however it stands', () => {
  const [one] = parts('{"output":[{"type":"reasoning","encrypted_content":"gAAA=="}]}')
  assert.match(one ?? '', /^[0-9a-f]{64}$/)
  assert.deepEqual(
    parts('{"input":[ { "encrypted_content" : "gAAA==" } , {"encrypted_content":"gAAA=="}]}'),
    [one],
  )
  assert.notDeepEqual(parts('{"encrypted_content":"gAAB=="}'), [one])
})

test('null, absent, empty and cut ciphertext have none', () => {
  for (const text of [
    '{"encrypted_content":null}',
    '{}',
    '{"encrypted_content":""}',
    '{"encrypted_content":"gAA',
  ])
    assert.deepEqual(parts(text), [])
})
