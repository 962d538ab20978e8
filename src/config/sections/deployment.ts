import type { Connection, ProviderParams } from '../../providers/provider.ts'
import type { JsonObject } from '../../wire/json.ts'
import type { Deployment, Place } from '../config.ts'
import type { Environment } from '../env.ts'
import { masked, scrub, secretsIn } from '../mask.ts'
import { join, type Report } from '../report.ts'
import { scanSection } from '../scan.ts'
import { Secret } from '../secret.ts'
import { checkShape } from '../shapes.ts'
import {
  child,
  emptyMap,
  entry,
  isUnresolved,
  type MapNode,
  placeOf,
  settings,
  text,
  underlay,
} from '../tree.ts'
import { withoutEndpoint } from './endpoint-in-base.ts'
import { readHeaders } from './headers.ts'
import { deploymentId } from './identity.ts'
import {
  dropPath,
  LITELLM_PARAMS_SHAPE,
  type OwnParams,
  providerExtra,
  regionOf,
  reportForeign,
  requestDefaults,
} from './litellm-params.ts'
import { type ReadInfo, readModelInfo } from './model-info.ts'
import { MOST_STARS } from './patterns.ts'
import { readPhases } from './phases.ts'
import { type Providers, type Resolved, resolveProvider } from './provider-of.ts'

export type Workshop = {
  readonly report: Report
  readonly environment: Environment
  readonly providers: Providers
  readonly credentials: ReadonlyMap<string, MapNode>
  /** router_settings.default_litellm_params */
  readonly defaults: MapNode | undefined
  /** litellm_settings that belong to providers. */
  readonly settings: JsonObject
}

/** A deployment that cannot work, as opposed to a file that is wrong: it may be left out. */
export type Invalid = {
  readonly group: string
  readonly key: string
  readonly place: Place
  readonly text: string
}

export type Made =
  | { readonly kind: 'deployment'; readonly deployment: Deployment }
  | { readonly kind: 'invalid'; readonly invalid: Invalid }
  /** The entry has the wrong shape, which is already reported. */
  | { readonly kind: 'broken' }

/** One entry of model_list with everything that is needed to build it. */
type Entry = {
  readonly node: MapNode
  readonly group: string
  /** litellm_params with the named credential and the defaults underneath. */
  readonly params: MapNode
  readonly own: OwnParams
  readonly info: ReadInfo
  readonly path: readonly PropertyKey[]
}

const BROKEN: Made = { kind: 'broken' }

export const makeDeployment = (node: MapNode, index: number, workshop: Workshop): Made => {
  const { report } = workshop
  const path = ['model_list', index] as const
  const group = readGroup(node, path, report)
  const written = node.entries.get('litellm_params')?.value
  if (written?.kind !== 'map')
    report.error(
      join(...path, 'litellm_params'),
      written?.place ?? node.place,
      "must be a map with at least 'model'",
    )
  const infoNode = child(node, 'model_info') ?? emptyMap(node.place)
  if (infoNode.kind !== 'map') report.error(join(...path, 'model_info'), infoNode.place, 'must be a map')
  if (group === undefined || written?.kind !== 'map' || infoNode.kind !== 'map') return BROKEN
  const credential = findCredential(written, group, path, workshop)
  if (credential.kind === 'invalid') return credential
  const params = underlay(underlay(written, credential.values), workshop.defaults)
  const own = checkShape(LITELLM_PARAMS_SHAPE, params, [...path, 'litellm_params'], report)
  const info = readModelInfo(infoNode, [...path, 'model_info'], report)
  if (own === undefined || info === undefined) return BROKEN
  return assemble({ node, group, params, own, info, path }, workshop)
}

const readGroup = (node: MapNode, path: readonly PropertyKey[], report: Report): string | undefined => {
  const written = entry(node, 'model_name')
  const value = written?.value.kind === 'scalar' ? String(written.value.value).trim() : ''
  const key = join(...path, 'model_name')
  if (value === '') {
    report.error(key, written?.place ?? node.place, 'model_name is missing: it is the name clients ask for')
    return undefined
  }
  if (value.split('*').length - 1 > MOST_STARS) {
    report.error(key, written?.place ?? node.place, `more than ${MOST_STARS} '*' in one name`)
    return undefined
  }
  return value
}

type Credential =
  | { readonly kind: 'values'; readonly values: MapNode | undefined }
  | { readonly kind: 'invalid'; readonly invalid: Invalid }

const findCredential = (
  params: MapNode,
  group: string,
  path: readonly PropertyKey[],
  { credentials }: Workshop,
): Credential => {
  const written = entry(params, 'litellm_credential_name')
  if (written === undefined) return { kind: 'values', values: undefined }
  const name = text(written.value)?.trim()
  const values = name === undefined ? undefined : credentials.get(name)
  if (values !== undefined) return { kind: 'values', values }
  const known = [...credentials.keys()].join(', ') || 'none'
  const key = join(...path, 'litellm_params', 'litellm_credential_name')
  const fault = `credential_list has no credential of this name (it has: ${known})`
  return { kind: 'invalid', invalid: { group, key, place: written.place, text: fault } }
}

const assemble = (made: Entry, workshop: Workshop): Made => {
  const { group, own, params, path } = made
  const apiBase = own.api_base ?? own.base_url
  const resolved = resolveProvider(
    { model: own.model, customProvider: own.custom_llm_provider, apiBase },
    workshop.providers,
  )
  const modelPlace = entry(params, 'model')?.place ?? params.place
  const invalid = (key: string, place: Place, text: string): Made => ({
    kind: 'invalid',
    invalid: { group, key: join(...path, 'litellm_params', ...(key === '' ? [] : [key])), place, text },
  })
  if ('fault' in resolved) return invalid('model', modelPlace, resolved.fault)
  reportParams(made, resolved, workshop.report)
  reportDecided(made, workshop.report)
  const connected = connect(made, resolved, workshop)
  if (typeof connected === 'string') return invalid('', made.params.place, connected)
  if (connected.missing !== undefined)
    workshop.report.warning(
      join(...path, 'litellm_params', 'api_key'),
      entry(params, 'api_key')?.place ?? made.params.place,
      `${scrub(connected.missing, secretsIn(params))}; calls to this deployment fail until then`,
    )
  const deployment = describe(made, resolved, connected, workshop.report)
  return deployment === undefined ? BROKEN : { kind: 'deployment', deployment }
}

/** Decided elsewhere, whoever else writes it. */
const DECIDED = { stream: 'The request decides.', model: 'litellm_params.model decides.' } as const

const reportDecided = ({ own, params, path }: Entry, report: Report): void => {
  const tell = (name: keyof typeof DECIDED, ...where: readonly PropertyKey[]): void =>
    report.later(join(...path, 'litellm_params', ...where), placeOf(params, where), DECIDED[name])
  for (const name of ['stream', 'model'] as const)
    if (Object.hasOwn(own.extra_body ?? {}, name)) tell(name, 'extra_body', name)
  const dropped = (own.additional_drop_params ?? []).indexOf('stream')
  if (dropped >= 0) tell('stream', 'additional_drop_params', dropped)
}

const reportParams = ({ params, group, own, path }: Entry, resolved: Resolved, report: Report): void => {
  const { provider, upstreamModel } = resolved
  const at = [...path, 'litellm_params']
  const others = [...params.entries].filter(([key]) => !provider.params.includes(key))
  scanSection('litellm_params', { ...params, entries: new Map(others) }, at, report)
  reportForeign(params, provider, at, report)
  if (upstreamModel.includes('*') && !group.includes('*'))
    report.warning(
      join(...at, 'model'),
      entry(params, 'model')?.place,
      `model_name ${group} has no '*' to fill the one in ${own.model} from: the provider will see a '*'`,
    )
}

/** A connection, or the sentence that says why there is none. */
const connect = (made: Entry, { provider }: Resolved, workshop: Workshop): Connection | string => {
  const { own, params, info, path } = made
  const asked: ProviderParams = {
    model: own.model,
    apiBase: withoutEndpoint(own.api_base ?? own.base_url, { provider, params, path }, workshop.report),
    apiKey: own.api_key === undefined ? undefined : new Secret(own.api_key),
    apiVersion: own.api_version,
    organization: own.organization,
    extra: providerExtra(params, provider),
    env: environmentFor(made, workshop.environment),
    settings: workshop.settings,
    info: { mode: info.info.mode, supportedEndpoints: info.supportedEndpoints },
    ambient: !isStrayed(made),
  }
  try {
    return provider.connect(asked)
  } catch (error) {
    const message = error instanceof Error ? error.message : 'it gave no reason'
    return `provider ${provider.name} cannot connect: ${scrub(message, secretsIn(params))}`
  }
}

/**
 * A deployment that names its own address and a key that turns out unset must not get the provider's general key
 * instead, nor sign in as the machine it runs on: that would go to an address it was not meant for.
 */
const isStrayed = ({ params, own }: Entry): boolean =>
  isUnresolved(params.entries.get('api_key')?.value) && (own.api_base ?? own.base_url) !== undefined

const environmentFor = (made: Entry, environment: Environment): Environment =>
  isStrayed(made)
    ? Object.fromEntries(
        Object.entries(environment).filter(([name]) => !/(?:KEY|TOKEN|SECRET|PASSWORD)$/.test(name)),
      )
    : environment

/** Limits, ids and ciphertext are an organisation's: one key may speak for several. */
const accountOf = (
  { baseUrl, credentialId }: Connection,
  organization: string | undefined,
): readonly string[] =>
  organization === undefined
    ? [baseUrl, credentialId]
    : [baseUrl, credentialId, `organization ${organization.trim()}`]

const describe = (
  made: Entry,
  resolved: Resolved,
  connection: Connection,
  report: Report,
): Deployment | undefined => {
  const { own, params, group, info, path } = made
  const at = [...path, 'litellm_params']
  const defaults = requestDefaults(params, resolved.provider)
  const id = info.id ?? deploymentId(group, settings(params))
  const account = accountOf(connection, own.organization)
  const tagRegex = own.tag_regex ?? []
  if (!compile(tagRegex, params, at, report)) return undefined
  return {
    id,
    group,
    provider: resolved.provider,
    litellmModel: own.model,
    upstreamModel: resolved.upstreamModel,
    connection,
    domain: JSON.stringify([...account, resolved.upstreamModel]),
    boundary: JSON.stringify(account),
    info: { id, ...info.info },
    order: own.order,
    weight: own.weight,
    rpm: own.rpm,
    tpm: own.tpm,
    maxParallelRequests: own.max_parallel_requests,
    timeoutMs: own.timeout || (own.request_timeout ?? own.timeout),
    streamTimeoutMs: own.stream_timeout,
    phases: readPhases(own),
    numRetries: own.num_retries,
    cooldownMs: own.cooldown_time,
    region: regionOf(own, providerExtra(params, resolved.provider)),
    tags: own.tags ?? [],
    tagRegex,
    mockResponse: own.mock_response,
    dropParams: own.drop_params,
    additionalDropParams: (own.additional_drop_params ?? []).map(dropPath),
    allowedOpenaiParams: own.allowed_openai_params ?? [],
    defaults,
    extraBody: own.extra_body ?? {},
    extraHeaders: readExtraHeaders(params, at, report),
    inputCostPerToken: own.input_cost_per_token ?? info.inputCost,
    outputCostPerToken: own.output_cost_per_token ?? info.outputCost,
    place: made.node.place,
    shown: masked(params),
  }
}

const readExtraHeaders = (params: MapNode, path: readonly PropertyKey[], report: Report) => {
  const extra = readHeaders(child(params, 'extra_headers'), [...path, 'extra_headers'], report)
  const others = readHeaders(child(params, 'headers'), [...path, 'headers'], report)
  return [...extra, ...others.filter(([name]) => !extra.some(([taken]) => taken === name))]
}

const compile = (
  expressions: readonly string[],
  params: MapNode,
  path: readonly PropertyKey[],
  report: Report,
): boolean => {
  for (const expression of expressions)
    try {
      new RegExp(expression)
    } catch {
      report.error(
        join(...path, 'tag_regex'),
        entry(params, 'tag_regex')?.place,
        'is not a regular expression',
      )
      return false
    }
  return true
}
