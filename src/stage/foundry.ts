import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { embeddings } from './answers/vectors.ts'
import { hostingClaude } from './anthropic.ts'
import { readJson } from './check-body.ts'
import { checkCredential, checkHeaders } from './check-head.ts'
import type { Inspected, Inspector } from './inspect.ts'
import type { Hit } from './recorder.ts'
import { StageRefusal } from './refusal.ts'
import type { Handler, Scene } from './scene.ts'
import type { Head } from './sockets.ts'

/**
 * A strict simulated Foundry resource. Each of its APIs is at a path of its own: models of every maker under /models with
 * an api-version, OpenAI's under /openai/v1, Claude under /anthropic, pictures and rerank beside them.
 */

export const foundryError = (status: number, code: string, message: string): StageRefusal =>
  new StageRefusal(status, { code, message })

const inspectClaude = hostingClaude()

const asAzure = (scene: Scene): Scene => ({ ...scene, flavour: 'azure' })

const PICTURES: readonly string[] = ['model', 'input', 'dimensions', 'encoding_format', 'input_type']

const checkPicture = (input: Json, at: number): void => {
  if (!isObject(input) || typeof input.image !== 'string' || !/^data:image\/\w+;base64,/.test(input.image))
    throw foundryError(422, 'invalid_input', `input[${at}]: an object with 'image' (a data URL) is expected`)
  for (const key of Object.keys(input))
    if (key !== 'image' && key !== 'text')
      throw foundryError(422, 'unprocessable_entity', `input[${at}].${key}: extra parameters are not allowed`)
}

const checkPictures = (body: JsonObject): void => {
  for (const key of Object.keys(body))
    if (!PICTURES.includes(key))
      throw foundryError(422, 'unprocessable_entity', `${key}: extra parameters are not allowed`)
  if (!Array.isArray(body.input) || body.input.length === 0)
    throw foundryError(400, 'invalid_input', 'input: a list of pictures is expected')
  body.input.forEach(checkPicture)
}

/** Vectors of pictures, made as those of texts are. */
const pictures: Handler = ask => {
  const input = Array.isArray(ask.body.input) ? ask.body.input : []
  return embeddings({ ...ask, body: { ...ask.body, input: input.map(each => JSON.stringify(each)) } })
}

const inspectPictures = (scene: Scene, head: Head, hit: Hit): Inspected => {
  checkHeaders(head, 'azure')
  checkCredential(head, asAzure(scene))
  const body = readJson(hit.body)
  checkPictures(body)
  const model = String(body.model)
  return { ask: { scene, params: {}, query: hit.query, body, fields: [], model }, handler: pictures }
}

/** Which path of the v1 API a path of the resource is; undefined: none. */
const asV1 = (path: string): string | undefined => {
  if (path.startsWith('/openai/')) return path
  const models = /^\/models(\/(?:chat\/completions|embeddings))$/.exec(path)?.[1]
  if (models !== undefined) return `/openai/v1${models}`
  if (path === '/v1/rerank') return '/openai/v1/rerank'
  return path === '/v2/rerank' ? '/openai/v1/v2/rerank' : undefined
}

/** Every check before anything is done; `v1` are those of the API that OpenAI's models have. Throws StageRefusal. */
export const inspectFoundry =
  (v1: Inspector): Inspector =>
  (scene, head, hit) => {
    const { path } = hit
    if (path.startsWith('/anthropic/'))
      return inspectClaude(scene, head, hit.under(path.slice('/anthropic'.length)))
    if (
      path.startsWith('/models/') &&
      !/^\d{4}-\d\d-\d\d(?:-preview)?$/.test(hit.query.get('api-version') ?? '')
    )
      throw foundryError(400, 'BadRequest', "The 'api-version' query parameter is required.")
    if (path === '/models/images/embeddings' || path === '/images/embeddings')
      return inspectPictures(scene, head, hit)
    const known = asV1(path)
    if (known === undefined) throw foundryError(404, '404', 'Resource not found')
    return v1(asAzure(scene), head, hit.under(known))
  }
