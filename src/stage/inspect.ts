import type { RouteParameters } from '../dialects/openai-parameters.ts'
import type { JsonObject } from '../wire/json.ts'
import { checkJson, readForm, readJson } from './check-body.ts'
import { checkCredential, checkHeaders, checkQuery } from './check-head.ts'
import { parametersOf } from './columns.ts'
import type { Field } from './form.ts'
import type { Hit } from './recorder.ts'
import { missingParameter, noSuchModel, noSuchPath, refuse } from './refusal.ts'
import { type Found, findRoute } from './routing.ts'
import type { Ask, Handler, Scene } from './scene.ts'
import type { Head } from './sockets.ts'

export type Inspected = { readonly ask: Ask; readonly handler: Handler }

/** Every check a provider makes before it does anything. Throws StageRefusal. */
export type Inspector = (scene: Scene, head: Head, hit: Hit) => Inspected

/** OpenAI's API, and Azure's forms of it. */
export const inspectOpenAi: Inspector = (scene, head, hit) => {
  checkHeaders(head, scene.flavour)
  checkCredential(head, scene)
  const found = locate(scene, hit)
  checkQuery(hit.query)
  const rules = rulesOf(scene, found)
  const { body, fields } = bodyOf(scene, hit, rules)
  const model = modelOf(scene, found, body)
  return {
    ask: { scene, params: found.params, query: hit.query, body, fields, model },
    handler: found.route.handler,
  }
}

const locate = (scene: Scene, hit: Hit): Found => {
  if (hit.header('upgrade') !== undefined)
    throw refuse(426, 'This endpoint does not support WebSocket connections.')
  const found = findRoute(scene.flavour, hit.method, hit.path, hit.query)
  if (found === 'no path') throw noSuchPath(scene.flavour, hit.method, hit.path)
  if (found === 'no method') {
    throw refuse(405, `Not allowed to ${hit.method} on ${hit.path}.`, { code: 'method_not_supported' })
  }
  return found
}

const rulesOf = (scene: Scene, found: Found): RouteParameters | undefined => {
  const rules = parametersOf(scene.flavour, found.route.key)
  if (rules === undefined) return undefined
  // The deployment in the path names the model, so the body need not.
  const required =
    found.deployment === undefined ? rules.required : rules.required.filter(name => name !== 'model')
  return { ...rules, required }
}

type Body = { readonly body: JsonObject; readonly fields: readonly Field[] }

const bodyOf = (scene: Scene, hit: Hit, rules: RouteParameters | undefined): Body => {
  if (rules === undefined) {
    if (hit.body.length > 0 && hit.text.trim() !== '{}')
      throw refuse(400, 'This endpoint takes no body.', { code: 'unexpected_body' })
    return { body: {}, fields: [] }
  }
  const type = hit.header('content-type') ?? ''
  if (type.split(';')[0]?.trim().toLowerCase() !== rules.contentType) {
    throw refuse(400, `Invalid Content-Type header (${type}), expected ${rules.contentType}.`, {
      code: 'unsupported_content_type',
    })
  }
  if (rules.contentType === 'multipart/form-data') return readForm(hit.body, type, rules, scene.accepts)
  const body = readJson(hit.body)
  checkJson(body, rules, scene.accepts)
  return { body, fields: [] }
}

const modelOf = (scene: Scene, found: Found, body: JsonObject): string => {
  if (found.route.model === null) return ''
  const named = found.deployment ?? (typeof body.model === 'string' ? body.model : undefined)
  const stored = found.route.key === 'POST /responses' && body.prompt !== undefined
  if (named === undefined && found.route.model === undefined && !stored) throw missingParameter('model')
  if (named !== undefined && !scene.models.includes('*') && !scene.models.includes(named)) {
    throw noSuchModel(scene.flavour, named)
  }
  return named ?? found.route.model ?? 'gpt-4.1'
}
