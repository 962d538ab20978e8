import { Secret } from '../config/secret.ts'
import { type Env, findKey, firstOf } from './credential.ts'
import { type EntraIdentity, entraRecipe } from './entra.ts'
import { checkOidc, isOidc } from './oidc.ts'
import type { HeaderPair, ProviderParams } from './provider.ts'
import type { Recipe } from './recipe.ts'

/** The credential of an Azure deployment: one that is written down, or the way to one. */
export type AzureCredential = {
  readonly header: HeaderPair | undefined
  readonly recipe: Recipe | undefined
  readonly id: string
  readonly missing: string | undefined
}

/** litellm_params that sign in. */
export const SIGN_IN_PARAMS = [
  'azure_ad_token',
  'azure_scope',
  'tenant_id',
  'client_id',
  'client_secret',
  'azure_username',
  'azure_password',
]

const KEY_ENV = ['AZURE_OPENAI_API_KEY', 'AZURE_API_KEY']
const SCOPE = 'https://cognitiveservices.azure.com/.default'
/** Whoever signs in with a password and names no tenant has a work account of some tenant. */
const ANY_TENANT = 'organizations'

const textOf = (params: ProviderParams, name: string): string | undefined => {
  const value = params.extra[name]
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined
}

const keyed = (header: HeaderPair, id: string): AzureCredential => ({
  header,
  recipe: undefined,
  id,
  missing: undefined,
})

const bearer = (token: string): AzureCredential => {
  const found = findKey(new Secret(token), {}, ['AZURE_AD_TOKEN'])
  if (found.key === undefined) return { header: undefined, recipe: undefined, id: '', missing: found.missing }
  return keyed(['authorization', `Bearer ${found.key.reveal()}`], found.key.id)
}

/** A value of the deployment, or the variable that stands for it. */
const named = (params: ProviderParams, key: string, variable: string): string | undefined =>
  textOf(params, key) ?? (params.ambient === false ? undefined : firstOf(params.env, [variable]))

const fetched = (params: ProviderParams, identity: EntraIdentity): AzureCredential => {
  const scope = named(params, 'azure_scope', 'AZURE_SCOPE') ?? SCOPE
  const recipe = entraRecipe({ identity, scope, env: params.env })
  return { header: undefined, recipe, id: recipe.identity, missing: undefined }
}

const clientOf = (params: ProviderParams, setting: string): { tenant: string; client: string } => {
  const tenant = named(params, 'tenant_id', 'AZURE_TENANT_ID')
  const client = named(params, 'client_id', 'AZURE_CLIENT_ID')
  const lacking = [
    ...(tenant === undefined ? ['tenant_id'] : []),
    ...(client === undefined ? ['client_id'] : []),
  ]
  if (tenant !== undefined && client !== undefined) return { tenant, client }
  throw new Error(`${setting} needs ${lacking.join(' and ')}, or ${lacking.map(variableOf).join(' and ')}`)
}

const variableOf = (key: string): string => `AZURE_${key.toUpperCase()}`

const federated = (params: ProviderParams, subject: string): AzureCredential => {
  checkOidc(subject, 'azure_ad_token')
  return fetched(params, { kind: 'federated', ...clientOf(params, 'azure_ad_token: oidc/…'), subject })
}

/** LiteLLM's order: a client secret, then a user's password. */
const withSecret = (params: ProviderParams): AzureCredential | undefined => {
  const secret = named(params, 'client_secret', 'AZURE_CLIENT_SECRET')
  if (secret !== undefined)
    return fetched(params, {
      kind: 'secret',
      ...clientOf(params, 'client_secret'),
      secret: new Secret(secret),
    })
  const username = named(params, 'azure_username', 'AZURE_USERNAME')
  const password = named(params, 'azure_password', 'AZURE_PASSWORD')
  if (username === undefined || password === undefined) return undefined
  const client = named(params, 'client_id', 'AZURE_CLIENT_ID')
  if (client === undefined) throw new Error('azure_password needs client_id, or AZURE_CLIENT_ID')
  const tenant = named(params, 'tenant_id', 'AZURE_TENANT_ID') ?? ANY_TENANT
  return fetched(params, { kind: 'password', tenant, client, username, password: new Secret(password) })
}

const OWN = ['client_secret', 'tenant_id', 'client_id', 'azure_username', 'azure_password']

/** What the deployment itself writes for signing in: its own values, and the environment's for what it leaves out. */
const ownSignIn = (params: ProviderParams): AzureCredential | undefined =>
  OWN.some(name => textOf(params, name) !== undefined) ? withSecret(params) : undefined

/** Nothing was found. Who began to write a sign-in is told what it lacks. */
const nothing = (params: ProviderParams, missing: string): AzureCredential => {
  const begun = OWN.filter(name => textOf(params, name) !== undefined)
  const hint =
    begun.length === 0 ? '' : `; ${begun.join(', ')} alone cannot sign in: set client_secret as well`
  return { header: undefined, recipe: undefined, id: '', missing: missing + hint }
}

const MANAGED = 'ManagedIdentityCredential'

/** enable_azure_ad_token_refresh: what AZURE_CREDENTIAL names, or what the environment has. */
const ambientSignIn = (params: ProviderParams): AzureCredential => {
  const { env } = params
  const wanted = firstOf(env, ['AZURE_CREDENTIAL']) ?? 'DefaultAzureCredential'
  const may = (kind: string): boolean => wanted === kind || wanted === 'DefaultAzureCredential'
  const path = firstOf(env, ['AZURE_CERTIFICATE_PATH'])
  if (
    may('ClientSecretCredential') &&
    hasAll(env, ['AZURE_CLIENT_SECRET', 'AZURE_TENANT_ID', 'AZURE_CLIENT_ID'])
  ) {
    const found = withSecret(params)
    if (found !== undefined) return found
  }
  if (may('CertificateCredential') && path !== undefined)
    return fetched(params, { kind: 'certificate', ...clientOf(params, 'AZURE_CERTIFICATE_PATH'), path })
  const federation = ['AZURE_FEDERATED_TOKEN_FILE', 'AZURE_TENANT_ID', 'AZURE_CLIENT_ID']
  if (may('WorkloadIdentityCredential') && hasAll(env, federation)) return federated(params, 'oidc/azure/')
  if (may(MANAGED))
    return fetched(params, { kind: 'managed', client: named(params, 'client_id', 'AZURE_CLIENT_ID') })
  throw new Error(
    `AZURE_CREDENTIAL=${wanted} cannot be used: use DefaultAzureCredential, ClientSecretCredential, CertificateCredential, WorkloadIdentityCredential or ${MANAGED}, with the variables that it reads`,
  )
}

const hasAll = (env: Env, names: readonly string[]): boolean =>
  names.every(name => firstOf(env, [name]) !== undefined)

const ambient = (params: ProviderParams): AzureCredential | undefined => {
  if (params.ambient === false) return undefined
  const token = firstOf(params.env, ['AZURE_AD_TOKEN'])
  if (token !== undefined) return isOidc(token) ? federated(params, token) : bearer(token)
  // A reference to a variable brings text.
  if (/^true$/i.test(String(params.settings?.enable_azure_ad_token_refresh))) return ambientSignIn(params)
  const secret = ['AZURE_CLIENT_SECRET', 'AZURE_TENANT_ID', 'AZURE_CLIENT_ID']
  return hasAll(params.env, secret) ? withSecret(params) : undefined
}

/**
 * What the deployment itself says comes first, then the environment; a key before a token, a token before a sign-in.
 * `keyEnv`: the variables that may hold a key, in their order.
 */
export const azureCredential = (
  params: ProviderParams,
  keyEnv: readonly string[] = KEY_ENV,
): AzureCredential => {
  const token = textOf(params, 'azure_ad_token')
  if (params.apiKey === undefined && token !== undefined)
    return isOidc(token) ? federated(params, token) : bearer(token)
  const own = params.apiKey === undefined ? ownSignIn(params) : undefined
  if (own !== undefined) return own
  const found = findKey(params.apiKey, params.env, keyEnv)
  if (found.key !== undefined) return keyed(['api-key', found.key.reveal()], found.key.id)
  // A key of its own that cannot be sent is no reason to sign in as somebody else.
  return (params.apiKey === undefined ? ambient(params) : undefined) ?? nothing(params, found.missing)
}
