import type { Call, Rehydrated } from '../call.ts'
import { type Failure, type FailureClass, VERDICTS } from '../failure.ts'
import type { House } from '../house.ts'
import { makePlan, type Plan } from '../plan/plan.ts'
import { isKeptFor, previousOf } from '../plan/transcripts.ts'
import { keptChain } from '../read/chain.ts'
import { rehydrated } from '../read/rehydrate.ts'
import { parcelOf } from './adapt.ts'
import type { Walk } from './attempt.ts'
import { isOut } from './lost.ts'
import type { Failed } from './outcome.ts'

/**
 * What goes on when the owner of a previous_response_id does not: the conversation itself takes the place of the id, and
 * whoever else the plan has is asked.
 */

/** The owner is well and does not have the response: it never kept one, or does not any more. */
const isForgotten = ({ class: failure, code }: Failure): boolean =>
  failure === 'unsupported' || code === 'previous_response_not_found'

/** There may be a transcript, and others who would serve the call with it. */
export const hasStandIns = (call: Call, plan: Plan): boolean =>
  isKeptFor(call.config.router.transcripts, call) &&
  call.pin?.because === 'previous_response_id' &&
  plan.hasStrangers(call.pin.boundary)

/** With this failure of the owner their turn would come. */
export const leadsOn = (failure: FailureClass): boolean =>
  VERDICTS[failure].fallback === 'generic' && failure !== 'caller_fault' && failure !== 'timeout_client'

type StandIn = { readonly call: Call; readonly plan: Plan; readonly rehydrated: Rehydrated }

/** The same call as somebody else can serve it, and its plan; undefined: there is no such call, or nobody. */
const standInFor = async (
  call: Call,
  plan: Plan,
  failure: Failure,
  house: House,
): Promise<StandIn | undefined> => {
  const { pin, config, context } = call
  if (pin?.because !== 'previous_response_id' || config.router.transcripts === undefined) return undefined
  const forgotten = isForgotten(failure)
  const waits = failure.status === 429 && VERDICTS[failure.class].fallback === 'generic'
  if (!forgotten && !((isOut(failure) || waits) && plan.hasStrangers(pin.boundary))) return undefined
  const id = previousOf(call)
  const mostBytes = config.general.maxRequestBytes
  const chain = id === undefined ? undefined : await keptChain(id, context.caller.owner, { mostBytes, house })
  if (chain === undefined) return undefined
  try {
    const free = await rehydrated(call, chain, forgotten ? undefined : pin.boundary, house)
    return free?.rehydrated && { call: free, plan: makePlan(free), rehydrated: free.rehydrated }
  } catch (error) {
    // What cannot be read here, or would be refused, is not the client's fault: it has sent none of it.
    const reason = error instanceof Error ? error.message : 'unknown'
    house.event('warn', 'A conversation cannot be gone on with.', { callId: context.callId, reason })
    return undefined
  }
}

/** A walk that goes on with the conversation in the place of an id, because of how the id's owner failed. */
export type Freed = { readonly walk: Walk; readonly owner: Failed }

/**
 * undefined: the way ends where it has ended. The memory of the new body is taken; whoever ends the call gives it back,
 * as `trail.rehydrated` says.
 */
export const withoutOwner = async (
  { standsIn: _, ...walk }: Walk,
  owner: Failed,
): Promise<Freed | undefined> => {
  const { call, plan, house, trail, allowance } = walk
  if (call.pin === undefined || allowance.spent) return undefined
  const found = await standInFor(call, plan, owner.failure, house)
  if (found === undefined || allowance.spent || call.context.departed.aborted) return undefined
  if (!house.memory.take(found.rehydrated.bytes)) return undefined
  // Who was passed over for the state is asked now.
  trail.skipped.length = 0
  trail.rehydrated = found.rehydrated
  const parcel = parcelOf(found.call)
  return { walk: { ...walk, call: found.call, plan: found.plan, parcel, visited: new Set() }, owner }
}

/** Somebody else has judged what was made here of the call: the client can say it in its own words. */
export const isJudged = ({ class: failure }: Failure): boolean =>
  failure === 'caller_fault' || failure === 'context_window' || failure === 'unsupported'
