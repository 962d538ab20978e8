import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Owner } from './harness.ts'

/** One request at a puppet. The answer is what the test writes, when it writes it. */
export class PuppetCall {
  readonly request: IncomingMessage
  readonly body: Buffer
  /** Settles when the peer closes the connection before the answer is over. */
  readonly left: Promise<void>
  /** Settles when the whole answer is with the kernel. */
  readonly taken: Promise<void>
  readonly #response: ServerResponse

  constructor(request: IncomingMessage, body: Buffer, response: ServerResponse) {
    this.request = request
    this.body = body
    this.#response = response
    this.taken = new Promise(resolve => response.on('finish', resolve))
    this.left = new Promise(resolve => {
      response.on('close', () => {
        if (!response.writableFinished) resolve()
      })
    })
  }

  head(headers: Readonly<Record<string, string>>, status = 200): void {
    this.#response.writeHead(status, headers).flushHeaders()
  }

  events(): void {
    this.head({ 'content-type': 'text/event-stream' })
  }

  /** Resolves when the kernel has it. */
  write(bytes: string | Uint8Array): Promise<void> {
    return new Promise(resolve => this.#response.write(bytes, () => resolve()))
  }

  end(bytes: string | Uint8Array = ''): void {
    this.#response.end(bytes)
  }

  reset(): void {
    this.#response.socket?.resetAndDestroy()
  }
}

export type Puppet = {
  readonly baseUrl: string
  /** The next request, its body read. */
  readonly next: () => Promise<PuppetCall>
  /** Requests that came so far. */
  readonly count: () => number
}

/** A provider on strings: where a stage plays a script, this one does what the test says, byte for byte. */
export const startPuppet = async (t: Owner): Promise<Puppet> => {
  const waiting: ((call: PuppetCall) => void)[] = []
  const here: PuppetCall[] = []
  let count = 0
  const server = createServer({ noDelay: true }, async (request, response) => {
    count += 1
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part)
    const call = new PuppetCall(request, Buffer.concat(parts), response)
    const taker = waiting.shift()
    if (taker === undefined) here.push(call)
    else taker(call)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(async () => {
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const next = (): Promise<PuppetCall> => {
    const call = here.shift()
    return call === undefined ? new Promise(resolve => waiting.push(resolve)) : Promise.resolve(call)
  }
  return { baseUrl: `http://127.0.0.1:${port}/v1`, next, count: () => count }
}
