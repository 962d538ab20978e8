import { applyEdits, joinSegments } from '../wire/edit.ts'
import { indexObject, type JsonIndex, valueAt } from '../wire/index.ts'
import type { Json } from '../wire/json.ts'
import type { Ask } from './provider.ts'
import { hasKey } from './same-dialect.ts'

/** The body as it stands when a provider's own edits begin: places in a list are those after the edits before. */

/** The index of the client's body, or of the edited one where an edit has touched one of these keys. */
export const indexInForce = (ask: Ask, index: JsonIndex, keys: readonly string[]): JsonIndex =>
  ask.edits.some(({ path: [key] }) => key !== undefined && keys.includes(key))
    ? indexObject(joinSegments(applyEdits(index, ask.edits)))
    : index

/** The value of a top-level key; undefined: it is not there, or the body is no JSON. */
export const valueInForce = (ask: Ask, key: string): Json | undefined => {
  if (ask.body.kind !== 'json' || !hasKey(ask, key)) return undefined
  return valueAt(indexInForce(ask, ask.body.index, [key]), key)
}
