import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { JsonObject } from '../../src/wire/json.ts'
import { deployment, play, type Reply } from './harness.ts'
import { recordsIn } from './inside.ts'
import { chat, steady } from './steady.ts'
import type { TokenCall, TokenService } from './token-service.ts'

const HOUR = 3_600_000

/** A place that gives credentials for an hour each, told apart by their numbers, and a deployment that lives on them. */
export type CredentialLife = {
  /** litellm_params of the deployment, its upstream's address among them. */
  readonly params: JsonObject
  readonly env: Readonly<Record<string, string>>
  /** litellm_settings */
  readonly settings?: JsonObject
  /** The upstream: it takes whatever it is called with. */
  readonly provider: TokenService
  /** From now on the place gives the credential of this number, or none. */
  readonly says: (number: number | undefined) => void | Promise<void>
  /** How often the place was asked. */
  readonly asked: () => number | Promise<number>
  /** Questions of one fetch that is answered, and of one that comes to nothing. */
  readonly asks: number
  readonly insists: number
  /** Throws unless the call carries the credential of this number, and nothing of another. */
  readonly assertCarries: (call: TokenCall, number: number) => void
  /** What nobody but the place itself may hear. */
  readonly secrets: readonly string[]
  /** What nobody but the upstream may hear, in headers alone: of the credential of this number. */
  readonly marks: (number: number) => readonly string[]
  /** Headers of upstream calls in which they belong. */
  readonly headers: readonly string[]
  /** The sentence that is told when there is none. */
  readonly refusal: RegExp
}

const raise = async (t: TestContext, { params, env, settings = {} }: CredentialLife) => {
  const clock = steady()
  const living = (group: string): JsonObject => ({
    model_name: group,
    // A machine that is slow to answer is no reason for another failure than the credential's.
    litellm_params: { connect_timeout: 25, ...params },
  })
  const house = await play(t, {
    stages: { backup: { models: ['*'] } },
    config: ({ backup }) => ({
      model_list: [living('star'), living('alone'), deployment('understudy', backup, 'gpt-4.1-mini')],
      router_settings: { num_retries: 0, disable_cooldowns: true, fallbacks: [{ star: ['understudy'] }] },
      litellm_settings: settings,
    }),
    env,
    start: clock.start,
  })
  const replies: Reply[] = []
  const say = async (group = 'star'): Promise<Reply> => {
    const reply = await house.ask('/v1/chat/completions', chat(group))
    replies.push(reply)
    return reply
  }
  return { clock, house, replies, say }
}

/** Polled, because no event of the gateway's tells it. */
export const eventually = async (what: string, holds: () => boolean | Promise<boolean>): Promise<void> => {
  const late = performance.now() + 30_000
  while (!(await holds())) {
    assert.ok(performance.now() < late, `not in time: ${what}`)
    await pause(10)
  }
}

/**
 * The credential carries calls, is renewed ahead of its end, is kept while nobody can renew it, and ends; then others
 * serve, and the deployment is back as soon as there is a new one. Nothing of it is told to anybody else.
 */
export const liveThrough = async (t: TestContext, life: CredentialLife): Promise<void> => {
  const { provider, says, asked, asks, insists } = life
  await says(1)
  const { clock, house, replies, say } = await raise(t, life)
  const carries = (number: number): boolean => {
    const call = provider.calls.at(-1)
    const seen = JSON.stringify(call?.headers)
    return life.marks(number).some(mark => seen.includes(mark))
  }
  const served = async (number: number): Promise<void> => {
    const before = provider.calls.length
    const reply = await say()
    assert.equal(reply.status, 200, reply.text)
    const [call, ...more] = provider.calls.slice(before)
    assert.ok(call !== undefined && more.length === 0, 'the deployment is called, once')
    life.assertCarries(call, number)
  }
  for (let each = 0; each < 2; each++) await served(1)
  assert.equal(await asked(), asks)

  await says(2)
  clock.pass(0.8 * HOUR)
  await eventually('the second credential', async () => {
    assert.equal((await say()).status, 200)
    return carries(2)
  })
  await served(2)
  assert.equal(await asked(), 2 * asks)

  await says(undefined)
  clock.pass(0.8 * HOUR)
  await served(2)
  // Once it is tried again, the first try has failed for certain.
  await eventually('a renewal that fails', async () => (await asked()) > 2 * asks + insists)
  await served(2)

  clock.pass(0.25 * HOUR)
  const { length } = provider.calls
  const elsewhere = await say()
  assert.equal(elsewhere.status, 200, elsewhere.text)
  assert.equal(elsewhere.headers['x-litellm-model-group'], 'understudy')
  const refused = await say('alone')
  assert.equal(refused.status, 401)
  assert.match(refused.text, /litellm\.AuthenticationError: /)
  assert.match(refused.text, life.refusal)
  assert.equal(provider.calls.length, length)

  await says(3)
  clock.pass(60_000)
  await eventually('the third credential', async () => {
    await say()
    return carries(3)
  })
  await served(3)

  const records = await recordsIn(clock.served(), house.dataDir)
  const outcomes = records.map(({ steps }) => steps.map(({ outcome }) => outcome).join())
  assert.deepEqual([...new Set(outcomes)].sort(), ['answered', 'credential', 'credential,answered'])

  const told = replies.map(({ text, headers }) => text + JSON.stringify(headers)).join()
  const upstream = provider.calls.map(({ body, target, headers }) => {
    const others = Object.entries(headers).filter(([name]) => !life.headers.includes(name))
    return body + target + JSON.stringify(others)
  })
  const [hit] = house.stages.backup.requests
  assert.ok(hit)
  const backup = JSON.stringify(hit.headers) + Buffer.from(hit.body).toString()
  const elsewhereHeard = [told, backup, JSON.stringify(records), ...upstream].join('\n')
  for (const secret of [...[1, 2, 3].flatMap(life.marks), ...life.secrets])
    assert.ok(!elsewhereHeard.includes(secret), secret)
  // A secret that opens the place goes nowhere else, not even in a header of the credential.
  const heads = JSON.stringify(provider.calls.map(({ headers }) => headers))
  for (const secret of life.secrets) assert.ok(!heads.includes(secret), secret)
}
