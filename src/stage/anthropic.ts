import { BETA_PARAMETERS, MESSAGES_PARAMETERS } from '../dialects/anthropic-parameters.ts'
import type { RouteParameters } from '../dialects/openai-parameters.ts'
import { isObject, type JsonObject } from '../wire/json.ts'
import { json } from './answer.ts'
import { answerMessages, promptTokens } from './anthropic-answer.ts'
import { checkMessages, type ModelRules } from './anthropic-rules.ts'
import { refused } from './anthropic-shape.ts'
import { withThread } from './anthropic-threads.ts'
import { checkJson, readJson } from './check-body.ts'
import type { Inspected, Inspector } from './inspect.ts'
import type { Hit } from './recorder.ts'
import { StageRefusal } from './refusal.ts'
import type { Handler, Scene } from './scene.ts'
import { type Head, headerOf } from './sockets.ts'

/** A strict simulated Anthropic: its heads, its rules and its errors. */

const VERSIONS = ['2023-06-01', '2026-10-21']

/** What belongs to a gateway, to another provider, or to the caller alone. */
const FOREIGN =
  /^(?:x-litellm-.*|litellm-.*|x-understudy.*|api-key|cookie|proxy-authorization|x-goog-.*|x-amz-.*|openai-.*)$/

const checkNames = (head: Head): void => {
  const seen = new Set<string>()
  for (const [spelled] of head.headers) {
    const name = spelled.toLowerCase()
    if (seen.has(name)) throw refused(`Header '${name}' was sent twice.`)
    if (FOREIGN.test(name)) throw refused(`Unexpected header: '${name}'.`)
    seen.add(name)
  }
}

/** The head as the API demands it. Throws StageRefusal. */
const checkHead = (head: Head, scene: Scene): void => {
  const key = headerOf(head, 'x-api-key')
  const bearer = /^Bearer (.+)$/.exec(headerOf(head, 'authorization') ?? '')?.[1]
  if (key === undefined && bearer === undefined)
    throw refused('x-api-key header is required', 401, 'authentication_error')
  for (const given of [key, bearer])
    if (given !== undefined && given !== scene.key)
      throw refused('invalid x-api-key', 401, 'authentication_error')
  const version = headerOf(head, 'anthropic-version')
  if (version === undefined) throw refused('anthropic-version: header is required')
  if (!VERSIONS.includes(version)) throw refused(`anthropic-version: '${version}' is not a valid version`)
}

const betasOf = (head: Head): readonly string[] =>
  (headerOf(head, 'anthropic-beta') ?? '').split(',').map(one => one.trim())

const SCOPE_BETA = 'prompt-caching-scope-2026-01-05'
const COMPACTION_BETA = 'compact-2026-09-04'

/** Its own compaction is a beta of its own, and takes `summarize` only. */
const checkCompaction = (body: JsonObject, head: Head): void => {
  const { compaction } = body
  if (compaction === undefined || compaction === null) return
  if (!betasOf(head).includes(COMPACTION_BETA)) throw refused('compaction: Extra inputs are not permitted')
  if (!isObject(compaction) || compaction.type !== 'summarize')
    throw refused("compaction.type: Input should be 'summarize'")
  if (body.context_management !== undefined && body.context_management !== null)
    throw refused('compaction: cannot be used together with context_management')
}

const rulesFor = (head: Head, route: RouteParameters): RouteParameters =>
  headerOf(head, 'anthropic-beta') === undefined
    ? route
    : { ...route, parameters: { ...route.parameters, ...BETA_PARAMETERS } }

/** Claude 4.6 and later think adaptively and take no prefill; later than that they take neither a budget nor sampling. */
export const modelRules = (model: string, scene: Pick<Scene, 'prefill' | 'vault'>): ModelRules => {
  const newest = /claude-(?:[a-z]+-(?:4-[7-9]|[5-9])|[a-z]+-preview)/.test(model)
  const sixth = /claude-[a-z]+-4-6/.test(model)
  return {
    budgets: !newest,
    adaptive: newest || sixth,
    sampling: !newest,
    prefill: scene.prefill === 'reject' ? false : !newest && !sixth,
    reads: signature => scene.vault.open(signature) !== undefined,
    scopes: false,
  }
}

/** The other routes' complaints, in this API's words. */
const inOwnWords = (error: unknown): unknown => {
  if (!(error instanceof StageRefusal) || error.error.code === null) return error
  const param = typeof error.error.param === 'string' ? error.error.param : 'body'
  const said: Readonly<Record<string, string>> = {
    unknown_parameter: `${param}: Extra inputs are not permitted`,
    missing_required_parameter: `${param}: Field required`,
  }
  return refused(said[String(error.error.code)] ?? `${param}: ${error.message}`, error.status)
}

const HANDLERS: Readonly<Record<string, Handler>> = {
  'POST /messages': answerMessages,
  'POST /messages/count_tokens': ({ body }) => json({ input_tokens: promptTokens(body) }),
}

/** How a host of this API wants its requests. */
export type House = {
  readonly checkHead: (head: Head, scene: Scene) => void
  /** The body as Anthropic's own API would have got it. */
  readonly bodyOf: (body: JsonObject) => JsonObject
  /** It knows the `scope` of what is cached, with its beta. */
  readonly scopes?: true
}

type Call = { readonly scene: Scene; readonly head: Head; readonly hit: Hit; readonly house: House }

const bodyOf = ({ scene, head, hit, house }: Call, rules: RouteParameters): JsonObject => {
  if (!/^application\/json\b/.test(hit.header('content-type') ?? ''))
    throw refused('content-type: application/json is required')
  try {
    const body = house.bodyOf(readJson(hit.body))
    // Labels of other dialects are checked there; this one has its own rule for metadata.
    const { metadata: _, ...rest } = body
    checkJson(rest, rulesFor(head, rules), scene.accepts)
    return body
  } catch (error) {
    throw inOwnWords(error)
  }
}

const HOST: House = { checkHead, bodyOf: body => body }
const OWN: House = { ...HOST, scopes: true }

/** Every check the API makes before it does anything. Throws StageRefusal. */
export const inspectMessages = (scene: Scene, head: Head, hit: Hit, house = OWN): Inspected => {
  checkNames(head)
  house.checkHead(head, scene)
  const key = `${hit.method} ${hit.path.replace(/^\/v1(?=\/)/, '')}`
  const rules = hit.path.startsWith('/v1/') ? MESSAGES_PARAMETERS[key] : undefined
  const handler = HANDLERS[key]
  if (rules === undefined || handler === undefined) throw refused('Not Found', 404, 'not_found_error')
  for (const name of hit.query.keys())
    if (name !== 'beta') throw refused(`${name}: Extra inputs are not permitted`)
  const body = withThread(bodyOf({ scene, head, hit, house }, rules), head, scene)
  const model = String(body.model)
  if (!scene.models.includes('*') && !scene.models.includes(model))
    throw refused(`model: ${model}`, 404, 'not_found_error')
  checkCompaction(body, head)
  const scopes = house.scopes === true && betasOf(head).includes(SCOPE_BETA)
  checkMessages(body, { ...modelRules(model, scene), scopes })
  return { ask: { scene, params: {}, query: hit.query, body, fields: [], model }, handler }
}

/** The same API under somebody else's roof: what it refuses is marked, for whoever writes the envelope. */
export const hostingClaude =
  (house = HOST): Inspector =>
  (scene, head, hit) => {
    try {
      return inspectMessages(scene, head, hit, house)
    } catch (error) {
      if (error instanceof StageRefusal)
        throw new StageRefusal(error.status, { claude: error.error, message: error.message })
      throw error
    }
  }

/** A refusal of such a host in the envelope of the API that was asked. */
export const hostErrorBody = (error: JsonObject): JsonObject =>
  isObject(error.claude) ? messagesErrorBody(error.claude) : { error }

const ERRORS: Readonly<Record<number, readonly [type: string, message: string]>> = {
  400: ['invalid_request_error', 'The request is invalid.'],
  401: ['authentication_error', 'invalid x-api-key'],
  402: ['billing_error', 'Your payment method failed.'],
  403: ['permission_error', 'Your API key does not have permission to use the specified resource.'],
  404: ['not_found_error', 'model: claude-0'],
  413: ['request_too_large', 'Request exceeds the maximum size'],
  429: [
    'rate_limit_error',
    'This request would exceed your organization’s rate limit of 40,000 input tokens per minute.',
  ],
  500: ['api_error', 'Internal server error'],
  503: ['overloaded_error', 'Overloaded'],
  504: ['timeout_error', 'Request timed out'],
  529: ['overloaded_error', 'Overloaded'],
}

/** An error as this API writes errors. */
export const messagesErrorBody = (error: JsonObject): JsonObject => ({
  type: 'error',
  error: {
    type: error.type ?? 'api_error',
    message: error.message ?? '',
    ...(error.details === undefined ? {} : { details: error.details }),
  },
  request_id: 'req_stage',
})

/** What it writes for a status when a script names no body. */
export const messagesErrorFor = (status: number): JsonObject => {
  const [type, message] = ERRORS[status] ?? [
    status >= 500 ? 'api_error' : 'invalid_request_error',
    `Status ${status}.`,
  ]
  return messagesErrorBody({ type, message })
}
