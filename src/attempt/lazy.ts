import { type JsonIndex, valueOf } from '../wire/index.ts'
import type { JsonObject } from '../wire/json.ts'

/** The members of an indexed object, each parsed only when it is read: an answer of megabytes costs its small keys. */
export const lazyObject = (index: JsonIndex): JsonObject => {
  const lazy = {}
  for (const key of index.members.keys())
    Object.defineProperty(lazy, key, { enumerable: true, configurable: true, get: () => valueOf(index, key) })
  return lazy
}
