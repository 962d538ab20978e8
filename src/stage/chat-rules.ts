import { spelled } from '../dialects/read-json.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { invalidType, invalidValue, missingParameter, unknownParameter } from './refusal.ts'
import {
  checkChosen,
  checkFunction,
  checkName,
  checkStrict,
  checkUser,
  checkWord,
  tooLong,
} from './tool-rules.ts'

/** What Chat Completions accepts of messages and tools, by OpenAI's published shape and errors. */

const MESSAGE_KEYS = new Set([
  'role',
  'content',
  'name',
  'refusal',
  'audio',
  'function_call',
  'tool_calls',
  'tool_call_id',
])

/** Content parts by who may say them. */
const PARTS: Readonly<Record<string, readonly string[]>> = {
  developer: ['text'],
  system: ['text'],
  user: ['text', 'image_url', 'input_audio', 'file'],
  assistant: ['text', 'refusal'],
  tool: ['text'],
  function: [],
}

const listIn = (object: JsonObject, key: string): readonly JsonObject[] => {
  const value = object[key]
  return Array.isArray(value) ? value.filter(isObject) : []
}

const checkContent = (message: JsonObject, at: string): void => {
  const { content, role } = message
  const name = spelled(role)
  const parts = Object.hasOwn(PARTS, name) ? PARTS[name] : undefined
  if (parts === undefined)
    throw invalidValue(`${at}.role`, `Invalid value: '${spelled(role)}'. Supported values are: 'system', …`)
  if (content === undefined || content === null) {
    const speaks = ['tool_calls', 'function_call', 'refusal', 'audio'].some(key => isGiven(message[key]))
    if (role !== 'assistant' || !speaks)
      throw invalidType(`${at}.content`, 'a string or an array', content === null ? 'null' : 'nothing')
    return
  }
  if (typeof content === 'string') return
  if (!Array.isArray(content)) throw invalidType(`${at}.content`, 'a string or an array', 'another type')
  if (content.length === 0)
    throw invalidValue(`${at}.content`, `Invalid '${at}.content': empty array. Expected at least one part.`)
  for (const [index, part] of content.entries())
    if (!isObject(part) || !parts.includes(spelled(part.type)))
      throw invalidValue(
        `${at}.content[${index}]`,
        `Invalid value: '${isObject(part) ? spelled(part.type) : typeof part}'. Supported values are: ${parts.map(one => `'${one}'`).join(', ')}.`,
      )
}

const isGiven = (value: Json | undefined): boolean => value !== undefined && value !== null

const checkCalls = (message: JsonObject, at: string): readonly string[] => {
  if (!isGiven(message.tool_calls)) return []
  const calls = listIn(message, 'tool_calls')
  if (calls.length === 0) throw invalidValue(`${at}.tool_calls`, `Invalid '${at}.tool_calls': empty array.`)
  return calls.map(({ id, type, ...call }, index) => {
    const place = `${at}.tool_calls[${index}]`
    if (typeof id !== 'string') throw missingParameter(`${place}.id`)
    if (id.length > 40) throw tooLong(`${place}.id`, 40, id)
    const made = type === 'custom' ? call.custom : call.function
    if (!isObject(made)) throw missingParameter(`${place}.${type === 'custom' ? 'custom' : 'function'}`)
    checkName(made.name, `${place}.${spelled(type)}.name`)
    const text = type === 'custom' ? made.input : made.arguments
    if (typeof text !== 'string') throw invalidType(`${place}.arguments`, 'a string', 'another type')
    return id
  })
}

/** The messages that follow an assistant's calls answer each of them, and nothing else stands between. */
const checkAnswers = (messages: readonly JsonObject[]): void => {
  let open: readonly string[] = []
  let after = false
  for (const [index, message] of messages.entries()) {
    const { role, tool_call_id: id } = message
    if (role === 'tool') {
      if (!after || typeof id !== 'string' || !open.includes(id))
        throw invalidValue(
          `messages[${index}].role`,
          "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
        )
      open = open.filter(one => one !== id)
      continue
    }
    if (open.length > 0) throw unanswered(index, open)
    const calls = listIn(message, 'tool_calls')
    open = calls.map(call => spelled(call.id))
    after = open.length > 0
  }
  if (open.length > 0) throw unanswered(messages.length, open)
}

const unanswered = (index: number, ids: readonly string[]) =>
  invalidValue(
    `messages[${index}].role`,
    `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${ids.join(', ')}`,
  )

const checkTool = (tool: JsonObject, at: string): string => {
  const kind = tool.type === 'custom' ? 'custom' : 'function'
  const made = tool[kind]
  if (!isObject(made)) throw missingParameter(`${at}.${kind}`)
  checkName(made.name, `${at}.${kind}.name`)
  checkFunction(made, `${at}.${kind}.parameters`)
  return spelled(made.name)
}

const checkTools = (body: JsonObject): void => {
  const names = listIn(body, 'tools').map((tool, index) => checkTool(tool, `tools[${index}]`))
  const older = listIn(body, 'functions').map(one => spelled(one.name))
  if (Array.isArray(body.tools) && body.tools.length === 0)
    throw invalidValue('tools', "Invalid 'tools': empty array. Expected an array with minimum length 1.")
  for (const key of ['tool_choice', 'parallel_tool_calls'])
    if (names.length === 0 && isGiven(body[key]))
      throw invalidValue(key, `'${key}' is only allowed when 'tools' are specified.`)
  const choice = body.tool_choice
  if (isObject(choice))
    for (const kind of ['function', 'custom'])
      if (isObject(choice[kind])) checkChosen(choice[kind].name, [...names, ...older])
}

const checkSettings = (body: JsonObject): void => {
  const { stop, response_format: format } = body
  if (Array.isArray(stop) && stop.length > 4)
    throw invalidValue('stop', "Invalid 'stop': array too long. Expected an array with maximum length 4.")
  checkUser(body)
  if (!isObject(format)) return
  checkWord(format, body.messages, 'messages')
  if (!isObject(format.json_schema)) return
  checkName(format.json_schema.name, 'response_format.json_schema.name')
  checkStrict(format.json_schema.strict, format.json_schema.schema, 'response_format')
}

/** Throws StageRefusal; the top-level names and types are checked before. */
export const checkChat = (body: JsonObject): readonly JsonObject[] => {
  const given = Array.isArray(body.messages) ? body.messages : []
  if (given.length === 0)
    throw invalidValue(
      'messages',
      "Invalid 'messages': empty array. Expected an array with minimum length 1.",
    )
  const messages = given.map((message: Json, index) => {
    const at = `messages[${index}]`
    if (!isObject(message)) throw invalidType(at, 'an object', 'another type')
    for (const key of Object.keys(message)) if (!MESSAGE_KEYS.has(key)) throw unknownParameter(`${at}.${key}`)
    if (typeof message.role !== 'string') throw missingParameter(`${at}.role`)
    checkContent(message, at)
    checkCalls(message, at)
    return message
  })
  checkAnswers(messages)
  checkTools(body)
  checkSettings(body)
  return messages
}
