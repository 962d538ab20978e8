import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { checkSignature } from '../src/stage/bedrock-signature.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { type BedrockStage, startBedrockStage } from './support/bedrock.ts'
import { deployment, play, temporaryDirectory } from './support/harness.ts'
import { inside } from './support/inside.ts'
import { chat, steady } from './support/steady.ts'
import { gate, startTokenService, type TokenCall, type TokenService } from './support/token-service.ts'

/** AWS credentials over real sockets: STS, metadata servers and files give keys, and the strict Bedrock checks them. */

const KEYS = {
  accessKeyId: 'ASIACANARY4711',
  secretAccessKey: 'secret-canary-4711',
  sessionToken: 'session-canary',
}
const ROLE = 'arn:aws:iam::123456789012:role/caller'
const MODEL = 'bedrock/anthropic.claude-sonnet-4-v1:0'
const HOUR = 3_600_000

const until = (ms: number): string => new Date(Date.now() + ms).toISOString()

/** What STS answers, in its own XML. */
const stsAnswer = (call: TokenCall, keys = KEYS, livesMs = HOUR) => {
  const action = call.form.Action
  return {
    headers: { 'content-type': 'text/xml' },
    body: `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result><Credentials>
      <AccessKeyId>${keys.accessKeyId}</AccessKeyId><SecretAccessKey>${keys.secretAccessKey}</SecretAccessKey>
      <SessionToken>${keys.sessionToken}</SessionToken><Expiration>${until(livesMs)}</Expiration>
      </Credentials></${action}Result></${action}Response>`,
  }
}

const startSts = (t: TestContext): Promise<TokenService> => startTokenService(t, call => stsAnswer(call))

const startBedrock = async (t: TestContext): Promise<BedrockStage> => {
  const stage = await startBedrockStage({ ...KEYS, region: 'us-east-1' })
  t.after(() => stage.close())
  return stage
}

/** A Bedrock that takes any signature: whose it was is in the recorded headers. */
const startLoose = (t: TestContext): Promise<TokenService> =>
  startTokenService(t, () => ({
    body: {
      output: { message: { role: 'assistant', content: [{ text: 'Yes.' }] } },
      stopReason: 'end_turn',
      usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 },
      metrics: { latencyMs: 1 },
    },
  }))

const params = (url: string, more: JsonObject = {}): JsonObject => ({
  model: MODEL,
  aws_region_name: 'us-east-1',
  aws_bedrock_runtime_endpoint: url,
  ...more,
})

/** A home without anything of AWS's, and no metadata server of the machine that runs the test. */
const bareEnv = async (t: TestContext): Promise<Record<string, string>> => ({
  HOME: await temporaryDirectory(t),
  AWS_EC2_METADATA_DISABLED: 'true',
})

const start = async (t: TestContext, litellmParams: JsonObject, env: Record<string, string> = {}) => {
  const gateway = await play(t, {
    config: { model_list: [{ model_name: 'star', litellm_params: litellmParams }] },
    env: { ...(await bareEnv(t)), ...env },
  })
  return { ...gateway, say: () => gateway.ask('/v1/chat/completions', chat('star')) }
}

/** Headers as they were sent, for the strict check. */
const rawOf = (call: TokenCall) => ({
  method: call.method,
  target: call.target,
  headers: Object.entries(call.headers).map(([name, value]) => [name, String(value)] as const),
  body: Buffer.from(call.body),
})

test('a role is assumed with the deployment’s own keys, and Bedrock takes what STS gives', async t => {
  const [sts, bedrock] = [await startSts(t), await startBedrock(t)]
  const { say } = await start(
    t,
    params(bedrock.url, {
      aws_access_key_id: 'AKIAOWN',
      aws_secret_access_key: 'own-secret',
      aws_role_name: ROLE,
      aws_session_name: 'a-session',
      aws_external_id: 'an-outsider',
      aws_sts_endpoint: sts.origin,
    }),
  )
  for (let each = 0; each < 3; each++) {
    const reply = await say()
    assert.equal(reply.status, 200, reply.text)
  }
  assert.equal(sts.calls.length, 1)
  const [call] = sts.calls
  assert.ok(call)
  assert.deepEqual(call.form, {
    Action: 'AssumeRole',
    Version: '2011-06-15',
    RoleArn: ROLE,
    RoleSessionName: 'a-session',
    ExternalId: 'an-outsider',
  })
  const signer = {
    accessKeyId: 'AKIAOWN',
    secretAccessKey: 'own-secret',
    region: 'us-east-1',
    service: 'sts',
  }
  assert.equal(checkSignature(rawOf(call), signer, new Date()), undefined)
  assert.deepEqual(
    bedrock.requests.map(one => one.refused),
    [undefined, undefined, undefined],
  )
})

test('a web identity is exchanged for a role’s keys, and its token is read from where it is said to be', async t => {
  const [sts, bedrock] = [await startSts(t), await startBedrock(t)]
  const file = join(await temporaryDirectory(t), 'token')
  await writeFile(file, 'web.identity.token\n')
  const { say } = await start(
    t,
    params(bedrock.url, {
      aws_web_identity_token: `oidc/file/${file}`,
      aws_role_name: ROLE,
      aws_sts_endpoint: sts.origin,
    }),
  )
  const reply = await say()
  assert.equal(reply.status, 200, reply.text)
  const [call] = sts.calls
  assert.deepEqual(call?.form, {
    Action: 'AssumeRoleWithWebIdentity',
    Version: '2011-06-15',
    RoleArn: ROLE,
    RoleSessionName: 'understudy',
    WebIdentityToken: 'web.identity.token',
  })
  assert.equal(call.headers.authorization, undefined)
})

test('a pod that is the role already does not assume it again', async t => {
  const [sts, bedrock] = [await startSts(t), await startBedrock(t)]
  const file = join(await temporaryDirectory(t), 'token')
  await writeFile(file, 'pod.token')
  const pod = { AWS_ROLE_ARN: ROLE, AWS_WEB_IDENTITY_TOKEN_FILE: file }
  const { say } = await start(
    t,
    params(bedrock.url, { aws_role_name: ROLE, aws_sts_endpoint: sts.origin }),
    pod,
  )
  const reply = await say()
  assert.equal(reply.status, 200, reply.text)
  assert.deepEqual(
    sts.calls.map(call => call.form.Action),
    ['AssumeRoleWithWebIdentity'],
  )
})

test('the default chain finds an instance’s role, and its environment is the configuration’s', async t => {
  const bedrock = await startBedrock(t)
  const metadata = await startTokenService(t, ({ method, target }) => {
    if (method === 'PUT') return { body: 'metadata-token' }
    if (target.endsWith('/security-credentials/')) return { body: 'the-role' }
    const { accessKeyId, secretAccessKey, sessionToken } = KEYS
    const keys = { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, Token: sessionToken }
    return { body: { Code: 'Success', ...keys, Expiration: until(HOUR) } }
  })
  const gateway = await play(t, {
    config: {
      model_list: [{ model_name: 'star', litellm_params: params(bedrock.url) }],
      environment_variables: { AWS_EC2_METADATA_SERVICE_ENDPOINT: metadata.origin },
    },
    env: { HOME: await temporaryDirectory(t) },
  })
  const reply = await gateway.ask('/v1/chat/completions', chat('star'))
  assert.equal(reply.status, 200, reply.text)
  assert.deepEqual(
    metadata.calls.map(call => `${call.method} ${call.target}`),
    [
      'PUT /latest/api/token',
      'GET /latest/meta-data/iam/security-credentials/',
      'GET /latest/meta-data/iam/security-credentials/the-role',
    ],
  )
  assert.equal(metadata.calls[2]?.headers['x-aws-ec2-metadata-token'], 'metadata-token')
})

test('a container’s endpoint gives keys for the word that opens it', async t => {
  const bedrock = await startBedrock(t)
  const container = await startTokenService(t, () => {
    const { accessKeyId, secretAccessKey, sessionToken } = KEYS
    const keys = { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, Token: sessionToken }
    return { body: { ...keys, Expiration: until(HOUR) } }
  })
  const { say } = await start(t, params(bedrock.url), {
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `${container.origin}/keys`,
    AWS_CONTAINER_AUTHORIZATION_TOKEN: 'open sesame',
  })
  const reply = await say()
  assert.equal(reply.status, 200, reply.text)
  assert.equal(container.calls[0]?.headers.authorization, 'open sesame')
})

test('a profile of the shared files is used, and so is the role that it assumes', async t => {
  const [sts, bedrock] = [await startSts(t), await startBedrock(t)]
  const folder = await temporaryDirectory(t)
  const { accessKeyId, secretAccessKey, sessionToken } = KEYS
  const keys = `aws_access_key_id=${accessKeyId}\naws_secret_access_key=${secretAccessKey}\naws_session_token=${sessionToken}`
  await writeFile(
    join(folder, 'credentials'),
    `[static]\n${keys}\n[base]\naws_access_key_id=AKIABASE\naws_secret_access_key=base-secret\n`,
  )
  await writeFile(
    join(folder, 'config'),
    `[profile assuming]\nrole_arn=${ROLE}\nsource_profile=base\nregion=us-east-1\n`,
  )
  const files = {
    AWS_SHARED_CREDENTIALS_FILE: join(folder, 'credentials'),
    AWS_CONFIG_FILE: join(folder, 'config'),
  }
  const plain = await start(t, params(bedrock.url, { aws_profile_name: 'static' }), files)
  assert.equal((await plain.say()).status, 200)
  assert.equal(sts.calls.length, 0)
  const more = { aws_profile_name: 'assuming', aws_sts_endpoint: sts.origin }
  const assuming = await start(t, params(bedrock.url, more), files)
  const reply = await assuming.say()
  assert.equal(reply.status, 200, reply.text)
  assert.equal(sts.calls[0]?.form.RoleArn, ROLE)
  const signer = {
    accessKeyId: 'AKIABASE',
    secretAccessKey: 'base-secret',
    region: 'us-east-1',
    service: 'sts',
  }
  assert.equal(checkSignature(rawOf(sts.calls[0]), signer, new Date()), undefined)
})

test('keys are renewed before they expire, and no call waits for that', async t => {
  const [sts, bedrock, clock] = [await startSts(t), await startLoose(t), steady()]
  const gateway = await play(t, {
    config: {
      model_list: [
        {
          model_name: 'star',
          litellm_params: params(bedrock.origin, {
            aws_access_key_id: 'AKIAOWN',
            aws_secret_access_key: 'own-secret',
            aws_role_name: ROLE,
            aws_sts_endpoint: sts.origin,
          }),
        },
      ],
    },
    env: await bareEnv(t),
    start: clock.start,
  })
  const say = async (): Promise<string> => {
    const reply = await gateway.ask('/v1/chat/completions', chat('star'))
    assert.equal(reply.status, 200, reply.text)
    return /Credential=([^/]+)/.exec(bedrock.calls.at(-1)?.headers.authorization ?? '')?.[1] ?? ''
  }
  assert.equal(await say(), KEYS.accessKeyId)
  const held = gate()
  sts.answer(async call => {
    await held.passed
    return stsAnswer(call, { ...KEYS, accessKeyId: 'ASIANEXT' })
  })
  clock.pass(0.8 * HOUR)
  for (let each = 0; each < 3; each++) assert.equal(await say(), KEYS.accessKeyId)
  await sts.reached(2)
  assert.equal(await say(), KEYS.accessKeyId)
  held.open()
  const deadline = performance.now() + 10_000
  let used = ''
  while (used !== 'ASIANEXT' && performance.now() < deadline) used = await say()
  assert.equal(used, 'ASIANEXT')
  assert.equal(sts.calls.length, 2)
})

test('where nothing is found the failure says what to set, and a sibling serves', async t => {
  const watching = inside()
  const bedrock = await startBedrock(t)
  const gateway = await play(t, {
    stages: { backup: {} },
    config: ({ backup }) => ({
      model_list: [
        { model_name: 'star', litellm_params: params(bedrock.url) },
        { model_name: 'alone', litellm_params: params(bedrock.url, { aws_profile_name: 'nobody' }) },
        deployment('understudy', backup, 'gpt-4.1-mini'),
      ],
      router_settings: { num_retries: 0, fallbacks: [{ star: ['understudy'] }] },
    }),
    env: await bareEnv(t),
    start: watching.start,
  })
  const reply = await gateway.ask('/v1/chat/completions', chat('alone'))
  assert.equal(reply.status, 401)
  assert.match(
    reply.text,
    /the AWS credential could not be fetched \(none found\): set aws_access_key_id and aws_secret_access_key, aws_profile_name/,
  )
  assert.equal((await gateway.ask('/v1/chat/completions', chat('star'))).status, 200)
  assert.equal(bedrock.requests.length, 0)
})

test('what STS refuses is named, and neither keys nor accounts are told', async t => {
  const watching = inside()
  const [sts, bedrock] = [await startSts(t), await startBedrock(t)]
  sts.answer(() => ({
    status: 403,
    headers: { 'content-type': 'text/xml' },
    body: `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User: arn:aws:iam::123456789012:user/own-secret is not authorized</Message></Error></ErrorResponse>`,
  }))
  const gateway = await play(t, {
    config: {
      model_list: [
        {
          model_name: 'star',
          litellm_params: params(bedrock.url, {
            aws_access_key_id: 'AKIAOWN',
            aws_secret_access_key: 'own-secret',
            aws_role_name: ROLE,
            aws_sts_endpoint: sts.origin,
          }),
        },
      ],
    },
    env: await bareEnv(t),
    start: watching.start,
  })
  const reply = await gateway.ask('/v1/chat/completions', chat('star'))
  assert.equal(reply.status, 401)
  assert.match(reply.text, /could not be fetched \(AccessDenied\)/)
  const [record] = await watching.recorded(1)
  for (const text of [reply.text, JSON.stringify(record)]) {
    assert.doesNotMatch(text, /own-secret/)
    assert.doesNotMatch(text, /123456789012/)
  }
})
