import { Secret } from '../config/secret.ts'
import { firstOf } from './credential.ts'
import { checkOidc, isOidc, oidcToken } from './oidc.ts'
import type { ProviderParams } from './provider.ts'
import { CredentialFault, type Fetched, type Recipe, recipeId, type Tools } from './recipe.ts'

/**
 * AWS credentials that are not written down: a profile, a role, a web identity, or whatever the default chain finds.
 * AWS's own library does the finding, on a thread of its own (aws-chain.ts): nothing of it is loaded where nobody
 * needs it, and its environment is the configuration's.
 */

type Source =
  | {
      readonly kind: 'keys'
      readonly accessKeyId: string
      readonly secretAccessKey: string
      readonly sessionToken?: string
    }
  | { readonly kind: 'profile'; readonly name: string }
  | { readonly kind: 'chain' }

/** What the thread is asked for. */
export type AwsOrder = {
  readonly source: Source
  readonly role:
    | { readonly arn: string; readonly sessionName: string; readonly externalId: string | undefined }
    | undefined
  /** Where STS is asked, and signed for. */
  readonly region: string
  readonly endpoint: string | undefined
  readonly webToken: string | undefined
}

type AwsKeys = {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string | undefined
  readonly livesMs: number | undefined
}

/** What the thread posts. */
export type AwsWord =
  | { readonly kind: 'value'; readonly value: AwsKeys }
  | { readonly kind: 'fault'; readonly reason: string; readonly detail: string }

/** litellm_params of this file. */
export const AWS_SIGN_IN_PARAMS = [
  'aws_profile_name',
  'aws_role_name',
  'aws_web_identity_token',
  'aws_session_name',
  'aws_external_id',
  'aws_sts_endpoint',
]

/** What a deployment, or LiteLLM's variables, say about signing in. */
type SignIn = {
  readonly profile: string | undefined
  readonly role: string | undefined
  readonly webToken: string | undefined
  readonly keys: Extract<Source, { kind: 'keys' }> | undefined
}

const PROGRAM = new URL(`./aws-chain.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url)

const SESSION_NAME = 'understudy'

const textIn = (params: ProviderParams, name: string): string | undefined => {
  const value = params.extra[name]
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined
}

/** A parameter, or LiteLLM's variable of the same name. */
const named = (params: ProviderParams, name: string): string | undefined =>
  textIn(params, name) ?? firstOf(params.env, [name.toUpperCase()])

type Read = (name: string) => string | undefined

const signInFrom = (read: Read): SignIn => {
  const accessKeyId = read('aws_access_key_id')
  const secretAccessKey = read('aws_secret_access_key')
  const sessionToken = read('aws_session_token')
  return {
    profile: read('aws_profile_name'),
    role: read('aws_role_name'),
    webToken: read('aws_web_identity_token'),
    keys:
      accessKeyId === undefined || secretAccessKey === undefined
        ? undefined
        : {
            kind: 'keys',
            accessKeyId,
            secretAccessKey,
            ...(sessionToken === undefined ? {} : { sessionToken }),
          },
  }
}

/** The signing region of an STS address: sts.<region>.amazonaws.com, private ones included. */
const regionOfSts = (endpoint: string | undefined): string | undefined => {
  const host = endpoint === undefined ? '' : (URL.parse(endpoint)?.hostname ?? '')
  return /(?:^|\.)sts(?:-fips)?\.([a-z0-9-]+)\.(?:vpce\.)?amazonaws\.com/.exec(host)?.[1]
}

/** A pod that runs as the role already need not, and often may not, assume it again. */
const isOwnRole = (role: string, { env }: ProviderParams): boolean =>
  firstOf(env, ['AWS_WEB_IDENTITY_TOKEN_FILE']) !== undefined && firstOf(env, ['AWS_ROLE_ARN']) === role

const orderOf = (params: ProviderParams, signIn: SignIn, home: string): AwsOrder => {
  const { profile, role, webToken, keys } = signIn
  const endpoint = named(params, 'aws_sts_endpoint')
  if (webToken !== undefined && role === undefined)
    throw new Error('aws_web_identity_token needs aws_role_name: the role that it stands for')
  if (webToken !== undefined && isOidc(webToken)) checkOidc(webToken, 'aws_web_identity_token')
  if (endpoint !== undefined && !/^https?:\/\//.test(endpoint))
    throw new Error('aws_sts_endpoint is not an http or https URL')
  const assumed = role === undefined || (webToken === undefined && isOwnRole(role, params)) ? undefined : role
  const ambient =
    profile === undefined ? ({ kind: 'chain' } as const) : { kind: 'profile' as const, name: profile }
  return {
    source: keys ?? ambient,
    role:
      assumed === undefined
        ? undefined
        : {
            arn: assumed,
            sessionName: named(params, 'aws_session_name') ?? SESSION_NAME,
            externalId: named(params, 'aws_external_id'),
          },
    region: regionOfSts(endpoint) ?? firstOf(params.env, ['AWS_REGION', 'AWS_DEFAULT_REGION']) ?? home,
    endpoint,
    webToken,
  }
}

const isWord = (value: unknown): value is AwsKeys => {
  const keys = value as Partial<AwsKeys> | undefined
  return typeof keys?.accessKeyId === 'string' && typeof keys.secretAccessKey === 'string'
}

/** Variables that the library reads, and those that say where its files are. */
const decides = (name: string): boolean => /^(?:AWS_|HOME$|USERPROFILE$)/.test(name)

const fetched = async (order: AwsOrder, { env }: ProviderParams, tools: Tools): Promise<Fetched> => {
  const { webToken, endpoint } = order
  const token = webToken !== undefined && isOidc(webToken) ? await oidcToken(webToken, tools, env) : webToken
  // A profile that assumes a role of its own asks the same STS.
  const sts = endpoint === undefined ? {} : { AWS_ENDPOINT_URL_STS: endpoint }
  const value = await tools.aside(PROGRAM, { env: { ...env, ...sts }, data: { ...order, webToken: token } })
  if (!isWord(value)) throw new CredentialFault('the library gave no keys')
  return {
    held: {
      kind: 'keys',
      accessKeyId: value.accessKeyId,
      secretAccessKey: new Secret(value.secretAccessKey),
      sessionToken: value.sessionToken === undefined ? undefined : new Secret(value.sessionToken),
    },
    livesMs: value.livesMs,
  }
}

const recipeOf = (params: ProviderParams, order: AwsOrder): Recipe => {
  const { source, webToken } = order
  const env = Object.entries(params.env)
    .filter(([name, value]) => value !== undefined && decides(name))
    .sort(([left], [right]) => (left < right ? -1 : 1))
  const written = source.kind === 'keys' ? [source.secretAccessKey, source.sessionToken] : []
  return {
    id: recipeId(['aws', order, env]),
    identity: recipeId(['aws', order]),
    title: 'the AWS credential',
    mend: 'set aws_access_key_id and aws_secret_access_key, aws_profile_name, aws_role_name or litellm_params.api_key, or give this machine a role; the log has the details',
    secrets: [...written, webToken].flatMap(value => (value === undefined ? [] : [new Secret(value)])),
    fetch: tools => fetched(order, params, tools),
  }
}

/** A profile, role or web identity that the deployment itself names. `home`: the region of the deployment. */
export const ownAwsRecipe = (params: ProviderParams, home: string): Recipe | undefined => {
  const signIn = signInFrom(name => textIn(params, name))
  const { profile, role, webToken, keys } = signIn
  if (profile === undefined && role === undefined && webToken === undefined) return undefined
  // Its own keys are what a role is assumed with; beside a profile they are of no use, as in LiteLLM.
  const source =
    keys ??
    (role === undefined ? undefined : signInFrom(name => firstOf(params.env, [name.toUpperCase()])).keys)
  return recipeOf(params, orderOf(params, { ...signIn, keys: role === undefined ? undefined : source }, home))
}

/** LiteLLM's variables for a profile, a role or a web identity; undefined where none of them is set. */
export const namedAwsRecipe = (params: ProviderParams, home: string): Recipe | undefined => {
  if (params.ambient === false) return undefined
  const signIn = signInFrom(name => firstOf(params.env, [name.toUpperCase()]))
  const { profile, role, webToken } = signIn
  if (profile === undefined && role === undefined && webToken === undefined) return undefined
  const keys = role === undefined ? undefined : signIn.keys
  return recipeOf(params, orderOf(params, { ...signIn, keys }, home))
}

/** Whatever AWS's default chain finds on this machine; undefined where it may not be used. */
export const chainAwsRecipe = (params: ProviderParams, home: string): Recipe | undefined =>
  params.ambient === false
    ? undefined
    : recipeOf(
        params,
        orderOf(params, { profile: undefined, role: undefined, webToken: undefined, keys: undefined }, home),
      )
