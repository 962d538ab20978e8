import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mediaTeller } from './media-words.ts'

test('an address is told, and a picture that is written into one is not', () => {
  const tell = mediaTeller('the API', undefined)
  const said = (url: string): string => tell({ kind: 'image', source: { kind: 'url', url } })
  assert.equal(
    said('https://h/a.png'),
    '[image: https://h/a.png: an answer of the API has no place for pictures]',
  )
  assert.ok(said(`data:image/svg+xml,${'x'.repeat(100_000)}`).length < 1200)
})
