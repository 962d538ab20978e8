import { type Env, firstOf } from './credential.ts'
import { CredentialFault, type TokenRequest, type Tools } from './recipe.ts'
import { askForObject, textOf } from './token-answer.ts'

/**
 * LiteLLM's references to a token that another identity provider gives: `oidc/<where>/<what>`. The token is read anew
 * for every exchange, because such tokens are short-lived and their files are replaced.
 */

const GOOGLE_PATH = '/computeMetadata/v1/instance/service-accounts/default/identity'

const fromEnv = (env: Env, name: string): string => {
  const value = firstOf(env, [name])
  if (value === undefined) throw new CredentialFault(`environment variable ${name} is not set`)
  return value
}

const google = async (tools: Tools, env: Env, audience: string): Promise<string> => {
  const host = firstOf(env, ['GCE_METADATA_HOST']) ?? 'metadata.google.internal'
  const url = `http://${host}${GOOGLE_PATH}?audience=${encodeURIComponent(audience)}`
  const answer = await tools.exchange({ method: 'GET', url, headers: { 'metadata-flavor': 'Google' } })
  if (answer.status === 200) return answer.text
  throw new CredentialFault(`${answer.status} from the metadata server`, { where: url.split('?')[0] ?? '' })
}

const github = async (tools: Tools, env: Env, audience: string): Promise<string> => {
  const base = fromEnv(env, 'ACTIONS_ID_TOKEN_REQUEST_URL')
  const request: TokenRequest = {
    method: 'GET',
    url: `${base}${base.includes('?') ? '&' : '?'}audience=${encodeURIComponent(audience)}`,
    headers: { authorization: `Bearer ${fromEnv(env, 'ACTIONS_ID_TOKEN_REQUEST_TOKEN')}` },
  }
  return textOf(await askForObject(tools, request), 'value')
}

const KINDS: Readonly<Record<string, (tools: Tools, env: Env, what: string) => Promise<string> | string>> = {
  file: (tools, _env, path) => tools.readFile(path),
  env: (_tools, env, name) => fromEnv(env, name),
  env_path: (tools, env, name) => tools.readFile(fromEnv(env, name)),
  azure: (tools, env) => tools.readFile(fromEnv(env, 'AZURE_FEDERATED_TOKEN_FILE')),
  google,
  github,
  circleci: (_tools, env) => fromEnv(env, 'CIRCLE_OIDC_TOKEN'),
  circleci_v2: (_tools, env) => fromEnv(env, 'CIRCLE_OIDC_TOKEN_V2'),
}

export const isOidc = (text: string): boolean => text.startsWith('oidc/')

/** Throws Error with a sentence when the reference leads nowhere. `setting` is the key that holds it. */
export const checkOidc = (reference: string, setting: string): void => {
  const kind = reference.split('/')[1] ?? ''
  if (Object.hasOwn(KINDS, kind)) return
  const known = Object.keys(KINDS).map(each => `oidc/${each}/…`)
  throw new Error(`${setting}: oidc/${kind} is not known. Write one of ${known.join(', ')}`)
}

/** The token that `oidc/<where>/<what>` stands for. Rejects with CredentialFault. */
export const oidcToken = async (reference: string, tools: Tools, env: Env): Promise<string> => {
  const [, kind = '', ...what] = reference.split('/')
  const read = Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined
  if (read === undefined) throw new CredentialFault('the oidc reference is not known')
  return (await read(tools, env, what.join('/'))).trim()
}
