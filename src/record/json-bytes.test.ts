import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { JsonBytes } from './json-bytes.ts'
import { lineOf, sampleRecord, sampleStep } from './sample.ts'

const textOf = (json: JsonBytes): string => Buffer.from(json.bytes).toString()

test('texts and numbers are written as JSON.stringify writes them', () => {
  const json = new JsonBytes()
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary-ascii' }), fc.string())
  fc.assert(
    fc.property(fc.array(fc.oneof(text, fc.double(), fc.nat(), fc.maxSafeInteger())), values => {
      json.start().open('[')
      for (const value of values) {
        if (typeof value === 'string') json.text(value)
        else json.number(value)
      }
      json.close(']')
      // A zero has no sign in JSON.
      assert.equal(textOf(json), Buffer.from(JSON.stringify(values)).toString())
    }),
    { numRuns: 2000 },
  )
})

test('a number is rounded to the thousandth and written without zeros that say nothing', () => {
  const json = new JsonBytes()
  const written = (value: number): string => textOf(json.start().rounded(value))
  for (const [value, text] of [
    [0, '0'],
    [0.0004, '0'],
    [0.0005, '0.001'],
    [0.12, '0.12'],
    [0.1, '0.1'],
    [9.9996, '10'],
    [12_345.067, '12345.067'],
    [-1.5, '-1.5'],
    [1e300, '1e+300'],
    [Number.NaN, 'null'],
  ] as const)
    assert.equal(written(value), text)
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), value => {
      assert.equal(written(value), JSON.stringify(Math.round(value * 1000) / 1000))
    }),
  )
})

test('keys, elements and what is nested are parted by commas', () => {
  const json = new JsonBytes().start()
  json.open('{').key('a').open('[').close(']').key('b').open('{').key('c').text('d').close('}')
  json.key('e').open('[').number(1).open('{').close('}').json(true).close(']').close('}').newline()
  assert.equal(textOf(json), '{"a":[],"b":{"c":"d"},"e":[1,{},true]}\n')
  assert.equal(textOf(json.start().open('{').close('}')), '{}')
})

test('a long line makes room, and what it took is given back', () => {
  const json = new JsonBytes()
  const long = 'ü'.repeat(100_000)
  assert.equal(textOf(json.start().text(long)), JSON.stringify(long))
  assert.equal(textOf(json.start().text('short')), '"short"')
  assert.ok(json.bytes.buffer.byteLength < 64 * 1024)
})

test('every field of a record and of its steps has its place in the line', () => {
  const step = sampleStep({
    message: 'overloaded',
    firstTokenMs: 1.5,
    usage: {
      inputTokens: 1,
      outputTokens: 2,
      cachedInputTokens: 3,
      cacheWriteTokens: 4,
      reasoningTokens: 5,
      audioSeconds: 6.5,
    },
    estimated: true,
    resumed: 'splice',
    hedge: true,
    compaction: 'native',
    repair: 'without user',
    possiblyBilled: true,
    lost: ['a "quoted" thing'],
  })
  const record = sampleRecord({
    user: 'someone',
    sessionId: 'session',
    firstTokenMs: 12.25,
    skipped: ['small: too small'],
    rehydrated: 'previous_response_id; responses=1',
    fetched: 'requests=1; ms=2',
    error: { class: 'overloaded', message: 'over', status: 529 },
    steps: [step, sampleStep({ status: undefined })],
  })
  const { level, time, kind, steps, ...rest } = JSON.parse(lineOf(record, 'info', 17))
  assert.deepEqual([level, time, kind], ['info', 17, 'request'])
  const rounded = { ...step, ms: 432.123 }
  const { status: _, ...silent } = sampleStep({ ms: 432.123 })
  assert.deepEqual({ ...rest, steps }, { ...record, steps: [rounded, silent] })
})
