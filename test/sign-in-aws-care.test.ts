import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { JsonObject } from '../src/wire/json.ts'
import {
  AWS_SOURCES,
  type AwsKeys,
  bareEnv,
  portalAnswer,
  processHome,
  ssoProfile,
  ssoToken,
} from './support/aws-sources.ts'
import { startBedrockStage } from './support/bedrock.ts'
import { MASTER_KEY, play } from './support/harness.ts'
import { served } from './support/process.ts'
import { chat, steady } from './support/steady.ts'
import { startTokenService } from './support/token-service.ts'

/** AWS keys, and what is done with care: what the log tells, commands that hang, sessions of SSO, keys that are refused. */

const HOUR = 3_600_000
const KEYS: AwsKeys = {
  accessKeyId: 'ASIACANARY4711',
  secretAccessKey: 'secret-canary-4711',
  sessionToken: 'session-canary-4711',
}

const config = (url: string, more: JsonObject) => ({
  model_list: [
    {
      model_name: 'star',
      litellm_params: {
        model: 'bedrock/anthropic.claude-sonnet-4-v1:0',
        aws_region_name: 'us-east-1',
        aws_bedrock_runtime_endpoint: url,
        connect_timeout: 25,
        ...more,
      },
    },
  ],
  router_settings: { num_retries: 0, disable_cooldowns: true },
})

const startBedrock = async (t: TestContext) => {
  const stage = await startBedrockStage({ ...KEYS, region: 'us-east-1' })
  t.after(() => stage.close())
  return stage
}

for (const [name, prepare] of Object.entries(AWS_SOURCES))
  test(`the log of a gateway without keys of ${name} says what to do, and nothing that is secret`, async t => {
    const source = await prepare(t)
    const { url, logged, stdout, stderr } = await served(t, {
      config: config('http://127.0.0.1:9', source.params),
      env: source.env,
    })
    const [line] = await logged(/^.*A credential could not be fetched; calls that need it fail.*$/m)
    assert.match(line, /"credential":"the AWS credential".*"reason":".*"mend":"set aws_access_key_id/)
    const answer = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${MASTER_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify(chat('star')),
    })
    assert.equal(answer.status, 401)
    const said = (await answer.text()) + stdout() + stderr()
    for (const secret of source.secrets) assert.ok(!said.includes(secret), `${secret} in ${said}`)
  })

const isThere = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('a command of a profile that hangs does not outlive the patience of whoever asked for keys', async t => {
  const { folder, env } = await processHome(t, 'cd "$HOME"; echo $$ > pid; exec sleep 600\n')
  const gateway = await play(t, {
    config: config('http://127.0.0.1:9', { aws_profile_name: 'process' }),
    env,
  })
  const read = async (): Promise<number> =>
    Number(await readFile(join(folder, 'pid'), 'utf8').catch(() => ''))
  const late = performance.now() + 20_000
  let pid = 0
  while (pid === 0) {
    assert.ok(performance.now() < late, 'the command was not begun')
    await pause(10)
    pid = await read()
  }
  assert.ok(isThere(pid))
  // Its end gives up whatever is under way.
  await gateway.close()
  while (isThere(pid)) {
    assert.ok(performance.now() < late, 'the command goes on')
    await pause(10)
  }
})

test('a session of SSO that is over is renewed with its refresh token, and kept where the CLI keeps it', async t => {
  const bedrock = await startBedrock(t)
  const portal = await startTokenService(t, ({ headers }) =>
    portalAnswer(
      headers['x-amz-sso_bearer_token'] === 'portal-token-2' ? { keys: KEYS, livesMs: HOUR } : undefined,
    ),
  )
  const oidc = await startTokenService(t, () => ({
    body: { accessToken: 'portal-token-2', expiresIn: 3600, refreshToken: 'refresh-2', tokenType: 'Bearer' },
  }))
  const env = await bareEnv(t)
  const home = env.HOME ?? ''
  const path = await ssoToken(home, 'house', {
    accessToken: 'portal-token-1',
    expiresAt: new Date(Date.now() - 1000).toISOString(),
    clientId: 'the-client',
    clientSecret: 'client-secret-canary',
    refreshToken: 'refresh-1',
    registrationExpiresAt: new Date(Date.now() + HOUR).toISOString(),
  })
  const gateway = await play(t, {
    config: config(bedrock.url, { aws_profile_name: 'sso' }),
    env: {
      ...env,
      AWS_CONFIG_FILE: await ssoProfile(home),
      AWS_ENDPOINT_URL_SSO: portal.origin,
      AWS_ENDPOINT_URL_SSO_OIDC: oidc.origin,
    },
  })
  const reply = await gateway.ask('/v1/chat/completions', chat('star'))
  assert.equal(reply.status, 200, reply.text)
  assert.deepEqual(
    oidc.calls.map(({ target, body }) => [target, JSON.parse(body).refreshToken]),
    [['/token', 'refresh-1']],
  )
  const asked = new URL(portal.calls[0]?.target ?? '', portal.origin)
  assert.equal(asked.pathname, '/federation/credentials')
  assert.deepEqual(Object.fromEntries(asked.searchParams), {
    role_name: 'caller',
    account_id: '123456789012',
  })
  const kept = JSON.parse(await readFile(path, 'utf8'))
  assert.deepEqual([kept.accessToken, kept.refreshToken], ['portal-token-2', 'refresh-2'])
})

test('a session of SSO that nobody can renew is told as one, and the log says the command', async t => {
  const env = await bareEnv(t)
  const home = env.HOME ?? ''
  await ssoToken(home, 'house', { accessToken: 'old', expiresAt: new Date(Date.now() - 1000).toISOString() })
  const { logged } = await served(t, {
    config: config('http://127.0.0.1:9', { aws_profile_name: 'sso' }),
    env: { ...env, AWS_CONFIG_FILE: await ssoProfile(home) },
  })
  const [line] = await logged(/^.*A credential could not be fetched.*$/m)
  assert.match(line, /"reason":"the SSO session is over".*aws sso login/)
})

test('a profile that the environment names is the default chain’s', async t => {
  const bedrock = await startBedrock(t)
  const { env, file, folder } = await processHome(t, 'cat "$HOME/keys.json"\n')
  const { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken } = KEYS
  await writeFile(
    join(folder, 'keys.json'),
    JSON.stringify({ Version: 1, AccessKeyId, SecretAccessKey, SessionToken }),
  )
  const gateway = await play(t, {
    config: { ...config(bedrock.url, {}), environment_variables: { AWS_PROFILE: 'process' } },
    env,
  })
  const reply = await gateway.ask('/v1/chat/completions', chat('star'))
  assert.equal(reply.status, 200, `${file}: ${reply.text}`)
})

test('keys that Bedrock calls expired are not waited out: others are fetched, and sign the next call', async t => {
  const source = await AWS_SOURCES['a role that is assumed']?.(t)
  assert.ok(source)
  await source.says({ keys: KEYS, livesMs: HOUR })
  const clock = steady()
  const bedrock = await startTokenService(t, () => ({
    status: 403,
    headers: { 'x-amzn-errortype': 'ExpiredTokenException' },
    body: { message: 'The security token included in the request is expired' },
  }))
  const gateway = await play(t, {
    config: config(bedrock.origin, source.params),
    env: source.env,
    start: clock.start,
  })
  const say = () => gateway.ask('/v1/chat/completions', chat('star'))
  const refused = await say()
  assert.equal(refused.status, 403, refused.text)
  await source.says({ keys: { ...KEYS, sessionToken: 'another-canary' }, livesMs: HOUR })
  clock.pass(60_000)
  const late = performance.now() + 20_000
  while (bedrock.calls.at(-1)?.headers['x-amz-security-token'] !== 'another-canary') {
    assert.ok(performance.now() < late, 'the old keys are still used')
    await say()
  }
  assert.equal(await source.asked(), 2)
})
