import { isObject, type Json, type JsonObject } from '../../../../src/wire/json.ts'
import type { Heard } from '../../../support/heard.ts'
import { parseSse } from '../../../support/sse.ts'
import type { Row } from '../../rows.ts'
import { chatDocument, chatStream } from './chat.ts'
import { geminiDocument, geminiStream } from './gemini.ts'
import { type Ending, isCount, type Reading, type Told } from './grammar.ts'
import { messagesDocument, messagesStream } from './messages.ts'
import { compactionDocument, responseDocument, responsesStream } from './responses.ts'

/** Is what the client got an answer of its own dialect, complete and in order? */

const DONE = '[DONE]'

const compacts = ({ more }: Row): boolean =>
  Array.isArray(more?.input) && more.input.some(item => isObject(item) && item.type === 'compaction_trigger')

type Judge = {
  readonly document: (body: JsonObject, row: Row) => readonly string[]
  readonly stream?: (events: readonly Told[], row: Row, done: number) => Reading
}

const hasValues = (vector: Json | undefined): boolean =>
  isObject(vector) && Array.isArray(vector.values) && vector.values.length > 0

const JUDGES: Readonly<Record<string, Judge>> = {
  chat: { document: chatDocument, stream: (events, _row, done) => chatStream(events, done) },
  messages: { document: messagesDocument, stream: messagesStream },
  gemini: { document: geminiDocument, stream: geminiStream },
  responses: {
    document: (body, row) => responseDocument(body, compacts(row)),
    stream: (events, row) => responsesStream(events, compacts(row)),
  },
  compaction: { document: compactionDocument },
  message_tokens: { document: ({ input_tokens: count }) => (isCount(count) ? [] : ['no count']) },
  response_tokens: {
    document: ({ object, input_tokens: count }) =>
      object === 'response.input_tokens' && isCount(count) ? [] : ['no count'],
  },
  gemini_vectors: {
    document: ({ embedding, embeddings }) =>
      hasValues(embedding) || (Array.isArray(embeddings) && hasValues(embeddings[0])) ? [] : ['no vector'],
  },
  gemini_tokens: { document: ({ totalTokens: count }) => (isCount(count) ? [] : ['no count']) },
}

const jsonOf = (text: string): JsonObject | undefined => {
  try {
    const value = JSON.parse(text) as Json
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

const streamed = (row: Row, judge: NonNullable<Judge['stream']>, body: Buffer): Reading => {
  const seen = parseSse(body)
  const done = seen.filter(({ data }) => data === DONE).length
  const events = seen
    .filter(({ data }) => data !== DONE)
    .map(({ event, data }): Told => ({ event, data: jsonOf(data) ?? {} }))
  const reading = judge(events, row, done)
  const late = done > 0 && seen.at(-1)?.data !== DONE ? ['something follows [DONE]'] : []
  const torn = seen.some(({ data }) => data !== DONE && jsonOf(data) === undefined)
    ? ['an event is no JSON']
    : []
  return { ending: reading.ending, complaints: [...reading.complaints, ...late, ...torn] }
}

/** What is wrong with the form of an answer that should have ended like this. */
export const formOfAnswer = (row: Row, { status, body }: Heard, ending: Ending): readonly string[] => {
  const judge = JUDGES[row.route.shape]
  // Other endpoints have no grammar of their own here: their answers are compared, and that is all.
  if (judge === undefined || row.route.crossing === 'never' || status !== 200) return []
  if (row.kind !== 'events') return judge.document(jsonOf(body.toString()) ?? {}, row)
  if (judge.stream === undefined) return []
  const reading = streamed(row, judge.stream, body)
  if (reading.ending === ending) return reading.complaints
  return [...reading.complaints, `the stream ends ${reading.ending}, not ${ending}`]
}
