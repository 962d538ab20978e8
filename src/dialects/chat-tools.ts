import { Unsupported } from '../providers/provider.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { cacheIn } from './chat-parts.ts'
import { asFunction } from './custom-tools.ts'
import type { Losses } from './losses.ts'
import type { NeutralRequest, Tool, ToolChoice } from './neutral.ts'
import { strictness } from './openai-limits.ts'
import { listOf, objectOf, spelled, textOf } from './read-json.ts'
import { rooted } from './root-schema.ts'

/** Tools of Chat Completions and the choice among them, both ways. */

/** A function that names no parameters takes none. */
const NO_ARGUMENTS: JsonObject = { type: 'object', properties: {} }

const readFunction = (made: JsonObject): Tool => {
  const description = textOf(made.description)
  const schema = objectOf(made.parameters)
  return {
    name: textOf(made.name) ?? '',
    ...(description === undefined ? {} : { description }),
    schema: schema === undefined || Object.keys(schema).length === 0 ? NO_ARGUMENTS : schema,
    ...(typeof made.strict === 'boolean' ? { strict: made.strict } : {}),
    ...cacheIn(made),
  }
}

const readCustom = (made: JsonObject): Tool => {
  const description = textOf(made.description)
  const format = objectOf(made.format)
  return {
    name: textOf(made.name) ?? '',
    ...(description === undefined ? {} : { description }),
    ...(format === undefined ? {} : { format }),
    ...cacheIn(made),
  }
}

const readTool = (tool: Json, path: string): Tool => {
  const own = isObject(tool) ? tool : {}
  const made = own.type === 'function' ? objectOf(own.function) : undefined
  const custom = own.type === 'custom' ? objectOf(own.custom) : undefined
  if (made !== undefined) return { ...readFunction(made), ...cacheIn(own) }
  if (custom !== undefined) return { ...readCustom(custom), ...cacheIn(own) }
  const type = isObject(tool) ? spelled(tool.type) : typeof tool
  throw new Unsupported(`a tool of type '${type}' cannot be translated (${path})`, `${path}.type`)
}

/**
 * `functions` is the older form of `tools`. Of two with one name, which OpenAI takes and others refuse, the later counts.
 * Throws Unsupported at a tool that its provider would have to run.
 */
export const readTools = (body: JsonObject): readonly Tool[] | undefined => {
  const tools = listOf(body.tools)?.map((tool, index) => readTool(tool, `tools[${index}]`)) ?? []
  const functions = listOf(body.functions)?.filter(isObject).map(readFunction) ?? []
  const all = [...new Map([...tools, ...functions].map(tool => [tool.name, tool])).values()]
  return all.length === 0 ? undefined : all
}

/** Names in a list as `allowed_tools` has it. */
const namesOf = (tools: Json | undefined): readonly string[] =>
  (listOf(tools) ?? []).flatMap(tool => {
    if (!isObject(tool)) return []
    const name = textOf((objectOf(tool.function) ?? objectOf(tool.custom) ?? tool).name)
    return name === undefined ? [] : [name]
  })

const readMode = (choice: Json | undefined): ToolChoice | undefined => {
  if (choice === 'auto' || choice === 'none' || choice === 'required') return { kind: choice }
  return choice === 'any' ? { kind: 'required' } : undefined
}

/** `function_call` is the older form of `tool_choice`. */
export const readToolChoice = (body: JsonObject): ToolChoice | undefined => {
  const choice = body.tool_choice ?? body.function_call ?? undefined
  if (choice === undefined) return undefined
  const mode = readMode(choice)
  if (mode !== undefined) return mode
  const own = isObject(choice) ? choice : {}
  if (own.type === 'allowed_tools') {
    const { mode: how, tools } = objectOf(own.allowed_tools) ?? {}
    return { kind: 'allowed', names: namesOf(tools), required: how === 'required' }
  }
  const older = body.tool_choice === undefined || body.tool_choice === null
  const name = textOf((objectOf(own.function) ?? objectOf(own.custom) ?? (older ? own : {})).name)
  if (name !== undefined) return { kind: 'tool', name }
  throw new Unsupported("this 'tool_choice' cannot be translated", 'tool_choice')
}

const grammarOf = (format: JsonObject): JsonObject => {
  const { syntax, definition } = format
  if (format.type !== 'grammar' || format.grammar !== undefined) return format
  return {
    type: 'grammar',
    grammar: { ...(syntax === undefined ? {} : { syntax }), definition: definition ?? '' },
  }
}

const writeFunction = (tool: Tool & { readonly schema: JsonObject }, losses: Losses): JsonObject => {
  const schema = rooted(tool.schema, 'tools[].function.parameters', losses)
  return {
    type: 'function',
    function: {
      name: tool.name,
      ...(tool.description === undefined ? {} : { description: tool.description }),
      parameters: schema,
      // Off is what nothing says, and what servers that do not know it are spared.
      ...(tool.strict === true ? strictness(tool.strict, schema, 'tools[].function.strict', losses) : {}),
    },
  }
}

const writeCustom = ({ name, description, format }: Tool): JsonObject => ({
  type: 'custom',
  custom: {
    name,
    ...(description === undefined ? {} : { description }),
    ...(format === undefined ? {} : { format: grammarOf(format) }),
  },
})

/** Which tools are written as custom ones. */
export type CustomTools = 'custom' | 'functions'

const isCustom = (tool: Tool, custom: CustomTools): boolean =>
  tool.schema === undefined && custom === 'custom'

const named = (name: string, tools: readonly Tool[], custom: CustomTools): JsonObject =>
  tools.some(tool => tool.name === name && isCustom(tool, custom))
    ? { type: 'custom', custom: { name } }
    : { type: 'function', function: { name } }

const writeChoice = (choice: ToolChoice, tools: readonly Tool[], custom: CustomTools): Json => {
  if (choice.kind === 'tool') return named(choice.name, tools, custom)
  // Fewer tools say the same to every server; the list of allowed ones is known to few.
  if (choice.kind === 'allowed') return choice.required ? 'required' : 'auto'
  return choice.kind
}

const allowed = (tools: readonly Tool[], choice: ToolChoice | undefined): readonly Tool[] =>
  choice?.kind === 'allowed' ? tools.filter(({ name }) => choice.names.includes(name)) : tools

/** tools, tool_choice and parallel_tool_calls, which no server takes without tools. */
export const writeTools = (request: NeutralRequest, custom: CustomTools, losses: Losses): JsonObject => {
  const { toolChoice, parallelCalls } = request
  const tools = allowed(request.tools ?? [], toolChoice)
  if (tools.length === 0) return {}
  if (custom === 'functions' && tools.some(({ format }) => format !== undefined))
    losses.warn('tools[].custom.format', 'the grammar is told in words')
  return {
    tools: tools.map(tool =>
      isCustom(tool, custom) ? writeCustom(tool) : writeFunction(asFunction(tool), losses),
    ),
    ...(toolChoice === undefined ? {} : { tool_choice: writeChoice(toolChoice, tools, custom) }),
    ...(parallelCalls === undefined ? {} : { parallel_tool_calls: parallelCalls }),
  }
}
