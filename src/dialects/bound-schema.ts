import { isExactNumber } from '../wire/exact-json.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'

/** JSON schemas as those providers take them that bind a model to one. */

/** Keys below which schemas stand in a table, and those below which anything may stand. */
const TABLES: ReadonlySet<string> = new Set(['properties', '$defs', 'definitions'])
const VALUES: ReadonlySet<string> = new Set(['enum', 'const', 'default', 'examples', 'required'])

/** Limits that bind no Claude: its API refuses a schema with one. Source: its guide to structured outputs, JSON schema limitations. */
const LIMITS: ReadonlySet<string> = new Set([
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'uniqueItems',
  'minProperties',
  'maxProperties',
])

const isLimit = (key: string, value: Json): boolean =>
  LIMITS.has(key) && !(key === 'minItems' && (value === 0 || value === 1))

/** Every schema directly inside one. */
const inside = (key: string, value: Json): readonly Json[] => {
  if (VALUES.has(key)) return []
  if (TABLES.has(key) && isObject(value)) return Object.values(value)
  return Array.isArray(value) ? value : [value]
}

const every = (schema: Json, holds: (one: JsonObject) => boolean): boolean =>
  !isObject(schema) ||
  (holds(schema) &&
    Object.entries(schema).every(([key, value]) => inside(key, value).every(one => every(one, holds))))

const isOfObjects = ({ type }: JsonObject): boolean =>
  type === 'object' || (Array.isArray(type) && type.includes('object'))

/** Objects that hold anything cannot be told: every object has to say that it holds nothing but its properties. */
export const isClosable = (schema: Json): boolean =>
  every(schema, one => {
    const more = one.additionalProperties
    return !isOfObjects(one) || more === false || (more === undefined && isObject(one.properties))
  })

const closedMember = (key: string, value: Json): Json => {
  if (VALUES.has(key)) return value
  if (TABLES.has(key) && isObject(value))
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, closedValue(one)]))
  return closedValue(value)
}

const closedValue = (value: Json): Json => {
  if (Array.isArray(value)) return value.map(closedValue)
  return isObject(value) && !isExactNumber(value) ? closed(value) : value
}

/** What cannot bind the model is told to it. */
const described = (description: Json | undefined, limits: readonly (readonly [string, Json])[]): string => {
  const told = limits.map(([key, value]) => `${key}: ${JSON.stringify(value)}`).join(', ')
  return [description, `{${told}}`].filter(one => typeof one === 'string' && one !== '').join('\n\n')
}

/** A closable schema as Claude's API takes it: objects closed, limits in words. */
export const closed = (schema: JsonObject): JsonObject => {
  const members = Object.entries(schema)
  const limits = members.filter(([key, value]) => isLimit(key, value))
  const kept = members
    .filter(([key, value]) => !isLimit(key, value))
    .map(([key, value]) => [key, closedMember(key, value)] as const)
  return {
    ...Object.fromEntries(kept),
    ...(isOfObjects(schema) ? { additionalProperties: false } : {}),
    ...(limits.length === 0 ? {} : { description: described(schema.description, limits) }),
  }
}

export const LIMITS_IN_WORDS = 'limits of the schema are told in its descriptions'

/** Some of its limits are told only. */
export const isLimited = (schema: Json): boolean =>
  !every(schema, one => Object.entries(one).every(([key, value]) => !isLimit(key, value)))

/** OpenAI's `strict` wants closed objects whose every property is required, and refuses any other schema. */
export const fitsStrict = (schema: Json): boolean =>
  every(schema, one => {
    if (!isOfObjects(one)) return true
    const required: readonly Json[] = Array.isArray(one.required) ? one.required : []
    const names = isObject(one.properties) ? Object.keys(one.properties) : []
    return one.additionalProperties === false && names.every(name => required.includes(name))
  })
