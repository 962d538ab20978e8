import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { StageRefusal } from './refusal.ts'

/** What a published message of Cohere's API may hold, and its words for what it may not. */

/** An error as this API writes errors. */
export const cohereError = (status: number, message: string): StageRefusal =>
  new StageRefusal(status, { message })

export const invalid = (message: string): StageRefusal => cohereError(400, `invalid request: ${message}`)

export type Kind =
  | 'string'
  | 'number'
  | 'integer'
  | 'boolean'
  /** Any object: a schema, a document. */
  | 'object'
  | { readonly list: Kind }
  | { readonly either: readonly Kind[] }
  | { readonly one: readonly Json[] }
  | { readonly of: Fields }

/** A name that ends with `!` is required. */
export type Fields = { readonly [name: string]: Kind }

const fits = (value: Json, kind: Kind): boolean => {
  if (typeof kind === 'object') {
    if ('one' in kind) return kind.one.includes(value)
    if ('either' in kind) return kind.either.some(each => fits(value, each))
    return 'list' in kind ? Array.isArray(value) : isObject(value)
  }
  if (kind === 'object') return isObject(value)
  return kind === 'integer' ? Number.isInteger(value) : typeof value === kind
}

const nameOf = (kind: Kind): string => {
  if (typeof kind === 'string') return kind
  if ('one' in kind) return kind.one.join('|')
  if ('either' in kind) return kind.either.map(nameOf).join(' or ')
  return 'list' in kind ? 'list' : 'object'
}

const checkValue = (value: Json, kind: Kind, path: string): void => {
  if (!fits(value, kind))
    throw cohereError(422, `invalid type: parameter ${path} should be of type ${nameOf(kind)}.`)
  if (typeof kind === 'string' || 'one' in kind) return
  if ('either' in kind) {
    const fitting = kind.either.find(each => fits(value, each))
    if (fitting !== undefined) checkValue(value, fitting, path)
  } else if ('list' in kind) {
    const list: readonly Json[] = Array.isArray(value) ? value : []
    for (const [index, one] of list.entries()) checkValue(one, kind.list, `${path}[${index}]`)
  } else if (isObject(value)) checkFields(value, kind.of, path)
}

/** Throws the API's answer to a member that is missing, that nobody has published, or that is of another type. */
export const checkFields = (value: JsonObject, fields: Fields, path = ''): void => {
  const at = (name: string): string => (path === '' ? name : `${path}.${name}`)
  for (const name of Object.keys(fields).filter(one => one.endsWith('!')))
    if (value[name.slice(0, -1)] === undefined)
      throw invalid(`required field '${at(name.slice(0, -1))}' is missing`)
  for (const [name, one] of Object.entries(value)) {
    const kind = Object.hasOwn(fields, name) ? fields[name] : fields[`${name}!`]
    if (kind === undefined)
      throw cohereError(422, `invalid request: unknown field: parameter '${at(name)}' is not a valid field`)
    checkValue(one, kind, at(name))
  }
}
