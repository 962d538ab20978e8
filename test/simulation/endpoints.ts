import type { ShapeName } from '../../src/routes.ts'
import type { Json, JsonObject } from '../../src/wire/json.ts'
import type { ClientScript } from './scenario.ts'

/** What a simulated client can ask for. */
export type Endpoint = {
  /** The row of the endpoint table. */
  readonly route: string
  readonly method: 'POST' | 'GET'
  readonly path: (model: string) => string
  readonly shape: ShapeName
  /** Members of the body (or fields of a form) beside the model; `marker` names the client in its own words. */
  readonly body?: (marker: string) => Readonly<Record<string, Json>>
  readonly form?: true
  /** What asks for a stream; undefined: it never streams. */
  readonly asStream?: JsonObject
}

const prompt = (marker: string): string => `Say your line, ${marker}.`
const messages = (marker: string): Json => [{ role: 'user', content: prompt(marker) }]
const stream = { stream: true }

export const ENDPOINTS = {
  chat: {
    route: 'chat.completions',
    method: 'POST',
    path: () => '/v1/chat/completions',
    shape: 'chat',
    body: marker => ({ messages: messages(marker), seed: 7, metadata: { scene: 'one' } }),
    asStream: { stream: true, stream_options: { include_usage: true } },
  },
  chat_by_path: {
    route: 'chat.completions',
    method: 'POST',
    path: model => `/openai/deployments/${model}/chat/completions?api-version=2026-01-01`,
    shape: 'chat',
    body: marker => ({ messages: messages(marker) }),
    asStream: stream,
  },
  completions: {
    route: 'completions',
    method: 'POST',
    path: () => '/v1/completions',
    shape: 'completions',
    body: marker => ({ prompt: prompt(marker), max_tokens: 16 }),
    asStream: stream,
  },
  embeddings: {
    route: 'embeddings',
    method: 'POST',
    path: () => '/v1/embeddings',
    shape: 'embeddings',
    body: marker => ({ input: [prompt(marker)] }),
  },
  moderations: {
    route: 'moderations',
    method: 'POST',
    path: () => '/v1/moderations',
    shape: 'moderations',
    body: marker => ({ input: prompt(marker) }),
  },
  images: {
    route: 'images.generations',
    method: 'POST',
    path: () => '/v1/images/generations',
    shape: 'images',
    body: marker => ({ prompt: prompt(marker), size: '1024x1024' }),
    asStream: { stream: true, partial_images: 2 },
  },
  image_edits: {
    route: 'images.edits',
    method: 'POST',
    path: () => '/v1/images/edits',
    shape: 'images',
    body: marker => ({ prompt: prompt(marker) }),
    form: true,
    asStream: stream,
  },
  speech: {
    route: 'audio.speech',
    method: 'POST',
    path: () => '/v1/audio/speech',
    shape: 'speech',
    body: marker => ({ input: prompt(marker), voice: 'alloy' }),
    asStream: { stream_format: 'sse' },
  },
  transcriptions: {
    route: 'audio.transcriptions',
    method: 'POST',
    path: () => '/v1/audio/transcriptions',
    shape: 'transcription',
    body: marker => ({ prompt: prompt(marker) }),
    form: true,
    asStream: stream,
  },
  rerank: {
    route: 'rerank',
    method: 'POST',
    path: () => '/v1/rerank',
    shape: 'rerank',
    body: marker => ({ query: prompt(marker), documents: ['one', 'two'] }),
  },
  responses: {
    route: 'responses.create',
    method: 'POST',
    path: () => '/v1/responses',
    shape: 'responses',
    body: marker => ({ input: [{ type: 'message', role: 'user', content: prompt(marker) }] }),
    asStream: stream,
  },
  compact: {
    route: 'responses.compact',
    method: 'POST',
    path: () => '/v1/responses/compact',
    shape: 'compaction',
    body: marker => ({ input: [{ type: 'message', role: 'user', content: prompt(marker) }] }),
  },
  input_tokens: {
    route: 'responses.input_tokens',
    method: 'POST',
    path: () => '/v1/responses/input_tokens',
    shape: 'response_tokens',
    body: marker => ({ input: prompt(marker) }),
  },
  /** Reads the response of the client that it follows; without one it asks for an id that nobody made. */
  read_response: {
    route: 'responses.get',
    method: 'GET',
    path: id => `/v1/responses/${id}`,
    shape: 'responses',
  },
} as const satisfies Readonly<Record<string, Endpoint>>

export type EndpointName = keyof typeof ENDPOINTS
export const ENDPOINT_NAMES = Object.keys(ENDPOINTS) as readonly EndpointName[]

export const endpointOf = ({ endpoint }: Pick<ClientScript, 'endpoint'>): Endpoint => ENDPOINTS[endpoint]

/** How a client is known in everything that is sent upstream for it. */
export const markerOf = (index: number): string => `client-${index}`

/** What stands behind a client's own words. */
export const afterPrompt = (text: string): string => text.replace(/^Say your line, client-\d+\./, '')

/** The client a request upstream was made for, by the words of its body or its query. */
export const clientIn = (text: string): number | undefined => {
  const found = /client-(\d+)/.exec(text)
  return found === null ? undefined : Number(found[1])
}

/** The body as a value, before controls, forms and models in paths are thought of. `priorId`: what it continues. */
export const wishesOf = (client: ClientScript, index: number, priorId: string | undefined): JsonObject => {
  const endpoint = endpointOf(client)
  const own = endpoint.body?.(markerOf(index)) ?? {}
  const named = client.endpoint === 'chat_by_path' ? {} : { model: client.model }
  const prior =
    priorId !== undefined && endpoint.shape === 'responses' ? { previous_response_id: priorId } : {}
  const asked = client.stream === true ? (endpoint.asStream ?? {}) : {}
  const kept = client.unstored === true ? { store: false } : {}
  return { ...named, ...own, ...prior, ...kept, ...asked }
}

const BOUNDARY = 'simulated-form-boundary'
const FILE_FIELD: Readonly<Record<string, string>> = { images: 'image', transcription: 'file' }

const formOf = (fields: JsonObject, fileField: string): string => {
  const part = (name: string, value: string, more = ''): string =>
    `--${BOUNDARY}\r\ncontent-disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`
  const texts = Object.entries(fields).map(([name, value]) =>
    part(name, typeof value === 'string' ? value : JSON.stringify(value)),
  )
  return `${texts.join('')}${part(fileField, 'BYTES', '; filename="a.bin"')}--${BOUNDARY}--\r\n`
}

export type Written = { readonly contentType: string; readonly text: string }

/** The body as it is sent; undefined for a request without one. */
export const writtenBody = (
  client: ClientScript,
  index: number,
  priorId: string | undefined,
): Written | undefined => {
  const endpoint = endpointOf(client)
  if (endpoint.body === undefined) return undefined
  const wishes = wishesOf(client, index, priorId)
  if (endpoint.form === true)
    return {
      contentType: `multipart/form-data; boundary=${BOUNDARY}`,
      text: formOf(wishes, FILE_FIELD[endpoint.shape] ?? 'file'),
    }
  return { contentType: 'application/json', text: JSON.stringify({ ...wishes, ...client.controls }) }
}

/** Fields of a form by name, as far as a check needs them. */
export const fieldsOf = (text: string): Readonly<Record<string, string>> => {
  const found: Record<string, string> = {}
  for (const [, name = '', value = ''] of text.matchAll(
    /name="([^"]*)"[^\r]*(?:\r\n[^\r]+)*\r\n\r\n([^\r]*)\r\n/g,
  ))
    found[name] = value
  return found
}
