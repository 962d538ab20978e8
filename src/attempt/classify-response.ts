import { maskDetail, maskText } from '../dialects/error-mask.ts'
import { classAboveWords, classOfText } from '../dialects/error-phrases.ts'
import {
  BUDGET_WORDS,
  CALLER_WORDS,
  KEPT_CODES,
  STATUS_OF_WORD,
  STRONG_WORDS,
  WEAK_WORDS,
  wordOf,
} from '../dialects/error-words.ts'
import type { Failure, FailureClass } from '../failure.ts'
import { retryAfterOf } from './backoff.ts'
import { type Facts, factsOf } from './classify-facts.ts'
import { BROKEN_STREAM, namingOf, prefixed, STATUS_OF_CLASS } from './classify-name.ts'
import type { ResponseSignal } from './classify-signal.ts'

const ofStatus = (status: number, signal: ResponseSignal): FailureClass => {
  if (status === 404) return signal.resource === true ? 'caller_fault' : 'unsupported'
  if (status === 409) return signal.resource === true ? 'caller_fault' : 'transient'
  if (status === 401 || status === 403 || status === 407) return 'credential'
  if (status === 402) return 'quota'
  // An account that is suspended; nobody sends a condition with a prompt.
  if (status === 412) return signal.resource === true ? 'caller_fault' : 'credential'
  if (status === 405 || status === 501) return 'unsupported'
  if (status === 410) return 'model_gone'
  if (status === 429) return 'rate_limit'
  if (status === 529) return 'overloaded'
  // 498 is a wrong token to one provider and a full tier to another: alone it says neither.
  if (status === 408 || status === 424 || status === 425 || status === 498 || status === 499)
    return 'transient'
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

/** Parts of a request that are the prompt: one that is too long for its field does not fit the model either. */
const promptParam =
  /^(?:messages|input|prompt|instructions)(?:\[\d{1,6}\])?(?:\.content|\.text|\.output|\[\d{1,6}\])*$/

/**
 * Servers of OpenAI's dialect that have not heard of the trigger say so in the words of whatever reads their input. Who says
 * what it must be knows it.
 */
const unknownTrigger =
  /\b(?:invalid|unknown|unsupported|unexpected|unrecogni[sz]ed)\b[^.,]{0,60}\bcompaction_trigger\b(?![^.]{0,40}\bmust\b)|\bcompaction_trigger\b[^.]{0,60}\b(?:not (?:supported|allowed|valid|known|recogni[sz]ed|match|a valid)|unsupported|unknown)\b/i

/**
 * An item that this provider has not heard of: another one of the dialect may be newer, and an item may be what only the
 * client's own provider knows.
 */
const isUnknownItem = ({ words, param, message }: Facts): boolean =>
  unknownTrigger.test(message) ||
  (words.includes('invalid_value') &&
    /^input\[\d{1,6}\](?:\.type)?$/.test(param ?? '') &&
    /^invalid value: '/i.test(message))

/** This account may not stream this model, and another one may. */
const mayNotStream = ({ param, message }: Facts): boolean =>
  param === 'stream' && /^your organization must be verified\b/i.test(message)

const ofCallerWords = (facts: Facts): FailureClass | undefined => {
  if (isUnknownItem(facts) || mayNotStream(facts)) return 'unsupported'
  if (facts.words.includes('string_above_max_length') && promptParam.test((facts.param ?? '').slice(0, 256)))
    return 'context_window'
  return facts.words.some(word => CALLER_WORDS.has(word)) ? 'caller_fault' : undefined
}

/** 402 is money whatever word came with it, unless it says that only what is in flight holds the money. */
const ofPayment = (facts: Facts): FailureClass =>
  facts.words.some(word => BUDGET_WORDS.has(word)) ? 'rate_limit' : 'quota'

/**
 * Meaning before status: words that can only be about the request; money and safety in the text; every other decisive
 * word; the text; words that are believed only without a status; the status.
 */
const classOf = (facts: Facts, signal: ResponseSignal): FailureClass => {
  const callers = ofCallerWords(facts)
  if (callers !== undefined) return callers
  if (facts.status === 402) return ofPayment(facts)
  const said =
    classAboveWords(facts.message, facts.status) ??
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

/** Agents compact on this word, so providers that say it in prose get it too. */
const codeOf = (facts: Facts, failureClass: FailureClass): string | null => {
  if (failureClass === 'context_window') return 'context_length_exceeded'
  return facts.code !== undefined && KEPT_CODES.has(wordOf(facts.code)) ? facts.code : null
}

/** A prompt that does not fit is told in one form, whoever said it how. */
const typeOf = (failureClass: FailureClass, status: number): string | null => {
  if (failureClass === 'context_window') return 'invalid_request_error'
  return status === 429 ? 'throttling_error' : null
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

const shownText = (facts: Facts, status: number): string => {
  const text = maskText(facts.message)
  if (text !== '') return text
  // It is not followed: a request and its key go to the address that the operator wrote, and nowhere else.
  if (REDIRECTS.has(status))
    return `The provider answered with status ${status} (a redirect): api_base has to name where it leads.`
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
    message: prefixed(
      naming,
      signal.provider.exception,
      shownText(facts, signal.inStream ? status : signal.status),
    ),
    type: typeOf(failureClass, naming.status),
    param: facts.param === undefined ? null : maskText(facts.param.slice(0, 256)),
    code: codeOf(facts, failureClass),
    retryAfterMs: waits.has(failureClass)
      ? retryAfterOf(signal.headers, facts.body, signal.wallNow, failureClass === 'rate_limit')
      : undefined,
    detail: facts.detail === undefined ? undefined : maskDetail(facts.detail),
    possiblyBilled: possiblyBilled(signal),
  }
}
