import type { Server } from 'node:http'
import { Duplex } from 'node:stream'
import type { Config } from '../../src/config/config.ts'
import { heardIn, type Heard as Wire } from '../support/heard.ts'
import { endpointOf, type Written, writtenBody } from './endpoints.ts'
import { tell, type World } from './facts.ts'
import type { ClientScript } from './scenario.ts'

export const MASTER_KEY = 'sk-simulated-master-key-0123456789'

/** A response as it came over the wire, its body as text. */
export type Heard = Omit<Wire, 'body'> & { readonly body: string }

const textOf = (heard: Wire | undefined): Heard | undefined =>
  heard && { ...heard, body: heard.body.toString() }

/** Few bytes fit into the connection of a slow reader. */
const SLOW_BYTES = 512
const FAST_BYTES = 64 * 1024

/** One client on a connection that exists only in memory; the server at the other end is the real one. */
export class SimClient {
  readonly script: ClientScript
  readonly index: number
  readonly callId: string
  /** Asks whether traffic has come back; made by the simulator, not by the scenario. */
  readonly probe: boolean
  readonly #world: World
  readonly #server: Server
  readonly #chunks: Buffer[] = []
  #socket: Duplex | undefined
  #heard: Heard | undefined
  #got: 'nothing' | 'head' | 'content' = 'nothing'
  arrivedAt: number | undefined
  arrivedStep = 0
  /** The configuration in force when the request came. */
  config: Config | undefined
  /** The response id that was sent as previous_response_id or in the path. */
  priorId: string | undefined
  leftStep: number | undefined
  leftAt: number | undefined
  headStep: number | undefined
  headAt: number | undefined
  contentStep: number | undefined
  /** How the server let go: in order, or not. */
  released: 'ended' | 'broken' | undefined
  releasedAt: number | undefined
  releasedStep: number | undefined
  /** The most bytes that waited for this reader at any time. */
  waited = 0

  constructor(world: World, server: Server, script: ClientScript, more: { readonly probe: boolean }) {
    this.#world = world
    this.#server = server
    this.script = script
    this.probe = more.probe
    this.index = world.clients.length
    this.callId = `call-${this.index}`
  }

  /** Nothing more will come to pass between it and the server. */
  get over(): boolean {
    return this.released !== undefined || this.leftAt !== undefined
  }

  arrive(): void {
    const { clock } = this.#world
    this.arrivedAt = clock.now()
    this.arrivedStep = tell(
      this.#world,
      `client ${this.index} asks ${this.script.endpoint} of ${this.script.model}`,
    )
    this.config = this.#world.config()
    this.priorId = this.#prior()
    const socket = this.#connect()
    this.#socket = socket
    this.#server.emit('connection', socket)
    const written = writtenBody(this.script, this.index, this.priorId)
    socket.push(this.#head(written))
    const leaves = this.script.leaves
    if (written !== undefined && leaves !== undefined && 'on' in leaves && leaves.on === 'upload') {
      socket.push(written.text.slice(0, Math.floor(written.text.length / 2)))
      clock.after(20, () => this.leave())
    } else if (written !== undefined) socket.push(written.text)
    if (leaves !== undefined && 'after' in leaves) clock.after(leaves.after, () => this.leave())
  }

  leave(): void {
    if (this.over) return
    this.leftAt = this.#world.clock.now()
    this.leftStep = tell(this.#world, `client ${this.index} leaves`)
    this.#socket?.destroy()
  }

  /** Bytes that the server has handed over and nobody has read yet. */
  look(): void {
    const waiting = this.#socket?.writableLength ?? 0
    if (waiting > this.waited) this.waited = waiting
  }

  get heard(): Heard | undefined {
    this.#heard ??= textOf(heardIn(Buffer.concat(this.#chunks)))
    return this.#heard
  }
  /** Every byte that came. */
  get bytes(): string {
    return Buffer.concat(this.#chunks).toString('latin1')
  }

  #prior(): string | undefined {
    const { follows } = this.script
    const before = follows === undefined ? undefined : this.#world.clients[follows]
    // Only an answer that is over is followed: the whole of it has been read.
    const found =
      before?.released === undefined ? undefined : /"id":"(resp_[^"]+)"/.exec(before.heard?.body ?? '')?.[1]
    return found ?? (this.script.endpoint === 'read_response' ? 'resp_unknown' : undefined)
  }

  #head(written: Written | undefined): string {
    const { method, path } = endpointOf(this.script)
    const target =
      method === 'GET' ? `${path(this.priorId ?? '')}?trace=client-${this.index}` : path(this.script.model)
    const lines = [
      `${method} ${target} HTTP/1.1`,
      'host: gateway.sim',
      `authorization: Bearer ${MASTER_KEY}`,
      `x-litellm-call-id: ${this.callId}`,
      'connection: close',
      ...Object.entries(this.script.headers ?? {}).map(([name, value]) => `${name}: ${value}`),
      ...(written === undefined
        ? []
        : [`content-type: ${written.contentType}`, `content-length: ${Buffer.byteLength(written.text)}`]),
    ]
    return `${lines.join('\r\n')}\r\n\r\n`
  }

  #connect(): Duplex {
    const { slow } = this.script
    const socket = new Duplex({
      read: () => {},
      writableHighWaterMark: slow === undefined ? FAST_BYTES : SLOW_BYTES,
      write: (chunk: Buffer, _encoding, taken) => {
        if (slow === undefined) {
          this.#take(chunk)
          return taken()
        }
        const cancel = this.#world.clock.after(slow, () => {
          socket.off('close', cancel)
          this.#take(chunk)
          taken()
        })
        socket.once('close', cancel)
      },
    })
    // A socket's own timer is the system's, which does not run here: who reads slowly is waited for.
    Object.assign(socket, { setTimeout: () => socket })
    socket.on('error', () => {})
    socket.on('finish', () => this.#release('ended'))
    socket.on('close', () => this.#release('broken'))
    return socket
  }

  #release(how: 'ended' | 'broken'): void {
    if (this.over) return
    this.released = how
    this.releasedAt = this.#world.clock.now()
    this.releasedStep = tell(this.#world, `client ${this.index} is let go: ${how}`)
    // The server has nothing more to say; a client of its own would hang up too.
    queueMicrotask(() => this.#socket?.destroy())
  }

  #take(chunk: Buffer): void {
    if (this.leftAt !== undefined) return
    this.#chunks.push(chunk)
    this.#heard = undefined
    const before = this.#got
    if (before !== 'content') this.#notice(chunk)
    const { leaves } = this.script
    if (before === this.#got || leaves === undefined || !('on' in leaves)) return
    if (leaves.on === 'head' || (leaves.on === 'content' && this.#got === 'content'))
      this.#world.clock.after(0, () => this.leave())
  }

  #notice(chunk: Buffer): void {
    if (this.#got === 'nothing') {
      this.headStep = tell(
        this.#world,
        `client ${this.index} hears ${chunk.subarray(9, 12).toString('latin1')}`,
      )
      this.headAt = this.#world.clock.now()
      this.#got = 'head'
    }
    const sofar = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks)
    const cut = sofar.indexOf('\r\n\r\n')
    if (cut === -1 || sofar.length <= cut + 4) return
    this.#got = 'content'
    this.contentStep = tell(this.#world, `client ${this.index} hears content`)
  }
}
