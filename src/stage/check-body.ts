import type { RouteParameters } from '../dialects/openai-parameters.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { ITEM_KEYS, NEWER_ITEM_KEYS, UNPUBLISHED_ITEM_KEYS } from './columns.ts'
import type { Flavour } from './flavour.ts'
import type { Field } from './form.ts'
import { parseForm } from './form.ts'
import { invalidType, invalidValue, missingParameter, refuse, unknownParameter } from './refusal.ts'
import { duplicateKey } from './strict-json.ts'

const NOT_JSON =
  'We could not parse the JSON body of your request. The API expects a JSON payload, but what was sent was not valid JSON.'

const typeOf = (value: Json): string => {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  return typeof value
}

const NAMES: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  integer: 'an integer',
  boolean: 'a boolean',
  array: 'an array',
  object: 'an object',
  null: 'null',
}

const fits = (type: string, allowed: readonly string[]): boolean =>
  allowed.includes(type) || (type === 'integer' && allowed.includes('number'))

const named = (type: string): string => NAMES[type] ?? type

const checkType = (name: string, value: Json, list: string): void => {
  const allowed = list.split(' | ')
  const type = typeOf(value)
  if (!fits(type, allowed)) throw invalidType(name, allowed.map(named).join(' or '), named(type))
}

/** The JSON object of a body: whole, UTF-8, no key twice at any depth. */
export const readJson = (bytes: Uint8Array): JsonObject => {
  let value: Json
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    value = JSON.parse(text)
  } catch {
    throw refuse(400, NOT_JSON)
  }
  if (!isObject(value))
    throw refuse(400, `Invalid body: expected an object, but got ${named(typeOf(value))} instead.`)
  const twice = duplicateKey(text)
  if (twice !== undefined)
    throw refuse(400, `The key '${twice}' occurs twice in one object.`, {
      param: twice,
      code: 'duplicate_key',
    })
  return value
}

/** Required first, unknown next, types last: the order in which the provider complains. */
export const checkJson = (body: JsonObject, rules: RouteParameters, accepts: readonly string[]): void => {
  for (const name of rules.required) if (body[name] === undefined) throw missingParameter(name)
  for (const [name, value] of Object.entries(body)) {
    const types = Object.hasOwn(rules.parameters, name) ? rules.parameters[name] : undefined
    if (types === undefined && !accepts.includes(name)) throw unknownParameter(name)
    if (types !== undefined) checkType(name, value, types)
  }
  if (body.metadata !== undefined && body.metadata !== null) checkMetadata(body.metadata)
}

const checkMetadata = (metadata: Json): void => {
  if (!isObject(metadata)) return
  const entries = Object.entries(metadata)
  if (entries.length > 16)
    throw refuse(400, "Invalid 'metadata': too many properties.", {
      param: 'metadata',
      code: 'object_above_max_properties',
    })
  for (const [key, value] of entries) {
    if (typeof value !== 'string') throw invalidType(`metadata.${key}`, 'a string', named(typeOf(value)))
  }
}

/** What the ids of items begin with that clients send back; for the other kinds nothing is known of a check. */
const ITEM_PREFIXES: Readonly<Record<string, string>> = {
  message: 'msg',
  reasoning: 'rs',
  function_call: 'fc',
  custom_tool_call: 'ctc',
}
const LONGEST_ID = 64

const checkId = (item: JsonObject, type: string, at: string): void => {
  for (const key of ['id', 'call_id']) {
    const id = item[key]
    if (typeof id !== 'string') continue
    const path = `${at}.${key}`
    if (id.length > LONGEST_ID)
      throw refuse(
        400,
        `Invalid '${path}': string too long. Expected a string with maximum length ${LONGEST_ID}, but got a string with length ${id.length} instead.`,
        { param: path, code: 'string_above_max_length' },
      )
    if (key !== 'id') continue
    const said = `Invalid '${path}': '${id}'. Expected an ID that`
    if (!/^[\w-]+$/.test(id))
      throw invalidValue(
        path,
        `${said} contains letters, numbers, underscores, or dashes, but this value contained additional characters.`,
      )
    const prefix = ITEM_PREFIXES[type] ?? ''
    if (!id.startsWith(prefix)) throw invalidValue(path, `${said} begins with '${prefix}'.`)
  }
}

/** Ids, and unknown keys, inside Responses input items: `Unknown parameter: 'input[3].metadata'.` */
export const checkItems = (
  input: Json | undefined,
  { flavour, accepts }: { readonly flavour: Flavour; readonly accepts: readonly string[] },
): void => {
  if (!Array.isArray(input)) return
  const items: readonly Json[] = input
  items.forEach((item, index) => {
    const at = `input[${index}]`
    if (!isObject(item)) throw invalidType(at, 'an object', named(typeOf(item)))
    const type = typeof item.type === 'string' ? item.type : 'message'
    const known = flavour === 'openai' ? { ...NEWER_ITEM_KEYS, ...ITEM_KEYS } : ITEM_KEYS
    const keys = Object.hasOwn(known, type) ? known[type] : undefined
    if (keys === undefined && accepts.includes(type)) return
    if (keys === undefined) {
      throw refuse(400, `Invalid value: '${type}'. Supported values are listed in the API reference.`, {
        param: at,
        code: 'invalid_value',
      })
    }
    const more = flavour === 'openai' ? UNPUBLISHED_ITEM_KEYS : []
    for (const key of Object.keys(item))
      if (key !== 'type' && !keys.includes(key) && !more.includes(key)) throw unknownParameter(`${at}.${key}`)
    checkId(item, type, at)
    if (type === 'message' && item.role === undefined) throw missingParameter(`${at}.role`)
    if (type === 'message' && item.content === undefined) throw missingParameter(`${at}.content`)
  })
}

export type FormBody = { readonly body: JsonObject; readonly fields: readonly Field[] }

/** A multipart body, checked as a JSON one is; text fields are read by their parameter's type. */
export const readForm = (
  bytes: Uint8Array,
  contentType: string,
  rules: RouteParameters,
  accepts: readonly string[],
): FormBody => {
  const fields = parseForm(bytes, contentType)
  if (typeof fields === 'string') throw refuse(400, `Could not parse multipart form: ${fields}.`)
  const body: Record<string, Json> = {}
  for (const field of fields) {
    const types = Object.hasOwn(rules.parameters, field.name) ? rules.parameters[field.name] : undefined
    if (types === undefined && !accepts.includes(field.name)) throw unknownParameter(field.name)
    const value = formValue(field, types ?? 'string')
    const before = body[field.name]
    if (field.list && types?.includes('array'))
      body[field.name] = [...(Array.isArray(before) ? before : []), value]
    else if (field.key !== undefined && types?.includes('object')) {
      body[field.name] = { ...(isObject(before) ? before : {}), [field.key]: value }
    } else if (before !== undefined) {
      throw refuse(400, `Duplicate parameter: '${field.name}'.`, {
        param: field.name,
        code: 'duplicate_parameter',
      })
    } else body[field.name] = value
  }
  for (const name of rules.required) if (body[name] === undefined) throw missingParameter(name)
  return { body, fields }
}

const FILES = new Set(['file', 'image', 'mask'])

const formValue = (field: Field, types: string): Json => {
  if (FILES.has(field.name)) {
    if (field.filename === undefined) throw invalidType(field.name, 'a file', 'a string')
    return field.filename
  }
  const text = Buffer.from(field.bytes).toString()
  if (field.list || field.key !== undefined || types.includes('string')) return text
  if (types.includes('boolean')) {
    if (text === 'true' || text === 'false') return text === 'true'
    throw invalidType(field.name, 'a boolean', 'a string')
  }
  if (types.includes('integer') || types.includes('number')) {
    const value = Number(text)
    if (text.trim() === '' || !fits(typeOf(value), types.split(' | ')) || Number.isNaN(value)) {
      throw invalidType(field.name, types.includes('integer') ? 'an integer' : 'a number', 'a string')
    }
    return value
  }
  if (types.includes('object') || types.includes('array')) {
    try {
      return JSON.parse(text)
    } catch {
      return text
    }
  }
  return text
}
