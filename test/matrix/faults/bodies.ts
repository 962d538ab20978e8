import { gzipSync } from 'node:zlib'
import { answerFrames } from '../../../src/stage/bedrock-answer.ts'
import type { JsonObject } from '../../../src/wire/json.ts'
import { errorBodyOf } from '../kinds.ts'
import { type Form, isFramed, type Row } from '../rows.ts'
import { bodyOf, type Head, halves, type Part, type Script, single, upTo, withHead } from '../script.ts'
import { tornFrame } from '../torn.ts'
import {
  breaks,
  cannot,
  type Fault,
  FORMLESS,
  fails,
  isOwned,
  isVerbatim,
  MAY_BE_EMPTY,
  type Meaning,
  passes,
  READ_BACK,
  unlessVerbatim,
  VERBATIM,
} from './fault.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
const EVENTS_TYPE = { 'content-type': 'text/event-stream' }
const PAGE = '<html><head><title>Welcome</title></head><body><h1>Welcome</h1></body></html>\n'

/** A success whose body cannot be read. */
const unreadable = (): Meaning => fails('transient', 500)

const halfOf = (bytes: Uint8Array): Uint8Array => bytes.subarray(0, Math.max(1, bytes.length >> 1))

/** The same head and framing around another body. */
const rebodied = (script: Script, body: Uint8Array): Script => ({
  ...withHead(script, { length: body.length }),
  parts: halves(body),
})

const html: Fault = {
  title: '200 with a web page',
  meaning: row => (row.form === 'raw' ? passes('bytes may be a web page') : unlessVerbatim(unreadable)(row)),
  script: () => single(200, { 'content-type': 'text/html; charset=utf-8' }, PAGE),
  unread: 'a web page is given up at its head',
}

const typed = (row: Row): Meaning => {
  if (isVerbatim(row)) return passes(VERBATIM)
  // Sound is never events that nobody asked for.
  return row.kind === 'bytes' && row.form !== 'speech' ? passes('bytes may be of any type') : unreadable()
}

/** A transcript may be asked for as text: there events have to call themselves JSON to be of the wrong type. */
const typeOfEvents = ({ form }: Row): Head['headers'] => (form === 'transcription' ? JSON_TYPE : EVENTS_TYPE)

/** A document in which everybody finds what an answer has. */
const ANYTHING: JsonObject = {
  id: 'matrix_1',
  object: 'matrix',
  text: 'one',
  choices: [{ index: 0, text: 'one', message: { role: 'assistant', content: 'one' }, finish_reason: 'stop' }],
  data: [{}],
  output: [
    { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'one' }] },
    { type: 'compaction', id: 'cmp_1', encrypted_content: 'one' },
  ],
  content: [{ type: 'text', text: 'one' }],
  input_tokens: 1,
  candidates: [{ content: { parts: [{ text: 'one' }], role: 'model' }, finishReason: 'STOP' }],
  totalTokens: 1,
  finish_reason: 'COMPLETE',
  message: { role: 'assistant', content: [{ type: 'text', text: 'one' }] },
}

const wrongType: Fault = {
  title: 'wrong content type: a document for events, events for a document',
  meaning: typed,
  script: row =>
    row.kind === 'events'
      ? single(200, JSON_TYPE, JSON.stringify(ANYTHING))
      : single(200, typeOfEvents(row), 'data: {}\n\n'),
}

const brokenJson: Fault = {
  title: 'broken JSON in a whole answer, or in the first event',
  meaning: row => {
    if (isVerbatim(row)) return passes(VERBATIM)
    return row.kind === 'bytes' ? cannot(FORMLESS) : unreadable()
  },
  script: (row, healthy) => {
    if (row.kind !== 'events') return rebodied(healthy, halfOf(bodyOf(healthy)))
    if (isFramed(row)) return { ...healthy, parts: [{ bytes: tornFrame(), content: false }] }
    const torn = Buffer.concat([halfOf(healthy.parts[0]?.bytes ?? new Uint8Array()), Buffer.from('\n\n')])
    return { ...healthy, parts: [{ bytes: torn, content: false }] }
  },
}

const errorInside: Fault = {
  title: '200 with an error object',
  meaning: unlessVerbatim(row => {
    if (row.form === 'raw') return passes('bytes may be an error object')
    if (row.kind === 'document' && row.route.method === 'GET') return passes(READ_BACK)
    // Bedrock has no such thing: a document without an answer is none.
    return row.flavour === 'bedrock' ? unreadable() : fails('overloaded', 503)
  }),
  script: ({ flavour }) => single(200, JSON_TYPE, JSON.stringify(errorBodyOf(flavour, 503))),
}

const empty: Fault = {
  title: '200 with no byte in it',
  meaning: unlessVerbatim(row => {
    if (row.form === 'raw' || (row.kind === 'document' && isOwned(row))) return passes(MAY_BE_EMPTY)
    return fails(['transient', 'transport', 'empty_answer'], 500)
  }),
  script: (_row, healthy) => rebodied(healthy, new Uint8Array()),
}

/** Well-formed answers with nothing in them, where the format makes that an answer to nothing. */
const HOLLOW: Readonly<Partial<Record<Form, JsonObject>>> = {
  chat: { id: 'chatcmpl-1', object: 'chat.completion', created: 1, model: 'm', choices: [] },
  completions: { id: 'cmpl-1', object: 'text_completion', created: 1, model: 'm', choices: [] },
  embeddings: { object: 'list', model: 'm', usage: { prompt_tokens: 1, total_tokens: 1 } },
  moderations: { id: 'modr-1', model: 'm' },
  images: { created: 1 },
  messages: {
    id: 'msg_1',
    type: 'message',
    content: [],
    stop_reason: 'end_turn',
    usage: { input_tokens: 1, output_tokens: 0 },
  },
  invoke: {},
  message_tokens: {},
  response_tokens: { object: 'response.input_tokens' },
  gemini: { candidates: [], usageMetadata: { promptTokenCount: 1 }, modelVersion: 'm' },
  gemini_tokens: {},
  gemini_vectors: {},
  compaction: { id: 'resp_1', object: 'response.compaction', created_at: 1, output: [] },
  cohere: {
    id: 'matrix_1',
    finish_reason: 'COMPLETE',
    message: { role: 'assistant', content: [] },
    usage: { tokens: { input_tokens: 1, output_tokens: 0 } },
  },
  converse: {
    output: { message: { role: 'assistant', content: [] } },
    stopReason: 'end_turn',
    usage: { inputTokens: 1, outputTokens: 0, totalTokens: 1 },
  },
}

const saidNothing = (): Meaning => fails('empty_answer', 502)

const SILENT = {
  content: [],
  stopReason: 'end_turn',
  usage: { inputTokens: 1, outputTokens: 0, totalTokens: 1 },
}

/** What ends a stream, and nothing that was said; Converse has no one frame for it. */
const quiet = ({ form }: Row, parts: readonly Part[]): readonly Part[] =>
  form === 'converse' ? answerFrames(SILENT) : parts.slice(-1)

const hollow: Fault = {
  title: 'a well-formed answer with nothing in it',
  meaning: row => {
    if (isVerbatim(row)) return passes(VERBATIM)
    if (HOLLOW[row.form] === undefined || row.kind === 'bytes')
      return cannot('without content an answer of this kind is an answer all the same')
    if (row.kind === 'document') return saidNothing()
    if (row.form === 'images') return cannot('a stream of images ends with its content')
    return saidNothing()
  },
  script: (row, healthy) =>
    row.kind === 'events'
      ? { ...healthy, parts: quiet(row, healthy.parts) }
      : single(200, JSON_TYPE, JSON.stringify(HOLLOW[row.form] ?? {})),
}

/** One member of the archive for each part: what has come of it can be read at once. */
const compressed = (part: Part): Part => ({ ...part, bytes: gzipSync(part.bytes) })

const gzipCut: Fault = {
  title: 'a gzip body that is cut, though HTTP says that it is whole',
  wire: 'too',
  meaning: row => (row.kind === 'document' ? fails('transport', 500) : breaks('transport')),
  script: (row, healthy) => {
    const parts = row.kind === 'document' ? [{ bytes: bodyOf(healthy), content: true }] : healthy.parts
    const kept = row.kind === 'document' ? 0 : upTo(parts, 1)
    const archive = parts.map(compressed)
    const torn = archive[Math.min(kept, archive.length - 1)]
    const cut = torn === undefined ? [] : [{ bytes: halfOf(torn.bytes), content: false }]
    const sent = [...archive.slice(0, kept), ...cut]
    const length = sent.reduce((sum, { bytes }) => sum + bytes.length, 0)
    const head = typeof healthy.head === 'object' ? healthy.head.headers : {}
    return {
      ...withHead(healthy, {
        headers: { ...head, 'content-encoding': 'gzip' },
        length: row.kind === 'document' ? length : undefined,
      }),
      parts: sent,
    }
  },
}

const tail: Fault = {
  title: 'trailing garbage in the body',
  meaning: row => {
    if (isVerbatim(row)) return passes(VERBATIM)
    if (row.kind === 'bytes') return passes(FORMLESS)
    return row.kind === 'events' ? passes('what comes after the end of the answer is nobody’s') : unreadable()
  },
  script: (row, healthy) => {
    const garbage = Buffer.from(row.kind === 'events' ? 'data: {"late":tr' : '\n} trailing')
    const length = bodyOf(healthy).length + garbage.length
    const framed =
      typeof healthy.head === 'object' && healthy.head.length !== undefined
        ? withHead(healthy, { length })
        : healthy
    return { ...framed, parts: [...framed.parts, { bytes: garbage, content: false }] }
  },
}

/** The provider says yes, and what follows is no answer. */
export const BODIES: readonly Fault[] = [
  html,
  wrongType,
  brokenJson,
  errorInside,
  empty,
  hollow,
  gzipCut,
  tail,
]
