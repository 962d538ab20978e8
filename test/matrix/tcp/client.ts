import { connect, type Socket } from 'node:net'
import type { ClientRequest } from '../../support/requests.ts'
import { KEY } from '../engine.ts'
import { type Heard, heardIn } from '../heard.ts'
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

  send({ method, path, headers, body }: ClientRequest): void {
    const lines = [
      `${method} ${path} HTTP/1.1`,
      'host: gateway.matrix',
      `authorization: Bearer ${KEY}`,
      'connection: close',
      ...headers.map(([name, value]) => `${name}: ${value}`),
      ...(body === undefined ? [] : [`content-length: ${body.length}`]),
    ]
    this.#socket.write(`${lines.join('\r\n')}\r\n\r\n`)
    if (body !== undefined) this.#socket.write(body)
  }

  leave(): void {
    if (this.released !== undefined || this.leftAt !== undefined) return
    this.leftAt = calmNow()
    this.#socket.destroy()
  }
}
