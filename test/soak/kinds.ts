import type { JsonObject } from '../../src/wire/json.ts'
import { type Endpoint, jsonAsk, objectsIn, type Reading, textIn } from '../failoverbench/endpoint.ts'
import { ENDPOINTS } from '../failoverbench/endpoints.ts'
import { readDocument } from '../failoverbench/reading.ts'
import type { Ending } from './checks.ts'

/** One way to ask, and how a client that knows the format reads the answer. */
export type Kind = Pick<Endpoint, 'id' | 'path' | 'ask' | 'read'> & {
  /** The upstream name of a model that can do it. */
  readonly model: string
  /** The format marks its end, so a cut answer can be told from a whole one. */
  readonly marked: boolean
}

const MODELS: readonly (readonly [start: string, model: string])[] = [
  ['chat', 'gpt-4.1'],
  ['completions', 'gpt-3.5-turbo-instruct'],
  ['responses', 'gpt-4.1'],
  ['compact', 'gpt-4.1'],
  ['embeddings', 'text-embedding-3-small'],
  ['images', 'gpt-image-1'],
  ['speech', 'gpt-4o-mini-tts'],
  ['transcriptions', 'gpt-4o-transcribe'],
]

const modelFor = (id: string): string => MODELS.find(([start]) => id.startsWith(start))?.[1] ?? 'gpt-4.1'

const reading = (content: string, finished: boolean): Reading => ({
  content,
  finished,
  usage: false,
  model: undefined,
})

/** Where the stage's answers are read otherwise than those of the bench. */
const READERS: Readonly<Record<string, Kind['read']>> = {
  // Sealed anew every time: that it is there is all that can be compared.
  compact: readDocument(answer => {
    const sealed = objectsIn(answer.output).find(({ type }) => type === 'compaction')
    return reading(textIn(sealed?.encrypted_content) === '' ? '' : 'sealed', sealed !== undefined)
  }),
  embeddings: readDocument(answer => reading(JSON.stringify(objectsIn(answer.data)), true)),
}

const asKind = ({ id, path, ask, read }: Endpoint): Kind => ({
  id,
  path,
  ask,
  read: READERS[id] ?? read,
  model: modelFor(id),
  marked: id !== 'speech',
})

export const KINDS: readonly Kind[] = ENDPOINTS.map(asKind)

/** Larger than what sockets hold between them, in few events. */
const LARGE = Array.from({ length: 8 }, (_, word) => String(word).repeat(512 * 1024)).join(' ')

const chatKind = (): Kind => {
  const found = KINDS.find(({ id }) => id === 'chat-stream')
  if (found === undefined) throw new Error('there is no streaming chat to read slowly from')
  return found
}

/** A stream of 4 MB in 512 KB events, for a reader that takes it slowly. */
export const LARGE_KIND: Kind = {
  ...chatKind(),
  id: 'chat-stream, 4 MB read slowly',
  ask: model => {
    const body: JsonObject = {
      model,
      messages: [{ role: 'user', content: `[stage:say ${LARGE}]` }],
      stream: true,
      stream_options: { include_usage: true },
    }
    return jsonAsk(body)
  },
}

export type Came = {
  readonly status: number
  readonly body: Buffer
  /** HTTP's own end was there. */
  readonly whole: boolean
}

/** What came, as the client takes it; `expected` is the content of a whole answer. */
export const endingOf = (kind: Kind, came: Came, expected: string): Ending => {
  if (came.status !== 200) return came.whole ? 'told' : 'cut'
  const { content, finished, error, flaw } = kind.read(came.body)
  if (error !== undefined) return came.whole ? 'told' : 'cut'
  if (!came.whole) return 'cut'
  if (finished && flaw === undefined && content === expected) return 'whole'
  return kind.marked ? 'truncated' : 'unmarked'
}
