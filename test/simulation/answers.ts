import type { ShapeName } from '../../src/routes.ts'
import type { Json, JsonObject } from '../../src/wire/json.ts'
import type { Answering } from './scenario.ts'

/** What a healthy upstream says. Every answer carries the number of its hit, so that it is known wherever it goes. */
export type Speech = {
  readonly shape: ShapeName
  readonly hit: number
  readonly host: string
  /** The name the upstream knows its model by. */
  readonly model: string
  readonly how: Answering
  /** Text that the request put into the answer's mouth: it is continued, not repeated. */
  readonly prefill: string
}

/** start: opens the answer. piece: content. final: whole, but not ended. end: the dialect's own end. */
export type Frame = {
  readonly kind: 'start' | 'piece' | 'final' | 'end'
  readonly text: string
}

const PIECES = 3

const pieceText = ({ hit, how }: Speech, at: number): string =>
  `[${how.words === 'same' ? 'w' : `h${hit}`}.${at}${how.bulk === undefined ? '' : `|${'x'.repeat(how.bulk)}`}]`

/** The pieces of the text. What the request gave itself is not said again: the counting goes on from it. */
export const piecesOf = (speech: Speech): readonly string[] => {
  const count = speech.how.pieces ?? PIECES
  const given = [...speech.prefill.matchAll(/\.\d+(?:\|x*)?\]/g)].length
  const spoken = Array.from({ length: Math.max(1, count - given) }, (_, at) => pieceText(speech, given + at))
  if (speech.how.tools !== true || speech.shape !== 'chat') return spoken
  return spoken.map(
    (piece, at) => `${at === 0 ? '{"line":"' : ''}${piece}${at === spoken.length - 1 ? '"}' : ''}`,
  )
}

const usageOf = ({ shape, hit, how }: Speech): Json => {
  const [input, output] = [1000 + hit, how.pieces ?? PIECES]
  return shape === 'chat' || shape === 'completions' || shape === 'embeddings' || shape === 'rerank'
    ? { prompt_tokens: input, completion_tokens: output, total_tokens: input + output }
    : { input_tokens: input, output_tokens: output, total_tokens: input + output }
}

const withUsage = (speech: Speech): JsonObject =>
  speech.how.silent === true ? {} : { usage: usageOf(speech) }

const responseOf = (speech: Speech, status: string, text: string): JsonObject => ({
  id: `resp_h${speech.hit}`,
  object: 'response',
  created_at: 1,
  status,
  model: speech.model,
  output:
    text === ''
      ? []
      : [
          {
            id: `msg_h${speech.hit}`,
            type: 'message',
            role: 'assistant',
            content: [{ type: 'output_text', text }],
          },
        ],
  ...(status === 'completed' ? withUsage(speech) : {}),
})

const choiceOf = (speech: Speech, text: string): JsonObject => {
  if (speech.shape === 'completions') return { index: 0, text, finish_reason: 'stop' }
  const message =
    speech.how.tools === true
      ? {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: text } }],
        }
      : { role: 'assistant', content: text }
  return { index: 0, message, finish_reason: speech.how.tools === true ? 'tool_calls' : 'stop' }
}

/** A whole answer that is not streamed. */
export const documentOf = (speech: Speech): JsonObject => {
  const { shape, hit, model } = speech
  const text = piecesOf(speech).join('')
  switch (shape) {
    case 'chat':
    case 'completions':
      return {
        id: `cmpl-h${hit}`,
        object: shape,
        created: 1,
        model,
        choices: [choiceOf(speech, text)],
        ...withUsage(speech),
      }
    case 'embeddings':
      return {
        object: 'list',
        data: [{ index: 0, embedding: [hit, 0.5] }],
        model,
        note: text,
        ...withUsage(speech),
      }
    case 'moderations':
      return { id: `modr-h${hit}`, model, results: [{ flagged: false, note: text }] }
    case 'images':
      return { created: 1, data: [{ b64_json: text }], ...withUsage(speech) }
    case 'transcription':
      return { text, ...withUsage(speech) }
    case 'rerank':
      return { id: `rr-h${hit}`, results: [{ index: 0, relevance_score: 0.5 }], note: text }
    case 'compaction':
      return {
        id: `cmp_h${hit}`,
        object: 'response.compaction',
        output: [{ type: 'compaction', encrypted_content: text }],
        ...withUsage(speech),
      }
    case 'responses':
      return responseOf(speech, 'completed', text)
    case 'trigger':
      return {
        ...responseOf(speech, 'completed', ''),
        output: [{ type: 'compaction', id: `cmp_h${hit}`, encrypted_content: text }],
      }
    default:
      return { object: 'response.input_tokens', input_tokens: 7, note: text }
  }
}

const data = (kind: Frame['kind'], value: Json, event?: string): Frame => ({
  kind,
  text: `${event === undefined ? '' : `event: ${event}\n`}data: ${JSON.stringify(value)}\n\n`,
})

const chunk = (speech: Speech, choices: Json, more: JsonObject = {}): JsonObject => ({
  id: `cmpl-h${speech.hit}`,
  object: 'chunk',
  created: 1,
  model: speech.model,
  choices,
  ...more,
})

const DONE: Frame = { kind: 'end', text: 'data: [DONE]\n\n' }

const chatFrames = (speech: Speech): readonly Frame[] => {
  const tools = speech.how.tools === true
  const delta = (piece: string, at: number): JsonObject =>
    tools
      ? {
          tool_calls: [
            {
              index: 0,
              ...(at === 0 ? { id: 'c', type: 'function' } : {}),
              function: { ...(at === 0 ? { name: 'f' } : {}), arguments: piece },
            },
          ],
        }
      : { content: piece }
  return [
    data(
      'start',
      chunk(speech, [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }]),
    ),
    ...piecesOf(speech).map((piece, at) =>
      data('piece', chunk(speech, [{ index: 0, delta: delta(piece, at), finish_reason: null }])),
    ),
    data('final', chunk(speech, [{ index: 0, delta: {}, finish_reason: tools ? 'tool_calls' : 'stop' }])),
    ...(speech.how.silent === true ? [] : [data('final', chunk(speech, [], withUsage(speech)))]),
    DONE,
  ]
}

const completionFrames = (speech: Speech): readonly Frame[] => [
  ...piecesOf(speech).map(text => data('piece', chunk(speech, [{ index: 0, text, finish_reason: null }]))),
  data('final', chunk(speech, [{ index: 0, text: '', finish_reason: 'stop' }], withUsage(speech))),
  DONE,
]

const responseFrames = (speech: Speech): readonly Frame[] => {
  let sequence = 0
  const event = (kind: Frame['kind'], type: string, more: JsonObject): Frame =>
    data(kind, { type, sequence_number: sequence++, ...more }, type)
  const place = { item_id: `msg_h${speech.hit}`, output_index: 0, content_index: 0 }
  const pieces = piecesOf(speech)
  const running = responseOf(speech, 'in_progress', '')
  return [
    event('start', 'response.created', { response: running }),
    event('start', 'response.in_progress', { response: running }),
    event('start', 'response.output_item.added', {
      output_index: 0,
      item: { id: place.item_id, type: 'message', content: [] },
    }),
    ...pieces.map(delta => event('piece', 'response.output_text.delta', { ...place, delta })),
    event('piece', 'response.output_text.done', { ...place, text: pieces.join('') }),
    event('end', 'response.completed', { response: responseOf(speech, 'completed', pieces.join('')) }),
  ]
}

const TYPED: Readonly<Partial<Record<ShapeName, readonly [delta: string, member: string, done: string]>>> = {
  images: ['image_generation.partial_image', 'b64_json', 'image_generation.completed'],
  speech: ['speech.audio.delta', 'audio', 'speech.audio.done'],
  transcription: ['transcript.text.delta', 'delta', 'transcript.text.done'],
}

const typedFrames = (speech: Speech): readonly Frame[] => {
  const [delta, member, done] = TYPED[speech.shape] ?? ['delta', 'delta', 'done']
  return [
    ...piecesOf(speech).map(piece => data('piece', { type: delta, [member]: piece }, delta)),
    data('end', { type: done, ...withUsage(speech) }, done),
  ]
}

/** A whole answer as a stream. */
export const framesOf = (speech: Speech): readonly Frame[] => {
  if (speech.shape === 'chat') return chatFrames(speech)
  if (speech.shape === 'completions') return completionFrames(speech)
  if (speech.shape === 'responses') return responseFrames(speech)
  return typedFrames(speech)
}

/** An error event in the words of the dialect. */
export const errorFrameOf = (shape: ShapeName, error: JsonObject): string => {
  if (shape === 'chat' || shape === 'completions') return `data: ${JSON.stringify({ error })}\n\n`
  return `event: error\ndata: ${JSON.stringify({ type: 'error', ...error })}\n\n`
}
