import type { Config, Deployment, PassThroughEndpoint } from '../config/config.ts'
import { NO_PHASES } from '../config/sections/phases.ts'
import { type Base, joinQuery, parseBase, writtenSegment } from '../providers/address.ts'
import type { NativePrefix } from '../providers/native.ts'
import { type Ask, type Connection, type Draft, type Provider, Unsupported } from '../providers/provider.ts'
import { draftHeaders, encodeBody } from '../providers/same-dialect.ts'
import { withoutKeys } from '../read/query.ts'

/** The rest of the path as the client wrote it: every segment on its own, so that none climbs out of the target. */
const restOf = (ask: Ask): string => {
  const rest = ask.params['*'] ?? ''
  if (rest === '') return ''
  return `/${rest
    .split('/')
    .map((part, at, all) => (part === '' && at === all.length - 1 ? '' : writtenSegment(part, 'path')))
    .join('/')}`
}

const drafted = (ask: Ask, target: { origin: string; path: string; query: string }): Draft => {
  const encoded = encodeBody(ask, '')
  return {
    method: ask.method,
    origin: target.origin,
    path: `${target.path}${restOf(ask)}${joinQuery(target.query, ask.query)}` || '/',
    headers: draftHeaders(ask, encoded.contentType),
    body: encoded.body,
    edits: [],
    warnings: [],
  }
}

/** A deployment's address and credential, with the provider's own paths in place of the dialect's. */
const verbatim = (deployment: Deployment, { strip, bare }: NativePrefix): Deployment => {
  const whole = deployment.connection.baseUrl.replace(/\/+$/, '')
  const targetOf = (url: string): Base => {
    const base = parseBase(url || '/')
    return { ...base, path: base.path === '/' ? '' : base.path }
  }
  const own = targetOf(whole)
  const stripped = targetOf(whole.replace(strip, ''))
  const draft = (ask: Ask): Draft =>
    bare === undefined || bare.brings.test(ask.params['*'] ?? '')
      ? drafted(ask, stripped)
      : drafted({ ...ask, query: withoutKeys(ask.query, bare.without) }, own)
  const connection: Connection = { ...deployment.connection, draft, reading: () => ({}) }
  return { ...deployment, connection }
}

const natives = new WeakMap<Deployment, Deployment>()

export const nativeDeployment = (native: NativePrefix, config: Config): Deployment | undefined => {
  const found = config.deployments.find(one => native.providers.includes(one.provider.name))
  if (found === undefined) return undefined
  const known = natives.get(found)
  if (known !== undefined) return known
  const made = verbatim(found, native)
  natives.set(found, made)
  return made
}

const PASS_THROUGH: Provider = {
  name: 'pass_through',
  exception: 'PassThroughException',
  params: [],
  connect: () => {
    throw new Unsupported('pass_through is not a provider for model_list')
  },
}

const endpoints = new WeakMap<PassThroughEndpoint, Deployment>()

/** A configured pass-through endpoint as a deployment, so that the one loop serves it like any other. */
export const endpointDeployment = (endpoint: PassThroughEndpoint, config: Config): Deployment => {
  const known = endpoints.get(endpoint)
  if (known !== undefined) return known
  const base = parseBase(endpoint.target, 'target')
  const connection: Connection = {
    baseUrl: base.origin + base.path,
    credentialId: '',
    missing: undefined,
    draft: ask => drafted(ask, base),
    authorize: () => endpoint.headers,
    reading: () => ({}),
  }
  const made = blank(`passthrough:${endpoint.path}`, connection, config)
  endpoints.set(endpoint, made)
  return made
}

const blank = (id: string, connection: Connection, config: Config): Deployment => ({
  id,
  group: id,
  provider: PASS_THROUGH,
  litellmModel: id,
  upstreamModel: '',
  connection,
  domain: id,
  boundary: id,
  info: {
    id,
    mode: undefined,
    baseModel: undefined,
    accessGroups: [],
    maxInputTokens: undefined,
    supportsAssistantPrefill: false,
    supportsReasoning: false,
    supportsVision: false,
    compaction: undefined,
    allowedFails: undefined,
    allowedFailsPolicy: undefined,
    cooldownMs: 0,
    blocked: false,
    dimensions: undefined,
    raw: {},
  },
  order: undefined,
  weight: undefined,
  rpm: undefined,
  tpm: undefined,
  maxParallelRequests: undefined,
  timeoutMs: config.general.passThroughTimeoutMs,
  streamTimeoutMs: undefined,
  phases: NO_PHASES,
  numRetries: 0,
  cooldownMs: 0,
  region: undefined,
  tags: [],
  tagRegex: [],
  mockResponse: undefined,
  dropParams: undefined,
  additionalDropParams: [],
  allowedOpenaiParams: [],
  defaults: {},
  extraBody: {},
  extraHeaders: [],
  inputCostPerToken: undefined,
  outputCostPerToken: undefined,
  place: { file: '', line: 0, column: 0 },
  shown: {},
})
