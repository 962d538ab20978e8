import type { Config, Deployment } from '../config/config.ts'
import type { ShapeName } from '../routes.ts'
import type { Board } from '../shared/board.ts'
import type { Origins } from '../shared/origins.ts'
import { encryptedParts } from '../wire/encrypted.ts'
import type { JsonIndex } from '../wire/index.ts'
import { boundItems, isMadeHere, itemsIn, keptAs, writtenAt } from '../wire/items.ts'
import type { Pin } from './wish.ts'

/** The route's bodies can carry ciphertext: a prompt that is only counted, too. */
export const carriesCiphertext = (shape: ShapeName): boolean =>
  shape === 'responses' || shape === 'compaction' || shape === 'trigger' || shape === 'response_tokens'

const several = new WeakMap<Config, boolean>()

/** There is more than one account: what one has sealed another cannot read. */
export const hasSeveralBoundaries = (config: Config): boolean => {
  const known = several.get(config)
  if (known !== undefined) return known
  const first = config.deployments[0]?.boundary
  const found = config.deployments.some(one => one.boundary !== first)
  several.set(config, found)
  return found
}

/** Reasoning binds, too: encrypted_content_affinity. */
export const isPinned = (config: Config): boolean =>
  config.router.optionalPreCallChecks.has('encrypted_content_affinity')

/** Who made a ciphertext matters: the route's answers can have some, and somebody else could be asked to read it. */
export const bindsCiphertext = (config: Config, shape: ShapeName): boolean =>
  carriesCiphertext(shape) && (isPinned(config) || hasSeveralBoundaries(config))

/** Where a call belongs that brings what one account has sealed or keeps. */
export type Home = {
  /** Only its maker's account will do: without it the call would mean something else. */
  readonly pin: Pin | undefined
  /** The boundary that can read the newest reasoning; another one may answer without it. */
  readonly origin: string | undefined
  /** It names a kept item, and nobody saw who keeps it. */
  readonly unowned: boolean
}

export const NO_HOME: Home = { pin: undefined, origin: undefined, unowned: false }

/**
 * By what this instance has seen being made. A compaction stands for everything that was said before it, and a
 * reference for what it names, so they bind; reasoning does with encrypted_content_affinity, and otherwise only draws.
 */
export const homeOfItems = (
  index: JsonIndex,
  config: Config,
  { origins }: { readonly origins: Pick<Origins, 'of'> },
): Home => {
  let { pin, origin, unowned } = NO_HOME
  for (const { type, bond } of boundItems(index)) {
    const made = bond === undefined ? undefined : origins.of(bond.key)
    if (made?.boundary === undefined || made.deploymentId === undefined) {
      unowned ||= type === 'item_reference' && bond?.ours !== true
      continue
    }
    const binds = type === 'reasoning' ? isPinned(config) && bond?.sealed === true : bond?.ours !== true
    const because = type === 'item_reference' ? type : 'encrypted_content'
    // Who keeps an item has to be asked for it, unless there is a copy (read/copies.ts).
    const first = pin === undefined || (pin.because !== 'item_reference' && because === 'item_reference')
    if (binds && first && isThere(config, made.boundary))
      pin = { deploymentId: made.deploymentId, boundary: made.boundary, because }
    if (type === 'reasoning') origin = made.boundary
  }
  return pin === undefined && origin === undefined && !unowned ? NO_HOME : { pin, origin, unowned }
}

const isThere = (config: Config, boundary: string): boolean =>
  config.deployments.some(one => one.boundary === boundary)

type Maker = Pick<Deployment, 'id' | 'boundary'>

/** Remembers who made the ciphertext of an answer. */
export const rememberCiphertext = (
  bytes: Uint8Array,
  { id, boundary }: Maker,
  { origins }: Pick<Board, 'origins'>,
): void => {
  for (const fingerprint of encryptedParts(bytes)) origins.made(fingerprint, { id, boundary })
}

/** Remembers who keeps the items of an answer: a whole one, or the event in which one of them is done. */
export const rememberItems = (
  index: JsonIndex,
  { id, boundary }: Maker,
  { origins }: Pick<Board, 'origins'>,
): void => {
  const done = writtenAt(index, ['item', 'id'])
  const ids = done === undefined ? itemsIn(index, 'output').map(item => item.id) : [done.slice(1, -1)]
  for (const one of ids) if (one !== '' && !isMadeHere(one)) origins.made(keptAs(one), { id, boundary })
}
