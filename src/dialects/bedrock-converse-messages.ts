import { Unsupported } from '../providers/provider.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { documentBlock, imageBlock } from './bedrock-converse-media.ts'
import type { Losses } from './losses.ts'

/** One Converse message under construction. Results of tools stand before everything else in a user turn. */
type Turn = {
  readonly role: 'user' | 'assistant'
  readonly results: JsonObject[]
  readonly content: JsonObject[]
}

export type ConverseMessages = {
  readonly system: readonly JsonObject[]
  /** Alternating, the first one the user's. */
  readonly turns: readonly JsonObject[]
}

/** Converse refuses blank text blocks: they are left out. */
const textBlocks = (text: string): JsonObject[] => (text.trim() === '' ? [] : [{ text }])

const cachePoint = (carrier: JsonObject): JsonObject[] => {
  const control = carrier.cache_control
  if (!isObject(control)) return []
  return [
    { cachePoint: { type: 'default', ...(typeof control.ttl === 'string' ? { ttl: control.ttl } : {}) } },
  ]
}

const partBlocks = (part: Json, path: string, names: Set<string>): JsonObject[] => {
  if (!isObject(part)) throw new Unsupported(`'${path}' is no content part`, path)
  switch (part.type) {
    case 'text':
    case 'refusal': {
      const text = part.type === 'text' ? part.text : part.refusal
      const blocks = textBlocks(typeof text === 'string' ? text : '')
      // A cache point marks what stands before it: without a block there is nothing to mark.
      return blocks.length === 0 ? [] : [...blocks, ...cachePoint(part)]
    }
    case 'image_url':
      return [imageBlock(part, path), ...cachePoint(part)]
    case 'file':
      return [documentBlock(part, path, names), ...cachePoint(part)]
    default:
      throw new Unsupported(
        `Bedrock cannot take content of type '${String(part.type)}' (${path})`,
        `${path}.type`,
      )
  }
}

const contentBlocks = (message: JsonObject, path: string, names: Set<string>): JsonObject[] => {
  const { content } = message
  if (typeof content === 'string') {
    const blocks = textBlocks(content)
    return blocks.length === 0 ? [] : [...blocks, ...cachePoint(message)]
  }
  if (!Array.isArray(content)) return []
  return content.flatMap((part, index) => partBlocks(part, `${path}.content[${index}]`, names))
}

const textOnly = (blocks: readonly JsonObject[], path: string): readonly JsonObject[] => {
  if (blocks.some(block => block.text === undefined && block.cachePoint === undefined)) {
    throw new Unsupported(`a system message holds text only (${path})`, path)
  }
  return blocks
}

/** Arguments are a string that should hold an object. What does not parse is kept as text, not thrown away. */
const argumentsOf = (text: Json | undefined, losses: Losses): JsonObject => {
  if (typeof text !== 'string' || text.trim() === '') return {}
  try {
    const value = JSON.parse(text) as Json
    if (isObject(value)) return value
  } catch {
    // falls through to the text form
  }
  losses.warn('messages[].tool_calls[].function.arguments', 'no JSON object: sent as text')
  return { raw_arguments: text }
}

const toolUse = (call: Json, path: string, losses: Losses): JsonObject => {
  if (isObject(call) && isObject(call.function)) {
    const input = argumentsOf(call.function.arguments, losses)
    return { toolUse: { toolUseId: call.id ?? '', name: call.function.name ?? '', input } }
  }
  if (isObject(call) && isObject(call.custom)) {
    const input = { input: call.custom.input ?? '' }
    return { toolUse: { toolUseId: call.id ?? '', name: call.custom.name ?? '', input } }
  }
  throw new Unsupported(`'${path}' is no tool call`, path)
}

/** Thinking that Bedrock signed earlier; it must come back word for word and first. */
const reasoning = (message: JsonObject, losses: Losses): JsonObject[] => {
  const blocks = message.thinking_blocks
  if (!Array.isArray(blocks)) {
    if (typeof message.reasoning_content === 'string' && message.reasoning_content !== '') {
      losses.warn('messages[].reasoning_content', 'Bedrock takes reasoning back only with its signature')
    }
    return []
  }
  return blocks.flatMap((block): JsonObject[] => {
    if (!isObject(block)) return []
    if (block.type === 'redacted_thinking' && typeof block.data === 'string') {
      return [{ reasoningContent: { redactedContent: block.data } }]
    }
    if (typeof block.thinking === 'string' && typeof block.signature === 'string' && block.signature !== '') {
      return [{ reasoningContent: { reasoningText: { text: block.thinking, signature: block.signature } } }]
    }
    losses.warn('messages[].thinking_blocks', 'Bedrock takes reasoning back only with its signature')
    return []
  })
}

const assistantBlocks = (message: JsonObject, path: string, losses: Losses): JsonObject[] => {
  if (isObject(message.function_call)) {
    throw new Unsupported(`function_call has no id to answer to (${path})`, `${path}.function_call`)
  }
  if (isObject(message.audio)) losses.warn('messages[].audio', 'Converse takes no earlier audio answers')
  const calls = Array.isArray(message.tool_calls) ? message.tool_calls : []
  return [
    ...reasoning(message, losses),
    ...contentBlocks(message, path, new Set()),
    ...(typeof message.refusal === 'string' ? textBlocks(message.refusal) : []),
    ...calls.map((call, index) => toolUse(call, `${path}.tool_calls[${index}]`, losses)),
  ]
}

const toolResult = (message: JsonObject, path: string, names: Set<string>): JsonObject => {
  const blocks = contentBlocks(message, path, names)
  const content = blocks.filter(block => block.cachePoint === undefined)
  return { toolResult: { toolUseId: message.tool_call_id ?? '', content } }
}

/** Adds to the last turn when it is of the same role: Converse wants user and assistant to alternate. */
const turnFor = (turns: Turn[], role: Turn['role']): Turn => {
  const last = turns.at(-1)
  if (last?.role === role) return last
  const turn: Turn = { role, results: [], content: [] }
  turns.push(turn)
  return turn
}

const isEmpty = (turn: Turn): boolean => turn.results.length + turn.content.length === 0

/** Neighbours of one role become one message; messages left without content are no messages. */
const merged = (turns: readonly Turn[]): JsonObject[] => {
  const whole: Turn[] = []
  for (const turn of turns) {
    if (isEmpty(turn)) continue
    const into = turnFor(whole, turn.role)
    into.results.push(...turn.results)
    into.content.push(...turn.content)
  }
  return whole.map(({ role, results, content }) => ({ role, content: [...results, ...content] }))
}

/** Messages of chat.completions as Converse's system blocks and alternating turns. */
export const toMessages = (messages: readonly Json[], losses: Losses): ConverseMessages => {
  const system: JsonObject[] = []
  const turns: Turn[] = []
  const names = new Set<string>()
  messages.forEach((message, index) => {
    const path = `messages[${index}]`
    if (!isObject(message)) throw new Unsupported(`'${path}' is no message`, path)
    if (present(message.name)) losses.warn('messages[].name', 'Converse has no participant names')
    switch (message.role) {
      case 'system':
      case 'developer':
        if (turns.length > 0)
          losses.warn('position of a later system message', 'Converse has one system prompt')
        system.push(...textOnly(contentBlocks(message, path, names), path))
        break
      case 'user':
        turnFor(turns, 'user').content.push(...contentBlocks(message, path, names))
        break
      case 'assistant':
        turnFor(turns, 'assistant').content.push(...assistantBlocks(message, path, losses))
        break
      case 'tool':
        turnFor(turns, 'user').results.push(toolResult(message, path, names))
        break
      default:
        throw new Unsupported(`Converse has no role '${String(message.role)}' (${path})`, `${path}.role`)
    }
  })
  const whole = merged(turns)
  if (whole[0]?.role !== 'user') {
    throw new Unsupported('Converse needs a first message from the user that is not empty', 'messages')
  }
  return { system, turns: whole }
}

const present = (value: Json | undefined): boolean => value !== undefined && value !== null
