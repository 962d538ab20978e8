import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { Refusal } from '../failure.ts'
import type { Clock } from '../house.ts'
import { closeGently } from '../reply/linger.ts'
import { atTurnsEnd } from '../turn.ts'
import { complaintAbout, rawAnswer, wrongMethod } from './answers.ts'
import { queuedBehind } from './pipelined.ts'

/** A socket knows whose answer is on it. Node's own handler of such errors looks here, too. */
type Busy = Duplex & { readonly _httpMessage?: (ServerResponse & { readonly req: IncomingMessage }) | null }

/** Node's word for a request that did not arrive in time. */
const LATE = 'ERR_HTTP_REQUEST_TIMEOUT'

/** What is wrong, thrown where the body is read. */
const refusalOf = (code: string | undefined): Refusal => {
  const { status, body } = complaintAbout(code)
  const { error } = JSON.parse(body) as { error: { message: string; type: string } }
  return new Refusal(status, error.message, { type: error.type })
}

const tell = (socket: Duplex, clock: Clock, code: string | undefined): void => {
  socket.write(rawAnswer(complaintAbout(code)))
  closeGently(socket, clock)
}

/**
 * Bytes that are no request, or a request that does not come. A request that came whole before them gets its answer;
 * one whose body they break off is refused as usual; otherwise they are answered here. Then the connection ends.
 */
const onClientError = (error: NodeJS.ErrnoException, socket: Busy, clock: Clock): void => {
  const { code } = error
  const response = socket._httpMessage ?? undefined
  // Said already, and only read on so that it arrives.
  if (socket.writableEnded && code?.startsWith('HPE_') === true && code !== 'HPE_INVALID_EOF_STATE') return
  if (!socket.writable) return void socket.destroy()
  if (code === 'HPE_INVALID_EOF_STATE') {
    // The client is done with sending, in the middle: it may be there to read why, but nothing is begun for it.
    // A call before it that is still unanswered would take this for its answer.
    const free = response === undefined || (!response.headersSent && !response.req.complete)
    if (free) socket.write(rawAnswer(complaintAbout(code)))
    return void socket.end(() => socket.destroy())
  }
  if (response === undefined) return tell(socket, clock, code)
  const { req: request } = response
  response.shouldKeepAlive = false
  if (response.headersSent) response.once('finish', () => closeGently(socket, clock))
  else if (!request.complete && request.listenerCount('error') > 0) request.emit('error', refusalOf(code))
}

/**
 * Nobody makes tunnels here. Node has let go of the socket, so whatever is still unanswered on it can neither be told in
 * order nor hear that its client leaves: it ends now.
 */
const onTunnel = (socket: Busy, clock: Clock): void => {
  const response = socket._httpMessage ?? undefined
  const behind = response === undefined ? [] : queuedBehind(socket, response)
  if (behind.length === 0 && response?.writableEnded !== false) {
    socket.write(rawAnswer(wrongMethod([])))
    return closeGently(socket, clock)
  }
  socket.destroy()
  for (const one of behind) one.destroy()
}

/** Node's own answers to what is no request say nothing in the API's dialect, and are reset when the client goes on. */
export const answerMalformed = (server: Server, clock: Clock): void => {
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const judge = (): void => onClientError(error, socket, clock)
    // Whoever is late is late now: nobody looks at the time of a request again that comes in the same turn after all.
    if (error.code === LATE) judge()
    // The requests before these bytes are taken up first.
    else atTurnsEnd(judge)
  })
  server.on('connect', (_request, socket) => {
    // Nobody else would read it or hear of its errors.
    socket.on('error', () => socket.destroy())
    socket.resume()
    atTurnsEnd(() => onTunnel(socket, clock))
  })
}
