import { Unsupported } from '../providers/provider.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { cacheOf, needed } from './anthropic-messages-blocks.ts'
import { isOffer, NOT_OFFERED } from './hosted-tools.ts'
import type { Losses } from './losses.ts'
import type { Tool, ToolChoice } from './neutral.ts'
import { listOf, objectOf, spelled, textOf } from './read-json.ts'

/** The tools of a Messages request and the choice among them. */

/** Members of a tool that do not mean something to its issuer only. */
const TOOL_MEMBERS: ReadonlySet<string> = new Set([
  'type',
  'name',
  'description',
  'input_schema',
  'cache_control',
  'strict',
])

const isOwn = (tool: Json): tool is JsonObject =>
  isObject(tool) && (tool.type === undefined || tool.type === null || tool.type === 'custom')

/** What Anthropic would run: it is done without, or Unsupported is thrown. */
const leaveOut = (tool: Json, path: string, own: number, losses: Losses): void => {
  const type = isObject(tool) ? tool.type : undefined
  // A search over tools that are held back: elsewhere none is held back, so there is nothing to be searched.
  if (typeof type === 'string' && type.startsWith('tool_search_tool_'))
    losses.warn(`tools[].type ${type}`, 'every tool is given from the start')
  else if (typeof type === 'string' && isOffer(type, own)) losses.warn(`tools[].type ${type}`, NOT_OFFERED)
  else
    throw new Unsupported(
      `the tool of type '${spelled(type)}' is run by Anthropic ('${path}.type')`,
      `${path}.type`,
    )
}

const ownTool = (tool: JsonObject, path: string, losses: Losses): Tool => {
  for (const member of Object.keys(tool))
    if (!TOOL_MEMBERS.has(member)) losses.warn(`tools[].${member}`, 'only Anthropic knows it')
  const description = textOf(tool.description)
  return {
    name: needed(tool, 'name', path),
    ...(description === undefined ? {} : { description }),
    schema: objectOf(tool.input_schema) ?? { type: 'object', properties: {} },
    ...(typeof tool.strict === 'boolean' ? { strict: tool.strict } : {}),
    ...cacheOf(tool),
  }
}

/** `own`: how many tools the client itself runs. */
const toolOf = (tool: Json, path: string, own: number, losses: Losses): readonly Tool[] => {
  if (isOwn(tool)) return [ownTool(tool, path, losses)]
  leaveOut(tool, path, own, losses)
  return []
}

const givenIn = (body: JsonObject, losses: Losses): readonly Tool[] => {
  const tools = listOf(body.tools) ?? []
  const forced = objectOf(body.tool_choice)?.name
  const own = tools.filter(isOwn).length
  return tools.flatMap((tool, at) => {
    const name = objectOf(tool)?.name
    // What has to be called is no offer.
    return toolOf(tool, `tools[${at}]`, name !== undefined && name === forced ? 0 : own, losses)
  })
}

/** A block of the conversation that adds a tool or takes one away, and where it stands. */
type Change = { readonly block: JsonObject; readonly path: string }

const changesIn = (blocks: Json | undefined, path: string): Change[] =>
  (listOf(blocks) ?? []).flatMap((block, at): Change[] => {
    if (!isObject(block)) return []
    const place = `${path}[${at}]`
    if (block.type === 'compaction') return changesIn(block.tool_changes, `${place}.tool_changes`)
    return block.type === 'tool_addition' || block.type === 'tool_removal' ? [{ block, path: place }] : []
  })

const change = (
  tools: Map<string, Tool>,
  known: ReadonlyMap<string, Tool>,
  { block, path }: Change,
  losses: Losses,
): void => {
  const tool = objectOf(block.tool) ?? {}
  const name = textOf(tool.name) ?? ''
  if (tool.type === 'tool_definition') {
    for (const added of toolOf(tool.definition ?? null, `${path}.tool.definition`, 0, losses))
      tools.set(added.name, added)
  } else if (tool.type !== 'tool_reference') {
    losses.warn(
      `messages[].content[].${spelled(block.type)}`,
      'it is about tools of a server that only Anthropic asks',
    )
  } else if (block.type === 'tool_removal') tools.delete(name)
  else {
    const again = known.get(name)
    if (again !== undefined) tools.set(name, again)
  }
}

/**
 * The tools as they are once all was said: a conversation may add some and take some away. Throws Unsupported for what
 * Anthropic runs.
 */
export const toolsIn = (body: JsonObject, losses: Losses): readonly Tool[] => {
  const given = givenIn(body, losses)
  const known = new Map(given.map(tool => [tool.name, tool]))
  const tools = new Map(known)
  const changes = (listOf(body.messages) ?? []).flatMap((message, at) =>
    changesIn(isObject(message) ? message.content : undefined, `messages[${at}].content`),
  )
  for (const one of changes) change(tools, known, one, losses)
  return [...tools.values()]
}

/** Throws Unsupported for a choice of an unknown type. */
export const toolChoiceOf = (choice: Json | undefined): ToolChoice | undefined => {
  if (choice === undefined || choice === null) return undefined
  const { type, name } = objectOf(choice) ?? {}
  if (type === 'tool') return { kind: 'tool', name: needed({ name: name ?? null }, 'name', 'tool_choice') }
  if (type === 'any') return { kind: 'required' }
  if (type === 'none' || type === 'auto') return { kind: type }
  throw new Unsupported(
    `the choice of type '${spelled(type)}' is known to Anthropic only`,
    'tool_choice.type',
  )
}
