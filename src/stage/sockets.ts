import type { Socket } from 'node:net'

/** How and when the other side left. `at` is performance.now() milliseconds. */
export type PeerClose = { readonly at: number; readonly how: 'fin' | 'rst' }

/** The head of a request exactly as it came. Names keep their spelling and repetition. */
export type Head = {
  readonly raw: Uint8Array
  readonly method: string
  readonly target: string
  readonly headers: readonly (readonly [name: string, value: string])[]
}

export type BodyResult =
  | { readonly kind: 'whole'; readonly bytes: Uint8Array }
  | { readonly kind: 'cut' | 'malformed' | 'too_large'; readonly bytes: Uint8Array }

const MAX_HEAD = 64 * 1024
const MAX_BODY = 256 * 1024 * 1024
const CRLF = '\r\n'

/** First value of a header, by lower-case name. */
export const headerOf = (head: Head, name: string): string | undefined =>
  head.headers.find(([key]) => key.toLowerCase() === name)?.[1]

/**
 * One accepted connection, read and written by hand so that a stage can break HTTP at any byte.
 * Bytes are always read from the kernel, so a peer that leaves is noticed at once, also while nobody asks.
 */
export class Line {
  readonly id: number
  readonly openedAt: number
  /** Settles when the peer closes first; stays pending when the stage does. */
  readonly peerClose: Promise<PeerClose>
  peerClosed: PeerClose | undefined
  readonly #socket: Socket
  #buffer: Buffer = Buffer.alloc(0)
  #ended = false
  #closing = false
  #discard = false
  #wake: () => void = () => {}

  constructor(socket: Socket, id: number) {
    this.id = id
    this.openedAt = performance.now()
    this.#socket = socket
    const { promise, resolve } = Promise.withResolvers<PeerClose>()
    this.peerClose = promise
    const left = (how: PeerClose['how']) => {
      this.#ended = true
      if (this.peerClosed === undefined && !this.#closing) {
        this.peerClosed = { at: performance.now(), how }
        resolve(this.peerClosed)
      }
      this.#wake()
    }
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => {
      if (this.#discard) return
      this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk])
      this.#wake()
    })
    socket.on('end', () => left('fin'))
    socket.on('error', () => left('rst'))
    socket.on('close', () => left('fin'))
  }

  get open(): boolean {
    return !this.#closing && !this.#ended && !this.#socket.destroyed
  }

  /** Resolves when more bytes are there or the peer left. */
  #more(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wake = resolve
    return promise
  }

  /** The next request head. undefined: the peer left between requests. 'malformed': what came is not HTTP/1.1. */
  async head(): Promise<Head | 'malformed' | undefined> {
    for (;;) {
      const end = this.#buffer.indexOf('\r\n\r\n')
      if (end >= 0) {
        const raw = this.#take(end + 4)
        return parseHead(raw) ?? 'malformed'
      }
      if (this.#buffer.length > MAX_HEAD) return 'malformed'
      if (this.#ended || this.#closing) return this.#buffer.length === 0 ? undefined : 'malformed'
      await this.#more()
    }
  }

  /** The body that `head` announces; what came of it when the peer left half-way. */
  async body(head: Head): Promise<BodyResult> {
    const coding = headerOf(head, 'transfer-encoding')
    const length = headerOf(head, 'content-length')
    if (coding !== undefined && length !== undefined) return { kind: 'malformed', bytes: new Uint8Array() }
    if (headerOf(head, 'expect')?.toLowerCase() === '100-continue')
      await this.write('HTTP/1.1 100 Continue\r\n\r\n')
    if (coding !== undefined) {
      return coding.trim().toLowerCase() === 'chunked'
        ? this.#chunks()
        : { kind: 'malformed', bytes: new Uint8Array() }
    }
    if (length === undefined) return { kind: 'whole', bytes: new Uint8Array() }
    if (!/^\d{1,15}$/.test(length.trim())) return { kind: 'malformed', bytes: new Uint8Array() }
    const wanted = Number(length)
    if (wanted > MAX_BODY) return { kind: 'too_large', bytes: new Uint8Array() }
    const parts = await this.#exactly(wanted)
    return { kind: parts.length === wanted ? 'whole' : 'cut', bytes: parts }
  }

  async #exactly(wanted: number): Promise<Uint8Array> {
    const parts: Buffer[] = []
    let got = 0
    for (;;) {
      const part = this.#take(Math.min(wanted - got, this.#buffer.length))
      got += part.length
      if (part.length > 0) parts.push(part)
      if (got === wanted || this.#ended || this.#closing)
        return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts)
      await this.#more()
    }
  }

  async #textLine(): Promise<string | undefined> {
    for (;;) {
      const end = this.#buffer.indexOf(CRLF)
      if (end >= 0) return this.#take(end + 2).toString('latin1', 0, end)
      if (this.#buffer.length > MAX_HEAD || this.#ended || this.#closing) return undefined
      await this.#more()
    }
  }

  async #chunks(): Promise<BodyResult> {
    const parts: Uint8Array[] = []
    let total = 0
    const done = (kind: BodyResult['kind']): BodyResult => ({ kind, bytes: Buffer.concat(parts) })
    for (;;) {
      const line = await this.#textLine()
      if (line === undefined) return done('cut')
      const size = /^[0-9a-fA-F]{1,8}(;.*)?$/.test(line) ? Number.parseInt(line, 16) : -1
      if (size < 0) return done('malformed')
      if (size === 0) break
      total += size
      if (total > MAX_BODY) return done('too_large')
      const chunk = await this.#exactly(size)
      parts.push(chunk)
      if (chunk.length < size) return done('cut')
      if ((await this.#textLine()) !== '') return done(this.#ended ? 'cut' : 'malformed')
    }
    for (;;) {
      const trailer = await this.#textLine()
      if (trailer === undefined) return done('cut')
      if (trailer === '') return done('whole')
    }
  }

  #take(count: number): Buffer {
    const taken = this.#buffer.subarray(0, count)
    this.#buffer = this.#buffer.subarray(count)
    return taken
  }

  /** Resolves true when the bytes are with the kernel and there is room for more; false once the line is gone. */
  async write(bytes: Uint8Array | string): Promise<boolean> {
    if (!this.open) return false
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const gone = () => resolve(false)
    this.#socket.once('close', gone)
    this.#socket.write(bytes, error => resolve(error === null || error === undefined))
    const went = await promise
    this.#socket.off('close', gone)
    return went && this.open
  }

  /** Waits `ms` milliseconds (forever when undefined) or until the line is gone. */
  async pause(ms: number | undefined): Promise<void> {
    if (!this.open) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = ms === undefined ? undefined : setTimeout(resolve, ms)
    this.#socket.once('close', resolve)
    void this.peerClose.then(() => resolve())
    await promise
    clearTimeout(timer)
    this.#socket.off('close', resolve)
  }

  /** Ends the connection with a TCP reset. */
  reset(): void {
    this.#closing = true
    this.#wake()
    this.#socket.resetAndDestroy()
  }

  /** Ends our side cleanly and throws away what the peer still sends. */
  finish(): void {
    this.#closing = true
    this.#discard = true
    this.#buffer = Buffer.alloc(0)
    this.#wake()
    this.#socket.end()
  }

  destroy(): void {
    this.#closing = true
    this.#wake()
    this.#socket.destroy()
  }
}

const parseHead = (raw: Buffer): Head | undefined => {
  const [first = '', ...lines] = raw.toString('latin1', 0, raw.length - 4).split(CRLF)
  const request = /^([A-Z]+) (\S+) HTTP\/1\.1$/.exec(first)
  if (request === null) return undefined
  const headers: (readonly [string, string])[] = []
  for (const line of lines) {
    const header = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*$/.exec(line)
    if (header === null) return undefined
    headers.push([header[1] ?? '', header[2] ?? ''])
  }
  return { raw: Uint8Array.from(raw), method: request[1] ?? '', target: request[2] ?? '', headers }
}
