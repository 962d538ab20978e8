import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { plainAnswer } from './decode.ts'
import type { Answer, Sink, TransportFault } from './transport.ts'

/** An answer whose bytes the test hands over. */
const anAnswer = (encoding: string) => {
  const seen = { paused: false, aborted: false }
  let sink: Sink | undefined
  const answer: Answer = {
    status: 200,
    headers: { 'content-encoding': encoding },
    read: into => {
      sink = into
    },
    pause: () => {
      seen.paused = true
    },
    resume: () => {
      seen.paused = false
    },
    abort: () => {
      seen.aborted = true
    },
  }
  return { answer, seen, feed: (): Sink => sink ?? assert.fail('nobody reads') }
}

const collected = (
  answer: Answer,
): { readonly parts: Uint8Array[]; readonly end: Promise<Error | 'end'> } => {
  const parts: Uint8Array[] = []
  const end = new Promise<Error | 'end'>(resolve => {
    answer.read({ data: part => parts.push(part), end: () => resolve('end'), error: resolve })
  })
  return { parts, end }
}

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise(resolve => setImmediate(resolve))
}

const CODERS = { gzip: gzipSync, br: brotliCompressSync, zstd: zstdCompressSync, deflate: deflateSync }

for (const [name, compress] of Object.entries(CODERS)) {
  test(`${name}: while the reader pauses, a small body does not unfold into a large one`, async () => {
    const size = 32 * 1024 * 1024
    const { answer, feed } = anAnswer(name)
    const plain = plainAnswer(answer)
    let got = 0
    let paused = false
    const { promise: first, resolve: begun } = Promise.withResolvers<void>()
    const { promise: end, resolve: ended } = Promise.withResolvers<void>()
    plain.read({
      data: part => {
        got += part.length
        if (!paused) {
          paused = true
          plain.pause()
          begun()
        }
      },
      end: ended,
      error: assert.fail,
    })
    feed().data(compress(Buffer.alloc(size, 'x')))
    feed().end()
    await first
    await turns(2000)
    assert.ok(got < 1024 * 1024, `${got} bytes came through a pause`)
    plain.resume()
    await end
    assert.equal(got, size)
  })
}

test('a pause of the reader outlasts the room that comes free in the decoder', async () => {
  const { answer, seen, feed } = anAnswer('gzip')
  const plain = plainAnswer(answer)
  const { parts } = collected(plain)
  plain.pause()
  const whole = gzipSync(Buffer.alloc(1024, 'x'))
  for (const byte of whole.subarray(0, -1)) feed().data(Uint8Array.of(byte))
  await turns(50)
  assert.equal(seen.paused, true)
  assert.equal(parts.length, 0)
  plain.resume()
  assert.equal(seen.paused, false)
})

test('after an abort the reader hears nothing more', async () => {
  const { answer, seen, feed } = anAnswer('gzip')
  const plain = plainAnswer(answer)
  const { parts } = collected(plain)
  feed().data(gzipSync('text'))
  plain.abort()
  await turns(50)
  assert.equal(seen.aborted, true)
  assert.equal(parts.length, 0)
})

test('a compressed body that breaks off, or is none, is a fault and not a short answer', async () => {
  for (const broken of [gzipSync('whole').subarray(0, -6), Buffer.from('plain text')]) {
    const { answer, seen, feed } = anAnswer('gzip')
    const { end } = collected(plainAnswer(answer))
    feed().data(broken)
    feed().end()
    assert.equal(((await end) as TransportFault).kind, 'reset')
    assert.equal(seen.aborted, true)
  }
})

test('an encoding that nobody knows is a protocol fault; none and identity are left alone', async () => {
  const unknown = anAnswer('secret')
  assert.equal(((await collected(plainAnswer(unknown.answer)).end) as TransportFault).kind, 'protocol')
  assert.equal(unknown.seen.aborted, true)
  const { answer } = anAnswer('identity')
  assert.equal(plainAnswer(answer), answer)
})
