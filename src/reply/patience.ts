import type { Received } from '../call.ts'
import type { House } from '../house.ts'

/** Who is to take an answer. */
export type Reader = Pick<Received, 'response' | 'config'> & Partial<Pick<Received, 'callId'>>

/**
 * Gives up a client that takes no byte for `client_stall_timeout_seconds` while something waits for it: its answer
 * holds memory here and a connection at the provider. Called when the client begins to lag, so that the others cost
 * nothing. The socket's timer looks whether the kernel took anything since, so it fires after one to two times the
 * limit.
 */
export const limitPatience = ({ response, config, callId }: Reader, house: House): void => {
  const limitMs = config.general.clientStallMs
  if (limitMs === 0 || response.listenerCount('timeout') > 0) return
  response.setTimeout(limitMs, () => {
    // Nothing waits for the client: the silence is somebody else's.
    if (response.writableLength === 0) return
    house.event('warn', 'A client took nothing of its answer; its connection was closed.', {
      callId,
      limitMs,
    })
    response.destroy()
  })
}
