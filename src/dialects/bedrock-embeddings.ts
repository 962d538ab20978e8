import type { JsonObject } from '../wire/json.ts'
import { allIn, type EmbeddingWire, known, vectorIn } from './embeddings.ts'
import type { Losses } from './losses.ts'
import { listOf, objectOf } from './read-json.ts'

/**
 * Embeddings by Bedrock's InvokeModel. Sources: Bedrock user guide, "Amazon Titan Embeddings G1 - Text", "Amazon Titan
 * Text Embeddings V2", "Amazon Titan Multimodal Embeddings G1", "Cohere Embed v3" and "v4".
 */

const lose = (dimensions: number | undefined, losses: Losses): void => {
  if (dimensions !== undefined) losses.lose('dimensions', 'this model has one length of vectors only')
}

/** The floats stand at the top, or by their type. */
const readTitan: EmbeddingWire['read'] = answer => {
  const vector = vectorIn(answer.embedding) ?? vectorIn(objectOf(answer.embeddingsByType)?.float)
  const tokens = answer.inputTextTokenCount
  return vector === undefined
    ? undefined
    : { vectors: [vector], tokens: typeof tokens === 'number' ? tokens : undefined }
}

/** Titan takes one text a request. */
const titan = (
  more: (dimensions: number | undefined, losses: Losses) => JsonObject,
  names: Readonly<Record<string, string>> = {},
): EmbeddingWire => ({
  most: 1,
  write: ({ texts, dimensions, rest }, losses) => ({
    inputText: texts[0] ?? '',
    ...more(dimensions, losses),
    ...known(rest, names, losses),
  }),
  read: readTitan,
})

const titanFirst = titan((dimensions, losses) => {
  lose(dimensions, losses)
  return {}
})

const titanSecond = titan(dimensions => (dimensions === undefined ? {} : { dimensions }), {
  normalize: 'normalize',
})

const titanImage = titan(dimensions =>
  dimensions === undefined ? {} : { embeddingConfig: { outputEmbeddingLength: dimensions } },
)

const readCohere: EmbeddingWire['read'] = answer => {
  const list = listOf(answer.embeddings) ?? listOf(objectOf(answer.embeddings)?.float)
  const vectors = list === undefined ? undefined : allIn(list)
  return vectors === undefined ? undefined : { vectors, tokens: undefined }
}

const cohere = (lengths: boolean): EmbeddingWire => ({
  write: ({ texts, dimensions, rest }, losses) => {
    if (!lengths) lose(dimensions, losses)
    return {
      texts,
      // It demands to know what the vectors are for; LiteLLM's answer.
      input_type: 'search_document',
      ...known(rest, { input_type: 'input_type', truncate: 'truncate' }, losses),
      ...(lengths && dimensions !== undefined ? { output_dimension: dimensions } : {}),
    }
  },
  read: readCohere,
})

const cohereThird = cohere(false)
const cohereFourth = cohere(true)

/** By the model's id; undefined: it makes no embeddings, or in a form that is not known here. */
export const embeddingWireFor = (id: string): EmbeddingWire | undefined => {
  if (id.includes('amazon.titan-embed-image')) return titanImage
  if (id.includes('amazon.titan-embed-text-v2')) return titanSecond
  if (id.includes('amazon.titan-embed')) return titanFirst
  if (!id.includes('cohere.embed')) return undefined
  return /cohere\.embed-v[4-9]/.test(id) ? cohereFourth : cohereThird
}
