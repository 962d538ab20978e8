import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate, zstdDecompress } from 'node:zlib'
import { Refusal } from '../failure.ts'
import { atTurnsEnd } from '../turn.ts'
import { MANY_PIECES, pack } from '../wire/pack.ts'
import type { MemoryBudget } from './memory.ts'

export type Intake = {
  readonly bytes: Uint8Array
  /** Gives the memory back. Called exactly once, when the call is over. */
  readonly release: () => void
}

const EMPTY = new Uint8Array(0)
const NOTHING: Intake = { bytes: EMPTY, release: () => {} }

const tooLarge = (limit: number): Refusal =>
  new Refusal(
    413,
    `The request body is larger than the limit of ${limit} bytes (general_settings.max_request_size_mb).`,
    {
      type: 'invalid_request_error',
      param: 'request_body',
    },
  )

const crowded = (): Refusal =>
  new Refusal(
    503,
    'The gateway holds as many request bodies as its memory budget allows. Try again shortly.',
    {
      type: 'server_overloaded',
      headers: { 'retry-after': '1' },
    },
  )

/** A body in memory, and the part of the budget that it holds. */
class Held implements Intake {
  bytes: Uint8Array = EMPTY
  #taken = 0
  readonly #budget: MemoryBudget
  constructor(budget: MemoryBudget) {
    this.#budget = budget
  }
  take(bytes: number): void {
    if (!this.#budget.take(bytes)) throw crowded()
    this.#taken += bytes
  }
  release(): void {
    this.#budget.give(this.#taken)
    this.#taken = 0
  }
}

/**
 * Reads the whole body into one buffer: the only copy, shared by every attempt.
 * A body of known length is refused or reserved before its first byte is read. Throws Refusal, or rejects with one.
 */
export const receive = (
  request: IncomingMessage,
  maxBytes: number,
  budget: MemoryBudget,
): Intake | Promise<Intake> => {
  const { headers } = request
  const announced = headers['content-length']
  const length = announced === undefined ? undefined : Number(announced)
  if (length === 0 || (length === undefined && headers['transfer-encoding'] === undefined)) return NOTHING
  if (length !== undefined && length > maxBytes) throw tooLarge(maxBytes)
  const held = new Held(budget)
  if (length !== undefined) held.take(length)
  const whole = length === undefined ? undefined : arrived(request, length)
  if (whole !== undefined && headers['content-encoding'] === undefined) {
    held.bytes = whole
    return held
  }
  return gather(request, { held, whole, length, maxBytes })
}

/**
 * What most bodies are: small, and here with their head when their request is taken up. No event is waited for. A client
 * that asked with Expect is told to go on all the same: its connection would end with the answer otherwise.
 */
const arrived = (request: IncomingMessage, length: number): Uint8Array | undefined =>
  request.complete && request.readableLength === length && request.headers.expect === undefined
    ? (request.read(length) ?? undefined)
    : undefined

type Arriving = {
  readonly held: Held
  readonly whole: Uint8Array | undefined
  readonly length: number | undefined
  readonly maxBytes: number
}

const gather = async (
  request: IncomingMessage,
  { held, whole, length, maxBytes }: Arriving,
): Promise<Intake> => {
  try {
    held.bytes =
      whole ??
      (await (length === undefined ? readChunked(request, maxBytes, held) : readKnown(request, length)))
    const encoding = request.headers['content-encoding']
    if (encoding !== undefined) held.bytes = await decoded(held, encoding, maxBytes)
    return held
  } catch (error) {
    held.release()
    throw error
  }
}

/** Why a body broke off: what the door said about it, or that the client left. */
const brokenBy = (error: unknown): Refusal => (error instanceof Refusal ? error : gone())

const gone = (): Refusal =>
  new Refusal(499, 'The client closed the connection before its request was complete.', {
    type: 'client_gone',
  })

/**
 * Gives a piece's memory back now. Left to the collector, the pieces of a body of megabytes are as much garbage again
 * as the body, in memory that is cold when its turn comes.
 */
const discard = (piece: Uint8Array): void => {
  const { buffer } = piece
  // A piece that lies in the memory of others is theirs.
  if (buffer instanceof ArrayBuffer && buffer.byteLength === piece.byteLength) buffer.transfer(0)
}

const readKnown = (request: IncomingMessage, length: number): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    let whole: Buffer | undefined
    let filled = 0
    request.on('data', (chunk: Buffer) => {
      const from = filled
      filled += chunk.length
      // The common small body arrives in one piece and is used as it is.
      if (chunk.length === length) {
        whole = chunk
        return
      }
      whole ??= Buffer.allocUnsafe(length)
      chunk.copy(whole, from)
      discard(chunk)
    })
    request.on('end', () => {
      const bytes = whole
      if (filled === length && bytes !== undefined) atTurnsEnd(() => resolve(bytes))
      else reject(gone())
    })
    // What happens to a request that has come whole is not its body's affair.
    request.on('error', error => {
      if (filled < length) reject(brokenBy(error))
    })
    request.on('close', () => {
      if (filled < length) reject(gone())
    })
  })

const atOnce = (go: () => void): void => go()

const readChunked = (request: IncomingMessage, maxBytes: number, held: Held): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = []
    let packed = 0
    let filled = 0
    let over = false
    // A body that came with its head has been gathered with it.
    const settle = request.complete ? atOnce : atTurnsEnd
    const fail = (error: unknown): void => {
      over = true
      request.pause()
      reject(error)
    }
    request.on('data', (chunk: Buffer) => {
      if (over) return
      filled += chunk.length
      if (filled > maxBytes) return fail(tooLarge(maxBytes))
      try {
        held.take(chunk.length)
      } catch (error) {
        return fail(error)
      }
      chunks.push(chunk)
      if (chunks.length - packed >= MANY_PIECES) packed = pack(chunks, packed)
    })
    request.on('end', () => {
      const whole = Buffer.concat(chunks)
      for (const chunk of chunks) discard(chunk)
      settle(() => resolve(whole))
    })
    request.on('error', error => {
      if (!request.readableEnded) reject(brokenBy(error))
    })
    request.on('close', () => {
      if (!request.readableEnded) reject(gone())
    })
  })

const DECODERS: Readonly<
  Record<string, (bytes: Uint8Array, options: { maxOutputLength: number }) => Promise<Buffer>>
> = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
  zstd: promisify(zstdDecompress),
}

const decoded = async (held: Held, encoding: string, maxBytes: number): Promise<Uint8Array> => {
  const raw = held.bytes
  const name = encoding.trim().toLowerCase()
  if (name === 'identity' || name === '') return raw
  const decode = DECODERS[name]
  if (decode === undefined)
    throw new Refusal(
      415,
      `The request's content-encoding '${name}' is not supported; send gzip, deflate, br, zstd or none.`,
      {
        type: 'invalid_request_error',
        param: 'content-encoding',
      },
    )
  try {
    const plain = await decode(raw, { maxOutputLength: maxBytes })
    held.take(Math.max(0, plain.length - raw.length))
    return plain
  } catch (error) {
    if (error instanceof Refusal) throw error
    if (error instanceof RangeError) throw tooLarge(maxBytes)
    throw new Refusal(400, `The request body does not decode as ${name}.`, {
      type: 'invalid_request_error',
      param: 'request_body',
    })
  }
}
