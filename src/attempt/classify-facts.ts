import { errorObjectOf, layersOf, messageOf } from '../dialects/error-object.ts'
import { readErrorBody } from '../dialects/error-text.ts'
import { ROUTER_WORDS, wordOf } from '../dialects/error-words.ts'
import { listOf, objectOf, textOf } from '../dialects/read-json.ts'
import type { Json, JsonObject } from '../wire/json.ts'
import type { ResponseSignal } from './classify-signal.ts'

/** What a provider's error says, in one form. */
export type Facts = {
  /** The provider's text; '' when there was none that a person should read. */
  readonly message: string
  /** Words in the order of their weight: the innermost error's before those of a relay, codes before types. */
  readonly words: readonly string[]
  /** The status that counts; undefined when neither HTTP nor the error says one. */
  readonly status: number | undefined
  readonly code: string | undefined
  readonly param: string | undefined
  readonly detail: JsonObject | undefined
  readonly html: boolean
  /** For whoever looks for a wait in it. */
  readonly body: Json | undefined
}

const statusIn = (value: Json | undefined): number | undefined => {
  const number = typeof value === 'string' && /^\d{3}$/.test(value) ? Number(value) : value
  return typeof number === 'number' && Number.isInteger(number) && number >= 400 && number <= 599
    ? number
    : undefined
}

const STATUS_KEYS = ['code', 'status', 'status_code', 'statusCode', 'raw_status_code', 'http_status'] as const

const statusOf = (error: JsonObject): number | undefined =>
  STATUS_KEYS.map(key => statusIn(error[key])).find(status => status !== undefined)

/** Statuses that a relay gives to whatever the provider behind it said. */
const VAGUE: ReadonlySet<number> = new Set([400, 500, 502, 503])

/** HTTP's status, unless that is a vague one and the error names the real one. A 4xx stays a 4xx. */
const countedStatus = (http: number, said: number | undefined): number | undefined => {
  // A redirect or a success says nothing about the error; the error itself may.
  if (!(http >= 400)) return said
  if (said === undefined || !VAGUE.has(http)) return http
  return said < 500 || (said === 529 && http >= 500) ? said : http
}

const innerErrorOf = (error: JsonObject): JsonObject | undefined =>
  objectOf(error.innererror) ?? objectOf(error.inner_error)

/** `reason` of ErrorInfo details, `error_code` of a details object, and a quota that is a whole day's. */
const detailWords = (details: Json | undefined): readonly (string | undefined)[] => [
  textOf(objectOf(details)?.error_code),
  ...(listOf(details) ?? []).slice(0, 16).flatMap(entry => {
    const { reason, violations } = objectOf(entry) ?? {}
    const quotas = (listOf(violations) ?? []).slice(0, 16).map(one => textOf(objectOf(one)?.quotaId))
    return [
      textOf(reason),
      quotas.some(id => id !== undefined && /per_?day/i.test(id)) ? 'daily_quota' : undefined,
    ]
  }),
]

const wordsOf = (error: JsonObject, exception: string | undefined): readonly string[] => {
  const router = textOf(objectOf(error.metadata)?.error_type)
  const said = [
    // OpenRouter tells by it why a model is not to be had; its status and its other words are wider.
    textOf(objectOf(error.availability)?.code),
    ...detailWords(error.details),
    textOf(error.code),
    textOf(innerErrorOf(error)?.code),
    exception,
    textOf(error.exception),
    textOf(error.type),
    textOf(error.status),
    textOf(error.__type)?.split('#').at(-1),
    textOf(error.error_code),
    textOf(error.error_type),
    textOf(error.reason),
    ...(listOf(error.errors) ?? []).slice(0, 4).map(one => textOf(objectOf(one)?.reason)),
    router === undefined ? undefined : (ROUTER_WORDS.get(wordOf(router)) ?? router),
    textOf(objectOf(error.metadata)?.limit_source),
  ]
  return said.filter(word => word !== undefined).map(wordOf)
}

type Read = Pick<Facts, 'body' | 'html'> & { readonly error: JsonObject | undefined }

const read = (signal: ResponseSignal): Read => {
  if (signal.errorObject !== undefined)
    return { error: signal.errorObject, body: signal.errorObject, html: false }
  const got = readErrorBody(signal.body)
  switch (got.kind) {
    case 'json':
    case 'torn': {
      const { value } = got
      const error = errorObjectOf(value) ?? (typeof value === 'string' ? { message: value } : undefined)
      // What could be saved of a torn error is its members, found wherever they stood.
      return { error: error ?? (got.kind === 'torn' ? got.value : undefined), body: value, html: false }
    }
    case 'text':
      return { error: { message: got.text }, body: got.text, html: false }
    default:
      return { error: undefined, body: undefined, html: got.kind === 'html' }
  }
}

const first = <Value>(
  layers: readonly JsonObject[],
  pick: (error: JsonObject) => Value | undefined,
): Value | undefined => layers.map(pick).find(value => value !== undefined)

export const factsOf = (signal: ResponseSignal): Facts => {
  const { error, body, html } = read(signal)
  const exception = signal.headers['x-amzn-errortype']?.split(/[:,]/, 1)[0]
  const layers = error === undefined ? [] : layersOf(error)
  const outermost = layers.at(-1)
  return {
    message: first(layers, messageOf) ?? '',
    words:
      layers.length === 0
        ? wordsOf({}, exception)
        : layers.flatMap(layer => wordsOf(layer, layer === outermost ? exception : undefined)),
    status: countedStatus(signal.status, first(layers, statusOf)),
    code: first(layers, layer => textOf(layer.code) ?? textOf(objectOf(layer.details)?.error_code)),
    param: first(layers, layer => textOf(layer.param)),
    detail: first(layers, innerErrorOf),
    html,
    body,
  }
}
