import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { type Answer, json } from './answer.ts'
import { vectorOf } from './answers/vectors.ts'
import { listIn, member, objectIn } from './gemini-rules.ts'
import { invalid, type Message } from './gemini-shape.ts'
import { countTokens } from './lines.ts'

/** Embeddings as the API makes them, and as Vertex AI does. */

const CONTENT: Message = { role: 'string', parts: { list: { of: () => ({ text: 'string' }) } } }

const EMBED: Message = {
  model: 'string',
  content: { of: () => CONTENT },
  taskType: 'string',
  title: 'string',
  outputDimensionality: 'integer',
}

const CONFIG: Message = {
  taskType: 'string',
  title: 'string',
  outputDimensionality: 'integer',
  autoTruncate: 'boolean',
  mimeType: 'string',
}

/** The published message of each method. */
export const embedMessage = (verb: string, vertex: boolean): Message => {
  if (verb === 'batchEmbedContents') return { requests: { list: { of: () => EMBED } } }
  if (verb === 'predict')
    return {
      instances: { list: { of: () => ({ content: 'string', task_type: 'string', title: 'string' }) } },
      parameters: { of: () => ({ outputDimensionality: 'integer', autoTruncate: 'boolean' }) },
    }
  return { ...EMBED, ...(vertex ? { embedContentConfig: { of: () => CONFIG } } : {}) }
}

const MOST = 100

const textOf = (content: Json | undefined, at: string): string => {
  const text = listIn(isObject(content) ? content : {}, 'parts')
    .map(part => (typeof part.text === 'string' ? part.text : ''))
    .join('')
  if (text === '') throw invalid(`* ${at}.content: content is empty`)
  return text
}

const valuesOf = (text: string, model: string, dimensions: Json | undefined): JsonObject => {
  const size = typeof dimensions === 'number' ? dimensions : 768
  if (size < 1 || size > 3072) throw invalid('* output_dimensionality: must be between 1 and 3072')
  return { values: [...vectorOf(text, model, size)] }
}

const batch = (model: string, body: JsonObject): JsonObject => {
  const requests = listIn(body, 'requests')
  if (requests.length === 0) throw invalid('* BatchEmbedContentsRequest.requests: requests is empty')
  if (requests.length > MOST)
    throw invalid(`* BatchEmbedContentsRequest.requests: at most ${MOST} requests can be in one batch`)
  const texts = requests.map((request, at) => {
    const where = `BatchEmbedContentsRequest.requests[${at}]`
    if (request.model !== `models/${model}`) throw invalid(`* ${where}.model: unexpected model name format`)
    return textOf(request.content, where)
  })
  return {
    embeddings: texts.map((text, at) =>
      valuesOf(text, model, member(requests[at] ?? {}, 'outputDimensionality')),
    ),
  }
}

const predict = (model: string, body: JsonObject): JsonObject => {
  const instances = listIn(body, 'instances')
  if (instances.length === 0) throw invalid('Empty instances.')
  const size = objectIn(body, 'parameters').outputDimensionality
  return {
    predictions: instances.map(({ content }) => {
      if (typeof content !== 'string' || content === '') throw invalid('The text content is empty.')
      const statistics = { token_count: countTokens(content), truncated: false }
      return { embeddings: { ...valuesOf(content, model, size), statistics } }
    }),
    metadata: { billableCharacterCount: instances.reduce((sum, one) => sum + String(one.content).length, 0) },
  }
}

const single = (model: string, body: JsonObject): JsonObject => {
  const text = textOf(body.content, 'EmbedContentRequest')
  const size =
    member(objectIn(body, 'embedContentConfig'), 'outputDimensionality') ??
    member(body, 'outputDimensionality')
  return {
    embedding: valuesOf(text, model, size),
    usageMetadata: { promptTokenCount: countTokens(text), totalTokenCount: countTokens(text) },
  }
}

export const embed = (verb: string, model: string, body: JsonObject): Answer => {
  if (verb === 'batchEmbedContents') return json(batch(model, body))
  return json(verb === 'predict' ? predict(model, body) : single(model, body))
}
