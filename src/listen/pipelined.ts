import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** Requests that a client sends without waiting for the answers to those before them. */

/** Connections on which the last answer is decided. */
const ending = new WeakSet<Duplex>()
/** Answers that had to wait for their turn, until they are over. */
const queued = new WeakMap<Duplex, Set<ServerResponse>>()

/** The connection ends with this answer: what was sent behind the request is not begun. */
export const endWith = (request: IncomingMessage, response: ServerResponse): void => {
  response.shouldKeepAlive = false
  ending.add(request.socket)
}

/** Nobody could be told of what became of this request: its connection is gone, or ends with an answer before it. */
export const isBehindTheEnd = ({ socket }: IncomingMessage): boolean => !socket.writable || ending.has(socket)

/** Remembers an answer that waits behind others. */
export const queue = (socket: Duplex, response: ServerResponse): void => {
  const answers = queued.get(socket) ?? new Set()
  queued.set(socket, answers.add(response))
  response.once('close', () => answers.delete(response))
}

/** The answers of this connection that are to come after `response`. */
export const queuedBehind = (socket: Duplex, response: ServerResponse): readonly ServerResponse[] =>
  [...(queued.get(socket) ?? [])].filter(one => one !== response)
