import type { JsonObject } from '../wire/json.ts'
import type { Traits } from './bedrock-converse-models.ts'
import { novaSchema } from './bedrock-nova-schema.ts'
import { closed, isClosable, isLimited, LIMITS_IN_WORDS } from './bound-schema.ts'
import { asFunction } from './custom-tools.ts'
import type { Losses } from './losses.ts'
import type { NeutralRequest, Tool, ToolChoice } from './neutral.ts'
import { listOf, objectOf, spelled } from './read-json.ts'
import { rooted } from './root-schema.ts'

const ANY_OBJECT: JsonObject = { type: 'object', properties: {} }

const inputSchema = (schema: JsonObject, losses: Losses): JsonObject =>
  Object.keys(schema).length === 0 ? ANY_OBJECT : rooted(schema, 'tools[].function.parameters', losses)

/** An empty description is refused. What a schema says of itself is said here where it may not. */
const descriptionOf = (tool: Tool, schema: JsonObject, { family }: Traits): JsonObject => {
  const said = family === 'nova' ? [tool.description, schema.description] : [tool.description]
  const description = said.filter(one => typeof one === 'string' && one !== '').join('\n\n')
  return description === '' ? {} : { description }
}

const toolSpec = (tool: Tool, traits: Traits, losses: Losses): JsonObject => {
  const made = asFunction(tool)
  const { name, schema: whole, strict } = made
  const schema = inputSchema(whole, losses)
  if (tool.schema === undefined && tool.format !== undefined)
    losses.warn('tools[].custom.format', 'the grammar is told in words')
  const bound = strict === true && traits.structured && isClosable(schema)
  if (strict === true && !bound)
    losses.warn('tools[].function.strict', 'Converse does not promise it for every model and schema')
  if (bound && isLimited(schema)) losses.warn('tools[].function.strict', LIMITS_IN_WORDS)
  return {
    toolSpec: {
      name,
      ...descriptionOf(made, schema, traits),
      inputSchema: {
        json: traits.family === 'nova' ? novaSchema(schema, losses) : bound ? closed(schema) : schema,
      },
      ...(bound ? { strict: true } : {}),
    },
  }
}

/** Names of tools that earlier turns used. */
const usedNames = (turns: readonly JsonObject[]): readonly string[] => [
  ...new Set(
    turns.flatMap(turn =>
      (listOf(turn.content) ?? []).flatMap(block => {
        const use = objectOf(objectOf(block)?.toolUse)
        return use === undefined ? [] : [spelled(use.name)]
      }),
    ),
  ),
]

const hasResults = (turns: readonly JsonObject[]): boolean =>
  turns.some(turn => (listOf(turn.content) ?? []).some(block => objectOf(block)?.toolResult !== undefined))

/** undefined: Converse's default, which is auto. */
const toolChoiceOf = (choice: ToolChoice | undefined): JsonObject | undefined => {
  if (choice?.kind === 'tool') return { tool: { name: choice.name } }
  const required = choice?.kind === 'required' || (choice?.kind === 'allowed' && choice.required)
  return required ? { any: {} } : undefined
}

/** Converse refuses tool blocks in the history when no tools are declared: the used names get an open schema. */
const stubs = (turns: readonly JsonObject[], losses: Losses): JsonObject[] => {
  const names = usedNames(turns)
  if (names.length === 0) return []
  losses.warn('tools', 'none were given: the tools of earlier turns are declared with an open schema')
  return names.map(name => ({ toolSpec: { name, inputSchema: { json: ANY_OBJECT } } }))
}

/** A marked tool is followed by a cache point. */
const specsOf = (tools: readonly Tool[], traits: Traits, losses: Losses): JsonObject[] =>
  tools.flatMap(tool => {
    const spec = toolSpec(tool, traits, losses)
    if (tool.cache === undefined) return [spec]
    // Of the families with caches Nova marks no tools.
    if (!traits.marks || traits.family === 'nova') {
      losses.warn('cache_control', 'this model takes no cache points behind tools')
      return [spec]
    }
    const { ttl } = tool.cache
    return [spec, { cachePoint: { type: 'default', ...(ttl === undefined ? {} : { ttl }) } }]
  })

/** tools and tool_choice as toolConfig; undefined when none is to be sent. `turns` are Converse's. */
export const toToolConfig = (
  { tools = [], toolChoice: choice }: NeutralRequest,
  turns: readonly JsonObject[],
  traits: Traits,
  losses: Losses,
): JsonObject | undefined => {
  const historic = usedNames(turns).length > 0 || hasResults(turns)
  if (choice?.kind === 'none') {
    if (!historic) return undefined
    losses.warn('tool_choice', 'Converse cannot forbid tools that earlier turns used')
  }
  const chosen = choice?.kind === 'allowed' ? tools.filter(({ name }) => choice.names.includes(name)) : tools
  const specs = chosen.length > 0 ? specsOf(chosen, traits, losses) : stubs(turns, losses)
  if (specs.length === 0) return undefined
  const toolChoice = toolChoiceOf(choice)
  return { tools: specs, ...(toolChoice === undefined ? {} : { toolChoice }) }
}
