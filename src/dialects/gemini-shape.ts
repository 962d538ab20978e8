import { isObject, type JsonObject } from '../wire/json.ts'
import type { Peek } from './continuation.ts'
import { errorObjectOf } from './error-object.ts'
import { sightOfOther } from './event-failure.ts'
import { geminiContinuation } from './gemini-continuation.ts'
import { NO_CANDIDATE, NO_TOKEN, speaks, withoutToken } from './gemini-empty.ts'
import { errorIn, geminiErrorFrame, tellGemini } from './gemini-error.ts'
import { at, blockOf, candidatesIn, FILTERED, failureOf, finishOf, usageOfMetadata } from './gemini-words.ts'
import { isPing, lifecycle, parseJson, seen, someEvent, unsaid } from './read-json.ts'
import type { Shape, Sight, StreamEvent } from './shape.ts'

/** What the engine must know of the answers of generateContent and its like. */

const sightOf = (event: StreamEvent): Sight => {
  if (event.data === undefined || isPing(event)) return lifecycle
  const chunk = parseJson(event.data)
  const error = errorIn(chunk)
  if (error !== undefined) return { kind: 'error', error }
  if (!isObject(chunk)) return sightOfOther(event, chunk)
  const candidates = candidatesIn(chunk)
  const failure = candidates.map(failureOf).find(found => found !== undefined)
  if (failure !== undefined) return { kind: 'error', error: failure }
  const usage = usageOfMetadata(at(chunk, 'usageMetadata'))
  const finished = candidates.flatMap((candidate, place) => {
    const index = at(candidate, 'index')
    return finishOf(candidate) === undefined ? [] : [typeof index === 'number' ? index : place]
  })
  const said = candidates.some(speaks)
  if (finished.length > 0)
    return {
      kind: 'final',
      finished,
      ...(usage === undefined ? {} : { usage }),
      ...(said ? { speaks: true } : {}),
    }
  if (candidates.length === 0 && blockOf(chunk) !== undefined) return seen('final', usage)
  return seen(said ? 'content' : 'lifecycle', usage)
}

/** It has content, or a reason why there is none. */
const isCandidate = (candidate: JsonObject): boolean =>
  isObject(at(candidate, 'content') ?? null) || finishOf(candidate) !== undefined

const errorInside = (answer: JsonObject): JsonObject | undefined => {
  const said = errorIn(answer)
  if (said !== undefined) return said
  const candidates = candidatesIn(answer)
  if (!candidates.some(isCandidate)) return blockOf(answer) === undefined ? NO_CANDIDATE : undefined
  const failure = candidates.map(failureOf).find(found => found !== undefined)
  return failure ?? (withoutToken(candidates, answer) ? NO_TOKEN : undefined)
}

const emptyEnd = (events: readonly StreamEvent[]): JsonObject | undefined => {
  const chunks = events.map(({ data }) => parseJson(data ?? '')).filter(isObject)
  const candidates = chunks.flatMap(candidatesIn)
  if (candidates.length === 0)
    return chunks.some(chunk => blockOf(chunk) !== undefined) ? undefined : NO_CANDIDATE
  // Only the last chunk of a candidate says why it ended.
  const ended = candidates.filter(candidate => finishOf(candidate) !== undefined)
  const last = chunks.findLast(chunk => at(chunk, 'usageMetadata') !== undefined)
  return !candidates.some(speaks) && last !== undefined && withoutToken(ended, last) ? NO_TOKEN : undefined
}

const filtered = (answer: JsonObject): boolean => {
  const candidates = candidatesIn(answer)
  if (candidates.length === 0) return blockOf(answer) !== undefined
  return candidates.some(candidate => FILTERED.has(finishOf(candidate) ?? ''))
}

/** generationConfig.candidateCount: a stream is whole when so many candidates have ended. */
const answersIn = (peek: Peek): number => {
  const config = peek('generationConfig') ?? peek('generation_config')
  const count = isObject(config) ? at(config, 'candidateCount') : undefined
  return typeof count === 'number' && count > 1 ? Math.floor(count) : 1
}

export const gemini: Shape = {
  name: 'gemini',
  errorInside,
  filtered,
  usageOf: answer => usageOfMetadata(at(answer, 'usageMetadata')),
  tell: tellGemini,
  modelKey: 'modelVersion',
  answersIn,
  stream: {
    sight: sightOf,
    errorFrame: (error, _state, of) => geminiErrorFrame(error, of),
    emptyEnd,
    filtered: someEvent(filtered),
    // A candidate that has said why it ended is whole; nothing follows in this dialect.
    // Not speaksSoon: these models think before their first word without being asked to, and show none of it.
    endsWithoutTerminal: true,
    endsByReason: true,
    continuation: geminiContinuation,
  },
}

/** `{totalTokens}`: a number, or an error. */
export const geminiTokens: Shape = {
  name: 'gemini_tokens',
  estimated: true,
  errorInside: answer =>
    errorIn(answer) ??
    (typeof at(answer, 'totalTokens') === 'number'
      ? undefined
      : (errorObjectOf(answer) ?? unsaid('The provider answered without a count.', 'empty_answer'))),
  usageOf: () => undefined,
  tell: tellGemini,
  stream: undefined,
}
