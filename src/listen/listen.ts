import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import findMyWay from 'find-my-way'
import { answerLocally, json, LOCAL_ROUTES, type LocalAnswer } from '../admin/local.ts'
import type { Received } from '../call.ts'
import { gateway } from '../gateway.ts'
import type { House } from '../house.ts'
import { endpointRoute, NATIVE_ROUTES } from '../passthrough/routes.ts'
import { ROUTES, type Route } from '../routes.ts'
import { Departure } from '../signal.ts'
import type { Traffic } from './traffic.ts'

/** A whole request may take this long to arrive, its head this long: the slow client's limits. */
const REQUEST_TIMEOUT_MS = 300_000
const HEADERS_TIMEOUT_MS = 30_000
/** Longer than a load balancer's own idle limit, so that it never writes to a socket we are closing. */
const KEEP_ALIVE_MS = 75_000
const HEADER_BYTES = 64 * 1024
/** Sealed ids are long. */
const PARAM_LENGTH = 4096

/** An id a client may choose is printed in headers and logs: letters, digits and a few signs, or we make our own. */
const CALL_ID = /^[A-Za-z0-9._:-]{1,128}$/

const callIdOf = (request: IncomingMessage): string => {
  const sent = request.headers['x-litellm-call-id']
  return typeof sent === 'string' && CALL_ID.test(sent) ? sent : randomUUID()
}

/** One request at the door, its path matched. */
type Visitor = {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly path: string
  readonly query: string
  readonly params: Readonly<Record<string, string>>
}

type Handler = (visitor: Visitor) => void

type Entry = { readonly house: House; readonly curtain: AbortSignal; readonly departure: Departure }

const receivedFor = (route: Route, visitor: Visitor, { house, curtain, departure }: Entry): Received => {
  const { request, response, params, path, query } = visitor
  return {
    route,
    params,
    query,
    path,
    request,
    response,
    callId: callIdOf(request),
    arrivedAt: house.clock.now(),
    config: house.config(),
    departed: departure,
    curtain,
  }
}

const send = (response: ServerResponse, answer: LocalAnswer): void => {
  response.writeHead(answer.status, { ...answer.headers, 'content-length': Buffer.byteLength(answer.body) })
  response.end(answer.body)
}

const refused = (status: number, message: string, type: string): LocalAnswer =>
  json({ error: { message, type, param: null, code: String(status) } }, status)

const CLOSING = refused(
  503,
  'The gateway is shutting down; another instance will answer.',
  'server_shutting_down',
)
const FULL = refused(503, 'The gateway has as many requests in flight as it may have.', 'server_overloaded')
const LOST: LocalAnswer = json({ detail: 'Not Found' }, 404)

type Found = { readonly handler: Handler; readonly params: Readonly<Record<string, string>> }
type Directory = (method: string, path: string) => Found | undefined

/** Every route of the house in one radix tree; paths without parameters are found without it. */
const directory = (house: House, traffic: Traffic): Directory => {
  const router = findMyWay({ ignoreTrailingSlash: true, maxParamLength: PARAM_LENGTH })
  const exact = new Map<string, Found>()
  const add = (method: Route['method'], paths: readonly string[], handler: Handler): void => {
    for (const path of paths) {
      router.on(method, path, () => {}, { handler })
      if (!/[:*]/.test(path)) exact.set(`${method} ${path}`, { handler, params: {} })
    }
  }
  const admit = admission(house, traffic)
  for (const route of [...ROUTES, ...NATIVE_ROUTES])
    add(route.method, route.paths, visitor => admit(route, visitor))
  for (const local of LOCAL_ROUTES)
    add(local.method, local.paths, visitor => {
      const asked = { ...visitor, house, traffic }
      void answerLocally(local, asked).then(answer => send(visitor.response, answer))
    })
  return (method, path) => {
    const known = exact.get(`${method} ${path}`)
    if (known !== undefined) return known
    const found = router.find(method as Route['method'], path)
    if (found === null) return undefined
    const { handler } = found.store as { handler: Handler }
    return { handler, params: found.params as Record<string, string> }
  }
}

/** Lets a call in, or tells it to go elsewhere: once the door is shut, and over max_in_flight_requests_per_worker. */
const admission = (house: House, traffic: Traffic): ((route: Route, visitor: Visitor) => void) => {
  const enter = gateway(house)
  return (route, visitor) => {
    const { response } = visitor
    const most = house.config().general.maxInFlight
    const turnedAway = traffic.shut
      ? CLOSING
      : most !== undefined && traffic.inside >= most
        ? FULL
        : undefined
    if (turnedAway !== undefined) {
      const headers = { ...turnedAway.headers, 'retry-after': '1', connection: 'close' }
      return send(response, { ...turnedAway, headers })
    }
    // A client that keeps its connection would come back to an instance that is about to leave.
    if (traffic.draining) response.shouldKeepAlive = false
    const departure = new Departure()
    traffic.enter(departure)
    let made = false
    response.on('close', () => {
      // 'close' before the answer is written whole means that nobody is there to read the rest.
      if (!response.writableFinished) departure.abort()
      if (made) traffic.leave(departure)
    })
    // The answer is made, but a slow reader may still be taking it: a drain waits for the last byte.
    const end = (): void => {
      made = true
      if (response.closed) traffic.leave(departure)
    }
    enter(receivedFor(route, visitor, { house, curtain: traffic.curtain, departure })).then(end, error => {
      house.event('error', 'A request could not be recorded.', { error })
      end()
    })
  }
}

/** The HTTP door: matches the path, then hands over the raw request. Nothing reads a body before the caller is known. */
export const listener = (house: House, traffic: Traffic): Server => {
  const find = directory(house, traffic)
  const admit = admission(house, traffic)
  const options = {
    requestTimeout: REQUEST_TIMEOUT_MS,
    headersTimeout: HEADERS_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: HEADER_BYTES,
    noDelay: true,
  }
  return createServer(options, (request, response) => {
    const url = request.url ?? '/'
    const cut = url.indexOf('?')
    const path = cut === -1 ? url : url.slice(0, cut)
    const query = cut === -1 ? '' : url.slice(cut + 1)
    const { method = '' } = request
    const found = find(method, path)
    if (found !== undefined) return found.handler({ request, response, path, query, params: found.params })
    const endpoint = endpointRoute(house.config(), method, path)
    if (endpoint === undefined) return send(response, LOST)
    admit(endpoint.route, { request, response, path, query, params: { '*': endpoint.rest } })
  })
}
