import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { BLOCKS, BLOCKS_OF, MESSAGES } from './cohere-columns.ts'
import { checkFields, cohereError, invalid } from './cohere-shape.ts'
import { textOf } from './lines.ts'

/**
 * What the API wants of a request whose every member is a published one. Sentences are those of its guide to errors,
 * limits those of its published description.
 */

const objectsIn = (value: Json | undefined): readonly JsonObject[] =>
  Array.isArray(value) ? value.filter(isObject) : []

const checkBlocks = (message: JsonObject, at: string): void => {
  for (const [index, block] of objectsIn(message.content).entries()) {
    const type = String(block.type)
    const kind = BLOCKS[type]
    if (kind === undefined || BLOCKS_OF[String(message.role)]?.includes(type) !== true)
      throw invalid(
        `${at}.content[${index}]: type '${type}' is not valid for the role ${String(message.role)}`,
      )
    if (typeof kind === 'object' && 'of' in kind) checkFields(block, kind.of, `${at}.content[${index}]`)
  }
}

const isEmpty = (message: JsonObject): boolean =>
  typeof message.content === 'string'
    ? message.content.trim() === ''
    : objectsIn(message.content).length === 0

type Seen = { readonly ids: Set<string> }

const checkCalls = (message: JsonObject, { ids }: Seen): void => {
  for (const call of objectsIn(message.tool_calls)) {
    const id = String(call.id)
    if (ids.has(id)) throw cohereError(400, 'cannot have duplicate tool ids')
    ids.add(id)
    if (!isObject(call.function)) throw cohereError(400, 'tool call must be of type function')
  }
}

const checkMessage = (message: JsonObject, index: number, seen: Seen): void => {
  const at = `messages[${index}]`
  const fields = Object.hasOwn(MESSAGES, String(message.role)) ? MESSAGES[String(message.role)] : undefined
  if (fields === undefined)
    throw invalid(
      `Invalid role in messages at index ${index}. Role must be one of the following: user, assistant, system, tool`,
    )
  checkFields(message, fields, at)
  checkBlocks(message, at)
  if (message.role === 'system' && index > 0)
    throw cohereError(400, 'system turn must be the first in the list')
  if (message.role === 'tool') {
    if (!seen.ids.has(String(message.tool_call_id)))
      throw cohereError(400, 'tool call id not found in previous tool calls')
    return
  }
  checkCalls(message, seen)
  if (isEmpty(message) && objectsIn(message.tool_calls).length === 0)
    throw cohereError(400, 'message must not be empty in a turn')
}

const checkMessages = (body: JsonObject): void => {
  const messages = objectsIn(body.messages)
  const seen: Seen = { ids: new Set() }
  for (const [index, message] of messages.entries()) checkMessage(message, index, seen)
  if (!messages.some(({ role }) => role === 'user' || role === 'tool'))
    throw invalid('message must be at least 1 token long or tool results must be specified.')
}

const nameIn = (tool: JsonObject): string => (isObject(tool.function) ? String(tool.function.name) : '')

const checkTools = (body: JsonObject): void => {
  const tools = objectsIn(body.tools)
  for (const tool of tools)
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(nameIn(tool)))
      throw invalid(
        `tool names can only contain certain characters (A-Za-z0-9_) and can't begin with a digit (provided name: '${nameIn(tool)}').`,
      )
  if (body.tool_choice !== undefined && tools.length === 0)
    throw invalid('tool_choice is only supported when tools are provided')
  const schemas = tools.map(tool => (isObject(tool.function) ? tool.function.parameters : undefined))
  const optional = schemas.some(
    schema => !isObject(schema) || !Array.isArray(schema.required) || schema.required.length === 0,
  )
  if (body.strict_tools === true && optional)
    throw invalid('strict_tools needs at least one required parameter in every tool')
  const documents = Array.isArray(body.documents) && body.documents.length > 0
  if (isObject(body.response_format) && body.response_format.type === 'json_object') {
    if (tools.length > 0) throw invalid('response_format is not supported with tools.')
    if (documents) throw invalid('response_format is not supported with RAG.')
  }
}

/** Values of the published description: the least and the most. */
const RANGES: Readonly<Record<string, readonly [number, number]>> = {
  temperature: [0, 1],
  frequency_penalty: [0, 1],
  presence_penalty: [0, 1],
  k: [0, 500],
  p: [0.01, 0.99],
  seed: [0, 2 ** 64],
  max_tokens: [1, Number.MAX_SAFE_INTEGER],
  priority: [0, 999],
}

const checkRanges = (body: JsonObject): void => {
  for (const [name, [least, most]] of Object.entries(RANGES)) {
    const value = body[name]
    if (typeof value === 'number' && (value < least || value > most))
      throw invalid(`${name} must be between ${least} and ${most} inclusive.`)
  }
  if (Array.isArray(body.stop_sequences) && body.stop_sequences.length > 5)
    throw invalid('the number of stop sequences must be at most 5')
  const { thinking } = body
  if (isObject(thinking) && typeof thinking.token_budget === 'number' && thinking.token_budget < 1)
    throw invalid('thinking.token_budget must be a positive integer')
}

/** Models that think; the others are not known to take the switch for it. */
const checkThinking = (body: JsonObject): void => {
  if (body.thinking !== undefined && !/reasoning|command-a-plus/.test(String(body.model)))
    throw invalid(`thinking is not supported by model '${String(body.model)}'`)
}

export const checkChat = (body: JsonObject): void => {
  checkMessages(body)
  checkTools(body)
  checkRanges(body)
  checkThinking(body)
}

export const checkEmbed = (body: JsonObject): void => {
  const given = [body.texts, body.images, body.inputs].filter(value => value !== undefined)
  if (given.length !== 1) throw invalid('exactly one of texts, images and inputs must be given')
  const texts: readonly Json[] = Array.isArray(given[0]) ? given[0] : []
  if (texts.length > 96) throw invalid(`total number of texts must be at most 96 - received ${texts.length}`)
  const empty = texts.indexOf('')
  if (texts.length === 0 || empty >= 0)
    throw invalid(`inputs contains an element that is the empty string at index ${Math.max(0, empty)}`)
  if ((body.images !== undefined) !== (body.input_type === 'image') && body.inputs === undefined)
    throw invalid('images must be used with input_type=image')
  const sizes: readonly (Json | undefined)[] = [undefined, 256, 512, 1024, 1536]
  if (!sizes.includes(body.output_dimension))
    throw invalid('output_dimension must be one of 256, 512, 1024, 1536')
  if (body.output_dimension !== undefined && /^embed-.*v[23]/.test(String(body.model)))
    throw invalid(`output_dimension is not supported by model '${String(body.model)}'`)
}

export const checkRerank = (body: JsonObject): void => {
  const documents: readonly Json[] = Array.isArray(body.documents) ? body.documents : []
  if (documents.length === 0) throw invalid('list of documents must not be empty')
  if (textOf(body.query).trim() === '') throw invalid('query must not be empty or be only whitespace')
  const empty = documents.indexOf('')
  if (empty >= 0) throw invalid(`document at index ${empty} cannot be empty`)
}
