import { Unsupported } from '../providers/provider.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { errorObjectOf } from './error-object.ts'
import { errorIn, tellGemini } from './gemini-error.ts'
import { at, usageOfMetadata } from './gemini-words.ts'
import type { Losses } from './losses.ts'
import { listOf, objectOf, textOf, unsaid } from './read-json.ts'
import type { Shape } from './shape.ts'

/** `:embedContent` and `:batchEmbedContents`, as Google's clients ask for vectors, for everybody who makes any. */

const isVector = (value: Json | undefined): boolean => listOf(objectOf(value)?.values) !== undefined

/** `{embedding}` or `{embeddings}`: a vector, or an error. */
export const geminiVectors: Shape = {
  name: 'gemini_vectors',
  errorInside: answer =>
    errorIn(answer) ??
    ([answer.embedding, ...(listOf(answer.embeddings) ?? [])].some(isVector)
      ? undefined
      : (errorObjectOf(answer) ?? unsaid('The provider answered without a vector.', 'empty_answer'))),
  usageOf: answer => usageOfMetadata(at(answer, 'usageMetadata')),
  tell: tellGemini,
  stream: undefined,
}

const textIn = (content: Json | undefined, path: string): string => {
  const parts = listOf(objectOf(content)?.parts) ?? []
  const texts = parts.map(part => (isObject(part) ? textOf(part.text) : undefined))
  const text = texts.join('')
  if (text === '' || texts.some(one => one === undefined))
    throw new Unsupported(`'${path}' has to be text: other content is for Google's own models`, path)
  return text
}

/** One value for the whole list: others have one request for all of it. */
const common = (requests: readonly JsonObject[], name: string): Json | undefined => {
  const values = requests.map(request => at(request, name) ?? null)
  if (values.some(value => value !== values[0]))
    throw new Unsupported(
      `'requests[*].${name}' differs between the texts of one call`,
      `requests[*].${name}`,
    )
  return values[0] ?? undefined
}

/** What it reads of a request for one vector; the model is in the path, and in the list again. */
const READ: ReadonlySet<string> = new Set(['model', 'content', 'outputDimensionality', 'taskType', 'title'])

const AIMS = [
  ['task_type', 'taskType'],
  ['title', 'title'],
] as const

const requestsIn = ({ requests }: JsonObject): readonly JsonObject[] => {
  const list = listOf(requests) ?? []
  if (list.length === 0 || !list.every(isObject))
    throw new Unsupported("'requests' has to be a list of requests, each with its 'content'", 'requests')
  return list
}

type How = {
  /** `:batchEmbedContents`: a list of requests. */
  readonly batch: boolean
  /** What a vector is for has a name there. */
  readonly purposes: boolean
  readonly losses: Losses
}

/** The request as OpenAI's clients write it. Throws Unsupported. */
export const readVectorRequest = (body: JsonObject, { batch, purposes, losses }: How): JsonObject => {
  const requests = batch ? requestsIn(body) : [body]
  const dimensions = common(requests, 'outputDimensionality')
  const aims: Record<string, Json> = {}
  for (const [name, own] of AIMS) {
    const value = common(requests, own)
    if (value === undefined) continue
    if (purposes) aims[name] = value
    else losses.lose(name)
  }
  for (const name of requests.flatMap(Object.keys)) if (!READ.has(name)) losses.lose(name)
  const path = batch ? 'requests[*].content' : 'content'
  return {
    input: requests.map(request => textIn(request.content, path)),
    encoding_format: 'float',
    ...(dimensions === undefined ? {} : { dimensions }),
    ...aims,
  }
}

/** OpenAI's answer as Google's; undefined: it is none. */
export const writeVectorAnswer = (answer: JsonObject, batch: boolean): JsonObject | undefined => {
  const data = listOf(answer.data)?.filter(isObject)
  if (data === undefined || data.length === 0) return undefined
  const vectors = data.map(({ embedding }) => ({ values: embedding ?? [] }))
  const tokens = objectOf(answer.usage)?.prompt_tokens
  const usage =
    typeof tokens === 'number' ? { usageMetadata: { promptTokenCount: tokens, totalTokenCount: tokens } } : {}
  return { ...(batch ? { embeddings: vectors } : { embedding: vectors[0] ?? { values: [] } }), ...usage }
}
