import { type FailureClass, VERDICTS } from '../failure.ts'
import type { HealthEvent, Rest, RestKind } from './ports.ts'

/** Longer ones were not written by a board. */
const LONGEST_TEXT = 4096

/** A soft rest doubles no more often; a greater level would only never be relaxed. */
const HIGHEST_LEVEL = 64

/** No bound is longer than an hour, and no rest than a year, by any board's own word; clocks may differ by the slack. */
const LONGEST_BOUND_MS = 3_600_000
export const LONGEST_REST_MS = 366 * 24 * 3_600_000
export const SLACK_MS = 300_000

type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null
const isMoment = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)
const isText = (value: unknown): value is string => typeof value === 'string' && value.length <= LONGEST_TEXT
const isCount = (value: unknown): value is number => Number.isInteger(value) && Number(value) >= 0

const isClass = (value: unknown): value is FailureClass =>
  typeof value === 'string' && Object.hasOwn(VERDICTS, value)
const isKind = (value: unknown): value is RestKind =>
  value === 'soft' || value === 'rate_limit' || value === 'hard'

const readRest = (value: unknown): Rest | undefined => {
  if (!isFields(value)) return undefined
  const { until, kind, level, firm, status, because } = value
  if (!isMoment(until) || !isKind(kind) || !isCount(level) || !isCount(status) || !isClass(because))
    return undefined
  return { until, kind, level: Math.min(level, HIGHEST_LEVEL), firm: firm === true, status, because }
}

/** What came from another process, if it is an event that this version understands. Everything else is dropped. */
export const readEvent = (value: unknown): HealthEvent | undefined => {
  if (!isFields(value) || !isText(value.domain)) return undefined
  const { kind, domain, deployment, until, began, level } = value
  if (kind === 'bound') return isMoment(until) ? { kind, domain, until } : undefined
  if (!isMoment(began) || !(deployment === undefined || isText(deployment))) return undefined
  if (kind === 'recovery') return isCount(level) ? { kind, deployment, domain, began, level } : undefined
  const rest = readRest(value.rest)
  return kind === 'rest' && rest !== undefined ? { kind, deployment, domain, rest, began } : undefined
}

/**
 * Whether a board can have told this, by a clock that says `wall` (milliseconds since the epoch). A damaged record or a
 * clock that jumped must not lock a deployment out for ever, nor keep what is told later from being heard.
 */
export const isPlausible = (event: HealthEvent, wall: number): boolean => {
  const latest = wall + SLACK_MS
  if (event.kind === 'bound') return event.until <= latest + LONGEST_BOUND_MS
  return event.began <= latest && (event.kind === 'recovery' || event.rest.until <= latest + LONGEST_REST_MS)
}
