import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { eventFrame, exceptionFrame } from '../stage/bedrock-answer.ts'
import { invokeDecoder } from './bedrock-invoke.ts'
import { SHAPES } from './index.ts'

const rules = SHAPES.messages.stream

const chunk = (text: string): Uint8Array =>
  eventFrame('chunk', { bytes: Buffer.from(text).toString('base64'), p: 'abc' })

const START =
  '{"type":"message_start","message":{"id":"msg_bdrk_1","usage":{"input_tokens":12345678901234567890}}}'
const DELTA =
  '{"type": "content_block_delta", "index":0,"delta":{"type":"text_delta","text":"caf\\u00e9 \u{1F3AD}"}}'
const STOP =
  '{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":1,"outputTokenCount":2}}'

const joined = (parts: readonly Uint8Array[]): Uint8Array => Buffer.concat(parts)

test('events come out as Anthropic sends them, byte for byte, however the frames are cut', () => {
  const bytes = joined([START, DELTA, STOP].map(chunk))
  const whole = `event: message_start\ndata: ${START}\n\nevent: content_block_delta\ndata: ${DELTA}\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n`
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: bytes.length }), { maxLength: 8 }), cuts => {
      const decoder = invokeDecoder()
      const places = [0, ...[...new Set(cuts)].sort((one, two) => one - two), bytes.length]
      const events = places
        .slice(1)
        .flatMap((end, at) => decoder.push(bytes.subarray(places[at], end)))
        .concat(decoder.end())
      assert.equal(Buffer.concat(events.map(event => event.bytes)).toString(), whole)
      assert.deepEqual(
        events.map(event => rules?.sight(event).kind),
        ['lifecycle', 'content', 'terminal'],
      )
    }),
  )
})

test('words that only name the metrics are the model’s own', () => {
  const said = DELTA.replace('caf', 'amazon-bedrock-invocationMetrics')
  const [event] = invokeDecoder().push(chunk(said))
  assert.equal(event?.data, said)
})

/** The error that the engine sees. */
const errorIn = (bytes: Uint8Array) => {
  const events = invokeDecoder().push(bytes)
  const last = events.at(-1)
  const sight = last === undefined ? undefined : rules?.sight(last)
  assert.equal(sight?.kind, 'error')
  return sight?.kind === 'error' ? sight.error : {}
}

test('an exception is an error with its own meaning, and nothing follows it', () => {
  const rows = [
    ['throttlingException', 'rate_limit_exceeded', 429],
    ['modelStreamErrorException', 'server_error', 424],
    ['serviceUnavailableException', 'server_is_overloaded', 503],
    ['internalServerException', 'server_error', 500],
  ] as const
  for (const [type, code, status] of rows) {
    const error = errorIn(joined([chunk(START), exceptionFrame(type, 'No.'), chunk(DELTA)]))
    assert.deepEqual([error.code, error.status, error.message], [code, status, 'No.'], type)
  }
  const long = errorIn(exceptionFrame('validationException', 'Input is too long for requested model.'))
  assert.equal(long.code, 'context_length_exceeded')
})

test('what cannot be read is an error, never a gap', () => {
  const broken = Uint8Array.from(chunk(DELTA))
  broken[broken.length - 6] = (broken.at(-6) ?? 0) ^ 1
  for (const bytes of [
    broken,
    chunk('no JSON'),
    chunk('[1]'),
    chunk('{"index":0}'),
    chunk('{"amazon-bedrock-invocationMetrics":'),
    eventFrame('chunk', { p: 'abc' }),
  ])
    assert.match(String(errorIn(bytes).message), /^The stream from Bedrock cannot be read: /)
})

test('frames of other kinds are passed over, and an unfinished one says nothing', () => {
  const decoder = invokeDecoder()
  assert.deepEqual(decoder.push(eventFrame('initial-response', {})), [])
  assert.deepEqual(decoder.push(chunk(DELTA).subarray(0, 40)), [])
  assert.deepEqual(decoder.end(), [])
})
