import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import findMyWay from 'find-my-way'
import { answerLocally, LOCAL_ROUTES, type LocalAnswer } from '../admin/local.ts'
import { asksForMessages } from '../admin/models.ts'
import type { Received } from '../call.ts'
import type { Config } from '../config/config.ts'
import { gateway } from '../gateway.ts'
import type { House } from '../house.ts'
import { endpointMethods, endpointRoute, NATIVE_ROUTES } from '../passthrough/routes.ts'
import { limitPatience } from '../reply/patience.ts'
import { ROUTES, type Route } from '../routes.ts'
import { Departure, type Signal } from '../signal.ts'
import { atTurnsEnd } from '../turn.ts'
import { CLOSING, EXPECTATION, FULL, improper, inDialectOf, NO_SOCKET, nowhere, send } from './answers.ts'
import { isPreflight, openToBrowsers, preflight } from './cors.ts'
import { answerMalformed } from './malformed.ts'
import { type Found, modelPaths } from './model-paths.ts'
import { endWith, isBehindTheEnd, queue } from './pipelined.ts'
import type { Traffic } from './traffic.ts'

/** How often slow senders are looked for. */
const CHECK_MS = 1_000
/** Longer than a load balancer's own idle limit, so that it never writes to a socket we are closing. */
const KEEP_ALIVE_MS = 75_000
const HEADER_BYTES = 64 * 1024
/** Sealed ids are long. */
const PARAM_LENGTH = 4096
const METHODS: readonly Route['method'][] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD']

/** An id a client may choose is printed in headers and logs: letters, digits and a few signs, or we make our own. */
const CALL_ID = /^[A-Za-z0-9._:-]{1,128}$/

const callIdOf = (request: IncomingMessage): string => {
  const sent = request.headers['x-litellm-call-id']
  return typeof sent === 'string' && CALL_ID.test(sent) ? sent : freshId()
}

const scratch = Buffer.alloc(36)

/** In one piece: as it is made it is a string of many, which is slow to write again and again. */
const freshId = (): string => {
  scratch.write(randomUUID(), 'latin1')
  return scratch.toString('latin1')
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

type Entry = { readonly house: House; readonly curtain: Signal; readonly departure: Departure }

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

/** An answer of the door's own, to a request that nobody has read. */
const tell = (
  { request, response }: Pick<Visitor, 'request' | 'response'>,
  answer: LocalAnswer,
  house: House,
): void => {
  send(response, answer, { request, clock: house.clock })
  if (response.writableLength > 0) limitPatience({ response, config: house.config() }, house)
}

type Directory = {
  readonly find: (method: string, path: string) => Found<Handler> | undefined
  /** Methods under which this path is known. */
  readonly methods: (path: string) => readonly string[]
}

/** Every route of the house in one radix tree; paths without parameters are found without it. */
const directory = (house: House, traffic: Traffic): Directory => {
  const router = findMyWay({ ignoreTrailingSlash: true, maxParamLength: PARAM_LENGTH })
  const exact = new Map(METHODS.map(method => [method as string, new Map<string, Found<Handler>>()]))
  const named = modelPaths<Handler>()
  const add = (method: Route['method'], paths: readonly string[], handler: Handler): void => {
    for (const path of paths) {
      if (named.add(method, path, handler)) continue
      router.on(method, path, () => {}, { handler })
      if (!/[:*]/.test(path)) exact.get(method)?.set(path, { handler, params: {} })
    }
  }
  const admit = admission(house, traffic)
  for (const route of ROUTES)
    add(route.method, route.paths, visitor =>
      isOfAnother(route, visitor.request) ? tellNowhere(visitor, house) : admit(route, visitor),
    )
  for (const route of NATIVE_ROUTES) {
    const depth = (route.paths[0] ?? '').split('/').length - 1
    // The router decodes what it finds; a provider's own path goes on as it was written.
    const rest = (path: string): string => path.split('/').slice(depth).join('/')
    add(route.method, route.paths, visitor =>
      admit(route, { ...visitor, params: { '*': rest(visitor.path) } }),
    )
  }
  for (const local of LOCAL_ROUTES)
    add(local.method, local.paths, visitor => {
      void answerLocally(local, { ...visitor, callId: callIdOf(visitor.request), house, traffic }).then(
        answer => tell(visitor, answer, house),
      )
    })
  const find: Directory['find'] = (method, path) => {
    const known = exact.get(method)?.get(path)
    if (known !== undefined) return known
    // Before the tree: `/openai/*` would take `/openai/deployments/<model>/…` for a provider's own path.
    const withModel = named.find(method, path)
    if (withModel !== undefined) return withModel
    const found = router.find(method as Route['method'], path)
    if (found === null) return undefined
    const { handler } = found.store as { handler: Handler }
    return { handler, params: found.params as Record<string, string> }
  }
  return { find, methods: path => METHODS.filter(method => find(method, path) !== undefined) }
}

/** The Messages API has files under the same path, of another kind: they would be put with the wrong provider. */
const isOfAnother = (route: Route, { headers }: IncomingMessage): boolean =>
  route.model === 'owner' && asksForMessages(headers)

const tellNowhere = (visitor: Visitor, house: House): void => {
  const { request, path } = visitor
  tell(visitor, nowhere(request, path, { allowed: [], callId: callIdOf(request) }), house)
}

/** Lets a call in, or tells it to go elsewhere: once the door is shut, and over max_in_flight_requests_per_worker. */
const admission = (house: House, traffic: Traffic): ((route: Route, visitor: Visitor) => void) => {
  const enter = gateway(house)
  return (route, visitor) => {
    const { request, response } = visitor
    const most = house.config().general.maxInFlight
    const turnedAway = traffic.shut
      ? CLOSING
      : most !== undefined && traffic.inside >= most
        ? FULL
        : undefined
    if (turnedAway !== undefined) {
      endWith(request, response)
      return tell(visitor, inDialectOf(route, turnedAway, callIdOf(request)), house)
    }
    // A client that keeps its connection would come back to an instance that is about to leave.
    if (traffic.draining) endWith(request, response)
    const departure = new Departure()
    const received = receivedFor(route, visitor, { house, curtain: traffic.curtain, departure })
    const seat = traffic.enter(departure)
    let made = false
    response.on('close', () => {
      // 'close' before the answer is written whole means that nobody is there to read the rest.
      if (!response.writableFinished) departure.abort()
      if (made) traffic.leave(seat)
    })
    // The answer is made, but a slow reader may still be taking it: a drain waits for the last byte.
    const end = (): void => {
      made = true
      if (response.closed) traffic.leave(seat)
      else if (response.writableLength > 0) limitPatience(received, house)
    }
    enter(received).then(end, error => {
      house.event('error', 'A request could not be recorded.', { error })
      end()
    })
  }
}

/** What a client may take its time with, from the configuration in force. */
export const keepLimits = (server: Server, { general }: Config): void => {
  const { clientHeadMs, clientRequestMs } = general
  server.requestTimeout = clientRequestMs
  server.headersTimeout = clientRequestMs > 0 ? Math.min(clientHeadMs, clientRequestMs) : clientHeadMs
}

/** RFC 9112, 3.2.2: a proxy's form of the target is a target. */
const pathIn = (target: string): string =>
  target.startsWith('/') ? target : target.replace(/^https?:\/\/[^/?#]*/i, '') || '/'

const TRIED_BY_SOCKET = new Set(ROUTES.filter(route => route.triedBySocket).flatMap(route => route.paths))

const asksForSocket = ({ method, headers }: IncomingMessage, path: string): boolean =>
  method === 'GET' &&
  headers.upgrade?.toLowerCase() === 'websocket' &&
  TRIED_BY_SOCKET.has(path.replace(/\/$/, ''))

/** The HTTP door: matches the path, then hands over the raw request. Nothing reads a body before the caller is known. */
export const listener = (house: House, traffic: Traffic): Server => {
  const { find, methods } = directory(house, traffic)
  const admit = admission(house, traffic)
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    if (isBehindTheEnd(request)) return
    openToBrowsers(request, response, house.config())
    const wrong = improper(request)
    if (wrong !== undefined) {
      endWith(request, response)
      return tell({ request, response }, wrong, house)
    }
    if (isPreflight(request)) return tell({ request, response }, preflight(request, house.config()), house)
    const url = pathIn(request.url ?? '/')
    const cut = url.indexOf('?')
    const path = cut === -1 ? url : url.slice(0, cut)
    const query = cut === -1 ? '' : url.slice(cut + 1)
    const { method = '' } = request
    if (request.headers.upgrade !== undefined && asksForSocket(request, path)) {
      endWith(request, response)
      return tell({ request, response }, NO_SOCKET, house)
    }
    const found = find(method, path)
    if (found !== undefined) return found.handler({ request, response, path, query, params: found.params })
    const endpoint = endpointRoute(house.config(), method, path)
    if (endpoint !== undefined)
      return admit(endpoint.route, { request, response, path, query, params: { '*': endpoint.rest } })
    const others = methods(path)
    const allowed = others.length > 0 ? others : endpointMethods(house.config(), path)
    tell({ request, response }, nowhere(request, path, { allowed, callId: callIdOf(request) }), house)
  }
  const options = {
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: CHECK_MS,
    maxHeaderSize: HEADER_BYTES,
    noDelay: true,
    // Said in the API's dialect, above.
    requireHostHeader: false,
  }
  const visit = (request: IncomingMessage, response: ServerResponse): void => {
    if (response.socket === null) queue(request.socket, response)
    atTurnsEnd(() => serve(request, response))
  }
  const server = createServer(options, visit)
  keepLimits(server, house.config())
  answerMalformed(server, house.clock)
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    // The first that wants to read the body asks for it; who refuses the request never does.
    request.once('resume', () => response.headersSent || response.writeContinue())
    visit(request, response)
  })
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    openToBrowsers(request, response, house.config())
    tell({ request, response }, EXPECTATION, house)
  })
  return server
}
