import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import type { IdRule } from './call-ids.ts'
import { parseJson } from './read-json.ts'
import type { Usage } from './shape.ts'

/** What several parts of the Messages dialect share. */

/** `tool_use.id`, as the API checks it. */
export const CALL_ID: IdRule = { accepts: /^[a-zA-Z0-9_-]{1,64}$/, prefix: 'toolu_', length: 30 }

/** Where arguments stand that are no JSON object: `tool_use.input` has to be one. */
export const RAW_ARGUMENTS = 'raw_arguments'

const objectIn = (text: string): JsonObject | undefined => {
  const value = parseJson(text)
  return isObject(value) ? value : undefined
}

/** The input of a call as an object; a text that holds none goes along as it is. */
export const inputOf = (text: string): JsonObject =>
  text.trim() === '' ? {} : (objectIn(text) ?? { [RAW_ARGUMENTS]: text })

/** The other way: JSON text, or the text that was no JSON. */
export const textOfInput = (input: Json | undefined): string => {
  const object = isObject(input) ? input : {}
  const raw = object[RAW_ARGUMENTS]
  if (typeof raw === 'string' && Object.keys(object).length === 1 && objectIn(raw) === undefined) return raw
  return JSON.stringify(object)
}

const countIn = (value: Json | undefined): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined

/**
 * `usage` of an answer, of message_start or of message_delta: three counts of input that add up. undefined when it
 * tells neither input nor output: zeros are how this dialect, which demands numbers, says that nobody has counted.
 * Thinking is in the output.
 */
export const usageOf = (usage: Json | undefined): Usage | undefined => {
  if (!isObject(usage)) return undefined
  const own = countIn(usage.input_tokens)
  const cached = countIn(usage.cache_read_input_tokens)
  const written = countIn(usage.cache_creation_input_tokens)
  const output = countIn(usage.output_tokens)
  const input = (own ?? 0) + (cached ?? 0) + (written ?? 0)
  if (input === 0 && (output ?? 0) === 0) return undefined
  const details = usage.output_tokens_details
  const thinking = isObject(details) ? countIn(details.thinking_tokens) : undefined
  return {
    inputTokens: input,
    outputTokens: output ?? 0,
    ...(cached === undefined ? {} : { cachedInputTokens: cached }),
    ...(written === undefined ? {} : { cacheWriteTokens: written }),
    ...(thinking === undefined ? {} : { reasoningTokens: thinking }),
  }
}

/**
 * What a stream has told of its usage so far, and then: the input is counted at the start, the output at the end, where
 * the input may be told again. No answer has an input of nothing: 0 tells none.
 */
export const laterUsage = (before: Usage | undefined, now: Usage): Usage => {
  if (before === undefined) return now
  const input = now.inputTokens > 0 ? now : before
  const reasoning = now.reasoningTokens ?? before.reasoningTokens
  return {
    inputTokens: input.inputTokens,
    outputTokens: Math.max(before.outputTokens, now.outputTokens),
    ...(input.cachedInputTokens === undefined ? {} : { cachedInputTokens: input.cachedInputTokens }),
    ...(input.cacheWriteTokens === undefined ? {} : { cacheWriteTokens: input.cacheWriteTokens }),
    ...(reasoning === undefined ? {} : { reasoningTokens: reasoning }),
  }
}

/** Usage as the dialect writes it: what was read from a cache, or written to it, is not in `input_tokens`. */
export const writtenUsage = (usage: Usage | undefined): JsonObject => {
  const { inputTokens = 0, outputTokens = 0, reasoningTokens } = usage ?? {}
  const cached = usage?.cachedInputTokens ?? 0
  const written = usage?.cacheWriteTokens ?? 0
  return {
    input_tokens: Math.max(0, inputTokens - cached - written),
    cache_creation_input_tokens: written,
    cache_read_input_tokens: cached,
    output_tokens: outputTokens,
    ...(reasoningTokens === undefined ? {} : { output_tokens_details: { thinking_tokens: reasoningTokens } }),
  }
}
