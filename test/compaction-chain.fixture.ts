import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { answerFrames, wholeAnswer } from '../src/stage/bedrock-answer.ts'
import type { Json, JsonObject } from '../src/wire/json.ts'
import type { Owner } from './support/harness.ts'

/** Providers that fail at every request, each in its own dialect: the path says how, `/503/azure/openai/v1/…`. */

export const FAULTS = ['503', '429', 'refused', '404', 'broken', 'empty', 'refusal'] as const
export type Fault = (typeof FAULTS)[number]

type Dialect = 'compact' | 'responses' | 'chat' | 'messages' | 'gemini' | 'bedrock'
type Said = { readonly dialect: Dialect; readonly refuses: boolean }

const dialectOf = (path: string): Dialect => {
  if (path.endsWith('/compact')) return 'compact'
  if (path.endsWith('/responses')) return 'responses'
  if (path.includes('/converse')) return 'bedrock'
  if (path.endsWith('/messages')) return 'messages'
  return path.includes('GenerateContent') || path.includes(':generateContent') ? 'gemini' : 'chat'
}

const usage = { input_tokens: 9, output_tokens: 1, total_tokens: 10 }
const message = (refuses: boolean): JsonObject => ({
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  status: 'completed',
  content: [
    refuses ? { type: 'refusal', refusal: 'No.' } : { type: 'output_text', text: '', annotations: [] },
  ],
})
const response = (refuses: boolean): JsonObject => ({
  id: 'resp_1',
  object: 'response',
  created_at: 1,
  status: 'completed',
  error: null,
  incomplete_details: null,
  output: [message(refuses)],
  usage,
})
const bedrock = (refuses: boolean) => ({
  content: refuses ? [] : [{ text: ' ' }],
  stopReason: refuses ? 'content_filtered' : 'end_turn',
  usage: { inputTokens: 9, outputTokens: 1, totalTokens: 10 },
})

/** A whole answer without a summary: nothing is said, or it is refused. */
const WHOLE: Readonly<Record<Dialect, (refuses: boolean) => JsonObject>> = {
  compact: refuses => ({
    id: 'resp_1',
    object: 'response.compaction',
    created_at: 1,
    output: refuses ? [message(true)] : [],
    usage,
  }),
  responses: response,
  chat: refuses => ({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices: [
      {
        index: 0,
        finish_reason: 'stop',
        message: { role: 'assistant', content: refuses ? null : '', refusal: refuses ? 'No.' : null },
      },
    ],
    usage: { prompt_tokens: 9, completion_tokens: 1, total_tokens: 10 },
  }),
  messages: refuses => ({
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'm',
    content: refuses ? [] : [{ type: 'text', text: ' ' }],
    stop_reason: refuses ? 'refusal' : 'end_turn',
    stop_sequence: null,
    usage: { input_tokens: 9, output_tokens: 1 },
  }),
  gemini: refuses => ({
    candidates: [
      {
        content: { role: 'model', parts: refuses ? [] : [{ text: '' }] },
        finishReason: refuses ? 'SAFETY' : 'STOP',
      },
    ],
    usageMetadata: { promptTokenCount: 9, candidatesTokenCount: 1, totalTokenCount: 10 },
  }),
  bedrock: refuses => wholeAnswer(bedrock(refuses)),
}

const named = (events: readonly JsonObject[]): string =>
  events.map(event => `event: ${String(event.type)}\ndata: ${JSON.stringify(event)}\n\n`).join('')
const bare = (events: readonly Json[]): string =>
  events.map(event => `data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`).join('')

const responseEvents = (refuses: boolean): readonly JsonObject[] => {
  const whole = response(refuses)
  const begun = { ...whole, status: 'in_progress', output: [], usage: null }
  const [item = null] = whole.output as readonly Json[]
  return [
    { type: 'response.created', response: begun },
    { type: 'response.in_progress', response: begun },
    { type: 'response.output_item.added', output_index: 0, item },
    { type: 'response.output_item.done', output_index: 0, item },
    { type: 'response.completed', response: whole },
  ].map((event, sequence_number) => ({ ...event, sequence_number }))
}

const chatChunk = (delta: JsonObject, finish: string | null): JsonObject => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'm',
  choices: [{ index: 0, delta, finish_reason: finish }],
})

const STREAMED: Readonly<Record<Dialect, (refuses: boolean) => string | Uint8Array>> = {
  compact: refuses => JSON.stringify(WHOLE.compact(refuses)),
  responses: refuses => named(responseEvents(refuses)),
  chat: refuses =>
    bare([
      chatChunk(refuses ? { role: 'assistant', refusal: 'No.' } : { role: 'assistant', content: '' }, null),
      chatChunk({}, 'stop'),
      '[DONE]',
    ]),
  messages: refuses =>
    named([
      { type: 'message_start', message: { ...WHOLE.messages(refuses), content: [], stop_reason: null } },
      ...(refuses
        ? []
        : [
            { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
            { type: 'content_block_stop', index: 0 },
          ]),
      {
        type: 'message_delta',
        delta: { stop_reason: refuses ? 'refusal' : 'end_turn', stop_sequence: null },
        usage: { output_tokens: 1 },
      },
      { type: 'message_stop' },
    ]),
  gemini: refuses => bare([WHOLE.gemini(refuses)]),
  bedrock: refuses => Buffer.concat(answerFrames(bedrock(refuses)).map(frame => frame.bytes)),
}

const TYPES: Readonly<Partial<Record<Dialect, string>>> = { bedrock: 'application/vnd.amazon.eventstream' }

const streams = (path: string, body: string): boolean =>
  /converse-stream$|:streamGenerateContent$/.test(path) || /"stream":\s?true/.test(body)

const speak = ({ dialect, refuses }: Said, streamed: boolean, answer: ServerResponse): Uint8Array => {
  const type =
    streamed && dialect !== 'compact' ? (TYPES[dialect] ?? 'text/event-stream') : 'application/json'
  const bytes = streamed ? STREAMED[dialect](refuses) : JSON.stringify(WHOLE[dialect](refuses))
  answer.writeHead(200, { 'content-type': type })
  return Buffer.from(bytes)
}

const NO_ROUTE = JSON.stringify({ detail: 'Not Found' })

const perform = (request: IncomingMessage, body: string, answer: ServerResponse): void => {
  const path = new URL(request.url ?? '', 'http://stage').pathname
  const fault = path.split('/')[1] as Fault
  const dialect = dialectOf(path)
  if (fault === 'broken') {
    const bytes = speak({ dialect, refuses: false }, streams(path, body), answer)
    answer.write(bytes.subarray(0, bytes.length / 2), () => answer.destroy())
    return
  }
  if (fault === 'empty' || fault === 'refusal') {
    answer.end(speak({ dialect, refuses: fault === 'refusal' }, streams(path, body), answer))
    return
  }
  answer.writeHead(Number(fault), { 'content-type': 'application/json' }).end(NO_ROUTE)
}

/** The origin of the failing providers; closed when the test ends. */
export const startFailing = async (owner: Owner): Promise<string> => {
  const server = createServer(async (request, answer) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    perform(request, Buffer.concat(parts).toString(), answer)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  owner.after(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
}
