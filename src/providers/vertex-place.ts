import type { Json } from '../wire/json.ts'
import { type Base, parseBase, segment } from './address.ts'
import { firstOf } from './credential.ts'
import { type ProviderParams, Unsupported } from './provider.ts'

/** Where Vertex AI serves a model: host, project, location, publisher. */

/** LiteLLM's location when none is named. */
const DEFAULT_LOCATION = 'us-central1'
const LOCATION = /^[a-z][a-z0-9-]{0,62}$/
/** Locations of several regions have hosts of their own form. */
const SEVERAL: ReadonlySet<string> = new Set(['us', 'eu'])

const PROJECT_ENV = ['VERTEXAI_PROJECT', 'VERTEX_PROJECT', 'GOOGLE_CLOUD_PROJECT']
const LOCATION_ENV = ['VERTEXAI_LOCATION', 'VERTEX_LOCATION', 'GOOGLE_CLOUD_LOCATION']

/** litellm_params of this file: LiteLLM's names, and its older ones. */
export const PLACE_PARAMS = ['vertex_project', 'vertex_location', 'vertex_ai_project', 'vertex_ai_location']

const textIn = (value: Json | undefined): string | undefined =>
  typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined

/** `project` or `location`, as the deployment says it, then litellm_settings. */
const written = ({ extra, settings }: ProviderParams, what: string): string | undefined =>
  textIn(extra[`vertex_${what}`]) ??
  textIn(extra[`vertex_ai_${what}`]) ??
  textIn(settings?.[`vertex_${what}`])

export type VertexPlace = {
  /** scheme://host, and a path before the version where the deployment names an address of its own. */
  readonly base: Base
  /** `v1`, or what the deployment asks for. */
  readonly version: string
  readonly location: string
  readonly project: string | undefined
}

const hostOf = (location: string): string => {
  if (location === 'global') return 'https://aiplatform.googleapis.com'
  return SEVERAL.has(location)
    ? `https://aiplatform.${location}.rep.googleapis.com`
    : `https://${location}-aiplatform.googleapis.com`
}

const VERSION = /^v\d+(?:beta\d+)?$/

/** Throws Error with a sentence that says what is wrong with a location or an address. */
export const readPlace = (params: ProviderParams, projectOfCredential: string | undefined): VertexPlace => {
  const location = written(params, 'location') ?? firstOf(params.env, LOCATION_ENV) ?? DEFAULT_LOCATION
  // It becomes a part of the host that gets the credential.
  if (!LOCATION.test(location))
    throw new Error('vertex_location is no location: write one like us-east5 or global')
  const address = params.apiBase?.trim() || firstOf(params.env, ['VERTEXAI_API_BASE', 'VERTEX_AI_API_BASE'])
  const base = parseBase(address ?? hostOf(location))
  const last = base.path.split('/').at(-1) ?? ''
  const named = VERSION.test(last)
  return {
    base: named ? { ...base, path: base.path.slice(0, -last.length - 1) } : base,
    version: named ? last : params.apiVersion?.trim() || 'v1',
    location,
    project: written(params, 'project') ?? firstOf(params.env, PROJECT_ENV) ?? projectOfCredential,
  }
}

export type Publisher = 'google' | 'anthropic'

export type VertexModel =
  | { readonly kind: 'published'; readonly publisher: Publisher; readonly id: string }
  /** A tuned model, by the number of its endpoint. */
  | { readonly kind: 'endpoint'; readonly id: string }

/** `<model>`, `gemini/<model>`, `<number of an endpoint>`. Throws Unsupported for what other publishers serve. */
export const readVertexModel = (model: string): VertexModel => {
  const id = model.replace(/^gemini\//, '')
  if (/^\d+$/.test(id)) return { kind: 'endpoint', id }
  if (/^claude-/.test(id)) return { kind: 'published', publisher: 'anthropic', id }
  if (id.includes('/'))
    throw new Unsupported(`vertex_ai serves models of Google and Anthropic, not '${model}'`, 'model')
  return { kind: 'published', publisher: 'google', id }
}

/** The resource in the path, `publishers/google/models/…` or `endpoints/…`, each value as one segment. */
export const modelPathOf = (place: VertexPlace, model: VertexModel): string => {
  const { base, version, location, project } = place
  const resource =
    model.kind === 'endpoint'
      ? `endpoints/${segment(model.id, 'model')}`
      : `publishers/${model.publisher}/models/${segment(model.id, 'model')}`
  // With a key of the express mode the project is the key's.
  const scope =
    project === undefined
      ? ''
      : `/projects/${segment(project, 'vertex_project')}/locations/${segment(location, 'vertex_location')}`
  return `${base.path}/${version}${scope}/${resource}`
}
