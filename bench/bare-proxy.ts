/**
 * The least that a gateway on Node can do: node:http in, undici dispatch out, the body untouched, nothing looked at.
 * It is the floor that the gateway's own work is measured against.
 * usage: node bench/bare-proxy.ts <port> <upstream origin>
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Pool } from 'undici'

const [port, origin = ''] = process.argv.slice(2)
const pool = new Pool(origin, { connections: 256 })
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'host', 'content-length'])

const kept = (headers: IncomingMessage['headers']): Record<string, string | string[]> => {
  const passed: Record<string, string | string[]> = {}
  for (const name in headers) {
    const value = headers[name]
    if (value !== undefined && !HOP_BY_HOP.has(name)) passed[name] = value
  }
  return passed
}

const forward = (request: IncomingMessage, response: ServerResponse, body: Buffer): void => {
  const fail = (): void => {
    if (!response.headersSent) response.writeHead(502)
    response.end()
  }
  pool.dispatch(
    { method: 'POST', path: request.url ?? '/', headers: kept(request.headers), body },
    {
      onRequestStart(controller) {
        response.on('close', () => {
          if (!response.writableFinished) controller.abort(new Error('the client left'))
        })
      },
      onResponseStart(_controller, status, headers) {
        const length = headers['content-length']
        response.writeHead(
          status,
          length === undefined ? kept(headers) : { ...kept(headers), 'content-length': length },
        )
      },
      onResponseData(controller, chunk) {
        if (!response.write(chunk)) {
          controller.pause()
          response.once('drain', () => controller.resume())
        }
      },
      onResponseEnd() {
        response.end()
      },
      onResponseError: fail,
    },
  )
}

createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => forward(request, response, Buffer.concat(chunks)))
}).listen(Number(port), '127.0.0.1')
