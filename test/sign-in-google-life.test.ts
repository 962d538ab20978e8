import { generateKeyPairSync } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { JsonObject } from '../src/wire/json.ts'
import { liveThrough } from './support/credential-life.ts'
import { temporaryDirectory } from './support/harness.ts'
import { assertBearer, startNumbered, tokenOf } from './support/numbered-tokens.ts'
import { startTokenService } from './support/token-service.ts'

/** The life of Google tokens, for every place and every spelling of the credential that they are asked with. */

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const PEM = String(privateKey.export({ type: 'pkcs8', format: 'pem' }))
/** A line of the key: what a log would show of it. */
const KEY_LINE = PEM.split('\n')[4] ?? ''

const startVertex = (t: TestContext) =>
  startTokenService(t, () => ({
    body: {
      candidates: [{ content: { role: 'model', parts: [{ text: 'Yes.' }] }, finishReason: 'STOP', index: 0 }],
      usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
      modelVersion: 'gemini-2.5-flash',
    },
  }))

type Place = {
  readonly params: JsonObject
  readonly env: Readonly<Record<string, string>>
  readonly secrets: readonly string[]
}

/** By the address of whoever gives tokens, and a folder of its own. */
type Prepare = (service: { readonly origin: string; readonly host: string }, folder: string) => Promise<Place>

const account = (origin: string): JsonObject => ({
  type: 'service_account',
  project_id: 'the-project',
  private_key_id: 'key-id-4711',
  private_key: PEM,
  client_email: 'gateway@the-project.iam.gserviceaccount.com',
  token_uri: `${origin}/token`,
})
const ACCOUNT_SECRETS = [KEY_LINE, 'key-id-4711']

const login = (origin: string): JsonObject => ({
  type: 'authorized_user',
  token_uri: `${origin}/token`,
  client_id: 'the-client',
  client_secret: 'client-secret-4711',
  refresh_token: '1//refresh-4711',
  quota_project_id: 'the-project',
})
const LOGIN_SECRETS = ['client-secret-4711', '1//refresh-4711']

const inFile = async (folder: string, json: JsonObject): Promise<string> => {
  const path = join(folder, 'credential.json')
  await writeFile(path, JSON.stringify(json))
  return path
}

const of = (params: JsonObject, secrets: readonly string[], env: Record<string, string> = {}): Place => ({
  params,
  env,
  secrets,
})

const PLACES: Readonly<Record<string, Prepare>> = {
  'a service account as a map': async ({ origin }) =>
    of({ vertex_credentials: account(origin) }, ACCOUNT_SECRETS),
  'a service account as a text': async ({ origin }) =>
    of({ vertex_credentials: JSON.stringify(account(origin)) }, ACCOUNT_SECRETS),
  'a service account at a path': async ({ origin }, folder) =>
    of({ vertex_credentials: await inFile(folder, account(origin)) }, ACCOUNT_SECRETS),
  'a service account in a variable that the file names': async ({ origin }) =>
    of({ vertex_credentials: 'os.environ/THE_ACCOUNT' }, ACCOUNT_SECRETS, {
      THE_ACCOUNT: JSON.stringify(account(origin)),
    }),
  'a service account by LiteLLM’s older name': async ({ origin }) =>
    of({ vertex_ai_credentials: account(origin), vertex_ai_location: 'us-east5' }, ACCOUNT_SECRETS),
  VERTEXAI_CREDENTIALS: async ({ origin }, folder) =>
    of({}, ACCOUNT_SECRETS, { VERTEXAI_CREDENTIALS: await inFile(folder, account(origin)) }),
  'GOOGLE_APPLICATION_CREDENTIALS with a service account': async ({ origin }, folder) =>
    of({}, ACCOUNT_SECRETS, { GOOGLE_APPLICATION_CREDENTIALS: await inFile(folder, account(origin)) }),
  'GOOGLE_APPLICATION_CREDENTIALS with a user’s login': async ({ origin }, folder) =>
    of({}, LOGIN_SECRETS, { GOOGLE_APPLICATION_CREDENTIALS: await inFile(folder, login(origin)) }),
  'the file of gcloud': async ({ origin }, folder) => {
    const gcloud = join(folder, '.config', 'gcloud')
    await mkdir(gcloud, { recursive: true })
    await writeFile(join(gcloud, 'application_default_credentials.json'), JSON.stringify(login(origin)))
    return of({}, LOGIN_SECRETS)
  },
  'the metadata server': async ({ host }) =>
    of({ vertex_project: 'the-project' }, [], { GCE_METADATA_HOST: host }),
  'another provider’s token': async ({ origin }, folder) => {
    const file = join(folder, 'subject')
    await writeFile(file, 'subject-token-4711')
    const pool = {
      type: 'external_account',
      audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q',
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      token_url: `${origin}/token`,
      credential_source: { file },
    }
    return of({ vertex_credentials: pool, vertex_project: 'the-project' }, ['subject-token-4711'])
  },
}

for (const [name, prepare] of Object.entries(PLACES))
  test(`tokens by ${name} are sent, renewed ahead, outlive failures until their end, and others serve then`, async t => {
    const [provider, numbered] = [await startVertex(t), await startNumbered(t, 'ya29.canary-token')]
    const home = await temporaryDirectory(t)
    const { params, env, secrets } = await prepare(numbered.service, home)
    await liveThrough(t, {
      provider,
      params: { model: 'vertex_ai/gemini-2.5-flash', api_base: provider.origin, ...params },
      env: { HOME: home, ...env },
      says: numbered.says,
      asked: numbered.asked,
      asks: 1,
      insists: 1,
      assertCarries: (call, number) => assertBearer(call, tokenOf('ya29.canary-token', number)),
      secrets,
      marks: number => [tokenOf('ya29.canary-token', number)],
      headers: ['authorization'],
      refusal: /the Google credential could not be fetched \(503 unavailable\): check vertex_credentials/,
    })
  })
