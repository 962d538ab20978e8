import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { json } from './answer.ts'
import { rerank, vectorOf } from './answers/vectors.ts'
import { readJson } from './check-body.ts'
import { chat } from './cohere-answer.ts'
import { CHAT, EMBED, RERANK, RERANK_V1 } from './cohere-columns.ts'
import { checkChat, checkEmbed, checkRerank } from './cohere-rules.ts'
import { checkFields, cohereError, type Fields } from './cohere-shape.ts'
import type { Inspected } from './inspect.ts'
import { countTokens, textOf } from './lines.ts'
import type { Hit } from './recorder.ts'
import { StageRefusal } from './refusal.ts'
import type { Handler, Scene } from './scene.ts'
import { type Head, headerOf } from './sockets.ts'

/** A strict simulated Cohere: chat and embed of version 2, rerank of both. */

/** What belongs to a gateway, to another provider, or to the caller alone. */
const FOREIGN =
  /^(?:x-litellm-.*|litellm-.*|x-understudy.*|x-api-key|api-key|cookie|proxy-authorization|x-goog-.*|x-amz-.*|openai-.*|anthropic-.*)$/

const checkHead = (head: Head, scene: Scene): void => {
  const seen = new Set<string>()
  for (const [spelled] of head.headers) {
    const name = spelled.toLowerCase()
    if (seen.has(name)) throw cohereError(400, `Header '${name}' was sent twice.`)
    if (FOREIGN.test(name)) throw cohereError(400, `Unexpected header: '${name}'.`)
    seen.add(name)
  }
  const given = /^Bearer (.+)$/i.exec(headerOf(head, 'authorization') ?? '')?.[1]
  if (given === undefined) throw cohereError(401, 'no api key supplied')
  if (given !== scene.key) throw cohereError(401, 'invalid api token')
  if (!/^application\/json\b/.test(headerOf(head, 'content-type') ?? ''))
    throw cohereError(400, 'invalid request: content-type must be application/json')
}

const SIZE = 1024

const vectorsOf = (texts: readonly Json[], model: string, size: number, type: string): Json => {
  const floats = texts.map(text => vectorOf(JSON.stringify(text), model, size))
  if (type === 'float') return floats.map(vector => [...vector])
  if (type === 'base64')
    return floats.map(({ buffer, byteOffset, byteLength }) =>
      Buffer.from(buffer, byteOffset, byteLength).toString('base64'),
    )
  const half = type.startsWith('u') ? 128 : 0
  return floats.map(vector => [...vector].map(value => Math.round(value * 127) + half))
}

const embed: Handler = ({ body, model, scene }) => {
  const texts: readonly Json[] = [body.texts, body.images, body.inputs].find(Array.isArray) ?? []
  const types: readonly Json[] = Array.isArray(body.embedding_types) ? body.embedding_types : ['float']
  const size = typeof body.output_dimension === 'number' ? body.output_dimension : SIZE
  const tokens = texts.reduce<number>((sum, text) => sum + countTokens(textOf(text)), 0)
  return json({
    id: scene.id(''),
    response_type: 'embeddings_by_type',
    embeddings: Object.fromEntries(
      types.map(type => [String(type), vectorsOf(texts, model, size, String(type))]),
    ),
    ...(body.texts === undefined ? {} : { texts }),
    meta: {
      api_version: { version: '2' },
      billed_units: body.images === undefined ? { input_tokens: tokens } : { images: texts.length },
    },
  })
}

type Route = {
  readonly fields: Fields
  readonly check: (body: JsonObject) => void
  readonly handler: Handler
}

const ROUTES: Readonly<Record<string, Route>> = {
  '/v2/chat': { fields: CHAT, check: checkChat, handler: chat },
  '/v2/embed': { fields: EMBED, check: checkEmbed, handler: embed },
  '/v2/rerank': { fields: RERANK, check: checkRerank, handler: rerank },
  '/v1/rerank': { fields: RERANK_V1, check: checkRerank, handler: rerank },
}

const bodyOf = (hit: Hit): JsonObject => {
  try {
    return readJson(hit.body)
  } catch (error) {
    if (error instanceof StageRefusal) throw cohereError(400, `invalid json syntax: ${error.message}`)
    throw error
  }
}

/** Every check the API makes before it does anything. Throws StageRefusal. */
export const inspectCohere = (scene: Scene, head: Head, hit: Hit): Inspected => {
  checkHead(head, scene)
  const route = Object.hasOwn(ROUTES, hit.path) ? ROUTES[hit.path] : undefined
  if (route === undefined || hit.method !== 'POST') throw cohereError(404, '404 page not found')
  for (const name of hit.query.keys())
    throw cohereError(400, `invalid request: unknown query parameter '${name}'`)
  const body = bodyOf(hit)
  const known = Object.fromEntries(Object.entries(body).filter(([name]) => !scene.accepts.includes(name)))
  checkFields(known, route.fields)
  const model = String(body.model ?? 'rerank-v3.5')
  if (!scene.models.includes('*') && !scene.models.includes(model))
    throw cohereError(
      404,
      `model '${model}' not found, make sure the correct model ID was used and that you have access to the model.`,
    )
  route.check(body)
  return { ask: { scene, params: {}, query: hit.query, body, fields: [], model }, handler: route.handler }
}

const MESSAGES: Readonly<Record<number, string>> = {
  400: 'invalid request: the request is not valid',
  401: 'invalid api token',
  402: 'Please add or update your payment method at https://dashboard.cohere.com/billing?tab=payment to continue',
  404: "model 'command-0' not found, make sure the correct model ID was used and that you have access to the model.",
  429: 'You are past the per minute request limit, please wait and try again later.',
  500: 'internal server error, this has been reported to our developers.',
  503: 'The model is currently overloaded, please try again later.',
  504: 'the request timed out',
}

/** What it writes for a status when a script names no body. */
export const cohereErrorFor = (status: number): JsonObject =>
  cohereErrorBody({ message: MESSAGES[status] ?? `status ${status}` })

/** An error as this API writes errors. */
export const cohereErrorBody = (error: JsonObject): JsonObject => ({
  id: 'stage',
  message: isObject(error) && typeof error.message === 'string' ? error.message : '',
})
