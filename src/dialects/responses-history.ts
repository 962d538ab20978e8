import { Unsupported } from '../providers/provider.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import type { Losses } from './losses.ts'
import type { CallPart, Part, ReasoningPart, ResultPart, Sealed, Turn } from './neutral.ts'
import { spelled } from './read-json.ts'
import { readContent, readOutput, readPicture } from './responses-parts.ts'
import { nativeSeal, openSeal } from './responses-seal.ts'
import { nameOf } from './responses-tools.ts'

/** The items of a Responses input as turns. */

type Story = {
  readonly losses: Losses
  readonly turns: { role: Turn['role']; parts: Part[]; spoke: boolean }[]
  /** Names of the calls so far, by their id. */
  readonly names: Map<string, string>
  /** Seals that belong to a call, by its id. */
  readonly sealed: Map<string, Sealed>
}

/** Keys of items that say who made them and when: nothing of what was said. */
const warnOfExtras = (item: JsonObject, losses: Losses): void => {
  if (typeof item.phase === 'string') losses.warn('input[].phase', 'only Responses has it')
  for (const key of ['internal_chat_message_metadata_passthrough', 'metadata'])
    if (item[key] !== undefined && item[key] !== null) losses.warn(`input[].${key}`, 'it speaks to OpenAI')
}

/** What a model says in one go is one turn: its reasoning, its words and its calls. Two messages are two. */
const speak = ({ turns }: Story, parts: readonly Part[], message: boolean): void => {
  const last = turns.at(-1)
  if (last?.role !== 'assistant' || (message && last.spoke))
    turns.push({ role: 'assistant', parts: [...parts], spoke: message })
  else {
    last.parts.push(...parts)
    last.spoke ||= message
  }
}

/** Results stand together; a message of the user is a turn of its own. */
const hear = ({ turns }: Story, part: ResultPart): void => {
  const last = turns.at(-1)
  if (last?.role === 'user' && last.parts.every(({ kind }) => kind === 'result')) last.parts.push(part)
  else turns.push({ role: 'user', parts: [part], spoke: false })
}

const ROLES: ReadonlyMap<Json | undefined, Turn['role']> = new Map([
  ['user', 'user'],
  ['assistant', 'assistant'],
  ['system', 'system'],
  ['developer', 'system'],
])

const message = (item: JsonObject, path: string, story: Story): void => {
  const role = ROLES.get(item.role)
  if (role === undefined)
    throw new Unsupported(`no message has the role '${spelled(item.role)}'`, `${path}.role`)
  const parts = readContent(item.content, `${path}.content`, story.losses)
  if (role === 'assistant') speak(story, parts, true)
  else story.turns.push({ role, parts: [...parts], spoke: false })
}

const textsOf = (list: Json | undefined): string =>
  (Array.isArray(list) ? list : [])
    .flatMap(part => (isObject(part) && typeof part.text === 'string' ? [part.text] : []))
    .join('\n\n')

const reasoning = (item: JsonObject, story: Story): void => {
  const text = textsOf(item.content) || textsOf(item.summary)
  const { encrypted_content: encrypted } = item
  const opened = typeof encrypted === 'string' ? openSeal(encrypted) : undefined
  if (opened?.call !== undefined) {
    const { call, ...sealed } = opened
    story.sealed.set(call, sealed)
    return
  }
  const sealed =
    opened ?? (typeof encrypted === 'string' && encrypted !== '' ? nativeSeal(item.id, encrypted) : undefined)
  const part: ReasoningPart = {
    kind: 'reasoning',
    text,
    ...(sealed === undefined || sealed.payload === '' ? {} : { sealed }),
  }
  if (text !== '' || part.sealed !== undefined) speak(story, [part], false)
}

const idOf = (item: JsonObject, path: string): string => {
  if (typeof item.call_id === 'string') return item.call_id
  throw new Unsupported(`'${path}' has no call_id`, `${path}.call_id`)
}

const call = (item: JsonObject, path: string, story: Story): void => {
  const id = idOf(item, path)
  const name = nameOf(item) ?? ''
  const custom = item.type === 'custom_tool_call'
  const input = custom ? item.input : item.arguments
  story.names.set(id, name)
  const part: CallPart = {
    kind: 'call',
    id,
    name,
    input: typeof input === 'string' ? input : JSON.stringify(input ?? {}),
    ...(custom ? { custom } : {}),
  }
  speak(story, [part], false)
}

const result = (item: JsonObject, path: string, story: Story): void => {
  const id = idOf(item, path)
  const content = readOutput(item.output, `${path}.output`, story.losses)
  const custom = item.type === 'custom_tool_call_output'
  const name = story.names.get(id) ?? nameOf(item) ?? ''
  hear(story, { kind: 'result', id, name, content, ...(custom ? { custom } : {}) })
}

/** Bookkeeping of hosted tools: without the tool it means nothing. */
const DROPPED: ReadonlySet<string> = new Set(['mcp_list_tools', 'tool_search_call'])
/** Their members are read with the request's own tools and settings. */
const SETTINGS: ReadonlySet<string> = new Set([
  'additional_tools',
  'tool_search_output',
  'configuration_update',
])
const BOOKKEEPING: ReadonlySet<string> = new Set([
  'id',
  'type',
  'status',
  'call_id',
  'result',
  'caller',
  'tools',
  'encrypted_content',
])
/** What the model did with a tool that its provider ran, or that only clients of this dialect have. */
const DEEDS: ReadonlySet<string> = new Set([
  'file_search_call',
  'web_search_call',
  'computer_call',
  'image_generation_call',
  'code_interpreter_call',
  'local_shell_call',
  'shell_call',
  'apply_patch_call',
  'mcp_call',
  'mcp_approval_request',
  'program',
  'multi_agent_call',
])
/** What came back from there. */
const EVENTS: ReadonlySet<string> = new Set([
  'computer_call_output',
  'local_shell_call_output',
  'shell_call_output',
  'apply_patch_call_output',
  'mcp_approval_response',
  'program_output',
  'multi_agent_call_output',
  'agent_message',
])

/** A deed or an event as words: the model knows what happened, though it cannot do it again. */
const told = (item: JsonObject): string => {
  const facts = Object.fromEntries(Object.entries(item).filter(([key]) => !BOOKKEEPING.has(key)))
  return `[${spelled(item.type)}] ${JSON.stringify(facts)}`
}

const screenshot = (item: JsonObject, path: string, losses: Losses): readonly Part[] => [
  { kind: 'text', text: `[${spelled(item.type)}]` },
  ...readOutput(item.output, `${path}.output`, losses),
]

/** The picture that the model made: whoever can be shown its own pictures goes on from it. */
const drawnIn = (item: JsonObject): readonly Part[] =>
  item.type === 'image_generation_call' ? readPicture(item) : []

const hosted = (item: JsonObject, path: string, story: Story): void => {
  const type = spelled(item.type)
  if (DROPPED.has(type)) return story.losses.warn(`input[].type=${type}`, 'it lists tools of the provider')
  story.losses.warn(`input[].type=${type}`, 'told as text')
  // A message of its own: what is said next is not its end.
  if (DEEDS.has(type)) speak(story, [{ kind: 'text', text: told(item) }, ...drawnIn(item)], true)
  else if (isObject(item.output) && item.output.type === 'computer_screenshot')
    story.turns.push({ role: 'user', parts: [...screenshot(item, path, story.losses)], spoke: false })
  else story.turns.push({ role: 'user', parts: [{ kind: 'text', text: told(item) }], spoke: false })
}

/** What nobody but its owner can put in its place. */
const BOUND: Readonly<Record<string, readonly [key: string, because: string]>> = {
  item_reference: ['id', 'is known to the provider that stored it'],
  compaction: ['encrypted_content', 'can be read by the provider that made it'],
  compaction_summary: ['encrypted_content', 'can be read by the provider that made it'],
  context_compaction: ['encrypted_content', 'can be read by the provider that made it'],
  compaction_trigger: ['type', 'asks for a compaction, which is made by providers of the Responses API'],
}

const typeOf = (item: JsonObject): string => (typeof item.type === 'string' ? item.type : 'message')

/** Throws Unsupported for an item that only its owner can read or find. */
export const refuseBound = (item: JsonObject, path: string): void => {
  const type = typeOf(item)
  const bound = Object.hasOwn(BOUND, type) ? BOUND[type] : undefined
  if (bound !== undefined)
    throw new Unsupported(`the item ${path} of type '${type}' ${bound[1]} only`, `${path}.${bound[0]}`)
}

const readItem = (item: Json, path: string, story: Story): void => {
  if (!isObject(item)) throw new Unsupported(`'${path}' is no item`, path)
  refuseBound(item, path)
  const type = typeOf(item)
  warnOfExtras(item, story.losses)
  if (type === 'message') return message(item, path, story)
  if (type === 'reasoning') return reasoning(item, story)
  if (type === 'function_call' || type === 'custom_tool_call') return call(item, path, story)
  if (type === 'function_call_output' || type === 'custom_tool_call_output') return result(item, path, story)
  if (SETTINGS.has(type)) return
  if (DROPPED.has(type) || DEEDS.has(type) || EVENTS.has(type)) return hosted(item, path, story)
  throw new Unsupported(
    `the item ${path} is of a type that only Responses has: '${type}'. Say what it holds in a message, or leave it out`,
    `${path}.type`,
  )
}

/** Seals that came as items of their own go back to their calls. */
const reunited = ({ turns, sealed }: Story): readonly Turn[] =>
  turns.map(({ role, parts }) => ({
    role,
    parts: parts.map((part): Part => {
      const own = part.kind === 'call' ? sealed.get(part.id) : undefined
      return own === undefined ? part : ({ ...part, sealed: own } as Part)
    }),
  }))

/** Throws Unsupported at an item that only its owner can read or find. */
export const readInput = (input: Json | undefined, losses: Losses): readonly Turn[] => {
  if (typeof input === 'string') return [{ role: 'user', parts: [{ kind: 'text', text: input }] }]
  if (!Array.isArray(input)) throw new Unsupported("Missing required parameter: 'input'.", 'input')
  const story: Story = { losses, turns: [], names: new Map(), sealed: new Map() }
  for (const [index, item] of input.entries()) readItem(item, `input[${index}]`, story)
  return reunited(story)
}
