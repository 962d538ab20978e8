import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { checkSignature } from '../src/stage/bedrock-signature.ts'
import { AWS_SOURCES, type AwsKeys } from './support/aws-sources.ts'
import { liveThrough } from './support/credential-life.ts'
import { startTokenService, type TokenCall, type TokenService } from './support/token-service.ts'

/** The life of AWS keys, for every place that they come from. */

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

const assertSigned = (call: TokenCall, number: number): void => {
  const raw = {
    method: call.method,
    target: call.target,
    headers: Object.entries(call.headers).map(([name, value]) => [name, String(value)] as const),
    body: Buffer.from(call.body),
  }
  const signer = { ...keysOf(number), region: 'us-east-1', service: 'bedrock' }
  assert.equal(checkSignature(raw, signer, signedAt(String(call.headers['x-amz-date']))), undefined)
}

for (const [name, prepare] of Object.entries(AWS_SOURCES))
  test(`keys of ${name} sign, are renewed ahead, outlive failures until their end, and others serve then`, async t => {
    const { says, params, ...source } = await prepare(t)
    const provider = await startLoose(t)
    await liveThrough(t, {
      ...source,
      provider,
      params: {
        model: 'bedrock/anthropic.claude-sonnet-4-v1:0',
        aws_region_name: 'us-east-1',
        aws_bedrock_runtime_endpoint: provider.origin,
        ...params,
      },
      asks: 1,
      says: number => says(number === undefined ? undefined : { keys: keysOf(number), livesMs: HOUR }),
      assertCarries: assertSigned,
      marks: number => {
        const { secretAccessKey, sessionToken } = keysOf(number)
        return [secretAccessKey, sessionToken]
      },
      headers: ['x-amz-security-token'],
    })
  })
