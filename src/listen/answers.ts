import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import { json, type LocalAnswer, shapeFor } from '../admin/local.ts'
import type { ErrorBody } from '../dialects/shape.ts'
import { answerEarly, type Unread } from '../reply/linger.ts'
import { toldOn } from '../reply/told.ts'
import { GOOGLE_VERSIONS } from '../route-paths.ts'
import type { Route, ShapeName } from '../routes.ts'

/** What the door says by itself. */

const refused = (status: number, message: string, type = 'invalid_request_error'): LocalAnswer =>
  json({ error: { message, type, param: null, code: String(status) } }, status)

/** One of the door's refusals as clients of this endpoint read refusals. */
export const inDialectOf = (route: Route, answer: LocalAnswer, callId: string): LocalAnswer => {
  const { error } = JSON.parse(answer.body) as { error: ErrorBody }
  const told = toldOn(route.shape, error, { status: answer.status, failure: undefined, callId })
  return {
    status: told.status,
    headers: { ...answer.headers, ...told.headers },
    body: JSON.stringify(told.document),
  }
}

const later = (answer: LocalAnswer): LocalAnswer => ({
  ...answer,
  headers: { ...answer.headers, 'retry-after': '1' },
})

export const CLOSING = later(
  refused(503, 'The gateway is shutting down; another instance will answer.', 'server_shutting_down'),
)
export const FULL = later(
  refused(503, 'The gateway has as many requests in flight as it may have.', 'server_overloaded'),
)
export const EXPECTATION = refused(417, 'The only expectation that can be met is 100-continue.')
/** Clients that get any other status try the WebSocket several times more before they use HTTP. */
export const NO_SOCKET = refused(
  426,
  'This address is not served over a WebSocket: send the request by POST, with stream: true for events.',
)
/** As FastAPI says it. */
const LOST: LocalAnswer = json({ detail: 'Not Found' }, 404)
const WRONG_METHOD: LocalAnswer = json({ detail: 'Method Not Allowed' }, 405)

export const wrongMethod = (allowed: readonly string[]): LocalAnswer => ({
  ...WRONG_METHOD,
  headers: { ...WRONG_METHOD.headers, allow: allowed.join(', ') },
})

const GOOGLES: readonly string[] = GOOGLE_VERSIONS.map(root => `${root}/`)

const VERB = /:[A-Za-z]+$/

/** Whose clients ask at an address that nobody serves. */
const askedBy = ({ headers, method }: IncomingMessage, path: string): ShapeName => {
  if (path.startsWith('/v1/messages')) return 'messages'
  const isGoogle = GOOGLES.some(root => path.startsWith(root)) || (method === 'POST' && VERB.test(path))
  return isGoogle ? 'gemini' : shapeFor(headers)
}

const LONGEST_PATH = 200

/** An address that nobody serves, or not by this method, in the dialect of whoever asks. */
export const nowhere = (
  request: IncomingMessage,
  path: string,
  { allowed, callId }: { readonly allowed: readonly string[]; readonly callId: string },
): LocalAnswer => {
  const shape = askedBy(request, path)
  // An address with a verb that nobody serves looks like a model's, whose card may be read.
  const isVerb = shape === 'gemini' && VERB.test(path) && !allowed.includes('POST')
  const answer = allowed.length > 0 && !isVerb ? wrongMethod(allowed) : LOST
  // Clients of LiteLLM read FastAPI's words.
  if (shape === 'resource') return answer
  const message = `This gateway does not serve ${request.method} ${path.slice(0, LONGEST_PATH)}.`
  const error = { message, type: 'invalid_request_error', param: null, code: null }
  const { status, document, headers } = toldOn(shape, error, {
    status: answer.status,
    failure: undefined,
    callId,
  })
  return { status, headers: { ...answer.headers, ...headers }, body: JSON.stringify(document) }
}

const VERSION = refused(505, 'The gateway speaks HTTP/1.1.')
const CODING = refused(501, 'The only transfer-encoding that is supported is chunked.')
const OLD_CODING = refused(400, 'HTTP/1.0 has no transfer-encoding.')
const HOST = refused(400, 'An HTTP/1.1 request has exactly one Host header.')

const hostsIn = (raw: readonly string[]): number => {
  let hosts = 0
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] as string
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1
  }
  return hosts
}

/** Why a request that could be parsed is none all the same (RFC 9112, 2.3, 3.2 and 6.1). */
export const improper = (request: IncomingMessage): LocalAnswer | undefined => {
  if (request.httpVersionMajor !== 1) return VERSION
  const old = request.httpVersionMinor === 0
  if (!old && hostsIn(request.rawHeaders) !== 1) return HOST
  const coding = request.headers['transfer-encoding']
  if (coding === undefined) return undefined
  // Others on the way may read such a body otherwise: where it ends would be anybody's guess.
  return old ? OLD_CODING : coding.trim().toLowerCase() === 'chunked' ? undefined : CODING
}

/** Writes an answer that did not wait for the body of its request. */
export const send = (response: ServerResponse, answer: LocalAnswer, unread: Unread): void => {
  const body = Buffer.from(answer.body)
  const head: string[] = []
  for (const [name, value] of Object.entries(answer.headers)) head.push(name, value)
  head.push('content-length', String(body.length))
  answerEarly(response, unread, { status: answer.status, head, body })
}

/** What cannot be parsed as a request, by Node's word for it. */
const MALFORMED: Readonly<Record<string, LocalAnswer>> = {
  HPE_HEADER_OVERFLOW: refused(431, 'The head of the request is larger than 64 KB or has too many lines.'),
  HPE_CHUNK_EXTENSIONS_OVERFLOW: refused(413, 'The chunk extensions of the request are too long.'),
  ERR_HTTP_REQUEST_TIMEOUT: refused(408, 'The request did not arrive in time.'),
}
const NO_REQUEST = refused(400, 'This is not an HTTP request.')

/** What is said about bytes that are no request, as status and sentence. */
export const complaintAbout = (code: string | undefined): LocalAnswer => MALFORMED[code ?? ''] ?? NO_REQUEST

/** The same as bytes, for a connection on which there is no response to write to. */
export const rawAnswer = (answer: LocalAnswer): string => {
  const { status, headers, body } = answer
  const lines = Object.entries({ ...headers, 'content-length': Buffer.byteLength(body), connection: 'close' })
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`
}
