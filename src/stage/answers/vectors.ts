import { createHash } from 'node:crypto'
import { isObject, type Json, type JsonObject } from '../../wire/json.ts'
import { json } from '../answer.ts'
import { countTokens, textOf } from '../lines.ts'
import { invalidValue, refuse } from '../refusal.ts'
import type { Handler } from '../scene.ts'

const DIMENSIONS: Readonly<Record<string, number>> = {
  'text-embedding-3-small': 1536,
  'text-embedding-3-large': 3072,
  'text-embedding-ada-002': 1536,
}

/** The same input and model always give the same unit vector; another model gives another one. */
export const vectorOf = (input: string, model: string, dimensions: number): Float32Array => {
  const values = new Float32Array(dimensions)
  let block = Buffer.alloc(0)
  for (let index = 0; index < dimensions; index += 1) {
    if (index % 8 === 0) block = createHash('sha256').update(`${model}\0${index}\0${input}`).digest()
    values[index] = block.readInt32LE((index % 8) * 4) / 2 ** 31
  }
  const length = Math.hypot(...values) || 1
  return values.map(value => value / length)
}

const isTokens = (input: readonly Json[]): boolean => input.every(item => typeof item === 'number')

export const embeddings: Handler = ask => {
  const { input, dimensions, encoding_format: format } = ask.body
  const inputs: readonly Json[] = Array.isArray(input) && !isTokens(input) ? input : [input ?? '']
  if (Array.isArray(input) && input.length === 0) throw invalidValue('input', "Invalid 'input': empty array.")
  if (inputs.length > 2048) throw invalidValue('input', "Invalid 'input': maximum array length is 2048.")
  if (format !== undefined && format !== 'float' && format !== 'base64') {
    throw invalidValue(
      'encoding_format',
      `Invalid value: '${textOf(format)}'. Supported values are: 'float' and 'base64'.`,
    )
  }
  if (typeof dimensions === 'number' && dimensions < 1)
    throw invalidValue('dimensions', "Invalid 'dimensions': minimum 1.")
  if (dimensions !== undefined && ask.model === 'text-embedding-ada-002') {
    throw refuse(400, 'This model does not support specifying dimensions.', { param: 'dimensions' })
  }
  const size = typeof dimensions === 'number' ? dimensions : (DIMENSIONS[ask.model] ?? 1536)
  const data = inputs.map((item, index): JsonObject => {
    const vector = vectorOf(JSON.stringify(item), ask.model, Math.min(size, 4096))
    const bytes = Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength)
    return {
      object: 'embedding',
      index,
      embedding: format === 'base64' ? bytes.toString('base64') : [...vector],
    }
  })
  const tokens = inputs.reduce<number>(
    (sum, item) => sum + (Array.isArray(item) ? item.length : countTokens(textOf(item))),
    0,
  )
  return json({
    object: 'list',
    data,
    model: ask.model,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  })
}

const CATEGORIES = [
  'harassment',
  'harassment/threatening',
  'hate',
  'hate/threatening',
  'illicit',
  'illicit/violent',
  'self-harm',
  'self-harm/instructions',
  'self-harm/intent',
  'sexual',
  'sexual/minors',
  'violence',
  'violence/graphic',
]

const each = (value: Json): JsonObject => Object.fromEntries(CATEGORIES.map(name => [name, value]))

/** Nothing is flagged unless the text says `[stage:flag]`. */
export const moderations: Handler = ask => {
  const input = ask.body.input
  const inputs: readonly Json[] = Array.isArray(input) && !input.some(isObject) ? input : [input ?? '']
  const results = inputs.map((item): JsonObject => {
    const flagged = textOf(item).includes('[stage:flag]')
    return {
      flagged,
      categories: { ...each(false), violence: flagged },
      category_scores: { ...each(0.0001), violence: flagged ? 0.98 : 0.0001 },
      category_applied_input_types: each(['text']),
    }
  })
  return json({ id: ask.scene.id('modr-'), model: ask.model, results })
}

/** Documents that share most words with the query come first; ties keep their order. */
export const rerank: Handler = ask => {
  const documents = Array.isArray(ask.body.documents) ? ask.body.documents : []
  if (documents.length === 0)
    throw invalidValue('documents', 'invalid request: list of documents must not be empty')
  const wanted = new Set(textOf(ask.body.query).toLowerCase().split(/\W+/))
  const scored = documents.map((document: Json, index) => {
    const words = textOf(document).toLowerCase().split(/\W+/)
    const score = words.filter(word => wanted.has(word)).length / Math.max(words.length, 1)
    return { index, score, text: textOf(document) }
  })
  scored.sort((one, other) => other.score - one.score || one.index - other.index)
  const top = typeof ask.body.top_n === 'number' ? ask.body.top_n : documents.length
  const results = scored.slice(0, top).map(({ index, score, text }) => ({
    index,
    relevance_score: score,
    ...(ask.body.return_documents === true ? { document: { text } } : {}),
  }))
  return json({
    id: ask.scene.id(''),
    results,
    meta: { api_version: { version: '2' }, billed_units: { search_units: 1 } },
  })
}
