import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { setTimeout as pass } from 'node:timers/promises'
import { startStage } from '../src/stage/stage.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { MASTER_KEY } from './support/harness.ts'
import { until } from './support/inside.ts'
import { type Served, served } from './support/process.ts'
import { needsRedis, startRedis } from './support/redis.ts'
import { chat } from './support/steady.ts'

/** Gateways as processes: what one of them has learned at a provider the others do not find out again. */

/** What is shared is honoured within this. */
const SHARED_MS = 1_000

/** `refused` answers 401 to whoever asks; each group that has it goes on to `good`. */
const startStages = async (t: TestContext) => {
  const [refused, good] = [await startStage({ name: 'refused' }), await startStage({ name: 'good' })]
  t.after(() => Promise.all([refused.close(), good.close()]))
  const deployment = (group: string, stage: typeof good, apiKey: string) => ({
    model_name: group,
    litellm_params: { model: 'openai/gpt-4.1', api_base: stage.baseUrl, api_key: apiKey },
  })
  const groups = ['one', 'two', 'three']
  const config = (router: JsonObject = {}) => ({
    model_list: [
      ...groups.map(group => deployment(group, refused, `sk-wrong-${group}`)),
      deployment('good', good, good.key),
    ],
    router_settings: { num_retries: 0, fallbacks: groups.map(group => ({ [group]: ['good'] })), ...router },
  })
  /** How often the key of this group was tried. */
  const tried = (group: string): number =>
    refused.requests.filter(({ headers }) =>
      headers.some(([name, value]) => name === 'authorization' && value.endsWith(`sk-wrong-${group}`)),
    ).length
  return { config, tried }
}

/** One request on a connection of its own, so that any worker may get it; the milliseconds it took. */
const ask = async ({ url }: Served, group: string): Promise<number> => {
  const began = performance.now()
  const answer = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${MASTER_KEY}`,
      'content-type': 'application/json',
      connection: 'close',
    },
    body: JSON.stringify(chat(group)),
  })
  assert.equal(answer.status, 200)
  await answer.text()
  return performance.now() - began
}

const many = async (gateway: Served, group: string): Promise<void> => {
  for (let count = 0; count < 24; count += 1) await ask(gateway, group)
}

test('a key that one worker found to be refused no other worker tries', async t => {
  const { config, tried } = await startStages(t)
  const gateway = await served(t, { config: config(), args: ['--workers', '2'] })
  await ask(gateway, 'one')
  assert.equal(tried('one'), 1)
  await pass(SHARED_MS)
  await many(gateway, 'one')
  assert.equal(tried('one'), 1)
})

test('without Redis two gateways find out for themselves, as ever', async t => {
  const { config, tried } = await startStages(t)
  const [a, b] = [await served(t, { config: config() }), await served(t, { config: config() })]
  await ask(a, 'one')
  await pass(SHARED_MS)
  await ask(b, 'one')
  assert.equal(tried('one'), 2)
})

test(
  'with Redis a refused key is tried by one of two gateways; a third one hears of it at its start',
  needsRedis,
  async t => {
    const { config, tried } = await startStages(t)
    const password = 'correct-horse-battery'
    const redis = await startRedis(t, ['--requirepass', password], password)
    const options = {
      config: config({ redis_url: `redis://:${password}@127.0.0.1:${redis.port}` }),
      args: ['--workers', '2'],
    }
    const [a, b] = [await served(t, options), await served(t, { ...options, args: [] })]
    await ask(a, 'one')
    await pass(SHARED_MS)
    await many(a, 'one')
    await ask(b, 'one')
    const late = await served(t, { ...options, args: [] })
    await pass(SHARED_MS)
    await ask(late, 'one')
    assert.equal(tried('one'), 1)
    for (const { stdout, stderr } of [a, b, late]) {
      assert.doesNotMatch(stdout() + stderr(), /horse|Redis is/)
      assert.match(stderr(), /rpm and tpm windows, latencies and affinities are still per instance/)
    }
  },
)

test(
  'M-149 Redis killed in the middle of traffic: no client notices; when it is back, health is shared again',
  needsRedis,
  async t => {
    const { config, tried } = await startStages(t)
    const redis = await startRedis(t)
    const options = { config: config({ redis_host: '127.0.0.1', redis_port: redis.port }) }
    const [a, b] = [await served(t, options), await served(t, options)]
    const took: number[] = []
    let going = true
    const traffic = [a, b].map(async gateway => {
      while (going) took.push(await ask(gateway, 'good'))
    })
    const asked = (count: number) => {
      const goal = took.length + count
      return until('traffic', () => took.length >= goal, 20_000)
    }
    await asked(20)
    await redis.kill()
    await Promise.all([a.logged(/Redis is lost/), b.logged(/Redis is lost/)])
    await asked(20)
    // Learned alone, and told when there is somebody to tell.
    await ask(a, 'one')
    assert.equal(tried('one'), 1)
    await redis.restart()
    await Promise.all([a.logged(/Redis is back/), b.logged(/Redis is back/)])
    await asked(20)
    await pass(SHARED_MS)
    await ask(b, 'one')
    await ask(a, 'two')
    await pass(SHARED_MS)
    await ask(b, 'two')
    going = false
    await Promise.all(traffic)
    assert.deepEqual([tried('one'), tried('two')], [1, 1])
    assert.ok(Math.max(...took) < 1000, `the slowest took ${Math.max(...took)} ms`)
    for (const { stdout } of [a, b]) assert.equal(stdout().match(/Redis is/g)?.length, 2)
  },
)

test('workers go on sharing when Redis is lost', needsRedis, async t => {
  const { config, tried } = await startStages(t)
  const redis = await startRedis(t)
  const gateway = await served(t, {
    config: config({ redis_host: '127.0.0.1', redis_port: redis.port }),
    args: ['--workers', '2'],
  })
  await redis.kill()
  await gateway.logged(/Redis is lost[\s\S]*Redis is lost/)
  await ask(gateway, 'one')
  await pass(SHARED_MS)
  await many(gateway, 'one')
  assert.equal(tried('one'), 1)
})

const needsProc = { skip: process.platform === 'linux' ? false : 'reads /proc' }

test('workers that replace dead ones know what those knew', needsProc, async t => {
  const { config, tried } = await startStages(t)
  const gateway = await served(t, { config: config(), args: ['--workers', '2'] })
  await ask(gateway, 'one')
  await pass(SHARED_MS)
  const children = readFileSync(`/proc/${gateway.pid}/task/${gateway.pid}/children`, 'utf8').trim().split(' ')
  for (const pid of children) process.kill(Number(pid), 'SIGKILL')
  await gateway.said(/A worker ended[\s\S]*A worker ended/)
  await untilReady(gateway)
  await many(gateway, 'one')
  assert.equal(tried('one'), 1)
})

/** Until then nobody listens. */
const untilReady = async ({ url }: Served): Promise<void> => {
  const late = performance.now() + 20_000
  while (performance.now() < late) {
    const answer = await fetch(`${url}/health/readiness`).catch(() => undefined)
    if (answer?.ok) return
    await pass(50)
  }
  assert.fail('no worker came back')
}
