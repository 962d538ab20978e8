import { Unsupported } from '../providers/provider.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { systemOf, turnsOf } from './gemini-door-turns.ts'
import { tellMembers } from './gemini-members.ts'
import { jsonSchemaOf } from './gemini-schema.ts'
import { at, camelOf, listAt, objectAt, textAt } from './gemini-words.ts'
import { isOffer, NOT_OFFERED } from './hosted-tools.ts'
import type { Losses } from './losses.ts'
import type { Effort, Format, NeutralRequest, Tool, ToolChoice } from './neutral.ts'
import { spelled } from './read-json.ts'

/** A client's generateContent body as a neutral request. */

const NUMBER = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** The JSON of this API may write a number as a text. Throws Unsupported for what is none. */
const numberAt = (object: JsonObject, name: string): number | undefined => {
  const value = at(object, name)
  if (value === undefined || typeof value === 'number') return value
  if (typeof value === 'string' && NUMBER.test(value)) return Number(value)
  throw new Unsupported(`'generationConfig.${name}' must be a number`, `generationConfig.${name}`)
}

const toolOf = (declaration: JsonObject, losses: Losses): Tool => {
  const json = objectAt(declaration, 'parametersJsonSchema')
  const own = objectAt(declaration, 'parameters')
  const description = textAt(declaration, 'description')
  tellMembers(declaration, 'tools[].functionDeclarations[]', losses)
  return {
    name: textAt(declaration, 'name') ?? '',
    ...(description === undefined ? {} : { description }),
    schema: json ?? (own === undefined ? { type: 'object', properties: {} } : jsonSchemaOf(own)),
  }
}

const declaredIn = (tool: Json): readonly JsonObject[] =>
  isObject(tool) ? listAt(tool, 'functionDeclarations').filter(isObject) : []

/** Every tool is a function, or runs at the provider and nowhere else. */
const toolsOf = (body: JsonObject, losses: Losses): readonly Tool[] => {
  const tools = listAt(body, 'tools')
  const own = tools.flatMap(declaredIn)
  for (const [index, tool] of tools.entries()) {
    const path = `tools[${index}]`
    if (!isObject(tool)) throw new Unsupported(`'${path}' is no tool`, path)
    for (const name of Object.keys(tool)) {
      if (camelOf(name) === 'functionDeclarations' || tool[name] === null) continue
      if (!isOffer(camelOf(name), own.length))
        throw new Unsupported(`only the provider itself has the tool '${name}'`, `${path}.${name}`)
      losses.warn(`tools[].${name}`, NOT_OFFERED)
    }
  }
  return own.map(declaration => toolOf(declaration, losses))
}

const UNSAID_MODE = 'MODE_UNSPECIFIED'

const choiceOf = (body: JsonObject, losses: Losses): ToolChoice | undefined => {
  const config = objectAt(body, 'toolConfig')
  if (config === undefined) return undefined
  tellMembers(config, 'toolConfig', losses)
  const calling = objectAt(config, 'functionCallingConfig')
  if (calling === undefined) return undefined
  tellMembers(calling, 'toolConfig.functionCallingConfig', losses)
  const mode = textAt(calling, 'mode')?.toUpperCase() ?? UNSAID_MODE
  const names = listAt(calling, 'allowedFunctionNames').filter(name => typeof name === 'string')
  const [only, ...more] = names
  switch (mode) {
    case 'NONE':
      return { kind: 'none' }
    case 'ANY':
      if (only === undefined) return { kind: 'required' }
      return more.length === 0
        ? { kind: 'tool', name: only }
        : { kind: 'allowed', names: [only, ...more], required: true }
    case 'VALIDATED':
      losses.warn('toolConfig.functionCallingConfig.mode', 'VALIDATED is AUTO elsewhere')
      return names.length === 0 ? { kind: 'auto' } : { kind: 'allowed', names, required: false }
    case 'AUTO':
      return { kind: 'auto' }
    default:
      if (mode !== UNSAID_MODE) losses.lose('toolConfig.functionCallingConfig.mode')
      return undefined
  }
}

const formatOf = (config: JsonObject, losses: Losses): Format | undefined => {
  const json = objectAt(config, 'responseJsonSchema')
  const own = objectAt(config, 'responseSchema')
  const type = textAt(config, 'responseMimeType')
  if (type !== undefined && type !== 'application/json' && type !== 'text/plain') {
    losses.lose('generationConfig.responseMimeType')
    return undefined
  }
  const schema = json ?? (own === undefined ? undefined : jsonSchemaOf(own))
  if (schema !== undefined) return { kind: 'schema', name: 'response', schema }
  return type === 'application/json' ? { kind: 'json' } : undefined
}

const EFFORTS: ReadonlySet<string> = new Set(['minimal', 'low', 'medium', 'high', 'xhigh'])
const UNSAID_LEVELS: ReadonlySet<string> = new Set(['', 'thinking_level_unspecified'])

type Thinking = Pick<NeutralRequest, 'effort' | 'thinkingTokens' | 'thoughts'>

const thinkingOf = (config: JsonObject, losses: Losses): Thinking => {
  const thinking = objectAt(config, 'thinkingConfig')
  // Without being asked for, thoughts are not shown.
  if (thinking === undefined) return {}
  tellMembers(thinking, 'generationConfig.thinkingConfig', losses)
  const level = textAt(thinking, 'thinkingLevel')?.toLowerCase() ?? ''
  if (!EFFORTS.has(level) && !UNSAID_LEVELS.has(level))
    losses.lose('generationConfig.thinkingConfig.thinkingLevel')
  const budget = numberAt(thinking, 'thinkingBudget')
  const shown = at(thinking, 'includeThoughts')
  return {
    ...(EFFORTS.has(level) ? { effort: level as Effort } : {}),
    ...(budget === 0 ? { effort: 'none' } : {}),
    // Less than 0: as much as the model likes.
    ...(budget === undefined || budget <= 0 ? {} : { thinkingTokens: budget }),
    ...(typeof shown === 'boolean' ? { thoughts: shown ? 'shown' : 'hidden' } : {}),
  }
}

const NUMBERS = {
  maxOutputTokens: 'maxTokens',
  temperature: 'temperature',
  topP: 'topP',
  topK: 'topK',
  seed: 'seed',
  presencePenalty: 'presencePenalty',
  frequencyPenalty: 'frequencyPenalty',
} as const

/** generationConfig members that are read one by one. */
const READ: ReadonlySet<string> = new Set([
  ...Object.keys(NUMBERS),
  'stopSequences',
  'candidateCount',
  'responseLogprobs',
  'logprobs',
  'responseMimeType',
  'responseSchema',
  'responseJsonSchema',
  'responseModalities',
  'thinkingConfig',
])

/** Members that say how media are looked at: the answer is of the same kind without them. */
const HINTS: ReadonlySet<string> = new Set([
  'mediaResolution',
  'audioTimestamp',
  'enableAffectiveDialog',
  'enableEnhancedCivicAnswers',
])

const refuseModalities = (config: JsonObject): void => {
  const other = listAt(config, 'responseModalities').find(one => one !== 'TEXT')
  if (other !== undefined)
    throw new Unsupported(
      `no other dialect answers with ${spelled(other)}`,
      'generationConfig.responseModalities',
    )
}

const noteOthers = (config: JsonObject, losses: Losses): void => {
  for (const [written, value] of Object.entries(config)) {
    const name = camelOf(written)
    if (READ.has(name) || value === null) continue
    if (HINTS.has(name)) losses.warn(`generationConfig.${name}`, 'no other dialect has it')
    else losses.lose(`generationConfig.${name}`)
  }
  if ((numberAt(config, 'candidateCount') ?? 1) > 1) losses.lose('generationConfig.candidateCount')
}

const generationOf = (config: JsonObject, losses: Losses): Partial<NeutralRequest> => {
  refuseModalities(config)
  noteOthers(config, losses)
  const numbers = Object.entries(NUMBERS).flatMap(([theirs, ours]) => {
    const value = numberAt(config, theirs)
    return value === undefined ? [] : [[ours, value] as const]
  })
  const stop = listAt(config, 'stopSequences').filter(one => typeof one === 'string')
  const logprobs = at(config, 'responseLogprobs') === true ? (numberAt(config, 'logprobs') ?? 0) : undefined
  const format = formatOf(config, losses)
  return {
    ...Object.fromEntries(numbers),
    ...(stop.length === 0 ? {} : { stop }),
    ...(logprobs === undefined ? {} : { logprobs }),
    ...(format === undefined ? {} : { format }),
    ...thinkingOf(config, losses),
  }
}

/** Body members that are read one by one. */
const BODY: ReadonlySet<string> = new Set([
  'contents',
  'systemInstruction',
  'tools',
  'toolConfig',
  'generationConfig',
  'cachedContent',
  'serviceTier',
  'labels',
  'model',
  'safetySettings',
])

const othersOf = (body: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries(body).filter(([name, value]) => !BODY.has(camelOf(name)) && value !== null),
  )

const tierOf = (body: JsonObject): string | undefined => {
  const tier = textAt(body, 'serviceTier')?.toLowerCase()
  return tier === undefined || tier === 'unspecified' ? undefined : tier === 'standard' ? 'default' : tier
}

/** Throws Unsupported, naming the parameter. The verb of the path says whether it streams, not the body. */
export const readGemini = (body: JsonObject, losses: Losses): NeutralRequest => {
  const cached = textAt(body, 'cachedContent')
  // A part of the prompt is in there.
  if (cached !== undefined)
    throw new Unsupported('cached content is with the account that made it', 'cachedContent')
  const system = systemOf(at(body, 'systemInstruction'), losses)
  const tools = toolsOf(body, losses)
  const toolChoice = choiceOf(body, losses)
  const tier = tierOf(body)
  if (at(body, 'safetySettings') !== undefined)
    losses.warn('safetySettings', 'every provider has filters of its own')
  if (at(body, 'labels') !== undefined) losses.warn('labels', 'they are for the bill of another account')
  return {
    turns: [...system, ...turnsOf(at(body, 'contents'), losses)],
    ...(tools.length === 0 ? {} : { tools }),
    ...(toolChoice === undefined ? {} : { toolChoice }),
    ...generationOf(objectAt(body, 'generationConfig') ?? {}, losses),
    ...(tier === undefined ? {} : { serviceTier: tier }),
    stream: false,
    streamUsage: true,
    rest: othersOf(body),
  }
}
