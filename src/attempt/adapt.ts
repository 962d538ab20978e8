import type { Call } from '../call.ts'
import type { Deployment } from '../config/config.ts'
import { accepts, neededBy, publishes, twinOf } from '../dialects/parameters.ts'
import { compactingBy, type Wanted } from '../plan/compaction.ts'
import { shadowEdits } from '../plan/shadows.ts'
import type { Ask, Draft } from '../providers/provider.ts'
import type { ClientBody } from '../read/body.ts'
import { keysOf, peekAt } from '../read/parse.ts'
import type { Route } from '../routes.ts'
import type { Edit } from '../wire/edit.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'

/** What adapt needs of a call: values of the wire, nothing of the Context. */
export type Parcel = Pick<
  Call,
  'route' | 'method' | 'params' | 'query' | 'body' | 'headers' | 'stream' | 'edits' | 'shadows' | 'rehydrated'
> & {
  /** What the request says of drop_params; undefined: it says nothing. */
  readonly dropParams: boolean | undefined
  /** litellm_settings.drop_params, for a deployment that says nothing either. */
  readonly dropParamsOtherwise: boolean
  readonly additionalDropParams: readonly (readonly string[])[]
  readonly allowedParams: readonly string[]
  /** always_include_stream_usage */
  readonly askUsage: boolean
}

export const parcelOf = (call: Call): Parcel => ({
  route: call.route,
  method: call.method,
  params: call.params,
  query: call.query,
  body: call.body,
  headers: call.headers,
  stream: call.stream,
  edits: call.edits,
  shadows: call.shadows,
  rehydrated: call.rehydrated,
  dropParams: call.controls.dropParams,
  dropParamsOtherwise: call.config.litellm.dropParams,
  additionalDropParams: call.controls.additionalDropParams,
  allowedParams: call.controls.allowedOpenaiParams,
  askUsage: call.config.general.alwaysIncludeStreamUsage,
})

export type Hop = {
  readonly deployment: Deployment
  /** Upstream model name. */
  readonly model: string
  /** Values of a dict fallback. */
  readonly overrides: JsonObject
  /** A compaction is asked for. */
  readonly wanted?: Wanted | undefined
  /** The gateway answers in its place: it is not asked. */
  readonly estimate?: true
}

const set = (path: readonly string[], value: Json, why: Edit['why']): Edit => ({
  op: 'set',
  path,
  value,
  why,
})

const isSaid = (value: Json | undefined): boolean => value !== undefined && value !== null && value !== false

/** The request decides whether its answer streams: one of the other kind could not be read. */
const isRequests = (key: string | undefined): boolean => key === 'stream'

/** A deployment's defaults, where the client is silent, the route knows the parameter and the body has what it needs. */
const defaultEdits = (
  { deployment, overrides }: Hop,
  route: Route,
  present: ReadonlySet<string>,
  body: ClientBody,
): Edit[] => {
  const edits: Edit[] = []
  const { extraBody, defaults } = deployment
  const said = (key: string): Json | undefined =>
    present.has(key) ? peekAt(body)(key) : isRequests(key) ? undefined : (extraBody[key] ?? defaults[key])
  const isThere = (key: string): boolean =>
    present.has(key) || Object.hasOwn(overrides, key) || Object.hasOwn(extraBody, key)
  const fits = (key: string): boolean => {
    const [twin, needed] = [twinOf(route, key), neededBy(key)]
    if (twin !== undefined && isThere(twin)) return false
    return needed === undefined || !publishes(route, needed) || isSaid(said(needed))
  }
  for (const [key, value] of Object.entries(defaults)) {
    if (!accepts(route, key) || !fits(key)) continue
    if (key === 'tools' && present.has('tools')) {
      const own = peekAt(body)('tools')
      if (Array.isArray(value) && Array.isArray(own))
        edits.push(set(['tools'], [...value, ...own], 'deployment-tools'))
    } else if (!present.has(key)) edits.push(set([key], value, 'deployment-default'))
  }
  return edits
}

const drop = (key: string, why: Edit['why']): Edit => ({ op: 'drop', path: [key], why })

/** Sets a parameter in the place of what is there under its other name. */
const insteadOf = (there: ReadonlySet<string>, edit: Edit, route: Route): Edit[] => {
  const twin = twinOf(route, edit.path[0] ?? '')
  return twin !== undefined && there.has(twin) ? [drop(twin, edit.why), edit] : [edit]
}

const extraEdits = ({ extraBody }: Deployment, route: Route, present: ReadonlySet<string>): Edit[] =>
  Object.entries(extraBody).flatMap(([key, value]) =>
    insteadOf(present, set([key], value, 'deployment-extra-body'), route),
  )

/** A value that the route does not publish is not added to it: a fallback entry serves every endpoint. */
const overrideEdits = (
  { deployment, overrides }: Hop,
  route: Route,
  present: ReadonlySet<string>,
): Edit[] => {
  const there = new Set([...present, ...Object.keys(deployment.extraBody)])
  return Object.entries(overrides)
    .filter(([key]) => present.has(key) || accepts(route, key))
    .flatMap(([key, value]) =>
      value === null
        ? [drop(key, 'fallback-override')]
        : insteadOf(there, set([key], value, 'fallback-override'), route),
    )
}

const usageEdit = (parcel: Parcel, present: ReadonlySet<string>): Edit[] => {
  const { route, body } = parcel
  if (!parcel.askUsage || !parcel.stream || (route.shape !== 'chat' && route.shape !== 'completions'))
    return []
  const options = present.has('stream_options') ? peekAt(body)('stream_options') : undefined
  if (isObject(options) && options.include_usage !== undefined) return []
  return [
    set(['stream_options'], { ...(isObject(options) ? options : {}), include_usage: true }, 'stream-usage'),
  ]
}

const isEmpty = (object: JsonObject): boolean => {
  for (const _ in object) return false
  return true
}

/** Every edit of one hop but the provider's own, in the order they apply. Empty for a body that is not JSON or form. */
export const editsFor = (parcel: Parcel, hop: Hop): readonly Edit[] => {
  const { body, route } = parcel
  if (body.kind !== 'json' && body.kind !== 'multipart') return []
  const { deployment, overrides } = hop
  const drops = deployment.additionalDropParams.length + parcel.additionalDropParams.length
  const plain = drops === 0 && isEmpty(deployment.defaults) && isEmpty(deployment.extraBody)
  if (plain && isEmpty(overrides) && !parcel.askUsage) return parcel.edits
  const present = new Set(keysOf(body))
  const owned = route.crossing === 'never'
  const dropped = [...deployment.additionalDropParams, ...parcel.additionalDropParams]
  const edits: readonly Edit[] = [
    ...parcel.edits,
    ...(owned ? [] : defaultEdits(hop, route, present, body)),
    ...(owned ? [] : extraEdits(deployment, route, present)),
    ...overrideEdits(hop, route, present),
    ...usageEdit(parcel, present),
    ...dropped.map((path): Edit => ({ op: 'drop', path, why: 'additional-drop-params' })),
  ]
  return edits.filter(({ path }) => path.length > 1 || !isRequests(path[0]))
}

/** What only somebody else can read is put in words for this deployment. */
const readable = (parcel: Parcel, { boundary }: Deployment): Parcel => ({
  ...parcel,
  edits: [...parcel.edits, ...shadowEdits(parcel.shadows, boundary)],
})

/** The client's call as one deployment must receive it. Throws Unsupported when it cannot be carried. */
export const adapt = (parcel: Parcel, hop: Hop): { ask: Ask; draft: Draft } => {
  const { deployment } = hop
  const ask: Ask = {
    route: parcel.route,
    method: parcel.method,
    params: parcel.params,
    query: parcel.query,
    body: parcel.body,
    headers: deployment.extraHeaders.length === 0 ? parcel.headers : withExtra(parcel.headers, deployment),
    operatorHeaders: deployment.extraHeaders,
    model: hop.model,
    edits: editsFor(parcel.shadows === undefined ? parcel : readable(parcel, deployment), hop),
    stream: parcel.stream,
    dropParams: parcel.dropParams ?? deployment.dropParams ?? parcel.dropParamsOtherwise,
    allowedParams:
      parcel.allowedParams.length === 0
        ? deployment.allowedOpenaiParams
        : [...deployment.allowedOpenaiParams, ...parcel.allowedParams],
    ...(hop.estimate === undefined ? {} : { estimate: hop.estimate }),
    compaction: hop.wanted === undefined ? undefined : compactingBy(hop, hop.wanted),
  }
  const draft = deployment.connection.draft(ask)
  const { rehydrated } = parcel
  // The body that the other edits are about was made by these.
  return {
    ask,
    draft: rehydrated === undefined ? draft : { ...draft, edits: [...rehydrated.edits, ...draft.edits] },
  }
}

/** extra_headers are the operator's and win over the client's of the same name. */
const withExtra = (headers: Parcel['headers'], deployment: Deployment): Parcel['headers'] => {
  const names = new Set(deployment.extraHeaders.map(([name]) => name.toLowerCase()))
  return [...headers.filter(([name]) => !names.has(name)), ...deployment.extraHeaders]
}
