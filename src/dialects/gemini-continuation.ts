import type { Edit } from '../wire/edit.ts'
import { isObject, type JsonObject } from '../wire/json.ts'
import {
  addition,
  type Continuation,
  type Delivered,
  editedEvent,
  type Peek,
  type Said,
  setting,
} from './continuation.ts'
import { at, candidatesIn, listAt, objectAt, partsIn, textAt } from './gemini-words.ts'
import { isPing, parseJson } from './read-json.ts'
import type { StreamEvent, Usage } from './shape.ts'

/**
 * A stream of generateContent that broke is gone on with as long as it was text: the parts of all chunks are one running
 * text, and thoughts that are shown another. Calls, pictures and what Google has signed cannot be said again.
 */

const NOTHING: readonly Said[] = []

const chunkIn = ({ data }: Pick<StreamEvent, 'data'>): JsonObject | undefined => {
  const value = data === undefined ? undefined : parseJson(data)
  return isObject(value) ? value : undefined
}

/** Members of a candidate that belong to its words and cannot be compared. */
const BOUND = ['groundingMetadata', 'citationMetadata', 'urlContextMetadata', 'logprobsResult']

/** The only candidate; undefined when there is none, 'other' when there are several or it tells more than text. */
const candidateIn = (chunk: JsonObject): JsonObject | 'other' | undefined => {
  const candidates = candidatesIn(chunk)
  const [candidate] = candidates
  if (candidate === undefined) return undefined
  const first = candidate.index === undefined || candidate.index === 0
  const bound = BOUND.some(name => at(candidate, name) !== undefined)
  return candidates.length === 1 && first && !bound ? candidate : 'other'
}

const channelOf = (part: JsonObject): string => (part.thought === true ? 'thought' : 'text')

/** Members of a part that is nothing but words. */
const PLAIN: ReadonlySet<string> = new Set(['text', 'thought'])

/** An empty text says nothing, whatever is signed with it: so the API ends its streams. */
const pieceOf = (part: JsonObject): readonly Said[] | 'other' => {
  const text = textAt(part, 'text')
  if (text === undefined) return 'other'
  if (text === '') return NOTHING
  if (!Object.keys(part).every(key => PLAIN.has(key))) return 'other'
  const channel = channelOf(part)
  return [{ channel, text, ...(channel === 'thought' ? { aside: true } : {}) }]
}

const said = (event: StreamEvent): readonly Said[] | 'other' => {
  if (event.data === undefined || isPing(event)) return NOTHING
  const chunk = chunkIn(event)
  const candidate = chunk === undefined ? 'other' : candidateIn(chunk)
  if (candidate === undefined) return NOTHING
  if (candidate === 'other') return 'other'
  const pieces = partsIn(candidate).map(pieceOf)
  return pieces.includes('other') ? 'other' : (pieces as (readonly Said[])[]).flat()
}

/** What is left of a channel stands in its first part; the parts behind it, and those of the others, go. */
const saying = (event: StreamEvent, pieces: readonly Said[]): StreamEvent => {
  const chunk = chunkIn(event)
  const candidate = chunk === undefined ? undefined : candidateIn(chunk)
  if (candidate === undefined || candidate === 'other') return event
  const left = new Map<string, string>()
  for (const { channel, text } of pieces) left.set(channel, (left.get(channel) ?? '') + text)
  const edits = partsIn(candidate).flatMap((part, place): Edit[] => {
    const path = ['candidates', '0', 'content', 'parts', String(place)]
    if (textAt(part, 'text') === '') return []
    const text = left.get(channelOf(part))
    left.delete(channelOf(part))
    return [text === undefined ? { op: 'drop', path, why: 'continuation' } : setting([...path, 'text'], text)]
  })
  // From the end: a place moves when one before it goes.
  return editedEvent(event, edits.reverse())
}

const ID = 'responseId'

const USAGE = 'usageMetadata'

const usageEdits = (
  usage: JsonObject,
  { inputTokens, outputTokens, cachedInputTokens, reasoningTokens = 0 }: Usage,
): readonly Edit[] => {
  const added = (key: string, more: number | undefined) => addition(usage, [key], { more, at: [USAGE] })
  // Thoughts are counted beside the answer, by whoever counts them.
  const thoughts = added('thoughtsTokenCount', reasoningTokens)
  return [
    ...added('promptTokenCount', inputTokens),
    ...added('cachedContentTokenCount', cachedInputTokens),
    ...added('candidatesTokenCount', outputTokens - (thoughts.length > 0 ? reasoningTokens : 0)),
    ...thoughts,
    ...added('totalTokenCount', inputTokens + outputTokens),
  ]
}

/** The answer so far; thoughts are left to whoever had them. */
const plainText = ({ texts }: Delivered): string | undefined => {
  const text = texts.get('text')
  return text === '' ? undefined : text
}

const answersOnce = (peek: Peek): boolean => {
  const config = peek('generationConfig') ?? peek('generation_config')
  return !isObject(config) || (at(config, 'candidateCount') ?? 1) === 1
}

export const geminiContinuation: Continuation = {
  allows: answersOnce,
  said,
  saying,
  // Chunks of one stream have one id.
  graft: ({ first, spoke }) => {
    const id = (spoke ?? first)?.[ID]
    return {
      learn: () => {},
      fit: event => {
        const known = id === undefined ? undefined : chunkIn(event)?.[ID]
        return id === undefined || known === undefined || known === id
          ? event
          : editedEvent(event, [setting([ID], id)])
      },
    }
  },
  withUsage: (event, more) => {
    const usage = objectAt(chunkIn(event) ?? {}, USAGE)
    return usage === undefined ? event : editedEvent(event, usageEdits(usage, more))
  },
  prefill: (peek, delivered) => {
    const text = plainText(delivered)
    const contents = peek('contents')
    const last = Array.isArray(contents) ? contents.at(-1) : undefined
    // A conversation that ends with a beginning of the client's own has no place for another.
    if (text === undefined || !isObject(last) || last.role === 'model') return undefined
    if (listAt(last, 'parts').length === 0) return undefined
    const value = { role: 'model', parts: [{ text }] }
    return [{ op: 'append', path: ['contents'], value, why: 'continuation' }]
  },
}
