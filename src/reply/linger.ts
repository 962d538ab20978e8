import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../house.ts'

/** The rest of a body of at most this size is read and thrown away, and the connection serves on. */
const SPARE_BYTES = 64 * 1024
/** A sender that does not look up from its writing is cut off after this. */
const LINGER_MS = 30_000

/** A body that nobody will read. */
export type Unread = {
  readonly request: IncomingMessage
  readonly clock: Clock
}

/** Must the connection end with this answer, because too much of the request is still to come? */
export const isTooLong = ({ request }: Unread): boolean => {
  const announced = request.headers['content-length']
  const length = announced === undefined ? Number.POSITIVE_INFINITY : Number(announced)
  return (
    !request.complete &&
    length > SPARE_BYTES &&
    (announced ?? request.headers['transfer-encoding']) !== undefined
  )
}

/**
 * Ends an answer that is written whole to a client that is still sending. A connection closed on bytes that nobody
 * read is reset, and the answer may be lost with it: so the rest is read and thrown away before the close.
 */
export const endAfter = ({ request, clock }: Unread, response: ServerResponse): void => {
  const end = (): void => {
    cancel()
    response.end()
  }
  const cancel = clock.after(LINGER_MS, end)
  request.once('end', end)
  request.once('close', end)
  request.resume()
}
