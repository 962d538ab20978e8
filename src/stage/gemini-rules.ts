import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { invalid } from './gemini-shape.ts'

/** What the API wants of a request whose every member is a published one: the order of turns, calls and their answers. */

export const member = (object: JsonObject, name: string): Json | undefined =>
  object[name] ?? object[name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)]

export const objectIn = (object: JsonObject, name: string): JsonObject => {
  const value = member(object, name)
  return isObject(value) ? value : {}
}

export const listIn = (object: JsonObject, name: string): readonly JsonObject[] => {
  const value = member(object, name)
  return Array.isArray(value) ? value.filter(isObject) : []
}

const textsIn = (object: JsonObject, name: string): readonly string[] => {
  const value = member(object, name)
  return Array.isArray(value) ? value.filter(one => typeof one === 'string') : []
}

export const isThird = (model: string): boolean => /gemini-(?:[3-9]|\d\d)/.test(model)

const has = (part: JsonObject, name: string): boolean => isObject(member(part, name))

const callsIn = (content: JsonObject | undefined): readonly JsonObject[] =>
  content === undefined ? [] : listIn(content, 'parts').filter(part => has(part, 'functionCall'))

const responsesIn = (content: JsonObject): readonly JsonObject[] =>
  listIn(content, 'parts').filter(part => has(part, 'functionResponse'))

const DATA = [
  'text',
  'inlineData',
  'fileData',
  'functionCall',
  'functionResponse',
  'executableCode',
  'codeExecutionResult',
  'toolCall',
  'toolResponse',
]

const checkParts = (content: JsonObject, at: string): void => {
  const parts = listIn(content, 'parts')
  if (parts.length === 0)
    throw invalid(`* GenerateContentRequest.${at}.parts: contents.parts must not be empty.\n`)
  for (const [index, part] of parts.entries())
    if (!DATA.some(name => member(part, name) !== undefined))
      throw invalid(
        `* GenerateContentRequest.${at}.parts[${index}].data: required oneof field 'data' must have one initialized field\n`,
      )
}

const checkCalls = (contents: readonly JsonObject[], index: number, at: string): void => {
  const content = contents[index] ?? {}
  const before = contents[index - 1]
  const responses = responsesIn(content)
  if (callsIn(content).length > 0 && (before === undefined || before.role === 'model'))
    throw invalid(
      'Please ensure that function call turn comes immediately after a user turn or after a function response turn.',
    )
  if (responses.length === 0) {
    if (callsIn(before).length > 0)
      throw invalid(
        'Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.',
      )
    return
  }
  const calls = callsIn(before)
  if (calls.length === 0)
    throw invalid('Please ensure that function response turn comes immediately after a function call turn.')
  if (calls.length !== responses.length)
    throw invalid(
      'Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.',
    )
  for (const [place, response] of responses.entries())
    if (!objectIn(response, 'functionResponse').name)
      throw invalid(
        `* GenerateContentRequest.${at}.parts[${place}].function_response.name: Name cannot be empty.\n`,
      )
}

/** Only the turn that goes on is looked at: everything since the user's last own words. */
const checkSignatures = (contents: readonly JsonObject[], model: string): void => {
  if (!isThird(model)) return
  const said = contents.findLastIndex(
    content => content.role !== 'model' && responsesIn(content).length < listIn(content, 'parts').length,
  )
  for (const [index, content] of contents.entries()) {
    const [first] = callsIn(content)
    if (index <= said || first === undefined || member(first, 'thoughtSignature')) continue
    throw invalid(
      `Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and missing thought_signature may lead to degraded model performance. Additional data, function call \`default_api:${String(objectIn(first, 'functionCall').name)}\` , position ${index + 1}.`,
    )
  }
}

/** Neighbours of one role are one turn: clients keep the chunks of a stream as contents. */
const turnsOf = (contents: readonly JsonObject[]): readonly JsonObject[] => {
  const turns: { role: string; parts: JsonObject[] }[] = []
  for (const content of contents) {
    const role = content.role === 'model' ? 'model' : 'user'
    const last = turns.at(-1)
    if (last?.role === role) last.parts.push(...listIn(content, 'parts'))
    else turns.push({ role, parts: [...listIn(content, 'parts')] })
  }
  return turns
}

const checkContents = (request: JsonObject, model: string): void => {
  const contents = listIn(request, 'contents')
  if (contents.length === 0) throw invalid('* GenerateContentRequest.contents: contents is not specified\n')
  for (const [index, content] of contents.entries()) {
    const at = `contents[${index}]`
    if (!['user', 'model', 'function', undefined].includes(content.role as string | undefined))
      throw invalid('Please use a valid role: user, model.')
    checkParts(content, at)
  }
  const turns = turnsOf(contents)
  for (const index of turns.keys()) checkCalls(turns, index, `contents[${index}]`)
  checkSignatures(turns, model)
}

const checkTools = (request: JsonObject): void => {
  const declared = listIn(request, 'tools').flatMap(tool => listIn(tool, 'functionDeclarations'))
  const names = declared.map(declaration => String(declaration.name ?? ''))
  for (const [index, name] of names.entries()) {
    if (!/^[A-Za-z_][A-Za-z0-9_.:-]{0,127}$/.test(name))
      throw invalid(
        `* GenerateContentRequest.tools[0].function_declarations[${index}].name: Invalid function name. Must start with a letter or an underscore.\n`,
      )
    if (names.indexOf(name) !== index) throw invalid(`Duplicate function declaration found: ${name}`)
  }
  const calling = objectIn(objectIn(request, 'toolConfig'), 'functionCallingConfig')
  const allowed = textsIn(calling, 'allowedFunctionNames')
  if (allowed.length > 0 && calling.mode !== 'ANY' && calling.mode !== 'VALIDATED')
    throw invalid(
      'Function calling config: allowed_function_names should only be set when mode is ANY or VALIDATED.',
    )
  const missing = allowed.find(name => !names.includes(name))
  if (missing !== undefined)
    throw invalid(`Function calling config: function ${missing} is not declared in tools.`)
}

const checkConfig = (request: JsonObject, model: string): void => {
  const config = objectIn(request, 'generationConfig')
  const json = member(config, 'responseMimeType') === 'application/json'
  const functions = listIn(request, 'tools').some(tool => listIn(tool, 'functionDeclarations').length > 0)
  if (json && functions && !isThird(model))
    throw invalid("Function calling with a response mime type: 'application/json' is unsupported")
  if (!json && (member(config, 'responseSchema') ?? member(config, 'responseJsonSchema')) !== undefined)
    throw invalid(
      '* GenerateContentRequest.generation_config.response_schema: only allowed with a JSON response_mime_type.\n',
    )
  if (textsIn(config, 'stopSequences').length > 5)
    throw invalid(
      '* GenerateContentRequest.generation_config.stop_sequences: the number of stop sequences must be at most 5.\n',
    )
  const { thinkingBudget: budget, thinkingLevel: level } = objectIn(config, 'thinkingConfig')
  if (budget !== undefined && level !== undefined)
    throw invalid('You can only set only one of thinking budget and thinking level.')
  const most = /pro/.test(model) ? 32_768 : 24_576
  if (typeof budget === 'number' && budget > most)
    throw invalid(`The thinking budget ${budget} is invalid. Please choose a value between 1 and ${most}.`)
  if (level !== undefined && !isThird(model)) throw invalid('Thinking level is not supported for this model.')
}

/** Throws the API's answer to what it would not take. */
export const checkGenerate = (request: JsonObject, model: string): void => {
  checkContents(request, model)
  checkTools(request)
  checkConfig(request, model)
}
