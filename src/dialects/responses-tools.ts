import { createHash } from 'node:crypto'
import { Unsupported } from '../providers/provider.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { isOffer, NOT_OFFERED } from './hosted-tools.ts'
import type { Losses } from './losses.ts'
import type { NeutralRequest, Tool, ToolChoice } from './neutral.ts'
import { strictness } from './openai-limits.ts'
import { spelled } from './read-json.ts'
import { rooted } from './root-schema.ts'

/** Tools and the choice among them, both ways. */

/** Functions are named by at most so many letters, in every dialect. */
const NAME_LENGTH = 64

const textOf = (value: Json | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined

/** A namespace's tool under one flat name: `namespace__tool`, told apart by a hash where that is too long. */
export const flatName = (namespace: string, name: string): string => {
  const whole = `${namespace}__${name}`
  if (whole.length <= NAME_LENGTH) return whole
  const digest = createHash('sha256').update(whole).digest('hex').slice(0, 8)
  return `${whole.slice(0, NAME_LENGTH - 9)}_${digest}`
}

/** The flat name of a call, a choice or a tool that may be inside a namespace. */
export const nameOf = (item: JsonObject): string | undefined => {
  const name = textOf(item.name)
  const namespace = textOf(item.namespace)
  return name === undefined || namespace === undefined || namespace === '' ? name : flatName(namespace, name)
}

/** Every list of tools in a request: its own, and those that items of the input bring. */
const listsIn = (body: JsonObject): readonly (readonly [path: string, tools: readonly Json[]])[] => {
  const lists: [string, readonly Json[]][] = []
  if (Array.isArray(body.tools)) lists.push(['tools', body.tools])
  if (!Array.isArray(body.input)) return lists
  for (const [index, item] of body.input.entries()) {
    if (!isObject(item) || !Array.isArray(item.tools)) continue
    if (item.type === 'additional_tools' || item.type === 'tool_search_output')
      lists.push([`input[${index}].tools`, item.tools])
  }
  return lists
}

export type Split = { readonly namespace: string; readonly name: string }

/** Where the names of an answer's calls come from, for those that were inside a namespace. */
export const splitNames = (body: JsonObject): ReadonlyMap<string, Split> => {
  const names = new Map<string, Split>()
  for (const [, tools] of listsIn(body))
    for (const space of tools) {
      if (!isObject(space) || space.type !== 'namespace' || !Array.isArray(space.tools)) continue
      const namespace = textOf(space.name) ?? ''
      for (const tool of space.tools) {
        const name = isObject(tool) ? textOf(tool.name) : undefined
        if (name !== undefined) names.set(flatName(namespace, name), { namespace, name })
      }
    }
  return names
}

const KNOWN_KEYS = new Set(['type', 'name', 'description', 'parameters', 'strict', 'format'])
const NO_ARGUMENTS: JsonObject = { type: 'object', properties: {} }

const readTool = (tool: JsonObject, name: string, losses: Losses): Tool => {
  for (const key of Object.keys(tool))
    if (!KNOWN_KEYS.has(key) && tool[key] !== null) losses.warn(`tools[].${key}`, 'only Responses has it')
  const description = textOf(tool.description)
  const said = { name, ...(description === undefined ? {} : { description }) }
  if (tool.type === 'custom') return { ...said, ...(isObject(tool.format) ? { format: tool.format } : {}) }
  return {
    ...said,
    schema: isObject(tool.parameters) ? tool.parameters : NO_ARGUMENTS,
    ...(typeof tool.strict === 'boolean' ? { strict: tool.strict } : {}),
  }
}

const readNamespace = (space: JsonObject, path: string, losses: Losses): readonly Tool[] => {
  const namespace = textOf(space.name) ?? ''
  if (textOf(space.description)) losses.warn('tools[].description', 'a namespace is flattened into its tools')
  return readList(Array.isArray(space.tools) ? space.tools : [], `${path}.tools`, {
    losses,
    own: 0,
    named: name => flatName(namespace, name),
  })
}

type Reading = {
  readonly losses: Losses
  /** How many tools the client itself runs. */
  readonly own: number
  readonly named: (name: string) => string
}

const isOwn = (tool: Json): boolean =>
  isObject(tool) && (tool.type === 'function' || tool.type === 'custom' || tool.type === 'namespace')

const readList = (tools: readonly Json[], path: string, { losses, own, named }: Reading): readonly Tool[] =>
  tools.flatMap((tool, index): readonly Tool[] => {
    const at = `${path}[${index}]`
    if (!isObject(tool)) throw new Unsupported(`'${at}' is no tool`, at)
    if (tool.type === 'namespace') return readNamespace(tool, at, losses)
    const name = textOf(tool.name)
    if ((tool.type === 'function' || tool.type === 'custom') && name !== undefined)
      return [readTool(tool, named(name), losses)]
    const type = spelled(tool.type)
    if (isOffer(type, own)) {
      losses.warn(`tools[].type ${type}`, NOT_OFFERED)
      return []
    }
    losses.lose(`${at}.type`, `The built-in tool '${type}' runs at providers of the Responses API only.`)
    return []
  })

/** A tool that its provider would have to run is lost, or was but an offer. Of two with one name the later counts. */
export const readTools = (body: JsonObject, losses: Losses): readonly Tool[] => {
  const lists = listsIn(body)
  const own = lists.flatMap(([, tools]) => tools.filter(isOwn)).length
  const all = lists.flatMap(([path, tools]) => readList(tools, path, { losses, own, named: name => name }))
  return [...new Map(all.map(tool => [tool.name, tool])).values()]
}

const readAllowed = (choice: JsonObject): ToolChoice => {
  const tools = Array.isArray(choice.tools) ? choice.tools : []
  const names = tools.map((tool, index) => {
    const name =
      isObject(tool) && (tool.type === 'function' || tool.type === 'custom') ? nameOf(tool) : undefined
    if (name !== undefined) return name
    const type = isObject(tool) ? spelled(tool.type) : typeof tool
    throw new Unsupported(
      `tool_choice allows the built-in tool '${type}'`,
      `tool_choice.tools[${index}].type`,
    )
  })
  return { kind: 'allowed', names, required: choice.mode === 'required' }
}

export const readToolChoice = (choice: Json | undefined): ToolChoice | undefined => {
  if (choice === undefined || choice === null) return undefined
  if (choice === 'auto' || choice === 'none' || choice === 'required') return { kind: choice }
  if (!isObject(choice)) throw new Unsupported("'tool_choice' is none that is known", 'tool_choice')
  if (choice.type === 'allowed_tools') return readAllowed(choice)
  const name = nameOf(choice)
  if ((choice.type === 'function' || choice.type === 'custom') && name !== undefined)
    return { kind: 'tool', name }
  throw new Unsupported(
    `tool_choice asks for the built-in tool '${spelled(choice.type)}'`,
    'tool_choice.type',
  )
}

/** Chat has an object of its own around a grammar. */
const formatOf = (format: JsonObject): JsonObject => {
  const { grammar, ...rest } = format
  return isObject(grammar) ? { ...rest, ...grammar } : format
}

/** Chat's `strict` is off when nobody says so; here it would be tried first. */
export const writeTool = (tool: Tool, losses: Losses): JsonObject => {
  const description = tool.description === undefined ? {} : { description: tool.description }
  if (tool.schema === undefined)
    return {
      type: 'custom',
      name: tool.name,
      ...description,
      ...(tool.format === undefined ? {} : { format: formatOf(tool.format) }),
    }
  const schema = rooted(tool.schema, 'tools[].parameters', losses)
  return {
    type: 'function',
    name: tool.name,
    ...description,
    parameters: schema,
    strict: false,
    ...strictness(tool.strict, schema, 'tools[].strict', losses),
  }
}

const kindOf = (name: string, tools: readonly Tool[]): 'custom' | 'function' =>
  tools.find(tool => tool.name === name)?.schema === undefined && tools.some(tool => tool.name === name)
    ? 'custom'
    : 'function'

export const writeToolChoice = ({ toolChoice: choice, tools = [] }: NeutralRequest): Json | undefined => {
  if (choice === undefined) return undefined
  if (choice.kind === 'tool') return { type: kindOf(choice.name, tools), name: choice.name }
  if (choice.kind === 'allowed')
    return {
      type: 'allowed_tools',
      mode: choice.required ? 'required' : 'auto',
      tools: choice.names.map(name => ({ type: kindOf(name, tools), name })),
    }
  return choice.kind
}
