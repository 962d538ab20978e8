import { isExactNumber } from '../wire/exact-json.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'

/** JSON schemas as those providers take them that bind a model to one. */

/** Keys below which schemas stand in a table, and those below which anything may stand. */
const TABLES: ReadonlySet<string> = new Set(['properties', '$defs', 'definitions'])
const VALUES: ReadonlySet<string> = new Set(['enum', 'const', 'default', 'examples', 'required'])

/** Limits that bind no Claude: its API refuses a schema with one. Source: its guide to structured outputs, JSON schema limitations. */
const LIMITS: ReadonlySet<string> = new Set([
  ...['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
  ...['minLength', 'maxLength', 'minItems', 'maxItems', 'uniqueItems', 'minProperties', 'maxProperties'],
  ...['not', 'if', 'then', 'else', 'contains', 'minContains', 'maxContains', 'prefixItems', 'propertyNames'],
  ...['dependentRequired', 'dependentSchemas', 'unevaluatedItems', 'unevaluatedProperties'],
])

/** Formats that bind. Source: the same guide, and the transformation of schemas in the official client. */
const FORMATS: ReadonlySet<Json> = new Set([
  ...['date-time', 'time', 'date', 'duration', 'email', 'hostname', 'uri', 'ipv4', 'ipv6', 'uuid'],
])

const isLimit = (key: string, value: Json): boolean =>
  key === 'format'
    ? !FORMATS.has(value)
    : LIMITS.has(key) && !(key === 'minItems' && (value === 0 || value === 1))

/** Every schema directly inside one. */
const inside = (key: string, value: Json): readonly Json[] => {
  if (VALUES.has(key)) return []
  if (TABLES.has(key) && isObject(value)) return Object.values(value)
  return Array.isArray(value) ? value : [value]
}

const insideSchemas = (key: string, value: Json): readonly JsonObject[] => inside(key, value).filter(isObject)

const every = (schema: Json, holds: (one: JsonObject) => boolean): boolean =>
  !isObject(schema) ||
  (holds(schema) &&
    Object.entries(schema).every(([key, value]) => inside(key, value).every(one => every(one, holds))))

const isOfObjects = ({ type }: JsonObject): boolean =>
  type === 'object' || (Array.isArray(type) && type.includes('object'))

/** Objects that hold anything cannot be told: every object has to say that it holds nothing but its properties. */
const isClosed = (one: JsonObject): boolean => {
  const more = one.additionalProperties
  return !isOfObjects(one) || more === false || (more === undefined && isObject(one.properties))
}

const isPlain = (values: Json | undefined): boolean =>
  !Array.isArray(values) ||
  values.every(value => isExactNumber(value) || typeof value !== 'object' || value === null)

/** With its reference beside it, where that stands alone in an `allOf`: pydantic wrote fields with a description so. */
const unwrapped = (schema: JsonObject): JsonObject => {
  const { allOf, ...others } = schema
  const [only, ...more]: readonly Json[] = Array.isArray(allOf) ? allOf : []
  const isReference = isObject(only) && only.$ref !== undefined && Object.keys(only).length === 1
  return isReference && more.length === 0 && others.$ref === undefined ? { ...only, ...others } : schema
}

const mergesReference = (schema: JsonObject): boolean => {
  const { allOf } = unwrapped(schema)
  return Array.isArray(allOf) && allOf.some(one => isObject(one) && one.$ref !== undefined)
}

/** `%3C` is `<`; what is no such number stays. */
const addressed = (step: string): string => {
  try {
    return decodeURIComponent(step)
  } catch {
    return step
  }
}

/** What a reference leads to; undefined: to nothing in this schema. */
export const targetOf = (root: JsonObject, reference: Json): Json | undefined => {
  if (typeof reference !== 'string' || !/^#(?:\/|$)/.test(reference)) return undefined
  return reference
    .split('/')
    .slice(1)
    .map(step => addressed(step).replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<Json | undefined>(
      (at, step) => (isObject(at) && Object.hasOwn(at, step) ? at[step] : undefined),
      root,
    )
}

/** References one behind the other; nobody's schema has as many, and each is a step of recursion. */
const DEEPEST = 500

/** Every reference leads to something here, and none to something that it stands in: a grammar is made of the schema. */
const endsEverywhere = (root: JsonObject): boolean => {
  const done = new Set<JsonObject>()
  const open = new Set<JsonObject>()
  const ends = (schema: Json | undefined): boolean => {
    if (!isObject(schema)) return typeof schema === 'boolean'
    if (done.has(schema)) return true
    if (open.has(schema) || open.size > DEEPEST) return false
    open.add(schema)
    const led = schema.$ref === undefined || ends(targetOf(root, schema.$ref))
    const ended = led && Object.entries(schema).every(([key, value]) => insideSchemas(key, value).every(ends))
    open.delete(schema)
    done.add(schema)
    return ended
  }
  return ends(root)
}

/**
 * Claude can be bound to it: its objects hold nothing but their properties, and it does not lead back to itself
 * (`Circular reference detected in schema definitions`).
 */
export const isClosable = (schema: JsonObject): boolean =>
  every(
    schema,
    one =>
      isClosed(one) &&
      one.patternProperties === undefined &&
      isPlain(one.enum) &&
      isPlain([one.const ?? null]) &&
      !mergesReference(one),
  ) && endsEverywhere(schema)

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
export const described = (
  description: Json | undefined,
  limits: readonly (readonly [string, Json])[],
): string => {
  const told = limits.map(([key, value]) => `${key}: ${JSON.stringify(value)}`).join(', ')
  return [description, `{${told}}`].filter(one => typeof one === 'string' && one !== '').join('\n\n')
}

/** `oneOf` is refused: that no second one fits is not said. */
const boundName = (key: string, { anyOf }: JsonObject): string =>
  key === 'oneOf' && anyOf === undefined ? 'anyOf' : key

/** A closable schema as Claude's API takes it: objects closed, limits in words. */
export const closed = (schema: JsonObject): JsonObject => {
  const members = Object.entries(unwrapped(schema)).map(
    ([key, value]) => [boundName(key, schema), value] as const,
  )
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
