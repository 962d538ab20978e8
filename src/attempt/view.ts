import { type JsonIndex, valueAt } from '../wire/index.ts'
import type { Json, JsonObject } from '../wire/json.ts'

/** Up to this size parsing the whole is cheaper than parsing on demand. */
const WHOLE_BYTES = 32 * 1024

/**
 * An indexed object as a value. A small one is parsed; the members of a large one are parsed each when it is read,
 * so that an answer of megabytes costs its small keys.
 */
export const viewOf = (index: JsonIndex): JsonObject => {
  if (index.end - index.start <= WHOLE_BYTES) {
    const { buffer, byteOffset } = index.bytes
    const text = Buffer.from(buffer, byteOffset + index.start, index.end - index.start).toString('utf8')
    return JSON.parse(text) as JsonObject
  }
  const view = {}
  for (const key of index.members.keys())
    Object.defineProperty(view, key, { enumerable: true, configurable: true, get: () => valueAt(index, key) })
  return view
}

/** Where the dialects say what was used. */
const USAGE_KEYS = ['usage', 'usageMetadata', 'duration'] as const

/** The members that tell the usage, and no others. */
export const usageView = (index: JsonIndex): JsonObject => {
  const view: Record<string, Json> = {}
  for (const key of USAGE_KEYS) {
    const value = index.members.has(key) ? valueAt(index, key) : undefined
    if (value !== undefined) view[key] = value
  }
  return view
}
