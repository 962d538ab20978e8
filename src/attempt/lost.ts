import type { Call } from '../call.ts'
import { type Failure, VERDICTS } from '../failure.ts'
import type { Plan } from '../plan/plan.ts'

const LOST = 'previous_response_not_found'

/** Somebody else's turn comes as soon as the client sends everything itself. */
export const isOut = (failure: Failure): boolean =>
  VERDICTS[failure.class].fallback === 'generic' &&
  // The owner has judged the request, or is back by itself; the client's own limit says nothing of the owner.
  failure.class !== 'caller_fault' &&
  failure.class !== 'timeout_client' &&
  failure.status !== 429

/** The owner has no place for it: a translation made the answer, and nobody keeps those. */
const isKeptByNobody = (failure: Failure): boolean =>
  failure.class === 'unsupported' && failure.param === 'previous_response_id'

/** Every way to the owner has failed, and others would serve the call if it did not refer to the response. */
const isAway = (call: Call, plan: Plan, failure: Failure): boolean =>
  call.pin?.because === 'previous_response_id' && isOut(failure) && plan.hasStrangers(call.pin.boundary)

/**
 * A stored response that cannot be read now: the client sends its whole input when it is told so in the words that it
 * knows, and whoever is left serves it; nobody else ever sees the id. undefined: the failure is told as it is.
 *
 * Where there is a transcript it takes the place of the id before this is told: see stand-in.ts.
 */
export const lostResponse = (call: Call, plan: Plan, failure: Failure): Failure | undefined => {
  // Of an owner that does not know it any more the client hears in the words of the id that it knows itself.
  const isUnknown = call.pin?.because === 'previous_response_id' && failure.code === LOST
  if (!isUnknown && !isKeptByNobody(failure) && !isAway(call, plan, failure)) return undefined
  const [written = ''] = call.echoes.values()
  return {
    ...failure,
    status: 400,
    exception: 'BadRequestError',
    message: `Previous response with id '${written}' not found.`,
    type: 'invalid_request_error',
    param: 'previous_response_id',
    code: LOST,
    retryAfterMs: undefined,
    detail: undefined,
  }
}
