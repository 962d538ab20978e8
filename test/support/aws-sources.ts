import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { JsonObject } from '../../src/wire/json.ts'
import { type Owner, temporaryDirectory } from './harness.ts'
import { startTokenService, type TokenReply } from './token-service.ts'

/** Every place that gives AWS keys for a while, played on this machine. */

export type AwsKeys = {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string
}

/** What the place says when it is asked: keys that live so long from then on, or that it has none. */
type Line = { readonly keys: AwsKeys; readonly livesMs: number } | undefined

export type AwsSource = {
  /** Of the deployment, beside where its Bedrock is. */
  readonly params: JsonObject
  readonly env: Readonly<Record<string, string>>
  readonly says: (line: Line) => void | Promise<void>
  /** How often it was asked for keys. */
  readonly asked: () => number | Promise<number>
  /** Questions of one fetch that comes to nothing: the library asks some places again. */
  readonly insists: number
  /** What nobody but the place itself may hear. */
  readonly secrets: readonly string[]
  /** The reason that is told when it has none. */
  readonly refusal: RegExp
}

export const ROLE = 'arn:aws:iam::123456789012:role/caller'

/** A home without anything of AWS's, and no metadata server of the machine that runs the test. */
export const bareEnv = async (t: Owner): Promise<Record<string, string>> => ({
  HOME: await temporaryDirectory(t),
  AWS_EC2_METADATA_DISABLED: 'true',
})

const until = (ms: number): string => new Date(Date.now() + ms).toISOString()

/** Keys as metadata servers and processes spell them. */
const document = ({ keys, livesMs }: NonNullable<Line>) => ({
  AccessKeyId: keys.accessKeyId,
  SecretAccessKey: keys.secretAccessKey,
  Expiration: until(livesMs),
})

/** A service whose answer to the request for keys is what is to be said now. */
const speaking = async (
  t: Owner,
  spell: (line: Line, target: string, form: Readonly<Record<string, string>>) => TokenReply,
) => {
  let line: Line
  const service = await startTokenService(t, ({ target, form }) => spell(line, target, form))
  const says = (next: Line): void => {
    line = next
  }
  return { service, says, asked: (): number => service.calls.length }
}

const stsAnswer = (line: Line, _target: string, { Action: action }: Readonly<Record<string, string>>) => {
  const headers = { 'content-type': 'text/xml' }
  if (line === undefined)
    return {
      status: 403,
      headers,
      body: '<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>No: own-secret-4711</Message></Error></ErrorResponse>',
    }
  const { keys, livesMs } = line
  return {
    headers,
    body: `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result><Credentials>
      <AccessKeyId>${keys.accessKeyId}</AccessKeyId><SecretAccessKey>${keys.secretAccessKey}</SecretAccessKey>
      <SessionToken>${keys.sessionToken}</SessionToken><Expiration>${until(livesMs)}</Expiration>
      </Credentials></${action}Result></${action}Response>`,
  }
}

const assumedRole = async (t: Owner): Promise<AwsSource> => {
  const { service, ...rest } = await speaking(t, stsAnswer)
  const own = { aws_access_key_id: 'AKIAOWN', aws_secret_access_key: 'own-secret-4711' }
  return {
    ...rest,
    params: { ...own, aws_role_name: ROLE, aws_session_name: 'a-session', aws_sts_endpoint: service.origin },
    env: await bareEnv(t),
    secrets: ['own-secret-4711'],
    insists: 1,
    refusal: /\(AccessDenied\)/,
  }
}

const webIdentity = async (t: Owner): Promise<AwsSource> => {
  const { service, ...rest } = await speaking(t, stsAnswer)
  const env = await bareEnv(t)
  const file = join(env.HOME ?? '', 'token')
  await writeFile(file, 'web.identity.token-4711')
  return {
    ...rest,
    params: {
      aws_web_identity_token: `oidc/file/${file}`,
      aws_role_name: ROLE,
      aws_sts_endpoint: service.origin,
    },
    env,
    secrets: ['web.identity.token-4711'],
    insists: 1,
    refusal: /\(AccessDenied\)/,
  }
}

const container = async (t: Owner): Promise<AwsSource> => {
  const { service, ...rest } = await speaking(t, line =>
    line === undefined
      ? { status: 403, body: { Code: 'Denied', Message: 'not for open-sesame-4711' } }
      : { body: { ...document(line), Token: line.keys.sessionToken } },
  )
  return {
    ...rest,
    params: {},
    env: {
      ...(await bareEnv(t)),
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${service.origin}/keys`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN: 'open-sesame-4711',
    },
    secrets: ['open-sesame-4711'],
    insists: 4,
    refusal: /could not be fetched \(/,
  }
}

const instance = async (t: Owner): Promise<AwsSource> => {
  const { service, says } = await speaking(t, (line, target) => {
    if (target === '/latest/api/token') return { body: 'metadata-token-4711' }
    if (target.endsWith('/security-credentials/')) return { body: 'the-role' }
    if (line === undefined) return { status: 500, body: 'out: metadata-token-4711' }
    return { body: { Code: 'Success', ...document(line), Token: line.keys.sessionToken } }
  })
  return {
    says,
    asked: () => service.calls.filter(({ target }) => target.endsWith('/the-role')).length,
    params: {},
    env: { HOME: await temporaryDirectory(t), AWS_EC2_METADATA_SERVICE_ENDPOINT: service.origin },
    secrets: ['metadata-token-4711'],
    insists: 2,
    refusal: /could not be fetched \(/,
  }
}

/** A home with a profile `process`, whose command is this script, called with a word that nobody is to see. */
export const processHome = async (t: Owner, script: string) => {
  const env = await bareEnv(t)
  const folder = env.HOME ?? ''
  const [config, file] = [join(folder, 'config'), join(folder, 'process.sh')]
  await writeFile(file, script)
  await writeFile(
    config,
    `[profile process]\ncredential_process = /bin/sh ${file} --pass command-word-4711\n`,
  )
  return { folder, file, env: { ...env, AWS_CONFIG_FILE: config } }
}

const ASKED = 'cd "$HOME"; echo asked >> asked'
const SAYING = `${ASKED}; cat keys.json\n`
const FAILING = `${ASKED}; echo "vault: stderr-word-4711" >&2; exit 3\n`

const credentialProcess = async (t: Owner): Promise<AwsSource> => {
  const { folder, file, env } = await processHome(t, FAILING)
  return {
    params: { aws_profile_name: 'process' },
    env,
    says: async line => {
      if (line === undefined) return writeFile(file, FAILING)
      const said = { Version: 1, ...document(line), SessionToken: line.keys.sessionToken }
      await writeFile(join(folder, 'keys.json'), JSON.stringify(said))
      await writeFile(file, SAYING)
    },
    asked: () => linesIn(join(folder, 'asked')),
    secrets: ['command-word-4711', 'stderr-word-4711'],
    insists: 1,
    refusal: /\(the credential process failed\)/,
  }
}

const linesIn = async (path: string): Promise<number> =>
  (await readFile(path, 'utf8').catch(() => '')).split('\n').length - 1

/** The token that `aws sso login` has left, by the name of its session. */
export const ssoToken = async (home: string, session: string, token: JsonObject): Promise<string> => {
  const folder = join(home, '.aws', 'sso', 'cache')
  await mkdir(folder, { recursive: true })
  const path = join(folder, `${createHash('sha1').update(session).digest('hex')}.json`)
  await writeFile(path, JSON.stringify(token))
  return path
}

/** A profile `sso` that signs in through a session of the portal in eu-north-1. */
export const ssoProfile = async (home: string): Promise<string> => {
  const config = join(home, 'config')
  await writeFile(
    config,
    [
      '[profile sso]',
      'sso_session = house',
      'sso_account_id = 123456789012',
      'sso_role_name = caller',
      '[sso-session house]',
      'sso_start_url = https://house.example/start',
      'sso_region = eu-north-1',
      '',
    ].join('\n'),
  )
  return config
}

/** What the portal answers to GetRoleCredentials. */
export const portalAnswer = (line: Line): TokenReply =>
  line === undefined
    ? {
        status: 401,
        headers: { 'x-amzn-errortype': 'UnauthorizedException' },
        body: { message: 'Session token not found or invalid' },
      }
    : { body: { roleCredentials: { ...line.keys, expiration: Date.now() + line.livesMs } } }

const sso = async (t: Owner): Promise<AwsSource> => {
  const { service, ...rest } = await speaking(t, portalAnswer)
  const env = await bareEnv(t)
  const home = env.HOME ?? ''
  await ssoToken(home, 'house', { accessToken: 'portal-token-4711', expiresAt: until(8 * 3_600_000) })
  return {
    ...rest,
    params: { aws_profile_name: 'sso' },
    env: { ...env, AWS_CONFIG_FILE: await ssoProfile(home), AWS_ENDPOINT_URL_SSO: service.origin },
    secrets: ['portal-token-4711'],
    insists: 1,
    refusal: /\(UnauthorizedException\)/,
  }
}

export const AWS_SOURCES: Readonly<Record<string, (t: Owner) => Promise<AwsSource>>> = {
  'a role that is assumed': assumedRole,
  'a web identity': webIdentity,
  'a container’s endpoint': container,
  'an instance’s metadata': instance,
  'a process of a profile': credentialProcess,
  'a session of SSO': sso,
}
