import type { JsonObject } from '../wire/json.ts'
import { saidError } from './error-object.ts'
import { errorWithoutData } from './openai-images.ts'
import { unsaid, usageFrom } from './read-json.ts'
import type { Shape } from './shape.ts'

const usageOf: Shape['usageOf'] = answer => usageFrom(answer.usage)

export const embeddings: Shape = {
  name: 'embeddings',
  errorInside: errorWithoutData,
  usageOf,
  stream: undefined,
}

export const moderations: Shape = {
  name: 'moderations',
  errorInside: answer =>
    saidError(answer) ??
    (Object.hasOwn(answer, 'results')
      ? undefined
      : unsaid('The provider answered without results.', 'empty_answer')),
  usageOf: () => undefined,
  stream: undefined,
}

/** Billed search units (`meta.billed_units`) are not tokens; only a `usage` object counts. */
export const rerank: Shape = { name: 'rerank', errorInside: saidError, usageOf, stream: undefined }

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
