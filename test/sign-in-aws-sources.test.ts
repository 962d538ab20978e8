import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { checkSignature } from '../src/stage/bedrock-signature.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { AWS_SOURCES, type AwsKeys, type AwsSource } from './support/aws-sources.ts'
import { deployment, play, type Reply } from './support/harness.ts'
import { recordsIn } from './support/inside.ts'
import { chat, steady } from './support/steady.ts'
import { startTokenService, type TokenCall, type TokenService } from './support/token-service.ts'

/**
 * The life of keys that come from somewhere, for every such place: they sign, are renewed ahead of their end, are kept
 * while nobody can renew them, and end; then others serve, and they are back as soon as there are new ones.
 */

const HOUR = 3_600_000

const keysOf = (number: number): AwsKeys => ({
  accessKeyId: `ASIACANARY471${number}`,
  secretAccessKey: `secret-canary-471${number}`,
  sessionToken: `session-canary-471${number}`,
})

/** A Bedrock that takes any signature: whose it was is checked afterwards. */
const startLoose = (t: TestContext): Promise<TokenService> =>
  startTokenService(t, () => ({
    body: {
      output: { message: { role: 'assistant', content: [{ text: 'Yes.' }] } },
      stopReason: 'end_turn',
      usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 },
      metrics: { latencyMs: 1 },
    },
  }))

/** The time that the signature says, because the gateway's clock is moved. */
const signedAt = (date: string): Date =>
  new Date(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'))

const assertSigned = (call: TokenCall | undefined, keys: AwsKeys): void => {
  assert.ok(call)
  const raw = {
    method: call.method,
    target: call.target,
    headers: Object.entries(call.headers).map(([name, value]) => [name, String(value)] as const),
    body: Buffer.from(call.body),
  }
  const signer = { ...keys, region: 'us-east-1', service: 'bedrock' }
  assert.equal(checkSignature(raw, signer, signedAt(String(call.headers['x-amz-date']))), undefined)
}

const raise = async (t: TestContext, source: AwsSource) => {
  const [bedrock, clock] = [await startLoose(t), steady()]
  const onBedrock = (group: string): JsonObject => ({
    model_name: group,
    litellm_params: {
      model: 'bedrock/anthropic.claude-sonnet-4-v1:0',
      aws_region_name: 'us-east-1',
      aws_bedrock_runtime_endpoint: bedrock.origin,
      // A machine that is slow to start a thread is no reason for another failure than the credential's.
      connect_timeout: 25,
      ...source.params,
    },
  })
  const house = await play(t, {
    stages: { backup: { models: ['*'] } },
    config: ({ backup }) => ({
      model_list: [onBedrock('star'), onBedrock('alone'), deployment('understudy', backup, 'gpt-4.1-mini')],
      router_settings: { num_retries: 0, disable_cooldowns: true, fallbacks: [{ star: ['understudy'] }] },
    }),
    env: source.env,
    start: clock.start,
  })
  const replies: Reply[] = []
  const say = async (group = 'star'): Promise<Reply> => {
    const reply = await house.ask('/v1/chat/completions', chat(group))
    replies.push(reply)
    return reply
  }
  return { bedrock, clock, house, replies, say }
}

/** Polled, because no event of the gateway's tells it. */
const eventually = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
  const late = performance.now() + 30_000
  while (!(await holds())) {
    assert.ok(performance.now() < late, `not in time: ${what}`)
    await pause(10)
  }
}

for (const [name, prepare] of Object.entries(AWS_SOURCES))
  test(`keys of ${name} sign, are renewed ahead, outlive failures until their end, and others serve then`, async t => {
    const source = await prepare(t)
    const [one, two, three] = [keysOf(1), keysOf(2), keysOf(3)]
    await source.says({ keys: one, livesMs: HOUR })
    const { bedrock, clock, house, replies, say } = await raise(t, source)
    const served = async (keys: AwsKeys): Promise<void> => {
      const reply = await say()
      assert.equal(reply.status, 200, reply.text)
      assert.equal(reply.headers['x-litellm-model-group'], 'star')
      assertSigned(bedrock.calls.at(-1), keys)
    }
    for (let each = 0; each < 2; each++) await served(one)
    assert.equal(await source.asked(), 1)

    await source.says({ keys: two, livesMs: HOUR })
    clock.pass(0.8 * HOUR)
    await eventually('the second keys', async () => {
      assert.equal((await say()).status, 200)
      return bedrock.calls.at(-1)?.headers['x-amz-security-token'] === two.sessionToken
    })
    await served(two)
    assert.equal(await source.asked(), 2)

    await source.says(undefined)
    clock.pass(0.8 * HOUR)
    await served(two)
    // Once it is tried again, the first try has failed for certain.
    await eventually('a renewal that fails', async () => (await source.asked()) > 2 + source.insists)
    await served(two)

    clock.pass(0.25 * HOUR)
    const { length } = bedrock.calls
    const elsewhere = await say()
    assert.equal(elsewhere.status, 200, elsewhere.text)
    assert.equal(elsewhere.headers['x-litellm-model-group'], 'understudy')
    const refused = await say('alone')
    assert.equal(refused.status, 401)
    assert.match(refused.text, /litellm\.AuthenticationError: .*the AWS credential could not be fetched/)
    assert.match(refused.text, source.refusal)
    assert.equal(bedrock.calls.length, length)

    await source.says({ keys: three, livesMs: HOUR })
    clock.pass(60_000)
    await eventually('the third keys', async () => (await say()).headers['x-litellm-model-group'] === 'star')
    assertSigned(bedrock.calls.at(-1), three)

    const records = await recordsIn(clock.served(), house.dataDir)
    const outcomes = records.map(({ steps }) => steps.map(({ outcome }) => outcome).join())
    assert.deepEqual([...new Set(outcomes)].sort(), ['answered', 'credential', 'credential,answered'])

    const told =
      replies.map(({ text, headers }) => text + JSON.stringify(headers)).join() + JSON.stringify(records)
    const upstream = bedrock.calls.map(({ body, target, headers }) => {
      const { 'x-amz-security-token': _, ...others } = headers
      return body + target + JSON.stringify(others)
    })
    const [hit] = house.stages.backup.requests
    assert.ok(hit)
    const backup = JSON.stringify(hit.headers) + Buffer.from(hit.body).toString()
    const secrets = [one, two, three].flatMap(keys => [keys.secretAccessKey, keys.sessionToken])
    for (const secret of [...secrets, ...source.secrets])
      for (const text of [told, backup, ...upstream]) assert.ok(!text.includes(secret), secret)
    for (const { accessKeyId } of [one, two, three]) assert.ok(!(told + backup).includes(accessKeyId))
  })
