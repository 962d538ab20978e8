import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { atRest, type Engine, type Reply, type Sent, stageOf, startEngine } from './support/engine.ts'

/** How long a refusal is remembered, and of whom. The whole engine in virtual time. */

const HOUR = 3_600_000
const refusal = (param: string): Reply => ({
  status: 400,
  error: {
    message: `Unknown parameter: '${param}'.`,
    type: 'invalid_request_error',
    param,
    code: 'unknown_parameter',
  },
})
const strict = ({ body }: Sent): Reply => (body.novelty === undefined ? {} : refusal('novelty'))
const asking = { body: { novelty: 1 } }

/** Requests that one more call takes. */
const cost = async (engine: Engine, group = 'a'): Promise<number> => {
  const before = engine.sent.length
  assert.equal((await engine.play(group, asking)).status, 200)
  atRest(engine)
  return engine.sent.length - before
}

describe('a lesson', () => {
  test('holds for a day, and then the provider is asked again', async () => {
    const engine = await startEngine(stageOf({ a: ['m'] }), { script: strict })
    assert.equal(await cost(engine), 2)
    await engine.advance(24 * HOUR - 1)
    assert.equal(await cost(engine), 1, 'one that is used is no younger for it')
    await engine.advance(1)
    assert.equal(await cost(engine), 2)
    assert.equal(await cost(engine), 1)
  })

  test('holds as long as the file says, or for the request alone', async () => {
    for (const [seconds, then] of [
      [60, 1],
      [0, 2],
    ] as const) {
      const file = stageOf({ a: ['m'] }, `router_settings: {learned_params_ttl_seconds: ${seconds}}`)
      const engine = await startEngine(file, { script: strict })
      assert.equal(await cost(engine), 2)
      assert.equal(await cost(engine), then)
      await engine.advance(seconds * 1000)
      assert.equal(await cost(engine), 2)
    }
  })

  test('survives a reload, but not another credential', async () => {
    const file = stageOf({ a: ['m'], b: ['n'] })
    const engine = await startEngine(file, { script: strict })
    assert.equal(await cost(engine), 2)
    await engine.reload(stageOf({ a: ['m'], c: ['o'] }))
    assert.equal(await cost(engine), 1)
    await engine.reload(file.replace('api_key: k', 'api_key: another'))
    assert.equal(await cost(engine), 2)
  })

  test('is one deployment’s: its sibling learns for itself', async () => {
    const engine = await startEngine(stageOf({ a: ['m'], b: ['n'] }), { script: strict })
    assert.equal(await cost(engine), 2)
    assert.equal(await cost(engine, 'b'), 2)
    assert.equal(await cost(engine, 'b'), 1)
  })
})

describe('a repair', () => {
  test('waits for nothing, and is no retry', async () => {
    const file = stageOf({ a: ['m'] }, 'router_settings: {num_retries: 0, retry_after: 5}')
    const engine = await startEngine(file, { roll: () => 0.9, script: strict })
    const { settled, at } = await engine.play('a', asking)
    assert.equal(at, 0)
    assert.deepEqual([settled.trail.retries, settled.trail.steps.length], [0, 2])
  })

  test('is not made when the time of the request is over', async () => {
    const file = stageOf({ a: ['m'] }, 'router_settings: {total_timeout: 5, num_retries: 0}')
    const script = (sent: Sent): Reply => ({ ...strict(sent), afterMs: 4_999, bodyAfterMs: 1 })
    const engine = await startEngine(file, { script })
    const { status } = await engine.play('a', asking)
    assert.equal(engine.sent.length, 1)
    assert.ok(status === 400 || status === 408, String(status))
    atRest(engine)
  })

  test('is not made for a client that has left', async () => {
    const engine = await startEngine(stageOf({ a: ['m'] }), {
      script: sent => ({ ...strict(sent), afterMs: 10 }),
    })
    const { client, done } = engine.ask('a', asking)
    await engine.advance(9)
    client.abort()
    await engine.advance(100)
    await done
    assert.equal(engine.sent.length, 1)
    atRest(engine)
  })

  test('a provider that goes on refusing the same thing is asked twice, not for ever', async () => {
    const engine = await startEngine(stageOf({ a: ['m'] }), { script: () => refusal('novelty') })
    assert.equal((await engine.play('a', asking)).status, 400)
    assert.equal(engine.sent.length, 2)
    assert.equal((await engine.play('a', asking)).status, 400)
    assert.equal(engine.sent.length, 4, 'nothing was learned')
    atRest(engine)
  })

  test('what a prompt says about parameters moves nothing', async () => {
    const quoting: Reply = {
      status: 400,
      error: {
        message: 'The text "Unknown parameter: \'novelty\'." is too long.',
        type: null,
        param: null,
        code: null,
      },
    }
    const engine = await startEngine(stageOf({ a: ['m'] }), { script: () => quoting })
    assert.equal((await engine.play('a', asking)).status, 400)
    assert.equal(engine.sent.length, 1)
  })

  test('where it holds only beside something else, it is not remembered', async () => {
    const beside = ({ body }: Sent): Reply =>
      body.novelty === undefined
        ? {}
        : {
            status: 400,
            error: {
              message: "Unsupported parameter: 'novelty' is not supported when reasoning is on.",
              type: 'invalid_request_error',
              param: 'novelty',
              code: 'unsupported_parameter',
            },
          }
    const engine = await startEngine(stageOf({ a: ['m'] }), { script: beside })
    assert.equal(await cost(engine), 2)
    assert.equal(await cost(engine), 2)
  })
})
