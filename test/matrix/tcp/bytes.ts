import type { Head, Script } from '../script.ts'
import type { Request } from '../seen.ts'

/** Everything that HTTP/1.1 needs of a provider, by hand: half of it is to be done wrong. */

export const LAST_CHUNK = '0\r\n\r\n'
export const EARLY_HINTS = 'HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n'
export const NONSENSE = 'HTTP/9.9 no such thing\r\ncontent-length: 0\r\n\r\n'
export const GARBAGE = 'the audience is still clapping'

export const headBytes = ({ status, headers, length }: Head): string => {
  const framing: readonly [string, string] =
    length === undefined ? ['transfer-encoding', 'chunked'] : ['content-length', String(length)]
  const lines = [...Object.entries(headers), framing].map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} Played\r\n${lines.join('')}\r\n`
}

export const framed = (bytes: Uint8Array, { head }: Script): Uint8Array =>
  typeof head === 'object' && head.length === undefined
    ? Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')])
    : bytes

/** A request as far as it has come. */
export type Incoming = {
  readonly id: string
  readonly request: Request
  /** Bytes of the body that the head announces. */
  readonly length: number
  /** Of the head. */
  readonly size: number
}

/** What is of one connection, or the credential: not of the request. */
const OWN = /^(?:host|connection|content-length|authorization|(?:x-goog-|x-)?api-key)$/i

/** Undefined: the head has not come whole. Requests of the gateway have a length: a body in chunks is an error. */
export const incoming = (bytes: Uint8Array): Incoming | undefined => {
  const text = Buffer.from(bytes).toString('latin1')
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) return undefined
  const [first = '', ...lines] = text.slice(0, end).split('\r\n')
  const [method = '', path = ''] = first.split(' ')
  const headers = lines.map(line => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as const
  })
  const header = (wanted: string): string | undefined =>
    headers.find(([name]) => name.toLowerCase() === wanted)?.[1]
  const key =
    header('authorization')?.replace('Bearer ', '') ??
    header('api-key') ??
    header('x-api-key') ??
    header('x-goog-api-key') ??
    ''
  return {
    id: key.replace(/^sk-/, ''),
    request: {
      method,
      path,
      headers: headers.filter(([name]) => !OWN.test(name)).map(([name, value]) => `${name}: ${value}`),
      body: Buffer.alloc(0),
    },
    length: Number(header('content-length') ?? 0),
    size: end + 4,
  }
}
