import { spelled } from '../dialects/read-json.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { chat } from './answers/chat.ts'
import { embeddings } from './answers/vectors.ts'
import { readJson } from './check-body.ts'
import { checkHeaders } from './check-head.ts'
import type { Inspected } from './inspect.ts'
import { checkChat, checkEmbeddings, mistralError } from './mistral-shape.ts'
import type { Hit } from './recorder.ts'
import { StageRefusal } from './refusal.ts'
import type { Ask, Handler, Scene } from './scene.ts'
import { type Head, headerOf } from './sockets.ts'

/** A strict simulated Mistral: OpenAI's chat completions, where nothing may stand that is not published. */

type Route = {
  readonly check: (body: JsonObject, accepts: readonly string[]) => void
  readonly handler: Handler
}

/** Ids of calls as it makes them itself. */
const nine = (id: string): string => id.replace(/[^a-zA-Z0-9]/g, '').slice(-9)

/** Parts that the actor of everybody does not know have been read by then. */
const asParts = (content: Json | undefined): Json | undefined =>
  Array.isArray(content)
    ? content.map((part: Json) =>
        isObject(part) && part.type !== 'text' && part.type !== 'image_url'
          ? { type: 'text', text: `[${spelled(part.type)}]` }
          : part,
      )
    : content

/** The same conversation for the actor that answers everybody: its words, its ids, and usage in every stream. */
const asChat = ({ scene, body, ...ask }: Ask): Ask => {
  const messages = Array.isArray(body.messages) ? body.messages : []
  return {
    ...ask,
    scene: { ...scene, id: prefix => (prefix === 'call_' ? nine(scene.id(prefix)) : scene.id('')) },
    body: {
      ...body,
      ...(body.tool_choice === 'any' ? { tool_choice: 'required' } : {}),
      messages: messages.map(message => {
        if (!isObject(message)) return message
        const { prefix: _, content, ...rest } = message
        return content === undefined ? rest : { ...rest, content: asParts(content) ?? null }
      }),
      ...(body.stream === true ? { stream_options: { include_usage: true } } : {}),
    },
  }
}

const ROUTES: Readonly<Record<string, Route>> = {
  '/v1/chat/completions': { check: checkChat, handler: ask => chat(asChat(ask)) },
  '/v1/embeddings': { check: checkEmbeddings, handler: embeddings },
}

const checkCredential = (head: Head, scene: Scene): void => {
  const given = /^Bearer (.+)$/.exec(headerOf(head, 'authorization') ?? '')?.[1]
  if (given !== scene.key) throw mistralError(401, 'Unauthorized')
}

const bodyOf = (hit: Hit): JsonObject => {
  try {
    return readJson(hit.body)
  } catch (error) {
    if (error instanceof StageRefusal) throw mistralError(422, error.message)
    throw error
  }
}

/** A complaint of the actor in this API's envelope. */
const inOwnWords =
  (handler: Handler): Handler =>
  ask => {
    try {
      return handler(ask)
    } catch (error) {
      if (error instanceof StageRefusal && error.error.object === undefined)
        throw mistralError(error.status, error.message)
      throw error
    }
  }

/** Every check the API makes before it does anything. Throws StageRefusal. */
export const inspectMistral = (scene: Scene, head: Head, hit: Hit): Inspected => {
  checkHeaders(head, 'openai')
  checkCredential(head, scene)
  const route = Object.hasOwn(ROUTES, hit.path) ? ROUTES[hit.path] : undefined
  if (route === undefined || hit.method !== 'POST')
    throw mistralError(404, 'no Route matched with those values')
  const body = bodyOf(hit)
  route.check(body, scene.accepts)
  const model = String(body.model)
  if (!scene.models.includes('*') && !scene.models.includes(model))
    throw mistralError(400, `Invalid model: ${model}`, '1500')
  return {
    ask: { scene, params: {}, query: hit.query, body, fields: [], model },
    handler: inOwnWords(route.handler),
  }
}

const MESSAGES: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  429: 'Requests rate limit exceeded',
  500: 'Internal server error',
  503: 'Service unavailable.',
}

/** What it writes for a status when a script names no body. */
export const mistralErrorFor = (status: number): JsonObject => ({
  object: 'error',
  message: MESSAGES[status] ?? `status ${status}`,
  type: status === 429 ? 'rate_limited' : status >= 500 ? 'internal_server_error' : 'invalid_request_error',
  param: null,
  code: status === 429 ? '1300' : null,
  raw_status_code: status,
})
