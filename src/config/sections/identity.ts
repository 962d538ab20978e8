import { createHash } from 'node:crypto'
import type { Json } from '../../wire/json.ts'

/** JSON with sorted keys: the same values in another order give the same text. */
const canonical = (value: Json): string => {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  const pairs = Object.entries(value as { readonly [key: string]: Json })
  const sorted = pairs.sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0))
  return `{${sorted.map(([key, each]) => `${JSON.stringify(key)}:${canonical(each)}`).join(',')}}`
}

/** Same group and parameters, same id: on every instance, after every restart. Secrets go in only through the hash. */
export const deploymentId = (group: string, params: Json): string =>
  createHash('sha256')
    .update(canonical([group, params]))
    .digest('hex')
