import { isObject, type JsonObject } from '../wire/json.ts'
import { json } from './answer.ts'
import { readJson } from './check-body.ts'
import { playOf, promptTokens, streamed, wholeAnswer } from './gemini-answer.ts'
import { countMessage, generateMessage } from './gemini-columns.ts'
import { embed, embedMessage } from './gemini-embed.ts'
import { checkGenerate, objectIn } from './gemini-rules.ts'
import { checkMessage, googleError, invalid, type Message } from './gemini-shape.ts'
import type { Inspector } from './inspect.ts'
import type { Hit } from './recorder.ts'
import { StageRefusal } from './refusal.ts'
import type { Handler, Scene } from './scene.ts'
import { type Head, headerOf } from './sockets.ts'

/** A strict simulated Gemini API, and the same methods as Vertex AI has them. */

type Place = {
  readonly model: string
  readonly verb: string
  /** Vertex AI: a token instead of a key, and no ids. */
  readonly vertex: boolean
}

const AI_STUDIO = /^\/v1(?:beta|alpha)?\/models\/([^/:]+):([A-Za-z]+)$/
const VERTEX =
  /^\/v1(?:beta1)?\/projects\/[^/]+\/locations\/[^/]+\/publishers\/google\/models\/([^/:]+):([A-Za-z]+)$/

const placeOf = (path: string, vertex: boolean): Place | undefined => {
  const [, model, verb] = (vertex ? VERTEX : AI_STUDIO).exec(path) ?? []
  if (model === undefined || verb === undefined) return undefined
  return { model: decodeURIComponent(model), verb, vertex }
}

/** The model that a path of the Gemini API names. */
export const geminiModelIn = (path: string): string | undefined => placeOf(path, false)?.model

/** The model of Google's that a path of Vertex AI names. */
export const vertexGeminiIn = (path: string): string | undefined => placeOf(path, true)?.model

const FOREIGN = [
  /^x-litellm-/,
  /^litellm-/,
  /^x-understudy/,
  /^x-api-key$/,
  /^api-key$/,
  /^cookie$/,
  /^openai-/,
]

const checkHeaders = (head: Head): void => {
  const seen = new Set<string>()
  for (const [spelled] of head.headers) {
    const name = spelled.toLowerCase()
    if (seen.has(name)) throw invalid(`Header '${name}' was sent twice.`)
    seen.add(name)
    if (FOREIGN.some(pattern => pattern.test(name))) throw invalid(`Unexpected header: '${name}'.`)
  }
}

const noKey = (): StageRefusal =>
  googleError(
    403,
    'PERMISSION_DENIED',
    "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.",
  )

const wrongKey = (): StageRefusal =>
  googleError(400, 'INVALID_ARGUMENT', 'API key not valid. Please pass a valid API key.', [
    {
      '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
      reason: 'API_KEY_INVALID',
      domain: 'googleapis.com',
      metadata: { service: 'generativelanguage.googleapis.com' },
    },
  ])

const wrongToken = (): StageRefusal =>
  googleError(
    401,
    'UNAUTHENTICATED',
    'Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.',
  )

const checkCredential = (head: Head, hit: Hit, { key }: Scene, vertex: boolean): void => {
  const authorization = headerOf(head, 'authorization')
  if (vertex) {
    if (authorization !== `Bearer ${key}`) throw wrongToken()
    return
  }
  const given = [headerOf(head, 'x-goog-api-key'), hit.query.get('key') ?? undefined].filter(
    one => one !== undefined,
  )
  if (given.length === 0 && authorization === undefined) throw noKey()
  if (given.some(one => one !== key) || authorization !== undefined) throw wrongKey()
}

const QUERY = new Set(['alt', '$alt', 'key', 'prettyPrint', 'fields', 'quotaUser'])

const checkQuery = (query: URLSearchParams): void => {
  for (const name of query.keys())
    if (!QUERY.has(name))
      throw invalid(`Invalid JSON payload received. Unknown name "${name}": Cannot bind query parameter.`)
}

const bodyOf = (hit: Hit): JsonObject => {
  try {
    return readJson(hit.body)
  } catch (error) {
    if (error instanceof StageRefusal)
      throw invalid(`Invalid JSON payload received. ${String(error.error.message)}`)
    throw error
  }
}

const generate =
  (place: Place): Handler =>
  ({ scene, body, query }) => {
    checkGenerate(body, place.model)
    const play = playOf(scene, place.model, body)
    if (place.verb === 'generateContent') return json(wholeAnswer(play))
    return streamed(play, query.get('alt') === 'sse')
  }

const count: Handler = ({ body }) => {
  const inner = isObject(body.generateContentRequest) ? objectIn(body, 'generateContentRequest') : body
  const totalTokens = promptTokens(inner)
  return json({ totalTokens, promptTokensDetails: [{ modality: 'TEXT', tokenCount: totalTokens }] })
}

const embedding =
  (place: Place): Handler =>
  ({ body }) =>
    embed(place.verb, place.model, body)

const HANDLERS: Readonly<Record<string, (place: Place) => Handler>> = {
  generateContent: generate,
  streamGenerateContent: generate,
  countTokens: () => count,
  batchEmbedContents: embedding,
  embedContent: embedding,
  predict: embedding,
}

/** Methods that one of the two has and the other has not. */
const isElsewhere = ({ verb, vertex }: Place): boolean =>
  vertex ? verb === 'batchEmbedContents' : verb === 'predict'

const messageFor = ({ verb, vertex }: Place): Message => {
  if (verb === 'countTokens') return countMessage(!vertex)
  return HANDLERS[verb] === embedding ? embedMessage(verb, vertex) : generateMessage(!vertex)
}

const missing = (place: Place): StageRefusal =>
  googleError(
    404,
    'NOT_FOUND',
    `models/${place.model} is not found for API version v1beta, or is not supported for ${place.verb}. Call ListModels to see the list of available models and their supported methods.`,
  )

/** Every check that the API makes before it does anything. Throws StageRefusal. */
export const inspectGoogle =
  (vertex: boolean): Inspector =>
  (scene, head, hit) => {
    checkHeaders(head)
    const place = placeOf(hit.path, vertex)
    if (place === undefined) throw googleError(404, 'NOT_FOUND', 'Not Found')
    checkCredential(head, hit, scene, place.vertex)
    checkQuery(hit.query)
    const handler = Object.hasOwn(HANDLERS, place.verb) ? HANDLERS[place.verb] : undefined
    if (hit.method !== 'POST' || handler === undefined || isElsewhere(place))
      throw googleError(404, 'NOT_FOUND', 'Not Found')
    const served = scene.models.includes('*') || scene.models.includes(place.model)
    if (!served) throw missing(place)
    const body = bodyOf(hit)
    checkMessage(body, messageFor(place))
    return {
      ask: { scene, params: {}, query: hit.query, body, fields: [], model: place.model },
      handler: handler(place),
    }
  }

const MESSAGES: Readonly<Record<number, readonly [status: string, message: string]>> = {
  400: ['INVALID_ARGUMENT', 'Request contains an invalid argument.'],
  401: ['UNAUTHENTICATED', 'Request had invalid authentication credentials.'],
  403: ['PERMISSION_DENIED', 'The caller does not have permission'],
  404: ['NOT_FOUND', 'Requested entity was not found.'],
  429: ['RESOURCE_EXHAUSTED', 'Resource has been exhausted (e.g. check quota).'],
  500: [
    'INTERNAL',
    'An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting',
  ],
  503: ['UNAVAILABLE', 'The model is overloaded. Please try again later.'],
  529: ['UNAVAILABLE', 'The model is overloaded. Please try again later.'],
  504: ['DEADLINE_EXCEEDED', 'Deadline expired before operation could complete.'],
}

/** What the API writes for a status when a script names no body; a wait is told in the body, not in a header. */
export const geminiErrorBody = (status: number, wait: string | undefined): JsonObject => {
  const [name, message] = MESSAGES[status] ?? [
    status >= 500 ? 'INTERNAL' : 'INVALID_ARGUMENT',
    `The provider answered ${status}.`,
  ]
  const seconds = wait !== undefined && /^\d+$/.test(wait) ? wait : status === 429 ? '20' : undefined
  const details =
    seconds === undefined || status !== 429
      ? []
      : [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: `${seconds}s` }]
  return { error: googleError(status, name, message, details).error }
}
