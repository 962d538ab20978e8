import { bodyWaitMs, durationMs, toldHeaders } from '../dialects/error-wait.ts'
import type { Dice } from '../house.ts'
import type { Json } from '../wire/json.ts'

type Headers = Readonly<Record<string, string>>

/** A provider that asks for more is asked again after this long: an hour. */
const LONGEST_WAIT_MS = 3_600_000

const bounded = (ms: number): number => Math.min(Math.max(0, Math.ceil(ms)), LONGEST_WAIT_MS)

const plainNumber = (text: string): number | undefined =>
  /^\d{1,40}(?:\.\d{1,9})?$/.test(text) ? Number(text) : undefined

/** A number, or the greatest of a header that was sent several times and joined. */
const greatestNumber = (text: string | undefined): number | undefined => {
  const parts = (text ?? '').split(',', 8).map(part => plainNumber(part.trim()))
  const numbers = parts.filter(part => part !== undefined)
  return numbers.length > 0 && numbers.length === parts.length ? Math.max(...numbers) : undefined
}

/** The dates of HTTP and RFC 3339 only: Date.parse alone would read almost any text as a date. */
const dateForm =
  /^(?:[A-Za-z]{3,9}, \d{1,2}[ -][A-Za-z]{3}[ -]\d{2,4} \d\d:\d\d:\d\d GMT|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d))$/
/** asctime's form, which names no zone: in HTTP it is GMT (RFC 9110, section 5.6.7). */
const zoneless = /^[A-Za-z]{3} [A-Za-z]{3} [ \d]\d \d\d:\d\d:\d\d \d{4}$/

const instantOf = (text: string | undefined): number | undefined => {
  const trimmed = text?.trim() ?? ''
  const dated = zoneless.test(trimmed) ? `${trimmed} GMT` : dateForm.test(trimmed) ? trimmed : undefined
  const instant = dated === undefined ? Number.NaN : Date.parse(dated)
  return Number.isNaN(instant) ? undefined : instant
}

/**
 * What "now" is for a date in this answer: the provider's own clock when it sent one, so that two clocks that
 * disagree do no harm; otherwise ours.
 */
const nowFor = (headers: Headers, wallNow: number | undefined): number | undefined =>
  instantOf(headers.date) ?? wallNow

const untilDate = (text: string | undefined, now: number | undefined): number | undefined => {
  const instant = instantOf(text)
  return instant === undefined || now === undefined ? undefined : instant - now
}

const RESET = /(?:^|-)rate-?limit(?:bysize)?-(?:reset-[a-z\d-]+|[a-z\d-]+-reset|reset)$/

/**
 * `x-ratelimit-reset-tokens`, `<vendor>-ratelimit-tokens-reset`, `ratelimitbysize-reset`: believed when nothing remains of that limit. Where what
 * remains is told of none, a rate limit is one of theirs, so it lasts at least until the first of them resets; one that
 * has been reset by now is another.
 */
const resetMs = (headers: Headers, now: number | undefined, limited: boolean): number | undefined => {
  let longest = fieldMs(headers.ratelimit)
  let first: number | undefined
  let counted = longest !== undefined
  for (const [name, reset] of Object.entries(headers)) {
    if (!RESET.test(name)) continue
    const told = headers[name.replace('reset', 'remaining')]?.trim()
    // Less than nothing stands for a number that the provider does not have.
    const remaining = told?.startsWith('-') === true ? undefined : told
    counted ||= remaining !== undefined
    if (remaining !== undefined && plainNumber(remaining) !== 0) continue
    const wait = untilDate(reset, now) ?? epochOrDuration(reset, now)
    if (wait === undefined) continue
    if (remaining === undefined) {
      if (wait > 0) first = Math.min(first ?? wait, wait)
    } else longest = Math.max(longest ?? 0, wait)
  }
  return limited && !counted ? first : longest
}

/** The structured `RateLimit` field: `"minute";r=0;t=30`, a limit of which nothing remains for 30 seconds. */
const fieldMs = (field: string | undefined): number | undefined => {
  const waits = (field ?? '').split(',', 16).flatMap(limit => {
    const seconds = /;\s?r=0\s?(?:;|$)/.test(limit) ? /;\s?t=(\d{1,9})\s?(?:;|$)/.exec(limit)?.[1] : undefined
    return seconds === undefined ? [] : [Number(seconds) * 1_000]
  })
  return waits.length === 0 ? undefined : Math.max(...waits)
}

/** A number too great to be a duration is a moment: seconds or milliseconds since the epoch. */
const epochOrDuration = (text: string, now: number | undefined): number | undefined => {
  const number = plainNumber(text.trim())
  if (number === undefined || number < 1e9) return durationMs(text)
  if (now === undefined) return undefined
  return (number < 1e12 ? number * 1_000 : number) - now
}

/** What the headers ask for in so many words. */
const headerWaitMs = (headers: Headers, now: number | undefined): number | undefined => {
  const milliseconds =
    greatestNumber(headers['retry-after-ms']) ?? greatestNumber(headers['x-ms-retry-after-ms'])
  if (milliseconds !== undefined) return milliseconds
  const asked = headers['retry-after']
  const seconds = greatestNumber(asked)
  return seconds === undefined ? (untilDate(asked, now) ?? durationMs(asked ?? '')) : seconds * 1_000
}

/**
 * How long a provider asked to be left alone, in milliseconds from now; undefined when it did not say so in a way
 * that can be read (garbage counts as silence, a moment in the past as 0). At most an hour. Header and body are both
 * lower bounds: the longer of the two holds. Resets of a limit count when neither says anything.
 * `headers` have lower-case names; `body` is the parsed error body; `wallNow` is milliseconds since the epoch and is
 * needed only for dates; `limited`: the failure is a rate limit, whatever the headers count. Sources: RFC 9110 section
 * 10.2.3, the providers' rate-limit guides, the RetryInfo detail.
 */
export const retryAfterOf = (
  headers: Headers,
  body: Json | undefined,
  wallNow: number | undefined,
  limited = false,
): number | undefined => {
  const now = nowFor(headers, wallNow)
  const asked = [headerWaitMs(headers, now), bodyWaitMs(body)].filter(ms => ms !== undefined)
  const wait =
    asked.length > 0 ? Math.max(...asked) : resetMs({ ...toldHeaders(body), ...headers }, now, limited)
  return wait === undefined || Number.isNaN(wait) ? undefined : bounded(wait)
}

/** Half a second, doubled up to 8 s. */
export const USUAL_BACKOFF = { baseMs: 500, capMs: 8_000 } as const

/**
 * How long to sleep before another attempt at the same deployment, in milliseconds: full jitter over the base times
 * 2^attempt, at most the cap, and never under `floorMs`. `attempt` counts from 0.
 */
export const backoffMs = (
  attempt: number,
  dice: Dice,
  floorMs: number,
  { baseMs, capMs }: { readonly baseMs: number; readonly capMs: number } = USUAL_BACKOFF,
): number => {
  const span = Math.min(capMs, baseMs * 2 ** Math.min(Math.max(0, attempt), 16))
  return Math.max(floorMs || 0, Math.round(dice.random() * span))
}

/** Requests that wait for one moment do not all go in the same millisecond: up to a tenth of the wait later. */
const SPREAD = 0.1
const LONGEST_SPREAD_MS = 500

/** How long to sleep until a moment that is `waitMs` away has surely passed, in milliseconds. */
export const spreadMs = (waitMs: number, dice: Dice): number =>
  Math.ceil(waitMs + dice.random() * Math.min(LONGEST_SPREAD_MS, waitMs * SPREAD))
