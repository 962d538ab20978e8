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

const NO_ECHOES: ReadonlyMap<string, string> = new Map()

/** What is written in place of a word. */
type Swaps = readonly (readonly [word: string, instead: string])[]

const within = (text: string, swaps: Swaps): string => {
  let safe = text
  for (const [word, instead] of swaps) safe = safe.replaceAll(word, () => instead)
  return safe
}

const withinJson = (value: Json, swaps: Swaps): Json => {
  if (typeof value === 'string') return within(value, swaps)
  if (Array.isArray(value)) return value.map((inner: Json) => withinJson(inner, swaps))
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [within(key, swaps), withinJson(inner, swaps)]),
  )
}

/**
 * The failure without the credential that was sent, wherever the provider repeated it, and with the ids that the client
 * knows (`echoes`) in place of the provider's own. dialects/error-mask.ts knows a key by its form; a self-hosted server
 * takes any word for a key, and only who sent it knows which.
 */
export const concealed = (
  failure: Failure,
  credential: readonly HeaderPair[],
  echoes: ReadonlyMap<string, string> = NO_ECHOES,
): Failure => {
  const swaps: Swaps = [
    ...spellings(credential).map(word => [word, MASK] as const),
    ...[...echoes].filter(([theirs, known]) => theirs !== known),
  ]
  if (swaps.length === 0) return failure
  const hide = (text: string | null): string | null => (text === null ? null : within(text, swaps))
  return {
    ...failure,
    message: within(failure.message, swaps),
    type: hide(failure.type),
    param: hide(failure.param),
    code: hide(failure.code),
    detail: failure.detail === undefined ? undefined : withinJson(failure.detail, swaps),
  }
}
