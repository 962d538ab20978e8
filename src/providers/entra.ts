import { X509Certificate } from 'node:crypto'
import type { Secret } from '../config/secret.ts'
import { parseBase, printBase, segment } from './address.ts'
import { type Env, firstOf } from './credential.ts'
import { signedJwt } from './jwt.ts'
import { oidcToken } from './oidc.ts'
import { CredentialFault, type Fetched, type Recipe, recipeId, type Tools } from './recipe.ts'
import { askForToken } from './token-answer.ts'

/**
 * Signing in with Microsoft Entra ID (Azure AD): OAuth 2.0 at `<authority>/<tenant>/oauth2/v2.0/token`, and the
 * managed identity of a machine or an app service. Plain requests: the vendor's library is 52 MB in 43 packages.
 */

/** Who signs in. */
export type EntraIdentity =
  | { readonly kind: 'secret'; readonly tenant: string; readonly client: string; readonly secret: Secret }
  | {
      readonly kind: 'password'
      readonly tenant: string
      readonly client: string
      readonly username: string
      readonly password: Secret
    }
  /** A token of another provider: `oidc/…`. */
  | { readonly kind: 'federated'; readonly tenant: string; readonly client: string; readonly subject: string }
  | { readonly kind: 'certificate'; readonly tenant: string; readonly client: string; readonly path: string }
  | { readonly kind: 'managed'; readonly client: string | undefined }

export type EntraSetting = {
  readonly identity: EntraIdentity
  /** `https://cognitiveservices.azure.com/.default` */
  readonly scope: string
  readonly env: Env
}

const AUTHORITY = 'https://login.microsoftonline.com'
const METADATA = 'http://169.254.169.254'
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
/** Of an assertion that a certificate signs, in seconds. */
const ASSERTION_SECONDS = 600

const authorityOf = (env: Env): string =>
  printBase(parseBase(firstOf(env, ['AZURE_AUTHORITY_HOST']) ?? AUTHORITY, 'AZURE_AUTHORITY_HOST'))

const tokenUrl = (env: Env, tenant: string): string =>
  `${authorityOf(env)}/${segment(tenant, 'tenant_id')}/oauth2/v2.0/token`

/** The managed identity: an app service says where its own endpoint is, a virtual machine has a well-known one. */
const managed = (
  tools: Tools,
  client: string | undefined,
  { env, scope }: EntraSetting,
): Promise<Fetched> => {
  const endpoint = firstOf(env, ['IDENTITY_ENDPOINT'])
  const header = firstOf(env, ['IDENTITY_HEADER'])
  const ofApp = endpoint !== undefined && header !== undefined
  const query = new URLSearchParams({
    'api-version': ofApp ? '2019-08-01' : '2018-02-01',
    resource: scope.replace(/\/\.default$/, ''),
    ...(client === undefined ? {} : { client_id: client }),
  })
  const host = firstOf(env, ['AZURE_POD_IDENTITY_AUTHORITY_HOST']) ?? METADATA
  const url = ofApp ? endpoint : `${host.replace(/\/+$/, '')}/metadata/identity/oauth2/token`
  const headers: Record<string, string> = ofApp ? { 'x-identity-header': header } : { metadata: 'true' }
  return askForToken(tools, { method: 'GET', url: `${url}?${query}`, headers })
}

/** An assertion signed with the key of a certificate, named by its thumbprint. */
const certified = async (
  tools: Tools,
  { client, path }: Extract<EntraIdentity, { kind: 'certificate' }>,
  audience: string,
): Promise<string> => {
  const pem = await tools.readFile(path)
  let print: string
  try {
    print = new X509Certificate(pem).fingerprint256.replaceAll(':', '')
  } catch {
    throw new CredentialFault('the file holds no PEM certificate', { where: path })
  }
  const now = Math.floor(tools.wall() / 1000)
  return signedJwt(
    { 'x5t#S256': Buffer.from(print, 'hex').toString('base64url') },
    {
      iss: client,
      sub: client,
      aud: audience,
      jti: recipeId([client, now, print]),
      nbf: now,
      exp: now + ASSERTION_SECONDS,
    },
    pem,
  )
}

const formOf = async (
  tools: Tools,
  identity: Exclude<EntraIdentity, { kind: 'managed' }>,
  { env, scope }: EntraSetting,
): Promise<Readonly<Record<string, string>>> => {
  const common = { client_id: identity.client, scope, grant_type: 'client_credentials' }
  const asserted = (assertion: string) => ({
    ...common,
    client_assertion_type: ASSERTION_TYPE,
    client_assertion: assertion,
  })
  switch (identity.kind) {
    case 'secret':
      return { ...common, client_secret: identity.secret.reveal() }
    case 'password':
      return {
        ...common,
        grant_type: 'password',
        username: identity.username,
        password: identity.password.reveal(),
      }
    case 'federated':
      return asserted(await oidcToken(identity.subject, tools, env))
    case 'certificate':
      return asserted(await certified(tools, identity, tokenUrl(env, identity.tenant)))
  }
}

const secretOf = (identity: EntraIdentity): Secret | undefined =>
  identity.kind === 'secret' ? identity.secret : identity.kind === 'password' ? identity.password : undefined

const MENDS: Readonly<Record<EntraIdentity['kind'], string>> = {
  secret: 'check tenant_id, client_id and client_secret',
  password: 'check client_id, azure_username and azure_password',
  federated: 'check the oidc reference and the federated credential of the application',
  certificate: 'check AZURE_CERTIFICATE_PATH and the certificate of the application',
  managed: 'give this machine a managed identity, or set client_secret, azure_ad_token or api_key',
}

/** Names of environment variables that decide where an identity is asked for. */
const PLACES = ['AZURE_AUTHORITY_HOST', 'AZURE_POD_IDENTITY_AUTHORITY_HOST', 'IDENTITY_ENDPOINT']

/** Throws Error with a sentence when the tenant or the authority cannot stand in an address. */
export const entraRecipe = (setting: EntraSetting): Recipe => {
  const { identity, scope, env } = setting
  if (identity.kind !== 'managed') tokenUrl(env, identity.tenant)
  const secret = secretOf(identity)
  const who = ['entra', identity, secret?.reveal(), scope]
  return {
    id: recipeId([...who, PLACES.map(name => env[name])]),
    identity: recipeId(who),
    title: 'the Entra ID token',
    mend: `${MENDS[identity.kind]}; the log has the details`,
    secrets: secret === undefined ? [] : [secret],
    fetch: async tools => {
      if (identity.kind === 'managed') return managed(tools, identity.client, setting)
      const form = await formOf(tools, identity, setting)
      return askForToken(tools, { method: 'POST', url: tokenUrl(env, identity.tenant), form })
    },
  }
}
