import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { parseJson } from './read-json.ts'

/** Longer bodies are not error messages; their beginning is read as text. */
const LONGEST_BODY = 256 * 1024
const READ_OF_LONGER = 16 * 1024

/** What an error body is, whatever its content type says. */
export type ErrorBodyText =
  | { readonly kind: 'json'; readonly value: Json }
  /** JSON that was cut off, or has something after it: the members that could still be read. */
  | { readonly kind: 'torn'; readonly value: JsonObject }
  | { readonly kind: 'html' }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'empty' }

const looksLikeHtml = (text: string): boolean =>
  /^\s{0,256}<(?:!doctype|html|head|body|\?xml|center|h[1-6]|title|div|p)\b/i.test(text)

/** The first event whose data is JSON. */
const inEvents = (text: string): Json | undefined => {
  if (!/^\s{0,64}(?:event|data|id|retry)?:/.test(text)) return undefined
  for (const line of text.split(/\r\n|\r|\n/, 64)) {
    const value = line.startsWith('data:') ? parseJson(line.slice(5)) : undefined
    if (value !== undefined) return value
  }
  return undefined
}

/** Members by which errors are told apart, at their first place; a quotation inside a text has its quotes escaped. */
const member =
  /"(message|code|type|status|reason|__type|param)"\s{0,8}:\s{0,8}(?:"((?:[^"\\]|\\.){0,4096})|(\d{3})\b)/g

const inTornJson = (text: string): JsonObject | undefined => {
  if (!/^\s{0,64}[[{]/.test(text)) return undefined
  const found: Record<string, Json> = {}
  for (const [, name = '', said, number] of text.slice(0, READ_OF_LONGER).matchAll(member)) {
    if (Object.hasOwn(found, name)) continue
    found[name] =
      number === undefined
        ? (said ?? '').replace(/\\(.)/g, (_, char) => (char === 'n' ? '\n' : char))
        : Number(number)
  }
  return Object.keys(found).length === 0 ? undefined : found
}

/** Reads a body of any kind: JSON, a stream of events, lines of JSON, cut JSON, a web page, plain text, nothing. */
export const readErrorBody = (bytes: Uint8Array | undefined): ErrorBodyText => {
  if (bytes === undefined || bytes.length === 0) return { kind: 'empty' }
  const text = new TextDecoder().decode(
    bytes.length > LONGEST_BODY ? bytes.subarray(0, READ_OF_LONGER) : bytes,
  )
  const whole = parseJson(text)
  if (whole !== undefined) return { kind: 'json', value: whole }
  if (text.trim() === '') return { kind: 'empty' }
  if (looksLikeHtml(text)) return { kind: 'html' }
  const firstLine = text.slice(0, READ_OF_LONGER).trimStart().split('\n', 1)[0] ?? ''
  const value =
    inEvents(text.slice(0, READ_OF_LONGER)) ??
    (isObject(parseJson(firstLine)) ? parseJson(firstLine) : undefined)
  if (value !== undefined) return { kind: 'json', value }
  const torn = inTornJson(text)
  return torn === undefined ? { kind: 'text', text } : { kind: 'torn', value: torn }
}
