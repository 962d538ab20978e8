import { Unsupported } from '../providers/provider.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { readCitation } from './chat-citations.ts'
import { picturesIn } from './chat-media.ts'
import { tellMessageMembers } from './chat-members.ts'
import { cacheIn, present, readContent } from './chat-parts.ts'
import { readReasoning, sealOfCall } from './chat-thoughts.ts'
import type { Losses } from './losses.ts'
import type { CallPart, Part, ResultPart, Turn } from './neutral.ts'
import { objectOf, spelled, textOf } from './read-json.ts'

/** Messages of Chat Completions as turns. Each message is one turn: its place tells it from the others in errors. */

type Called = {
  readonly id: string
  readonly name: string
  readonly custom: boolean
  readonly legacy: boolean
}

type Story = {
  readonly losses: Losses
  /** Calls so far, by id. */
  readonly calls: Map<string, Called>
  /** Results so far, by id. */
  readonly answered: Set<string>
}

/** Members that are read, and those that only answers have. */
const KNOWN = new Set([
  'role',
  'content',
  'refusal',
  'tool_calls',
  'tool_call_id',
  'function_call',
  'reasoning_content',
  'reasoning',
  'thinking_blocks',
  'cache_control',
  'annotations',
  'images',
  'provider_specific_fields',
])

const LOST: ReadonlyMap<string, string> = new Map([
  ['audio', 'an earlier audio answer is known to its provider only'],
  ['name', 'only chat has names of participants'],
])

const tellUnknown = (message: JsonObject, { losses }: Story): void => {
  tellMessageMembers(message, losses)
  for (const [key, value] of Object.entries(message)) {
    const known =
      KNOWN.has(key) || (key === 'name' && (message.role === 'tool' || message.role === 'function'))
    if (!known && present(value)) losses.warn(`messages[].${key}`, LOST.get(key) ?? 'only chat has it')
  }
}

/** Some clients write the arguments as the object that they mean. */
const argumentsOf = (value: Json | undefined): string =>
  isObject(value) ? JSON.stringify(value) : (textOf(value) ?? '')

const readCall = (call: Json, path: string): CallPart => {
  const own = isObject(call) ? call : {}
  const id = textOf(own.id) ?? ''
  const sealed = sealOfCall(own)
  const more = sealed === undefined ? {} : { sealed }
  const made = objectOf(own.function)
  if (made !== undefined) {
    const { name, arguments: input } = made
    return { kind: 'call', id, name: textOf(name) ?? '', input: argumentsOf(input), ...more }
  }
  const custom = objectOf(own.custom)
  if (custom === undefined) throw new Unsupported(`'${path}' is no tool call`, path)
  const { name, input } = custom
  return { kind: 'call', id, name: textOf(name) ?? '', input: textOf(input) ?? '', custom: true, ...more }
}

/** The older form has no ids: one is made of its place, so that it is the same in every turn. */
const readLegacyCall = (call: JsonObject, index: number): CallPart => ({
  kind: 'call',
  id: `call_message_${index}`,
  name: textOf(call.name) ?? '',
  input: argumentsOf(call.arguments),
})

const withAnnotations = (parts: readonly Part[], annotations: Json | undefined): readonly Part[] => {
  const known = Array.isArray(annotations) ? annotations.filter(isObject).map(readCitation) : []
  const at = known.length === 0 ? -1 : parts.findIndex(part => part.kind === 'text')
  return parts.map((part, index) =>
    index === at && part.kind === 'text' ? { ...part, annotations: known } : part,
  )
}

const readAssistant = (message: JsonObject, index: number, story: Story): Turn => {
  const path = `messages[${index}]`
  const given = Array.isArray(message.tool_calls) ? message.tool_calls : []
  const legacy = isObject(message.function_call) ? [readLegacyCall(message.function_call, index)] : []
  const calls = [...given.map((call, at) => readCall(call, `${path}.tool_calls[${at}]`)), ...legacy]
  for (const call of calls) {
    const { id, name } = call
    story.calls.set(id, { id, name, custom: call.custom === true, legacy: legacy.includes(call) })
  }
  const refusal = textOf(message.refusal)
  const said = readContent(message, path)
  return {
    role: 'assistant',
    parts: [
      ...readReasoning(message),
      ...withAnnotations(said, message.annotations),
      // Of its content they are read already.
      ...picturesIn({ images: message.images ?? null }),
      ...(refusal === undefined ? [] : [{ kind: 'refusal', text: refusal } as const]),
      // A mark on the message marks its end.
      ...calls.map((call, at) =>
        said.length === 0 && at === calls.length - 1 ? { ...call, ...cacheIn(message) } : call,
      ),
    ],
  }
}

const resultOf = (call: Called, message: JsonObject, path: string): ResultPart => {
  // A mark on the message is the result's own: it is one block where marks are read.
  const { cache_control: _, ...bare } = message
  const content = readContent(bare, path).map(part =>
    part.kind === 'refusal' ? { kind: 'text' as const, text: part.text } : part,
  )
  return {
    kind: 'result',
    id: call.id,
    name: call.name,
    content,
    ...(call.custom ? { custom: true } : {}),
    ...cacheIn(message),
  }
}

const readTool = (message: JsonObject, path: string, story: Story): Turn => {
  const id = textOf(message.tool_call_id)
  if (id === undefined)
    throw new Unsupported(`'${path}' does not say which call it answers`, `${path}.tool_call_id`)
  const call = story.calls.get(id) ?? { id, name: textOf(message.name) ?? '', custom: false, legacy: false }
  story.answered.add(id)
  return { role: 'user', parts: [resultOf(call, message, path)] }
}

/** The older form answers the last open call of its name. */
const readFunction = (message: JsonObject, path: string, story: Story): Turn => {
  const open = [...story.calls.values()].filter(
    ({ id, name, legacy }) => legacy && name === message.name && !story.answered.has(id),
  )
  const call = open.at(-1)
  if (call === undefined)
    throw new Unsupported(`'${path}' answers no function_call before it`, `${path}.role`)
  story.answered.add(call.id)
  return { role: 'user', parts: [resultOf(call, message, path)] }
}

const readMessage = (message: Json, index: number, story: Story): Turn => {
  const path = `messages[${index}]`
  if (!isObject(message)) throw new Unsupported(`'${path}' is no message`, path)
  tellUnknown(message, story)
  switch (message.role) {
    case 'system':
    case 'developer':
      return { role: 'system', parts: readContent(message, path) }
    case 'user':
      return { role: 'user', parts: readContent(message, path) }
    case 'assistant':
      return readAssistant(message, index, story)
    case 'tool':
      return readTool(message, path, story)
    case 'function':
      return readFunction(message, path, story)
    default:
      throw new Unsupported(
        `a message of role '${spelled(message.role)}' cannot be translated (${path})`,
        `${path}.role`,
      )
  }
}

export const readMessages = (messages: Json | undefined, losses: Losses): readonly Turn[] => {
  if (!Array.isArray(messages)) throw new Unsupported("'messages' must be an array", 'messages')
  const story: Story = { losses, calls: new Map(), answered: new Set() }
  return messages.map((message: Json, index: number) => readMessage(message, index, story))
}
