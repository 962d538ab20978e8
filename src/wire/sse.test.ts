import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { StreamEvent } from '../dialects/shape.ts'
import { encodeEvent, StreamFault, sseDecoder, withData } from './sse.ts'

const decode = (...chunks: (string | Uint8Array)[]): StreamEvent[] => {
  const decoder = sseDecoder()
  return [...chunks.flatMap(chunk => decoder.push(Buffer.from(chunk))), ...decoder.end()]
}

const told = (events: readonly StreamEvent[]): [string, string | undefined][] =>
  events.map(({ event, data }) => [event, data])

const bytesOf = (events: readonly StreamEvent[]): string =>
  Buffer.concat(events.map(({ bytes }) => bytes)).toString('latin1')

test('an event has its name, its data and its own bytes', () => {
  const text = 'event: delta\ndata: {"a":1}\n\ndata: [DONE]\n\n'
  const events = decode(text)
  assert.deepEqual(told(events), [
    ['delta', '{"a":1}'],
    ['', '[DONE]'],
  ])
  assert.equal(Buffer.from(events[1]?.bytes ?? []).toString(), 'data: [DONE]\n\n')
})

test('events inside one chunk are slices of it, not copies', () => {
  const chunk = Buffer.from('data: 1\n\ndata: 2\n\n')
  for (const { bytes } of sseDecoder().push(chunk)) assert.equal(bytes.buffer, chunk.buffer)
})

test('LF, CR and CRLF end lines, also mixed', () => {
  for (const text of [
    'data: a\ndata: b\n\n',
    'data: a\rdata: b\r\r',
    'data: a\r\ndata: b\r\n\r\n',
    'data: a\rdata: b\r\n\n',
  ]) {
    assert.deepEqual(told(decode(text)), [['', 'a\nb']], JSON.stringify(text))
  }
})

test('a block that ends in CR is returned at once; a following LF makes no event of its own', () => {
  const decoder = sseDecoder()
  assert.deepEqual(told(decoder.push(Buffer.from('data: a\r\n\r'))), [['', 'a']])
  const next = decoder.push(Buffer.from('\ndata: b\r\n\r\n'))
  assert.deepEqual(told(next), [['', 'b']])
  assert.equal(bytesOf(next), '\ndata: b\r\n\r\n')
})

test('a CRLF split between chunks inside a block is one line end', () => {
  assert.deepEqual(told(decode('data: a\r', '\ndata: b\r', '\n\r', '\n')), [
    ['', 'a\nb'],
    ['', undefined],
  ])
})

test('only one space after the colon belongs to the grammar', () => {
  assert.deepEqual(
    told(decode('data:a\n\ndata:  b\n\ndata\n\ndata:\n\ndata:\ndata:\n\nevent:e\ndata: \n\n')),
    [
      ['', 'a'],
      ['', ' b'],
      ['', ''],
      ['', ''],
      ['', '\n'],
      ['e', ''],
    ],
  )
})

test('comments, unknown fields and names that only begin like a field carry no data', () => {
  const text = ': ping\n\nid: 7\nretry: 10\n\nevent: e\n\ndatum: x\ndata2: y\n Data: z\ndata : q\n\n'
  const events = decode(text)
  assert.deepEqual(told(events), [
    ['', undefined],
    ['', undefined],
    ['e', undefined],
    ['', undefined],
  ])
  assert.equal(bytesOf(events), text)
})

test('a byte order mark at the start is no part of the first field, one further on is', () => {
  const mark = Buffer.from('\ufeff')
  assert.deepEqual(told(decode(mark.subarray(0, 1), mark.subarray(1), 'data: a\n\n\ufeffdata: b\n\n')), [
    ['', 'a'],
    ['', undefined],
  ])
  assert.deepEqual(told(decode('\ufeffdata: [DONE]')), [['', '[DONE]']])
})

test('characters that other languages count as line ends stay inside the data', () => {
  const data = '{"a":"x\u2028y\u2029z\u0085w\u000bv\u000c"}'
  assert.deepEqual(told(decode(`data: ${data}\n\n`)), [['', data]])
})

test('at the end a rest is an event only when its data is whole, and its bytes are completed', () => {
  const rest = (text: string): [string | undefined, string][] =>
    decode(text).map(({ data, bytes }) => [data, Buffer.from(bytes).toString()])
  assert.deepEqual(rest('data: [DONE]'), [['[DONE]', 'data: [DONE]\n\n']])
  assert.deepEqual(rest('data: [DONE]\n'), [['[DONE]', 'data: [DONE]\n\n']])
  assert.deepEqual(rest('data: [DONE]\r\n'), [['[DONE]', 'data: [DONE]\r\n\n']])
  assert.deepEqual(rest('data: [DONE]\r'), [['[DONE]', 'data: [DONE]\r\n\n']])
  assert.deepEqual(rest('event: e\ndata: {"a":1}'), [['{"a":1}', 'event: e\ndata: {"a":1}\n\n']])
  for (const cut of ['data: {"a":', 'data: [DON', 'data: 12', 'event: e', ': ping', 'data', '\n: x']) {
    assert.deepEqual(
      rest(cut).filter(([data]) => data !== undefined),
      [],
      cut,
    )
  }
  for (const text of ['data: [DONE]', 'data: [DONE]\r', 'data: [DONE]\r\n']) {
    const completed = decode(text).map(({ bytes }) => bytes)
    assert.deepEqual(
      told(decode(...completed, 'data: next\n\n')).map(([, data]) => data),
      ['[DONE]', 'next'],
    )
  }
})

test('an event above the limit is refused, whole or in pieces, and so is everything after it', () => {
  const big = `data: ${'x'.repeat(100)}\n\n`
  const whole = sseDecoder({ maxEventBytes: 64 })
  assert.throws(() => whole.push(Buffer.from(big)), { name: 'StreamFault', reason: 'oversize' })
  assert.throws(() => whole.push(Buffer.from('data: 1\n\n')), StreamFault)
  const pieces = sseDecoder({ maxEventBytes: 64 })
  assert.throws(() => {
    for (const letter of big) pieces.push(Buffer.from(letter))
  }, StreamFault)
  assert.equal(sseDecoder({ maxEventBytes: big.length }).push(Buffer.from(big + big)).length, 2)
})

test('events that are whole before an oversized one are returned before the fault', () => {
  const decoder = sseDecoder({ maxEventBytes: 64 })
  assert.deepEqual(told(decoder.push(Buffer.from(`data: a\n\ndata: ${'x'.repeat(100)}`))), [['', 'a']])
  assert.throws(() => decoder.end(), StreamFault)
})

test('bytes of an event are not written again when the stream goes on', () => {
  const decoder = sseDecoder()
  decoder.push(Buffer.from('data: fir'))
  const [first] = decoder.push(Buffer.from('st\n\ndata: sec'))
  decoder.push(Buffer.from('ond\n\ndata: third'))
  assert.equal(Buffer.from(first?.bytes ?? []).toString(), 'data: first\n\n')
})

test('a big event in many small chunks costs time in proportion to its size', () => {
  const decoder = sseDecoder()
  const piece = Buffer.from('x'.repeat(64))
  decoder.push(Buffer.from('data: '))
  const started = performance.now()
  for (let at = 0; at < 64 * 1024; at++) decoder.push(piece)
  assert.equal(decoder.push(Buffer.from('\n\n'))[0]?.data?.length, 4 * 1024 * 1024)
  // Takes some 50 ms; copying or searching the held bytes again at each chunk would move 128 GB.
  assert(performance.now() - started < 3000)
})

test('what is encoded is decoded', () => {
  assert.equal(encodeEvent({ data: 'x' }), 'data: x\n\n')
  assert.equal(encodeEvent({ event: 'e', data: 'a\nb' }), 'event: e\ndata: a\ndata: b\n\n')
  assert.deepEqual(told(decode(encodeEvent({ event: 'a\r\ndata: b', data: 'x\r\ny\rz' }))), [
    ['a data: b', 'x\ny\nz'],
  ])
})

test('an event with other data keeps its other lines where they stand, whatever ends them', () => {
  const rows: readonly (readonly [block: string, edited: string])[] = [
    ['data: a\n\n', 'data: x\ndata: y\n\n'],
    ['id: 1\r\ndata: a\r\nretry: 9\r\ndata: b\r\n\r\n', 'id: 1\ndata: x\ndata: y\nretry: 9\n\n'],
    [': c\rdata\r:d\rdatum: 1\r\r', ': c\ndata: x\ndata: y\n:d\ndatum: 1\n\n'],
    ['event: e\ndata:a\nid\n\n', 'event: e\ndata: x\ndata: y\nid\n\n'],
  ]
  for (const [block, edited] of rows) {
    const [event] = decode(block)
    assert.ok(event !== undefined)
    assert.equal(withData(event, 'x\ny'), edited)
  }
})

const character = fc.oneof(
  fc.constantFrom(' ', ':', '\u2028', '\u0085', '\ufeff', '\0', '😀'),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 3 }),
)
const line = fc.array(character, { maxLength: 6 }).map(parts =>
  parts
    .join('')
    .replace(/[\r\n]/g, '')
    .toWellFormed(),
)
const noise = fc.constantFrom(
  ': comment',
  ':',
  'id: 1',
  'retry',
  'unknown: data: x',
  ' data: x',
  'dataset: 1',
)

type Written = { text: string; event: string; data: string | undefined }

/** One block in any legal spelling. */
const block: fc.Arbitrary<Written> = fc
  .record({
    newline: fc.constantFrom('\n', '\r\n', '\r'),
    name: fc.option(line),
    data: fc.array(fc.tuple(line, fc.boolean()), { maxLength: 3 }),
    before: fc.array(noise, { maxLength: 2 }),
    after: fc.array(noise, { maxLength: 2 }),
    blanks: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ newline, name, data, before, after, blanks }) => {
    const spelled = data.map(
      ([value, spaced]) => `data:${spaced || value.startsWith(' ') ? ' ' : ''}${value}`,
    )
    const lines = [...before, ...(name === null ? [] : [`event: ${name}`]), ...spelled, ...after]
    const text =
      [...lines, ...Array<string>(lines.length === 0 ? 1 : blanks).fill('')].join(newline) + newline
    return {
      text,
      event: name ?? '',
      data: data.length === 0 ? undefined : data.map(([value]) => value).join('\n'),
    }
  })

const cutAt = (bytes: Buffer, offsets: readonly number[]): Buffer[] => {
  const cuts = [...new Set(offsets.map(offset => offset % (bytes.length + 1)))].sort((a, b) => a - b)
  return [...cuts, bytes.length].map((cut, at) => bytes.subarray(at === 0 ? 0 : cuts[at - 1], cut))
}

test('M-085 property: any events, in any spelling, cut anywhere, come out as they went in, byte for byte', () => {
  const stream = fc.tuple(fc.boolean(), fc.array(block, { maxLength: 6 }))
  fc.assert(
    fc.property(stream, fc.array(fc.nat(), { maxLength: 12 }), ([mark, blocks], offsets) => {
      const bytes = Buffer.from((mark ? '\ufeff' : '') + blocks.map(({ text }) => text).join(''))
      const events = decode(...cutAt(bytes, offsets))
      const expected = blocks.filter(({ data }) => data !== undefined).map(({ event, data }) => [event, data])
      assert.deepEqual(told(events.filter(({ data }) => data !== undefined)), expected)
      // The mark is let go, and with it blank lines that nothing follows; everything else is passed on.
      if (!mark || blocks.some(({ text }) => text.trim() !== ''))
        assert.equal(bytesOf(events), bytes.subarray(mark ? 3 : 0).toString('latin1'))
    }),
    { numRuns: 2000 },
  )
})

test('property: any bytes, cut anywhere, give the events they give uncut', () => {
  const soup = fc.array(fc.constantFrom('data', ':', ' ', '\r', '\n', '\r\n', 'é', 'event', '{}', '\ufeff'), {
    maxLength: 30,
  })
  fc.assert(
    fc.property(soup, fc.array(fc.nat(), { maxLength: 12 }), (parts, offsets) => {
      const bytes = Buffer.from(parts.join(''))
      const withData = (events: StreamEvent[]) => told(events.filter(({ data }) => data !== undefined))
      assert.deepEqual(withData(decode(...cutAt(bytes, offsets))), withData(decode(bytes)))
    }),
    { numRuns: 2000 },
  )
})
