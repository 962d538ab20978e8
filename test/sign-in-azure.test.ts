import assert from 'node:assert/strict'
import { generateKeyPairSync, verify, X509Certificate } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { JsonObject } from '../src/wire/json.ts'
import { untrusted } from './matrix/tcp/certificate.ts'
import { type Play, play, temporaryDirectory } from './support/harness.ts'
import { chat } from './support/steady.ts'
import { bearers, entra, startChatProvider } from './support/token-service.ts'

/** Every way to sign in with Entra ID, over real sockets: what is asked, and of whom. */

const ask = (gateway: Play<Record<never, never>>) => gateway.ask('/v1/chat/completions', chat('star'))

test('a federated token, a managed identity and a certificate sign in as well', async t => {
  const folder = await temporaryDirectory(t)
  const [provider, sign] = [await startChatProvider(t), await entra(t)]
  const subject = join(folder, 'subject-token')
  await writeFile(subject, 'subject.jwt.text\n')
  const bare = { model: 'azure/gpt', api_base: provider.origin, api_version: 'v1' }
  const start = (litellmParams: JsonObject, env: Record<string, string>, settings: JsonObject = {}) =>
    play(t, {
      config: {
        model_list: [{ model_name: 'star', litellm_params: { ...bare, ...litellmParams } }],
        litellm_settings: settings,
      },
      env: { AZURE_AUTHORITY_HOST: sign.origin, ...env },
    })
  const tenant = { AZURE_TENANT_ID: 'tenant', AZURE_CLIENT_ID: 'client' }

  await ask(await start({ azure_ad_token: `oidc/file/${subject}` }, tenant))
  assert.equal(sign.calls.at(-1)?.target, '/tenant/oauth2/v2.0/token')
  assert.deepEqual(sign.calls.at(-1)?.form, {
    client_id: 'client',
    scope: 'https://cognitiveservices.azure.com/.default',
    grant_type: 'client_credentials',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: 'subject.jwt.text',
  })

  const refresh = { enable_azure_ad_token_refresh: true }
  sign.answer(() => ({
    body: { access_token: 'managed', expires_in: '86400', expires_on: '1', resource: 'r' },
  }))
  await ask(await start({}, { AZURE_POD_IDENTITY_AUTHORITY_HOST: sign.origin }, refresh))
  assert.equal(
    sign.calls.at(-1)?.target,
    '/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fcognitiveservices.azure.com',
  )
  assert.equal(sign.calls.at(-1)?.headers.metadata, 'true')

  const app = { IDENTITY_ENDPOINT: `${sign.origin}/msi/token`, IDENTITY_HEADER: 'app-header' }
  await ask(await start({ client_id: 'mine' }, app, refresh))
  assert.match(
    sign.calls.at(-1)?.target ?? '',
    /^\/msi\/token\?api-version=2019-08-01&resource=.*&client_id=mine$/,
  )
  assert.equal(sign.calls.at(-1)?.headers['x-identity-header'], 'app-header')
  assert.equal(bearers(provider).at(-1), 'Bearer managed')

  await ask(await start({}, { ...tenant, AZURE_FEDERATED_TOKEN_FILE: subject }, refresh))
  assert.equal(sign.calls.at(-1)?.form.client_assertion, (await readFile(subject, 'utf8')).trim())

  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const { cert } = untrusted()
  const pem = join(folder, 'certificate.pem')
  await writeFile(pem, `${privateKey.export({ type: 'pkcs8', format: 'pem' })}${cert}`)
  await ask(await start({}, { ...tenant, AZURE_CERTIFICATE_PATH: pem }, refresh))
  const [head = '', claims = '', signature = ''] = (sign.calls.at(-1)?.form.client_assertion ?? '').split('.')
  const signed = Buffer.from(`${head}.${claims}`)
  assert.ok(verify('RSA-SHA256', signed, publicKey, Buffer.from(signature, 'base64url')))
  const read = (part: string): JsonObject => JSON.parse(Buffer.from(part, 'base64url').toString())
  const print = new X509Certificate(cert).fingerprint256.replaceAll(':', '')
  assert.equal(read(head)['x5t#S256'], Buffer.from(print, 'hex').toString('base64url'))
  assert.equal(read(claims).aud, `${sign.origin}/tenant/oauth2/v2.0/token`)
  assert.equal(read(claims).sub, 'client')

  await ask(await start({ azure_username: 'me@here', azure_password: 'hush', client_id: 'app' }, {}))
  assert.equal(sign.calls.at(-1)?.target, '/organizations/oauth2/v2.0/token')
  assert.equal(sign.calls.at(-1)?.form.grant_type, 'password')
  assert.equal(sign.calls.at(-1)?.form.username, 'me@here')
})

test('an address of its own and a key that is unset do not get what the machine can sign in with', async t => {
  const [provider, sign] = [await startChatProvider(t), await entra(t)]
  const gateway = await play(t, {
    config: {
      model_list: [
        {
          model_name: 'star',
          litellm_params: { model: 'azure/gpt', api_base: provider.origin, api_key: 'os.environ/NOT_SET' },
        },
      ],
      litellm_settings: { enable_azure_ad_token_refresh: true },
    },
    env: {
      AZURE_AUTHORITY_HOST: sign.origin,
      AZURE_POD_IDENTITY_AUTHORITY_HOST: sign.origin,
      AZURE_TENANT_ID: 'tenant',
      AZURE_CLIENT_ID: 'client',
      AZURE_USERNAME: 'me',
      AZURE_PASSWORD: 'hush',
    },
  })
  assert.equal((await ask(gateway)).status, 401)
  assert.equal(sign.calls.length, 0)
  assert.equal(provider.calls.length, 0)
})
