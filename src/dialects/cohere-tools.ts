import type { JsonObject } from '../wire/json.ts'
import { asFunction } from './custom-tools.ts'
import type { Losses } from './losses.ts'
import type { NeutralRequest, Tool, ToolChoice } from './neutral.ts'
import { listOf } from './read-json.ts'

/** Tools of POST /v2/chat and the choice among them. */

const toolOf = (tool: Tool, losses: Losses): JsonObject => {
  const { name, description, schema } = asFunction(tool)
  if (tool.format !== undefined) losses.warn('tools[].custom.format', 'the grammar is told in words')
  if (tool.cache !== undefined) losses.warn('cache_control', 'Cohere caches prompts by itself')
  return {
    type: 'function',
    function: {
      name,
      ...(description === undefined || description === '' ? {} : { description }),
      // A schema is required; one that says nothing of its type is an object's.
      parameters: schema.type === undefined ? { type: 'object', properties: {}, ...schema } : schema,
    },
  }
}

/**
 * Strictness is for all tools or none, and "you must specify at least one `required` parameter" in each of them
 * (Cohere's guide to structured outputs).
 */
const strictness = (tools: readonly Tool[], losses: Losses): JsonObject => {
  if (!tools.some(({ strict }) => strict === true)) return {}
  const can = tools.every(
    ({ strict, schema }) => strict === true && (listOf(schema?.required)?.length ?? 0) > 0,
  )
  if (can) return { strict_tools: true }
  losses.warn(
    'tools[].function.strict',
    'Cohere promises it for all tools or none, and for no tool without a required parameter',
  )
  return {}
}

/** The tools that may be called: fewer of them say what no member of this API can. */
const chosen = (tools: readonly Tool[], choice: ToolChoice | undefined): readonly Tool[] => {
  if (choice?.kind === 'tool') return tools.filter(({ name }) => name === choice.name)
  return choice?.kind === 'allowed' ? tools.filter(({ name }) => choice.names.includes(name)) : tools
}

/** Undefined: the model is free, which has no word of its own. */
const wordOf = (choice: ToolChoice | undefined): string | undefined => {
  if (choice?.kind === 'none') return 'NONE'
  const forced = choice?.kind === 'required' || choice?.kind === 'tool'
  return forced || (choice?.kind === 'allowed' && choice.required) ? 'REQUIRED' : undefined
}

/** tools, strict_tools and tool_choice; nothing where there are no tools. */
export const toolMembers = (request: NeutralRequest, losses: Losses): JsonObject => {
  const { toolChoice, parallelCalls } = request
  const tools = chosen(request.tools ?? [], toolChoice)
  if (tools.length === 0) return {}
  if (parallelCalls === false) losses.lose('parallel_tool_calls')
  const word = wordOf(toolChoice)
  return {
    tools: tools.map(tool => toolOf(tool, losses)),
    ...strictness(tools, losses),
    ...(word === undefined ? {} : { tool_choice: word }),
  }
}
