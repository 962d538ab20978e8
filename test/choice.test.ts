import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { atRest, type Engine, type Outcome, type Reply, stageOf, startEngine } from './support/engine.ts'
import { deployment, play } from './support/harness.ts'
import { asked, chat, failing, steady } from './support/steady.ts'

/** Which deployment of a group is asked. The whole engine in virtual time, and once over sockets. */

const P2C = 'routing_strategy: p2c, num_retries: 0'
const shareOf = (engine: Engine, model: string): number =>
  engine.sent.filter(one => one.model === model).length / engine.sent.length

/** Requests arrive at a steady rate and are answered when their provider answers. */
const traffic = async (engine: Engine, count: number, everyMs: number): Promise<readonly Outcome[]> => {
  const all: Promise<Outcome>[] = []
  for (let place = 0; place < count; place += 1) {
    all.push(engine.ask('a').done)
    await engine.advance(everyMs)
  }
  await engine.advance(600_000)
  return Promise.all(all)
}

/** Settles with the time the provider took, as the reply would. */
const AFTER: Readonly<Record<string, number>> = { fast: 100, middle: 400, slow: 2000 }
const paced = ({ model }: { readonly model: string }): Reply => ({ afterMs: AFTER[model] ?? 50 })

describe('p2c', () => {
  test('it goes to the fastest, and looks at the others now and then', async () => {
    const engine = await startEngine(
      stageOf({ a: ['fast', 'middle', 'slow'] }, `router_settings: {${P2C}}`),
      { script: paced },
    )
    const outcomes = await traffic(engine, 400, 300)
    assert.ok(outcomes.every(one => one.status === 200))
    const shares = ['fast', 'middle', 'slow'].map(model => shareOf(engine, model))
    const [fast = 0, middle = 0, slow = 0] = shares
    assert.ok(fast > 0.55 && fast > middle && middle > slow && slow > 0, String(shares))
    assert.equal(outcomes[0]?.settled.trail.steps[0]?.because, 'p2c')
    atRest(engine)
  })

  test('of two the faster gets nearly everything, and when it gets slow the other does', async () => {
    let slow = 'two'
    const engine = await startEngine(stageOf({ a: ['one', 'two'] }, `router_settings: {${P2C}}`), {
      script: ({ model }) => ({ afterMs: model === slow ? 2000 : 100 }),
    })
    await traffic(engine, 200, 200)
    assert.ok(shareOf(engine, 'one') > 0.9, String(shareOf(engine, 'one')))
    slow = 'one'
    engine.sent.length = 0
    await traffic(engine, 300, 200)
    assert.ok(shareOf(engine, 'two') > 0.85, String(shareOf(engine, 'two')))
    atRest(engine)
  })

  test('a burst at one moment is spread, also over deployments that nobody has tested', async () => {
    const engine = await startEngine(stageOf({ a: ['m1', 'm2', 'm3', 'm4'] }, `router_settings: {${P2C}}`), {
      script: () => ({ afterMs: 100 }),
    })
    await traffic(engine, 40, 0)
    for (const model of ['m1', 'm2', 'm3', 'm4'])
      assert.ok(shareOf(engine, model) > 0.15, `${model} ${shareOf(engine, model)}`)
  })

  test('whatever fails and when: none that rests is asked, the faster of the sound ones is asked most', async () => {
    const models = ['m1', 'm2', 'm3', 'm4'] as const
    const kind = fc.constantFrom<Reply>(
      { status: 500 },
      { status: 429, headers: { 'retry-after': '7' } },
      { status: 401 },
      { fault: 'reset' },
    )
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 2 ** 31 }),
        fc.array(fc.record({ from: fc.nat(60_000), ms: fc.nat(20_000), model: fc.nat(1), kind }), {
          maxLength: 6,
        }),
        fc.shuffledSubarray([100, 900], { minLength: 2 }),
        async (seed, faults, [quick = 0, lazy = 0]) => {
          const ms: Readonly<Record<string, number>> = { m3: quick, m4: lazy }
          const settings = `${P2C}, cooldown_panic_percent: 0`
          const engine: Engine = await startEngine(
            stageOf({ a: models, b: ['rescue'] }, `router_settings: {${settings}, fallbacks: [{a: [b]}]}`),
            {
              seed,
              script: ({ model, at }) => {
                const cooling = engine.board.cooling(model)
                assert.ok(cooling === undefined || cooling.probing, `${model} rests`)
                // The first two fail by turns, the others never do.
                const fault = faults.find(
                  one => models[one.model] === model && at >= one.from && at < one.from + one.ms,
                )
                return fault?.kind ?? { afterMs: ms[model] ?? 500 }
              },
            },
          )
          await traffic(engine, 150, 500)
          const [fast, late] = quick < lazy ? ['m3', 'm4'] : ['m4', 'm3']
          const counts = [fast, late].map(model => engine.sent.filter(one => one.model === model).length)
          assert.ok((counts[0] ?? 0) > (counts[1] ?? 0), String(counts))
          atRest(engine)
        },
      ),
      { numRuns: 25 },
    )
  })
})

describe('slow start', () => {
  const settings = (strategy: string, more = '') =>
    `router_settings: {routing_strategy: ${strategy}, num_retries: 0, soft_cooldown_failures: 1, cooldown_panic_percent: 0, ${more}}`

  test('after a rest the weight rises from a tenth, and without the setting it is there at once', async () => {
    for (const [more, least, most] of [
      ['slow_start_seconds: 100', 0.05, 0.28],
      ['', 0.4, 0.6],
    ] as const) {
      let down = true
      const engine = await startEngine(stageOf({ a: ['m1', 'm2'] }, settings('simple-shuffle', more)), {
        script: ({ model }) => (down && model === 'm1' ? { status: 500 } : {}),
      })
      while (engine.board.cooling('m1') === undefined) await engine.play('a')
      down = false
      await engine.advance(6000)
      while (engine.sent.at(-1)?.model !== 'm1') await engine.play('a')
      engine.sent.length = 0
      // The first fifth of the way: a tenth to 28 % of its weight.
      for (let place = 0; place < 400; place += 1) {
        await engine.play('a')
        await engine.advance(50)
      }
      const early = shareOf(engine, 'm1')
      assert.ok(early > least && early < most, `${more}: ${early}`)
      await engine.advance(100_000)
      engine.sent.length = 0
      for (let place = 0; place < 300; place += 1) await engine.play('a')
      const late = shareOf(engine, 'm1')
      assert.ok(late > 0.4 && late < 0.6, `${more}: ${late}`)
      assert.equal(engine.board.warming(), false)
    }
  })

  test('a rate limit that is over is not run into again with the whole load: its domain begins slowly', async () => {
    let limited = true
    const engine = await startEngine(
      stageOf({ a: ['m1', 'm2'] }, settings('simple-shuffle', 'slow_start_seconds: 30')),
      {
        script: ({ model }) =>
          limited && model === 'm1' ? { status: 429, headers: { 'retry-after': '9' } } : {},
      },
    )
    while (engine.board.cooling('m1') === undefined) await engine.play('a')
    limited = false
    await engine.advance(20_000)
    engine.sent.length = 0
    while (engine.sent.at(-1)?.model !== 'm1') await engine.play('a')
    assert.equal(engine.board.warmth('m1'), 0.1)
    await engine.advance(15_000)
    assert.equal(engine.board.warmth('m1'), 0.55)
    assert.equal(engine.board.warmth('m2'), 1)
  })

  test('what a reload adds or changes begins slowly, what stays does not, and a start is no reload', async () => {
    const more = settings('simple-shuffle', 'slow_start_seconds: 30')
    const engine = await startEngine(stageOf({ a: ['m1', 'm2'] }, more))
    assert.equal(engine.board.warming(), false)
    await engine.reload(
      stageOf({ a: ['m1', 'm2', 'm3'] }, more).replace('https://m2.test', 'https://other.test'),
    )
    assert.deepEqual(['m1', 'm2', 'm3'].map(engine.board.warmth), [1, 0.1, 0.1])
    await engine.reload(stageOf({ a: ['m1'] }, more))
    assert.equal(engine.board.warming(), false)
  })
})

test('over sockets: p2c picks the one that answers sooner, says so, and a resting one is left alone', async t => {
  const moment = steady()
  const on = await play(t, {
    stages: { stage: { models: ['*'] } },
    start: moment.start,
    config: ({ stage }) => ({
      model_list: ['m1', 'm2'].map(name => deployment('a', stage, name)),
      router_settings: { routing_strategy: 'p2c', num_retries: 1, soft_cooldown_failures: 1 },
    }),
  })
  const { stage } = on.stages
  failing(stage, 'm1', 401)
  for (let round = 0; round < 6; round += 1)
    assert.equal((await on.ask('/v1/chat/completions', chat('a', { stream: round % 2 === 0 }))).status, 200)
  assert.ok(asked(stage).filter(model => model === 'm1').length <= 1)
})
