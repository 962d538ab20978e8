import type { Call, Rehydrated } from '../call.ts'
import { CAPSULE_PREFIX } from '../capsule.ts'
import { objectOf, parseJson } from '../dialects/read-json.ts'
import type { House } from '../house.ts'
import { rememberCiphertext } from '../plan/encrypted.ts'
import { asBuffer } from '../wire/bytes.ts'
import { inputOf } from '../wire/chain.ts'
import { applyEdits, type Edit, joinSegments } from '../wire/edit.ts'
import { indexObject, type JsonIndex } from '../wire/index.ts'
import { writtenAt } from '../wire/items.ts'
import type { ClientBody } from './body.ts'
import type { Chain } from './chain.ts'
import { readCompaction } from './compaction.ts'
import { withCopies } from './copies.ts'
import { lookBack } from './look-back.ts'
import { bondsOf } from './read.ts'
import { withShadows } from './shadows.ts'

type Name = Rehydrated['of']

const editsFor = (name: Name): readonly Edit[] => [
  { op: 'set', path: ['input'], value: [], why: 'rehydrate' },
  { op: 'drop', path: [name], why: 'rehydrate' },
]
const EDITS: Readonly<Record<Name, readonly Edit[]>> = {
  previous_response_id: editsFor('previous_response_id'),
  conversation: editsFor('conversation'),
}

/** The body with these items as its input, byte for byte the client's beside it. */
const withInput = (index: JsonIndex, name: Name, items: readonly string[]): JsonIndex | undefined => {
  const emptied = indexObject(joinSegments(applyEdits(index, EDITS[name])))
  const input = emptied.members.get('input')
  if (input === undefined) return undefined
  const bytes = asBuffer(emptied.bytes)
  const list = Buffer.from(`[${items.join(',')}]`)
  return indexObject(Buffer.concat([bytes.subarray(0, input.start), list, bytes.subarray(input.end)]))
}

const isCapsule = (item: string): boolean =>
  objectOf(parseJson(item))?.encrypted_content?.toString().startsWith(CAPSULE_PREFIX) === true

const bodyWith = (
  { body, config }: Call,
  { name, chain }: Stored,
): { body: ClientBody; items: number } | undefined => {
  if (body.kind !== 'json') return undefined
  const items = inputOf(chain, writtenAt(body.index, ['input']) ?? '[]', isCapsule)
  const index = withInput(body.index, name, items)
  if (index === undefined || index.bytes.length > config.general.maxRequestBytes) return undefined
  return { body: { ...body, bytes: index.bytes, index }, items: items.length }
}

/** Of the edits that were about the client's body those that are about this one as well: items stand elsewhere now. */
const isStillTrue =
  (name: Name) =>
  ({ path, why }: Edit): boolean =>
    why !== 'expand-capsule' && path[0] !== name

/** Who can read what of the conversation: as it was when it was answered, a restart before or after. */
const remember = (chain: Chain, { board }: Pick<House, 'board'>): void => {
  for (const { output, deployment, boundary } of chain)
    rememberCiphertext(Buffer.from(output), { id: deployment, boundary }, board)
}

/** Nothing in the conversation refers to its owner by name any more; what else binds it may have been made long ago. */
const bondsNow = async (
  body: ClientBody,
  call: Call,
  { board }: Pick<House, 'board'>,
): Promise<ReturnType<typeof bondsOf>> => {
  const read = () => bondsOf(body, call, { board }, { pin: undefined, unowned: false })
  const bonds = read()
  const looking = lookBack({ ...call, body, references: bonds.references }, board.origins)
  return looking !== undefined && (await looking) ? read() : bonds
}

/** What the body names, and what it holds. */
export type Stored = { readonly name: Name; readonly chain: Chain }

/**
 * The call with its conversation in the place of the id that names it: what its client would have sent if it had kept
 * everything itself. Nothing in it refers to its owner any more; `without` names the boundary that is not asked again.
 * undefined: it cannot be done without leaving out what somebody would miss.
 */
export const rehydrated = async (
  call: Call,
  stored: Stored,
  without: string | undefined,
  house: Pick<House, 'board' | 'keep' | 'seal' | 'copies'>,
): Promise<Call | undefined> => {
  const { name, chain } = stored
  const made = bodyWith(call, stored)
  if (made === undefined || made.body.kind !== 'json') return undefined
  remember(chain, house)
  const { body, items } = made
  const compaction = readCompaction(body, call.route, house.seal.capsules, call.context.caller.owner)
  const free: Call = {
    ...call,
    body,
    edits: [...call.edits.filter(isStillTrue(name)), ...compaction.edits],
    ...(await bondsNow(body, call, house)),
    natives: compaction.natives,
    shadows: undefined,
    rehydrated: {
      of: name,
      edits: EDITS[name],
      responses: chain.length,
      items,
      fetched: 0,
      bytes: body.bytes.length,
      without,
    },
  }
  const named = free.named.length > 0 ? await withCopies(free, house) : free
  if ((named.shadows?.length ?? 0) < named.named.length) return undefined
  const copied = compaction.natives.length > 0 ? await withShadows(named, house) : named
  // What still binds it keeps the whole conversation at its owner's.
  return copied.pin !== undefined && copied.pin.boundary === without ? undefined : copied
}
