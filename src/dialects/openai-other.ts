import type { JsonObject } from '../wire/json.ts'
import { errorObjectOf, saidError } from './error-object.ts'
import { calmData, errorWithoutData } from './openai-images.ts'
import { listOf, unsaid, usageFrom } from './read-json.ts'
import { ALWAYS, type Shape } from './shape.ts'

const usageOf: Shape['usageOf'] = answer => usageFrom(answer.usage)

export const embeddings: Shape = {
  name: 'embeddings',
  errorInside: errorWithoutData,
  calm: calmData,
  hedge: ALWAYS,
  usageOf,
  stream: undefined,
}

const withoutResults = (answer: JsonObject): JsonObject =>
  errorObjectOf(answer) ?? unsaid('The provider answered without results.', 'empty_answer')

export const moderations: Shape = {
  name: 'moderations',
  // Every input gets its verdict.
  errorInside: answer =>
    (listOf(answer.results)?.length ?? 0) > 0 ? saidError(answer) : withoutResults(answer),
  hedge: ALWAYS,
  usageOf: () => undefined,
  stream: undefined,
}

/** Billed search units (`meta.billed_units`) are not tokens; only a `usage` object counts. */
export const rerank: Shape = {
  name: 'rerank',
  // An empty list is an answer here: nothing was near enough.
  errorInside: answer =>
    listOf(answer.results) !== undefined || listOf(answer.data) !== undefined
      ? saidError(answer)
      : withoutResults(answer),
  hedge: ALWAYS,
  usageOf,
  stream: undefined,
}

/** Jobs and files have an `error` member of their own: only an answer that is nothing but an error is one. */
const errorInResource = (answer: JsonObject): JsonObject | undefined =>
  Object.hasOwn(answer, 'id') || (Object.hasOwn(answer, 'object') && answer.object !== 'error')
    ? undefined
    : saidError(answer)

export const resource: Shape = {
  name: 'resource',
  errorInside: errorInResource,
  usageOf: () => undefined,
  stream: undefined,
}

/** Bytes that nobody reads here. */
export const raw: Shape = {
  name: 'raw',
  errorInside: () => undefined,
  usageOf: () => undefined,
  stream: undefined,
}
