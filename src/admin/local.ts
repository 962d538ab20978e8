import type { IncomingMessage } from 'node:http'
import { authenticate, keyInQuery } from '../authenticate/authenticate.ts'
import type { Caller } from '../authenticate/caller.ts'
import type { Config } from '../config/config.ts'
import { Refusal } from '../failure.ts'
import type { House } from '../house.ts'
import type { Traffic } from '../listen/traffic.ts'
import { toldOn } from '../reply/told.ts'
import { GOOGLE_VERSIONS } from '../route-paths.ts'
import type { ShapeName } from '../routes.ts'
import { VERSION } from '../version.ts'
import type { Json } from '../wire/json.ts'
import { googleCard, googleList } from './google-models.ts'
import { health } from './health.ts'
import { modelGroups } from './model-groups.ts'
import { asksForGoogle, asksForMessages, modelCard, modelInfo, modelList } from './models.ts'
import { countTokens } from './token-counter.ts'

/** A route the gateway answers itself. Every one denies by default; `open` is the short list of exceptions. */
export type LocalRoute = {
  readonly name: string
  readonly method: 'GET' | 'HEAD' | 'POST'
  readonly paths: readonly string[]
  /** No key needed: liveness and readiness, which say nothing about what is behind. */
  readonly open: boolean
  /** Whose clients ask; undefined: their headers say it. */
  readonly shape?: ShapeName
  /** A key may come as `?key=…`, as clients of this API send it. */
  readonly keyInQuery?: true
  readonly answer: (visit: Visit) => Promise<LocalAnswer> | LocalAnswer
}

export type LocalAnswer = {
  readonly status: number
  readonly headers: Record<string, string>
  readonly body: string
}

export type Visit = {
  readonly request: IncomingMessage
  readonly house: House
  readonly traffic: Traffic
  readonly config: Config
  /** undefined on open routes. */
  readonly caller: Caller | undefined
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string | undefined>>
  readonly headers: IncomingMessage['headers']
}

export const json = (value: Json, status = 200): LocalAnswer => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(value),
})

const readiness = ({ traffic }: Visit): LocalAnswer =>
  traffic.draining
    ? json({ status: 'draining', db: 'Not connected', litellm_version: VERSION }, 503)
    : json({
        status: 'healthy',
        db: 'Not connected',
        cache: null,
        litellm_version: VERSION,
        success_callbacks: [],
      })

export const LOCAL_ROUTES: readonly LocalRoute[] = [
  {
    name: 'models.list',
    method: 'GET',
    paths: ['/v1/models', '/models'],
    open: false,
    answer: visit => (asksForGoogle(visit.headers) ? googleList : modelList)(visit),
  },
  {
    name: 'models.get',
    method: 'GET',
    paths: ['/v1/models/*', '/models/*'],
    open: false,
    answer: visit => (asksForGoogle(visit.headers) ? googleCard : modelCard)(visit),
  },
  {
    name: 'models.google.list',
    method: 'GET',
    paths: GOOGLE_VERSIONS.map(root => `${root}/models`),
    open: false,
    shape: 'gemini',
    keyInQuery: true,
    answer: googleList,
  },
  {
    name: 'models.google.get',
    method: 'GET',
    paths: GOOGLE_VERSIONS.map(root => `${root}/models/*`),
    open: false,
    shape: 'gemini',
    keyInQuery: true,
    answer: googleCard,
  },
  {
    name: 'model.info',
    method: 'GET',
    paths: ['/v1/model/info', '/model/info'],
    open: false,
    answer: modelInfo,
  },
  { name: 'model_group.info', method: 'GET', paths: ['/model_group/info'], open: false, answer: modelGroups },
  {
    name: 'token_counter',
    method: 'POST',
    paths: ['/utils/token_counter'],
    open: false,
    answer: countTokens,
  },
  { name: 'health', method: 'GET', paths: ['/health'], open: false, answer: health },
  {
    name: 'health.liveliness',
    method: 'GET',
    paths: ['/health/liveliness', '/health/liveness'],
    open: true,
    answer: () => json("I'm alive!"),
  },
  // Coding agents look whether anybody is there before they have a key to show.
  { name: 'hello', method: 'HEAD', paths: ['/api/hello'], open: true, answer: () => json('hello') },
  { name: 'health.readiness', method: 'GET', paths: ['/health/readiness'], open: true, answer: readiness },
]

export type LocalRequest = {
  readonly request: IncomingMessage
  readonly params: Readonly<Record<string, string>>
  /** Raw query string without '?'. */
  readonly query: string
  readonly callId: string
  readonly house: House
  readonly traffic: Traffic
}

/** The dialect of a client, by what it says of itself. */
export const shapeFor = (headers: IncomingMessage['headers']): ShapeName => {
  if (asksForMessages(headers)) return 'messages'
  return asksForGoogle(headers) ? 'gemini' : 'resource'
}

/** Refusals in the dialect of the list that was asked for. */
const refusal = (
  { message, type, param, code, status }: Refusal,
  { request, callId }: LocalRequest,
  route: LocalRoute,
): LocalAnswer => {
  const shape = route.shape ?? shapeFor(request.headers)
  const told = toldOn(shape, { message, type, param, code }, { status, failure: undefined, callId })
  const answer = json(told.document, told.status)
  return told.headers === undefined ? answer : { ...answer, headers: { ...answer.headers, ...told.headers } }
}

export const answerLocally = async (route: LocalRoute, from: LocalRequest): Promise<LocalAnswer> => {
  const { house, traffic, request } = from
  const config = house.config()
  try {
    const queryKey = keyInQuery({ route, query: from.query })
    const caller = route.open ? undefined : authenticate(request, config, queryKey)
    const query = Object.fromEntries(new URLSearchParams(from.query))
    const { headers } = request
    return await route.answer({
      request,
      house,
      traffic,
      config,
      caller,
      params: from.params,
      query,
      headers,
    })
  } catch (error) {
    if (error instanceof Refusal) return refusal(error, from, route)
    house.event('error', 'A local route failed.', { route: route.name, error })
    return json({ error: { message: 'Internal server error', type: 'internal_server_error' } }, 500)
  }
}
