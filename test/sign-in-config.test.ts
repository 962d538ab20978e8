import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { JsonObject } from '../src/wire/json.ts'
import { deployment, play, temporaryDirectory } from './support/harness.ts'
import { startNumbered } from './support/numbered-tokens.ts'
import { ran, served } from './support/process.ts'
import { chat } from './support/steady.ts'
import { startTokenService } from './support/token-service.ts'

/** Sign-ins as a configuration writes them: what cannot work is refused at its place, and no secret goes astray. */

/** What `understudy check` says of a file, on a machine that can sign in nowhere. */
const checked = async (t: TestContext, text: string, env: Record<string, string> = {}) => {
  const folder = await temporaryDirectory(t)
  await mkdir(folder, { recursive: true })
  const path = join(folder, 'config.yaml')
  await writeFile(path, text)
  return ran(t, { args: ['check', path], env: { HOME: folder, COLUMNS: '400', ...env }, cwd: folder })
}

const model = (params: readonly string[]): string =>
  [
    'model_list:',
    '  - model_name: star',
    '    litellm_params:',
    ...params.map(line => `      ${line}`),
    '',
  ].join('\n')

const AZURE = ['model: azure/gpt', 'api_base: https://a.example']
const VERTEX = ['model: vertex_ai/gemini-2.5-flash', 'vertex_project: p']

type Refused = readonly [what: string, text: string, said: RegExp, env?: Record<string, string>]

const REFUSED: readonly Refused[] = [
  [
    'an oidc reference to nowhere',
    model([...AZURE, 'azure_ad_token: oidc/nowhere/x']),
    /config\.yaml:4:7 .*azure_ad_token: oidc\/nowhere is not known\. Write one of oidc\/file/,
  ],
  [
    'a client secret of nobody',
    model([...AZURE, 'tenant_id: t', 'client_secret: client-secret-4711']),
    /config\.yaml:4:7 .*client_secret needs client_id, or AZURE_CLIENT_ID/,
  ],
  [
    'a sign-in of developers’ tools',
    `${model(AZURE)}litellm_settings:\n  enable_azure_ad_token_refresh: true\n`,
    /config\.yaml:4:7 .*AZURE_CREDENTIAL=AzureCliCredential cannot be used: use DefaultAzureCredential/,
    { AZURE_CREDENTIAL: 'AzureCliCredential' },
  ],
  [
    'a Google credential of a kind that nobody can use',
    model([...VERTEX, 'vertex_credentials: {type: gdch_service_account, private_key: client-secret-4711}']),
    /config\.yaml:4:7 .*vertex_credentials: credentials of type gdch_service_account are not supported: use one of/,
  ],
  [
    'a Google credential without its key',
    model([...VERTEX, 'vertex_credentials: {type: authorized_user, client_secret: client-secret-4711}']),
    /config\.yaml:4:7 .*vertex_credentials: a credential of type authorized_user needs client_id, refresh_token/,
  ],
  [
    'a Google credential from a program',
    model([
      ...VERTEX,
      'vertex_credentials: {type: external_account, token_url: "https://t.example", audience: a, subject_token_type: t, credential_source: {executable: {command: "x client-secret-4711"}}}',
    ]),
    /config\.yaml:4:7 .*this credential_source is not supported yet: use a file or a url/,
  ],
  [
    'a Google credential that is torn',
    model([...VERTEX, `vertex_credentials: '{"private_key": "client-secret-4711'`]),
    /config\.yaml:4:7 .*vertex_credentials begins like JSON and is none: mend it, or write a path/,
  ],
  [
    'a web identity for no role',
    model(['model: bedrock/anthropic.claude-sonnet-4-v1:0', 'aws_web_identity_token: client-secret-4711']),
    /config\.yaml:4:7 .*aws_web_identity_token needs aws_role_name/,
  ],
  [
    'an address of STS that is none',
    model([
      'model: bedrock/anthropic.claude-sonnet-4-v1:0',
      'aws_role_name: r',
      'aws_sts_endpoint: sts.example',
    ]),
    /config\.yaml:4:7 .*aws_sts_endpoint is not an http or https URL/,
  ],
]

for (const [what, text, said, env] of REFUSED)
  test(`${what} is refused at its place, with the mend and without the secret`, async t => {
    const { code, stdout, stderr } = await checked(t, text, env)
    assert.equal(code, 1)
    assert.match(stdout + stderr, said)
    assert.doesNotMatch(stdout + stderr, /client-secret-4711/)
  })

test('a function of Python that gives tokens is told as one, with what to write instead', async t => {
  const { stdout } = await checked(
    t,
    model([...AZURE, 'api_key: k', 'azure_ad_token_provider: my_module.tokens']),
  )
  assert.match(
    stdout,
    /config\.yaml:7:7 .*azure_ad_token_provider .*A function of Python cannot be called: set client_secret/,
  )
})

test('a secret under a name that nobody knows is sent to nobody, and the report says so', async t => {
  const params = {
    azure_client_secret: 'stray-4711',
    vertex_keys: [1],
    stop_token_ids: [7],
    own_token: { a: 'stray-4711' },
  }
  const gateway = await play(t, {
    stages: { lead: { models: ['*'], accepts: ['stop_token_ids', 'vertex_keys'] } },
    config: ({ lead }) => ({ model_list: [deployment('star', lead, 'gpt-4.1-mini', params)] }),
  })
  const reply = await gateway.ask('/v1/chat/completions', chat('star'))
  assert.equal(reply.status, 200, reply.text)
  const [hit] = gateway.stages.lead.requests
  const body = hit?.json as JsonObject
  assert.deepEqual([body.stop_token_ids, body.vertex_keys], [[7], [1]])
  assert.ok(hit !== undefined && !Buffer.from(hit.body).toString().includes('stray-4711'))
  const { stdout } = await checked(t, model(['model: openai/m', 'azure_client_secret: stray-4711']))
  assert.match(
    stdout,
    /config\.yaml:5:7 +warning +model_list\[0\]\.litellm_params\.azure_client_secret +azure_client_secret is not known here: by its name it is a secret, so it is sent to nobody\./,
  )
})

test('LiteLLM’s other spellings of a Vertex place and credential are the same', async t => {
  const provider = await startTokenService(t, () => ({
    body: { candidates: [{ content: { role: 'model', parts: [{ text: 'Yes.' }] }, finishReason: 'STOP' }] },
  }))
  const { service, says } = await startNumbered(t, 'ya29.other')
  says(1)
  const login = {
    type: 'authorized_user',
    token_uri: `${service.origin}/token`,
    client_id: 'c',
    client_secret: 's',
    refresh_token: 'r',
  }
  const of = (group: string, more: JsonObject): JsonObject => ({
    model_name: group,
    litellm_params: { model: 'vertex_ai/gemini-2.5-flash', api_base: provider.origin, ...more },
  })
  const gateway = await play(t, {
    config: {
      model_list: [
        of('older', {
          vertex_ai_credentials: login,
          vertex_ai_project: 'p1',
          vertex_ai_location: 'us-east5',
        }),
        of('general', { vertex_credentials: JSON.stringify(login) }),
      ],
      litellm_settings: { vertex_project: 'p2', vertex_location: 'europe-west4' },
    },
    env: { HOME: await temporaryDirectory(t) },
  })
  for (const [group, place] of [
    ['older', 'projects/p1/locations/us-east5'],
    ['general', 'projects/p2/locations/europe-west4'],
  ] as const) {
    const reply = await gateway.ask('/v1/chat/completions', chat(group))
    assert.equal(reply.status, 200, reply.text)
    const call = provider.calls.at(-1)
    assert.ok(call)
    assert.ok(call.target.includes(`/${place}/`), call.target)
    assert.equal(call.headers.authorization, 'Bearer ya29.other-1')
    assert.doesNotMatch(call.body, /vertex|refresh_token/)
  }
})

/** What opens the place, as it is written and as a form carries it: the service repeats what it was asked with. */
const ECHOED: Readonly<
  Record<string, (origin: string) => { params: JsonObject; env: Record<string, string> }>
> = {
  'Entra ID': origin => ({
    params: {
      model: 'azure/gpt',
      api_base: 'http://127.0.0.1:9',
      tenant_id: 't',
      client_id: 'c',
      client_secret: 'hush~/4711+x',
    },
    env: { AZURE_AUTHORITY_HOST: origin },
  }),
  Google: origin => ({
    params: {
      model: 'vertex_ai/gemini-2.5-flash',
      vertex_project: 'p',
      api_base: 'http://127.0.0.1:9',
      vertex_credentials: {
        type: 'authorized_user',
        token_uri: `${origin}/token`,
        client_id: 'c',
        client_secret: 'other/hush-4711',
        refresh_token: '1//hush-4711',
      },
    },
    env: {},
  }),
}

for (const [name, of] of Object.entries(ECHOED))
  test(`the log of a gateway whose sign-in ${name} refuses has its words, and no secret in any spelling`, async t => {
    const { service } = await startNumbered(t, 'never')
    const { params, env } = of(service.origin)
    const { logged, stdout, stderr } = await served(t, {
      config: { model_list: [{ model_name: 'star', litellm_params: params }] },
      env: { HOME: await temporaryDirectory(t), ...env },
    })
    const [line] = await logged(/^.*A credential could not be fetched; calls that need it fail.*$/m)
    assert.match(line, /"reason":"503 unavailable".*Not for .*"mend":"check/)
    assert.doesNotMatch(stdout() + stderr(), /hush/)
  })
