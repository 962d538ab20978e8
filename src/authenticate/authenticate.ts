import { hash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Received } from '../call.ts'
import type { Config } from '../config/config.ts'
import type { Secret } from '../config/secret.ts'
import { Refusal } from '../failure.ts'
import type { Caller } from './caller.ts'

const AUTHORIZATION = 'authorization'
const CARRIERS = ['x-litellm-api-key', 'x-api-key', 'api-key', 'x-goog-api-key'] as const

/** The head of a request, parsed and as it came. */
export type Head = Pick<IncomingMessage, 'headers' | 'rawHeaders'>

const digest = (text: string): Buffer => hash('sha256', text, 'buffer')

/** `Authorization` may carry the key bare, as Bearer or as Basic's cousin that some clients invent. */
const keyOf = (value: string): string => {
  if (value.startsWith('Bearer ')) return value.slice(7).trim()
  const match = /^\s*bearer\s+(.*)$/i.exec(value)
  return (match?.[1] ?? value).trim()
}

const isAuthorization = (name: string | undefined): boolean =>
  name?.length === AUTHORIZATION.length && name.toLowerCase() === AUTHORIZATION

const addKey = (keys: string[], value: string | readonly string[] | undefined): void => {
  if (typeof value !== 'string' || value === '') return
  const key = keyOf(value)
  if (key !== '' && !keys.includes(key)) keys.push(key)
}

/** The keys the request presents, whatever the carrier: the first, and another that differs. */
const presented = (
  { headers, rawHeaders }: Head,
  keyHeaderName: string | undefined,
  queryKey: string | undefined,
): readonly string[] => {
  const keys: string[] = []
  // Of several Authorization headers Node keeps the first; a proxy in front may have judged by another one.
  for (let at = 0; at < rawHeaders.length; at += 2)
    if (isAuthorization(rawHeaders[at])) addKey(keys, rawHeaders[at + 1])
  for (const name of CARRIERS) addKey(keys, headers[name])
  if (keyHeaderName !== undefined) addKey(keys, headers[keyHeaderName])
  addKey(keys, queryKey)
  return keys
}

const refuse = (message: string): Refusal => new Refusal(401, message, { type: 'auth_error', code: '401' })

const masked = (key: string): string =>
  key.startsWith('sk-') && key.length >= 12 ? `sk-...${key.slice(-4)}` : '****'

type Master = { readonly bytes: Buffer; readonly scratch: Buffer; readonly caller: Caller }

const masters = new WeakMap<Secret, Master>()

const masterOf = (secret: Secret): Master => {
  const known = masters.get(secret)
  if (known !== undefined) return known
  const caller: Caller = {
    admin: true,
    keyHash: digest(secret.reveal()).toString('hex'),
    owner: 'default_user_id',
    mayUse: () => true,
  }
  const bytes = Buffer.from(secret.reveal())
  const made: Master = { bytes, scratch: Buffer.alloc(bytes.length), caller }
  masters.set(secret, made)
  return made
}

/** Takes as long for a wrong key as for the right one; only the length, which is no secret, is looked at first. */
const same = (key: string, { bytes, scratch }: Master): boolean => {
  if (Buffer.byteLength(key) !== bytes.length) return false
  scratch.write(key)
  return timingSafeEqual(scratch, bytes)
}

/** The caller of a route that the operator opened (`auth: false`, public_routes): whatever it reaches is public. */
export const ANYONE: Caller = { admin: false, keyHash: '', owner: 'anyone', mayUse: () => true }

/** Opened by the operator: a pass-through endpoint with `auth: false`, or a path of general_settings.public_routes. */
export const isPublic = ({ route, path, config }: Pick<Received, 'route' | 'path' | 'config'>): boolean =>
  route.open === true ||
  config.general.publicRoutes.some(one =>
    one.endsWith('*') ? path.startsWith(one.slice(0, -1)) : path === one,
  )

/** The key of the query, on routes whose clients write it there; it is neither logged nor sent on. */
export const keyInQuery = ({
  route,
  query,
}: {
  readonly route: { readonly keyInQuery?: true }
  readonly query: string
}): string | undefined =>
  route.keyInQuery !== true || query === '' ? undefined : (new URLSearchParams(query).get('key') ?? undefined)

/**
 * Who is calling? Denies by default; runs before a byte of the body is read.
 * Keys are compared in constant time; a virtual key will be looked up by its SHA-256, never by itself.
 */
export const authenticate = (head: Head, config: Config, queryKey?: string): Caller => {
  const keys = presented(head, config.general.keyHeaderName, queryKey)
  const [key, other] = keys
  if (key === undefined) throw refuse('Authentication Error, No api key passed in.')
  // Two different keys on one request: whichever we took, some rule would have been checked against the other.
  if (other !== undefined)
    throw refuse('Authentication Error, the request carries two different api keys. Send one of them only.')
  const secret = config.general.masterKey
  if (secret !== undefined) {
    const master = masterOf(secret)
    if (same(key, master)) return master.caller
  }
  if (!key.startsWith('sk-'))
    throw refuse(
      "Authentication Error, LiteLLM Virtual Key expected. Received=****, expected to start with 'sk-'.",
    )
  throw new Refusal(
    401,
    `Authentication Error, Invalid proxy server token passed. Received API Key = ${masked(key)}, Key Hash (Token) =${digest(key).toString('hex')}. Unable to find token in cache or \`LiteLLM_VerificationTokenTable\``,
    { type: 'token_not_found_in_db', param: 'key', code: '401' },
  )
}
