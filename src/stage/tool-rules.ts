import { spelled } from '../dialects/read-json.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { invalidValue, refuse, type StageRefusal } from './refusal.ts'
import { choiceAtTop, notStrict } from './schema-rules.ts'

/** What OpenAI's two APIs for text demand of tools, formats and names alike. Each check throws StageRefusal. */

const NAME = /^[a-zA-Z0-9_-]{1,64}$/

export const tooLong = (param: string, most: number, text: string): StageRefusal =>
  refuse(
    400,
    `Invalid '${param}': string too long. Expected a string with maximum length ${most}, but got a string with length ${text.length} instead.`,
    { param, code: 'string_above_max_length' },
  )

export const checkName = (name: Json | undefined, param: string): void => {
  if (typeof name === 'string' && NAME.test(name)) return
  throw invalidValue(
    param,
    `Invalid '${param}': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.`,
  )
}

/** `what`: 'function' or 'response_format', with its name. */
export const checkStrict = (strict: Json | undefined, schema: Json | undefined, what: string): void => {
  const fault = strict === true ? notStrict(schema ?? null) : undefined
  if (fault !== undefined)
    throw refuse(400, `Invalid schema for ${what}: In context=(), ${fault}`, {
      code: 'invalid_function_parameters',
    })
}

const AT_TOP = ['oneOf', 'anyOf', 'allOf', 'enum', 'not'] as const

/** `param`: where its schema stands. */
export const checkFunction = (made: JsonObject, param: string): void => {
  const what = `function '${spelled(made.name)}'`
  if (choiceAtTop(made.parameters ?? null, AT_TOP))
    throw refuse(
      400,
      `Invalid schema for ${what}: schema must have type 'object' and not have ${AT_TOP.map(key => `'${key}'`).join('/')} at the top level.`,
      { code: 'invalid_function_parameters', param },
    )
  checkStrict(made.strict, made.parameters, what)
}

export const checkChosen = (name: Json | undefined, names: readonly string[]): void => {
  if (typeof name === 'string' && !names.includes(name))
    throw invalidValue('tool_choice', `Tool choice '${name}' not found in 'tools' parameter.`)
}

export const checkUser = ({ user }: JsonObject): void => {
  if (typeof user === 'string' && user.length > 64) throw tooLong('user', 64, user)
}

/** The mode that wants the word said to the model somewhere. */
export const checkWord = (format: Json | undefined, said: Json | undefined, param: string): void => {
  if (!isObject(format) || format.type !== 'json_object' || /json/i.test(JSON.stringify(said ?? ''))) return
  throw invalidValue(
    param,
    `'${param}' must contain the word 'json' in some form, to use a format of type 'json_object'.`,
  )
}
