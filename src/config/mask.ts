import type { Json, JsonObject } from '../wire/json.ts'
import { isUnset, type Node, record } from './tree.ts'

const SECRET_KEY =
  /(?:^|[_-])(?:api_?key|key|secret|passwo?r?d|credentials?|token|access_key_id|authorization|cookie|private_key|signature)(?:$|[_-])/i
/** Names that only look like secrets. */
const HARMLESS = /(?:^litellm_credential_name$|_per_token$|^prompt_cache_key$|^litellm_key_header_name$)/i

/** Does this key hold a credential? Numbers and flags never do; names are judged by their words. */
export const isSecretKey = (key: string): boolean => SECRET_KEY.test(key) && !HARMLESS.test(key)

const hasText = (value: Json): boolean => {
  if (typeof value !== 'object' || value === null) return typeof value === 'string'
  return Object.values(value).some(inner => inner !== undefined && hasText(inner))
}

/** A key that nobody knows, and whose name says that its text is a credential: it goes into no body. */
export const isStraySecret = (key: string, value: Json): boolean => isSecretKey(key) && hasText(value)

/** An address without user name, password and query, all of which may be credentials. */
const plainAddress = (value: string): string => {
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? URL.parse(value) : null
  if (url === null || (url.username === '' && url.password === '' && url.search === '')) return value
  return `${url.protocol}//${url.host}${url.pathname}`
}

const maskNode = (node: Node): Json => {
  if (node.kind === 'scalar') {
    if (node.variable !== undefined) return `os.environ/${node.variable}`
    return typeof node.value === 'string' ? plainAddress(node.value) : node.value
  }
  return node.kind === 'list' ? node.items.map(maskNode) : masked(node)
}

/** What a page may show of a map: without credentials, and with the reference instead of a resolved variable. */
export const masked = (node: Node | undefined): JsonObject => {
  if (node?.kind !== 'map') return record([])
  const shown = [...node.entries.values()].filter(
    each => !isUnset(each.value) && !(isSecretKey(each.key) && holdsText(each.value)),
  )
  return record(shown.map(each => [each.key, maskNode(each.value)]))
}

const holdsText = (node: Node): boolean =>
  node.kind !== 'scalar' || typeof node.value === 'string' || node.variable !== undefined

/** Every text under a secret key, for scrubbing it from messages that others wrote. */
export const secretsIn = (node: Node, secret = false): string[] => {
  if (node.kind === 'scalar') return secret && typeof node.value === 'string' ? [node.value] : []
  if (node.kind === 'list') return node.items.flatMap(item => secretsIn(item, secret))
  return [...node.entries.values()].flatMap(each =>
    // What kind of credential it is anybody may know, and has to be told when it is the wrong one.
    secretsIn(each.value, (secret && each.key !== 'type') || isSecretKey(each.key)),
  )
}

/** A secret as it is, and as JSON, a form and an address write it: whoever repeats what he was sent may repeat those. */
const spellingsOf = (secret: string): readonly string[] => [
  secret,
  JSON.stringify(secret).slice(1, -1),
  new URLSearchParams([['', secret]]).toString().slice(1),
  encodeURIComponent(secret.toWellFormed()),
]

export const scrub = (message: string, secrets: readonly string[]): string =>
  secrets
    .filter(secret => secret.length >= 4)
    .flatMap(spellingsOf)
    .reduce((clean, secret) => clean.replaceAll(secret, '[secret]'), message)
