import type { Flavour } from './flavour.ts'
import { missingKey, refuse, unknownParameter, wrongKey } from './refusal.ts'
import type { Scene } from './scene.ts'
import { type Head, headerOf } from './sockets.ts'

/** Headers whose values form one list wherever they stand; every other header may stand once. */
const REPEATABLE = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'cache-control',
  'forwarded',
  'openai-beta',
  'tracestate',
  'via',
  'x-forwarded-for',
])

/** What belongs to a gateway, to another provider, or to the caller alone. None of it is a provider's business. */
const FOREIGN: readonly RegExp[] = [
  /^x-litellm-/,
  /^litellm-/,
  /^x-understudy/,
  /^x-api-key$/,
  /^cookie$/,
  /^proxy-authorization$/,
  /^x-goog-/,
  /^x-amz-/,
  /^anthropic-/,
]

const QUERY = new Set([
  'after',
  'api-version',
  'before',
  'beta',
  'filter',
  'include',
  'include[]',
  'include_obfuscation',
  'limit',
  'order',
  'purpose',
  'starting_after',
  'stream',
])

/** Throws what the provider says to a head that no well-behaved client sends. */
export const checkHeaders = (head: Head, flavour: Flavour): void => {
  const seen = new Set<string>()
  for (const [spelled, value] of head.headers) {
    const name = spelled.toLowerCase()
    if (seen.has(name) && !REPEATABLE.has(name))
      throw refuse(400, `Header '${name}' was sent twice.`, { code: 'duplicate_header' })
    seen.add(name)
    const foreign =
      FOREIGN.some(pattern => pattern.test(name)) || (name === 'api-key' && flavour === 'openai')
    if (foreign) throw refuse(400, `Unexpected header: '${name}'.`, { code: 'unexpected_header' })
    if (name === 'content-type' && value.includes(',')) {
      throw refuse(400, 'The Content-Type header holds two values.', { code: 'duplicate_header' })
    }
  }
  if (!seen.has('host')) throw refuse(400, 'The Host header is missing.')
}

/** OpenAI takes a bearer token; Azure takes `api-key` or a bearer token. Exactly this stage's key, nothing else. */
export const checkCredential = (head: Head, scene: Scene): void => {
  const authorization = headerOf(head, 'authorization')
  const bearer = authorization === undefined ? undefined : (/^Bearer (.+)$/.exec(authorization)?.[1] ?? '')
  const apiKey = scene.flavour === 'azure' ? headerOf(head, 'api-key') : undefined
  const given = [bearer, apiKey].filter(value => value !== undefined)
  if (given.length === 0) throw missingKey(scene.flavour)
  for (const key of given) if (key !== scene.key) throw wrongKey(scene.flavour, key)
}

export const checkQuery = (query: URLSearchParams): void => {
  const seen = new Set<string>()
  for (const name of query.keys()) {
    const known = QUERY.has(name) || /^metadata\[[^\]]+\]$/.test(name)
    const repeated = seen.has(name) && name !== 'include' && name !== 'include[]'
    if (!known || repeated) throw unknownParameter(name)
    seen.add(name)
  }
}
