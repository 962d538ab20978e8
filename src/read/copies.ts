import type { Call } from '../call.ts'
import { parseJson } from '../dialects/read-json.ts'
import { FOREIGN_REASONING } from '../dialects/responses-seal.ts'
import { Refusal } from '../failure.ts'
import type { House } from '../house.ts'
import { type Copy, copyKey, keptCopyKey, type NamedItem, readCopy } from '../plan/copies.ts'
import { isPinned } from '../plan/encrypted.ts'
import type { Shadowed } from '../plan/shadows.ts'
import { isMadeHere } from '../wire/items.ts'
import { isObject } from '../wire/json.ts'

/** Reasoning means something to its maker alone, who finds it; everybody else goes without. */
const withoutIt = (path: NamedItem['path'], boundary: string | undefined): Shadowed => ({
  path,
  boundary,
  edit: { op: 'drop', path, why: 'foreign-reasoning' },
})

/** In the words of the API, and with the mend. */
const lost = ({ path, id }: NamedItem): Refusal =>
  new Refusal(
    400,
    `Item with id '${id}' not found. It was made by a provider that keeps no items, and this gateway has no copy of it (any more): send the item itself, as clients do with \`store: false\`.`,
    { type: 'invalid_request_error', param: `${path.join('[')}].id` },
  )

type Kept = Pick<House, 'copies' | 'keep' | 'seal'>

/** What this process has kept; with transcripts also what was kept before it was there, or beside it. */
const keptOf = async (id: string, { context, config }: Call, house: Kept): Promise<Copy | undefined> => {
  const { owner } = context.caller
  const here = await house.copies.get(copyKey(id, owner))
  if (here !== undefined) return readCopy(here)
  if (config.router.transcripts === undefined) return undefined
  const sealed = await house.keep.get(keptCopyKey(id, owner))
  const opened = sealed === undefined ? undefined : house.seal.itemCopies.open(sealed, owner)
  return opened?.kind === 'opened' && opened.content.id === id ? opened.content : undefined
}

const copyOf = async (named: NamedItem, call: Call, house: Kept): Promise<Shadowed | undefined> => {
  const { path, id } = named
  if (id.startsWith(FOREIGN_REASONING)) return withoutIt(path, undefined)
  const made = isMadeHere(id)
  const copy = await keptOf(id, call, house)
  if (copy === undefined && made) throw lost(named)
  if (copy === undefined) return undefined
  // Who keeps it gets its name; what was made here is kept by nobody.
  const boundary = made ? undefined : copy.boundary
  const item = parseJson(copy.item)
  if (!isObject(item)) return undefined
  if (item.type === 'reasoning') return withoutIt(path, boundary)
  const { id: _, ...nameless } = item
  return { path, boundary, edit: { op: 'set', path, value: nameless, why: 'expand-reference' } }
}

/**
 * The call with the items that it names. With a copy of each of them nothing binds it to who keeps them: that one is only
 * preferred. Throws Refusal at the name of an item that was made here and is gone: no provider would know it.
 */
export const withCopies = async (call: Call, house: Kept): Promise<Call> => {
  const found = await Promise.all(call.named.map(one => copyOf(one, call, house)))
  const shadows = found.filter(copy => copy !== undefined)
  if (shadows.length === 0) return call
  const { pin } = call
  const bound =
    shadows.length < found.length ||
    pin?.because !== 'item_reference' ||
    call.natives.length > 0 ||
    isPinned(call.config)
  return bound
    ? { ...call, shadows }
    : { ...call, shadows, pin: undefined, origin: call.origin ?? pin.boundary }
}
