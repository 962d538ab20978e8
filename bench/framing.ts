/** One whole HTTP/1.1 message, request or response, as the reader saw it. */
export type Message = {
  /** Start line and header lines, without the blank line. */
  readonly head: string
  readonly bodyBytes: number
  /** The body as text, decoded from its framing, when it is at most `keepBytes` long; else undefined. */
  readonly body: string | undefined
}

const BLANK_LINE = Buffer.from('\r\n\r\n')
const NO_BYTES = Buffer.alloc(0)

type State = 'head' | 'length' | 'chunk-size' | 'chunk-data' | 'trailer'

/**
 * Cuts a byte stream into HTTP/1.1 messages. Just enough of the protocol for a benchmark on loopback: content-length
 * and chunked bodies, no upgrades, no bodies that end with the connection.
 */
export class MessageReader {
  readonly #onMessage: (message: Message) => void
  readonly #onFirstByte: () => void
  readonly #keepBytes: number
  #state: State = 'head'
  #held: Buffer = NO_BYTES
  #head = ''
  #left = 0
  #bodyBytes = 0
  #kept: string[] = []

  constructor(onMessage: (message: Message) => void, keepBytes = 0, onFirstByte: () => void = () => {}) {
    this.#onMessage = onMessage
    this.#keepBytes = keepBytes
    this.#onFirstByte = onFirstByte
  }

  push(chunk: Buffer): void {
    let rest = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    this.#held = NO_BYTES
    while (rest.length > 0) {
      const next = this.#step(rest)
      if (next === undefined) {
        this.#held = rest
        return
      }
      rest = next
    }
  }

  /** Takes one piece off the front; undefined: it is not whole yet. */
  #step(bytes: Buffer): Buffer | undefined {
    switch (this.#state) {
      case 'head':
        return this.#readHead(bytes)
      case 'chunk-size':
        return this.#readChunkSize(bytes)
      case 'trailer':
        return this.#readTrailer(bytes)
      default:
        return this.#readBody(bytes)
    }
  }

  #readHead(bytes: Buffer): Buffer | undefined {
    const end = bytes.indexOf(BLANK_LINE)
    if (end < 0) return undefined
    this.#head = bytes.toString('latin1', 0, end)
    const length = /\r\ncontent-length: *(\d+)/i.exec(this.#head)
    if (/\r\ntransfer-encoding: *chunked/i.test(this.#head)) this.#state = 'chunk-size'
    else {
      this.#state = 'length'
      this.#left = Number(length?.[1] ?? 0)
      if (this.#left === 0) this.#finish()
    }
    return bytes.subarray(end + 4)
  }

  #readBody(bytes: Buffer): Buffer {
    if (this.#bodyBytes === 0) this.#onFirstByte()
    const taken = Math.min(this.#left, bytes.length)
    if (this.#bodyBytes + taken <= this.#keepBytes) this.#kept.push(bytes.toString('utf8', 0, taken))
    this.#bodyBytes += taken
    this.#left -= taken
    if (this.#left > 0) return NO_BYTES
    if (this.#state === 'length') this.#finish()
    else this.#state = 'chunk-size'
    return bytes.subarray(taken)
  }

  #readChunkSize(bytes: Buffer): Buffer | undefined {
    // The line end that closes the chunk before counts as the start of this one.
    const start = bytes[0] === 13 ? 2 : 0
    const end = bytes.indexOf('\r\n', start)
    if (end < 0) return undefined
    this.#left = Number.parseInt(bytes.toString('latin1', start, end), 16)
    if (!(this.#left >= 0)) throw new Error(`unreadable chunk size ${bytes.toString('latin1', start, end)}`)
    this.#state = this.#left === 0 ? 'trailer' : 'chunk-data'
    return bytes.subarray(end + 2)
  }

  #readTrailer(bytes: Buffer): Buffer | undefined {
    const end = bytes.indexOf('\r\n')
    if (end < 0) return undefined
    if (end === 0) this.#finish()
    return bytes.subarray(end + 2)
  }

  #finish(): void {
    const whole = this.#bodyBytes <= this.#keepBytes
    const message = {
      head: this.#head,
      bodyBytes: this.#bodyBytes,
      body: whole ? this.#kept.join('') : undefined,
    }
    this.#state = 'head'
    this.#bodyBytes = 0
    this.#kept = []
    this.#onMessage(message)
  }
}
