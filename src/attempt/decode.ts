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
  if (make !== undefined) return new DecodedAnswer(answer, make())
  return {
    status: answer.status,
    headers: answer.headers,
    pause: answer.pause.bind(answer),
    resume: answer.resume.bind(answer),
    abort: answer.abort.bind(answer),
    read: sink => {
      answer.abort()
      sink.error(new TransportFault('protocol', 'The provider used an unknown content-encoding.', true))
    },
  }
}

/** Back-pressure reaches through the decoder: a few bytes that unfold into millions wait as those few bytes. */
class DecodedAnswer implements Answer {
  readonly status: number
  readonly headers: Answer['headers']
  readonly #answer: Answer
  readonly #decoder: Transform
  #over = false
  #paused = false

  constructor(answer: Answer, decoder: Transform) {
    this.status = answer.status
    this.headers = answer.headers
    this.#answer = answer
    this.#decoder = decoder
  }

  read(sink: Sink): void {
    const decoder = this.#decoder
    const fail = (error: Error): void => {
      if (this.#over) return
      this.abort()
      sink.error(error)
    }
    decoder.on('data', (chunk: Buffer) => {
      if (!this.#over) sink.data(chunk)
    })
    decoder.on('end', () => {
      if (this.#over) return
      this.#over = true
      sink.end()
    })
    // A cut or corrupt compressed body is a cut answer, never a short one.
    decoder.on('error', () => fail(new TransportFault('reset', 'The compressed answer broke off.', true)))
    decoder.on('drain', () => {
      if (!this.#paused) this.#answer.resume()
    })
    // Listening for data sets a stream flowing: a pause from before holds.
    if (this.#paused) decoder.pause()
    this.#answer.read({
      data: chunk => {
        if (!this.#over && !decoder.write(chunk)) this.#answer.pause()
      },
      end: () => decoder.end(),
      error: fail,
    })
  }
  pause(): void {
    this.#paused = true
    this.#decoder.pause()
    this.#answer.pause()
  }
  resume(): void {
    this.#paused = false
    this.#decoder.resume()
    if (!this.#decoder.writableNeedDrain) this.#answer.resume()
  }
  abort(): void {
    this.#over = true
    this.#answer.abort()
    this.#decoder.destroy()
  }
}
