import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { StageRefusal } from './refusal.ts'

/** google.rpc.Status as the API writes it. */
export const googleError = (
  code: number,
  status: string,
  message: string,
  details: readonly JsonObject[] = [],
): StageRefusal =>
  new StageRefusal(code, { code, message, status, ...(details.length === 0 ? {} : { details }) })

export const invalid = (message: string): StageRefusal => googleError(400, 'INVALID_ARGUMENT', message)

/** What a JSON body that is no request is told, field by field. */
const payload = (description: string): StageRefusal =>
  googleError(400, 'INVALID_ARGUMENT', `Invalid JSON payload received. ${description}`, [
    {
      '@type': 'type.googleapis.com/google.rpc.BadRequest',
      fieldViolations: [{ description: `Invalid JSON payload received. ${description}` }],
    },
  ])

/** A message of the published schema: its fields, and of which kind each is. */
export type Message = { readonly [field: string]: Kind }
export type Kind =
  | 'string'
  | 'number'
  | 'integer'
  | 'boolean'
  /** Anything at all: Struct, Value, or a message whose inside no rehearsal needs. */
  | 'any'
  | { readonly of: () => Message }
  | { readonly list: Kind }
  /** Keys of anybody's choice. */
  | { readonly map: Kind }

const snakeOf = (name: string): string => name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)

const fits = (value: Json, kind: Kind): boolean => {
  if (typeof kind === 'object') return isObject(value)
  if (kind === 'any') return true
  if (kind === 'integer')
    return Number.isInteger(value) || (typeof value === 'string' && /^-?\d+$/.test(value))
  return typeof value === kind
}

const where = (path: string): string => (path === '' ? '' : ` at '${path}'`)

const unknown = (name: string, path: string): StageRefusal =>
  payload(`Unknown name "${name}"${where(path)}: Cannot find field.`)

const wrong = (path: string, value: Json): StageRefusal =>
  payload(`Invalid value${where(path)}, ${JSON.stringify(value).slice(0, 60)}`)

const checkValue = (value: Json, kind: Kind, path: string): void => {
  // null is what is not there.
  if (value === null) return
  if (typeof kind === 'object' && 'list' in kind) {
    if (!Array.isArray(value)) throw wrong(path, value)
    for (const [index, one] of value.entries()) checkValue(one, kind.list, `${path}[${index}]`)
    return
  }
  if (!fits(value, kind)) throw wrong(path, value)
  if (typeof kind !== 'object' || !isObject(value)) return
  if ('of' in kind) checkMessage(value, kind.of(), path)
  else for (const [key, one] of Object.entries(value)) checkValue(one, kind.map, `${path}.${key}`)
}

/** Throws the API's answer to a member that no published version of the message has, or that is of another type. */
export const checkMessage = (value: JsonObject, message: Message, path = ''): void => {
  for (const [name, one] of Object.entries(value)) {
    const kind = Object.entries(message).find(([field]) => field === name || snakeOf(field) === name)?.[1]
    if (kind === undefined) throw unknown(name, path)
    checkValue(one, kind, path === '' ? snakeOf(name) : `${path}.${snakeOf(name)}`)
  }
}
