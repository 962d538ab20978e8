import { Unsupported } from '../providers/provider.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import type { Losses } from './losses.ts'

const ANY_OBJECT: JsonObject = { type: 'object', properties: {} }

const toolSpec = (tool: Json, path: string, losses: Losses): JsonObject => {
  if (!isObject(tool) || tool.type !== 'function' || !isObject(tool.function)) {
    const type = isObject(tool) ? String(tool.type) : typeof tool
    throw new Unsupported(`Bedrock has function tools only, not '${type}' (${path})`, `${path}.type`)
  }
  const { name = '', description, parameters, strict } = tool.function
  if (strict === true) losses.warn('tools[].function.strict', 'Converse does not promise it for every model')
  return {
    toolSpec: {
      name,
      // An empty description is refused.
      ...(typeof description === 'string' && description !== '' ? { description } : {}),
      inputSchema: {
        json: isObject(parameters) && Object.keys(parameters).length > 0 ? parameters : ANY_OBJECT,
      },
    },
  }
}

const nameOf = (tool: JsonObject): Json | undefined =>
  isObject(tool.toolSpec) ? tool.toolSpec.name : undefined

/** Names of tools that earlier turns used. */
const usedNames = (turns: readonly JsonObject[]): readonly string[] => {
  const names = new Set<string>()
  for (const turn of turns) {
    for (const block of Array.isArray(turn.content) ? turn.content : []) {
      if (isObject(block) && isObject(block.toolUse)) names.add(String(block.toolUse.name))
    }
  }
  return [...names]
}

const hasResults = (turns: readonly JsonObject[]): boolean =>
  turns.some(
    turn => Array.isArray(turn.content) && turn.content.some(block => isObject(block) && block.toolResult),
  )

type Choice = {
  /** undefined: Converse's default, which is auto. */
  readonly toolChoice: JsonObject | undefined
  /** The tools to declare; undefined: all. */
  readonly only: ReadonlySet<string> | undefined
}

const modeChoice = (mode: Json | undefined): JsonObject | undefined =>
  mode === 'required' ? { any: {} } : undefined

const choiceOf = (choice: Json | undefined): Choice => {
  if (!isObject(choice)) return { toolChoice: modeChoice(choice), only: undefined }
  if (choice.type === 'function' && isObject(choice.function)) {
    return { toolChoice: { tool: { name: choice.function.name ?? '' } }, only: undefined }
  }
  if (choice.type === 'allowed_tools' && isObject(choice.allowed_tools)) {
    const { mode, tools } = choice.allowed_tools
    const names = (Array.isArray(tools) ? tools : []).flatMap(tool =>
      isObject(tool) && isObject(tool.function) ? [String(tool.function.name)] : [],
    )
    return { toolChoice: modeChoice(mode), only: new Set(names) }
  }
  throw new Unsupported("Bedrock has no such 'tool_choice'", 'tool_choice')
}

/** Converse refuses tool blocks in the history when no tools are declared: the used names get an open schema. */
const stubs = (turns: readonly JsonObject[], losses: Losses): JsonObject[] => {
  const names = usedNames(turns)
  if (names.length === 0) return []
  losses.warn('tools', 'none were given: the tools of earlier turns are declared with an open schema')
  return names.map(name => ({ toolSpec: { name, inputSchema: { json: ANY_OBJECT } } }))
}

/** tools and tool_choice as toolConfig; undefined when none is to be sent. */
export const toToolConfig = (
  request: JsonObject,
  turns: readonly JsonObject[],
  losses: Losses,
): JsonObject | undefined => {
  const given = Array.isArray(request.tools) ? request.tools : []
  const declared = given.map((tool, index) => toolSpec(tool, `tools[${index}]`, losses))
  const historic = usedNames(turns).length > 0 || hasResults(turns)
  if (request.tool_choice === 'none') {
    if (!historic) return undefined
    losses.warn('tool_choice', 'Converse cannot forbid tools that earlier turns used')
  }
  const { toolChoice, only } = choiceOf(request.tool_choice)
  const chosen = only === undefined ? declared : declared.filter(tool => only.has(String(nameOf(tool))))
  const tools = chosen.length > 0 ? withCachePoints(given, chosen) : stubs(turns, losses)
  if (tools.length === 0) return undefined
  return { tools, ...(toolChoice === undefined ? {} : { toolChoice }) }
}

/** A tool marked with cache_control is followed by a cache point. */
const withCachePoints = (given: readonly Json[], specs: readonly JsonObject[]): JsonObject[] => {
  const marked = new Set(
    given.flatMap(tool => {
      if (!isObject(tool) || !isObject(tool.function)) return []
      return isObject(tool.cache_control) || isObject(tool.function.cache_control)
        ? [String(tool.function.name)]
        : []
    }),
  )
  return specs.flatMap(spec =>
    marked.has(String(nameOf(spec))) ? [spec, { cachePoint: { type: 'default' } }] : [spec],
  )
}
