import assert from 'node:assert/strict'
import { test } from 'node:test'
import { heldBy } from '../../test/fuzz/support/memory.ts'
import { MANY_PIECES, pack } from './pack.ts'

const collected = (pieces: Iterable<Uint8Array>): Uint8Array[] => {
  const kept: Uint8Array[] = []
  let packed = 0
  for (const piece of pieces) {
    kept.push(piece)
    if (kept.length - packed >= MANY_PIECES) packed = pack(kept, packed)
  }
  return kept
}

test('a body that comes by the byte costs what it weighs, not a buffer for each byte', () => {
  const size = 1024 * 1024
  const whole = Buffer.from(Array.from({ length: size }, (_, at) => at % 251))
  let kept: Uint8Array[] = []
  const held = heldBy(() => {
    const single = function* () {
      for (let at = 0; at < size; at++) yield whole.subarray(at, at + 1)
    }
    kept = collected(single())
    return kept
  })
  // As single pieces they take 100 MB and more.
  assert.ok(held < 4 * size, `${held} bytes are held for ${size}`)
  assert.ok(Buffer.concat(kept).equals(whole))
})

test('large pieces stay as they are, uncopied', () => {
  const large = Array.from({ length: 3 * MANY_PIECES }, () => Buffer.alloc(2048))
  const kept = collected(large)
  assert.equal(kept.length, large.length)
  for (const [at, piece] of kept.entries()) assert.equal(piece, large[at])
})
