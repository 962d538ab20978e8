import { isObject, type Json, type JsonObject } from '../wire/json.ts'

const asText = (value: Json | undefined): string | undefined => {
  if (typeof value === 'string') return value
  return value === undefined || value === null ? undefined : JSON.stringify(value)
}

/**
 * OpenAI-compatible servers do not all answer errors in OpenAI's shape: some put the members at the top
 * (vLLM, Mistral), some answer `{"error": "text"}`, web frameworks answer `{"detail": …}`. Returns undefined when the
 * body has an OpenAI-style error object already, or is no JSON object at all.
 */
export const plainErrorOf = (
  _status: number,
  _headers: Readonly<Record<string, string>>,
  body: Uint8Array,
): JsonObject | undefined => {
  let answer: Json
  try {
    answer = JSON.parse(new TextDecoder().decode(body)) as Json
  } catch {
    return undefined
  }
  if (!isObject(answer) || isObject(answer.error)) return undefined
  const message = asText(answer.error) ?? asText(answer.message) ?? asText(answer.detail)
  if (message === undefined) return undefined
  return {
    message,
    type: asText(answer.type) ?? null,
    param: asText(answer.param) ?? null,
    code: asText(answer.code) ?? null,
  }
}
