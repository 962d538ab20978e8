import type { JsonObject } from '../wire/json.ts'
import { allIn, type EmbeddingWire, known, objectsIn, vectorIn } from './embeddings.ts'
import { objectOf } from './read-json.ts'

/**
 * Embeddings of Google's models. Sources: the API reference of ai.google.dev ("Embeddings") and of Vertex AI ("Text
 * embeddings API", PredictionService.EmbedContent).
 */

const tokensIn = (usage: JsonObject | undefined): number | undefined =>
  typeof usage?.promptTokenCount === 'number' ? usage.promptTokenCount : undefined

const CONFIG = {
  task_type: 'taskType',
  taskType: 'taskType',
  title: 'title',
} as const

const dimensionality = (dimensions: number | undefined): JsonObject =>
  dimensions === undefined ? {} : { outputDimensionality: dimensions }

const contentOf = (text: string): JsonObject => ({ parts: [{ text }] })

/** `models/<name>:batchEmbedContents`; each of its requests names the model again. */
export const batchEmbedding = (model: string): EmbeddingWire => ({
  write: ({ texts, dimensions, rest }, losses) => {
    const config = known(rest, CONFIG, losses)
    return {
      requests: texts.map(text => ({
        model,
        content: contentOf(text),
        ...config,
        ...dimensionality(dimensions),
      })),
    }
  },
  read: answer => {
    const vectors = allIn(objectsIn(answer.embeddings).map(({ values }) => values))
    return vectors === undefined ? undefined : { vectors, tokens: tokensIn(objectOf(answer.usageMetadata)) }
  },
})

/** Vertex AI's `:predict`: a text each instance. */
export const predictEmbedding: EmbeddingWire = {
  write: ({ texts, dimensions, rest }, losses) => {
    const names = {
      task_type: 'task_type',
      taskType: 'task_type',
      title: 'title',
      auto_truncate: 'autoTruncate',
      autoTruncate: 'autoTruncate',
    }
    const { autoTruncate, ...config } = known(rest, names, losses)
    const parameters = {
      ...dimensionality(dimensions),
      ...(autoTruncate === undefined ? {} : { autoTruncate }),
    }
    return {
      instances: texts.map(content => ({ content, ...config })),
      ...(Object.keys(parameters).length === 0 ? {} : { parameters }),
    }
  },
  read: answer => {
    const found = objectsIn(answer.predictions).map(({ embeddings }) => objectOf(embeddings))
    const vectors = allIn(found.map(one => one?.values))
    if (vectors === undefined) return undefined
    const counts = found.map(one => objectOf(one?.statistics)?.token_count)
    const told = counts.every(count => typeof count === 'number')
    return { vectors, tokens: told ? counts.reduce((sum, count) => sum + count, 0) : undefined }
  },
}

/** Vertex AI's `:embedContent`: one text a request. */
export const singleEmbedding: EmbeddingWire = {
  most: 1,
  write: ({ texts, dimensions, rest }, losses) => {
    const names = { ...CONFIG, auto_truncate: 'autoTruncate', autoTruncate: 'autoTruncate' }
    const config = { ...known(rest, names, losses), ...dimensionality(dimensions) }
    return {
      content: contentOf(texts[0] ?? ''),
      ...(Object.keys(config).length === 0 ? {} : { embedContentConfig: config }),
    }
  },
  read: answer => {
    const vector = vectorIn(objectOf(answer.embedding)?.values)
    return vector === undefined
      ? undefined
      : { vectors: [vector], tokens: tokensIn(objectOf(answer.usageMetadata)) }
  },
}
