import type { Received } from '../call.ts'
import { Refusal } from '../failure.ts'
import type { House } from '../house.ts'
import { refuse } from './refuse.ts'
import type { Finish } from './reply.ts'
import { toldOn, withCallId } from './told.ts'

const INTERNAL = new Refusal(500, 'Internal server error', { type: 'internal_server_error', code: '500' })

/** Whatever was thrown, answered in the caller's dialect. A bug is logged whole and told as nothing. */
export const answerRefusal = (received: Received, error: unknown, house: House): Finish => {
  const refusal = error instanceof Refusal ? error : INTERNAL
  if (!(error instanceof Refusal))
    house.event('error', 'A request failed inside the gateway.', { callId: received.callId, error })
  const left = refusal.status === 499 || received.response.destroyed
  const { callId, config } = received
  const { status, message, type, param, code } = refusal
  const object = withCallId({ message, type, param, code }, callId, config.general.includeCallIdInErrorBody)
  const told = toldOn(received.route.shape, object, { status, failure: undefined, callId })
  const responseBytes = left
    ? 0
    : refuse(received.response, {
        told,
        headers: refusal.headers,
        callId,
        trail: undefined,
        // Who was too slow to send the rest is not waited for.
        ...(refusal.status === 408 ? {} : { unread: { request: received.request, clock: house.clock } }),
      })
  return {
    end: left ? 'client_left' : refusal.status === 500 ? 'error' : 'refused',
    status: left ? 499 : told.status,
    responseBytes,
    usage: undefined,
    costUsd: undefined,
    failure: undefined,
    refusal,
    firstTokenMs: undefined,
  }
}
