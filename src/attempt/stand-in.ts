import type { Call, Rehydrated } from '../call.ts'
import { type Failure, type FailureClass, VERDICTS } from '../failure.ts'
import type { House } from '../house.ts'
import { makePlan, type Plan } from '../plan/plan.ts'
import { conversationOf, isKeptFor, previousOf, storedBy } from '../plan/transcripts.ts'
import type { Pin } from '../plan/wish.ts'
import { type Chain, keptChain } from '../read/chain.ts'
import { rehydrated } from '../read/rehydrate.ts'
import { parcelOf } from './adapt.ts'
import type { Walk } from './attempt.ts'
import { isOut } from './lost.ts'
import type { Failed } from './outcome.ts'
import { type OwnerReads, readerOf } from './owner-reads.ts'

/**
 * What goes on when the owner of a previous_response_id or a conversation does not: the conversation itself takes the
 * place of the id, and whoever else the plan has is asked.
 */

/** The owner is well and does not have the response: it never kept one, or does not any more. */
const isForgotten = ({ class: failure, code }: Failure): boolean =>
  failure === 'unsupported' || code === 'previous_response_not_found'

/** With this failure of the owner the turn of others would come. */
export type StandsIn = (failure: FailureClass) => boolean

const leadsOn: StandsIn = failure =>
  VERDICTS[failure].fallback === 'generic' && failure !== 'caller_fault' && failure !== 'timeout_client'

/** Its provider has asked for a pause. */
const isLimited = ({ deploymentId }: Pin, { config }: Call, { board, clock }: Desk): boolean => {
  const owner = config.byId.get(deploymentId)
  if (owner === undefined) return false
  const bound = board.domainNotBefore(owner.domain) ?? Number.NEGATIVE_INFINITY
  return bound > clock.now() || board.cooling(owner.id)?.status === 429
}

type Desk = Pick<House, 'board' | 'clock' | 'mirror'>

/** There may be a transcript, and others who would serve the call with it; undefined: not both. */
export const standsInFor = (call: Call, plan: Plan, desk: Desk): StandsIn | undefined => {
  const { transcripts, fetchTranscripts } = call.config.router
  const { pin } = call
  const name = storedBy(call)
  if (pin === undefined || name === undefined) return undefined
  const kept = name === 'conversation' ? mirrored(call, desk) !== undefined : isKeptFor(transcripts, call)
  if ((!kept && !fetchTranscripts) || !plan.hasStrangers(pin.boundary)) return undefined
  if (kept) return leadsOn
  // Who is limited can be asked for the conversation; whoever fails otherwise, and rests for it, is not even that well.
  return failure => failure === 'rate_limit' || (failure === 'no_deployment' && isLimited(pin, call, desk))
}

type StandIn = { readonly call: Call; readonly plan: Plan; readonly rehydrated: Rehydrated }

const NOTHING_KEPT: Pick<House['keep'], 'get'> = { get: async () => undefined }

/** The responses that led to this one. */
const saidBefore = async (
  call: Call,
  house: House,
  reader: OwnerReads | undefined,
): Promise<Chain | undefined> => {
  const { config, context } = call
  const { transcripts } = config.router
  const id = previousOf(call)
  if (id === undefined || (transcripts === undefined && reader === undefined)) return undefined
  // Where nothing is kept no store is opened to find that out.
  const { clock, seal } = house
  const keep = transcripts === undefined ? NOTHING_KEPT : house.keep
  return keptChain(id, context.caller.owner, {
    mostBytes: config.general.maxRequestBytes,
    house: { clock, seal, keep },
    ...(reader === undefined ? {} : { otherwise: reader.read }),
  })
}

/** What a conversation holds, if all of it was seen here. */
const mirrored = (call: Call, { mirror }: Pick<House, 'mirror'>): Chain | undefined => {
  const { pin, config } = call
  const { transcripts, mirrorConversations } = config.router
  const id = mirror === undefined ? undefined : conversationOf(call)
  if (id === undefined || pin === undefined || !mirrorConversations) return undefined
  if (!isKeptFor(transcripts, call)) return undefined
  const { deploymentId: deployment, boundary } = pin
  return mirror
    ?.whole(id, boundary, transcripts.ttlMs)
    ?.map(exchange => ({ id, ...exchange, previous: '', deployment, boundary }))
}

/** The same, as its owner tells it while it can: nobody else knows for certain. */
const heldBy = async (
  call: Call,
  house: House,
  reader: OwnerReads | undefined,
): Promise<Chain | undefined> => {
  const id = conversationOf(call)
  const told = id === undefined ? undefined : await reader?.conversation(id)
  return told ?? mirrored(call, house)
}

/** The same call as somebody else can serve it, and its plan; undefined: there is no such call, or nobody. */
const standInFor = async (walk: Walk, failure: Failure): Promise<StandIn | undefined> => {
  const { call, plan, house } = walk
  const { pin, config, context } = call
  const name = storedBy(call)
  if (pin === undefined || name === undefined) return undefined
  const forgotten = name === 'previous_response_id' && isForgotten(failure)
  const waits = failure.status === 429 && VERDICTS[failure.class].fallback === 'generic'
  if (!forgotten && !((isOut(failure) || waits) && plan.hasStrangers(pin.boundary))) return undefined
  // Who is only limited still tells what was said.
  const reader = waits && !forgotten && config.router.fetchTranscripts ? readerOf(pin, walk) : undefined
  const chain =
    name === 'conversation' ? await heldBy(call, house, reader) : await saidBefore(call, house, reader)
  if (reader !== undefined && reader.requests > 0) walk.trail.fetched = reader.told(chain)
  if (chain === undefined) return undefined
  try {
    const free = await rehydrated(call, { name, chain }, forgotten ? undefined : pin.boundary, house)
    if (free?.rehydrated === undefined) return undefined
    const remade = { ...free.rehydrated, fetched: Math.min(chain.length, reader?.responses ?? 0) }
    return { call: { ...free, rehydrated: remade }, plan: makePlan(free), rehydrated: remade }
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
  const { call, house, trail, allowance } = walk
  if (call.pin === undefined || allowance.spent) return undefined
  const found = await standInFor(walk, owner.failure)
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
