import { type Base, fillPath, joinQuery } from './address.ts'
import { type Ask, Unsupported } from './provider.ts'
import { plainModel } from './text-apis.ts'

/** Where each API of a Foundry resource is, whatever form its address was written in. */

/** What Microsoft's examples of /models ask for; the parameter is required there, and LiteLLM leaves it to the operator. */
const MODELS_VERSION = '2024-05-01-preview'
/** LiteLLM's version of the Responses API. */
const RESPONSES_VERSION = 'preview'

export type FoundryPlace = {
  readonly origin: string
  /** A resource with several APIs, on a host of Azure's; elsewhere one model is served at the address itself. */
  readonly resource: boolean
  /** Path before every API. */
  readonly root: string
  /** Path of chat completions and embeddings. */
  readonly base: string
  /** Query of the address without api-version. */
  readonly query: string
  /** api_version, or the api-version of the address. */
  readonly version: string | undefined
}

/** LiteLLM's users write the whole address of one endpoint, too. */
const ENDPOINT = /\/(?:chat\/completions|completions|(?:images\/)?embeddings|(?:v[12]\/)?rerank|responses)$/
const API = /\/(?:models|openai|anthropic)(?:\/.*)?$/
const MESSAGES = /\/anthropic(?:\/.*)?$/

const isResource = (host: string): boolean => /\.(?:services\.ai|openai)\.azure\.com$/.test(host)

/** Models of every maker are under /models of a resource; a project, and a resource of Azure OpenAI, has OpenAI's API. */
const chatBase = (host: string, root: string): string =>
  root === '' && host.endsWith('.services.ai.azure.com') ? '/models' : `${root}/openai/v1`

export const readFoundryPlace = (written: Base, apiVersion: string | undefined): FoundryPlace => {
  const pairs = new URLSearchParams(written.query)
  const version = apiVersion?.trim() || (pairs.get('api-version') ?? undefined)
  pairs.delete('api-version')
  const { hostname } = new URL(written.origin)
  const resource = isResource(hostname)
  const path = written.path.replace(ENDPOINT, '')
  const root = path.replace(API, '')
  const bare = path === root || MESSAGES.test(path)
  return {
    origin: written.origin,
    resource,
    root,
    base: bare ? (resource ? chatBase(hostname, root) : root) : path,
    query: pairs.toString(),
    version,
  }
}

const ROUTER = /model[-_]router/i
const ROUTER_MARK = /^model[-_]router\//

/** The name of the deployment: LiteLLM's mark of a model router is no part of it. */
export const foundryModel = (model: string): string => plainModel(model).replace(ROUTER_MARK, '')

export const isClaude = ({ model }: Pick<Ask, 'model'>): boolean =>
  /claude/i.test(model) && !ROUTER.test(model)

/** The resource has /responses for this model: not for Claude, for a router of models, or for an agent. */
export const hasResponses = ({ resource }: FoundryPlace, model: string): boolean =>
  resource && !isClaude({ model }) && !ROUTER.test(model) && !model.includes('agents/')

const queryWith = ({ query }: FoundryPlace, version: string | undefined, client: string): string => {
  const fixed = version === undefined ? [] : [`api-version=${encodeURIComponent(version)}`]
  return joinQuery([...fixed, query].filter(Boolean).join('&'), client)
}

/** Words for the version of OpenAI's API without a date; a date is of another API. */
const responsesVersion = ({ version }: FoundryPlace): string | undefined => {
  if (version === 'v1') return undefined
  return version === 'latest' ? version : RESPONSES_VERSION
}

const withoutVersion = (base: string): string => base.replace(/\/v1$/, '')

/** Path and query of one call in OpenAI's or Cohere's dialect. `pictures`: it embeds pictures. */
export const foundryPath = (place: FoundryPlace, ask: Ask, pictures: boolean): string => {
  const { route, query } = ask
  if (plainModel(ask.model).startsWith('agents/'))
    throw new Unsupported('azure_ai: agents have an API of their own, which is not served here')
  if (route.shape === 'rerank') {
    const version = route.name === 'rerank.v2' ? 'v2' : 'v1'
    return `${withoutVersion(place.root)}/${version}/rerank${queryWith(place, place.version, query)}`
  }
  const upstream = fillPath(route.upstream, ask.params)
  if (route.upstream.startsWith('/responses') && hasResponses(place, ask.model))
    return `${place.root}/openai/v1${upstream}${queryWith(place, responsesVersion(place), query)}`
  const models = place.resource && place.base.endsWith('/models')
  const version = place.version ?? (models ? MODELS_VERSION : undefined)
  const path = pictures
    ? `${place.root === place.base ? withoutVersion(place.base) : place.base}/images/embeddings`
    : place.base + upstream
  return path + queryWith(place, version, query)
}

/** Path and query of one call of Claude's. Messages has no api-version. */
export const claudePath = (place: FoundryPlace, upstream: string, client: string): string =>
  `${withoutVersion(place.root)}/anthropic/v1${upstream}${joinQuery(place.query, client)}`
