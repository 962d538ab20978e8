import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collect } from '../../src/attempt/collect.ts'
import { gate } from '../../src/attempt/gate.ts'
import { Progress } from '../../src/attempt/progress.ts'
import { LiveStream } from '../../src/attempt/stream.ts'
import type { Answer, Sink } from '../../src/attempt/transport.ts'
import { SHAPES } from '../../src/dialects/index.ts'
import { virtualClock } from '../../src/shared/clock.ts'
import { sseDecoder } from '../../src/wire/sse.ts'
import { heldBytes } from './support/memory.ts'

const MEGABYTE = 1024 * 1024

/** An answer whose bytes are handed over by the test. */
const fed = (): { readonly answer: Answer; readonly sink: () => Sink; readonly closed: () => boolean } => {
  let reader: Sink | undefined
  let closed = false
  return {
    answer: {
      status: 200,
      headers: {},
      read: sink => {
        reader = sink
      },
      pause: () => {},
      resume: () => {},
      abort: () => {
        closed = true
      },
    },
    sink: () => reader ?? assert.fail('nobody reads'),
    closed: () => closed,
  }
}

/** What a provider can send for ever without a word of an answer. */
const NOTHINGS = {
  'blank lines': '\n',
  comments: ':\n\n',
  'events without data': 'event: ping\n\n',
  'empty data': 'data:\n\n',
  'lifecycle events': 'data: {"choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n',
}

for (const [what, text] of Object.entries(NOTHINGS)) {
  test(`a flood of ${what} before any content: what is held is bounded, and then the attempt is over`, async () => {
    const rules = SHAPES.chat.stream ?? assert.fail()
    const { answer, sink, closed } = fed()
    const { clock } = virtualClock()
    const watch = { clock, firstTokenMs: undefined, idleMs: undefined, until: undefined }
    const opened = gate(new LiveStream(answer, sseDecoder(), watch), new Progress(rules), {
      now: clock.now,
      emptyEnd: () => undefined,
    })
    const before = heldBytes()
    let most = 0
    // 64 MB, each chunk in memory of its own as sockets give it.
    for (let sent = 0; sent < 1024 && !closed(); sent++) {
      sink().data(Buffer.from(text.repeat(Math.floor((64 * 1024) / text.length))))
      if (sent % 32 === 31) most = Math.max(most, heldBytes() - before)
    }
    assert.ok(most < 40 * MEGABYTE, `${Math.round(most / MEGABYTE)} MB are held`)
    assert.ok(closed(), 'the provider is let go')
    const outcome = await opened
    assert.deepEqual(outcome, { kind: 'trouble', trouble: { kind: 'oversize' } })
  })
}

test('a whole answer in chunks of one byte is held as what it weighs', async () => {
  const { answer, sink } = fed()
  const { clock } = virtualClock()
  const collected = collect(answer, { clock, maxBytes: 16 * MEGABYTE, totalMs: undefined })
  const piece = Buffer.from('x')
  const before = heldBytes()
  for (let sent = 0; sent < 2 * MEGABYTE; sent++) sink().data(piece.subarray(0, 1))
  const held = heldBytes() - before
  sink().end()
  assert.ok(held < 12 * MEGABYTE, `${Math.round(held / MEGABYTE)} MB are held for 2`)
  const got = await collected
  assert.ok(got.kind === 'whole' && got.bytes.length === 2 * MEGABYTE)
})
