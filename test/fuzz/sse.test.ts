import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { StreamEvent } from '../../src/dialects/shape.ts'
import { encodeEvent, StreamFault, sseDecoder } from '../../src/wire/sse.ts'
import { parseSse } from '../support/sse.ts'
import { heldBy } from './support/memory.ts'
import { diceOf, runs, SEED, times } from './support/seed.ts'
import { cut, type Hand, type Meant, meant, mutate, spell, spelling } from './support/spelling.ts'

const decode = (pieces: readonly Uint8Array[], maxEventBytes?: number): readonly StreamEvent[] => {
  const decoder = sseDecoder(maxEventBytes === undefined ? undefined : { maxEventBytes })
  return [...pieces.flatMap(piece => decoder.push(piece)), ...decoder.end()]
}

const told = (events: readonly StreamEvent[]): readonly Meant[] =>
  events.flatMap(({ event, data }) => (data === undefined ? [] : [{ event, data }]))

const joined = (events: readonly StreamEvent[]): Buffer => Buffer.concat(events.map(({ bytes }) => bytes))

const MARK = Buffer.from('\ufeff')
const unmarked = (bytes: Buffer): Buffer => (bytes.indexOf(MARK) === 0 ? bytes.subarray(3) : bytes)

/** Every liberty of the grammar in one stream. */
const EVERYTHING: readonly Meant[] = [
  { event: '', data: '{"text":"Zdravím, \u{1F3AD}\u2028\u0085\u000b"}' },
  { event: 'delta', data: 'first\nsecond\n\nfourth' },
  { event: '', data: '' },
  { event: '', data: '\n' },
  { event: 'x: y', data: ' two spaces, a NUL \0 and a mark \ufeff' },
  { event: '', data: '[DONE]' },
]

const hands = (newline: Hand['newline'] | 'mixed', noise: boolean): readonly Hand[] => {
  const ends: readonly Hand['newline'][] =
    newline === 'mixed' ? ['\r', '\n', '\r\n', '\r', '\r', '\n'] : [newline]
  return ends.flatMap((end, at) => [
    { newline: end, space: at % 2 === 0, noise: noise ? ': ping' : undefined },
    { newline: end, space: at % 2 === 1, noise: undefined },
  ])
}

test('M-085 the events of a stream do not depend on its newlines, nor on where it was cut: every byte, every style', () => {
  for (const newline of ['\n', '\r\n', '\r', 'mixed'] as const)
    for (const noise of [false, true])
      for (const mark of [false, true])
        for (const blanks of [1, 2]) {
          const bytes = spell(EVERYTHING, { mark, hands: hands(newline, noise), blanks, open: false })
          const style = JSON.stringify({ newline, noise, mark, blanks })
          for (let at = 0; at <= bytes.length; at++) {
            const events = decode([bytes.subarray(0, at), bytes.subarray(at)])
            assert.deepEqual(told(events), EVERYTHING, `${style}, cut at ${at}`)
            assert.ok(joined(events).equals(unmarked(bytes)), `${style}, cut at ${at}: bytes`)
          }
          const single = decode([...bytes].map(byte => Uint8Array.of(byte)))
          assert.deepEqual(told(single), EVERYTHING, `${style}, byte by byte`)
        }
})

test('property: whatever is meant is read, in any spelling, cut anywhere', () => {
  const stream = fc.tuple(fc.array(meant, { maxLength: 6 }), spelling, fc.array(fc.nat(), { maxLength: 12 }))
  fc.assert(
    fc.property(stream, ([events, how, offsets]) => {
      const bytes = spell(events, how)
      const got = decode(cut(bytes, offsets))
      assert.deepEqual(told(got), events)
      // Another parser, written apart from this one, agrees about the bytes that are passed on.
      assert.deepEqual(parseSse(joined(got)), events)
    }),
    runs(1500),
  )
})

test('property: what is encoded is decoded, cut anywhere', () => {
  fc.assert(
    fc.property(
      fc.array(meant, { maxLength: 6 }),
      fc.array(fc.nat(), { maxLength: 12 }),
      (events, offsets) => {
        const bytes = Buffer.from(events.map(encodeEvent).join(''))
        assert.deepEqual(told(decode(cut(bytes, offsets))), events)
      },
    ),
    runs(500),
  )
})

test('property: a last event without its blank line is read when its data is whole, and completed', () => {
  const whole = fc.constantFrom('[DONE]', '{"a":1}', '"x"', '[1,2]', 'null', '{"a":\n1}')
  fc.assert(
    fc.property(fc.array(meant, { maxLength: 3 }), whole, spelling, fc.nat(), (before, data, how, offset) => {
      const events = [...before, { event: '', data }]
      const got = decode(cut(spell(events, { ...how, open: true }), [offset]))
      assert.deepEqual(told(got), events)
      assert.deepEqual(parseSse(joined(got)), events)
    }),
    runs(300),
  )
})

test('mutated bytes: the same events whatever the cut, never more bytes than came, only the one fault', () => {
  const roll = diceOf(SEED)
  for (let turn = 0; turn < times(3000); turn++) {
    const style = hands((['\n', '\r\n', '\r', 'mixed'] as const)[roll(4)] ?? '\n', roll(2) === 0)
    const proper = spell(EVERYTHING, {
      mark: roll(4) === 0,
      hands: style,
      blanks: 1 + roll(3),
      open: roll(3) === 0,
    })
    const bytes = mutate(proper, 1 + roll(6), roll)
    const limit = roll(4) === 0 ? 1 + roll(64) : 4096
    // The LF of a CRLF counts for the block before it, or for the next one when a cut parts the two.
    const close = decode([bytes]).some(event => Math.abs(event.bytes.length - limit) <= 1)
    const read = (pieces: readonly Uint8Array[]): readonly Meant[] | 'fault' => {
      try {
        const events = decode(pieces, limit)
        // The last event may have been completed with a blank line.
        assert.ok(joined(events).length <= bytes.length + 2)
        return told(events)
      } catch (error) {
        assert.ok(error instanceof StreamFault, `FUZZ_SEED=${SEED}, turn ${turn}: ${error}`)
        return 'fault'
      }
    }
    const uncut = read([bytes])
    for (let cuts = 0; cuts < 3; cuts++) {
      const pieces = cut(
        bytes,
        Array.from({ length: 1 + roll(6) }, () => roll(bytes.length + 1)),
      )
      const pieced = read(pieces)
      if (!close) assert.deepEqual(pieced, uncut, `FUZZ_SEED=${SEED}, turn ${turn}`)
    }
  }
})

const KILOBYTE = 1024
const MEGABYTE = KILOBYTE * KILOBYTE

test('an event at the limit passes and one byte more does not, however they are cut; nothing above it is held', () => {
  const limit = MEGABYTE
  const frame = 'data: \n\n'.length
  for (const size of [7, 4 * KILOBYTE, 64 * KILOBYTE, 2 * MEGABYTE]) {
    const at = (length: number): Buffer => Buffer.from(`data: ${'x'.repeat(length - frame)}\n\n`)
    const pieces = (bytes: Buffer): Uint8Array[] =>
      Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) =>
        bytes.subarray(n * size, (n + 1) * size),
      )
    assert.equal(told(decode(pieces(at(limit)), limit)).length, 1, `pieces of ${size}`)
    assert.throws(() => decode(pieces(at(limit + 1)), limit), StreamFault, `pieces of ${size}`)
  }
  const piece = Buffer.alloc(64 * KILOBYTE, 'x')
  const decoder = sseDecoder({ maxEventBytes: 4 * MEGABYTE })
  const held = heldBy(() => {
    decoder.push(Buffer.from('data: '))
    assert.throws(() => {
      for (;;) decoder.push(piece)
    }, StreamFault)
    return decoder
  })
  assert.ok(held < MEGABYTE, `${held} bytes are held after the fault`)
})

test('a flood of line ends is a few events, not one for each: no memory and no time grows with it', () => {
  for (const flood of ['\n', '\r', '\r\n', '\n\r']) {
    const chunk = Buffer.from(flood.repeat((64 * KILOBYTE) / flood.length))
    const decoder = sseDecoder()
    let events = 0
    const startedAt = performance.now()
    for (let pushed = 0; pushed < 64; pushed++) events += decoder.push(chunk).length
    assert.ok(events <= 2 * 64, `${JSON.stringify(flood)}: ${events} events for 64 chunks`)
    // Takes some 10 ms; one event for each line took two seconds.
    assert.ok(performance.now() - startedAt < 1500)
    assert.deepEqual(told(decoder.push(Buffer.from('data: on\n\n'))), [{ event: '', data: 'on' }])
  }
})

test('a hundred thousand tiny events come one by one, in time', () => {
  const count = 100_000
  for (const newline of ['\n', '\r\n', '\r']) {
    const bytes = Buffer.from(`data:1${newline}${newline}`.repeat(count))
    const startedAt = performance.now()
    const pieces = Array.from({ length: Math.ceil(bytes.length / 1000) }, (_, n) =>
      bytes.subarray(n * 1000, (n + 1) * 1000),
    )
    assert.equal(told(decode(pieces)).length, count)
    assert.ok(performance.now() - startedAt < 3000)
  }
})
