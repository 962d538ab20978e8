import { spelled } from '../dialects/read-json.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { invalidType, invalidValue, refuse } from './refusal.ts'
import {
  checkChosen,
  checkFunction,
  checkName,
  checkStrict,
  checkUser,
  checkWord,
  tooLong,
} from './tool-rules.ts'

/** What the Responses API accepts inside its items and tools, by OpenAI's published shape and errors. */

const ASKED = ['input_text', 'input_image', 'input_file']
const SAID = ['output_text', 'refusal']

const OUTPUT_OF: Readonly<Record<string, string>> = {
  function_call: 'function_call_output',
  custom_tool_call: 'custom_tool_call_output',
}

const checkParts = (content: Json | undefined, allowed: readonly string[], at: string): void => {
  if (!Array.isArray(content)) return
  for (const [index, part] of content.entries()) {
    const type = isObject(part) ? spelled(part.type) : typeof part
    if (!allowed.includes(type))
      throw invalidValue(
        `${at}[${index}]`,
        `Invalid value: '${type}'. Supported values are: ${allowed.map(one => `'${one}'`).join(', ')}.`,
      )
  }
}

const checkCallId = (id: Json | undefined, at: string): void => {
  if (typeof id !== 'string' || id === '') throw invalidType(`${at}.call_id`, 'a string', 'another type')
  if (id.length > 64) throw tooLong(`${at}.call_id`, 64, id)
}

const checkItem = (item: JsonObject, at: string): void => {
  const type = typeof item.type === 'string' ? item.type : 'message'
  if (type === 'message')
    return checkParts(item.content, item.role === 'assistant' ? SAID : ASKED, `${at}.content`)
  const call = OUTPUT_OF[type] !== undefined
  if (!call && !Object.values(OUTPUT_OF).includes(type)) return
  checkCallId(item.call_id, at)
  if (!call) return checkParts(item.output, ASKED, `${at}.output`)
  checkName(item.name, `${at}.name`)
  const member = type === 'function_call' ? 'arguments' : 'input'
  if (typeof item[member] !== 'string') throw invalidType(`${at}.${member}`, 'a string', 'another type')
}

/** Every call has its output, somewhere after it, and every output its call. */
const checkAnswers = (items: readonly JsonObject[]): void => {
  const ids = (type: string): readonly Json[] =>
    items.flatMap(item => (item.type === type ? [item.call_id ?? ''] : []))
  for (const [call, output] of Object.entries(OUTPUT_OF)) {
    const [called, answered] = [ids(call), ids(output)]
    const open = called.find(id => !answered.includes(id))
    if (open !== undefined)
      throw refuse(400, `No tool output found for function call ${spelled(open)}.`, { param: 'input' })
    const stray = answered.find(id => !called.includes(id))
    if (stray !== undefined)
      throw refuse(400, `No tool call found for function call output with call_id ${spelled(stray)}.`, {
        param: 'input',
      })
  }
}

const checkTools = (body: JsonObject): void => {
  const tools: readonly Json[] = Array.isArray(body.tools) ? body.tools : []
  const names = tools.filter(isObject).flatMap((tool, index) => {
    if (tool.type !== 'function' && tool.type !== 'custom') return []
    checkName(tool.name, `tools[${index}].name`)
    if (tool.type === 'function') checkFunction(tool, `tools[${index}].parameters`)
    return [spelled(tool.name)]
  })
  const choice = body.tool_choice
  if (isObject(choice) && (choice.type === 'function' || choice.type === 'custom'))
    checkChosen(choice.name, names)
}

const checkText = (body: JsonObject): void => {
  const format = isObject(body.text) ? body.text.format : undefined
  if (!isObject(format)) return
  checkWord(format, body.input, 'input')
  if (format.type !== 'json_schema') return
  checkName(format.name, 'text.format.name')
  checkStrict(format.strict, format.schema, `response_format '${spelled(format.name)}'`)
}

/**
 * Throws StageRefusal; keys are checked before. `whole`: the items are the whole conversation, so that calls and outputs
 * have to be among them.
 */
export const checkResponses = (body: JsonObject, whole: boolean): void => {
  const items = (Array.isArray(body.input) ? body.input : []).filter(isObject)
  for (const [index, item] of items.entries()) checkItem(item, `input[${index}]`)
  if (whole) checkAnswers(items)
  checkTools(body)
  checkText(body)
  checkUser(body)
}
