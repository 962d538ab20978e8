import type { JsonObject } from '../wire/json.ts'
import { type House, hostingClaude } from './anthropic.ts'
import { refuseAddresses } from './anthropic-rules.ts'
import { refused } from './anthropic-shape.ts'
import { inspectGoogle, vertexGeminiIn } from './gemini.ts'
import { googleError, invalid } from './gemini-shape.ts'
import type { Inspector } from './inspect.ts'
import type { Scene } from './scene.ts'
import { type Head, headerOf } from './sockets.ts'

/**
 * A strict simulated Vertex AI: Gemini and embeddings under one publisher, Claude under another, and one token for both.
 * Claude's requests are those of the Messages API, but the model is in the path and the version in the body. Source:
 * Google's and Anthropic's pages on Claude at Vertex AI.
 */

const CLAUDE =
  /^\/v1\/projects\/[^/]+\/locations\/[^/]+\/publishers\/anthropic\/models\/([^/:]+):(?:rawPredict|streamRawPredict)$/
const VERSION = 'vertex-2023-10-16'

const claudeIn = (path: string): string | undefined => {
  const model = CLAUDE.exec(path)?.[1]
  return model === undefined ? undefined : decodeURIComponent(model)
}

/** The model that a path of this API names. */
export const vertexModelIn = (path: string): string | undefined => claudeIn(path) ?? vertexGeminiIn(path)

/** A token is wanted, and a key means nothing here. */
const checkToken = (head: Head, { key }: Scene): void => {
  if (headerOf(head, 'x-api-key') !== undefined) throw invalid("Unexpected header: 'x-api-key'.")
  if (headerOf(head, 'authorization') !== `Bearer ${key}`)
    throw googleError(401, 'UNAUTHENTICATED', 'Request had invalid authentication credentials.')
}

const messagesOf =
  (model: string) =>
  (body: JsonObject): JsonObject => {
    if (body.model !== undefined) throw refused('model: Extra inputs are not permitted')
    const { anthropic_version: version, ...rest } = body
    if (version === undefined) throw refused('anthropic_version: Field required')
    if (version !== VERSION) throw refused(`anthropic_version: '${String(version)}' is not a valid version`)
    refuseAddresses(rest)
    return { model, ...rest }
  }

/** Betas of coding agents that it has answered with this in public. */
const UNKNOWN =
  /^(?:effort|adaptive-thinking|prompt-caching-scope|structured-outputs|files-api|web-fetch|fast-mode)-/

const checkBetas = (head: Head): void => {
  const betas = (headerOf(head, 'anthropic-beta') ?? '').split(',').map(one => one.trim())
  const unknown = betas.filter(beta => UNKNOWN.test(beta)).map(beta => `\`${beta}\``)
  if (unknown.length > 0)
    throw refused(
      `Unexpected value(s) ${unknown.join(', ')} for the \`anthropic-beta\` header. Please consult our documentation at docs.anthropic.com or try again without the header.`,
    )
}

/** The token is looked at before anybody's rules are. */
const claudesHouse = (model: string): House => ({ checkHead: checkBetas, bodyOf: messagesOf(model) })

const inspectGemini = inspectGoogle(true)

/** Throws StageRefusal: what Claude refuses in Anthropic's words, everything else in Google's. */
export const inspectVertex: Inspector = (scene, head, hit) => {
  const claude = claudeIn(hit.path)
  if (claude === undefined) return inspectGemini(scene, head, hit)
  checkToken(head, scene)
  return hostingClaude(claudesHouse(claude))(scene, head, hit.under('/v1/messages'))
}
