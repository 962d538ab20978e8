import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { described, targetOf } from './bound-schema.ts'
import type { Losses } from './losses.ts'
import { listOf } from './read-json.ts'

/**
 * The top of a tool's schema, as OpenAI and Claude's API take it: an object, and no choice between whole schemas. Gemini,
 * Mistral and others take one. (`input_schema does not support oneOf, allOf, or anyOf at the top level`, `schema must have
 * type 'object' and not have 'oneOf'/'anyOf'/'allOf'/'enum'/'not' at the top level`)
 */

const CHOICES = ['oneOf', 'anyOf'] as const
const REFUSED: readonly string[] = [...CHOICES, 'allOf', 'not', 'enum', 'const']

/** References one behind the other that are followed. */
const DEEPEST = 16

/** Branches that are looked into for one schema, and characters of descriptions that are compared: few references make many. */
const MOST = { branches: 4096, compared: 256 * 1024 }

/** Where in which schema. What is open leads no further, because a schema may refer to itself; nothing is made twice. */
type Place = {
  readonly budget: { branches: number; compared: number }
  readonly root: JsonObject
  readonly open: readonly JsonObject[]
  readonly made: Map<JsonObject, JsonObject>
}

const branchesOf = (schema: JsonObject, key: string, place: Place): readonly JsonObject[] => {
  if (place.open.length > DEEPEST) return []
  const list = listOf(schema[key]) ?? []
  place.budget.branches -= list.length
  if (place.budget.branches < 0) return []
  return list
    .map(one => (isObject(one) && one.$ref !== undefined ? targetOf(place.root, one.$ref) : one))
    .filter(one => one !== undefined)
    .filter(isObject)
    .filter(one => !place.open.includes(one))
    .map(one => ([...CHOICES, 'allOf'].some(each => one[each] !== undefined) ? flat(one, place) : one))
}

const propertiesOf = ({ properties }: JsonObject): JsonObject => (isObject(properties) ? properties : {})
const requiredOf = ({ required }: JsonObject): readonly Json[] => listOf(required) ?? []

/** A property that two branches describe differently is either; where too much has been compared it may be anything. */
const merged = (branches: readonly JsonObject[], { budget }: Place): JsonObject => {
  const found = new Map<string, Map<string, Json>>()
  const add = (name: string, schema: Json): void => {
    const others = found.get(name)
    if (budget.compared <= 0) return void found.set(name, new Map([['', others === undefined ? schema : {}]]))
    const text = JSON.stringify(schema)
    budget.compared -= text.length
    found.set(name, (others ?? new Map<string, Json>()).set(text, schema))
  }
  for (const branch of branches)
    for (const [name, schema] of Object.entries(propertiesOf(branch))) add(name, schema)
  const either = ([first = {}, ...more]: readonly Json[]): Json =>
    more.length === 0 ? first : { anyOf: [first, ...more] }
  return Object.fromEntries([...found].map(([name, schemas]) => [name, either([...schemas.values()])]))
}

/** What every one of them wants. */
const common = ([first = {}, ...others]: readonly JsonObject[]): readonly Json[] => {
  const wanted = others.map(branch => new Set(requiredOf(branch)))
  return requiredOf(first).filter(name => wanted.every(names => names.has(name)))
}

/** What stands beside the choices. */
const ownOf = (schema: JsonObject): JsonObject => ({
  ...Object.fromEntries(Object.entries(schema).filter(([key]) => !REFUSED.includes(key))),
  type: 'object',
})

/** One object that every value of the schema fits. */
const flat = (schema: JsonObject, place: Place): JsonObject => {
  const before = place.made.get(schema)
  if (before !== undefined) return before
  const within = { ...place, open: [...place.open, schema] }
  const all = branchesOf(schema, 'allOf', within)
  const some = CHOICES.map(key => branchesOf(schema, key, within))
  const branches = [...all, ...some.flat()]
  const required = new Set([...requiredOf(schema), ...all.flatMap(requiredOf), ...some.flatMap(common)])
  const isClosed = branches.length > 0 && branches.every(({ additionalProperties: more }) => more === false)
  const made: JsonObject = {
    ...(isClosed ? { additionalProperties: false } : {}),
    ...ownOf(schema),
    properties: { ...merged(branches, place), ...propertiesOf(schema) },
    ...(required.size === 0 ? {} : { required: [...required] }),
  }
  place.made.set(schema, made)
  return made
}

/** What its top chooses among is told in its description. `name`: the schema, as the client calls it. */
export const rooted = (schema: JsonObject, name: string, losses: Losses): JsonObject => {
  const told = Object.entries(schema).filter(([key]) => REFUSED.includes(key))
  if (told.length === 0) return schema.type === undefined ? { type: 'object', ...schema } : schema
  losses.warn(name, 'a choice at the top of a schema binds no model here: it is told in its description')
  const budget = { ...MOST }
  const made = flat(schema, { root: schema, open: [], made: new Map(), budget })
  return {
    // Of more branches than anybody means, what is common to all is not known: it is an object.
    ...(budget.branches < 0 ? ownOf(schema) : made),
    description: described(schema.description, told),
  }
}
