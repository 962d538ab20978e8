import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Clock } from '../house.ts'
import type { HeaderList } from './headers.ts'

/** The rest of a body of at most this size is read and thrown away, and the connection serves on. */
const SPARE_BYTES = 64 * 1024
/** A sender that does not look up from its writing is cut off after this. */
const LINGER_MS = 30_000

/** A request whose body nobody will read. */
export type Unread = {
  readonly request: IncomingMessage
  readonly clock: Clock
}

const isComing = ({ complete, headers }: IncomingMessage): boolean =>
  !complete && (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0)

const isLong = ({ headers }: IncomingMessage): boolean =>
  headers['content-length'] === undefined || Number(headers['content-length']) > SPARE_BYTES

export type EarlyAnswer = {
  readonly status: number
  /** Without `connection`. */
  readonly head: HeaderList
  readonly body: Uint8Array
}

/**
 * Answers without having read the request. What is left of it is read and thrown away. The connection ends with the
 * answer when that is too much, or when it is not known whether it comes: a client that asked with Expect may leave
 * its body out, and then its next request would be taken for it.
 */
export const answerEarly = (response: ServerResponse, unread: Unread, answer: EarlyAnswer): void => {
  const { request } = unread
  const coming = isComing(request)
  if (coming && (isLong(request) || request.headers.expect !== undefined)) response.shouldKeepAlive = false
  response.writeHead(answer.status, answer.head)
  if (coming && !response.shouldKeepAlive) endAfter(unread, response, answer.body)
  else response.end(answer.body)
}

/**
 * Says that we are done and reads on, keeping nothing, until the client is, too. A connection that is closed on bytes
 * that nobody read is reset, and the answer may be lost with it (RFC 9112, 9.6).
 */
export const closeGently = (socket: Duplex, clock: Clock): void => {
  const close = (): void => {
    cancel()
    socket.destroy()
  }
  const cancel = clock.after(LINGER_MS, close)
  socket.once('end', close)
  socket.once('close', cancel)
  socket.end()
}

/** Ends an answer whose request is still coming: our side as soon as it is told, the rest when the request is over. */
const endAfter = ({ request, clock }: Unread, response: ServerResponse, body: Uint8Array): void => {
  let told = false
  const end = (): void => {
    // Behind other answers of a pipelining client it still waits for its turn.
    if (told) response.destroy()
    else response.end()
  }
  request.once('end', end)
  request.resume()
  response.write(body, () => {
    told = true
    if (response.socket !== null && !response.writableEnded) closeGently(response.socket, clock)
  })
}
