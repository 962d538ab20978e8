import type { Server } from 'node:http'
import { Duplex } from 'node:stream'
import type { Clock } from '../../../src/house.ts'
import { type Heard, heardIn } from '../../support/heard.ts'
import type { ClientRequest } from '../../support/requests.ts'
import { headOf } from '../engine.ts'

/** A client on a connection that exists only in memory; the server at its other end is the real one. */
export class VirtualClient {
  readonly #clock: Clock
  readonly #chunks: Buffer[] = []
  readonly #socket: Duplex
  /** How the server let go of it, in order or not. */
  released: 'ended' | 'broken' | undefined
  leftAt: number | undefined

  constructor(server: Server, clock: Clock) {
    this.#clock = clock
    this.#socket = new Duplex({
      read: () => {},
      write: (chunk: Buffer, _encoding, taken) => {
        if (this.leftAt === undefined) this.#chunks.push(chunk)
        taken()
      },
    })
    this.#socket.on('error', () => {})
    this.#socket.on('finish', () => this.#release('ended'))
    this.#socket.on('close', () => this.#release('broken'))
    server.emit('connection', this.#socket)
  }

  /** Nothing more will come to pass between it and the server. */
  get over(): boolean {
    return this.released !== undefined || this.leftAt !== undefined
  }
  get bytes(): number {
    return this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  }
  get heard(): Heard | undefined {
    return heardIn(Buffer.concat(this.#chunks))
  }

  send(request: ClientRequest): void {
    this.#socket.push(headOf(request))
    if (request.body !== undefined) this.#socket.push(request.body)
  }

  leave(): void {
    if (this.over) return
    this.leftAt = this.#clock.now()
    this.#socket.destroy()
  }

  #release(how: 'ended' | 'broken'): void {
    if (this.over) return
    this.released = how
    // The server has nothing more to say; a client of its own would hang up too.
    queueMicrotask(() => this.#socket.destroy())
  }
}
