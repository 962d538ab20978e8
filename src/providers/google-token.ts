import { isObject, type JsonObject } from '../wire/json.ts'
import { signedJwt } from './jwt.ts'
import { CredentialFault, type Fetched, type Tools } from './recipe.ts'
import { askForObject, askForToken, bearerToken, textOf } from './token-answer.ts'

/** Google's token requests: https://google.aip.dev/auth/ (AIP-4112, 4115, 4116, 4117) and RFC 7523, RFC 8693. */

const SCOPE = 'https://www.googleapis.com/auth/cloud-platform'
const TOKEN_URI = 'https://oauth2.googleapis.com/token'
/** The longest life that the service grants an assertion, in seconds. */
const LIFE_SECONDS = 3600

export type GoogleSource =
  | { readonly kind: 'json'; readonly json: JsonObject }
  | { readonly kind: 'metadata'; readonly host: string }

const tokenUriOf = (json: JsonObject): string =>
  typeof json.token_uri === 'string' && json.token_uri !== '' ? json.token_uri : TOKEN_URI

const serviceAccount = (tools: Tools, json: JsonObject): Promise<Fetched> => {
  const url = tokenUriOf(json)
  const now = Math.floor(tools.wall() / 1000)
  const kid = json.private_key_id
  const assertion = signedJwt(
    typeof kid === 'string' ? { kid } : {},
    { iss: textOf(json, 'client_email'), scope: SCOPE, aud: url, iat: now, exp: now + LIFE_SECONDS },
    textOf(json, 'private_key'),
  )
  const form = { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion }
  return askForToken(tools, { method: 'POST', url, form })
}

const authorizedUser = (tools: Tools, json: JsonObject): Promise<Fetched> =>
  askForToken(tools, {
    method: 'POST',
    url: tokenUriOf(json),
    form: {
      grant_type: 'refresh_token',
      client_id: textOf(json, 'client_id'),
      client_secret: textOf(json, 'client_secret'),
      refresh_token: textOf(json, 'refresh_token'),
    },
  })

const fromMetadata = async (tools: Tools, host: string): Promise<Fetched> => {
  const path = '/computeMetadata/v1/instance/service-accounts/default/token'
  const request = {
    method: 'GET',
    url: `http://${host}${path}?scopes=${encodeURIComponent(SCOPE)}`,
    headers: { 'metadata-flavor': 'Google' },
  } as const
  return askForToken(tools, request)
}

/** The token that another identity provider has given to this workload. */
const subjectToken = async (tools: Tools, json: JsonObject): Promise<string> => {
  const source = json.credential_source
  if (!isObject(source)) throw new CredentialFault('the credential has no credential_source')
  const format = isObject(source.format) ? source.format : {}
  const raw = await rawSubject(tools, source)
  if (format.type !== 'json') return raw.trim()
  let parsed: unknown
  try {
    parsed = JSON.parse(raw)
  } catch {
    throw new CredentialFault('the subject token is not JSON')
  }
  const field = format.subject_token_field_name
  const value = isObject(parsed as JsonObject) ? (parsed as JsonObject)[String(field)] : undefined
  if (typeof value !== 'string')
    throw new CredentialFault('the subject token is not where the credential says')
  return value
}

const UNREADABLE = 'this credential_source is not supported yet: use a file or a url'

const isReadable = ({ file, url, executable, environment_id: cloud }: JsonObject): boolean =>
  typeof file === 'string' || (typeof url === 'string' && executable === undefined && cloud === undefined)

const rawSubject = async (tools: Tools, source: JsonObject): Promise<string> => {
  if (typeof source.file === 'string') return tools.readFile(source.file)
  if (!isReadable(source) || typeof source.url !== 'string') throw new CredentialFault(UNREADABLE)
  const headers = isObject(source.headers)
    ? Object.fromEntries(Object.entries(source.headers).map(([name, value]) => [name, String(value)]))
    : {}
  const answer = await tools.exchange({ method: 'GET', url: source.url, headers })
  if (answer.status === 200) return answer.text
  throw new CredentialFault(`${answer.status} from the credential_source`, { where: source.url })
}

/** Workload identity federation: another provider's token for a federated one, and that for a service account's. */
const externalAccount = async (tools: Tools, json: JsonObject): Promise<Fetched> => {
  const federated = await askForToken(tools, {
    method: 'POST',
    url: textOf(json, 'token_url'),
    form: {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      audience: textOf(json, 'audience'),
      scope: SCOPE,
      subject_token_type: textOf(json, 'subject_token_type'),
      subject_token: await subjectToken(tools, json),
    },
  })
  return json.service_account_impersonation_url === undefined
    ? federated
    : impersonated(tools, json, federated)
}

const innerOf = ({ source_credentials: inner }: JsonObject): JsonObject => {
  if (isObject(inner)) return inner
  throw new CredentialFault('the source_credentials are no object')
}

const impersonated = async (tools: Tools, json: JsonObject, first: Fetched): Promise<Fetched> => {
  if (first.held.kind !== 'bearer') throw new CredentialFault('no token to impersonate with')
  const body = await askForObject(tools, {
    method: 'POST',
    url: textOf(json, 'service_account_impersonation_url'),
    headers: { authorization: `Bearer ${first.held.token.reveal()}` },
    json: {
      scope: [SCOPE],
      lifetime: `${LIFE_SECONDS}s`,
      ...(Array.isArray(json.delegates) ? { delegates: json.delegates } : {}),
    },
  })
  const until = Date.parse(textOf(body, 'expireTime'))
  return bearerToken(textOf(body, 'accessToken'), Number.isNaN(until) ? undefined : until - tools.wall())
}

/** What each type cannot do without. */
const MEMBERS: Readonly<Record<string, readonly string[]>> = {
  service_account: ['client_email', 'private_key'],
  authorized_user: ['client_id', 'client_secret', 'refresh_token'],
  external_account: ['token_url', 'audience', 'subject_token_type', 'credential_source'],
  impersonated_service_account: ['service_account_impersonation_url', 'source_credentials'],
}

/** Without a type it is a service account's. */
const typeOf = ({ type }: JsonObject): string => (type === undefined ? 'service_account' : String(type))

/** Why no token can come of this JSON, with the mend; undefined: it can be tried. */
export const faultOf = (json: JsonObject): string | undefined => {
  const type = typeOf(json)
  const members = Object.hasOwn(MEMBERS, type) ? MEMBERS[type] : undefined
  if (members === undefined)
    return `credentials of type ${type.slice(0, 40)} are not supported: use one of ${Object.keys(MEMBERS).join(', ')}`
  const lacking = members.filter(name => json[name] === undefined)
  if (lacking.length > 0) return `a credential of type ${type} needs ${lacking.join(', ')}`
  if (isObject(json.source_credentials)) return faultOf(json.source_credentials)
  const { credential_source: source } = json
  return type === 'external_account' && !(isObject(source) && isReadable(source)) ? UNREADABLE : undefined
}

/** One access token for the scope cloud-platform. Rejects with CredentialFault. */
export const googleToken = async (tools: Tools, source: GoogleSource): Promise<Fetched> => {
  if (source.kind === 'metadata') return fromMetadata(tools, source.host)
  const { json } = source
  const fault = faultOf(json)
  if (fault !== undefined) throw new CredentialFault(fault)
  switch (typeOf(json)) {
    case 'authorized_user':
      return authorizedUser(tools, json)
    case 'external_account':
      return externalAccount(tools, json)
    case 'impersonated_service_account':
      return impersonated(tools, json, await googleToken(tools, { kind: 'json', json: innerOf(json) }))
    default:
      return serviceAccount(tools, json)
  }
}
