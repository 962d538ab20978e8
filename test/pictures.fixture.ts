import { after } from 'node:test'
import { isObject, type Json, type JsonObject } from '../src/wire/json.ts'
import { play } from './support/harness.ts'
import { telling } from './support/told.ts'

/** Providers of three dialects that draw, and a gateway in front of them. */

export const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
export const WORDS = 'Here it is.'
const usageMetadata = { promptTokenCount: 5, candidatesTokenCount: 1290, totalTokenCount: 1295 }

export const sse = (events: readonly (JsonObject | string)[], named = false): string =>
  events
    .map(event => {
      const name = named && isObject(event) ? `event: ${String(event.type)}\n` : ''
      return `${name}data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`
    })
    .join('')

/** What a provider of this dialect says when it draws. `words` false: it draws and says nothing. */
type Artist = {
  readonly whole: (words: boolean) => JsonObject
  readonly stream: (words: boolean) => string
}

export const candidate = (parts: readonly JsonObject[], finishReason?: string): JsonObject => ({
  candidates: [
    { content: { role: 'model', parts }, index: 0, ...(finishReason === undefined ? {} : { finishReason }) },
  ],
  responseId: 'r1',
  modelVersion: 'gemini-2.5-flash-image',
  usageMetadata,
})
const drawn = (): JsonObject => ({ inlineData: { mimeType: 'image/png', data: studio.png } })
/** A sketch on the way to it, which no client asks to see. */
const sketch: JsonObject = { thought: true, inlineData: { mimeType: 'image/png', data: 'c2tldGNo' } }

export const GEMINI: Artist = {
  whole: words => candidate([sketch, ...(words ? [{ text: WORDS }] : []), drawn()], 'STOP'),
  stream: words =>
    sse([
      candidate([sketch]),
      ...(words ? [candidate([{ text: WORDS }])] : []),
      candidate([drawn()]),
      candidate([], 'STOP'),
    ]),
}

const imageItem: JsonObject = {
  id: 'ig_1',
  type: 'image_generation_call',
  status: 'completed',
  output_format: 'png',
  result: PNG,
}
const messageItem: JsonObject = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  status: 'completed',
  content: [{ type: 'output_text', text: WORDS, annotations: [], logprobs: [] }],
}
const response = (output: readonly JsonObject[], status = 'completed'): JsonObject => ({
  id: 'resp_1',
  object: 'response',
  created_at: 1,
  status,
  error: null,
  incomplete_details: null,
  model: 'gpt-5',
  output,
  usage: { input_tokens: 5, output_tokens: 9, total_tokens: 14 },
})
const RESPONSES: Artist = {
  whole: words => response([...(words ? [messageItem] : []), imageItem]),
  stream: words => {
    const at = words ? 1 : 0
    const place = { item_id: 'ig_1', output_index: at }
    const message = [
      { type: 'response.output_item.added', output_index: 0, item: { ...messageItem, content: [] } },
      {
        type: 'response.output_text.delta',
        item_id: 'msg_1',
        output_index: 0,
        content_index: 0,
        delta: WORDS,
      },
      { type: 'response.output_item.done', output_index: 0, item: messageItem },
    ]
    return sse(
      [
        { type: 'response.created', response: response([], 'in_progress') },
        ...(words ? message : []),
        {
          type: 'response.output_item.added',
          output_index: at,
          item: { ...imageItem, status: 'in_progress', result: null },
        },
        { type: 'response.image_generation_call.in_progress', ...place },
        { type: 'response.image_generation_call.generating', ...place },
        {
          type: 'response.image_generation_call.partial_image',
          ...place,
          partial_image_index: 0,
          partial_image_b64: 'c2tldGNo',
        },
        { type: 'response.image_generation_call.completed', ...place },
        { type: 'response.output_item.done', output_index: at, item: imageItem },
        { type: 'response.completed', response: response([...(words ? [messageItem] : []), imageItem]) },
      ].map((event, sequence_number) => ({ ...event, sequence_number })),
      true,
    )
  },
}

export const images: Json = [
  { index: 0, type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } },
]
const chunk = (delta: JsonObject, finish_reason: string | null = null): JsonObject => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'm',
  choices: [{ index: 0, delta, finish_reason }],
})
const CHAT: Artist = {
  whole: words => ({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices: [
      {
        index: 0,
        finish_reason: 'stop',
        message: { role: 'assistant', content: words ? WORDS : '', images },
      },
    ],
    usage: { prompt_tokens: 5, completion_tokens: 9, total_tokens: 14 },
  }),
  stream: words =>
    sse([
      chunk({ role: 'assistant', content: '' }),
      ...(words ? [chunk({ content: WORDS })] : []),
      chunk({ images }),
      chunk({}, 'stop'),
      '[DONE]',
    ]),
}

const ARTISTS = { gemini: GEMINI, responses: RESPONSES, chat: CHAT } as const satisfies Readonly<
  Record<string, Artist>
>
type ArtistName = keyof typeof ARTISTS
export const NAMES = Object.keys(ARTISTS) as readonly ArtistName[]

/** What it was asked last, and whether it says something beside what it draws. */
export const studio = { words: true, asked: {} as JsonObject, png: PNG, gemini: GEMINI }

const artistAt = (path: string): Artist => {
  if (path.includes('enerateContent')) return studio.gemini
  return path.endsWith('/responses') ? RESPONSES : CHAT
}

const origin = await telling({ after }, (asked, path) => {
  studio.asked = asked
  const { whole, stream } = artistAt(path)
  return { whole: whole(studio.words), stream: stream(studio.words) }
})

export const house = await play(
  { after },
  {
    config: {
      model_list: [
        {
          model_name: 'gemini',
          litellm_params: { model: 'gemini/gemini-2.5-flash-image', api_base: origin, api_key: 'k' },
        },
        {
          model_name: 'responses',
          litellm_params: { model: 'openai/gpt-5', api_base: `${origin}/v1`, api_key: 'k' },
          model_info: { mode: 'responses' },
        },
        {
          model_name: 'chat',
          litellm_params: {
            model: 'openai/m',
            api_base: `${origin}/v1`,
            api_key: 'k',
            use_chat_completions_api: true,
          },
        },
      ],
      router_settings: { num_retries: 0, disable_cooldowns: true },
    },
  },
)
