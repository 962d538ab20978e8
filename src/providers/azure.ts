import type { Edit } from '../wire/edit.ts'
import { type Base, decoded, fillPath, joinQuery, parseBase, printBase, segment } from './address.ts'
import { azureCredential, SIGN_IN_PARAMS } from './azure-sign-in.ts'
import { firstOf } from './credential.ts'
import { foreignKeys } from './foreign-keys.ts'
import { foreignReasoning, foreignThoughts } from './foreign-reasoning.ts'
import {
  type Ask,
  type Connection,
  type Draft,
  type Provider,
  type ProviderParams,
  Unsupported,
} from './provider.ts'
import { bearerOf } from './recipe.ts'
import { draftHeaders, encodeBody, unlessGiven } from './same-dialect.ts'
import { acrossApis, type KnownApis, plainModel, readApis, TEXT_PARAMS } from './text-apis.ts'

/** LiteLLM's built-in version for everything but the Responses API. */
const DEFAULT_VERSION = '2025-02-01-preview'
/** LiteLLM's built-in version for the Responses API. */
const DEFAULT_RESPONSES_VERSION = 'preview'
/** Versions that mean the v1 API instead of a dated one. */
const V1_VERSIONS = new Set(['v1', 'preview', 'latest'])

/** Routes that dated versions serve under /openai/deployments/{name}. */
const DEPLOYMENT_ROUTES = new Set([
  'chat.completions',
  'completions',
  'embeddings',
  'images.generations',
  'images.edits',
  'images.variations',
  'audio.speech',
  'audio.transcriptions',
  'audio.translations',
])
/** Routes that no dated version has. */
const V1_ONLY = new Set(['moderations', 'rerank', 'rerank.v2'])

/** Where an Azure resource is, whatever form its address was written in. */
export type AzureBase = {
  readonly origin: string
  /** Path before /openai. */
  readonly root: string
  /** The address names the v1 API itself. */
  readonly v1: boolean
  /** Deployment named by the address. */
  readonly deployment: string | undefined
  /** Query of the address without api-version. */
  readonly query: string
  /** api-version of the address. */
  readonly version: string | undefined
}

/** Reads the five forms people write: the resource, /openai, /openai/v1, /openai/responses, /openai/deployments/x. */
export const readAzureBase = (base: Base): AzureBase => {
  const pairs = new URLSearchParams(base.query)
  const version = pairs.get('api-version') ?? undefined
  pairs.delete('api-version')
  const common = { origin: base.origin, query: pairs.toString(), version }
  const [, root = '', rest = ''] = /^(.*?)(\/openai(?:\/.*)?)?$/.exec(base.path) ?? []
  const deployment = /^\/openai\/deployments\/([^/]+)/.exec(rest)?.[1]
  if (deployment !== undefined) {
    return { ...common, root, v1: false, deployment: decoded(deployment) }
  }
  const v1 = rest === '/openai/v1' || rest.startsWith('/openai/v1/')
  const known = v1 || rest === '' || rest === '/openai' || rest === '/openai/responses'
  // A gateway's own path below /openai is kept: it is part of the root.
  return { ...common, root: known ? root : base.path, v1, deployment: undefined }
}

type Versions = {
  /** litellm_params.api_version, or the api-version written into the address. */
  readonly explicit: string | undefined
  readonly general: string
  readonly responses: string
}

const readVersions = (params: ProviderParams, base: AzureBase): Versions => {
  const explicit = params.apiVersion?.trim() || base.version
  return {
    explicit,
    general: explicit ?? firstOf(params.env, ['AZURE_API_VERSION']) ?? DEFAULT_VERSION,
    responses:
      explicit ?? firstOf(params.env, ['AZURE_DEFAULT_RESPONSES_API_VERSION']) ?? DEFAULT_RESPONSES_VERSION,
  }
}

/** LiteLLM's hints inside azure model names; the deployment's own name is what follows. */
const deploymentName = (model: string): string => plainModel(model).replace(/^(?:o_series|gpt5_series)\//, '')

const responsesFamily = (name: string): boolean =>
  name.startsWith('responses.') || name.startsWith('conversations.')

/** v1: api-version is optional, and only `preview` or what the deployment says goes along. */
const v1Query = (base: AzureBase, versions: Versions, inForce: string): string => {
  const version = base.v1 ? versions.explicit : inForce
  return version === undefined || version === 'v1' ? '' : `api-version=${encodeURIComponent(version)}`
}

/** Path and query of one call. */
export const azurePath = (base: AzureBase, versions: Versions, ask: Ask): string => {
  const { route } = ask
  const inForce = responsesFamily(route.name) ? versions.responses : versions.general
  const rest = fillPath(route.upstream, ask.params)
  if (base.v1 || V1_VERSIONS.has(inForce)) {
    const fixed = [v1Query(base, versions, inForce), base.query].filter(Boolean).join('&')
    return `${base.root}/openai/v1${rest}${joinQuery(fixed, withoutVersion(ask.query))}`
  }
  if (V1_ONLY.has(route.name)) {
    throw new Unsupported(`azure has no ${rest} in api-version ${inForce}: set api_version: v1`)
  }
  const name = base.deployment ?? deploymentName(ask.model)
  const place = DEPLOYMENT_ROUTES.has(route.name) ? `/deployments/${segment(name, 'model')}` : ''
  const fixed = [`api-version=${encodeURIComponent(inForce)}`, base.query].filter(Boolean).join('&')
  return `${base.root}/openai${place}${rest}${joinQuery(fixed, ask.query)}`
}

/** The client's api-version was meant for the gateway; the deployment's own is the one that counts. */
const withoutVersion = (query: string): string =>
  query
    .split('&')
    .filter(pair => !/^api-version(=|$)/i.test(pair))
    .join('&')

/** What clients and translations write for somebody else. */
const foreignParts = (ask: Ask): readonly Edit[] => {
  const keys = foreignKeys(ask)
  const reasoning = foreignReasoning(ask)
  const thoughts = foreignThoughts(ask, true)
  if (reasoning.length + thoughts.length === 0) return keys
  return [...keys, ...reasoning, ...thoughts]
}

const connect = (params: ProviderParams): Connection => {
  const text = params.apiBase?.trim() || firstOf(params.env, ['AZURE_API_BASE'])
  if (text === undefined) {
    throw new Error('azure has no default address: set litellm_params.api_base or AZURE_API_BASE')
  }
  const written = parseBase(text)
  const base = readAzureBase(written)
  const versions = readVersions(params, base)
  const credential = azureCredential(params)
  const plain = (ask: Ask): Draft => {
    const path = azurePath(base, versions, ask)
    const model = base.deployment ?? deploymentName(ask.model)
    const { body, edits, contentType } = encodeBody(ask, model, foreignParts(ask))
    return {
      method: ask.method,
      origin: base.origin,
      path,
      headers: draftHeaders(ask, contentType),
      body,
      edits,
      warnings: [],
    }
  }
  return {
    baseUrl: printBase(written),
    credentialId: credential.id,
    missing: credential.missing,
    ...(credential.recipe === undefined ? {} : { recipe: credential.recipe }),
    ...acrossApis({ name: 'azure', apis: readApis(APIS, params), plain }),
    authorize: (draft, _now, held) =>
      unlessGiven(draft, credential.header === undefined ? bearerOf(held) : [credential.header]),
  }
}

const APIS: KnownApis = {
  responses: true,
  compaction: ['endpoint', 'trigger'],
  chat: { customTools: true, mostStops: 4 },
}

export const azure: Provider = {
  name: 'azure',
  exception: 'AzureException',
  readsEndpoint: true,
  params: [...TEXT_PARAMS, ...SIGN_IN_PARAMS],
  connect,
}
