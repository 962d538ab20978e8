import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { errorObjectOf, layersOf, messageOf } from './error-object.ts'
import { listOf, objectOf, textOf } from './read-json.ts'

/** When to come back, as error bodies say it. Everything is in milliseconds from now, unbounded and not below 0. */

const plainNumber = (text: string): number | undefined =>
  /^\d{1,15}(?:\.\d{1,9})?$/.test(text) ? Number(text) : undefined

const unitMs = (unit: string): number => {
  if (/^m(?:s|illi)/i.test(unit)) return 1
  const letter = unit.charAt(0).toLowerCase()
  return { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[letter] ?? 0
}

const part = /(\d{1,9}(?:\.\d{1,9})?) ?([a-z]{1,12})/gi

const sum = (text: string): number =>
  [...text.matchAll(part)].reduce((total, [, amount, unit = '']) => total + Number(amount) * unitMs(unit), 0)

/** `6m0s`, `1h2m3.5s`, `20ms`, `17s`; a bare number is seconds. Undefined for anything else. */
export const durationMs = (text: string): number | undefined => {
  const trimmed = text.trim()
  const seconds = plainNumber(trimmed)
  if (seconds !== undefined) return seconds * 1_000
  return /^(?:\d{1,9}(?:\.\d{1,9})?(?:ms|[smhd])){1,5}$/.test(trimmed) ? sum(trimmed) : undefined
}

const amountOf = (value: Json | undefined): number | undefined => {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? value : undefined
  return typeof value === 'string' ? plainNumber(value.trim()) : undefined
}

/** `retryDelay` of the RetryInfo detail: `17s`, or `{seconds, nanos}`. */
const retryInfoMs = (error: JsonObject): number | undefined => {
  for (const detail of (listOf(error.details) ?? []).slice(0, 16)) {
    const delay = objectOf(detail)?.retryDelay
    const text = textOf(delay)
    if (text !== undefined) return durationMs(text)
    const parts = objectOf(delay)
    const [seconds, nanos] = [amountOf(parts?.seconds), amountOf(parts?.nanos)]
    if (seconds !== undefined || nanos !== undefined) return (seconds ?? 0) * 1_000 + (nanos ?? 0) / 1e6
  }
  return undefined
}

const SECONDS_KEYS = [
  'retry_after',
  'retryAfter',
  'retry_after_seconds',
  'retryAfterSeconds',
  'resets_in_seconds',
  'estimated_time',
] as const
const MS_KEYS = ['retry_after_ms', 'retryAfterMs'] as const

const memberMs = (holder: JsonObject): number | undefined => {
  for (const key of MS_KEYS) {
    const amount = amountOf(holder[key])
    if (amount !== undefined) return amount
  }
  for (const key of SECONDS_KEYS) {
    const amount = amountOf(holder[key])
    if (amount !== undefined) return amount * 1_000
  }
  return undefined
}

/** "retry after 37 seconds", "try again in 1m2.5s", "wait 24 seconds before", "in 1 minute and 30 seconds". */
const unit = '(?:milliseconds?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d)(?![a-z])'
const amount = `\\d{1,9}(?:\\.\\d{1,9})? ?${unit}`
const sentence = new RegExp(
  `(?:retry|try again|wait)(?: (?:after|in|for|about|at least|another))* (${amount}(?:(?: and |, | )?${amount}){0,4})`,
  'i',
)

const sentenceMs = (error: JsonObject): number | undefined => {
  const said = sentence.exec((messageOf(error) ?? '').slice(0, 4_096))?.[1]
  return said === undefined ? undefined : sum(said)
}

const layersIn = (body: Json | undefined): readonly JsonObject[] => {
  const error = errorObjectOf(body) ?? (typeof body === 'string' ? { message: body } : undefined)
  return error === undefined ? [] : layersOf(error)
}

/** Everything that may have a member for it: the errors, what they tell beside, and the body around them. */
const holdersIn = (body: Json | undefined, layers: readonly JsonObject[]): readonly JsonObject[] =>
  [...layers.flatMap(error => [error, error.metadata, error.availability, error.details]), body].filter(
    holder => isObject(holder),
  )

const firstOf = (
  errors: readonly JsonObject[],
  read: (error: JsonObject) => number | undefined,
): number | undefined => errors.map(read).find(ms => ms !== undefined)

/**
 * How long an error body asks to be left alone: the RetryInfo detail, a member for it, else a sentence in its text.
 * `body` is the parsed error body, or its text. Sources: google.rpc.RetryInfo, the rate-limit texts of OpenAI, Azure
 * OpenAI, Groq, Gemini and GitHub Models, `estimated_time` of Hugging Face.
 */
export const bodyWaitMs = (body: Json | undefined): number | undefined => {
  const layers = layersIn(body)
  return (
    firstOf(layers, retryInfoMs) ?? firstOf(holdersIn(body, layers), memberMs) ?? firstOf(layers, sentenceMs)
  )
}

/** Longer names and values are no header of a limit. */
const LONGEST_TOLD = 128

/** Rate-limit headers of the answer that a relay got, which it tells in `metadata.headers`; names in lower case. */
export const toldHeaders = (body: Json | undefined): Readonly<Record<string, string>> => {
  const told = layersIn(body)
    .map(error => objectOf(objectOf(error.metadata)?.headers))
    .find(headers => headers !== undefined)
  const entries = Object.entries(told ?? {}).slice(0, 64)
  return Object.fromEntries(
    entries.flatMap(([name, value]) =>
      typeof value === 'string' && name.length <= LONGEST_TOLD && value.length <= LONGEST_TOLD
        ? [[name.toLowerCase(), value]]
        : [],
    ),
  )
}
