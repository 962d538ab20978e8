import type { Config, Deployment } from './config/config.ts'
import type { ShapeName } from './dialects/shape-name.ts'
import { both, deploymentPaths, googlePaths, modelPaths, responsesPaths } from './route-paths.ts'

/**
 * The endpoint table. Every model route is one row, and every row goes through the same loop:
 * a row cannot lack failover, it can only say why it must not cross to another group.
 */

/** Where the model group's name is. owner: provider-owned resources, found by `model`/`custom_llm_provider` or default. */
export type ModelPlace = 'body' | 'path' | 'owner' | 'sealed-id'
export type BodyKind = 'json' | 'multipart' | 'raw' | 'none'
/** groups: any fallback group; same-model: only deployments of the same model; never: only the owner. */
export type Crossing = 'groups' | 'same-model' | 'never'
export type { ShapeName } from './dialects/shape-name.ts'

/**
 * The two ways in which clients ask for a compaction: an endpoint of its own (`POST /responses/compact`), or a last item
 * `{"type":"compaction_trigger"}` of an ordinary call.
 */
export type CompactionWire = 'endpoint' | 'trigger'

export type Route = {
  readonly name: string
  readonly method: 'GET' | 'POST' | 'DELETE' | 'PUT' | 'PATCH' | 'HEAD'
  /** Radix-tree paths, the canonical one first; in `…/:model/end` and `…/:model:verb` the model may hold slashes. */
  readonly paths: readonly string[]
  /** Path under the provider's base URL, `:id` pieces filled from the params. */
  readonly upstream: string
  readonly body: BodyKind
  readonly model: ModelPlace
  /** A body may leave `model` out (moderations, images: the provider has a default). */
  readonly modelOptional?: boolean
  readonly crossing: Crossing
  /** Why it must not cross, for `understudy routes` and the docs; '' when it may. */
  readonly because: string
  readonly shape: ShapeName
  /** The answer may be an event stream (body `stream: true` or stream_format: sse). */
  readonly streams: boolean
  /** Every answer is a stream, because the path asks for it: events with `alt=sse`, else one JSON array of the same. */
  readonly byPath?: true
  /** A key may come as `?key=…`, as clients of this API send it. */
  readonly keyInQuery?: true
  /** model_info.mode values that may serve this route; empty: any. A deployment that declares no mode always may. */
  readonly modes: readonly string[]
  /** The top-level member that lists the items of a conversation, where compacted ones may stand. */
  readonly items?: string
  /** How a call of this route asks for a compaction: always, or by its last item. */
  readonly compacts?: CompactionWire
  /** Pass-through: any HTTP answer is the answer, its error body included; only a broken transport fails. */
  readonly verbatim?: true
  /** The client's own headers go along, credentials and connection headers excepted. */
  readonly forwardsHeaders?: true
  /** No key is asked for: the operator said `auth: false` on a pass-through endpoint. */
  readonly open?: true
  /** Clients may try it over a WebSocket first, which is not served: they are told so in a way that makes them use HTTP. */
  readonly triedBySocket?: true
  /** Pass-through: the deployment that stands for the target. Undefined: none is configured. */
  readonly target?: (config: Config) => Deployment | undefined
}

const crossing = { crossing: 'groups', because: '' } as const
const vectors = {
  crossing: 'same-model',
  because: 'vectors of two models do not mix: only deployments of the same model may serve',
} as const
const owned = {
  crossing: 'never',
  because: 'the provider that owns the object is the only one that knows it',
} as const

type Row = Pick<Route, 'name' | 'method' | 'paths' | 'upstream' | 'shape'> & Partial<Route>

/** A model route: POST, JSON, the name in the body, free to cross. */
const call = (row: Row): Route => ({
  body: 'json',
  model: 'body',
  ...crossing,
  streams: false,
  modes: [],
  ...row,
})

/** One method of Google's API. */
const google = (name: string, verb: string, more: Partial<Route> = {}): Route =>
  call({
    name: `gemini.${name}`,
    method: 'POST',
    paths: googlePaths(verb),
    upstream: `/models/:model:${verb}`,
    model: 'path',
    shape: 'gemini',
    keyInQuery: true,
    modes: ['chat', 'responses'],
    ...more,
  })

/** A resource route: belongs to its owner and never crosses. */
const resource = (row: Omit<Row, 'shape'> & Partial<Route>): Route => ({
  body: row.method === 'POST' ? 'json' : 'none',
  model: 'owner',
  ...owned,
  shape: 'resource',
  streams: false,
  modes: [],
  ...row,
})

/** list/create/get/delete of one kind of object under `base`. */
const collection = (
  name: string,
  base: string,
  verbs: readonly (readonly [verb: string, method: Route['method'], path: string])[],
): Route[] =>
  verbs.map(([verb, method, path]) =>
    resource({ name: `${name}.${verb}`, method, paths: both(base + path), upstream: base + path }),
  )

export const ROUTES: readonly Route[] = [
  call({
    name: 'chat.completions',
    method: 'POST',
    paths: modelPaths('/chat/completions'),
    upstream: '/chat/completions',
    shape: 'chat',
    streams: true,
    modes: ['chat', 'responses', 'completion'],
  }),
  call({
    name: 'completions',
    method: 'POST',
    paths: modelPaths('/completions'),
    upstream: '/completions',
    shape: 'completions',
    streams: true,
    modes: ['completion', 'chat'],
  }),
  call({
    name: 'embeddings',
    method: 'POST',
    paths: modelPaths('/embeddings'),
    upstream: '/embeddings',
    shape: 'embeddings',
    ...vectors,
    modes: ['embedding'],
  }),
  call({
    name: 'moderations',
    method: 'POST',
    paths: both('/moderations'),
    upstream: '/moderations',
    shape: 'moderations',
    modelOptional: true,
    modes: ['moderation'],
  }),
  call({
    name: 'images.generations',
    method: 'POST',
    paths: deploymentPaths('/images/generations'),
    upstream: '/images/generations',
    shape: 'images',
    streams: true,
    modelOptional: true,
    modes: ['image_generation'],
  }),
  call({
    name: 'images.edits',
    method: 'POST',
    paths: deploymentPaths('/images/edits'),
    upstream: '/images/edits',
    shape: 'images',
    body: 'multipart',
    streams: true,
    modelOptional: true,
    modes: ['image_generation', 'image_edit'],
  }),
  call({
    name: 'images.variations',
    method: 'POST',
    paths: deploymentPaths('/images/variations'),
    upstream: '/images/variations',
    shape: 'images',
    body: 'multipart',
    modelOptional: true,
    modes: ['image_generation', 'image_variation'],
  }),
  call({
    name: 'audio.speech',
    method: 'POST',
    paths: deploymentPaths('/audio/speech'),
    upstream: '/audio/speech',
    shape: 'speech',
    streams: true,
    modes: ['audio_speech'],
  }),
  call({
    name: 'audio.transcriptions',
    method: 'POST',
    paths: deploymentPaths('/audio/transcriptions'),
    upstream: '/audio/transcriptions',
    shape: 'transcription',
    body: 'multipart',
    streams: true,
    modes: ['audio_transcription'],
  }),
  call({
    name: 'audio.translations',
    method: 'POST',
    paths: deploymentPaths('/audio/translations'),
    upstream: '/audio/translations',
    shape: 'transcription',
    body: 'multipart',
    modes: ['audio_transcription'],
  }),
  call({
    name: 'rerank',
    method: 'POST',
    paths: ['/v1/rerank', '/rerank'],
    upstream: '/rerank',
    shape: 'rerank',
    modes: ['rerank'],
  }),
  call({
    name: 'rerank.v2',
    method: 'POST',
    paths: ['/v2/rerank'],
    upstream: '/v2/rerank',
    shape: 'rerank',
    modes: ['rerank'],
  }),
  call({
    name: 'messages.create',
    method: 'POST',
    paths: ['/v1/messages'],
    upstream: '/messages',
    shape: 'messages',
    streams: true,
    modes: ['chat', 'responses'],
  }),
  call({
    name: 'messages.count_tokens',
    method: 'POST',
    paths: ['/v1/messages/count_tokens'],
    upstream: '/messages/count_tokens',
    shape: 'message_tokens',
    modes: ['chat', 'responses'],
  }),
  call({
    name: 'responses.create',
    method: 'POST',
    paths: responsesPaths('/responses'),
    upstream: '/responses',
    shape: 'responses',
    streams: true,
    triedBySocket: true,
    modes: ['responses', 'chat'],
    items: 'input',
    compacts: 'trigger',
  }),
  call({
    name: 'responses.compact',
    method: 'POST',
    paths: responsesPaths('/responses/compact'),
    upstream: '/responses/compact',
    shape: 'compaction',
    modes: ['responses', 'chat'],
    items: 'input',
    compacts: 'endpoint',
  }),
  call({
    name: 'responses.input_tokens',
    method: 'POST',
    paths: responsesPaths('/responses/input_tokens'),
    upstream: '/responses/input_tokens',
    shape: 'response_tokens',
    modes: ['responses', 'chat'],
    items: 'input',
  }),
  google('generate', 'generateContent'),
  google('stream', 'streamGenerateContent', { streams: true, byPath: true }),
  google('count_tokens', 'countTokens', { shape: 'gemini_tokens' }),
  google('embed', 'embedContent', { shape: 'gemini_vectors', ...vectors, modes: ['embedding'] }),
  google('batch_embed', 'batchEmbedContents', { shape: 'gemini_vectors', ...vectors, modes: ['embedding'] }),
  resource({
    name: 'responses.get',
    method: 'GET',
    paths: responsesPaths('/responses/:id'),
    upstream: '/responses/:id',
    shape: 'responses',
    model: 'sealed-id',
    streams: true,
  }),
  resource({
    name: 'responses.delete',
    method: 'DELETE',
    paths: responsesPaths('/responses/:id'),
    upstream: '/responses/:id',
    shape: 'responses',
    model: 'sealed-id',
  }),
  resource({
    name: 'responses.cancel',
    method: 'POST',
    paths: responsesPaths('/responses/:id/cancel'),
    upstream: '/responses/:id/cancel',
    shape: 'responses',
    model: 'sealed-id',
    body: 'raw',
  }),
  resource({
    name: 'responses.input_items',
    method: 'GET',
    paths: responsesPaths('/responses/:id/input_items'),
    upstream: '/responses/:id/input_items',
    model: 'sealed-id',
  }),
  resource({
    name: 'conversations.create',
    method: 'POST',
    paths: responsesPaths('/conversations'),
    upstream: '/conversations',
    items: 'items',
  }),
  ...(
    [
      ['get', 'GET', '/conversations/:id'],
      ['update', 'POST', '/conversations/:id'],
      ['delete', 'DELETE', '/conversations/:id'],
      ['items.create', 'POST', '/conversations/:id/items'],
      ['items.list', 'GET', '/conversations/:id/items'],
      ['items.get', 'GET', '/conversations/:id/items/:item'],
      ['items.delete', 'DELETE', '/conversations/:id/items/:item'],
    ] as const
  ).map(([verb, method, path]) =>
    resource({
      name: `conversations.${verb}`,
      method,
      paths: responsesPaths(path),
      upstream: path,
      model: 'sealed-id',
      ...(verb === 'items.create' ? { items: 'items' } : {}),
    }),
  ),
  resource({
    name: 'files.create',
    method: 'POST',
    paths: both('/files'),
    upstream: '/files',
    body: 'multipart',
  }),
  ...collection('files', '/files', [
    ['list', 'GET', ''],
    ['get', 'GET', '/:id'],
    ['delete', 'DELETE', '/:id'],
  ]),
  resource({
    name: 'files.content',
    method: 'GET',
    paths: both('/files/:id/content'),
    upstream: '/files/:id/content',
    shape: 'raw',
  }),
  ...collection('batches', '/batches', [
    ['create', 'POST', ''],
    ['list', 'GET', ''],
    ['get', 'GET', '/:id'],
    ['cancel', 'POST', '/:id/cancel'],
  ]),
  ...collection('vector_stores', '/vector_stores', [
    ['create', 'POST', ''],
    ['list', 'GET', ''],
    ['get', 'GET', '/:id'],
    ['update', 'POST', '/:id'],
    ['delete', 'DELETE', '/:id'],
    ['search', 'POST', '/:id/search'],
    ['files.create', 'POST', '/:id/files'],
    ['files.list', 'GET', '/:id/files'],
    ['files.get', 'GET', '/:id/files/:file'],
    ['files.update', 'POST', '/:id/files/:file'],
    ['files.delete', 'DELETE', '/:id/files/:file'],
    ['files.content', 'GET', '/:id/files/:file/content'],
    ['file_batches.create', 'POST', '/:id/file_batches'],
    ['file_batches.get', 'GET', '/:id/file_batches/:batch'],
    ['file_batches.cancel', 'POST', '/:id/file_batches/:batch/cancel'],
    ['file_batches.files', 'GET', '/:id/file_batches/:batch/files'],
  ]),
  ...collection('fine_tuning', '/fine_tuning/jobs', [
    ['create', 'POST', ''],
    ['list', 'GET', ''],
    ['get', 'GET', '/:id'],
    ['cancel', 'POST', '/:id/cancel'],
    ['pause', 'POST', '/:id/pause'],
    ['resume', 'POST', '/:id/resume'],
    ['events', 'GET', '/:id/events'],
    ['checkpoints', 'GET', '/:id/checkpoints'],
  ]),
]
