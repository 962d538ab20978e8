import type { HeaderPair } from '../providers/provider.ts'

/** Rules on header names, which are lower case here as Node gives them. Pure: names and values in, pairs out. */

/** RFC 9110 section 7.6.1 and its forerunners: they speak of one connection and end there. */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>

const joined = (value: string | readonly string[] | undefined): string =>
  typeof value === 'string' ? value : (value ?? []).join(', ')

/** The hop-by-hop names of one message: the fixed ones and those its `connection` header lists. */
const connectionNames = (headers: Headers): ReadonlySet<string> => {
  const listed = joined(headers.connection)
  // What nearly every message says names nothing new.
  if (listed === '' || listed === 'keep-alive' || listed === 'close') return HOP_BY_HOP
  return new Set([...HOP_BY_HOP, ...listed.split(',').map(name => name.trim().toLowerCase())])
}

const MAX_VALUE = 4096
const UNSAFE = /[^\x20-\x7e\xa0-\xff]/g
/** Nearly every value: visible ASCII at both ends, ASCII between them. */
const PLAIN = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/

/**
 * The value without control characters and without anything outside latin1, at most 4096 characters. Node throws on
 * such a value, and a line break in one would begin a header of the sender's choice. Never throws.
 */
export const safeHeaderValue = (value: string): string => {
  if (value.length <= MAX_VALUE && PLAIN.test(value)) return value
  // Cut first, so that the work is bounded; twice the room, so that what is removed is seldom missed.
  return String(value)
    .slice(0, 2 * MAX_VALUE)
    .replace(UNSAFE, '')
    .trim()
    .slice(0, MAX_VALUE)
}

/** What a client says to the provider and not to us. */
const ALWAYS: ReadonlySet<string> = new Set([
  'anthropic-beta',
  'anthropic-version',
  'idempotency-key',
  'openai-beta',
])

/** x- names that are ours, the client library's, or the network's in front of us; or that would steer the provider. */
const KEPT_HERE =
  /^x-(?:stainless|litellm-|forwarded|real-ip$|pass-accept-encoding$|amz-|http-method|method-override$)/

/** A credential is known by its name, wherever the word stands: losing a harmless header is the smaller harm. */
const CREDENTIAL =
  /token|secret|passw|credential|authori[sz]|cookie|jwt|oidc|saml|api-?_?key|(?:^|[-_])(?:access)?(?:auth|key|pwd|signature|assertion|bearer)(?:$|[-_])/

export type Forwarding = {
  readonly forwardClientHeaders: boolean
  readonly forwardOpenaiOrgId: boolean
  /** forward_headers of a pass-through endpoint: every header that is not a credential, a connection's or ours. */
  readonly everyHeader?: true | undefined
  /** The header in which this gateway's own key comes, lower case: whatever it is called, it stays here. */
  readonly keyHeaderName?: string | undefined
}

const passes = (name: string, options: Forwarding): boolean => {
  if (name === options.keyHeaderName) return false
  if (ALWAYS.has(name)) return true
  if (name === 'openai-organization') return options.forwardOpenaiOrgId
  const asked = options.everyHeader === true || (options.forwardClientHeaders && name.startsWith('x-'))
  return asked && name !== 'host' && !KEPT_HERE.test(name) && !CREDENTIAL.test(name)
}

/**
 * The client's headers that may go to a provider: protocol versions, betas and the idempotency key always;
 * x- headers with forward_client_headers_to_llm_api; openai-organization with forward_openai_org_id. Whatever names
 * a credential, a connection or the gateway stays, whichever options are on.
 */
export const upstreamHeaders = (clientHeaders: Headers, options: Forwarding): HeaderPair[] => {
  const pairs: HeaderPair[] = []
  for (const name in clientHeaders) {
    const value = clientHeaders[name]
    if (value === undefined || !passes(name, options) || connectionNames(clientHeaders).has(name)) continue
    const safe = safeHeaderValue(joined(value))
    if (safe !== '') pairs.push([name, safe])
  }
  return pairs
}

/** They describe bytes that we send anew, or would plant a provider's cookie in the client. */
const NOT_RETURNED: ReadonlySet<string> = new Set(['content-encoding', 'content-length', 'set-cookie'])

/** These come back under their own name too: client libraries read them. */
const UNPREFIXED =
  /^(?:x-ratelimit-(?:limit|remaining|reset)-(?:requests|tokens)|anthropic-ratelimit-(?:requests|tokens|input-tokens|output-tokens)-(?:limit|remaining|reset)|(?:x-)?request-id|openai-(?:processing-ms|version|model))$/

const PREFIX = 'llm_provider-'

/** The names under which one header of a provider comes back; none: it stays here. */
const returnedNames = (name: string): readonly string[] => {
  if (HOP_BY_HOP.has(name) || NOT_RETURNED.has(name)) return []
  const prefixed = name.startsWith(PREFIX) ? name : PREFIX + name
  return UNPREFIXED.test(name) ? [prefixed, name] : [prefixed]
}

/** Providers send a few dozen names for ever; what one of them invents for each answer is judged each time. */
const MOST_NAMES = 512
const known = new Map<string, readonly string[]>()

const namesFor = (name: string): readonly string[] => {
  const found = known.get(name)
  if (found !== undefined) return found
  const names = returnedNames(name)
  if (known.size < MOST_NAMES) known.set(name, names)
  return names
}

/**
 * Appends a provider's headers as the client gets them, name and value in turn: each as `llm_provider-<name>`, rate
 * limits and request id also under their own name. A provider that is such a gateway itself has prefixed already.
 */
export const addClientHeaders = (list: string[], upstream: Readonly<Record<string, string>>): void => {
  const hops = connectionNames(upstream)
  for (const name in upstream) {
    const names = namesFor(name)
    if (names.length === 0 || hops.has(name)) continue
    const safe = safeHeaderValue(upstream[name] ?? '')
    if (safe !== '') for (const returned of names) list.push(returned, safe)
  }
}
