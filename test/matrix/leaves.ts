import type { Fault } from './faults/fault.ts'
import { leaving } from './judge/leaving.ts'
import { always } from './judge/way.ts'
import {
  caseOf,
  type Leaving,
  partsFor,
  type Result,
  type Scene,
  type Stayed,
  struckScript,
  unreachable,
} from './scene.ts'
import type { Script } from './script.ts'
import type { Phase } from './seen.ts'
import { FIRST, LEAD, type Target } from './targets.ts'

/** Why an attempt never comes to this moment; undefined: it does. */
const missing = (
  { door, head, parts, wire }: Script,
  phase: Phase,
  unread: string | undefined,
): string | undefined => {
  if (phase === 'sending') return undefined
  if (door !== 'open') return 'no connection is made'
  if (phase === 'waiting')
    return wire === 'early-answer' ? 'the answer comes before the request was sent' : undefined
  if (typeof head !== 'object') return 'no head comes'
  if (unread !== undefined) return unread
  if (phase === 'head') return undefined
  return parts.some(({ content }) => content) ? undefined : 'no content comes'
}

export type Departing = { readonly fault: Fault; readonly target: Target; readonly phase: Phase }

/** Where the client leaves: at the target, once the way has led there, else at the attempt that meets the fault. */
const departure = (
  scene: Scene,
  { fault, target, phase }: Departing,
  { meaning, expected }: Stayed,
): Leaving | { readonly why: string } => {
  if (meaning.kind === 'cannot') return { why: meaning.why }
  const why = unreachable(scene, target)
  if (why !== undefined) return { why }
  if (expected === undefined) throw new Error('nobody knows where the way leads')
  const arrives = expected.end.kind === 'served'
  const id = expected.end.kind === 'served' ? leadOf(expected.end.group) : FIRST
  const healthy = scene.direct.get(id)?.healthy
  if (healthy === undefined) throw new Error(`nobody knows the part of ${id}`)
  const unread = arrives || meaning.kind === 'passes' ? undefined : fault.unread
  const never = missing(arrives ? healthy : struckScript(scene, fault, id), phase, unread)
  if (never !== undefined) return { why: never }
  const shown = arrives || meaning.kind === 'passes' || meaning.begun
  return {
    attempt: arrives ? expected.asked.length - 1 : 0,
    phase,
    begun: phase === 'middle' && scene.row.kind !== 'document' && shown,
  }
}

/** What the cell will be when nothing goes wrong with it. */
export const leavesForetold = (scene: Scene, departing: Departing, stayed: Stayed): Result => {
  const left = departure(scene, departing, stayed)
  return 'why' in left ? { kind: 'reason', why: left.why } : { kind: 'proven', mark: 'left' }
}

/** A client that leaves at one moment. `stayed`: what became of the same call with a client that stays. */
export const leaves = async (scene: Scene, departing: Departing, stayed: Stayed): Promise<Result> => {
  const left = departure(scene, departing, stayed)
  if ('why' in left) return { kind: 'reason', why: left.why }
  const { fault, target } = departing
  const { meaning, expected } = stayed
  const scriptFor = partsFor(scene, fault, target)
  const seen = await scene.play({ target, request: scene.request, scriptFor, leaves: left })
  const of = caseOf(scene, { fault, target, meaning, seen })
  const gone = expected === undefined ? ['nobody knows where the way leads'] : leaving(of, expected, left)
  const complaints = [...always(of), ...gone]
  return complaints.length > 0 ? { kind: 'red', complaints } : { kind: 'proven', mark: 'left' }
}

/** The deployment that answers for a group. */
const leadOf = (group: string): string => (group === LEAD ? FIRST : group)
