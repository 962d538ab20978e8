import { Unsupported } from '../providers/provider.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { FailedAnswer } from './bridge.ts'
import type { Losses } from './losses.ts'
import { unsaid } from './read-json.ts'

/** Embeddings as OpenAI's clients ask for them and read them, for providers that have another form. */

export type EmbeddingRequest = {
  readonly texts: readonly string[]
  readonly dimensions: number | undefined
  /** Vectors go out as base64 of 32-bit floats, which is what OpenAI's own clients ask for. */
  readonly base64: boolean
  /** What has no name of its own here: a wire takes what it knows. */
  readonly rest: JsonObject
}

export type Vectors = {
  readonly vectors: readonly (readonly number[])[]
  /** Of the whole input; undefined: the provider did not say. */
  readonly tokens: number | undefined
}

/** How one kind of model is asked for embeddings. */
export type EmbeddingWire = {
  /** Texts in one request. Default: the provider's own limit. */
  readonly most?: number
  readonly write: (request: EmbeddingRequest, losses: Losses) => JsonObject
  /** undefined: this is no answer of this wire. */
  readonly read: (answer: JsonObject) => Vectors | undefined
}

const NAMED: ReadonlySet<string> = new Set(['model', 'input', 'dimensions', 'encoding_format', 'user'])

const textsOf = (input: Json | undefined): readonly string[] => {
  if (typeof input === 'string') return [input]
  if (Array.isArray(input) && input.length > 0 && input.every(one => typeof one === 'string')) return input
  throw new Unsupported(
    "'input' has to be a text or a list of texts: tokens are of OpenAI's vocabulary",
    'input',
  )
}

/** Throws Unsupported for an input that is not text. */
export const readEmbeddings = (body: JsonObject, losses: Losses): EmbeddingRequest => {
  const { dimensions, encoding_format: format, user } = body
  if (user !== undefined && user !== null) losses.warn('user', 'the provider takes no name of an end user')
  return {
    texts: textsOf(body.input),
    dimensions: typeof dimensions === 'number' ? dimensions : undefined,
    base64: format === 'base64',
    rest: Object.fromEntries(
      Object.entries(body).filter(([key, value]) => !NAMED.has(key) && value !== null),
    ),
  }
}

/** The members of `rest` that this wire knows, by its own names; the others are lost. */
export const known = (
  rest: JsonObject,
  names: Readonly<Record<string, string>>,
  losses: Losses,
): JsonObject => {
  const taken: Record<string, Json> = {}
  for (const [key, value] of Object.entries(rest)) {
    const name = Object.hasOwn(names, key) ? names[key] : undefined
    if (name === undefined) losses.lose(key)
    else taken[name] = value
  }
  return taken
}

/** A list of numbers; undefined for anything else. */
export const vectorIn = (value: Json | undefined): readonly number[] | undefined =>
  Array.isArray(value) && value.length > 0 && value.every(one => typeof one === 'number') ? value : undefined

/** All of them, or undefined. */
export const allIn = (values: readonly (Json | undefined)[]): readonly (readonly number[])[] | undefined => {
  const vectors = values.map(vectorIn)
  return vectors.every(vector => vector !== undefined) ? vectors : undefined
}

const encoded = (vector: readonly number[], base64: boolean): Json =>
  base64 ? Buffer.from(Float32Array.from(vector).buffer).toString('base64') : [...vector]

const INCOMPLETE = unsaid('The provider answered without a vector for each input.', 'empty_answer')

/** The answer in OpenAI's form. Throws FailedAnswer when it holds not one vector for each text. */
export const writeVectors = (
  answer: Vectors | undefined,
  { texts, base64 }: EmbeddingRequest,
  { model, count }: { readonly model: string; readonly count: (text: string) => number },
): JsonObject => {
  if (answer === undefined || answer.vectors.length !== texts.length) throw new FailedAnswer(INCOMPLETE)
  const tokens = answer.tokens ?? texts.reduce((sum, text) => sum + count(text), 0)
  return {
    object: 'list',
    data: answer.vectors.map((vector, index) => ({
      object: 'embedding',
      index,
      embedding: encoded(vector, base64),
    })),
    model,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  }
}

export const objectsIn = (value: Json | undefined): readonly JsonObject[] =>
  Array.isArray(value) ? value.filter(isObject) : []
