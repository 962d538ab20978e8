import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createSecureServer } from 'node:tls'
import type { Plan } from '../scene.ts'
import type { Script } from '../script.ts'
import type { Asked, Phase } from '../seen.ts'
import {
  EARLY_HINTS,
  framed,
  GARBAGE,
  headBytes,
  type Incoming,
  incoming,
  LAST_CHUNK,
  NONSENSE,
} from './bytes.ts'
import { calmNow } from './calm.ts'
import type { Certificate } from './certificate.ts'

/** Between one thing and the next, so that each arrives by itself. */
const STEP_MS = 2
/** Before a reset, which may overtake what was sent before it. */
const CALM_MS = 20

const CAPITAL_A = 0x41
const CAPITAL_Z = 0x5a
/** What a server says to somebody who does not speak HTTP, for one who speaks TLS to it. */
const BAD_REQUEST = 'HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n'

/** What the wall plays for one call, and what it saw of it. */
export type Show = {
  readonly scriptFor: Plan['scriptFor']
  readonly asked: Asked[]
  readonly leaves: Plan['leaves']
  /** Attempts that cannot come this far. */
  readonly earlier: number
  /** The client goes now; this moment lasts until its connection is closed. */
  readonly reached: () => void
  /** What was put behind the body. */
  readonly padding: Buffer
  readonly complaints: string[]
}

const unpadded = (body: Buffer, padding: Buffer): Buffer =>
  padding.length > 0 && body.subarray(-padding.length).equals(padding)
    ? body.subarray(0, -padding.length)
    : body

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

const portOf = (server: Server): number => {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** Opens it on any free port of this machine. */
export const listening = async (server: Server): Promise<number> => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return portOf(server)
}

/** One request on one connection. */
class Exchange {
  readonly #socket: Socket
  readonly #show: Show
  readonly #incoming: Incoming
  readonly #place: number
  readonly #asked: Asked
  readonly #reader: Reader

  constructor(socket: Socket, show: Show, of: { readonly incoming: Incoming; readonly reader: Reader }) {
    this.#socket = socket
    this.#show = show
    this.#incoming = of.incoming
    this.#reader = of.reader
    this.#place = show.earlier + show.asked.length
    this.#asked = { id: of.incoming.id, at: calmNow(), request: undefined, over: undefined, overAt: 0 }
    show.asked.push(this.#asked)
    socket.once('close', () => this.#over('aborted'))
    socket.once('end', () => this.#over('aborted'))
  }

  /** True: the connection is good for another one. */
  async play(): Promise<boolean> {
    const script = this.#show.scriptFor({
      id: this.#incoming.id,
      place: this.#place,
      body: Buffer.alloc(0),
      ms: 0,
    })
    if (await this.#moment('sending')) return false
    if (script.wire === 'early-answer') return this.#answerEarly(script)
    const body = await this.#reader.body(this.#incoming.length)
    this.#asked.request = { ...this.#incoming.request, body: unpadded(body, this.#show.padding) }
    if (await this.#moment('waiting')) return false
    return (await this.#answer(script)) ? this.#end(script) : false
  }

  #over(how: NonNullable<Asked['over']>): void {
    if (this.#asked.over !== undefined) return
    this.#asked.over = how
    this.#asked.overAt = calmNow()
  }
  #write(bytes: Uint8Array | string): void {
    if (!this.#socket.destroyed && this.#asked.over === undefined) this.#socket.write(bytes)
  }
  /** True: it was the client's last one. */
  async #moment(phase: Phase): Promise<boolean> {
    const { leaves } = this.#show
    if (leaves?.attempt !== this.#place || leaves.phase !== phase) return false
    this.#show.reached()
    await pause(CALM_MS)
    // Only who reads notices that somebody goes.
    this.#reader.discard()
    if (!this.#socket.destroyed) await once(this.#socket, 'close')
    return true
  }
  /** False: the client left in the middle of it. */
  async #answer(script: Script): Promise<boolean> {
    const { head, parts } = script
    await pause(STEP_MS)
    if (head === 'nonsense') this.#write(NONSENSE)
    if (typeof head !== 'object') return true
    if (script.wire === 'early-hints') this.#write(EARLY_HINTS)
    this.#write(headBytes(head))
    if (await this.#moment('head')) return false
    for (const { bytes, content } of parts) {
      await pause(STEP_MS)
      this.#write(framed(bytes, script))
      if (content && (await this.#moment('middle'))) return false
    }
    return true
  }
  async #end({ ending, head, wire }: Script): Promise<boolean> {
    if (ending === 'reset') {
      await pause(CALM_MS)
      this.#over('broke')
      this.#socket.resetAndDestroy()
      return false
    }
    if (ending === 'fin') {
      await pause(STEP_MS)
      this.#over('broke')
      this.#socket.end()
      return false
    }
    if (ending === 'silence') return false
    if (typeof head === 'object' && head.length === undefined) this.#write(LAST_CHUNK)
    if (wire === 'garbage-after') this.#write(GARBAGE)
    this.#over('ended')
    return true
  }
  /** The rest of the request is still on its way, and nobody reads it. */
  async #answerEarly(script: Script): Promise<false> {
    await pause(CALM_MS)
    if (this.#socket.bytesRead >= this.#incoming.length)
      this.#show.complaints.push('the request had come whole')
    if (!(await this.#answer(script))) return false
    this.#over('broke')
    this.#socket.end()
    return false
  }
}

/** Providers on real sockets that do what the show says. */
export class Wall {
  readonly #plain: Server
  readonly #secure: Server
  readonly #sockets = new Set<Socket>()
  #show: Show | undefined
  port = 0
  securePort = 0
  /** Nobody listens there. */
  closedPort = 0

  constructor(certificate: Certificate) {
    this.#plain = createServer(socket => this.#receive(socket))
    this.#secure = createSecureServer(certificate)
    this.#secure.on('tlsClientError', () => {})
    this.#secure.on('connection', (socket: Socket) => this.#keep(socket))
  }

  async open(): Promise<void> {
    this.port = await listening(this.#plain)
    this.securePort = await listening(this.#secure)
    const gone = createServer()
    this.closedPort = await listening(gone)
    gone.close()
    await once(gone, 'close')
  }
  begin(show: Show): void {
    this.#show = show
  }
  /** Whoever comes now comes too late. */
  end(): void {
    this.#show = undefined
    for (const socket of this.#sockets) socket.destroy()
  }
  async close(): Promise<void> {
    this.end()
    const closed = [this.#plain, this.#secure].map(server => once(server, 'close'))
    this.#plain.close()
    this.#secure.close()
    await Promise.all(closed)
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => this.#sockets.delete(socket))
  }
  #receive(socket: Socket): void {
    this.#keep(socket)
    socket.setNoDelay(true)
    const reader = new Reader(socket)
    void this.#serve(socket, reader)
  }
  async #serve(socket: Socket, reader: Reader): Promise<void> {
    for (;;) {
      const found = await reader.head()
      const show = this.#show
      if (found === undefined || show === undefined) return void socket.destroy()
      if (found === 'nonsense') return void socket.end(BAD_REQUEST)
      // Nothing more is read until somebody asks for the body.
      socket.pause()
      const exchange = new Exchange(socket, show, { incoming: found, reader })
      if (!(await exchange.play())) return reader.discard()
      socket.resume()
    }
  }
}

/** What has come on one connection and was not taken yet. */
class Reader {
  readonly #socket: Socket
  #chunks: Buffer[] = []
  #size = 0
  #wake: () => void = () => {}
  #discards = false

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => {
      if (this.#discards) return
      this.#chunks.push(chunk)
      this.#size += chunk.length
      this.#wake()
    })
    socket.on('end', () => this.#wake())
    socket.on('close', () => this.#wake())
  }

  /** Undefined: the peer has gone. */
  async head(): Promise<Incoming | 'nonsense' | undefined> {
    for (;;) {
      const first = this.#chunks[0]?.[0]
      if (first !== undefined && (first < CAPITAL_A || first > CAPITAL_Z)) return 'nonsense'
      const found = incoming(Buffer.concat(this.#chunks))
      if (found !== undefined) {
        this.#take(found.size)
        return found
      }
      if (this.#gone) return undefined
      await this.#more()
    }
  }
  async body(length: number): Promise<Buffer> {
    this.#socket.resume()
    while (this.#size < length && !this.#gone) await this.#more()
    return this.#take(length)
  }
  /** Reads on, so that the peer is not disturbed, and keeps nothing. */
  discard(): void {
    this.#discards = true
    this.#take(this.#size)
    this.#socket.resume()
  }

  #take(length: number): Buffer {
    const all = Buffer.concat(this.#chunks)
    const rest = all.subarray(length)
    this.#chunks = rest.length === 0 ? [] : [rest]
    this.#size = rest.length
    return all.subarray(0, length)
  }

  get #gone(): boolean {
    return this.#socket.destroyed || this.#socket.readableEnded
  }
  #more(): Promise<void> {
    return new Promise(resolve => {
      this.#wake = resolve
    })
  }
}
