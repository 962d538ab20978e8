import { parseExact } from '../wire/exact-json.ts'
import type { Span } from '../wire/index.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import type { Sight, StreamEvent, Usage } from './shape.ts'

/** Readers for JSON that somebody else wrote: every one is total and answers undefined for what is not there. */

export const textOf = (value: Json | undefined): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined

/** A value of any kind within a sentence. */
export const spelled = (value: Json | undefined): string =>
  typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value)

export const listOf = (value: Json | undefined): readonly Json[] | undefined =>
  Array.isArray(value) ? value : undefined

export const objectOf = (value: Json | undefined): JsonObject | undefined =>
  isObject(value) ? value : undefined

const countOf = (value: Json | undefined): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined

/** Undefined when the text is not JSON. */
export const parseJson = (text: string): Json | undefined => {
  try {
    return parseExact(text)
  } catch {
    return undefined
  }
}

/** Asks of each event whether `test` holds for the object in it, or for its member `within`. */
export const someEvent =
  (test: (value: JsonObject) => boolean, within?: string) =>
  (events: readonly StreamEvent[]): boolean =>
    events.some(({ data }) => {
      const whole = objectOf(parseJson(data ?? ''))
      const value = within === undefined ? whole : objectOf(whole?.[within])
      return value !== undefined && test(value)
    })

/**
 * All that was written. Most count what was thought within the completion; who counts it beside is known by the total,
 * which then holds all three (xAI).
 */
const writtenOf = (output: number, reasoning: number | undefined, rest: number | undefined): number =>
  reasoning !== undefined && reasoning > 0 && rest === output + reasoning ? rest : output

/**
 * The `usage` object of any OpenAI dialect. Chat says prompt_tokens/completion_tokens, Responses, images and
 * transcription say input_tokens/output_tokens; transcription may say `{type: 'duration', seconds}` instead.
 * Undefined when it holds no count.
 */
export const usageFrom = (value: Json | undefined): Usage | undefined => {
  if (!isObject(value)) return undefined
  const total = countOf(value.total_tokens)
  const output = countOf(value.output_tokens) ?? countOf(value.completion_tokens)
  const input = countOf(value.input_tokens) ?? countOf(value.prompt_tokens)
  const seconds = countOf(value.seconds)
  if (input === undefined && output === undefined && total === undefined && seconds === undefined)
    return undefined
  const before = objectOf(value.input_tokens_details) ?? objectOf(value.prompt_tokens_details)
  const after = objectOf(value.output_tokens_details) ?? objectOf(value.completion_tokens_details)
  const cached = countOf(before?.cached_tokens) ?? countOf(value.prompt_cache_hit_tokens)
  const written = countOf(before?.cache_write_tokens)
  const reasoning = countOf(after?.reasoning_tokens)
  return {
    inputTokens: input ?? Math.max(0, (total ?? 0) - (output ?? 0)),
    outputTokens: writtenOf(
      output ?? 0,
      reasoning,
      total === undefined || input === undefined ? undefined : total - input,
    ),
    ...(cached === undefined ? {} : { cachedInputTokens: cached }),
    ...(written === undefined ? {} : { cacheWriteTokens: written }),
    ...(reasoning === undefined ? {} : { reasoningTokens: reasoning }),
    ...(seconds === undefined ? {} : { audioSeconds: seconds }),
  }
}

export const lifecycle: Sight = { kind: 'lifecycle' }
export const content: Sight = { kind: 'content' }
export const terminal: Sight = { kind: 'terminal' }

/** Bytes that begin a list whose first value is an object: it has something in it. */
export const listsObjects = (bytes: Uint8Array, { start, end }: Span): boolean => {
  if (bytes[start] !== 0x5b) return false
  let at = start + 1
  while (at < end && (bytes[at] ?? 0) <= 0x20) at += 1
  return bytes[at] === 0x7b
}

/** A sight with the usage that came along, if any. */
export const seen = (kind: 'lifecycle' | 'content' | 'final' | 'terminal', usage?: Usage): Sight =>
  usage === undefined ? { kind } : { kind, usage }

/** A made-up error object, for an answer that is an error without saying so. */
export const unsaid = (message: string, code: string): JsonObject => ({
  message,
  type: 'server_error',
  param: null,
  code,
})

export const malformedEvent: Sight = {
  kind: 'error',
  error: unsaid('The provider sent an event that is not JSON.', 'malformed_event'),
}

export const isDone = (data: string): boolean =>
  data === '[DONE]' || (data.length < 16 && data.trim() === '[DONE]')

/** Comment blocks, empty data and the pings that some servers spell as events. */
export const isPing = (event: StreamEvent): boolean =>
  event.data === undefined || event.data === '' || event.event === 'ping' || event.event === 'keepalive'
