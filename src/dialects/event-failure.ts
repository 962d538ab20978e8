import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { errorObjectOf, saidError } from './error-object.ts'
import { content, malformedEvent, textOf } from './read-json.ts'
import type { Sight, StreamEvent } from './shape.ts'

/** Longer texts are shown by their beginning. */
const LONGEST_TEXT = 4_096

/** The error of an event that is called one, whatever its data is: an object, a list of one, a text, a JSON string. */
export const errorOfNamed = (value: Json | undefined, data: string): JsonObject =>
  errorObjectOf(value) ?? { message: (textOf(value) ?? data.trim()).slice(0, LONGEST_TEXT) }

/** The error that an event is when its type is none that the dialect knows. */
export const errorOfUnknown = (event: StreamEvent, value: JsonObject): JsonObject | undefined =>
  event.event === 'error'
    ? errorOfNamed(value, event.data ?? '')
    : (saidError(value) ?? (value.type === undefined ? bareError(value) : undefined))

/**
 * What an event means whose data is no JSON object, in every dialect: a failure when it is called one or is no JSON, a
 * failure when it is a list that begins with one. Anything else is passed on.
 */
export const sightOfOther = (event: StreamEvent, value: Json | undefined): Sight => {
  if (event.event === 'error') return { kind: 'error', error: errorOfNamed(value, event.data ?? '') }
  if (value === undefined) return malformedEvent
  const first = Array.isArray(value) ? value[0] : undefined
  const error = isObject(first) ? saidError(first) : undefined
  return error === undefined ? content : { kind: 'error', error }
}

/** Members of a bare error; one with any other member may be something else. */
const BARE: ReadonlySet<string> = new Set([
  'message',
  'Message',
  'msg',
  'detail',
  'title',
  'error_message',
  'error_code',
  'error_type',
  'code',
  'type',
  'param',
  'reason',
  'status',
  'status_code',
  'statusCode',
  'success',
  'request_id',
  'requestId',
])

const isFailing = (status: Json | undefined): boolean => {
  const number = typeof status === 'string' && /^\d{3}$/.test(status) ? Number(status) : status
  return typeof number === 'number' && number >= 400 && number <= 599
}

/** An object that is of no kind its dialect knows and reads as a bare error: `{message, code: 500}`, `{detail}`. */
export const bareError = (value: JsonObject): JsonObject | undefined => {
  const failing = [value.status_code, value.statusCode, value.status, value.code].some(isFailing)
  return failing || Object.keys(value).every(key => BARE.has(key)) ? errorObjectOf(value) : undefined
}
