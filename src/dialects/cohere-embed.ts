import { Unsupported } from '../providers/provider.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import type { Losses } from './losses.ts'
import { listOf, objectOf, textOf } from './read-json.ts'

/** OpenAI's embeddings as Cohere's POST /v2/embed, both ways. */

/** "Maximum number of texts per call is 96." */
const MOST_TEXTS = 96

/** What LiteLLM says of texts that come without a purpose. */
const PURPOSE = 'search_document'

const PICTURE = /^data:image\/[a-z0-9.+-]+;base64,/i

/** Throws Unsupported, naming `input`, for token ids and for more than one call takes. */
const inputsOf = (input: Json | undefined): readonly string[] => {
  const inputs = typeof input === 'string' ? [input] : (listOf(input) ?? [])
  const texts = inputs.filter(each => typeof each === 'string')
  if (texts.length < inputs.length || texts.length === 0)
    throw new Unsupported("Cohere embeds texts: 'input' must be a text or a list of texts", 'input')
  if (texts.length > MOST_TEXTS)
    throw new Unsupported(
      `Cohere embeds at most ${MOST_TEXTS} texts in one call: 'input' has ${texts.length}`,
      'input',
    )
  return texts
}

const contentOf = (texts: readonly string[]): JsonObject => {
  const pictures = texts.filter(text => PICTURE.test(text)).length
  if (pictures === 0) return { texts }
  if (pictures === texts.length) return { images: texts }
  throw new Unsupported("Cohere embeds texts or pictures in one call: 'input' mixes them", 'input')
}

/** The client's own words for the kinds, Cohere's list, or OpenAI's one format. */
const typesOf = ({ embedding_types: types, encoding_format: format }: JsonObject): readonly Json[] =>
  listOf(types) ?? [format ?? 'float']

/** This API's own members, taken as they are. */
const NATIVE = ['truncate', 'max_tokens', 'priority', 'output_dimension'] as const
const READ = new Set([
  'model',
  'input',
  'input_type',
  'embedding_types',
  'encoding_format',
  'dimensions',
  'user',
  ...NATIVE,
])

/** Throws Unsupported. Losses name parameters that Cohere does not have. */
export const writeEmbed = (
  body: JsonObject,
  { model, allowedParams }: { readonly model: string; readonly allowedParams: readonly string[] },
  losses: Losses,
): JsonObject => {
  const content = contentOf(inputsOf(body.input))
  const made: Record<string, Json> = {
    model,
    ...content,
    input_type: content.images === undefined ? (body.input_type ?? PURPOSE) : 'image',
    embedding_types: typesOf(body),
  }
  if (typeof body.dimensions === 'number') made.output_dimension = body.dimensions
  for (const name of NATIVE) {
    const value = body[name]
    if (value !== undefined && value !== null) made[name] = value
  }
  if (body.user !== undefined) losses.warn('user', 'Cohere has no end-user id')
  for (const [name, value] of Object.entries(body)) {
    if (READ.has(name) || value === null) continue
    if (allowedParams.includes(name)) made[name] = value
    else losses.lose(name)
  }
  return made
}

const count = (value: Json | undefined): number => (typeof value === 'number' ? value : 0)

/** Texts and pictures are billed apart; one call embeds the one or the other. */
const usageOf = (meta: Json | undefined): JsonObject => {
  const billed = objectOf(objectOf(meta)?.billed_units) ?? {}
  const tokens = count(billed.input_tokens) + count(billed.image_tokens)
  return { prompt_tokens: tokens, total_tokens: tokens }
}

/** The list of vectors as OpenAI writes it: the first kind that was asked for. Throws Error when there is none. */
export const readEmbed = (answer: JsonObject, asked: { readonly model: string }): JsonObject => {
  const { embeddings } = answer
  // The older form: vectors without a kind.
  const vectors = listOf(isObject(embeddings) ? Object.values(embeddings).find(Array.isArray) : embeddings)
  if (vectors === undefined) throw new Error('the answer has no embeddings')
  return {
    object: 'list',
    data: vectors.map((embedding, index) => ({ object: 'embedding', index, embedding })),
    model: textOf(answer.model) ?? asked.model,
    usage: usageOf(answer.meta),
  }
}
