import type { ShapeName } from '../routes.ts'
import type { Json } from '../wire/json.ts'
import { encodeEvent } from '../wire/sse.ts'

/** A canned answer in the shape of its endpoint: litellm_params.mock_response, or an admin's own. */
export type Canned = { readonly body: Uint8Array; readonly type: 'application/json' | 'text/event-stream' }

export type CannedAsk = {
  readonly shape: ShapeName
  readonly text: string
  readonly model: string
  readonly stream: boolean
  /** Seconds since the epoch. */
  readonly created: number
  /** Makes the ids unique. */
  readonly unique: string
}

const chatUsage: Json = { prompt_tokens: 10, completion_tokens: 20, total_tokens: 30 }

const chat = ({ text, model, created, unique }: CannedAsk): Json => ({
  id: `chatcmpl-${unique}`,
  object: 'chat.completion',
  created,
  model,
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: text, refusal: null },
      logprobs: null,
      finish_reason: 'stop',
    },
  ],
  usage: chatUsage,
})

const chatStream = ({ text, model, created, unique }: CannedAsk): string => {
  const chunk = (delta: Json, finish: string | null): string =>
    encodeEvent({
      data: JSON.stringify({
        id: `chatcmpl-${unique}`,
        object: 'chat.completion.chunk',
        created,
        model,
        choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
      }),
    })
  return (
    chunk({ role: 'assistant', content: '' }, null) +
    chunk({ content: text }, null) +
    chunk({}, 'stop') +
    encodeEvent({ data: '[DONE]' })
  )
}

const completion = ({ text, model, created, unique }: CannedAsk): Json => ({
  id: `cmpl-${unique}`,
  object: 'text_completion',
  created,
  model,
  choices: [{ index: 0, text, logprobs: null, finish_reason: 'stop' }],
  usage: chatUsage,
})

const completionStream = (ask: CannedAsk): string => {
  const whole = { ...(completion(ask) as { [key: string]: Json }), usage: null }
  return encodeEvent({ data: JSON.stringify(whole) }) + encodeEvent({ data: '[DONE]' })
}

const item = ({ text, unique }: CannedAsk, status: string, content: boolean): Json => ({
  id: `msg_${unique}`,
  type: 'message',
  role: 'assistant',
  status,
  content: content ? [{ type: 'output_text', text, annotations: [], logprobs: [] }] : [],
})

const response = (ask: CannedAsk, status: string, output: readonly Json[]): Json => ({
  id: `resp_${ask.unique}`,
  object: 'response',
  created_at: ask.created,
  status,
  error: null,
  incomplete_details: null,
  instructions: null,
  max_output_tokens: null,
  metadata: {},
  model: ask.model,
  output,
  parallel_tool_calls: true,
  previous_response_id: null,
  reasoning: { effort: null, summary: null },
  store: false,
  temperature: 1,
  text: { format: { type: 'text' } },
  tool_choice: 'auto',
  tools: [],
  top_p: 1,
  truncation: 'disabled',
  usage:
    status === 'completed'
      ? {
          input_tokens: 10,
          input_tokens_details: { cached_tokens: 0 },
          output_tokens: 20,
          output_tokens_details: { reasoning_tokens: 0 },
          total_tokens: 30,
        }
      : null,
})

const responseStream = (ask: CannedAsk): string => {
  const id = `msg_${ask.unique}`
  const part = { type: 'output_text', text: ask.text, annotations: [], logprobs: [] }
  const at = { item_id: id, output_index: 0, content_index: 0 }
  const events: readonly (readonly [string, { [key: string]: Json }])[] = [
    ['response.created', { response: response(ask, 'in_progress', []) }],
    ['response.in_progress', { response: response(ask, 'in_progress', []) }],
    ['response.output_item.added', { output_index: 0, item: item(ask, 'in_progress', false) }],
    ['response.content_part.added', { ...at, part: { ...part, text: '' } }],
    ['response.output_text.delta', { ...at, delta: ask.text, logprobs: [] }],
    ['response.output_text.done', { ...at, text: ask.text, logprobs: [] }],
    ['response.content_part.done', { ...at, part }],
    ['response.output_item.done', { output_index: 0, item: item(ask, 'completed', true) }],
    ['response.completed', { response: response(ask, 'completed', [item(ask, 'completed', true)]) }],
  ]
  return events
    .map(([event, body], sequence) =>
      encodeEvent({ event, data: JSON.stringify({ type: event, sequence_number: sequence, ...body }) }),
    )
    .join('')
}

const message = ({ text, model, unique }: CannedAsk, whole: boolean): { [key: string]: Json } => ({
  id: `msg_${unique}`,
  type: 'message',
  role: 'assistant',
  model,
  content: whole ? [{ type: 'text', text }] : [],
  stop_reason: whole ? 'end_turn' : null,
  stop_sequence: null,
  usage: {
    input_tokens: 10,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    output_tokens: whole ? 20 : 1,
  },
})

const messageStream = (ask: CannedAsk): string => {
  const events: readonly { readonly type: string; readonly [key: string]: Json }[] = [
    { type: 'message_start', message: message(ask, false) },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: ask.text } },
    { type: 'content_block_stop', index: 0 },
    {
      type: 'message_delta',
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { output_tokens: 20 },
    },
    { type: 'message_stop' },
  ]
  return events.map(event => encodeEvent({ event: event.type, data: JSON.stringify(event) })).join('')
}

const embedding = ({ model }: CannedAsk): Json => ({
  object: 'list',
  data: [{ object: 'embedding', index: 0, embedding: [0, 0, 0] }],
  model,
  usage: { prompt_tokens: 10, total_tokens: 10 },
})

const VECTOR: Json = { values: [0, 0, 0] }

const image = ({ text, created }: CannedAsk): Json => ({ created, data: [{ url: text }] })

const compaction = (ask: CannedAsk): Json => ({
  id: `resp_${ask.unique}`,
  object: 'response.compaction',
  created_at: ask.created,
  output: [{ id: `cmp_${ask.unique}`, type: 'compaction', encrypted_content: ask.text }],
  usage: {
    input_tokens: 10,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: 20,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 30,
  },
})

const moderation = ({ model, unique }: CannedAsk): Json => ({
  id: `modr-${unique}`,
  model,
  results: [{ flagged: false, categories: {}, category_scores: {} }],
})

const ranking = ({ unique }: CannedAsk): Json => ({
  id: unique,
  results: [{ index: 0, relevance_score: 1 }],
  meta: { billed_units: { search_units: 1 } },
})

const generated = ({ text, model }: CannedAsk): Json => ({
  candidates: [{ content: { parts: [{ text }], role: 'model' }, finishReason: 'STOP', index: 0 }],
  usageMetadata: { promptTokenCount: 10, candidatesTokenCount: 20, totalTokenCount: 30 },
  modelVersion: model,
})

/** undefined: this endpoint has no canned answer. */
export const cannedAnswer = (ask: CannedAsk): Canned | undefined => {
  const json = (value: Json): Canned => ({
    body: Buffer.from(JSON.stringify(value)),
    type: 'application/json',
  })
  const events = (text: string): Canned => ({ body: Buffer.from(text), type: 'text/event-stream' })
  switch (ask.shape) {
    case 'chat':
      return ask.stream ? events(chatStream(ask)) : json(chat(ask))
    case 'completions':
      return ask.stream ? events(completionStream(ask)) : json(completion(ask))
    case 'responses':
      return ask.stream
        ? events(responseStream(ask))
        : json(response(ask, 'completed', [item(ask, 'completed', true)]))
    case 'messages':
      return ask.stream ? events(messageStream(ask)) : json(message(ask, true))
    case 'response_tokens':
      return json({ object: 'response.input_tokens', input_tokens: 10 })
    case 'message_tokens':
      return json({ input_tokens: 10 })
    case 'embeddings':
      return json(embedding(ask))
    case 'images':
      return json(image(ask))
    case 'transcription':
      return json({ text: ask.text })
    case 'compaction':
      return json(compaction(ask))
    case 'moderations':
      return json(moderation(ask))
    case 'rerank':
      return json(ranking(ask))
    case 'gemini':
      return ask.stream ? events(encodeEvent({ data: JSON.stringify(generated(ask)) })) : json(generated(ask))
    // Of one text or of a list: its clients read the one that they know.
    case 'gemini_vectors':
      return json({ embedding: VECTOR, embeddings: [VECTOR] })
    case 'gemini_tokens':
      return json({ totalTokens: 10 })
    default:
      return undefined
  }
}
