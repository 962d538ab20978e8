import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { chatStreamDecoder, RICH } from '../../src/dialects/bedrock-converse.fixture.ts'
import { type BrokenFrame, type Frame, frameReader } from '../../src/dialects/bedrock-converse-frames.ts'
import { answerFrames, eventFrame } from '../../src/stage/bedrock-answer.ts'
import { heldBy } from './support/memory.ts'
import { diceOf, runs, SEED, times } from './support/seed.ts'
import { cut, mutate } from './support/spelling.ts'

const FRAMES = answerFrames(RICH).map(frame => Buffer.from(frame.bytes))
const WHOLE = Buffer.concat(FRAMES)

const framesIn = (pieces: readonly Uint8Array[]): readonly (Frame | BrokenFrame)[] => {
  const reader = frameReader()
  return pieces.flatMap(piece => reader.push(piece))
}

const dataIn = (pieces: readonly Uint8Array[]): readonly string[] => {
  const decoder = chatStreamDecoder()
  return [...pieces.flatMap(piece => decoder.push(piece)), ...decoder.end()].map(event => event.data ?? '')
}

test('frames do not depend on where the stream was cut: every byte, and byte by byte', () => {
  const expected = framesIn([WHOLE])
  assert.equal(expected.length, FRAMES.length)
  const golden = dataIn([WHOLE])
  for (let at = 0; at <= WHOLE.length; at++) {
    const pieces = [WHOLE.subarray(0, at), WHOLE.subarray(at)]
    assert.deepEqual(framesIn(pieces), expected, `cut at ${at}`)
    assert.deepEqual(dataIn(pieces), golden, `cut at ${at}`)
  }
  assert.deepEqual(dataIn([...WHOLE].map(byte => Uint8Array.of(byte))), golden)
})

test('property: any payloads in frames come out as they went in, cut anywhere', () => {
  const payload = fc.tuple(fc.constantFrom('messageStart', 'contentBlockDelta', 'unheardOf'), fc.jsonValue())
  fc.assert(
    fc.property(
      fc.array(payload, { maxLength: 8 }),
      fc.array(fc.nat(), { maxLength: 12 }),
      (parts, offsets) => {
        const bytes = Buffer.concat(parts.map(([type, value]) => eventFrame(type, { value } as never)))
        const got = framesIn(cut(bytes, offsets))
        assert.deepEqual(
          got.map(
            frame => 'headers' in frame && [frame.headers[':event-type'], Buffer.from(frame.body).toString()],
          ),
          parts.map(([type, value]) => [type, JSON.stringify({ value })]),
        )
      },
    ),
    runs(300),
  )
})

/** How many frames of the proper stream stand whole at the start of `bytes`. */
const soundFrames = (bytes: Buffer): number => {
  let at = 0
  let count = 0
  for (const frame of FRAMES) {
    if (!frame.equals(bytes.subarray(at, at + frame.length))) return count
    at += frame.length
    count += 1
  }
  return count
}

const isError = (data: string | undefined): boolean => data?.startsWith('{"error"') === true

test('mutated frames: what was whole before the accident, then an error or nothing; never a false end', () => {
  const golden = dataIn([WHOLE])
  const roll = diceOf(SEED)
  for (let turn = 0; turn < times(1500); turn++) {
    const bytes = mutate(WHOLE, 1 + roll(4), roll)
    const pieces = cut(
      bytes,
      Array.from({ length: roll(6) }, () => roll(bytes.length + 1)),
    )
    const told = dataIn(pieces)
    const why = `FUZZ_SEED=${SEED}, turn ${turn}`
    assert.deepEqual(told, dataIn([bytes]), why)
    const last = told.at(-1)
    const said = isError(last) ? told.slice(0, -1) : told
    // Frames carry checksums: an accident inside one is noticed, and only whole frames may be missing or doubled.
    for (const data of said) assert.ok(golden.includes(data), `${why}: ${data}`)
    if (soundFrames(bytes) === FRAMES.length) continue
    if (last === '[DONE]')
      assert.ok(
        said.some(data => data.includes('"finish_reason":"tool_calls"')),
        why,
      )
    const broken = framesIn(pieces).filter(frame => 'broken' in frame)
    assert.ok(broken.length <= 1, `${why}: one complaint is enough`)
  }
})

/** The first twelve bytes of a frame that claims this length; its checksum is right. */
const preludeOf = (length: number): Buffer => {
  const prelude = Buffer.alloc(12)
  prelude.writeUInt32BE(length, 0)
  prelude.writeUInt32BE(crc32(prelude.subarray(0, 8)), 8)
  return prelude
}

test('a length is not believed before it is possible, and a broken stream holds nothing', () => {
  for (const length of [0, 1, 15, 32 * 1024 * 1024 + 1, 0x7fffffff, 0xffffffff]) {
    const [frame] = framesIn([preludeOf(length)])
    assert.ok(frame !== undefined && 'broken' in frame, `${length} bytes`)
  }
  const reader = frameReader()
  const chunk = Buffer.alloc(1024 * 1024)
  const held = heldBy(() => {
    assert.equal(reader.push(preludeOf(0xffffffff)).length, 1)
    for (let pushed = 0; pushed < 64; pushed++) assert.deepEqual(reader.push(chunk), [])
    return reader
  })
  assert.ok(held < 1024 * 1024, `${held} bytes are held`)
})
