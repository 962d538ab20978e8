import { Unsupported } from '../providers/provider.ts'
import type { JsonObject } from '../wire/json.ts'
import { mediaBlock } from './bedrock-converse-media.ts'
import type { Traits } from './bedrock-converse-models.ts'
import { fittingId, type IdRule, idRuleFor } from './call-ids.ts'
import { inputObject } from './custom-tools.ts'
import { FIRST_WORD, tellFirstWord, tellLastWord } from './first-word.ts'
import type { Losses } from './losses.ts'
import type {
  CacheMark,
  CallPart,
  MediaPart,
  Part,
  ReasoningPart,
  ResultPart,
  TextPart,
  Turn,
} from './neutral.ts'
import { paired } from './open-calls.ts'
import { objectOf, parseJson } from './read-json.ts'

/** One Converse message under construction. Results of tools stand before everything else in a user turn. */
type Message = {
  readonly role: 'user' | 'assistant'
  readonly results: JsonObject[]
  readonly content: JsonObject[]
}

export type ConverseMessages = {
  readonly system: readonly JsonObject[]
  /** Alternating, the first one the user's. */
  readonly turns: readonly JsonObject[]
}

type Telling = {
  readonly traits: Traits
  readonly callIds: IdRule
  readonly losses: Losses
  /** Names of documents so far. */
  readonly names: Set<string>
}

const CALL_ID: IdRule = { accepts: /^[a-zA-Z0-9_-]{1,64}$/, prefix: 'tooluse_', length: 30 }

/** Converse refuses blank text blocks: they are left out. */
const textBlocks = (text: string): JsonObject[] => (text.trim() === '' ? [] : [{ text }])

const cachePoint = (cache: CacheMark | undefined, { traits, losses }: Telling): JsonObject[] => {
  if (cache === undefined) return []
  if (!traits.marks) {
    losses.warn('cache_control', 'this model takes no cache points')
    return []
  }
  // Only Claude's caches have a time to live.
  const ttl = traits.family === 'nova' ? undefined : cache.ttl
  return [{ cachePoint: { type: 'default', ...(ttl === undefined ? {} : { ttl }) } }]
}

const blocksOf = (part: TextPart | MediaPart, path: string, { names, losses }: Telling): JsonObject[] => {
  if (part.kind === 'text') return textBlocks(part.text)
  if (part.kind === 'image' && part.detail !== undefined && part.detail !== 'auto')
    losses.warn('detail', 'Converse knows one way to look at images')
  return [mediaBlock(part, path, names)]
}

const said = (part: TextPart | MediaPart, path: string, telling: Telling): JsonObject[] => {
  const blocks = blocksOf(part, path, telling)
  // A cache point marks what stands before it: without a block there is nothing to mark.
  return blocks.length === 0 || part.kind === 'audio'
    ? blocks
    : [...blocks, ...cachePoint(part.cache, telling)]
}

/** Arguments are a text that should hold an object. What does not parse is kept as text, not thrown away. */
const inputOf = ({ input, custom }: CallPart, losses: Losses): JsonObject => {
  if (custom === true) return inputObject(input)
  if (input.trim() === '') return {}
  const value = objectOf(parseJson(input))
  if (value !== undefined) return value
  losses.warn('messages[].tool_calls[].function.arguments', 'no JSON object: sent as text')
  return { raw_arguments: input }
}

const toolUse = (call: CallPart, { callIds, losses }: Telling): JsonObject => ({
  toolUse: { toolUseId: fittingId(call.id, callIds), name: call.name, input: inputOf(call, losses) },
})

const FAILED: JsonObject = { text: 'The tool failed.' }
/** Claude takes an empty list, unless the tool failed; Nova and others do not. An empty text they take, here alone. */
const NOTHING: JsonObject = { text: '' }

/** Marks inside a result have no place; the result's own stands behind it. */
const toolResult = (result: ResultPart, path: string, telling: Telling): JsonObject[] => {
  const { failed, cache } = result
  const blocks = result.content.flatMap(part => blocksOf(part, path, telling))
  const status = failed === true && telling.traits.status ? { status: 'error' } : {}
  const silent = failed === true && (blocks.length === 0 || !telling.traits.status)
  const told = silent ? [FAILED, ...blocks] : blocks.length === 0 ? [NOTHING] : blocks
  const toolUseId = fittingId(result.id, telling.callIds)
  return [{ toolResult: { toolUseId, content: told, ...status } }, ...cachePoint(cache, telling)]
}

/** Reasoning must come back word for word and with the seal that this family of models made; nothing else is read. */
const reasoning = ({ text, sealed }: ReasoningPart, { traits, losses }: Telling): JsonObject[] => {
  if (sealed === undefined || sealed.issuer !== traits.issuer) {
    losses.warn(
      sealed === undefined ? 'messages[].reasoning_content' : 'messages[].thinking_blocks',
      'reasoning goes back only to the models that signed it',
    )
    return []
  }
  return sealed.redacted === true
    ? [{ reasoningContent: { redactedContent: sealed.payload } }]
    : [{ reasoningContent: { reasoningText: { text, signature: sealed.payload } } }]
}

export const summaryText = (text: string): string =>
  `Summary of the conversation before this point:\n\n${text}`

const assistantBlocks = (part: Part, path: string, telling: Telling): JsonObject[] => {
  switch (part.kind) {
    case 'reasoning':
      return reasoning(part, telling)
    case 'call':
      if (part.sealed !== undefined)
        telling.losses.warn(
          'messages[].tool_calls[].provider_specific_fields',
          'only its issuer reads the seal of a call',
        )
      return [toolUse(part, telling), ...cachePoint(part.cache, telling)]
    case 'text':
      return said(part, path, telling)
    case 'refusal':
      return textBlocks(part.text)
    case 'summary':
      return textBlocks(summaryText(part.text))
    case 'result':
      throw new Unsupported(`a tool's result cannot be the assistant's (${path})`, path)
    default:
      telling.losses.warn('messages[].content', 'Converse shows no model the pictures it made')
      return []
  }
}

const putUser = (message: Message, part: Part, path: string, telling: Telling): void => {
  if (part.kind === 'result') message.results.push(...toolResult(part, path, telling))
  else if (part.kind === 'summary') message.content.push(...textBlocks(summaryText(part.text)))
  else if (part.kind === 'refusal') message.content.push(...textBlocks(part.text))
  else if (part.kind !== 'call' && part.kind !== 'reasoning')
    message.content.push(...said(part, path, telling))
}

const systemBlocks = ({ parts }: Turn, path: string, telling: Telling): JsonObject[] =>
  parts.flatMap(part => {
    if (part.kind === 'summary') return textBlocks(summaryText(part.text))
    if (part.kind !== 'text') throw new Unsupported(`a system message holds text only (${path})`, path)
    return said(part, path, telling)
  })

/** A later word of the system stands where it was said. */
const asNote = (block: JsonObject): JsonObject =>
  typeof block.text === 'string' ? { text: `<system>\n${block.text}\n</system>` } : block

/** Adds to the last message when it is of the same role: Converse wants user and assistant to alternate. */
const messageFor = (messages: Message[], role: Message['role']): Message => {
  const last = messages.at(-1)
  if (last?.role === role) return last
  const message: Message = { role, results: [], content: [] }
  messages.push(message)
  return message
}

const isEmpty = ({ results, content }: Message): boolean => results.length + content.length === 0

/** A document alone is refused: some text has to stand beside it. */
const withWords = (content: readonly JsonObject[]): readonly JsonObject[] =>
  content.some(block => block.document !== undefined) && !content.some(block => block.text !== undefined)
    ? [...content, { text: 'See the attached document.' }]
    : content

/** Neighbours of one role become one message; messages left without content are no messages. */
const merged = (messages: readonly Message[]): JsonObject[] => {
  const whole: Message[] = []
  for (const message of messages) {
    if (isEmpty(message)) continue
    const into = messageFor(whole, message.role)
    into.results.push(...message.results)
    into.content.push(...message.content)
  }
  return whole.map(({ role, results, content }) => ({ role, content: [...results, ...withWords(content)] }))
}

/** "A conversation must start with a user message." */
const begun = (messages: readonly JsonObject[], losses: Losses): readonly JsonObject[] => {
  if (messages[0]?.role === 'user') return messages
  tellFirstWord(losses)
  return [{ role: 'user', content: [{ text: FIRST_WORD }] }, ...messages]
}

const ended = (messages: readonly JsonObject[], { traits, losses }: Telling): readonly JsonObject[] => {
  if (traits.prefill || messages.at(-1)?.role !== 'assistant') return messages
  tellLastWord(losses)
  return [...messages, { role: 'user', content: [{ text: FIRST_WORD }] }]
}

export type MessageOptions = {
  readonly model: string
  readonly traits: Traits
  readonly callIds?: IdRule | undefined
}

/** Turns as Converse's system blocks and alternating messages. */
export const toMessages = (
  turns: readonly Turn[],
  { model, traits, callIds }: MessageOptions,
  losses: Losses,
): ConverseMessages => {
  const telling: Telling = {
    traits,
    callIds: callIds ?? idRuleFor(model, CALL_ID),
    losses,
    names: new Set(),
  }
  const system: JsonObject[] = []
  const messages: Message[] = []
  paired(turns, losses).forEach((turn, index) => {
    const path = `messages[${index}]`
    const placed = (at: number): string => `${path}.content[${at}]`
    if (turn.role === 'system') {
      const said = systemBlocks(turn, path, telling)
      if (messages.length === 0) system.push(...said)
      else if (said.length > 0) {
        losses.warn('position of a later system message', 'it is told within the user’s turn')
        messageFor(messages, 'user').content.push(...said.map(asNote))
      }
      return
    }
    const message = messageFor(messages, turn.role)
    turn.parts.forEach((part, at) => {
      if (turn.role === 'user') putUser(message, part, placed(at), telling)
      else message.content.push(...assistantBlocks(part, placed(at), telling))
    })
  })
  return { system, turns: ended(begun(merged(messages), losses), telling) }
}
