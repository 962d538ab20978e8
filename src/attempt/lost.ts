import type { Call } from '../call.ts'
import { type Failure, VERDICTS } from '../failure.ts'
import type { Plan } from '../plan/plan.ts'

/** Somebody else's turn comes as soon as the client sends everything itself. */
const isOut = (failure: Failure): boolean =>
  VERDICTS[failure.class].fallback === 'generic' &&
  // The owner has judged the request, or is back by itself; the client's own limit says nothing of the owner.
  failure.class !== 'caller_fault' &&
  failure.class !== 'timeout_client' &&
  failure.status !== 429

/**
 * Every way to the owner of a stored response has failed, and there are others who would serve the call if it did not
 * refer to it. Their turn comes when the client sends its whole input: it is told so in the words that clients know,
 * and nobody else ever sees the id. undefined: the failure is told as it is.
 *
 * Whoever has the transcript can put it in the place of the id before this is told.
 */
export const lostResponse = (call: Call, plan: Plan, failure: Failure): Failure | undefined => {
  if (call.pin?.because !== 'previous_response_id' || !isOut(failure) || !plan.hasStrangers())
    return undefined
  const [written = ''] = call.echoes.values()
  return {
    ...failure,
    status: 400,
    exception: 'BadRequestError',
    message: `Previous response with id '${written}' not found.`,
    type: 'invalid_request_error',
    param: 'previous_response_id',
    code: 'previous_response_not_found',
    retryAfterMs: undefined,
    detail: undefined,
  }
}
