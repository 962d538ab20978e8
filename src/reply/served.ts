import type { Answered } from '../attempt/outcome.ts'
import type { Settled } from '../attempt/settled.ts'
import type { Call, Received } from '../call.ts'
import type { Usage } from '../dialects/shape.ts'
import type { Failure, Refusal } from '../failure.ts'
import type { House } from '../house.ts'
import {
  bindsCiphertext,
  hasSeveralBoundaries,
  rememberCiphertext,
  rememberItems,
} from '../plan/encrypted.ts'
import { rememberContainers, rememberMade } from '../plan/references.ts'
import { costOf, priceOf } from '../record/price.ts'
import { awayMs, type RequestEnd, rehydratedText } from '../record/trail.ts'
import type { Turn } from '../shared/mirror.ts'
import { addClientHeaders } from '../wire/headers.ts'
import type { JsonIndex } from '../wire/index.ts'
import { compactionHeader } from './compaction.ts'
import { addCommonHeaders, addDropped, addServedHeaders, type HeaderList } from './headers.ts'
import type { Pulse } from './pulse.ts'
import type { Rewriter } from './rewrite.ts'

/** How the reply ended: what the record is written from. */
export type Finish = {
  readonly end: RequestEnd
  readonly status: number
  readonly responseBytes: number
  readonly usage: Usage | undefined
  readonly costUsd: number | undefined
  readonly failure: Failure | undefined
  /** What the gateway itself refused. */
  readonly refusal?: Refusal
  readonly firstTokenMs: number | undefined
  /** The steps of the trail say already what became of them. */
  readonly stepsTold?: true
}

/** A call with its outcome, on its way to the client. */
export type Stage = {
  readonly received: Received
  readonly call: Call
  readonly settled: Settled
  readonly house: House
  /** Keeps a silent stream's connection alive, when the operator asked for it. */
  readonly pulse?: Pulse | undefined
  /** The call is a turn of a conversation that is mirrored. */
  readonly turn?: Turn | undefined
}
/** A call that was answered. */
export type Served = Stage & { readonly answered: Answered; readonly rewriter: Rewriter }

export const costFor = (answered: Answered, usage: Usage | undefined): number | undefined =>
  usage === undefined ? undefined : costOf(usage, priceOf(answered.deployment, answered.model))

/** The head of an answer but for what describes its body. */
export const headFor = (served: Served, costUsd: number | undefined): HeaderList => {
  const { answered, settled, house, call, received } = served
  const totalMs = house.clock.now() - call.context.arrivedAt
  // What the provider and its waits did not take is ours.
  const away = awayMs(settled.trail.steps) + (settled.trail.fetched?.ms ?? 0)
  const head: HeaderList = []
  addCommonHeaders(head, received.callId, settled.trail)
  addServedHeaders(head, answered, { totalMs, overheadMs: Math.max(0, totalMs - away), costUsd })
  const compaction = compactionHeader(answered)
  if (compaction !== undefined) head.push('x-understudy-compaction', compaction)
  if (answered.dropped !== undefined) addDropped(head, answered.dropped)
  const { rehydrated } = settled.trail
  if (rehydrated !== undefined) head.push('x-understudy-rehydrated', rehydratedText(rehydrated))
  addClientHeaders(head, answered.headers)
  return head
}

/** Remembers who can read what is sealed in these bytes. */
export const learnCiphertext = ({ call, answered, house }: Served, bytes: Uint8Array): void => {
  if (bindsCiphertext(call.config, call.route.shape))
    rememberCiphertext(bytes, answered.deployment, house.board)
}

/** Remembers who keeps the items of an answer or of an event, and what was made. */
export const learnItems = ({ call, answered, house }: Served, index: JsonIndex): void => {
  if (bindsCiphertext(call.config, call.route.shape)) {
    rememberItems(index, answered.deployment, house.board)
    rememberContainers(index, answered.deployment, house.board)
  } else if (call.route.model === 'owner' && call.method === 'POST' && hasSeveralBoundaries(call.config))
    rememberMade(index, answered.deployment, house.board)
}
