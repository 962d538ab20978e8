import type { StreamDecoder, StreamRules } from '../dialects/shape.ts'

/** Plain bytes through the same gate and relay as events: each chunk is content, and the end is the end. */
export const wholeChunks = (): StreamDecoder => ({
  push: chunk => (chunk.length === 0 ? [] : [{ bytes: chunk, event: '', data: '' }]),
  end: () => [],
})

export const BYTES: StreamRules = {
  sight: () => ({ kind: 'content' }),
  // Bytes have no error frame: a broken answer is cut at the client too, so that it cannot pass for a whole one.
  errorFrame: () => '',
  endsWithoutTerminal: true,
  endIsEnd: true,
}

/** A file may be empty; speech that says nothing is a failure that looks like an answer. */
export const SOUND: StreamRules = { ...BYTES, neverEmpty: true, speaksSoon: true }
