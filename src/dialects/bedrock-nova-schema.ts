import { isExactNumber } from '../wire/exact-json.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { targetOf } from './bound-schema.ts'
import type { Losses } from './losses.ts'

/**
 * The schema of a tool as Nova takes it: at its top stand a type, properties and what is required, and nothing else
 * (`extraneous key [$schema] is not permitted`). Definitions are written where they are referred to. Source: Amazon Nova
 * user guide, "Troubleshooting tool calls".
 */

const AT_TOP: ReadonlySet<string> = new Set(['type', 'properties', 'required'])
/** Says nothing of the values, or is said elsewhere. */
const SILENT: ReadonlySet<string> = new Set([
  ...['$schema', '$id', '$ref', '$defs', 'definitions', 'title', 'description'],
])

/** Schemas that are written out for one tool at most, and how deep: references may multiply, or lead back. */
const MOST = 2000
const DEEPEST = 24

type Place = {
  readonly root: JsonObject
  readonly budget: { left: number; cut: boolean }
  readonly depth: number
}

const whole = (value: Json, place: Place): Json => {
  if (Array.isArray(value)) return value.map((one: Json) => whole(one, place))
  // A number that no double holds is an object, and none of the schema's.
  return isObject(value) && !isExactNumber(value) ? inlined(value, place) : value
}

/** A reference is what it leads to, and what stands beside it; one that leads too far is any value. */
const inlined = (schema: JsonObject, { root, budget, depth }: Place): JsonObject => {
  if (--budget.left < 0 || depth > DEEPEST) {
    budget.cut = true
    return {}
  }
  const place = { root, budget, depth: depth + 1 }
  const { $ref: reference, ...own } = schema
  const target = typeof reference === 'string' ? targetOf(root, reference) : undefined
  const entries = Object.entries(target === undefined ? schema : own)
  return {
    ...(isObject(target) ? inlined(target, place) : {}),
    ...Object.fromEntries(entries.map(([key, value]) => [key, whole(value, place)] as const)),
  }
}

/** What its top leads to, where that is a reference. */
const topOf = (schema: JsonObject): JsonObject => {
  let at = schema
  for (let steps = 0; steps < DEEPEST && typeof at.$ref === 'string'; steps++) {
    const next = targetOf(schema, at.$ref)
    if (!isObject(next)) break
    at = next
  }
  return at
}

const isTold = (key: string, value: Json): boolean =>
  key === 'additionalProperties' ? isObject(value) : !AT_TOP.has(key) && !SILENT.has(key)

/** Its description is the tool's. */
export const novaSchema = (schema: JsonObject, losses: Losses): JsonObject => {
  const top = Object.entries(topOf(schema))
  const budget = { left: MOST, cut: false }
  const kept = Object.fromEntries(top.filter(([key]) => AT_TOP.has(key)))
  const made = inlined(kept, { root: schema, budget, depth: 0 })
  if (budget.cut || top.some(([key, value]) => isTold(key, value)))
    losses.warn('tools[].function.parameters', 'Nova takes the type, the properties and what is required')
  return { ...made, type: 'object' }
}
