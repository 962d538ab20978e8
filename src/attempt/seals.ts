import type { Amendment } from '../dialects/amendment.ts'
import { carriesCiphertext } from '../plan/encrypted.ts'
import { Unsupported } from '../providers/provider.ts'
import { isForeign } from '../shared/origins.ts'
import { type Bond, boundItems } from '../wire/items.ts'
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
export const foreignSeals = ({ call, hop, house }: Job): Amendment | undefined => {
  if (call.body.kind !== 'json' || !carriesCiphertext(call.route.shape)) return undefined
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
