import type { Settled } from '../attempt/settled.ts'
import type { Call } from '../call.ts'
import type { House } from '../house.ts'
import { conversationOf, isKeptFor, makesResponse } from '../plan/transcripts.ts'
import type { Step } from '../record/trail.ts'
import type { Exchange, Turn } from '../shared/mirror.ts'
import { type JsonIndex, valueAt } from '../wire/index.ts'
import { writtenAt } from '../wire/items.ts'
import type { Served } from './served.ts'

/** The mirror follows what happens to conversations; whatever cannot be followed makes it forget one. */

/** Before its first attempt: this call is a turn of a conversation. undefined: of none that is mirrored. */
export const beginTurn = (call: Call, { mirror }: House): Turn | undefined => {
  if (mirror === undefined || !makesResponse(call.route)) return undefined
  const id = conversationOf(call)
  if (id === undefined) return undefined
  const { router } = call.config
  const silent = call.body.kind === 'json' && valueAt(call.body.index, 'store') === false
  if (router.mirrorConversations && isKeptFor(router.transcripts, call) && !silent) return mirror.begin(id)
  mirror.lost(id)
  return undefined
}

/** Attempts at the conversation's owner that ended like this. */
const someAtOwner = (call: Call, settled: Settled, like: (step: Step) => boolean): boolean =>
  settled.trail.steps.some(
    step => call.config.byId.get(step.deployment)?.boundary === call.pin?.boundary && like(step),
  )

/** It was sent, and nothing says that it was not carried out: only a refusal does. */
const mayHaveAdded = ({ outcome, status, possiblyBilled }: Step): boolean =>
  possiblyBilled === true || outcome === 'client_gone' || (status !== undefined && status < 400)

/** The turn has been answered whole. Whoever stood in for the owner has added nothing to the conversation. */
export const keepTurn = ({ call, settled, answered, turn }: Served, exchange: Exchange): void => {
  if (answered.deployment.boundary !== call.pin?.boundary) return
  const before = (step: Step): boolean => step.outcome !== 'answered' && mayHaveAdded(step)
  // Of an attempt before it there may be a turn that nobody saw.
  if (someAtOwner(call, settled, before)) turn?.end(true)
  else turn?.done(exchange)
}

const CHANGES: ReadonlySet<string> = new Set([
  'conversations.items.create',
  'conversations.items.delete',
  'conversations.delete',
])

/** However the call has ended. */
export const endTurn = (
  call: Call,
  settled: Settled | undefined,
  turn: Turn | undefined,
  { mirror }: House,
): void => {
  if (turn !== undefined) turn.end(settled === undefined || someAtOwner(call, settled, mayHaveAdded))
  else if (settled?.kind !== 'answered' && CHANGES.has(call.route.name)) mirror?.lost(call.params.id ?? '')
}

/** What an answer about a conversation says of its items. */
export const followConversation = ({ call, answered, house: { mirror } }: Served, index: JsonIndex): void => {
  const { route, params, body, config } = call
  if (mirror === undefined || !config.router.mirrorConversations || config.router.transcripts === undefined)
    return
  if (route.name === 'conversations.create') {
    const id = valueAt(index, 'id')
    const items = body.kind === 'json' ? writtenAt(body.index, ['items']) : undefined
    if (typeof id === 'string')
      mirror.made(id, answered.deployment.boundary, items?.startsWith('[') === true ? items : '[]')
  } else if (route.name === 'conversations.items.create') {
    const data = writtenAt(index, ['data'])
    if (data?.startsWith('[') === true) mirror.added(params.id ?? '', { input: data, output: '[]' })
    else mirror.lost(params.id ?? '')
  } else if (CHANGES.has(route.name)) mirror.lost(params.id ?? '')
}
