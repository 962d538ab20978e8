import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { vectorOf } from './answers/vectors.ts'
import type { Performance } from './bedrock-answer.ts'
import { breach } from './bedrock-shape.ts'
import { countTokens } from './lines.ts'

/** Titan's and Cohere's embeddings behind InvokeModel, as strict as the service is about keys and lengths. */

type Model = {
  readonly keys: readonly string[]
  readonly required: readonly string[]
  /** Lengths of vectors that may be asked for, the usual one first. */
  readonly lengths: readonly number[]
}

const COHERE = ['texts', 'images', 'input_type', 'truncate', 'embedding_types']

const MODELS: readonly (readonly [pattern: RegExp, model: Model])[] = [
  [
    /amazon\.titan-embed-text-v2/,
    {
      keys: ['inputText', 'dimensions', 'normalize', 'embeddingTypes'],
      required: ['inputText'],
      lengths: [1024, 512, 256],
    },
  ],
  [
    /amazon\.titan-embed-image/,
    { keys: ['inputText', 'inputImage', 'embeddingConfig'], required: [], lengths: [1024, 384, 256] },
  ],
  [/amazon\.titan-embed/, { keys: ['inputText'], required: ['inputText'], lengths: [1536] }],
  [
    /cohere\.embed-v4/,
    {
      keys: [...COHERE, 'inputs', 'output_dimension', 'max_tokens'],
      required: ['input_type'],
      lengths: [1536, 1024, 512, 256],
    },
  ],
  [/cohere\.embed/, { keys: COHERE, required: ['texts', 'input_type'], lengths: [1024] }],
]

const modelOf = (id: string): Model | undefined => MODELS.find(([pattern]) => pattern.test(id))?.[1]

export const makesEmbeddings = (id: string): boolean => modelOf(id) !== undefined

const malformed = (what: string): never =>
  breach(`Malformed input request: ${what}, please reformat your input and try again.`)

const lengthIn = (body: JsonObject, { lengths: [usual = 1] }: Model): Json => {
  const config = isObject(body.embeddingConfig) ? body.embeddingConfig.outputEmbeddingLength : undefined
  return body.dimensions ?? body.output_dimension ?? config ?? usual
}

const TYPES = ['search_document', 'search_query', 'classification', 'clustering', 'image']

const checkTexts = (body: JsonObject): void => {
  const { texts, input_type: type, inputText } = body
  if (inputText !== undefined && (typeof inputText !== 'string' || inputText === ''))
    malformed('#/inputText: expected minLength: 1, actual: 0')
  if (texts !== undefined) {
    if (!Array.isArray(texts) || !texts.every(one => typeof one === 'string'))
      malformed('#/texts: expected type: String, found: JSONArray')
    else if (texts.length > 96) malformed(`#/texts: expected maximum item count: 96, found: ${texts.length}`)
  }
  if (type !== undefined && !TYPES.includes(String(type)))
    malformed(`#/input_type: ${String(type)} is not a valid enum value`)
}

/** Throws Breach. */
export const checkEmbedding = (body: Json, id: string): void => {
  const model = modelOf(id)
  if (!isObject(body) || model === undefined) return malformed('#: expected type: JSONObject')
  for (const key of Object.keys(body))
    if (!model.keys.includes(key)) malformed(`#: extraneous key [${key}] is not permitted`)
  for (const key of model.required)
    if (body[key] === undefined) malformed(`#: required key [${key}] not found`)
  checkTexts(body)
  const length = lengthIn(body, model)
  if (typeof length !== 'number' || !model.lengths.includes(length))
    malformed(`#/dimensions: ${JSON.stringify(length)} is not a valid enum value`)
}

export const embeddingPerformance = (json: Json | undefined, id: string): Performance => {
  const body = isObject(json) ? json : {}
  const model = modelOf(id)
  const length = Number(model === undefined ? 1 : lengthIn(body, model))
  const vector = (text: Json): Json => [...vectorOf(String(text), id, length)]
  const texts = Array.isArray(body.texts) ? body.texts : undefined
  const whole = (): JsonObject =>
    texts === undefined
      ? {
          embedding: vector(body.inputText ?? ''),
          inputTextTokenCount: countTokens(String(body.inputText ?? '')),
        }
      : { id: 'stage', response_type: 'embeddings_floats', embeddings: texts.map(vector), texts }
  return { whole, frames: () => [] }
}
