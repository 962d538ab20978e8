import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { Owner } from '../support/harness.ts'
import type { Target } from './client.ts'

/**
 * A gateway that does what the bench is there to find: it asks one provider again and again without a pause, and
 * where an answer breaks off it ends its own as if that were all. It exists so that the bench is seen to fail.
 */
export type Manners = {
  /** How often an error is tried again, at once. */
  readonly retries: number
  /** A member that it writes into the client's request. */
  readonly adds?: string
}

const bodyOf = async (incoming: IncomingMessage): Promise<Buffer> => {
  const pieces: Buffer[] = []
  for await (const piece of incoming) pieces.push(piece)
  return Buffer.concat(pieces)
}

const marked = (body: Buffer, { adds }: Manners): Buffer =>
  adds === undefined ? body : Buffer.from(JSON.stringify({ ...JSON.parse(body.toString()), [adds]: {} }))

type Passed = {
  readonly incoming: IncomingMessage
  readonly body: Buffer
  readonly wallUrl: string
  readonly outgoing: ServerResponse
}

const pass = ({ incoming, body, wallUrl, outgoing }: Passed, retries: number): void => {
  const again = (): void => pass({ incoming, body, wallUrl, outgoing }, retries - 1)
  const upstream = request(new URL(incoming.url ?? '', wallUrl), {
    method: 'POST',
    headers: { 'content-type': incoming.headers['content-type'] ?? '', 'content-length': body.length },
  })
  upstream.on('response', answer => {
    const { statusCode = 502 } = answer
    if (statusCode >= 400 && retries > 0) {
      answer.resume()
      return again()
    }
    outgoing.writeHead(statusCode, { 'content-type': answer.headers['content-type'] ?? '' })
    answer.on('data', piece => outgoing.write(piece))
    for (const ending of ['end', 'error']) answer.on(ending, () => outgoing.end())
  })
  upstream.on('error', () => {
    if (outgoing.headersSent) return
    if (retries > 0) return again()
    outgoing.writeHead(502, { 'content-type': 'application/json' })
    outgoing.end('{"error":{"message":"The provider is gone."}}')
  })
  upstream.end(body)
}

export const startCareless = async (owner: Owner, wallUrl: string, manners: Manners): Promise<Target> => {
  const server = createServer((incoming, outgoing) => {
    void bodyOf(incoming).then(body =>
      pass({ incoming, body: marked(body, manners), wallUrl, outgoing }, manners.retries),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  owner.after(async () => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return { url: `http://127.0.0.1:${port}`, key: 'none' }
}
