import { type Amendment, isFree } from '../dialects/amendment.ts'
import { carriesCiphertext, hasSeveralBoundaries } from '../plan/encrypted.ts'
import { Unsupported } from '../providers/provider.ts'
import { isForeign } from '../shared/origins.ts'
import { type Bond, boundItems, keptAs, namedItems } from '../wire/items.ts'
import type { Job } from './once.ts'

const stranger = (at: number, type: string, model: string): Unsupported => {
  const place = `input[${at}]`
  const why =
    type === 'item_reference'
      ? 'names an item that another provider account keeps'
      : 'was made by another provider account, and stands for the conversation before it'
  return new Unsupported(
    `${place} (${type}) ${why}: it cannot be left out, and ${model} cannot read it.`,
    place,
  )
}

/**
 * What this deployment cannot read of what others have sealed or keep, as far as it is known: reasoning is left out of
 * the hop. undefined: nothing. Throws Unsupported for what cannot be left out. What nobody has seen being made is sent
 * as it is: the provider will say.
 */
const foreignSeals = ({ call, hop, house }: Job): Amendment | undefined => {
  if (call.body.kind !== 'json') return undefined
  const { origins } = house.board
  const { boundary, litellmModel } = hop.deployment
  let found = false
  // What a translation has sealed here only a translation opens: who speaks the dialect himself gets none of it.
  const foreign = ({ key, ours }: Bond): boolean => !ours && isForeign(origins.of(key), boundary)
  // A copy in words stands in for it on this hop.
  const isCopied = (at: number): boolean =>
    call.shadows?.some(({ path }) => path[0] === 'input' && path[1] === String(at)) === true
  for (const { at, type, bond } of boundItems(call.body.index)) {
    if (bond === undefined || !foreign(bond) || isCopied(at)) continue
    if (type === 'reasoning') found = true
    else throw stranger(at, type, litellmModel)
  }
  return found ? { kind: 'unsealed', foreign } : undefined
}

/** Ids that another account has given to what it said. What clients made themselves nobody knows: it stays. */
const foreignIds = ({ call, hop, house }: Job): Amendment | undefined => {
  const { origins } = house.board
  if (call.body.kind !== 'json' || origins.size() === 0 || !hasSeveralBoundaries(call.config))
    return undefined
  const { boundary } = hop.deployment
  const foreign = (id: string): boolean => isForeign(origins.of(keptAs(id)), boundary)
  const some = namedItems(call.body.index).some(item => isFree(item) && foreign(item.id))
  return some ? { kind: 'unnamed', foreign } : undefined
}

const NOTHING: readonly Amendment[] = []

/**
 * What this deployment cannot read, as far as it is known, and the hop goes without. Whole items go last: what stands
 * behind them moves. Throws Unsupported for what cannot be left out.
 */
export const foreignParts = (job: Job): readonly Amendment[] => {
  const { call, hop } = job
  if (!carriesCiphertext(call.route.shape)) return NOTHING
  const seals = foreignSeals(job)
  const ids = foreignIds(job)
  if (seals === undefined && ids === undefined && call.asides.length === 0) return NOTHING
  const asides = call.asides.filter(({ boundary }) => boundary !== hop.deployment.boundary)
  return [
    ...asides.map(({ path }): Amendment => ({ kind: 'aside', path })),
    ...(ids === undefined ? [] : [ids]),
    ...(seals === undefined ? [] : [seals]),
  ]
}
