import { maskDetail, maskText } from '../dialects/error-mask.ts'
import { errorObjectOf } from '../dialects/error-object.ts'
import { classAboveWords, classOfText } from '../dialects/error-phrases.ts'
import {
  CALLER_WORDS,
  KEPT_CODES,
  STATUS_OF_WORD,
  STRONG_WORDS,
  WEAK_WORDS,
  wordOf,
} from '../dialects/error-words.ts'
import { listOf, objectOf, parseJson, textOf } from '../dialects/read-json.ts'
import type { Failure, FailureClass } from '../failure.ts'
import type { Json, JsonObject } from '../wire/json.ts'
import { retryAfterOf } from './backoff.ts'
import { BROKEN_STREAM, namingOf, prefixed, STATUS_OF_CLASS } from './classify-name.ts'
import type { ResponseSignal } from './classify-signal.ts'

/** Longer bodies are not error messages; their beginning is read as text. */
const LONGEST_BODY = 256 * 1024

/** What a provider's error says, in one form. */
type Facts = {
  /** The provider's text; '' when there was none that a person should read. */
  readonly message: string
  /** Words in the order of their weight: codes before types. */
  readonly words: readonly string[]
  /** The real status, or the one an error behind a 200 names; undefined when neither says anything. */
  readonly status: number | undefined
  readonly code: string | undefined
  readonly param: string | undefined
  readonly detail: JsonObject | undefined
  readonly html: boolean
  readonly body: Json | undefined
}

const statusIn = (value: Json | undefined): number | undefined => {
  const number = typeof value === 'string' && /^\d{3}$/.test(value) ? Number(value) : value
  return typeof number === 'number' && Number.isInteger(number) && number >= 400 && number <= 599
    ? number
    : undefined
}

/** `reason` of ErrorInfo details, `error_code` of a details object. */
const detailWords = (details: Json | undefined): readonly (string | undefined)[] => [
  textOf(objectOf(details)?.error_code),
  ...(listOf(details) ?? []).slice(0, 16).map(entry => textOf(objectOf(entry)?.reason)),
]

const wordsOf = (error: JsonObject | undefined, headers: ResponseSignal['headers']): readonly string[] => {
  const inner = objectOf(error?.innererror) ?? objectOf(error?.inner_error)
  const exception = headers['x-amzn-errortype']?.split(/[:,]/, 1)[0]
  const said = [
    ...detailWords(error?.details),
    textOf(error?.code),
    textOf(inner?.code),
    exception,
    textOf(error?.type),
    textOf(error?.status),
    textOf(error?.__type)?.split('#').at(-1),
    textOf(objectOf(error?.metadata)?.error_type),
  ]
  return said.filter(word => word !== undefined).map(wordOf)
}

const looksLikeHtml = (text: string): boolean =>
  /^\s{0,256}<(?:!doctype|html|head|body|\?xml|center|h1)/i.test(text)

const read = (
  signal: ResponseSignal,
): Pick<Facts, 'body' | 'html'> & { readonly error: JsonObject | undefined } => {
  if (signal.errorObject !== undefined)
    return { error: signal.errorObject, body: signal.errorObject, html: false }
  const bytes = signal.body ?? new Uint8Array()
  const text = new TextDecoder().decode(bytes.length > LONGEST_BODY ? bytes.subarray(0, 16_384) : bytes)
  const body = parseJson(text)
  if (body === undefined) {
    const html = looksLikeHtml(text)
    return {
      error: html || text.trim() === '' ? undefined : { message: text },
      body: html ? undefined : text,
      html,
    }
  }
  const error = errorObjectOf(body) ?? (typeof body === 'string' ? { message: body } : undefined)
  return { error, body, html: false }
}

const factsOf = (signal: ResponseSignal): Facts => {
  const { error, body, html } = read(signal)
  const code = error?.code
  const inside = statusIn(code) ?? statusIn(error?.status) ?? statusIn(error?.status_code)
  const words = wordsOf(error, signal.headers)
  return {
    message: textOf(error?.message) ?? '',
    words,
    // A redirect or a success says nothing about the error; the error itself may.
    status: signal.status >= 400 ? signal.status : inside,
    code: textOf(code),
    param: textOf(error?.param),
    detail: objectOf(error?.innererror) ?? objectOf(error?.inner_error),
    html,
    body,
  }
}

const ofStatus = (status: number, signal: ResponseSignal): FailureClass => {
  if (status === 404) return signal.resource === true ? 'caller_fault' : 'unsupported'
  if (status === 409) return signal.resource === true ? 'caller_fault' : 'transient'
  if (status === 401 || status === 403 || status === 407) return 'credential'
  if (status === 402) return 'quota'
  if (status === 405 || status === 501) return 'unsupported'
  if (status === 410) return 'model_gone'
  if (status === 429) return 'rate_limit'
  if (status === 529) return 'overloaded'
  if (status === 408 || status === 424 || status === 425 || status === 499) return 'transient'
  return status < 500 ? 'caller_fault' : 'transient'
}

const ofWords = (
  words: readonly string[],
  table: ReadonlyMap<string, FailureClass>,
): FailureClass | undefined => {
  for (const word of words) {
    const found = table.get(word)
    if (found !== undefined) return found
  }
  return undefined
}

/** Infrastructure answers these; a body that blames the request was made for something else. */
const notTheRequest: ReadonlySet<number> = new Set([502, 503, 504, 529])

const ofWeakWords = (facts: Facts): FailureClass | undefined => {
  if (facts.status !== undefined && facts.status < 500) return undefined
  const found = ofWords(facts.words, WEAK_WORDS)
  return found === 'caller_fault' && facts.status !== undefined && notTheRequest.has(facts.status)
    ? undefined
    : found
}

/**
 * Meaning before status: words that can only be about the request; money and safety in the text; every other decisive
 * word; the text; words that are believed only without a status; the status.
 */
const classOf = (facts: Facts, signal: ResponseSignal): FailureClass => {
  if (facts.words.some(word => CALLER_WORDS.has(word))) return 'caller_fault'
  const said =
    classAboveWords(facts.message) ??
    ofWords(facts.words, STRONG_WORDS) ??
    classOfText(facts.message, facts.status)
  if (said !== undefined) return signal.resource === true && facts.status === 404 ? 'caller_fault' : said
  // A firewall's page says nothing of the key; the body of one request may have caused it.
  if (facts.html && facts.status === 403) return 'transient'
  const weak = ofWeakWords(facts)
  if (weak !== undefined) return weak
  return facts.status === undefined ? 'transient' : ofStatus(facts.status, signal)
}

/** The status as far as anybody said it: by HTTP, by a number in the error, or by a word that stands for one. */
const saidStatus = (facts: Facts, failureClass: FailureClass): number | undefined => {
  if (facts.status !== undefined) {
    // The request is wrong whatever the server made of it.
    return failureClass === 'caller_fault' && facts.status >= 500 ? 400 : facts.status
  }
  return facts.words.map(word => STATUS_OF_WORD.get(word)).find(status => status !== undefined)
}

/** Agents compact on this word; providers that say it in prose get it too (museum M-109). */
const codeOf = (facts: Facts, failureClass: FailureClass): string | null => {
  if (failureClass === 'context_window') return 'context_length_exceeded'
  return facts.code !== undefined && KEPT_CODES.has(wordOf(facts.code)) ? facts.code : null
}

const shownText = (facts: Facts, status: number): string => {
  const text = maskText(facts.message)
  if (text !== '') return text
  return facts.html
    ? `The provider answered with a web page instead of an API answer (status ${status}).`
    : `The provider answered with status ${status} and no readable error.`
}

/** Something may have been generated: the answer had begun, or it took so long that nobody can tell. */
const possiblyBilled = (signal: ResponseSignal): boolean =>
  signal.inStream || (signal.sent && [408, 499, 504, 524].includes(signal.status))

const waits: ReadonlySet<FailureClass> = new Set(['rate_limit', 'overloaded', 'transient', 'quota'])

export const classifyResponse = (signal: ResponseSignal): Failure => {
  const facts = factsOf(signal)
  const failureClass = classOf(facts, signal)
  const said = saidStatus(facts, failureClass)
  const status = said ?? STATUS_OF_CLASS[failureClass]
  const nameless = signal.inStream && said === undefined && failureClass === 'transient'
  const naming = nameless ? BROKEN_STREAM : namingOf(failureClass, status)
  return {
    class: failureClass,
    status: naming.status,
    exception: naming.exception,
    message: prefixed(naming, signal.provider.exception, shownText(facts, status)),
    type: naming.status === 429 ? 'throttling_error' : null,
    param: facts.param === undefined ? null : maskText(facts.param.slice(0, 256)),
    code: codeOf(facts, failureClass),
    retryAfterMs: waits.has(failureClass)
      ? retryAfterOf(signal.headers, facts.body, signal.wallNow)
      : undefined,
    detail: facts.detail === undefined ? undefined : maskDetail(facts.detail),
    possiblyBilled: possiblyBilled(signal),
  }
}
