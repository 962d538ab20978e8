import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { FailureClass } from '../failure.ts'
import {
  type Bench,
  type ConfigParts,
  testBench,
  testConfig,
  testDeployment,
  testFailure,
} from '../plan/testing.ts'
import type { AttemptEnd, Lease } from './board.ts'

/** The same id with another address, credential or model is somebody else: nothing that was learned is about it. */

const ENDS = [
  'ok',
  'transient',
  'overloaded',
  'timeout_headers',
  'rate_limit',
  'credential',
  'client_gone',
] as const
type End = (typeof ENDS)[number]

const before = testDeployment({ id: 'one' })
const after = testDeployment({ id: 'one', domain: 'with the new key' })
const sibling = testDeployment({ id: 'two' })

const endOf = (end: End): AttemptEnd =>
  end === 'ok'
    ? { kind: 'success', usage: undefined, totalMs: 700, firstTokenMs: 300 }
    : { kind: 'failure', failure: testFailure(end as FailureClass), totalMs: 900 }

const admit = ({ board, config }: Bench): Lease => {
  const deployment = config.byId.get('one') ?? assert.fail('it is configured')
  const lease = board.admit(deployment, 'main', new AbortController().signal)
  return lease instanceof Promise ? assert.fail('it has no free slot') : lease
}

/** One attempt, and what is learned of how long it takes to speak. */
const live = (bench: Bench, end: End, spokeMs: number): void => {
  const { board, config } = bench
  admit(bench).settle(endOf(end))
  const deployment = config.byId.get('one') ?? assert.fail('it is configured')
  const now = bench.now()
  if (end === 'ok') board.patience(deployment).spoke(spokeMs)
  else board.patience(deployment).silent(now, now)
  for (const stream of [true, false])
    for (let times = 0; times < 20; times += 1) board.delays(deployment, stream).spoke(spokeMs)
}

/** What the board makes of it, but for which of two rests is the longer one, which is left to chance. */
const reading = ({ board, config }: Bench): unknown => {
  const deployment = config.byId.get('one') ?? assert.fail('it is configured')
  const cooling = board.cooling('one')
  return {
    rests: cooling && [cooling.firm, cooling.probing],
    latencies: board.latencies('one'),
    paces: [true, false].map(stream => board.pace('one', stream)),
    patience: board.patience(deployment).limitMs(1000),
    delays: [true, false].map(stream => board.delays(deployment, stream).p95()),
    inFlight: board.inFlight('one'),
  }
}

const RULES: readonly ConfigParts['router'][] = [{}, { allowedFails: 2, litellmCooldowns: true }]

test('after a reload with another key it lives as if it had never been there, and old attempts change nothing', () => {
  const history = fc.array(fc.constantFrom(...ENDS), { maxLength: 30 })
  fc.assert(
    fc.property(
      fc.constantFrom(...RULES),
      history,
      fc.constantFrom(...ENDS),
      fc.array(fc.constantFrom(...ENDS), { maxLength: 8 }),
      (router, past, late, future) => {
        const old = testBench({ deployments: [before, sibling], router: router ?? {} })
        for (const end of past) live(old, end, 9000)
        const left = [0, 1].map(() => admit(old))
        old.reload(testConfig({ deployments: [after, sibling], router: router ?? {} }))
        const fresh = testBench({ deployments: [after, sibling], router: router ?? {} })
        for (const end of future) {
          for (const bench of [old, fresh]) live(bench, end, 900)
          left.pop()?.settle(endOf(late))
          const { inFlight: _, ...seen } = reading(old) as { inFlight: number }
          const { inFlight, ...expected } = reading(fresh) as { inFlight: number }
          assert.equal(inFlight, 0)
          assert.deepEqual(seen, expected)
        }
        for (const lease of left) lease.release()
        assert.equal(old.board.gauges().inFlight, 0)
      },
    ),
    { numRuns: 300 },
  )
})
