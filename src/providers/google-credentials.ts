import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Secret } from '../config/secret.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { type Env, firstOf } from './credential.ts'
import { faultOf, googleToken } from './google-token.ts'
import type { ProviderParams } from './provider.ts'
import { CredentialFault, type Recipe, recipeId, type Tools } from './recipe.ts'

/**
 * How a Google Cloud deployment signs in: `vertex_credentials` (a path, the JSON itself as text or as a map),
 * VERTEXAI_CREDENTIALS, then Application Default Credentials: GOOGLE_APPLICATION_CREDENTIALS, the file that
 * `gcloud auth application-default login` writes, the metadata server.
 *
 *     const google = googleSignIn(params)                     // in connect(): pure but for a look at the file
 *     const project = textIn(params, 'vertex_project') ?? env… ?? google.project
 *     return {
 *       credentialId: google.recipe.identity,
 *       missing: undefined,
 *       recipe: google.recipe,
 *       authorize: (draft, _now, held) => unlessGiven(draft, bearerOf(held)),
 *       …
 *     }
 *
 * Throws Error with a sentence when what is written cannot be a credential.
 */
export type GoogleSignIn = {
  readonly recipe: Recipe
  /** The project that the credential names; undefined where only the metadata server knows it. */
  readonly project: string | undefined
}

/** litellm_params of this file: LiteLLM's name, and its older one. */
export const GOOGLE_SIGN_IN_PARAMS = ['vertex_credentials', 'vertex_ai_credentials']

/** Where the credential comes from. */
type Origin =
  | { readonly kind: 'json'; readonly json: JsonObject }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'metadata' }

const MEND =
  'check vertex_credentials, GOOGLE_APPLICATION_CREDENTIALS or the service account of this machine; the log has the details'

const asObject = (value: unknown): JsonObject | undefined => {
  if (typeof value !== 'string') return undefined
  try {
    const json = JSON.parse(value) as Json
    return isObject(json) ? json : undefined
  } catch {
    return undefined
  }
}

/** A path, or the JSON itself: LiteLLM's two forms of one key. */
const written = (value: Json | undefined, key: string): Origin | undefined => {
  if (isObject(value)) return checked(value, key)
  if (typeof value !== 'string' || value.trim() === '') return undefined
  if (!value.trim().startsWith('{')) return { kind: 'file', path: value.trim() }
  const json = asObject(value)
  if (json === undefined) throw new Error(`${key} begins like JSON and is none: mend it, or write a path`)
  return checked(json, key)
}

/** What no token can come of is said at once; a file may be another one by then. */
const checked = (json: JsonObject, key: string): Origin => {
  const fault = faultOf(json)
  if (fault !== undefined) throw new Error(`${key}: ${fault}`)
  return { kind: 'json', json }
}

/** Where gcloud keeps what `gcloud auth application-default login` has brought. */
const gcloudFile = (env: Env): string | undefined => {
  const own = firstOf(env, ['CLOUDSDK_CONFIG'])
  const home = firstOf(env, ['HOME', 'USERPROFILE'])
  const windows = process.platform === 'win32' ? firstOf(env, ['APPDATA']) : undefined
  const folder =
    own ?? (windows && join(windows, 'gcloud')) ?? (home && join(home, '.config', 'gcloud')) ?? undefined
  return folder === undefined ? undefined : join(folder, 'application_default_credentials.json')
}

const looked = (path: string): JsonObject | undefined => {
  try {
    return asObject(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}

const originOf = (params: ProviderParams): Origin => {
  for (const name of GOOGLE_SIGN_IN_PARAMS) {
    const own = written(params.extra[name], name)
    if (own !== undefined) return own
  }
  if (params.ambient === false)
    throw new Error('this deployment names its own address and has no vertex_credentials of its own')
  for (const name of ['VERTEXAI_CREDENTIALS', 'GOOGLE_APPLICATION_CREDENTIALS']) {
    const found = written(params.env[name], name)
    if (found !== undefined) return found
  }
  const path = gcloudFile(params.env)
  return path !== undefined && looked(path) !== undefined ? { kind: 'file', path } : { kind: 'metadata' }
}

const projectOf = (json: JsonObject | undefined): string | undefined => {
  const found = json?.project_id ?? json?.quota_project_id
  return typeof found === 'string' && found !== '' ? found : undefined
}

/** A file is read anew for every token: whoever replaces it need not restart anything. */
const readOrigin = async (
  origin: Exclude<Origin, { kind: 'metadata' }>,
  tools: Tools,
): Promise<JsonObject> => {
  if (origin.kind === 'json') return origin.json
  const json = asObject(await tools.readFile(origin.path))
  if (json === undefined) throw new CredentialFault('the file is not JSON', { where: origin.path })
  return json
}

/** The members of a credential that nobody may read in a log. */
const secretsOf = (json: JsonObject | undefined): readonly Secret[] =>
  ['private_key', 'private_key_id', 'refresh_token', 'client_secret'].flatMap(name => {
    const value = json?.[name]
    return typeof value === 'string' && value !== '' ? [new Secret(value)] : []
  })

export const googleSignIn = (params: ProviderParams): GoogleSignIn => {
  const origin = originOf(params)
  const { env } = params
  const json = origin.kind === 'json' ? origin.json : origin.kind === 'file' ? looked(origin.path) : undefined
  const host = firstOf(env, ['GCE_METADATA_HOST', 'GCE_METADATA_IP']) ?? 'metadata.google.internal'
  return {
    project: projectOf(json),
    recipe: {
      id: recipeId(['google', origin, origin.kind === 'metadata' ? host : '']),
      identity: recipeId(['google', origin]),
      title: 'the Google credential',
      mend: MEND,
      secrets: secretsOf(json),
      fetch: async tools =>
        origin.kind === 'metadata'
          ? googleToken(tools, { kind: 'metadata', host })
          : googleToken(tools, { kind: 'json', json: await readOrigin(origin, tools) }),
    },
  }
}
