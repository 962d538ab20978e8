import { isObject, type JsonObject } from '../../src/wire/json.ts'
import { PROMPT, tokensOf } from './answer.ts'
import {
  documentScript,
  type Endpoint,
  eventsScript,
  type Heard,
  hearJson,
  jsonAsk,
  NO_PREFILL_IN_BODY,
  NO_SENTINEL_IN_BODY,
  namedFrame,
  objectsIn,
  type Reading,
  type Script,
  textIn,
} from './endpoint.ts'
import { readDocument, readEvents } from './reading.ts'

const usageOf = (text: string): JsonObject => {
  const tokens = tokensOf(text).length
  return {
    input_tokens: 12,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: tokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 12 + tokens,
  }
}

const part = (text: string): JsonObject => ({ type: 'output_text', text, annotations: [], logprobs: [] })
const message = (text: string, status: string): JsonObject => ({
  id: 'msg_fb',
  type: 'message',
  status,
  role: 'assistant',
  content: status === 'completed' ? [part(text)] : [],
})

const response = (text: string, model: string, status: string): JsonObject => ({
  id: 'resp_fb',
  object: 'response',
  created_at: 1_750_000_000,
  completed_at: status === 'completed' ? 1_750_000_001 : null,
  status,
  background: false,
  error: null,
  incomplete_details: null,
  instructions: null,
  model,
  output: status === 'completed' ? [message(text, status)] : [],
  parallel_tool_calls: true,
  previous_response_id: null,
  store: false,
  temperature: 1,
  tool_choice: 'auto',
  tools: [],
  top_p: 1,
  truncation: 'disabled',
  metadata: {},
  usage: status === 'completed' ? usageOf(text) : null,
})

const events = (rest: string, { model }: Heard): Script => {
  let sequence = 0
  const frame = (type: string, more: JsonObject): Buffer =>
    namedFrame({ type, sequence_number: sequence++, ...more })
  const item = { output_index: 0, item_id: 'msg_fb' }
  const place = { ...item, content_index: 0 }
  const begun = response(rest, model, 'in_progress')
  // The order of evaluation is the order of the numbers.
  const opening = [
    frame('response.created', { response: begun }),
    frame('response.in_progress', { response: begun }),
    frame('response.output_item.added', { output_index: 0, item: message('', 'in_progress') }),
    frame('response.content_part.added', { ...place, part: part('') }),
  ]
  const pieces = tokensOf(rest).map(delta =>
    frame('response.output_text.delta', { ...place, delta, logprobs: [] }),
  )
  const closing = [
    frame('response.output_text.done', { ...place, text: rest, logprobs: [] }),
    frame('response.content_part.done', { ...place, part: part(rest) }),
    frame('response.output_item.done', { output_index: 0, item: message(rest, 'completed') }),
    frame('response.completed', { response: response(rest, model, 'completed') }),
  ]
  const broken = Buffer.from(
    'event: response.output_text.delta\ndata: {"type":"response.output_text.delta",\n\n',
  )
  return eventsScript({ opening, pieces, closing, broken })
}

/** The text of an assistant item, or of everything an answer holds. */
const textOfItem = ({ content }: JsonObject): string =>
  typeof content === 'string'
    ? content
    : objectsIn(content)
        .map(({ text }) => textIn(text))
        .join('')

const begunIn = ({ input }: JsonObject): string => {
  const last = objectsIn(input).at(-1)
  return last?.role === 'assistant' ? textOfItem(last) : ''
}

const readResponse = (answer: JsonObject): Reading => ({
  content: objectsIn(answer.output).map(textOfItem).join(''),
  finished: answer.status === 'completed',
  usage: isObject(answer.usage),
  model: textIn(answer.model),
})

/** Clients keep a tally of the numbers and believe the last event: both must fit what was streamed before. */
const flawIn = (
  told: readonly JsonObject[],
  streamed: string,
  last: Reading | undefined,
): string | undefined => {
  const numbers = told.map(one => one.sequence_number).filter(one => typeof one === 'number')
  if (told.filter(({ type }) => type === 'response.created').length > 1) return 'two response.created events'
  if (numbers.some((number, at) => at > 0 && number <= (numbers[at - 1] ?? -1)))
    return 'sequence numbers that do not rise'
  if (last !== undefined && last.content !== streamed)
    return 'response.completed holds another text than the deltas'
  return undefined
}

const readStream = (told: readonly JsonObject[]): Reading => {
  const streamed = told
    .filter(({ type }) => type === 'response.output_text.delta')
    .map(({ delta }) => textIn(delta))
    .join('')
  const completed = told.find(({ type }) => type === 'response.completed')?.response
  const last = isObject(completed) ? readResponse(completed) : undefined
  const flaw = flawIn(told, streamed, last)
  return {
    content: streamed,
    finished: last?.finished ?? false,
    usage: last?.usage ?? false,
    model: last?.model,
    ...(flaw === undefined ? {} : { flaw }),
  }
}

const question = { input: [{ type: 'message', role: 'user', content: PROMPT }] }

const responses = (streams: boolean): Endpoint => ({
  id: streams ? 'responses-stream' : 'responses',
  title: streams ? 'responses, stream' : 'responses',
  path: '/v1/responses',
  streams,
  incremental: streams,
  ask: model => jsonAsk({ model, ...question, ...(streams ? { stream: true } : {}) }),
  hear: hearJson(begunIn),
  script: (rest, heard) =>
    streams ? events(rest, heard) : documentScript(response(rest, heard.model, 'completed')),
  read: streams ? readEvents(readStream) : readDocument(readResponse),
  tellsUsage: true,
  noSentinel: streams
    ? 'this dialect ends with `response.completed`, and nothing follows it'
    : NO_SENTINEL_IN_BODY,
  noPrefill: streams ? undefined : NO_PREFILL_IN_BODY,
})

const compact: Endpoint = {
  id: 'compact',
  title: 'responses/compact',
  path: '/v1/responses/compact',
  streams: false,
  incremental: false,
  ask: model => jsonAsk({ model, ...question }),
  hear: hearJson(),
  script: rest =>
    documentScript({
      id: 'resp_fb',
      object: 'response.compaction',
      created_at: 1_750_000_000,
      output: [
        { id: 'msg_fb', type: 'message', role: 'user', content: [{ type: 'input_text', text: PROMPT }] },
        { id: 'cmp_fb', type: 'compaction', encrypted_content: Buffer.from(rest).toString('base64') },
      ],
      usage: usageOf(rest),
    }),
  read: readDocument(answer => {
    const sealed = objectsIn(answer.output).find(({ type }) => type === 'compaction')
    return {
      content: Buffer.from(textIn(sealed?.encrypted_content), 'base64').toString(),
      finished: sealed !== undefined,
      usage: isObject(answer.usage),
      model: undefined,
    }
  }),
  tellsUsage: true,
  noSentinel: NO_SENTINEL_IN_BODY,
  noPrefill: NO_PREFILL_IN_BODY,
}

export const RESPONSES_ENDPOINTS: readonly Endpoint[] = [responses(true), responses(false), compact]
