import type { Socket } from 'node:net'
import type { Script } from './endpoint.ts'
import type { ErrorObject } from './faults.ts'

/** One whole request. */
export type Incoming = {
  readonly method: string
  readonly path: string
  readonly contentType: string
  readonly body: Buffer
}

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad Request',
  404: 'Not Found',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}

export const LAST_CHUNK = '0\r\n\r\n'

const lines = (status: number, headers: Readonly<Record<string, string>>): string => {
  const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} ${REASONS[status] ?? ''}\r\n${fields.join('')}\r\n`
}

/** The head of a healthy answer; `more` bytes are announced beside the script's own. */
export const headBytes = (script: Script, more: number): string => {
  const length = [...script.opening, ...script.pieces, ...script.closing].reduce(
    (sum, part) => sum + part.length,
    more,
  )
  return lines(200, {
    'content-type': script.type,
    ...(script.framing === 'chunked'
      ? { 'transfer-encoding': 'chunked', 'cache-control': 'no-cache' }
      : { 'content-length': String(length) }),
  })
}

export const spell = (script: Script, part: Buffer): Buffer =>
  script.framing === 'length'
    ? part
    : Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')])

export const errorBytes = (status: number, error: ErrorObject, retryAfterSeconds?: number): string => {
  const body = JSON.stringify({ error: { ...error, param: null } })
  const headers = {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }),
  }
  return lines(status, headers) + body
}

type Head = { readonly first: string; readonly headers: ReadonlyMap<string, string>; readonly size: number }

const headOf = (bytes: Buffer): Head | undefined => {
  const end = bytes.indexOf('\r\n\r\n')
  if (end === -1) return undefined
  const [first = '', ...fields] = bytes.subarray(0, end).toString('latin1').split('\r\n')
  const headers = new Map(
    fields.map(field => {
      const colon = field.indexOf(':')
      return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()]
    }),
  )
  return { first, headers, size: end + 4 }
}

type Body = { readonly body: Buffer; readonly size: number }

const chunkedBody = (bytes: Buffer): Body | undefined => {
  const parts: Buffer[] = []
  for (let at = 0; ; ) {
    const line = bytes.indexOf('\r\n', at)
    if (line === -1) return undefined
    const length = Number.parseInt(bytes.subarray(at, line).toString('latin1'), 16)
    const end = line + 2 + length + 2
    if (Number.isNaN(length)) throw new Error('a chunk without a length')
    if (bytes.length < end) return undefined
    if (length === 0) return { body: Buffer.concat(parts), size: end }
    parts.push(bytes.subarray(line + 2, end - 2))
    at = end
  }
}

const lengthBody = (bytes: Buffer, length: number): Body | undefined =>
  bytes.length < length ? undefined : { body: bytes.subarray(0, length), size: length }

/** The first whole request of these bytes, and how many of them it took. */
const requestIn = (bytes: Buffer): { readonly request: Incoming; readonly size: number } | undefined => {
  const head = headOf(bytes)
  if (head === undefined) return undefined
  const after = bytes.subarray(head.size)
  const found = /chunked/i.test(head.headers.get('transfer-encoding') ?? '')
    ? chunkedBody(after)
    : lengthBody(after, Number(head.headers.get('content-length') ?? 0))
  if (found === undefined) return undefined
  const [method = '', path = ''] = head.first.split(' ')
  const contentType = head.headers.get('content-type') ?? ''
  return { request: { method, path, contentType, body: found.body }, size: head.size + found.size }
}

/**
 * Hands over the requests of one connection, one after the other: the next when `handle` says that the connection
 * may be used again, and none after that it may not.
 */
export const readRequests = (socket: Socket, handle: (request: Incoming) => Promise<boolean>): void => {
  let bytes: Buffer = Buffer.alloc(0)
  let busy = false
  const next = async (): Promise<void> => {
    if (busy) return
    const found = requestIn(bytes)
    if (found === undefined) return
    busy = true
    bytes = bytes.subarray(found.size)
    busy = !(await handle(found.request))
    if (!busy) await next()
  }
  const look = (): void => void next().catch(() => socket.destroy())
  socket.setNoDelay(true)
  socket.on('error', () => {})
  socket.on('data', (piece: Buffer) => {
    bytes = Buffer.concat([bytes, piece])
    look()
  })
}
