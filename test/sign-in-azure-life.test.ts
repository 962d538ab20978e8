import { generateKeyPairSync } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { JsonObject } from '../src/wire/json.ts'
import { untrusted } from './matrix/tcp/certificate.ts'
import { liveThrough } from './support/credential-life.ts'
import { temporaryDirectory } from './support/harness.ts'
import { assertBearer, startNumbered, tokenOf } from './support/numbered-tokens.ts'
import { startChatProvider } from './support/token-service.ts'

/** The life of Entra ID tokens, for every way to sign in that LiteLLM has a name for. */

type Place = {
  readonly params?: JsonObject
  readonly env?: Readonly<Record<string, string>>
  readonly secrets?: readonly string[]
}

const TENANT = { AZURE_TENANT_ID: 'the-tenant', AZURE_CLIENT_ID: 'the-client' }
const SECRET = 'client-secret-4711'
const SUBJECT = 'subject.token.4711'

const subjectIn = async (folder: string): Promise<string> => {
  const path = join(folder, 'subject')
  await writeFile(path, `${SUBJECT}\n`)
  return path
}

/** With litellm_settings.enable_azure_ad_token_refresh in force, as a deployment without a key needs it. */
const PLACES: Readonly<Record<string, (origin: string, folder: string) => Promise<Place>>> = {
  'a client secret of the deployment': async () => ({
    params: { tenant_id: 'the-tenant', client_id: 'the-client', client_secret: SECRET },
    secrets: [SECRET],
  }),
  'a client secret of the environment': async () => ({
    env: { ...TENANT, AZURE_CLIENT_SECRET: SECRET, AZURE_CREDENTIAL: 'ClientSecretCredential' },
    secrets: [SECRET],
  }),
  'a user’s password': async () => ({
    params: { client_id: 'the-client', azure_username: 'me@here.example', azure_password: SECRET },
    secrets: [SECRET],
  }),
  'azure_ad_token with another provider’s token': async (_origin, folder) => ({
    params: { azure_ad_token: `oidc/file/${await subjectIn(folder)}` },
    env: TENANT,
    secrets: [SUBJECT],
  }),
  'a workload identity': async (_origin, folder) => ({
    env: {
      ...TENANT,
      AZURE_FEDERATED_TOKEN_FILE: await subjectIn(folder),
      AZURE_CREDENTIAL: 'WorkloadIdentityCredential',
    },
    secrets: [SUBJECT],
  }),
  'the managed identity of a machine': async origin => ({
    env: { AZURE_POD_IDENTITY_AUTHORITY_HOST: origin, AZURE_CREDENTIAL: 'ManagedIdentityCredential' },
  }),
  'the managed identity of an app service': async origin => ({
    env: { IDENTITY_ENDPOINT: `${origin}/msi/token`, IDENTITY_HEADER: 'identity-header-4711' },
    secrets: ['identity-header-4711'],
  }),
  'a certificate': async (_origin, folder) => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const pem = String(privateKey.export({ type: 'pkcs8', format: 'pem' }))
    const path = join(folder, 'certificate.pem')
    await writeFile(path, `${pem}${untrusted().cert}`)
    return { env: { ...TENANT, AZURE_CERTIFICATE_PATH: path }, secrets: [pem.split('\n')[4] ?? ''] }
  },
}

for (const [name, prepare] of Object.entries(PLACES))
  test(`tokens by ${name} are sent, renewed ahead, outlive failures until their end, and others serve then`, async t => {
    const [provider, numbered] = [await startChatProvider(t), await startNumbered(t, 'entra-canary-token')]
    const folder = await temporaryDirectory(t)
    const { params = {}, env = {}, secrets = [] } = await prepare(numbered.service.origin, folder)
    await liveThrough(t, {
      provider,
      params: { model: 'azure/gpt', api_base: provider.origin, api_version: 'v1', ...params },
      settings: { enable_azure_ad_token_refresh: true },
      env: { AZURE_AUTHORITY_HOST: numbered.service.origin, ...env },
      says: numbered.says,
      asked: numbered.asked,
      asks: 1,
      insists: 1,
      assertCarries: (call, number) => assertBearer(call, tokenOf('entra-canary-token', number)),
      secrets,
      marks: number => [tokenOf('entra-canary-token', number)],
      headers: ['authorization'],
      refusal: /the Entra ID token could not be fetched \(503 unavailable\): /,
    })
  })
