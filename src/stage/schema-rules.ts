import { isObject, type Json, type JsonObject } from '../wire/json.ts'

/** What providers demand of a JSON schema that they bind a model to. */

/** Keys below which schemas stand in a table, and those below which anything may stand. */
const TABLES: ReadonlySet<string> = new Set(['properties', '$defs', 'definitions', 'patternProperties'])
const VALUES: ReadonlySet<string> = new Set(['enum', 'const', 'default', 'examples', 'required'])

type Judge = (schema: JsonObject) => string | undefined

const inside = (key: string, value: Json): readonly Json[] => {
  if (VALUES.has(key)) return []
  if (TABLES.has(key) && isObject(value)) return Object.values(value)
  return Array.isArray(value) ? value : [value]
}

const firstFault = (schema: Json, judge: Judge): string | undefined => {
  if (!isObject(schema)) return undefined
  const own = judge(schema)
  if (own !== undefined) return own
  for (const [key, value] of Object.entries(schema))
    for (const one of inside(key, value)) {
      const found = firstFault(one, judge)
      if (found !== undefined) return found
    }
  return undefined
}

const isObjectSchema = ({ type }: JsonObject): boolean =>
  type === 'object' || (Array.isArray(type) && type.includes('object'))

/** Of names that lead from one definition to the next: one that comes back, in the words of Anthropic's API. */
const circleIn = (schema: JsonObject): string | undefined => {
  const definitions = isObject(schema.$defs) ? schema.$defs : {}
  const from = (name: string, way: readonly string[]): string | undefined => {
    if (way.includes(name)) return [...way.slice(way.indexOf(name)), name].join(' -> ')
    const target = name === '#' ? schema : definitions[name]
    const named = [...JSON.stringify(target ?? {}).matchAll(/"\$ref":"#(?:\/\$defs\/([^"]+))?"/g)]
    return named.map(([, next]) => from(next ?? '#', [...way, name])).find(found => found !== undefined)
  }
  const circle = from('#', [])
  return circle === undefined
    ? undefined
    : `Circular reference detected in schema definitions: ${circle}. Self-referencing or mutually-referencing definitions are not supported.`
}

const LIMITS = [
  'oneOf',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'maxItems',
  'uniqueItems',
]

const closedFault: Judge = schema => {
  if (isObjectSchema(schema) && schema.additionalProperties !== false)
    return "For 'object' type, 'additionalProperties' must be explicitly set to false"
  const limit = LIMITS.find(name => schema[name] !== undefined)
  return limit === undefined ? undefined : `property '${limit}' is not supported`
}

/** Anthropic's structured outputs, on its own service and on Bedrock: objects say that they hold nothing else, and nothing has limits. */
export const notClosed = (schema: Json): string | undefined =>
  firstFault(schema, closedFault) ?? (isObject(schema) ? circleIn(schema) : undefined)

/** What a tool's schema chooses among at its top, which neither OpenAI nor Anthropic takes. */
export const choiceAtTop = (schema: Json, keys: readonly string[]): boolean =>
  isObject(schema) && keys.some(key => schema[key] !== undefined)

/** OpenAI, where `strict` is true: closed objects whose every property is required. */
export const notStrict = (schema: Json): string | undefined =>
  firstFault(schema, one => {
    if (!isObjectSchema(one)) return undefined
    if (one.additionalProperties !== false)
      return "'additionalProperties' is required to be supplied and to be false."
    const names = isObject(one.properties) ? Object.keys(one.properties) : []
    const required: readonly Json[] = Array.isArray(one.required) ? one.required : []
    const missing = names.find(name => !required.includes(name))
    return missing === undefined
      ? undefined
      : `'required' is required to be supplied and to be an array including every key in properties. Missing '${missing}'.`
  })
