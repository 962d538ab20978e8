import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { camelOf } from './gemini-words.ts'

/** Members of the API's own Schema (a subset of OpenAPI 3.0) that hold a schema, a list of them, or a table of them. */
const ONE: ReadonlySet<string> = new Set(['items', 'additionalProperties'])
const MANY: ReadonlySet<string> = new Set(['anyOf', 'oneOf', 'allOf', 'prefixItems'])
/** 64-bit integers are written as text. */
const COUNTS: ReadonlySet<string> = new Set([
  'maxItems',
  'minItems',
  'maxLength',
  'minLength',
  'maxProperties',
  'minProperties',
])
const OPENAPI_ONLY: ReadonlySet<string> = new Set(['nullable', 'example', 'propertyOrdering'])

const typeOf = (written: Json, nullable: boolean): Json | undefined => {
  if (typeof written !== 'string') return written
  const type = written.toLowerCase()
  if (type === 'type_unspecified') return undefined
  return nullable && type !== 'null' ? [type, 'null'] : type
}

const memberOf = (name: string, value: Json): Json => {
  if (ONE.has(name) && isObject(value)) return jsonSchemaOf(value)
  if (MANY.has(name) && Array.isArray(value))
    return value.map(one => (isObject(one) ? jsonSchemaOf(one) : one))
  if (name === 'properties' && isObject(value))
    return Object.fromEntries(
      Object.entries(value).map(([key, one]) => [key, isObject(one) ? jsonSchemaOf(one) : one]),
    )
  return COUNTS.has(name) && typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
}

/** The API's own Schema as JSON schema: types in lower case, nullable as a type, no members that only it has. */
export const jsonSchemaOf = (schema: JsonObject): JsonObject => {
  const made: Record<string, Json> = {}
  const nullable = schema.nullable === true
  for (const [written, value] of Object.entries(schema)) {
    const name = camelOf(written)
    if (OPENAPI_ONLY.has(name) || value === null) continue
    const one = name === 'type' ? typeOf(value, nullable) : memberOf(name, value)
    // The format that says that an enumeration is one.
    if (name === 'format' && value === 'enum') continue
    if (one !== undefined) made[name] = one
  }
  if (nullable && Array.isArray(made.enum) && !made.enum.includes(null)) made.enum = [...made.enum, null]
  return made
}
