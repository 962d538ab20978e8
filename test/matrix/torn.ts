import { eventFrame } from '../../src/stage/bedrock-answer.ts'

/** A frame of an event stream whose checksum is wrong. */
export const tornFrame = (): Uint8Array => {
  const delta = { contentBlockIndex: 0, delta: { text: 'x' } }
  const bytes = Uint8Array.from(eventFrame('contentBlockDelta', delta))
  const last = bytes.length - 1
  bytes[last] = (bytes[last] ?? 0) ^ 1
  return bytes
}
