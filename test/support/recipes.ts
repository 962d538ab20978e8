import type { JsonObject } from '../../src/wire/json.ts'
import type { FormField, Prop, Props } from './requests.ts'

/** What a client sends to one endpoint, the model's name aside. */
export type Recipe = {
  /** A name that providers serve this endpoint under. */
  readonly model: string
  /** Members of a JSON body. */
  readonly json?: (props: Props) => JsonObject
  /** Fields of a form. */
  readonly form?: (props: Props) => readonly FormField[]
  /** Body members that ask for a stream; without them a stream is asked for in the query. */
  readonly asStream?: JsonObject
  /** What is made before. */
  readonly needs?: readonly Prop[]
  /** Which of them each path parameter names. */
  readonly params?: Readonly<Record<string, Prop>>
  readonly query?: Readonly<Record<string, string>>
  /** Where this request differs from its row: the body names a model, or none although it could. */
  readonly names?: 'body' | 'none'
  /** Whose API it is: its providers in the generated suites speak that. Default: OpenAI's. */
  readonly speaks?: 'anthropic' | 'gemini'
}

const CHAT = 'gpt-4.1'
const stream = { stream: true }
const user = { role: 'user', content: 'What is your line?' }
const picture = {
  filename: 'stage.png',
  contentType: 'image/png',
  // Bytes that no text encoding survives, and a line that looks like a boundary but is none.
  content: Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    Buffer.from('\r\n--x\r\n\0'),
  ]),
}
const sound = { filename: 'line.mp3', contentType: 'audio/mpeg', content: Buffer.from([0xff, 0xfb, 0, 1, 2]) }
const lines = {
  filename: 'lines.jsonl',
  contentType: 'application/jsonl',
  content: Buffer.from('{"line":1}\n'),
}

const image = (model: string, more: readonly FormField[] = []): Recipe => ({
  model,
  form: () => [...more, ['image', picture]],
})

/** Temperatures and words are all that every dialect has. */
const google = (more: JsonObject = {}): Recipe => ({
  model: 'gemini-2.5-flash',
  json: () => ({ contents: [{ role: 'user', parts: [{ text: user.content }] }], ...more }),
  speaks: 'gemini',
})

const about = (prop: Prop, more: Partial<Recipe> = {}): Recipe => ({
  model: CHAT,
  needs: [prop],
  params: { id: prop },
  ...more,
})

const storeFile = (more: Partial<Recipe> = {}): Recipe =>
  about('storeFile', { params: { id: 'store', file: 'storeFile' }, ...more })
const fileBatch = (more: Partial<Recipe> = {}): Recipe =>
  about('fileBatch', { params: { id: 'store', batch: 'fileBatch' }, ...more })
const item = (): Recipe => about('item', { params: { id: 'conversation', item: 'item' } })

/** A list that other tests lengthen is compared by its first entry. */
const list = { limit: '1' }
const message = { type: 'message', role: 'user', content: 'One more.' }
const documents = ['the lead forgot it', 'the understudy knows it']
const rerank: Recipe = { model: 'rerank-v3.5', json: () => ({ query: 'line', documents, top_n: 1 }) }

const MODEL_ROUTES: Readonly<Record<string, Recipe>> = {
  'chat.completions': {
    model: CHAT,
    json: () => ({ messages: [user], metadata: { scene: 'one' }, seed: 7, temperature: 0.5 }),
    asStream: { stream: true, stream_options: { include_usage: true } },
  },
  completions: {
    model: 'gpt-3.5-turbo-instruct',
    json: () => ({ prompt: 'What is your line?', max_tokens: 16 }),
    asStream: stream,
  },
  embeddings: { model: 'text-embedding-3-small', json: () => ({ input: ['one', 'two'], dimensions: 256 }) },
  moderations: { model: 'omni-moderation-latest', json: () => ({ input: 'a harmless line' }) },
  'images.generations': {
    model: 'gpt-image-1',
    json: () => ({ prompt: 'an empty stage', size: '1024x1024' }),
    asStream: { stream: true, partial_images: 2 },
  },
  'images.edits': {
    ...image('gpt-image-1', [['prompt', 'add a curtain']]),
    asStream: { stream: true, partial_images: 2 },
  },
  'images.variations': image('gpt-image-1', [['n', '1']]),
  'audio.speech': {
    model: 'gpt-4o-mini-tts',
    json: () => ({ input: 'To be', voice: 'alloy' }),
    asStream: { stream_format: 'sse' },
  },
  'audio.transcriptions': {
    model: 'gpt-4o-transcribe',
    form: () => [
      ['language', 'en'],
      ['file', sound],
    ],
    asStream: stream,
  },
  'audio.translations': { model: 'whisper-1', form: () => [['file', sound]] },
  rerank,
  'rerank.v2': rerank,
  'messages.create': {
    model: 'claude-sonnet-4-5',
    speaks: 'anthropic',
    json: () => ({ messages: [user], max_tokens: 64, metadata: { user_id: 'u1' }, temperature: 0.5 }),
    asStream: stream,
  },
  'messages.count_tokens': {
    model: 'claude-sonnet-4-5',
    speaks: 'anthropic',
    json: () => ({ messages: [user], system: 'Be brief.' }),
  },
  'gemini.generate': google({ generationConfig: { temperature: 0.5 } }),
  'gemini.stream': { ...google({ generationConfig: { temperature: 0.5 } }), query: { alt: 'sse' } },
  'gemini.count_tokens': google(),
  'gemini.embed': {
    model: 'gemini-embedding-001',
    speaks: 'gemini',
    json: () => ({ content: { parts: [{ text: 'one' }] }, outputDimensionality: 256 }),
  },
  'gemini.batch_embed': {
    model: 'gemini-embedding-001',
    speaks: 'gemini',
    json: () => ({
      requests: [{ model: 'models/star', content: { parts: [{ text: 'one' }] } }],
    }),
  },
  'responses.create': {
    model: CHAT,
    json: () => ({ input: [message], instructions: 'Be brief.', metadata: { scene: 'one' } }),
    asStream: stream,
  },
  'responses.compact': { model: CHAT, json: () => ({ input: [message], instructions: 'Keep it short.' }) },
  'responses.input_tokens': { model: CHAT, json: () => ({ input: [message] }) },
}

const STATE_ROUTES: Readonly<Record<string, Recipe>> = {
  'responses.get': about('response'),
  'responses.delete': about('response'),
  'responses.cancel': about('background'),
  'responses.input_items': about('response'),
  'conversations.create': { model: CHAT, json: () => ({ metadata: { scene: 'one' }, items: [message] }) },
  'conversations.get': about('conversation'),
  'conversations.update': about('conversation', { json: () => ({ metadata: { scene: 'two' } }) }),
  'conversations.delete': about('conversation'),
  'conversations.items.create': about('conversation', { json: () => ({ items: [message] }) }),
  'conversations.items.list': about('conversation'),
  'conversations.items.get': item(),
  'conversations.items.delete': item(),
}

const FILE_ROUTES: Readonly<Record<string, Recipe>> = {
  'files.create': {
    model: CHAT,
    form: () => [
      ['purpose', 'batch'],
      ['file', lines],
    ],
  },
  'files.list': about('file', { query: list }),
  'files.get': about('file'),
  'files.delete': about('file'),
  'files.content': about('file'),
  'batches.create': {
    model: CHAT,
    needs: ['file'],
    json: ({ file = '' }) => ({
      input_file_id: file,
      endpoint: '/v1/chat/completions',
      completion_window: '24h',
      metadata: { scene: 'one' },
    }),
  },
  'batches.list': about('batch', { query: list }),
  'batches.get': about('batch'),
  'batches.cancel': about('batch'),
  'fine_tuning.create': {
    model: CHAT,
    needs: ['file'],
    names: 'body',
    json: ({ file = '' }) => ({ training_file: file, suffix: 'understudy' }),
  },
  'fine_tuning.list': about('job', { query: list }),
  'fine_tuning.get': about('job'),
  'fine_tuning.cancel': about('job'),
  'fine_tuning.pause': about('job'),
  'fine_tuning.resume': about('job'),
  'fine_tuning.events': about('job'),
  'fine_tuning.checkpoints': about('job'),
}

const STORE_ROUTES: Readonly<Record<string, Recipe>> = {
  'vector_stores.create': {
    model: CHAT,
    needs: ['file'],
    json: ({ file = '' }) => ({ name: 'lines', file_ids: [file] }),
  },
  'vector_stores.list': about('store', { query: list }),
  'vector_stores.get': about('store'),
  'vector_stores.update': about('store', { json: () => ({ name: 'renamed' }) }),
  'vector_stores.delete': about('store'),
  'vector_stores.search': about('store', { json: () => ({ query: 'line' }) }),
  'vector_stores.files.create': about('store', { json: ({ file = '' }) => ({ file_id: file }) }),
  'vector_stores.files.list': about('store'),
  'vector_stores.files.get': storeFile(),
  'vector_stores.files.update': storeFile({ json: () => ({ attributes: { act: 'two' } }) }),
  'vector_stores.files.delete': storeFile(),
  'vector_stores.files.content': storeFile(),
  'vector_stores.file_batches.create': about('store', { json: ({ file = '' }) => ({ file_ids: [file] }) }),
  'vector_stores.file_batches.get': fileBatch(),
  'vector_stores.file_batches.cancel': fileBatch(),
  'vector_stores.file_batches.files': fileBatch(),
}

/** One request for every row of the endpoint table, by the row's name. */
export const RECIPES: Readonly<Record<string, Recipe>> = {
  ...MODEL_ROUTES,
  ...STATE_ROUTES,
  ...FILE_ROUTES,
  ...STORE_ROUTES,
}
