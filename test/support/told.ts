import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { JsonObject } from '../../src/wire/json.ts'
import type { Owner } from './harness.ts'
import { openFor } from './sockets.ts'

/** One answer as its provider tells it, whole and streamed. */
export type Turn = { readonly whole: JsonObject; readonly stream: string }

/** A provider that says what it is told to, in whatever dialect it is asked. Resolves with its origin. */
export const telling = async (
  owner: Owner,
  turnFor: (asked: JsonObject, path: string) => Turn,
): Promise<string> => {
  const tell = async (request: IncomingMessage, answer: ServerResponse): Promise<void> => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part)
    const asked = JSON.parse(Buffer.concat(parts).toString()) as JsonObject
    const path = (request.url ?? '').split('?')[0] ?? ''
    const { whole, stream } = turnFor(asked, path)
    const streams = asked.stream === true || path.includes('streamGenerate')
    answer.setHeader('content-type', streams ? 'text/event-stream' : 'application/json')
    answer.end(streams ? stream : JSON.stringify(whole))
  }
  const sockets = new Set<Socket>()
  const server = createServer((request, answer) => void tell(request, answer))
  server.on('connection', socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  return new URL(await openFor(owner, server, sockets)).origin
}
