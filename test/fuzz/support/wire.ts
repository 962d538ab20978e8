import { createServer, type Server, type Socket } from 'node:net'
import type { Owner } from '../../support/harness.ts'
import { openFor } from '../../support/sockets.ts'

/** One request at the provider. What happens to its socket is the test's affair. */
export type WireCall = {
  readonly head: string
  /** As much as had come when the call was handed over. */
  readonly body: string
  readonly socket: Socket
  /** Of all connections, counted from 1. */
  readonly connection: number
  /** Settles when the gateway has closed the connection. */
  readonly closed: Promise<void>
}

export type Act = (call: WireCall) => void

/** A provider of bytes: it reads requests only as far as to know where they end. */
export type Wire = {
  readonly baseUrl: string
  /** From here on every request meets this: when it is whole, or as soon as its head is there and `early` says so. */
  readonly answer: (act: Act, early?: (head: string) => boolean) => void
  /** Requests so far. */
  readonly asked: () => number
  /** Connections that are open. */
  readonly open: () => number
}

const HEAD_END = '\r\n\r\n'

class Line {
  readonly #socket: Socket
  readonly #connection: number
  readonly #take: (call: WireCall) => void
  readonly #early: (head: string) => boolean
  readonly closed: Promise<void>
  #parts: Buffer[] = []
  #size = 0
  /** Bytes of a body that was answered early and is still coming. */
  #skip = 0

  constructor(
    socket: Socket,
    connection: number,
    serve: { readonly take: (call: WireCall) => void; readonly early: (head: string) => boolean },
  ) {
    this.#socket = socket
    this.#connection = connection
    this.#take = serve.take
    this.#early = serve.early
    this.closed = new Promise(resolve => socket.once('close', () => resolve()))
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('data', (bytes: Buffer) => this.#more(bytes))
  }

  #more(bytes: Buffer): void {
    const skipped = Math.min(this.#skip, bytes.length)
    this.#skip -= skipped
    if (skipped === bytes.length) return
    this.#parts.push(bytes.subarray(skipped))
    this.#size += bytes.length - skipped
    this.#look()
  }

  #look(): void {
    const [first] = this.#parts
    if (first === undefined) return
    // Large bodies are joined once, when they are whole.
    const end = (this.#parts.length === 1 ? first : Buffer.concat(this.#parts.slice(0, 8))).indexOf(HEAD_END)
    if (end < 0) return
    const head = Buffer.concat(this.#parts.slice(0, 8)).subarray(0, end).toString('latin1')
    const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0)
    const whole = end + HEAD_END.length + length
    if (this.#size < whole && !this.#early(head)) return
    const all = Buffer.concat(this.#parts)
    const rest = all.subarray(Math.min(whole, all.length))
    this.#skip = Math.max(0, whole - all.length)
    this.#parts = rest.length > 0 ? [rest] : []
    this.#size = rest.length
    const body = all.subarray(end + HEAD_END.length, whole).toString()
    this.#take({ head, body, socket: this.#socket, connection: this.#connection, closed: this.closed })
    this.#look()
  }
}

export const startWire = async (t: Owner): Promise<Wire> => {
  let act: Act = ({ socket }) => socket.destroy()
  let early: (head: string) => boolean = () => false
  let asked = 0
  let connections = 0
  const sockets = new Set<Socket>()
  const server: Server = createServer(socket => {
    connections += 1
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    new Line(socket, connections, {
      early: head => early(head),
      take: call => {
        asked += 1
        act(call)
      },
    })
  })
  const baseUrl = await openFor(t, server, sockets)
  return {
    baseUrl,
    answer: (next, when = () => false) => {
      act = next
      early = when
    },
    asked: () => asked,
    open: () => sockets.size,
  }
}

/** One HTTP chunk. */
export const chunked = (bytes: Uint8Array | string): Buffer => {
  const body = Buffer.from(bytes as string)
  return Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n')])
}

export const LAST_CHUNK = '0\r\n\r\n'

/** A streamed answer. Each piece is an HTTP chunk, so the gateway meets it by itself however the network joins them. */
export const streamOf = (pieces: readonly Uint8Array[], type = 'text/event-stream'): Buffer =>
  Buffer.concat([
    Buffer.from(`HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ntransfer-encoding: chunked\r\n\r\n`),
    ...pieces.filter(piece => piece.length > 0).map(chunked),
    Buffer.from(LAST_CHUNK),
  ])
