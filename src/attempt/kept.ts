import type { Call } from '../call.ts'
import type { BoundKind } from '../dialects/bound-state.ts'
import type { Failure } from '../failure.ts'
import type { Plan, Stop } from '../plan/plan.ts'
import { bindingOf, bindingText } from '../plan/references.ts'
import type { Wish } from '../plan/wish.ts'
import { isOut } from './lost.ts'
import type { Trail } from './settled.ts'

/** A call that names what one account keeps: nobody else sees the id, and the client learns why nobody else was asked. */

/** The account that a call was taken to first, when nobody knows who keeps what it names: no other one is guessed at. */
const boundTo = ({ unowned, config }: Call, { steps }: Trail): string | undefined => {
  if (!unowned) return undefined
  // Who cannot carry the call at all has not seen the id.
  const first = steps.find(step => step.outcome !== 'unsupported')
  return first === undefined ? undefined : config.byId.get(first.deployment)?.boundary
}

export const keptWish = (call: Call, trail: Trail, wish: Wish): Wish => {
  const boundary = boundTo(call, trail)
  if (boundary === undefined) return wish
  return { ...wish, candidates: wish.candidates.filter(one => one.deployment.boundary === boundary) }
}

export const keptStop = (call: Call, trail: Trail, stop: Stop): Stop | { readonly skipped: string } => {
  const boundary = boundTo(call, trail)
  if (boundary === undefined) return stop
  const candidates = stop.candidates.filter(one => one.deployment.boundary === boundary)
  if (candidates.length > 0) return { ...stop, candidates }
  return { skipped: `${stop.named} cannot read the state this call refers to` }
}

/** What kept others from being asked. */
export type Held = {
  readonly field: string
  readonly text: string
  /** What the client knows it by: it sends what it stands for, and whoever is left serves it. */
  readonly told: BoundKind['told']
}

/** The failure of the owner, with the field that kept others from being asked; undefined: nothing did. */
export const heldBack = (
  call: Call,
  plan: Plan,
  { trail, failure }: { readonly trail: Trail; readonly failure: Failure },
): Held | undefined => {
  if (call.pin === undefined && !call.unowned) return undefined
  const binding = bindingOf(call.pin, call.references)
  if (binding === undefined || (!isOut(failure) && failure.status !== 429)) return undefined
  const boundary = call.pin?.boundary ?? boundTo(call, trail)
  if (boundary === undefined || !plan.hasStrangers(boundary)) return undefined
  const { field, kind } = binding
  // Who has only asked for a pause is back by itself.
  return { field, text: bindingText(field, kind), told: isOut(failure) ? kind.told : undefined }
}
