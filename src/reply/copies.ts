import { COPY_TTL_MS, copyKey, LONGEST_COPY, REASONING, writeCopy } from '../plan/copies.ts'
import { bindsCiphertext } from '../plan/encrypted.ts'
import { peekAt } from '../read/parse.ts'
import { textOf } from '../wire/bytes.ts'
import { indexObject, type JsonIndex } from '../wire/index.ts'
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

const keepOne = ({ call, answered, house }: Served, bytes: Uint8Array, item: Item): void => {
  const { id, type, span } = item
  if (id === '' || type === 'compaction' || span.end - span.start > LONGEST_COPY) return
  if (!isMadeHere(id) && !bindsCiphertext(call.config, call.route.shape)) return
  const { boundary } = answered.deployment
  const copy = { boundary, item: type === 'reasoning' ? REASONING : textOf(bytes, span.start, span.end) }
  house.copies.put(copyKey(id, call.context.caller.owner), writeCopy(copy), COPY_TTL_MS)
}

/** Keeps copies of the items of a whole answer. */
export const copyItems = (served: Served, index: JsonIndex): void => {
  for (const item of itemsIn(index, 'output')) keepOne(served, index.bytes, item)
}

/** The same, of the event in which one of them is done. */
export const copyItemOfEvent = (served: Served, data: string): void => {
  const { bytes, members } = indexObject(Buffer.from(data))
  const span = members.get('item')
  const item = span === undefined ? undefined : itemAt(bytes, span)
  if (item !== undefined) keepOne(served, bytes, item)
}
