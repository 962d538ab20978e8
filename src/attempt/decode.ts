import type { Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib'
import { type Answer, type Sink, TransportFault } from './transport.ts'

const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
}

/**
 * We ask providers for identity; one that compresses all the same is read through the matching decoder, so that
 * everything behind this line sees plain bytes. An encoding nobody knows is a protocol fault.
 */
export const plainAnswer = (answer: Answer): Answer => {
  const encoding = answer.headers['content-encoding']?.trim().toLowerCase()
  if (encoding === undefined || encoding === '' || encoding === 'identity') return answer
  const make = DECODERS[encoding]
  return {
    status: answer.status,
    headers: answer.headers,
    pause: answer.pause.bind(answer),
    resume: answer.resume.bind(answer),
    abort: answer.abort.bind(answer),
    read: sink => {
      if (make !== undefined) return readThrough(answer, make(), sink)
      answer.abort()
      sink.error(new TransportFault('protocol', 'The provider used an unknown content-encoding.', true))
    },
  }
}

const readThrough = (answer: Answer, decoder: Transform, sink: Sink): void => {
  let over = false
  const fail = (error: Error): void => {
    if (over) return
    over = true
    answer.abort()
    decoder.destroy()
    sink.error(error)
  }
  decoder.on('data', (chunk: Buffer) => {
    if (!over) sink.data(chunk)
  })
  decoder.on('end', () => {
    if (over) return
    over = true
    sink.end()
  })
  // A cut or corrupt compressed body is a cut answer, never a short one.
  decoder.on('error', () => fail(new TransportFault('reset', 'The compressed answer broke off.', true)))
  decoder.on('drain', () => answer.resume())
  answer.read({
    data: chunk => {
      if (!over && !decoder.write(chunk)) answer.pause()
    },
    end: () => decoder.end(),
    error: fail,
  })
}
