import type { FallbackTable, FallbackTarget } from '../config/config.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { bad, number, refuseWithin, structured } from './refusals.ts'

/** The fallback lists that a request brings for itself. Throws Refusal at the place that is wrong. */

/** What a fallback may say for its own hop, each a number. */
export const HOP_KEYS = ['num_retries', 'timeout', 'request_timeout', 'stream_timeout'] as const

const target = (value: Json, param: string): FallbackTarget => {
  if (typeof value === 'string' && value !== '') return { group: value, overrides: {} }
  if (isObject(value) && typeof value.model === 'string') {
    refuseWithin(`${param}.`, Object.keys(value), key => value[key])
    for (const key of HOP_KEYS) number(value[key], `${param}.${key}`)
    const { model, ...overrides } = value
    return { group: model, overrides }
  }
  throw bad(param, "each fallback is a model name, or an object with 'model' and the values it overrides.")
}

/** `{"group": ["fallback"]}`, as the file writes it: whatever is no target and holds nothing but lists. */
const isEntry = (value: Json): value is JsonObject =>
  isObject(value) &&
  typeof value.model !== 'string' &&
  Object.values(value).length > 0 &&
  Object.values(value).every(list => Array.isArray(list))

/** `fallbacks`: targets for the group that is asked for, or a general list in place of the file's. */
export type OwnFallbacks = {
  readonly fallbacks: readonly FallbackTarget[] | undefined
  readonly generalFallbacks: FallbackTable | undefined
}

const NONE: OwnFallbacks = { fallbacks: undefined, generalFallbacks: undefined }

export const readOwnFallbacks = (written: Json | undefined): OwnFallbacks => {
  const value = structured(written)
  if (value === undefined || value === null) return NONE
  if (!Array.isArray(value)) throw bad('fallbacks', 'must be a list of model names or objects.')
  const list = value as readonly Json[]
  if (list.length > 0 && list.every(isEntry))
    return { ...NONE, generalFallbacks: readTable(list, 'fallbacks') }
  return { ...NONE, fallbacks: list.map((item, at) => target(item, `fallbacks[${at}]`)) }
}

/** `[{"group": ["fallback"]}]` */
export const readTable = (written: Json | undefined, param: string): FallbackTable | undefined => {
  const value = structured(written)
  if (value === undefined || value === null) return undefined
  if (!Array.isArray(value)) throw bad(param, 'must be a list like [{"group": ["fallback"]}].')
  const found = new Map<string, readonly FallbackTarget[]>()
  for (const entry of value as readonly Json[]) {
    if (!isObject(entry)) throw bad(param, 'must be a list like [{"group": ["fallback"]}].')
    for (const [group, list] of Object.entries(entry))
      found.set(
        group,
        (Array.isArray(list) ? list : [list]).map((item: Json) => target(item, `${param}.${group}`)),
      )
  }
  return found
}
