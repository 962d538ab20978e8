import { Unsupported } from '../providers/provider.ts'
import type { Json, JsonObject } from '../wire/json.ts'
import { CALL_ID, inputOf, RAW_ARGUMENTS } from './anthropic-messages-common.ts'
import { fittingId } from './call-ids.ts'
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
  Source,
  TextPart,
  Turn,
} from './neutral.ts'
import { paired } from './open-calls.ts'
import { listOf, objectOf, spelled } from './read-json.ts'

/**
 * Neutral turns as `system` and `messages`. What the API refuses is not written: empty texts, two messages of one role
 * in a row, an assistant's message first, a call without its result in the very next message, a result without its call.
 */

export type Conversation = {
  readonly system: readonly JsonObject[]
  readonly messages: readonly JsonObject[]
}

const marked = (cache: CacheMark | undefined): JsonObject =>
  cache === undefined
    ? {}
    : { cache_control: { type: 'ephemeral', ...(cache.ttl === undefined ? {} : { ttl: cache.ttl }) } }

/** Blank text blocks are refused. */
const textBlocks = (text: string, cache?: CacheMark): JsonObject[] =>
  text.trim() === '' ? [] : [{ type: 'text', text, ...marked(cache) }]

const decoded = (base64: string): string => Buffer.from(base64, 'base64').toString('utf8')

const foreign = (): never => {
  throw new Unsupported('a file that was uploaded to one provider cannot be read by another', 'file_id')
}

/** Types of images that can be seen; one is written in two ways. */
const IMAGES: Readonly<Record<string, string>> = {
  'image/jpeg': 'image/jpeg',
  'image/jpg': 'image/jpeg',
  'image/png': 'image/png',
  'image/gif': 'image/gif',
  'image/webp': 'image/webp',
}

const bytesOfImage = ({ mime, base64 }: Extract<Source, { kind: 'bytes' }>): JsonObject => {
  const type = IMAGES[mime.toLowerCase()]
  if (type === undefined)
    throw new Unsupported(
      `an image of type '${mime.slice(0, 100)}' cannot be seen: JPEG, PNG, GIF and WebP can`,
      'image_url',
    )
  return { type: 'base64', media_type: type, data: base64 }
}

const imageBlock = ({
  source,
  cache,
}: Pick<Extract<MediaPart, { kind: 'image' }>, 'source' | 'cache'>): JsonObject => {
  if (source.kind === 'id') return foreign()
  const from = source.kind === 'url' ? { type: 'url', url: source.url } : bytesOfImage(source)
  return { type: 'image', source: from, ...marked(cache) }
}

const fileBlock = ({ source, name, cache }: Extract<MediaPart, { kind: 'file' }>): JsonObject => {
  const more = { ...(name === undefined ? {} : { title: name }), ...marked(cache) }
  if (source.kind === 'id') return foreign()
  if (source.kind === 'url') return { type: 'document', source: { type: 'url', url: source.url }, ...more }
  const { mime, base64 } = source
  // Pictures are no documents, wherever they stand.
  if (IMAGES[mime.toLowerCase()] !== undefined)
    return imageBlock({ source, ...(cache === undefined ? {} : { cache }) })
  if (mime === 'application/pdf')
    return { type: 'document', source: { type: 'base64', media_type: mime, data: base64 }, ...more }
  if (/^text\/|^application\/(?:json|xml)\b/.test(mime))
    return {
      type: 'document',
      source: { type: 'text', media_type: 'text/plain', data: decoded(base64) },
      ...more,
    }
  throw new Unsupported(`a file of type '${mime.slice(0, 100)}' cannot be read: PDF and text can`, 'file')
}

const contentBlocks = (part: TextPart | MediaPart): JsonObject[] => {
  switch (part.kind) {
    case 'text':
      return textBlocks(part.text, part.cache)
    case 'image':
      return [imageBlock(part)]
    case 'file':
      return [fileBlock(part)]
    case 'audio':
      throw new Unsupported('audio cannot be heard: text, images and documents can be read', 'input_audio')
  }
}

const resultBlock = (id: string, { content, failed, cache }: ResultPart): JsonObject => {
  const blocks = content.flatMap(contentBlocks)
  return {
    type: 'tool_result',
    tool_use_id: id,
    ...(blocks.length === 0 ? {} : { content: blocks }),
    ...(failed === true ? { is_error: true } : {}),
    ...marked(cache),
  }
}

/** A text that a custom tool was called with stands under `input`, as its schema says. */
const callBlock = (
  id: string,
  { name, input, custom, sealed, cache }: CallPart,
  losses: Losses,
): JsonObject => {
  const object = custom === true ? inputObject(input) : inputOf(input)
  if (custom !== true && RAW_ARGUMENTS in object)
    losses.warn('arguments of an earlier call', `no JSON object: sent as text under ${RAW_ARGUMENTS}`)
  if (sealed !== undefined) losses.warn('seal of a call', 'only its issuer reads it')
  return { type: 'tool_use', id, name, input: object, ...marked(cache) }
}

const thinkingBlocks = ({ text, sealed }: ReasoningPart, losses: Losses): JsonObject[] => {
  if (sealed?.issuer !== 'messages') {
    losses.warn('earlier reasoning', 'Anthropic reads back only what it has signed')
    return []
  }
  if (sealed.redacted === true) return [{ type: 'redacted_thinking', data: sealed.payload }]
  return [{ type: 'thinking', thinking: text, signature: sealed.payload }]
}

/** A message under construction. Results stand before everything else. */
type Message = {
  readonly role: 'user' | 'assistant'
  readonly results: JsonObject[]
  readonly content: JsonObject[]
}

const plainText = (parts: readonly Part[]): string =>
  parts.flatMap(part => (part.kind === 'text' ? [part.text] : [])).join('\n')

/** A later word of the system, where no message of its own can say it on every model. */
const systemNote = (text: string): JsonObject[] =>
  textBlocks(text.trim() === '' ? '' : `<system>\n${text}\n</system>`)

const isBlank = ({ results, content }: Message): boolean => results.length + content.length === 0

class Writer {
  readonly #losses: Losses
  readonly #messages: Message[] = []
  /** Calls of the last assistant's message that have no result yet: their ids as written, by the ids they came with. */
  readonly #open = new Map<string, string[]>()
  /** How often an id has been used: some models count their calls anew in every turn, and the API wants each id once. */
  readonly #used = new Map<string, number>()

  constructor(losses: Losses) {
    this.#losses = losses
  }

  add({ role, parts }: Turn): void {
    if (role === 'system') return this.#note(plainText(parts))
    for (const part of parts) this.#part(role, part)
  }
  done(): readonly JsonObject[] {
    const messages = this.#messages.filter(message => !isBlank(message))
    const [first] = messages
    if (first?.role !== 'user') messages.unshift({ role: 'user', results: [], content: this.#beginning() })
    return messages.map(({ role, results, content }, at) => ({
      role,
      content:
        role === 'assistant' && at === messages.length - 1 ? trimmed(content) : [...results, ...content],
    }))
  }

  #beginning(): JsonObject[] {
    tellFirstWord(this.#losses)
    return [{ type: 'text', text: FIRST_WORD }]
  }
  #note(text: string): void {
    if (text.trim() === '') return
    this.#losses.warn('position of a later system message', 'it is told within the user’s turn')
    this.#message('user').content.push(...systemNote(text))
  }
  #message(role: Message['role']): Message {
    const last = this.#messages.at(-1)
    if (last?.role === role) return last
    const message: Message = { role, results: [], content: [] }
    this.#messages.push(message)
    return message
  }
  #part(role: 'user' | 'assistant', part: Part): void {
    switch (part.kind) {
      case 'image':
      case 'file':
      case 'audio':
        if (role === 'assistant')
          return this.#losses.warn('messages[].content', 'Claude is shown no pictures that a model made')
        this.#tellDetail(part)
        return this.#put(role, contentBlocks(part))
      case 'text':
        return this.#put(role, contentBlocks(part))
      case 'refusal':
      case 'summary':
        return this.#put(role, textBlocks(part.text))
      case 'reasoning':
        return this.#put('assistant', thinkingBlocks(part, this.#losses))
      case 'call':
        return this.#call(part)
      case 'result':
        return this.#result(part)
    }
  }
  #tellDetail(part: Part): void {
    if ('detail' in part && part.detail !== undefined && part.detail !== 'auto')
      this.#losses.warn('detail', 'Claude looks at all images in the same way')
  }
  #put(role: 'user' | 'assistant', blocks: readonly JsonObject[]): void {
    if (blocks.length > 0) this.#message(role).content.push(...blocks)
  }
  #call(part: CallPart): void {
    const times = this.#used.get(part.id) ?? 0
    this.#used.set(part.id, times + 1)
    // The same call gets the same name in every turn: it is the same one from the start.
    const id = fittingId(times === 0 ? part.id : `${part.id}#${times}`, CALL_ID)
    this.#put('assistant', [callBlock(id, part, this.#losses)])
    this.#open.set(part.id, [...(this.#open.get(part.id) ?? []), id])
  }
  #result(part: ResultPart): void {
    for (const one of part.content) this.#tellDetail(one)
    const id = this.#open.get(part.id)?.shift() ?? fittingId(part.id, CALL_ID)
    this.#message('user').results.push(resultBlock(id, part))
  }
}

/** The beginning of an answer may not end with white space. */
const trimmed = (content: readonly JsonObject[]): readonly JsonObject[] =>
  content.map((block, at) =>
    at === content.length - 1 && typeof block.text === 'string'
      ? { ...block, text: block.text.trimEnd() }
      : block,
  )

const ended = (messages: readonly JsonObject[], losses: Losses): readonly JsonObject[] => {
  if (messages.at(-1)?.role !== 'assistant') return messages
  tellLastWord(losses)
  return [...messages, { role: 'user', content: [{ type: 'text', text: FIRST_WORD }] }]
}

const systemBlocks = ({ parts }: Turn): JsonObject[] =>
  parts.flatMap(part => (part.kind === 'text' ? textBlocks(part.text, part.cache) : []))

/** What the system says first is the system prompt; later it is said where it stands. `prefill`: the end may be an answer's beginning. */
export const conversationOf = (turns: readonly Turn[], prefill: boolean, losses: Losses): Conversation => {
  const found = turns.findIndex(({ role }) => role !== 'system')
  const begins = found === -1 ? turns.length : found
  const writer = new Writer(losses)
  for (const turn of paired(turns.slice(begins), losses)) writer.add(turn)
  const messages = writer.done()
  return {
    system: turns.slice(0, begins).flatMap(systemBlocks),
    messages: prefill ? messages : ended(messages, losses),
  }
}

const blocksIn = (message: JsonObject | undefined): readonly (JsonObject | undefined)[] =>
  (listOf(message?.content) ?? []).map(objectOf)

const typesIn = (message: JsonObject | undefined): readonly Json[] =>
  blocksIn(message).map(block => block?.type ?? null)

/**
 * The model is in the middle of its tools, or of its answer, and what it thought before is not there: with a budget for
 * thinking the API would refuse to go on.
 */
export const lacksThinking = (messages: readonly JsonObject[]): boolean => {
  const last = messages.findLast(({ role }) => role === 'assistant')
  const begun = messages.at(-1) === last
  if (last === undefined || !(begun || typesIn(messages.at(-1)).includes('tool_result'))) return false
  const [first] = typesIn(last)
  return first !== 'thinking' && first !== 'redacted_thinking'
}

/** Names of the tools that the history calls. */
export const calledTools = (messages: readonly JsonObject[]): readonly string[] => [
  ...new Set(
    messages.flatMap(blocksIn).flatMap(block => (block?.type === 'tool_use' ? [spelled(block.name)] : [])),
  ),
]
