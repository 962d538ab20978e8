import type { Failure } from '../failure.ts'
import type { HeaderPair } from '../providers/provider.ts'
import { isObject, type Json } from '../wire/json.ts'

/** Shorter words than this stand in ordinary text as well. */
const SHORTEST = 6
const MASK = '[masked]'

/** A credential as it was sent, without its scheme, and as an error text may spell it. */
const spellings = (credential: readonly HeaderPair[]): readonly string[] =>
  credential
    .map(([, value]) => value.replace(/^(?:bearer|basic)\s+/i, ''))
    .filter(word => word.length >= SHORTEST)
    .flatMap(word => [
      word,
      encodeURIComponent(word),
      Buffer.from(word).toString('base64').replace(/=+$/, ''),
      Buffer.from(word).toString('base64url'),
    ])

const within = (text: string, words: readonly string[]): string => {
  let safe = text
  for (const word of words) safe = safe.replaceAll(word, MASK)
  return safe
}

const withinJson = (value: Json, words: readonly string[]): Json => {
  if (typeof value === 'string') return within(value, words)
  if (Array.isArray(value)) return value.map((inner: Json) => withinJson(inner, words))
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [within(key, words), withinJson(inner, words)]),
  )
}

/**
 * The failure without the credential that was sent, wherever the provider repeated it. dialects/error-mask.ts knows
 * a key by its form; a self-hosted server takes any word for a key, and only who sent it knows which.
 */
export const concealed = (failure: Failure, credential: readonly HeaderPair[]): Failure => {
  const words = spellings(credential)
  if (words.length === 0) return failure
  const hide = (text: string | null): string | null => (text === null ? null : within(text, words))
  return {
    ...failure,
    message: within(failure.message, words),
    type: hide(failure.type),
    param: hide(failure.param),
    code: hide(failure.code),
    detail: failure.detail === undefined ? undefined : withinJson(failure.detail, words),
  }
}
