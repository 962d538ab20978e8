import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { unsaid } from './read-json.ts'
import type { Usage } from './shape.ts'

/** The words of generateContent that requests, answers and streams share. Source: the published v1beta schema. */

const snakes = new Map<string, string>()

const snakeOf = (name: string): string => {
  const known = snakes.get(name)
  if (known !== undefined) return known
  const made = name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
  snakes.set(name, made)
  return made
}

/** One member by its camelCase name: the API takes snake_case as well. null is as good as absent. */
export const at = (object: JsonObject, name: string): Json | undefined =>
  object[name] ?? object[snakeOf(name)] ?? undefined

export const textAt = (object: JsonObject, name: string): string | undefined => {
  const value = at(object, name)
  return typeof value === 'string' ? value : undefined
}

export const objectAt = (object: JsonObject, name: string): JsonObject | undefined => {
  const value = at(object, name)
  return isObject(value) ? value : undefined
}

export const listAt = (object: JsonObject, name: string): readonly Json[] => {
  const value = at(object, name)
  return Array.isArray(value) ? value : []
}

/** The camelCase name of a member, however it is spelled. */
export const camelOf = (name: string): string =>
  name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())

/**
 * What stands where a signature must be and none is known: calls that another model made, or a history that a client
 * made up. Published for that purpose.
 */
export const NO_SIGNATURE = 'skip_thought_signature_validator'

const PLACEHOLDERS: ReadonlySet<string> = new Set([
  NO_SIGNATURE,
  Buffer.from(NO_SIGNATURE).toString('base64'),
  'context_engineering_is_the_way_to_go',
])

/** A signature that somebody issued; a placeholder is none. */
export const signatureOf = (part: JsonObject): string | undefined => {
  const signature = textAt(part, 'thoughtSignature')
  return signature === undefined || signature === '' || PLACEHOLDERS.has(signature) ? undefined : signature
}

const generationOf = (model: string): number | undefined => {
  const found = /gemini-(\d+)/.exec(model)?.[1]
  return found === undefined ? undefined : Number(found)
}

/** Models that refuse a call in the history without its signature, and take levels of thinking instead of budgets. */
export const isThird = (model: string): boolean => (generationOf(model) ?? 0) >= 3

/** Models that do not think at all. */
export const neverThinks = (model: string): boolean =>
  /gemini-(?:1|2\.0)|(?:^|[/-])gemma-[123]/.test(model) && !/thinking/.test(model)

/** Ends that a filter made. */
export const FILTERED: ReadonlySet<string> = new Set([
  'SAFETY',
  'RECITATION',
  'BLOCKLIST',
  'PROHIBITED_CONTENT',
  'SPII',
  'LANGUAGE',
  'IMAGE_SAFETY',
  'IMAGE_PROHIBITED_CONTENT',
  'IMAGE_RECITATION',
  'MODEL_ARMOR',
  'ESCALATION',
])

/** Ends of an answer that is none: the model, or what runs it, failed. */
const FAILED: ReadonlySet<string> = new Set([
  'OTHER',
  'MALFORMED_FUNCTION_CALL',
  'MALFORMED_RESPONSE',
  'UNEXPECTED_TOOL_CALL',
  'TOO_MANY_TOOL_CALLS',
  'MISSING_THOUGHT_SIGNATURE',
  'IMAGE_OTHER',
  'NO_IMAGE',
  'PUP_LIMITED_DISABLED',
])

/** Why a candidate ended; undefined while it goes on. */
export const finishOf = (candidate: JsonObject): string | undefined => {
  const reason = textAt(candidate, 'finishReason')
  return reason === '' || reason === 'FINISH_REASON_UNSPECIFIED' ? undefined : reason
}

/** The failure that a candidate ended with, as an error object; undefined: it did not fail. */
export const failureOf = (candidate: JsonObject): JsonObject | undefined => {
  const reason = finishOf(candidate)
  if (reason === undefined || !FAILED.has(reason)) return undefined
  const why = textAt(candidate, 'finishMessage')
  // It may be the request's doing (its tools, its prompt), so nobody rests for it.
  return unsaid(`The model ended with ${reason}${why ? `: ${why}` : '.'}`, 'empty_answer')
}

/** Why the prompt was not answered at all. */
export const blockOf = (answer: JsonObject): string | undefined => {
  const feedback = objectAt(answer, 'promptFeedback')
  return feedback === undefined ? undefined : textAt(feedback, 'blockReason')
}

export const candidatesIn = (answer: JsonObject): readonly JsonObject[] =>
  listAt(answer, 'candidates').filter(isObject)

export const partsIn = (candidate: JsonObject): readonly JsonObject[] =>
  listAt(objectAt(candidate, 'content') ?? {}, 'parts').filter(isObject)

const count = (value: Json | undefined): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined

/** usageMetadata. Thoughts are counted beside the candidates, tool prompts beside the prompt; what is 0 is left out. */
export const usageOfMetadata = (value: Json | undefined): Usage | undefined => {
  if (!isObject(value)) return undefined
  const read = (name: string): number | undefined => count(at(value, name))
  const prompt = read('promptTokenCount')
  const said = read('candidatesTokenCount')
  const total = read('totalTokenCount')
  if (prompt === undefined && said === undefined && total === undefined) return undefined
  const thoughts = read('thoughtsTokenCount')
  const cached = read('cachedContentTokenCount')
  return {
    inputTokens: (prompt ?? 0) + (read('toolUsePromptTokenCount') ?? 0),
    outputTokens: (said ?? 0) + (thoughts ?? 0),
    ...(cached === undefined ? {} : { cachedInputTokens: cached }),
    ...(thoughts === undefined ? {} : { reasoningTokens: thoughts }),
  }
}

export const metadataOf = (usage: Usage): JsonObject => {
  const thoughts = usage.reasoningTokens ?? 0
  return {
    promptTokenCount: usage.inputTokens,
    candidatesTokenCount: Math.max(0, usage.outputTokens - thoughts),
    ...(thoughts === 0 ? {} : { thoughtsTokenCount: thoughts }),
    ...(usage.cachedInputTokens === undefined ? {} : { cachedContentTokenCount: usage.cachedInputTokens }),
    totalTokenCount: usage.inputTokens + usage.outputTokens,
  }
}
