import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { MemoryBudget } from './memory.ts'
import { receive } from './receive.ts'

/** A request whose body comes in exactly these pieces. */
const arriving = (pieces: readonly Buffer[], headers: Record<string, string>): IncomingMessage => {
  const stream = Object.assign(new PassThrough(), { headers })
  for (const piece of pieces) stream.write(piece)
  stream.end()
  return stream as unknown as IncomingMessage
}

const received = (pieces: readonly Buffer[], headers: Record<string, string>) =>
  receive(arriving(pieces, headers), 1_000_000, new MemoryBudget(1_000_000))

const alone = (letter: string, length: number): Buffer => Buffer.from(new ArrayBuffer(length)).fill(letter)

const FRAMINGS: readonly Record<string, string>[] = [
  { 'content-length': '70000' },
  { 'transfer-encoding': 'chunked' },
]

test('a body in pieces is whole, and the memory of its pieces is given back', async () => {
  for (const headers of FRAMINGS) {
    const pieces = [alone('a', 40_000), alone('b', 20_000), alone('c', 10_000)]
    const { bytes } = await received(pieces, headers)
    assert.equal(Buffer.from(bytes).toString(), 'a'.repeat(40_000) + 'b'.repeat(20_000) + 'c'.repeat(10_000))
    assert.deepEqual(
      pieces.map(piece => piece.length),
      [0, 0, 0],
    )
  }
})

test('memory that a piece shares with others stays theirs', async () => {
  for (const headers of FRAMINGS) {
    const shared = alone('s', 80_000)
    const { bytes } = await received([shared.subarray(0, 30_000), shared.subarray(30_000, 70_000)], headers)
    assert.equal(Buffer.from(bytes).toString(), 's'.repeat(70_000))
    assert.equal(shared.toString(), 's'.repeat(80_000))
  }
})

test('a body that comes in one piece is that piece', async () => {
  const piece = alone('x', 70_000)
  const { bytes } = await received([piece], { 'content-length': '70000' })
  assert.equal(bytes.buffer, piece.buffer)
  assert.equal(bytes.length, 70_000)
})
