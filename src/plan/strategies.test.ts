import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Deployment, RoutingStrategy } from '../config/config.ts'
import { seededDice } from '../shared/clock.ts'
import { promptOf } from './limits.ts'
import { declaredPrice, drawBy, type Outlook } from './strategies.ts'
import { candidatesOf, testDeployment } from './testing.ts'

type Readings = {
  readonly inFlight?: Readonly<Record<string, number>>
  readonly tokens?: Readonly<Record<string, number>>
  readonly requests?: Readonly<Record<string, number>>
  readonly perToken?: Readonly<Record<string, readonly number[]>>
  readonly firstToken?: Readonly<Record<string, readonly number[]>>
  readonly pace?: Readonly<Record<string, number>>
  readonly warmth?: Readonly<Record<string, number>>
}

const outlook = (readings: Readings = {}, parts: Partial<Outlook> = {}): Outlook => ({
  board: {
    inFlight: id => readings.inFlight?.[id] ?? 0,
    usage: id => ({ tokens: readings.tokens?.[id] ?? 0, requests: readings.requests?.[id] ?? 0 }),
    latencies: id => ({
      perToken: readings.perToken?.[id] ?? [],
      firstToken: readings.firstToken?.[id] ?? [],
    }),
    pace: id => readings.pace?.[id],
    warming: () => readings.warmth !== undefined,
    warmth: id => readings.warmth?.[id] ?? 1,
  },
  dice: seededDice(3),
  args: {},
  stream: false,
  prompt: promptOf({ promptBytes: 100, countTokens: () => 25 }),
  priceOf: declaredPrice,
  ...parts,
})

const pick = (strategy: RoutingStrategy, deployments: readonly Deployment[], view: Outlook) =>
  drawBy(strategy, candidatesOf(deployments), view)?.candidate.deployment.id

/** Share of each deployment over many draws. */
const shares = (strategy: RoutingStrategy, deployments: readonly Deployment[], view: Outlook) => {
  const rounds = 4000
  const counts = new Map<string, number>()
  for (let round = 0; round < rounds; round += 1) {
    const id = pick(strategy, deployments, view) ?? 'none'
    counts.set(id, (counts.get(id) ?? 0) + 1 / rounds)
  }
  return (id: string) => counts.get(id) ?? 0
}

const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 0.04, `${actual} is not about ${expected}`)

const d = (id: string, parts: Omit<Parameters<typeof testDeployment>[0], 'id'> = {}) =>
  testDeployment({ id, ...parts })

describe('simple-shuffle', () => {
  test('uniform without any measure', () => {
    const share = shares('simple-shuffle', [d('a'), d('b')], outlook())
    near(share('a'), 0.5)
  })
  for (const measure of ['weight', 'rpm', 'tpm'] as const) {
    test(`by ${measure}`, () => {
      const share = shares('simple-shuffle', [d('a', { [measure]: 9 }), d('b', { [measure]: 1 })], outlook())
      near(share('a'), 0.9)
    })
  }
  test('weight before rpm before tpm', () => {
    const all = [d('a', { weight: 1, rpm: 9, tpm: 9 }), d('b', { weight: 3, rpm: 1, tpm: 1 })]
    near(shares('simple-shuffle', all, outlook())('b'), 0.75)
  })
  test('quirk: the first deployment chooses the measure, and who lacks it has no share', () => {
    const first = shares('simple-shuffle', [d('a', { rpm: 10 }), d('b', { weight: 99 })], outlook())
    assert.equal(first('b'), 0)
    const other = shares('simple-shuffle', [d('b'), d('a', { weight: 99 })], outlook())
    near(other('a'), 0.5)
  })
  test('M-047 a deployment of weight 0 is still picked when it is all there is', () => {
    assert.equal(pick('simple-shuffle', [d('a', { weight: 0 })], outlook()), 'a')
    near(shares('simple-shuffle', [d('a', { weight: 0 }), d('b', { weight: 0 })], outlook())('a'), 0.5)
  })
  test('the pick is one of the eligible and never one without a share, for any weights and any roll', () => {
    const weights = fc.array(fc.double({ min: 0, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(weights, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (list, roll) => {
        const deployments = list.map((weight, place) => d(`d${place}`, { weight }))
        const id = pick('simple-shuffle', deployments, outlook({}, { dice: { random: () => roll } }))
        const picked = deployments.find(deployment => deployment.id === id)
        assert.ok(picked !== undefined)
        if (list.some(weight => weight > 0)) assert.ok((picked.weight ?? 0) > 0)
      }),
    )
  })
})

describe('least-busy', () => {
  test('the fewest in flight', () => {
    assert.equal(pick('least-busy', [d('a'), d('b')], outlook({ inFlight: { a: 2, b: 1 } })), 'b')
  })
  test('M-067 ties are broken at random, not by place', () => {
    const share = shares('least-busy', [d('a'), d('b'), d('c')], outlook({ inFlight: { c: 1 } }))
    near(share('a'), 0.5)
    assert.equal(share('c'), 0)
  })
})

describe('latency-based-routing', () => {
  const strategy = 'latency-based-routing'
  test('the lowest average', () => {
    assert.equal(pick(strategy, [d('a'), d('b')], outlook({ perToken: { a: [1, 3], b: [1.5, 1.7] } })), 'b')
  })
  test('an untested deployment counts as 0 and is tried', () => {
    assert.equal(pick(strategy, [d('a'), d('b')], outlook({ perToken: { a: [0.001] } })), 'b')
  })
  test('random within the buffer of the lowest', () => {
    const view = outlook(
      { perToken: { a: [1], b: [1.4], c: [1.6] } },
      { args: { lowest_latency_buffer: 0.5 } },
    )
    const share = shares(strategy, [d('a'), d('b'), d('c')], view)
    near(share('a'), 0.5)
    assert.equal(share('c'), 0)
  })
  test('streams compare first-token times when they are known', () => {
    const readings = { perToken: { a: [1], b: [2] }, firstToken: { a: [0.9], b: [0.1] } }
    assert.equal(pick(strategy, [d('a'), d('b')], outlook(readings, { stream: true })), 'b')
    assert.equal(pick(strategy, [d('a'), d('b')], outlook(readings)), 'a')
  })
  test('over rpm or tpm is skipped', () => {
    const view = outlook({ requests: { a: 5 }, tokens: { b: 80 } })
    assert.equal(pick(strategy, [d('a', { rpm: 5 }), d('c')], view), 'c')
    assert.equal(pick(strategy, [d('b', { tpm: 100 }), d('c')], view), 'c')
    assert.equal(pick(strategy, [d('a', { rpm: 6 })], view), 'a')
  })
})

for (const strategy of ['usage-based-routing', 'usage-based-routing-v2'] as const) {
  describe(strategy, () => {
    test('the fewest tokens this minute', () => {
      assert.equal(pick(strategy, [d('a'), d('b')], outlook({ tokens: { a: 10, b: 9 } })), 'b')
    })
    test('quirk: rpm + 1 >= limit is over, one request less than the limit', () => {
      const limited = [d('a', { rpm: 10 })]
      assert.equal(pick(strategy, limited, outlook({ requests: { a: 8 } })), 'a')
      assert.equal(pick(strategy, limited, outlook({ requests: { a: 9 } })), undefined)
    })
    test('tokens used plus the prompt must not exceed tpm', () => {
      const limited = [d('a', { tpm: 100 })]
      assert.equal(pick(strategy, limited, outlook({ tokens: { a: 75 } })), 'a')
      assert.equal(pick(strategy, limited, outlook({ tokens: { a: 76 } })), undefined)
    })
    test('ties are random', () => near(shares(strategy, [d('a'), d('b')], outlook())('a'), 0.5))
  })
}

describe('cost-based-routing', () => {
  const strategy = 'cost-based-routing'
  test('the lowest price of input and output together', () => {
    const cheap = d('cheap', { inputCostPerToken: 1e-6, outputCostPerToken: 2e-6 })
    const dear = d('dear', { inputCostPerToken: 5e-7, outputCostPerToken: 9e-6 })
    assert.equal(pick(strategy, [dear, cheap], outlook()), 'cheap')
  })
  test('an unknown price counts as 5.0, half a price too', () => {
    assert.equal(
      pick(strategy, [d('unknown'), d('known', { inputCostPerToken: 4, outputCostPerToken: 0 })], outlook()),
      'known',
    )
    assert.equal(
      pick(strategy, [d('unknown'), d('dear', { inputCostPerToken: 6, outputCostPerToken: 0 })], outlook()),
      'unknown',
    )
    assert.equal(declaredPrice(d('half', { inputCostPerToken: 1 })), 6)
  })
  test('a price table may answer instead', () => {
    const priceOf = ({ id }: Deployment) => (id === 'b' ? 0.1 : 0.2)
    assert.equal(pick(strategy, [d('a'), d('b')], outlook({}, { priceOf })), 'b')
  })
})

test('no strategy picks from an empty list', () => {
  for (const strategy of [
    'simple-shuffle',
    'least-busy',
    'latency-based-routing',
    'usage-based-routing',
    'cost-based-routing',
  ] as const) {
    assert.equal(drawBy(strategy, [], outlook()), undefined)
  }
})

test('the prompt is counted only when its size in bytes does not settle the question, and once', () => {
  let counts = 0
  const prompt = promptOf({
    promptBytes: 100,
    countTokens: () => {
      counts += 1
      return 25
    },
  })
  assert.equal(prompt.fits(100), true)
  assert.equal(counts, 0)
  assert.deepEqual([prompt.fits(99), prompt.fits(25), prompt.fits(24)], [true, true, false])
  assert.equal(counts, 1)
})

const all = (share: number) => assert.ok(share > 0.9999, `${share} is not everything`)

describe('p2c', () => {
  test('in flight and pace are multiplied', () => {
    const both = [d('a'), d('b')]
    const at = (inFlight: Record<string, number>, pace: Record<string, number>) =>
      shares('p2c', both, outlook({ inFlight, pace }))('a')
    all(at({}, { a: 0.1, b: 0.2 }))
    assert.equal(at({ a: 2 }, { a: 0.1, b: 0.2 }), 0)
    near(at({ a: 1 }, { a: 0.1, b: 0.2 }), 0.5)
  })
  test('equals share the calls, whatever their place in the file', () => {
    const share = shares('p2c', [d('a'), d('b'), d('c')], outlook({ pace: { a: 1, b: 1, c: 1 } }))
    for (const id of ['a', 'b', 'c']) near(share(id), 1 / 3)
  })
  test('the slowest of three is never the better of two', () => {
    const share = shares('p2c', [d('a'), d('b'), d('c')], outlook({ pace: { a: 1, b: 2, c: 3 } }))
    near(share('a'), 2 / 3)
    near(share('b'), 1 / 3)
    assert.equal(share('c'), 0)
  })
  test('an untested one is tested, by one request at a time', () => {
    const both = [d('a'), d('b')]
    all(shares('p2c', both, outlook({ pace: { a: 0.01 } }))('b'))
    assert.equal(shares('p2c', both, outlook({ pace: { a: 0.01 }, inFlight: { a: 9, b: 1 } }))('b'), 0)
  })
  test('weight is drawn by and divided by; without any it is 1, with 0 nobody goes', () => {
    const pace = { a: 3, b: 1.1 }
    all(shares('p2c', [d('a', { weight: 3 }), d('b')], outlook({ pace }))('a'))
    assert.equal(shares('p2c', [d('a', { weight: 2 }), d('b')], outlook({ pace }))('a'), 0)
    const equal = outlook({ pace: { a: 1, b: 1, c: 1 } })
    assert.equal(shares('p2c', [d('a', { weight: 0 }), d('b'), d('c')], equal)('a'), 0)
    near(shares('p2c', [d('a', { weight: 0 }), d('b', { weight: 0 })], equal)('a'), 0.5)
  })
  test('limits of a deployment are kept', () => {
    const view = outlook({ pace: { a: 0.1, b: 1 }, requests: { a: 5 } })
    all(shares('p2c', [d('a', { rpm: 5 }), d('b')], view)('b'))
    assert.equal(pick('p2c', [d('a', { rpm: 5 })], view), undefined)
  })
})

describe('slow start', () => {
  const cold = { warmth: { a: 0.1 } }
  test('a tenth of the weight is a tenth of the share', () => {
    near(shares('simple-shuffle', [d('a'), d('b')], outlook(cold))('a'), 0.1 / 1.1)
    const weighted = [d('a', { weight: 3 }), d('b', { weight: 1 })]
    near(shares('simple-shuffle', weighted, outlook(cold))('a'), 0.3 / 1.3)
  })
  test('p2c takes it for ten times as slow', () => {
    const both = [d('a'), d('b')]
    const at = (pace: Record<string, number>) => shares('p2c', both, outlook({ ...cold, pace }))('a')
    assert.equal(at({ a: 1, b: 9 }), 0)
    all(at({ a: 1, b: 11 }))
  })
  test('one that is alone gets everything', () => {
    assert.equal(pick('simple-shuffle', [d('a')], outlook(cold)), 'a')
    assert.equal(pick('p2c', [d('a')], outlook(cold)), 'a')
  })
})
