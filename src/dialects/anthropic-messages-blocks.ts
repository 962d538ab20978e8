import { Unsupported } from '../providers/provider.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { textOfInput } from './anthropic-messages-common.ts'
import { tellBlock, tellMessage } from './anthropic-messages-members.ts'
import type { Losses } from './losses.ts'
import type { CacheMark, MediaPart, Part, ResultPart, Source, TextPart, Turn } from './neutral.ts'
import { listOf, spelled, textOf } from './read-json.ts'

/** Content blocks of a request as neutral parts. */

/** What a reader of blocks carries along: what was lost, and the names of the calls that were made so far, by id. */
type Reader = { readonly losses: Losses; readonly calls: Map<string, string> }

export const cacheOf = ({ cache_control: control }: JsonObject): { readonly cache?: CacheMark } => {
  if (!isObject(control)) return {}
  const { ttl } = control
  return { cache: ttl === '5m' || ttl === '1h' ? { ttl } : {} }
}

const textPart = (text: string, block: JsonObject): TextPart => ({ kind: 'text', text, ...cacheOf(block) })

/** A member that is a text. Throws Unsupported, naming it, where it is none. */
export const needed = (object: JsonObject, name: string, path: string): string => {
  const value = object[name]
  if (typeof value === 'string') return value
  throw new Unsupported(`'${path}.${name}' must be a text`, `${path}.${name}`)
}

const noBlock = (path: string): never => {
  throw new Unsupported(`'${path}' is no content block`, path)
}

const foreignFile = (path: string): never => {
  throw new Unsupported(
    `a file that was uploaded to one provider cannot be read by another ('${path}.source.file_id')`,
    `${path}.source.file_id`,
  )
}

const bytesIn = (source: JsonObject, path: string): Extract<Source, { kind: 'bytes' }> => ({
  kind: 'bytes',
  mime: needed(source, 'media_type', `${path}.source`),
  base64: needed(source, 'data', `${path}.source`),
})

const addressIn = (source: JsonObject, path: string): Source => ({
  kind: 'url',
  url: needed(source, 'url', `${path}.source`),
})

const imagePart = (block: JsonObject, path: string): MediaPart => {
  const source = isObject(block.source) ? block.source : noBlock(path)
  const cache = cacheOf(block)
  if (source.type === 'base64')
    return {
      kind: 'image',
      source: bytesIn(source, path),
      ...cache,
    }
  if (source.type === 'url') return { kind: 'image', source: addressIn(source, path), ...cache }
  return source.type === 'file' ? foreignFile(path) : noBlock(path)
}

/** A mark of the whole marks its last part. */
const markedLast = (parts: readonly (TextPart | MediaPart)[], block: JsonObject): (TextPart | MediaPart)[] =>
  parts.map((part, at) =>
    at === parts.length - 1 && part.kind !== 'audio' ? { ...part, ...cacheOf(block) } : part,
  )

const tellCitations = ({ citations }: JsonObject, { losses }: Reader): void => {
  if (isObject(citations) && citations.enabled === true)
    losses.warn('messages[].content[].citations', 'only Anthropic cites from documents')
}

/** A text that stands apart from the conversation: its title, where it is from, and what it says. */
const quoted = (heading: readonly (Json | undefined)[], text: string): string =>
  [heading.filter(one => typeof one === 'string' && one !== '').join('\n'), text]
    .filter(one => one !== '')
    .join('\n\n')

const documentParts = (block: JsonObject, path: string, reader: Reader): (TextPart | MediaPart)[] => {
  const source = isObject(block.source) ? block.source : noBlock(path)
  const { title, context } = block
  tellCitations(block, reader)
  const name = typeof title === 'string' ? { name: title } : {}
  const cache = cacheOf(block)
  const file = (of: MediaPart): (TextPart | MediaPart)[] =>
    typeof context === 'string' && context !== '' ? [{ kind: 'text', text: context }, of] : [of]
  switch (source.type) {
    case 'base64':
      return file({
        kind: 'file',
        source: bytesIn(source, path),
        ...name,
        ...cache,
      })
    case 'url':
      return file({ kind: 'file', source: addressIn(source, path), ...name, ...cache })
    case 'text':
      // Plain text can be read anywhere, a document of plain text hardly anywhere.
      return [textPart(quoted([title, context], needed(source, 'data', `${path}.source`)), block)]
    case 'content': {
      const inner = markedLast(contentParts(source.content, `${path}.source.content`, reader), block)
      const heading = quoted([title, context], '')
      return heading === '' ? inner : [{ kind: 'text', text: heading }, ...inner]
    }
    default:
      return source.type === 'file' ? foreignFile(path) : noBlock(path)
  }
}

/** What may stand in a tool's result, and in a user's message. */
const contentPart = (block: Json, path: string, reader: Reader): (TextPart | MediaPart)[] | undefined => {
  if (!isObject(block)) return noBlock(path)
  tellBlock(block, reader.losses)
  switch (block.type) {
    case 'text':
      if ((listOf(block.citations) ?? []).length > 0)
        reader.losses.warn(
          'messages[].content[].citations',
          'citations of an earlier answer are not repeated',
        )
      return typeof block.text === 'string' && block.text !== '' ? [textPart(block.text, block)] : []
    case 'image':
      return [imagePart(block, path)]
    case 'document':
      return documentParts(block, path, reader)
    case 'search_result': {
      tellCitations(block, reader)
      const said = contentParts(block.content, `${path}.content`, reader).flatMap(part =>
        part.kind === 'text' ? [part.text] : [],
      )
      return [textPart(quoted([block.title, block.source], said.join('\n')), block)]
    }
    case 'tool_reference':
      reader.losses.warn('messages[].content[].tool_reference', 'every tool is given from the start')
      return [{ kind: 'text', text: needed(block, 'tool_name', path) }]
    default:
      return undefined
  }
}

const contentParts = (content: Json | undefined, path: string, reader: Reader): (TextPart | MediaPart)[] => {
  if (typeof content === 'string') return content === '' ? [] : [{ kind: 'text', text: content }]
  return (listOf(content) ?? []).flatMap((block, at) => {
    const place = `${path}[${at}]`
    return contentPart(block, place, reader) ?? unknownBlock(block, place, reader)
  })
}

/** Calls that a provider made on its own side, and what came of them: nobody else can go on from them. */
const HOSTED =
  /^(?:server_tool_use|mcp_tool_use|mcp_tool_result|mcp_tool_listing|container_upload|fallback|.+_tool_result)$/

const unknownBlock = (block: Json, path: string, { losses }: Reader): [] => {
  const type = isObject(block) ? textOf(block.type) : undefined
  if (type !== undefined && HOSTED.test(type)) {
    losses.warn(`messages[].content[].${type}`, 'only the provider that wrote it can read it')
    return []
  }
  throw new Unsupported(`content of type '${type}' is known to Anthropic only ('${path}')`, `${path}.type`)
}

const resultPart = (block: JsonObject, path: string, reader: Reader): ResultPart => {
  const id = needed(block, 'tool_use_id', path)
  return {
    kind: 'result',
    id,
    name: reader.calls.get(id) ?? '',
    content: contentParts(block.content, `${path}.content`, reader),
    ...(block.is_error === true ? { failed: true } : {}),
    ...cacheOf(block),
  }
}

const partsOf = (block: Json, path: string, reader: Reader): Part[] => {
  if (!isObject(block)) return noBlock(path)
  tellBlock(block, reader.losses)
  switch (block.type) {
    case 'tool_addition':
    case 'tool_removal':
      // Read with the request's own tools.
      return []
    case 'tool_use': {
      const [id, name] = [needed(block, 'id', path), needed(block, 'name', path)]
      reader.calls.set(id, name)
      return [{ kind: 'call', id, name, input: textOfInput(block.input), ...cacheOf(block) }]
    }
    case 'tool_result':
      return [resultPart(block, path, reader)]
    case 'thinking': {
      const signature = textOf(block.signature)
      const sealed =
        signature === undefined ? {} : { sealed: { issuer: 'messages', payload: signature } as const }
      return [{ kind: 'reasoning', text: textOf(block.thinking) ?? '', ...sealed }]
    }
    case 'redacted_thinking':
      return [
        {
          kind: 'reasoning',
          text: '',
          sealed: { issuer: 'messages', payload: needed(block, 'data', path), redacted: true },
        },
      ]
    case 'compaction':
      // One without a text is a compaction that failed, and the API passes over it.
      return []
    default:
      return contentPart(block, path, reader) ?? unknownBlock(block, path, reader)
  }
}

/** A word of the system for the user's turn that it follows: once the user speaks again, nobody reads it. */
const isCleared = (message: Json): boolean =>
  isObject(message) && message.role === 'system' && message.clear_at === 'next_user_message'

const ROLES: ReadonlySet<string> = new Set<Turn['role']>(['user', 'assistant', 'system'])

/** The latest compaction of a conversation, and where it stands. */
type Compacted = { readonly at: number; readonly place: number; readonly text: string }

const NOT_COMPACTED: Compacted = { at: -1, place: -1, text: '' }

/** The API reads nothing of what stands before it; so nobody else does. */
const latestCompaction = (messages: readonly Json[]): Compacted => {
  for (let at = messages.length - 1; at >= 0; at--) {
    const message = messages[at] ?? null
    const blocks = isObject(message) ? (listOf(message.content) ?? []) : []
    const place = blocks.findLastIndex(
      block => isObject(block) && block.type === 'compaction' && summaryOf(block) !== '',
    )
    const block = blocks[place]
    if (isObject(block)) return { at, place, text: summaryOf(block) }
  }
  return NOT_COMPACTED
}

const summaryOf = ({ content }: JsonObject): string => textOf(content) ?? ''

/**
 * `messages` in the order they were said, from the latest compaction on: its text takes the place of all before it.
 * Throws Unsupported for what no other provider can read.
 */
export const turnsOf = (messages: Json | undefined, losses: Losses): Turn[] => {
  const reader: Reader = { losses, calls: new Map() }
  const list = listOf(messages)
  if (list === undefined) throw new Unsupported("'messages' must be a list", 'messages')
  const { at: compacted, place: last, text } = latestCompaction(list)
  const summary: Turn[] = text === '' ? [] : [{ role: 'user', parts: [{ kind: 'summary', text }] }]
  const lastAsked = list.findLastIndex(message => isObject(message) && message.role === 'user')
  const turns = list.map((message, at): Turn | undefined => {
    if (at < compacted || (at < lastAsked && isCleared(message))) return undefined
    const path = `messages[${at}]`
    if (!isObject(message) || !ROLES.has(spelled(message.role)))
      throw new Unsupported(`'${path}' is no message of a user, an assistant or the system`, path)
    tellMessage(message, losses)
    const role = message.role as Turn['role']
    const { content } = message
    if (typeof content === 'string')
      return { role, parts: content === '' ? [] : [{ kind: 'text', text: content }] }
    const blocks = listOf(content)
    if (blocks === undefined && (role !== 'system' || (content !== undefined && content !== null)))
      throw new Unsupported(`'${path}.content' must be a text or a list of blocks`, `${path}.content`)
    return {
      role,
      parts: (blocks ?? []).flatMap((block, place) =>
        at === compacted && place <= last ? [] : partsOf(block, `${path}.content[${place}]`, reader),
      ),
    }
  })
  return [...summary, ...turns.filter(turn => turn !== undefined)]
}

/** A client that counts its calls by a first line of the prompt: it says nothing to a model, and changes with its version. */
const BILLING_LINE = /^x-anthropic-billing-header:/

/** `system` as the turn it is. */
export const systemTurn = (system: Json | undefined, losses: Losses): Turn[] => {
  const blocks: readonly Json[] =
    typeof system === 'string' ? [{ type: 'text', text: system }] : (listOf(system) ?? [])
  const parts = blocks.flatMap((block): TextPart[] => {
    const text = isObject(block) ? textOf(block.text) : undefined
    if (!isObject(block) || text === undefined) return []
    if (!BILLING_LINE.test(text)) return [textPart(text, block)]
    losses.warn(
      'system[].text (billing line)',
      'it is meant for Anthropic, and would spoil every prompt cache',
    )
    return []
  })
  return parts.length === 0 ? [] : [{ role: 'system', parts }]
}
