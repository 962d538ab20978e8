import type { IncomingMessage, ServerResponse } from 'node:http'
import type { LocalAnswer } from '../admin/local.ts'
import type { Config } from '../config/config.ts'
import { safeHeaderValue } from '../wire/headers.ts'

/**
 * What browsers ask before they let a page of another origin speak to the gateway (Fetch, 3.2). It says who may read an
 * answer, never who may call: every request needs its key as before, and a page cannot send one that it does not have.
 */

/** A preflight may ask for any of them; the route itself says 405. */
const METHODS = 'DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT'
/** How long a browser may remember it, seconds. */
const MAX_AGE = '600'

/** What a page may read of a head beside the few names that are always open. `*` would be a name where credentials go along. */
const EXPOSED = [
  'retry-after',
  'x-request-id',
  ...['limit', 'remaining', 'reset'].flatMap(what => [
    `x-ratelimit-${what}-requests`,
    `x-ratelimit-${what}-tokens`,
  ]),
  ...[
    'call-id',
    'version',
    'model-id',
    'model-name',
    'model-group',
    'model-api-base',
    'model-region',
    'response-cost',
    'response-duration-ms',
    'overhead-duration-ms',
    'attempted-retries',
    'max-retries',
    'attempted-fallbacks',
    'fallback-errors',
    'timeout',
    'cache-key',
  ].map(name => `x-litellm-${name}`),
  'x-understudy-dropped',
].join(', ')

type Cors = Config['general']['cors']

const isAllowed = (origin: string, { origins }: Cors): boolean =>
  origins === undefined || origins.includes(origin)

/** Whom an answer is open to: everybody by one answer for all of them, or this origin by name. */
const openTo = (response: ServerResponse, origin: string, { origins, credentials }: Cors): void => {
  if (origins === undefined) return void response.setHeader('access-control-allow-origin', '*')
  response.setHeader('access-control-allow-origin', origin)
  response.setHeader('vary', 'Origin')
  if (credentials) response.setHeader('access-control-allow-credentials', 'true')
}

/** Sets what every answer to this request says, whoever writes it and however it ends. Nothing for other clients. */
export const openToBrowsers = (request: IncomingMessage, response: ServerResponse, config: Config): void => {
  const { origin } = request.headers
  const { cors } = config.general
  if (origin === undefined || !isAllowed(origin, cors)) return
  openTo(response, origin, cors)
  response.setHeader('access-control-expose-headers', EXPOSED)
}

export const isPreflight = ({ method, headers }: IncomingMessage): boolean =>
  method === 'OPTIONS' &&
  headers.origin !== undefined &&
  headers['access-control-request-method'] !== undefined

/** A browser's question before the request itself. It holds no key, and nothing is begun for it. */
export const preflight = ({ headers }: IncomingMessage, { general: { cors } }: Config): LocalAnswer => {
  const type = { 'content-type': 'text/plain; charset=utf-8' }
  if (!isAllowed(headers.origin ?? '', cors))
    return { status: 400, headers: { ...type, vary: 'Origin' }, body: 'Disallowed CORS origin' }
  const asked = safeHeaderValue(headers['access-control-request-headers'] ?? '')
  return {
    status: 200,
    headers: {
      ...type,
      'access-control-allow-methods': METHODS,
      'access-control-max-age': MAX_AGE,
      ...(asked === '' ? {} : { 'access-control-allow-headers': asked }),
    },
    body: 'OK',
  }
}
