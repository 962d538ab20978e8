import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { listOf, objectOf, parseJson, textOf } from './read-json.ts'

/**
 * Where a provider's error is inside what it sent. Shapes seen in the wild:
 *   {error: {message, type, param, code}}           OpenAI and everything that follows it; Azure adds innererror
 *   {error: 'text'}  {code: 'word', error: 'text'}  Ollama, Hugging Face; xAI
 *   {type: 'error', error: {type, message}}         Anthropic
 *   {error: {code: 429, status, message, details}}  Gemini; its streams wrap it in an array
 *   {object: 'error', message, type, code}          Mistral, older vLLM and SGLang; Mistral's message may be an object
 *   {message}  {Message}                            Bedrock, Cohere
 *   {statusCode, message}                           Azure API Management
 *   {detail: 'text'}  {detail: [{loc, msg}]}        FastAPI servers
 *   {title, status, detail}                         RFC 9457
 *   {errors: [{message, code}]}                     Cloudflare
 *   {error_code, message}                           Databricks
 *   {base_resp: {status_code, status_msg}}          MiniMax, behind a 200
 *   {promptFeedback: {blockReason}}, {candidates: [{finishReason}]} without content    Gemini, behind a 200
 * A relay puts the error of the provider behind it into `message` or `metadata.raw` as JSON text (`layersOf`).
 */

/** An error inside an error inside an error is the most that was seen. */
const DEEPEST = 4

/** Where a text may be, the most telling first. */
const TEXT_KEYS = [
  'message',
  'Message',
  'error',
  'msg',
  'detail',
  'error_message',
  'errorMessage',
  'error_msg',
  'faultstring',
  'error_description',
  'title',
] as const

/** Anything else may have no text form: `{"toString": 0}` throws when it is made one. */
const isName = (step: Json): step is string | number => typeof step === 'string' || typeof step === 'number'

/** A text, or the texts inside an object or a list. FastAPI's `input` echoes the caller's prompt and is left out. */
const textIn = (value: Json | undefined, depth = 4): string | undefined => {
  if (typeof value === 'string') return textOf(value)
  if (depth === 0 || typeof value !== 'object' || value === null) return undefined
  if (isObject(value)) {
    for (const key of TEXT_KEYS) {
      const found = textIn(value[key], depth - 1)
      if (found !== undefined) return found
    }
    return undefined
  }
  const lines = value.slice(0, 8).flatMap(entry => {
    const message = textIn(entry, depth - 1)
    const place = (listOf(objectOf(entry)?.loc) ?? []).slice(0, 8).filter(isName)
    if (message === undefined) return []
    return [place.length === 0 ? message : `${place.join('.')}: ${message}`]
  })
  return lines.length === 0 ? undefined : lines.join('; ')
}

const withOuterWord = (error: JsonObject, outer: JsonObject): JsonObject => {
  const code = outer.code
  return error.code == null && (typeof code === 'string' || typeof code === 'number')
    ? { ...error, code }
    : error
}

/** The value of an `error` member: an object, a text, or a list of either. */
const fromMember = (error: Json, outer: JsonObject): JsonObject | undefined => {
  if (isObject(error)) return withOuterWord(error, outer)
  if (typeof error === 'string' && error !== '') return withOuterWord({ message: error }, outer)
  const first = listOf(error)?.[0]
  return first === undefined || Array.isArray(first) ? undefined : fromMember(first, outer)
}

/** Ends of an answer that mean that a filter took it. */
const FILTERED: ReadonlySet<string> = new Set([
  'SAFETY',
  'RECITATION',
  'BLOCKLIST',
  'PROHIBITED_CONTENT',
  'SPII',
  'IMAGE_SAFETY',
  'IMAGE_PROHIBITED_CONTENT',
  'LANGUAGE',
])

const speaks = (candidate: Json): boolean => {
  const parts = listOf(objectOf(objectOf(candidate)?.content)?.parts)
  return parts !== undefined && parts.length > 0
}

/** An answer of the Gemini dialect that a filter took, or that has no part. */
const fromCandidates = (value: JsonObject): JsonObject | undefined => {
  const candidates = listOf(value.candidates) ?? []
  const blocked = textOf(objectOf(value.promptFeedback)?.blockReason)
  if (blocked !== undefined && candidates.length === 0)
    return { message: `The prompt was blocked (${blocked}).`, code: 'content_filter' }
  if (candidates.length === 0 || candidates.some(speaks)) return undefined
  const reason = textOf(objectOf(candidates[0])?.finishReason) ?? 'no reason given'
  return FILTERED.has(reason)
    ? { message: `The answer was blocked (${reason}).`, code: 'content_filter' }
    : { message: `The provider answered without content (${reason}).`, code: 'empty_answer' }
}

/** MiniMax counts its failures beside an answer that has nothing in it; 0 is none. */
const fromBase = ({ base_resp: told }: JsonObject): JsonObject | undefined => {
  const base = objectOf(told)
  const message = textOf(base?.status_msg)
  return base === undefined || base.status_code === 0 || message === undefined
    ? undefined
    : { message, code: base.status_code ?? null }
}

const fromFlat = (value: JsonObject, depth: number): JsonObject | undefined => {
  if (textOf(value.message) !== undefined) return value
  const base = fromBase(value)
  if (base !== undefined) return base
  const inner = objectOf(value.detail) ?? objectOf(value.fault)
  const nested = inner === undefined || depth === 0 ? undefined : errorIn(inner, depth - 1)
  if (nested !== undefined) return nested
  const message = textIn(value)
  return message === undefined ? fromCandidates(value) : { ...value, message }
}

const errorIn = (body: Json | undefined, depth: number): JsonObject | undefined => {
  const value = Array.isArray(body) ? body[0] : body
  if (!isObject(value)) return undefined
  for (const key of ['error', 'errors']) {
    const inner = value[key]
    if (inner === undefined || inner === null) continue
    const found = fromMember(inner, value)
    if (found !== undefined) return found
  }
  return fromFlat(value, depth)
}

/**
 * The error object inside a body that is known to be an error (status ≥ 400, or an `error` event), members as the
 * provider wrote them, `message` filled in when there is any text. Undefined when nothing in it reads like an error.
 */
export const errorObjectOf = (body: Json | undefined): JsonObject | undefined => errorIn(body, DEEPEST)

/**
 * The error object inside an answer that should have been a success: only what cannot be anything else.
 * A null, empty or absent `error` is normal in several dialects.
 */
export const saidError = (answer: JsonObject): JsonObject | undefined => {
  const error = answer.error
  if (error !== undefined && error !== null && error !== false) {
    const found = fromMember(error, answer)
    if (found !== undefined && Object.keys(found).length > 0) return found
  }
  if (answer.object === 'error' || answer.type === 'error') return fromFlat(answer, DEEPEST)
  return fromBase(answer)
}

/** Longer texts are no error that somebody passed on. */
const LONGEST_NESTED = 64 * 1024

/** Only a text that is JSON as a whole: a message that quotes some is about something else. */
const errorInText = (text: string | undefined): JsonObject | undefined =>
  text !== undefined && text.length <= LONGEST_NESTED && /^\s{0,64}[[{]/.test(text)
    ? errorObjectOf(parseJson(text))
    : undefined

/** The error that this one was made from. */
const behind = (error: JsonObject): JsonObject | undefined => {
  const raw = objectOf(error.metadata)?.raw
  if (isObject(raw)) return errorObjectOf(raw)
  const text = textOf(raw)
  // A page of HTML says nothing that the outer error does not say.
  const passedOn =
    errorInText(text) ?? (text === undefined || /^\s{0,64}</.test(text) ? undefined : { message: text })
  return passedOn ?? errorInText(textOf(error.message)) ?? objectOf(error.error)
}

/**
 * An error and those it was made from, the innermost first: a relay says in general words what the provider behind it
 * said exactly. At most four.
 */
export const layersOf = (error: JsonObject): readonly JsonObject[] => {
  const layers: JsonObject[] = [error]
  for (let inner = behind(error); inner !== undefined && layers.length < DEEPEST; inner = behind(inner))
    layers.unshift(inner)
  return layers
}

/** The text of one layer; undefined when it has none, or when its text is the error behind it. */
export const messageOf = (error: JsonObject): string | undefined => {
  const message = textOf(error.message) ?? textIn(error.message) ?? textIn(error)
  return errorInText(message) === undefined ? message : undefined
}
