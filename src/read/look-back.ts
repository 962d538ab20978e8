import type { Call } from '../call.ts'
import { bindsCiphertext } from '../plan/encrypted.ts'
import type { Origins } from '../shared/origins.ts'
import { boundItems, keptAs, namedItems } from '../wire/items.ts'

type Referring = Pick<Call, 'body' | 'route' | 'config' | 'references'>

/** By what the maker of each thing is remembered that the call refers to. */
const bondsIn = ({ body, route, config, references }: Referring): ReadonlySet<string> | undefined => {
  const bears = body.kind === 'json' && bindsCiphertext(config, route.shape)
  if (!bears && references.length === 0) return undefined
  const bonds = new Set(references.map(({ id }) => keptAs(id)))
  if (!bears) return bonds
  for (const { bond } of boundItems(body.index)) if (bond?.ours === false) bonds.add(bond.key)
  for (const { id } of namedItems(body.index)) bonds.add(keptAs(id))
  return bonds
}

/**
 * Looks for what the call refers to and this process has not seen being made: another one may have, before it or beside
 * it. True: who made some of it is known now, and the call is to be read anew. undefined: there is nothing to look for.
 */
export const lookBack = (call: Referring, origins: Pick<Origins, 'recall'>): Promise<boolean> | undefined => {
  const bonds = bondsIn(call)
  return bonds === undefined ? undefined : origins.recall(bonds)
}
