import type { KeptFor } from '../config/config.ts'
import { COPY_TTL_MS, copyKey, keptCopyKey, LONGEST_COPY, REASONING, writeCopy } from '../plan/copies.ts'
import { bindsCiphertext } from '../plan/encrypted.ts'
import { isKeptFor, transcriptKey } from '../plan/transcripts.ts'
import { peekAt } from '../read/parse.ts'
import { textOf } from '../wire/bytes.ts'
import { indexObject, type JsonIndex, valueAt } from '../wire/index.ts'
import { type Item, isMadeHere, itemAt, itemsIn } from '../wire/items.ts'
import type { Served } from './served.ts'

/**
 * Clients of the Responses API may name an item of an earlier answer instead of sending it, because its provider keeps
 * it. A copy is what another provider gets in its place: of what was made here out of another dialect, which nobody
 * keeps, and of all else where somebody else could be asked.
 */

/** The client has not said that nothing shall be kept. */
export const keepsCopies = ({ call: { route, body } }: Pick<Served, 'call'>): boolean =>
  route.shape === 'responses' && body.kind === 'json' && peekAt(body)('store') !== false

/** What is kept of a response goes with it when it is deleted. `response`: the provider's own id; undefined: it has none. */
const keepOne = (served: Served, bytes: Uint8Array, item: Item, response: string | undefined): void => {
  const { call, answered, house } = served
  const { id, type, span } = item
  if (id === '' || type === 'compaction' || span.end - span.start > LONGEST_COPY) return
  if (!isMadeHere(id) && !bindsCiphertext(call.config, call.route.shape)) return
  const { owner } = call.context.caller
  const { boundary } = answered.deployment
  const copy = { boundary, item: type === 'reasoning' ? REASONING : textOf(bytes, span.start, span.end) }
  const of = response === undefined ? undefined : transcriptKey(response, owner)
  const { transcripts } = call.config.router
  if (!outlives(served, transcripts))
    return house.copies.put(copyKey(id, owner), writeCopy(copy), COPY_TTL_MS, of)
  const sealed = house.seal.itemCopies.seal({ id, ...copy }, owner)
  house.keep.put(keptCopyKey(id, owner), sealed, transcripts.ttlMs, of)
}

/** What was said may be kept on disk: the operator wants transcripts of the group. Of a conversation there are none. */
const outlives = ({ call }: Served, transcripts: KeptFor | undefined): transcripts is KeptFor =>
  isKeptFor(transcripts, call) && call.body.kind === 'json' && !call.body.index.members.has('conversation')

/** Keeps copies of the items of a whole answer. */
export const copyItems = (served: Served, index: JsonIndex): void => {
  const id = valueAt(index, 'id')
  for (const item of itemsIn(index, 'output'))
    keepOne(served, index.bytes, item, typeof id === 'string' ? id : undefined)
}

/** The same, of the event in which one of them is done. */
export const copyItemOfEvent = (served: Served, data: string, response: string | undefined): void => {
  const { bytes, members } = indexObject(Buffer.from(data))
  const span = members.get('item')
  const item = span === undefined ? undefined : itemAt(bytes, span)
  if (item !== undefined) keepOne(served, bytes, item, response)
}
