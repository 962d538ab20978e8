import { isObject, type JsonObject } from '../../src/wire/json.ts'
import { ANSWER, PROMPT, tokensOf, WORDS } from './answer.ts'
import {
  DONE,
  dataFrame,
  documentScript,
  type Endpoint,
  eventsScript,
  type Heard,
  hearJson,
  jsonAsk,
  NO_PREFILL_IN_BODY,
  NO_SENTINEL_IN_BODY,
  objectsIn,
  type Reading,
  type Script,
  textIn,
} from './endpoint.ts'
import { readDocument, readEvents } from './reading.ts'

/** What chat and completions differ in; their chunks, their usage and their sentinel are the same. */
type Dialect = {
  readonly name: 'chat' | 'completions'
  readonly path: string
  readonly object: string
  readonly chunkObject: string
  readonly question: JsonObject
  /** The text of the answer that a request ends with. */
  readonly begun: (body: JsonObject) => string
  readonly delta: (text: string) => JsonObject
  readonly whole: (text: string) => JsonObject
  readonly textOf: (choice: JsonObject) => string
  /** A chunk that says nothing yet. */
  readonly opens: readonly JsonObject[]
}

const contentOf = (message: JsonObject | undefined): string =>
  typeof message?.content === 'string'
    ? message.content
    : objectsIn(message?.content)
        .map(part => textIn(part.text))
        .join('')

const chat: Dialect = {
  name: 'chat',
  path: '/v1/chat/completions',
  object: 'chat.completion',
  chunkObject: 'chat.completion.chunk',
  question: { messages: [{ role: 'user', content: PROMPT }] },
  begun: body => {
    const last = objectsIn(body.messages).at(-1)
    return last?.role === 'assistant' ? contentOf(last) : ''
  },
  delta: content => ({ delta: { content } }),
  whole: content => ({ message: { role: 'assistant', content } }),
  textOf: ({ delta, message }) => {
    const said = isObject(delta) ? delta : message
    return isObject(said) ? textIn(said.content) : ''
  },
  opens: [{ delta: { role: 'assistant', content: '' } }],
}

const completions: Dialect = {
  name: 'completions',
  path: '/v1/completions',
  object: 'text_completion',
  chunkObject: 'text_completion',
  question: { prompt: PROMPT },
  begun: body => {
    const prompt = textIn(body.prompt)
    return prompt.startsWith(PROMPT) ? prompt.slice(PROMPT.length).trimStart() : ''
  },
  delta: text => ({ text }),
  whole: text => ({ text }),
  textOf: ({ text }) => textIn(text),
  opens: [],
}

const usageOf = (text: string): JsonObject => {
  const tokens = tokensOf(text).length
  return { prompt_tokens: 12, completion_tokens: tokens, total_tokens: 12 + tokens }
}

const chunks = (dialect: Dialect, rest: string, { model, wantsUsage }: Heard): Script => {
  const base = { id: 'fb-answer', object: dialect.chunkObject, created: 1_750_000_000, model }
  const chunk = (said: JsonObject, finish: string | null = null): Buffer =>
    dataFrame({ ...base, choices: [{ index: 0, ...said, finish_reason: finish }] })
  return eventsScript({
    opening: dialect.opens.map(said => chunk(said)),
    pieces: tokensOf(rest).map(token => chunk(dialect.delta(token))),
    closing: [
      chunk(dialect.name === 'chat' ? { delta: {} } : { text: '' }, 'stop'),
      ...(wantsUsage ? [dataFrame({ ...base, choices: [], usage: usageOf(rest) })] : []),
    ],
    sentinel: [DONE],
    broken: Buffer.from(`data: {"id":"fb-answer","choices":[{"index":0,"delta":\n\n`),
  })
}

const completion = (dialect: Dialect, rest: string, { model }: Heard): Script =>
  documentScript({
    id: 'fb-answer',
    object: dialect.object,
    created: 1_750_000_000,
    model,
    choices: [{ index: 0, ...dialect.whole(rest), finish_reason: 'stop' }],
    usage: usageOf(rest),
  })

const read = (dialect: Dialect, answers: readonly JsonObject[]): Reading => {
  const choices = answers.flatMap(answer => objectsIn(answer.choices))
  const finishes = choices.filter(choice => typeof choice.finish_reason === 'string')
  return {
    content: choices.map(dialect.textOf).join(''),
    finished: finishes.length > 0,
    usage: answers.some(answer => isObject(answer.usage)),
    model: answers.map(answer => textIn(answer.model)).findLast(name => name !== ''),
    ...(finishes.length > 1 ? { flaw: 'the answer finishes twice' } : {}),
  }
}

const endpoint = (dialect: Dialect, streams: boolean): Endpoint => ({
  id: streams ? `${dialect.name}-stream` : dialect.name,
  title: streams ? `${dialect.name}, stream` : dialect.name,
  path: dialect.path,
  streams,
  incremental: streams,
  ask: model =>
    jsonAsk({
      model,
      ...dialect.question,
      ...(streams ? { stream: true, stream_options: { include_usage: true } } : {}),
    }),
  hear: hearJson(dialect.begun),
  script: (rest, heard) => (streams ? chunks : completion)(dialect, rest, heard),
  read: streams
    ? readEvents(events => read(dialect, events))
    : readDocument(answer => read(dialect, [answer])),
  tellsUsage: true,
  noSentinel: streams ? undefined : NO_SENTINEL_IN_BODY,
  noPrefill: streams ? undefined : NO_PREFILL_IN_BODY,
})

export const CHAT_STREAM: Endpoint = endpoint(chat, true)

export const CHAT_ENDPOINTS: readonly Endpoint[] = [
  CHAT_STREAM,
  endpoint(chat, false),
  endpoint(completions, true),
  endpoint(completions, false),
]

/** No two words of the answer have the same place and length: the numbers say which words came. */
const numberOf = (word: string, place: number): number => place + word.length / 64

const vector: readonly number[] = tokensOf(ANSWER).map(numberOf)

export const EMBEDDINGS: Endpoint = {
  id: 'embeddings',
  title: 'embeddings',
  path: '/v1/embeddings',
  streams: false,
  incremental: false,
  ask: model => jsonAsk({ model, input: PROMPT }),
  hear: hearJson(),
  script: (_rest, { model }) =>
    documentScript({
      object: 'list',
      data: [{ object: 'embedding', index: 0, embedding: vector }],
      model,
      usage: { prompt_tokens: 12, total_tokens: 12 },
    }),
  read: readDocument(answer => {
    const numbers = objectsIn(answer.data)[0]?.embedding
    const given = Array.isArray(numbers) ? numbers : []
    return {
      content: tokensOf(ANSWER)
        .filter((_, place) => given[place] === vector[place])
        .join(''),
      finished: given.length === WORDS,
      usage: isObject(answer.usage),
      model: textIn(answer.model),
    }
  }),
  tellsUsage: true,
  noSentinel: NO_SENTINEL_IN_BODY,
  noPrefill: NO_PREFILL_IN_BODY,
  baseModel: 'fb-vectors',
}
