import { crc32 } from 'node:zlib'
import { EventStreamCodec } from '@smithy/eventstream-codec'
import { fromUtf8, toUtf8 } from '@smithy/util-utf8'

/** One frame of application/vnd.amazon.eventstream; header values are strings, others are left out. */
export type Frame = { readonly headers: Readonly<Record<string, string>>; readonly body: Uint8Array }

/** Total length (4), header length (4), CRC of these eight bytes (4). */
const PRELUDE = 12
/** Prelude and the CRC of the whole frame. */
const SMALLEST = 16
/** A frame's payload is at most 24 MB on the wire; a longer one is a broken length. */
const LARGEST = 32 * 1024 * 1024

const codec = new EventStreamCodec(toUtf8, fromUtf8)

const decode = (bytes: Uint8Array): Frame => {
  const message = codec.decode(bytes)
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(message.headers)) {
    if (value.type === 'string') headers[name] = value.value
  }
  return { headers, body: message.body }
}

/** The length of the frame that begins here. Throws Error when the prelude's checksum is wrong. */
const frameLength = (bytes: Uint8Array): number => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const length = view.getUint32(0)
  // Checked before the length is believed: a flipped bit must not make us wait for bytes that never come.
  if (view.getUint32(8) !== crc32(bytes.subarray(0, 8)))
    throw new Error('a frame has a wrong prelude checksum')
  if (length < SMALLEST || length > LARGEST) throw new Error(`a frame claims ${length} bytes`)
  return length
}

/** The stream cannot be read any further: a checksum or a length is wrong. */
export type BrokenFrame = { readonly broken: string }

export type FrameReader = { readonly push: (chunk: Uint8Array) => readonly (Frame | BrokenFrame)[] }

/**
 * Cuts a byte stream into frames, whatever the splits. A BrokenFrame comes last, after every good frame before it:
 * nobody knows where the next one would begin, so what follows is neither read nor kept.
 */
export const frameReader = (): FrameReader => {
  let buffer = new Uint8Array(0)
  let held = 0
  let over = false
  const append = (chunk: Uint8Array): void => {
    if (buffer.length < held + chunk.length) {
      // Doubling keeps a large frame in small chunks linear.
      const larger = new Uint8Array(Math.max(held + chunk.length, buffer.length * 2))
      larger.set(buffer.subarray(0, held))
      buffer = larger
    }
    buffer.set(chunk, held)
    held += chunk.length
  }
  return {
    push: chunk => {
      if (over) return []
      append(chunk)
      const frames: (Frame | BrokenFrame)[] = []
      let at = 0
      try {
        while (held - at >= PRELUDE) {
          const length = frameLength(buffer.subarray(at, at + PRELUDE))
          if (held - at < length) break
          // A copy: the buffer is written again while the frame may still be held.
          frames.push(decode(buffer.slice(at, at + length)))
          at += length
        }
      } catch (error) {
        frames.push({ broken: error instanceof Error ? error.message : 'a frame cannot be read' })
        over = true
        buffer = new Uint8Array(0)
        return frames
      }
      buffer.copyWithin(0, at, held)
      held -= at
      return frames
    },
  }
}
