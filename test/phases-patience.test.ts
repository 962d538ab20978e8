import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { JsonObject } from '../src/wire/json.ts'
import { deployment, play } from './support/harness.ts'
import { hurried } from './support/hurried.ts'
import { asked, chat, response } from './support/steady.ts'

/** The first token's limit that nobody has set: only with somewhere to go, and only for what does not think. */

/** A second of the gateway's in milliseconds of ours; more where the measure is the matter. */
const QUICK_MS = 20
const EXACT_MS = 100

type Slow = {
  readonly params?: JsonObject
  readonly info?: JsonObject
  readonly router?: JsonObject
  readonly secondMs?: number
}

const playSlow = async (
  t: TestContext,
  { params = {}, info = {}, router = {}, secondMs = QUICK_MS }: Slow = {},
) => {
  const { clock, start } = hurried(secondMs)
  const on = await play(t, {
    stages: { lead: { models: ['*'] }, backup: { models: ['*'] } },
    config: ({ lead, backup }) => ({
      model_list: [
        { ...deployment('star', lead, 'm', params), model_info: info },
        deployment('second', backup, 'n'),
      ],
      router_settings: { num_retries: 2, timeout: 30, fallbacks: [{ star: ['second'] }], ...router },
    }),
    start,
  })
  /** Asks a lead whose first token takes 20 seconds; who answered, and after how many of them. */
  const ask = async (path: string, body: JsonObject) => {
    on.stages.lead.clear()
    on.stages.lead.script([{ kind: 'stall', when: 'after-lifecycle', ms: 20 * secondMs }])
    const started = clock.now()
    const reply = await on.ask(path, body)
    assert.equal(reply.status, 200)
    return {
      by: reply.headers['x-litellm-model-group'],
      took: (clock.now() - started) / 1000,
      asked: asked(on.stages.lead).length,
    }
  }
  return { ...on, ask }
}

const CHAT = '/v1/chat/completions'
const stream: JsonObject = { stream: true }

test('a stream whose first token takes 20 s is answered by the fallback within 15 s', async t => {
  for (const [path, body] of [
    [CHAT, chat],
    ['/v1/completions', (model: string, more: JsonObject) => ({ model, prompt: 'Line?', ...more })],
    ['/v1/responses', response],
  ] as const) {
    const on = await playSlow(t, { secondMs: EXACT_MS })
    const { by, took, asked } = await on.ask(path, body('star', stream))
    assert.equal(by, 'second', path)
    assert.ok(took >= 12 && took <= 15, `${path} took ${took} s`)
    assert.equal(asked, 1)
    await on.close()
  }
})

test('nobody to go to, thinking, or a word of the operator: the stream has its time', async t => {
  const waits = async (what: string, options: Slow, more: JsonObject = {}) => {
    const on = await playSlow(t, options)
    const { by } = await on.ask(CHAT, chat('star', { ...stream, ...more }))
    assert.equal(by, 'star', what)
    await on.close()
  }
  await waits('no fallback', { router: { fallbacks: [] } })
  await waits('disable_fallbacks', {}, { disable_fallbacks: true })
  await waits('reasoning is asked for', {}, { reasoning_effort: 'high' })
  await waits('reasoning is declared', { info: { supports_reasoning: true } })
  await waits('stream_timeout of the router', { router: { stream_timeout: 25 } })
  await waits('stream_timeout of the deployment', { params: { stream_timeout: 25 } })
  await waits('stream_timeout of the request', {}, { stream_timeout: 25 })
  await waits('first_token_timeout', { router: { first_token_timeout: 25 } })
  await waits('first_token_timeout: 0', { params: { first_token_timeout: 0 } })
})

test('one that has never spoken is not taken for hung for ever: its time doubles until it speaks', async t => {
  const on = await playSlow(t, { router: { disable_cooldowns: true } })
  assert.equal((await on.ask(CHAT, chat('star', stream))).by, 'second')
  assert.equal((await on.ask(CHAT, chat('star', stream))).by, 'star')
  assert.equal((await on.ask(CHAT, chat('star', stream))).by, 'star')
})

test('a plain answer has its time', async t => {
  const on = await playSlow(t)
  on.stages.lead.script([{ kind: 'slow', delayMs: 20 * QUICK_MS }])
  assert.equal((await on.ask(CHAT, chat('star'))).by, 'star')
})
