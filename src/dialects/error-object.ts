import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { listOf, objectOf, textOf } from './read-json.ts'

/**
 * Where a provider's error is inside what it sent. Shapes seen in the wild:
 *   {error: {message, type, param, code}}           OpenAI and everything that follows it; Azure adds innererror
 *   {error: 'text'}  {code: 'word', error: 'text'}  Ollama, Hugging Face; xAI
 *   {type: 'error', error: {type, message}}         Anthropic
 *   {error: {code: 429, status, message, details}}  Gemini; its streams wrap it in an array
 *   {object: 'error', message, type, code}          Mistral, older vLLM and SGLang
 *   {message}  {Message}                            Bedrock, Cohere
 *   {detail: 'text'}  {detail: [{loc, msg}]}        FastAPI servers
 *   {errors: [{message, code}]}                     Cloudflare
 */

/** `detail` of FastAPI: its `input` echoes the caller's prompt and is left out. */
const detailText = (detail: Json | undefined): string | undefined => {
  const entries = listOf(detail)
  if (entries === undefined) return textOf(detail) ?? textOf(objectOf(detail)?.message)
  const lines = entries.slice(0, 8).flatMap(entry => {
    const message = textOf(objectOf(entry)?.msg)
    const place = listOf(objectOf(entry)?.loc)
    return message === undefined
      ? []
      : [place === undefined ? message : `${place.slice(0, 8).join('.')}: ${message}`]
  })
  return lines.length === 0 ? undefined : lines.join('; ')
}

const withOuterWord = (error: JsonObject, outer: JsonObject): JsonObject => {
  const code = outer.code
  return error.code == null && (typeof code === 'string' || typeof code === 'number')
    ? { ...error, code }
    : error
}

/** The value of an `error` member: an object, a text, or (some proxies) a JSON text of the same. */
const fromMember = (error: Json, outer: JsonObject): JsonObject | undefined => {
  if (isObject(error)) return withOuterWord(error, outer)
  if (typeof error === 'string' && error !== '') return withOuterWord({ message: error }, outer)
  const first = listOf(error)?.[0]
  return first === undefined || Array.isArray(first) ? undefined : fromMember(first, outer)
}

const fromFlat = (value: JsonObject): JsonObject | undefined => {
  if (textOf(value.message) !== undefined) return value
  const message = textOf(value.Message) ?? detailText(value.detail) ?? textOf(value.msg)
  return message === undefined ? undefined : { ...value, message }
}

/**
 * The error object inside a body that is known to be an error (status ≥ 400, or an `error` event), members as the
 * provider wrote them, `message` filled in when there is any text. Undefined when nothing in it reads like an error.
 */
export const errorObjectOf = (body: Json | undefined): JsonObject | undefined => {
  const value = Array.isArray(body) ? body[0] : body
  if (!isObject(value)) return undefined
  for (const key of ['error', 'errors']) {
    const inner = value[key]
    if (inner === undefined || inner === null) continue
    const found = fromMember(inner, value)
    if (found !== undefined) return found
  }
  return fromFlat(value)
}

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
  if (answer.object === 'error' || answer.type === 'error') return fromFlat(answer)
  return undefined
}
