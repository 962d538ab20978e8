import { connect, type Socket } from 'node:net'
import { type Heard, heardIn } from '../../support/heard.ts'
import type { ClientRequest } from '../../support/requests.ts'
import { headOf } from '../engine.ts'
import { calmNow } from './calm.ts'

/** A client on a real connection that hears everything and may leave. */
export class TcpClient {
  readonly #socket: Socket
  readonly #chunks: Buffer[] = []
  released: 'ended' | 'broken' | undefined
  /** calmNow() of leaving. */
  leftAt: number | undefined
  /** Settles when nothing more comes to pass between it and the server. */
  readonly over: Promise<void>

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1')
    this.#socket.setNoDelay(true)
    this.#socket.on('data', (chunk: Buffer) => void this.#chunks.push(chunk))
    this.#socket.on('end', () => {
      this.released ??= 'ended'
    })
    this.#socket.on('error', () => {
      this.released ??= 'broken'
    })
    this.over = new Promise(resolve => this.#socket.on('close', () => resolve()))
  }

  get heard(): Heard | undefined {
    return heardIn(Buffer.concat(this.#chunks))
  }

  send(request: ClientRequest): void {
    this.#socket.write(headOf(request))
    if (request.body !== undefined) this.#socket.write(request.body)
  }

  leave(): void {
    if (this.released !== undefined || this.leftAt !== undefined) return
    this.leftAt = calmNow()
    this.#socket.destroy()
  }
}
