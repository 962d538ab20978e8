import { randomUUID } from 'node:crypto'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import { answerLocally, LOCAL_ROUTES, type LocalRoute } from '../admin/local.ts'
import type { Received } from '../call.ts'
import { gateway } from '../gateway.ts'
import type { House } from '../house.ts'
import { endpointRoute, NATIVE_ROUTES } from '../passthrough/routes.ts'
import { ROUTES, type Route } from '../routes.ts'
import type { Traffic } from './traffic.ts'

/** A body may start 5 minutes late and a header block be 64 KB; both are the slow and the chatty client's limits. */
const REQUEST_TIMEOUT_MS = 300_000
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

type Matched = {
  readonly request: FastifyRequest
  readonly response: ServerResponse
  readonly curtain: AbortSignal
}

const receivedFor = (route: Route, matched: Matched, house: House): Received => {
  const { raw } = matched.request
  const url = raw.url ?? '/'
  const cut = url.indexOf('?')
  const departure = new AbortController()
  const { response } = matched
  // 'close' before the answer is written whole means that nobody is there to read the rest.
  response.on('close', () => {
    if (!response.writableFinished) departure.abort()
  })
  return {
    route,
    params: matched.request.params as Record<string, string>,
    query: cut === -1 ? '' : url.slice(cut + 1),
    path: cut === -1 ? url : url.slice(0, cut),
    request: raw,
    response,
    callId: callIdOf(raw),
    arrivedAt: house.clock.now(),
    config: house.config(),
    departed: departure.signal,
    curtain: matched.curtain,
  }
}

/** The HTTP door: Fastify matches the path, then hands over the raw request; bodies are the read stage's. */
export const listener = (house: House, traffic: Traffic): FastifyInstance<Server> => {
  const app = fastify({
    logger: false,
    exposeHeadRoutes: false,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: PARAM_LENGTH },
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: 'idle',
    http: { maxHeaderSize: HEADER_BYTES, noDelay: true },
  })
  app.removeAllContentTypeParsers()
  // Nothing reads a body before the caller is known.
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))
  const enter = gateway(house)
  const admit = (route: Route, request: FastifyRequest, reply: FastifyReply): void => {
    reply.hijack()
    traffic.enter()
    enter(receivedFor(route, { request, response: reply.raw, curtain: traffic.curtain }, house)).finally(
      traffic.leave,
    )
  }
  const serve = (route: Route): void => {
    for (const url of route.paths)
      app.route({
        method: route.method,
        url,
        // Taken over before Fastify looks at the body: its content-type stage is not needed and not paid for.
        onRequest: (request, reply) => admit(route, request, reply),
        handler: () => {},
      })
  }
  for (const route of ROUTES) serve(route)
  for (const route of NATIVE_ROUTES) serve(route)
  for (const local of LOCAL_ROUTES) serveLocal(app, local, house, traffic)
  app.setNotFoundHandler((request, reply) => {
    const [path = ''] = request.url.split('?', 1)
    const found = endpointRoute(house.config(), request.method, path)
    if (found === undefined) return reply.code(404).send({ detail: 'Not Found' })
    Object.assign(request.params as object, { '*': found.rest })
    return admit(found.route, request, reply)
  })
  app.setErrorHandler((error, _request, reply) => {
    house.event('warn', 'A request was refused by the HTTP layer.', { error })
    const status = (error as { statusCode?: number }).statusCode ?? 500
    const message = status < 500 ? 'Malformed request.' : 'Internal server error'
    const type = status < 500 ? 'invalid_request_error' : 'internal_server_error'
    reply.code(status).send({ error: { message, type, param: null, code: String(status) } })
  })
  return app as unknown as FastifyInstance<Server>
}

const serveLocal = (app: FastifyInstance, local: LocalRoute, house: House, traffic: Traffic): void => {
  for (const url of local.paths)
    app.route({
      method: local.method,
      url,
      handler: async (request, reply) => {
        const answer = await answerLocally(local, { request, house, traffic })
        return reply.code(answer.status).headers(answer.headers).send(answer.body)
      },
    })
}
