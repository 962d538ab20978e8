import assert from 'node:assert/strict'
import { generateKeyPairSync, verify } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { inspect } from 'node:util'
import { undiciTransport } from '../src/attempt/undici-transport.ts'
import { NoCredential } from '../src/credentials/source.ts'
import { createVault } from '../src/credentials/vault.ts'
import { paramsOf } from '../src/providers/ask.fixture.ts'
import { googleSignIn } from '../src/providers/google-credentials.ts'
import { systemClock } from '../src/shared/clock.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { temporaryDirectory } from './support/harness.ts'
import { startTokenService, type TokenCall } from './support/token-service.ts'

/** Google's sign-in over real sockets: what is asked, and what comes of it. */

const SCOPE = 'https://www.googleapis.com/auth/cloud-platform'
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const PEM = String(privateKey.export({ type: 'pkcs8', format: 'pem' }))

const account = (tokenUri: string, more: JsonObject = {}): JsonObject => ({
  type: 'service_account',
  project_id: 'the-project',
  private_key_id: 'key-7',
  private_key: PEM,
  client_email: 'gateway@the-project.iam.gserviceaccount.com',
  token_uri: tokenUri,
  ...more,
})

/** A vault with real sockets: what it said, and the token of some vertex_credentials. */
const house = (t: TestContext) => {
  const clock = systemClock()
  const transport = undiciTransport({ clock })
  const said: unknown[] = []
  const event = (...line: readonly unknown[]) => void said.push(line)
  const vault = createVault({ clock, dice: { random: () => 0 }, transport, event })
  t.after(async () => {
    vault.close()
    await transport.close()
  })
  const tokenOf = async (credentials: unknown, env: Record<string, string> = {}): Promise<string> => {
    const extra = credentials === undefined ? {} : { vertex_credentials: credentials as JsonObject }
    const { recipe } = googleSignIn(paramsOf({ extra, env }))
    const held = await vault.take(recipe)
    return held.kind === 'bearer' ? held.token.reveal() : ''
  }
  return { said, tokenOf }
}

const granting = (t: TestContext) =>
  startTokenService(t, (_call, count) => ({
    body: { access_token: `ya29.token-${count}`, expires_in: 3599, token_type: 'Bearer' },
  }))

const claimsOf = (
  call: TokenCall | undefined,
): { readonly head: JsonObject; readonly claims: JsonObject } => {
  const [head = '', claims = '', signature = ''] = (call?.form.assertion ?? '').split('.')
  const read = (part: string): JsonObject => JSON.parse(Buffer.from(part, 'base64url').toString())
  assert.ok(
    verify('RSA-SHA256', Buffer.from(`${head}.${claims}`), publicKey, Buffer.from(signature, 'base64url')),
    'the signature is not that of the account’s key',
  )
  return { head: read(head), claims: read(claims) }
}

describe('a service account', () => {
  test('signs what it asks for: issuer, audience, scope and an hour', async t => {
    const service = await granting(t)
    const { tokenOf } = house(t)
    const credentials = account(`${service.origin}/token`)
    assert.equal(await tokenOf(credentials), 'ya29.token-1')
    const [call] = service.calls
    assert.equal(call?.target, '/token')
    assert.equal(call.form.grant_type, 'urn:ietf:params:oauth:grant-type:jwt-bearer')
    const { head, claims } = claimsOf(call)
    assert.deepEqual(head, { alg: 'RS256', typ: 'JWT', kid: 'key-7' })
    assert.equal(claims.iss, credentials.client_email)
    assert.equal(claims.aud, `${service.origin}/token`)
    assert.equal(claims.scope, SCOPE)
    assert.equal(Number(claims.exp) - Number(claims.iat), 3600)
    assert.ok(Math.abs(Number(claims.iat) * 1000 - Date.now()) < 10_000)
  })

  test('is read from a map, a text or a path, and one token serves each spelling', async t => {
    const service = await granting(t)
    const { tokenOf } = house(t)
    const json = account(`${service.origin}/token`)
    const path = join(await temporaryDirectory(t), 'account.json')
    await writeFile(path, JSON.stringify(json))
    const spellings = [json, JSON.stringify(json, null, 2), path]
    for (const written of spellings) assert.match(await tokenOf(written), /^ya29\.token-/)
    for (const name of ['VERTEXAI_CREDENTIALS', 'GOOGLE_APPLICATION_CREDENTIALS'])
      assert.match(await tokenOf(undefined, { [name]: path }), /^ya29\.token-/)
    // The map and its text are one credential; the path is another one, because its content may change.
    assert.equal(service.calls.length, 2)
    for (const written of spellings)
      assert.equal(googleSignIn(paramsOf({ extra: { vertex_credentials: written } })).project, 'the-project')
  })

  test('whose key is wrong is refused by name, and nothing of the key is told', async t => {
    const service = await startTokenService(t, call => ({
      status: 400,
      body: { error: 'invalid_grant', error_description: `Invalid JWT Signature: ${call.form.assertion}` },
    }))
    const { tokenOf, said } = house(t)
    const failed = await tokenOf(account(`${service.origin}/token`)).then(
      () => undefined,
      (error: unknown) => error,
    )
    assert.ok(failed instanceof NoCredential)
    assert.match(
      failed.message,
      /the Google credential could not be fetched \(400 invalid_grant\): check vertex_credentials/,
    )
    const seen = inspect([failed, said], { depth: 9 })
    for (const secret of [PEM.split('\n')[1], service.calls[0]?.form.assertion?.split('.')[2]])
      assert.ok(secret && !seen.includes(secret))
    await assert.rejects(tokenOf(account(service.origin, { private_key: 'no key' })), /no PEM key/)
  })
})

test('a user’s login is renewed with its refresh token', async t => {
  const service = await granting(t)
  const { tokenOf } = house(t)
  const home = await temporaryDirectory(t)
  const folder = join(home, '.config', 'gcloud')
  await mkdir(folder, { recursive: true })
  const login = {
    client_id: 'id',
    client_secret: 'hush',
    refresh_token: '1//refresh',
    quota_project_id: 'mine',
  }
  const json = { type: 'authorized_user', token_uri: `${service.origin}/token`, ...login }
  await writeFile(join(folder, 'application_default_credentials.json'), JSON.stringify(json))
  assert.equal(await tokenOf(undefined, { HOME: home }), 'ya29.token-1')
  const { quota_project_id: project, ...sent } = login
  assert.deepEqual(service.calls[0]?.form, { grant_type: 'refresh_token', ...sent })
  assert.equal(googleSignIn(paramsOf({ env: { HOME: home } })).project, project)
})

test('without anything else the metadata server is asked', async t => {
  const service = await granting(t)
  const { tokenOf } = house(t)
  const env = { GCE_METADATA_HOST: service.host, HOME: await temporaryDirectory(t) }
  assert.equal(await tokenOf(undefined, env), 'ya29.token-1')
  assert.equal(
    service.calls[0]?.target,
    `/computeMetadata/v1/instance/service-accounts/default/token?scopes=${encodeURIComponent(SCOPE)}`,
  )
  assert.equal(service.calls[0].headers['metadata-flavor'], 'Google')
})

test('a federated workload exchanges its own token, and then stands for a service account', async t => {
  const expireTime = new Date(Date.now() + 3_600_000).toISOString()
  const service = await startTokenService(t, ({ target }) => {
    if (target === '/subject') return { body: { id_token: 'subject.token' } }
    if (target === '/v1/token') return { body: { access_token: 'federated', expires_in: 3600 } }
    return { body: { accessToken: 'ya29.impersonated', expireTime } }
  })
  const { tokenOf } = house(t)
  const pool = {
    type: 'external_account',
    audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: `${service.origin}/v1/token`,
    credential_source: {
      url: `${service.origin}/subject`,
      headers: { 'x-subject': 'yes' },
      format: { type: 'json', subject_token_field_name: 'id_token' },
    },
  }
  assert.equal(await tokenOf(pool), 'federated')
  const url = `${service.origin}/v1/projects/-/serviceAccounts/a@b:generateAccessToken`
  assert.equal(await tokenOf({ ...pool, service_account_impersonation_url: url }), 'ya29.impersonated')
  assert.equal(service.calls[0]?.headers['x-subject'], 'yes')
  assert.deepEqual(service.calls[1]?.form, {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    audience: pool.audience,
    scope: SCOPE,
    subject_token_type: pool.subject_token_type,
    subject_token: 'subject.token',
  })
  const last = service.calls.at(-1)
  assert.equal(last?.headers.authorization, 'Bearer federated')
  assert.deepEqual(JSON.parse(last.body), { scope: [SCOPE], lifetime: '3600s' })
  const fromAws = { ...pool, credential_source: { environment_id: 'aws1', url: service.origin } }
  await assert.rejects(tokenOf(fromAws), /not supported yet: use a file or a url/)
})

test('what cannot be a credential is said when the configuration is read', () => {
  assert.throws(
    () => googleSignIn(paramsOf({ extra: { vertex_credentials: '{"type":' } })),
    /begins like JSON/,
  )
  assert.throws(() => googleSignIn(paramsOf({ ambient: false })), /has no vertex_credentials of its own/)
})

test('a token that no header can carry is none', async t => {
  const service = await startTokenService(t, () => ({ body: { access_token: 'a\r\nx: y', expires_in: 9 } }))
  const { tokenOf } = house(t)
  await assert.rejects(tokenOf(account(service.origin)), /no header can carry/)
})
