import type { JsonObject } from '../wire/json.ts'
import { refused } from './anthropic-shape.ts'
import { googleError } from './gemini-shape.ts'
import type { Scene } from './scene.ts'
import { type Head, headerOf } from './sockets.ts'

/**
 * Claude as Vertex AI serves it: Messages requests whose model is in the path and whose version is in the body, with a
 * token instead of a key. Source: Google's and Anthropic's pages on Claude at Vertex AI.
 */

const PATH =
  /^\/v1\/projects\/[^/]+\/locations\/[^/]+\/publishers\/anthropic\/models\/([^/:]+):(?:rawPredict|streamRawPredict)$/
const VERSION = 'vertex-2023-10-16'

/** The model that a path of this API names; undefined: it is none of its paths. */
export const vertexClaudeIn = (path: string): string | undefined => {
  const model = PATH.exec(path)?.[1]
  return model === undefined ? undefined : decodeURIComponent(model)
}

/** Throws StageRefusal: a token is wanted, and a key means nothing here. */
export const checkToken = (head: Head, { key }: Scene): void => {
  if (headerOf(head, 'x-api-key') !== undefined) throw refused("Unexpected header: 'x-api-key'.")
  if (headerOf(head, 'authorization') !== `Bearer ${key}`)
    throw googleError(401, 'UNAUTHENTICATED', 'Request had invalid authentication credentials.')
}

/** The body as Anthropic's own API would have got it. Throws StageRefusal. */
export const messagesOf = (body: JsonObject, model: string): JsonObject => {
  if (body.model !== undefined) throw refused('model: Extra inputs are not permitted')
  const { anthropic_version: version, ...rest } = body
  if (version === undefined) throw refused('anthropic_version: Field required')
  if (version !== VERSION) throw refused(`anthropic_version: '${String(version)}' is not a valid version`)
  return { model, ...rest }
}
