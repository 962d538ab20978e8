import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type ConfigParts, testBench, testDeployment, testFailure } from '../plan/testing.ts'
import type { AttemptEnd, Lease, MemoryBoard } from './board.ts'

/** The rules that hold where none of LiteLLM's cooldown keys is written, and how a deployment comes back. */

const one = testDeployment({ id: 'one' })
const two = testDeployment({ id: 'two' })
const pair: ConfigParts = { deployments: [one, two] }
const server = testFailure('transient')
const open = new AbortController().signal
const ok: AttemptEnd = { kind: 'success', usage: undefined, totalMs: 100, firstTokenMs: undefined }
const failed = (failure = server): AttemptEnd => ({ kind: 'failure', failure, totalMs: 1 })

const admit = (board: MemoryBoard, deployment = one): Lease => {
  const lease = board.admit(deployment, 'main', open)
  if (lease instanceof Promise) throw new Error('no free slot')
  return lease
}

/** Three failures in a row: the first soft rest has begun. */
const rested = (parts: ConfigParts = pair, seed = 1) => {
  const bench = testBench(parts, seed)
  for (let count = 0; count < 3; count += 1) bench.attempt('one', server)
  return bench
}

describe('soft rests', () => {
  for (const kind of ['transient', 'transport', 'overloaded', 'timeout_headers', 'timeout_idle'] as const)
    test(`the third ${kind} in a row rests one of several, for 5 s give or take a tenth`, () => {
      const { board, attempt } = testBench(pair)
      attempt('one', testFailure(kind))
      attempt('one', testFailure(kind))
      assert.equal(board.cooling('one'), undefined)
      attempt('one', testFailure(kind))
      const rest = board.cooling('one')
      const until = rest?.until ?? 0
      assert.ok(until >= 4500 && until <= 5500, String(until))
      assert.deepEqual([rest?.kind, rest?.firm, rest?.because], ['soft', false, kind])
      assert.equal(board.cooling('two'), undefined)
    })

  test('a success ends the row; M-062 a rate limit neither ends nor lengthens it', () => {
    const { board, attempt } = testBench(pair)
    for (const end of [server, server, 'ok', server, server, 'ok', server] as const) attempt('one', end)
    assert.equal(board.cooling('one'), undefined)
    const limited = testBench(pair)
    for (const kind of ['transient', 'transient', 'rate_limit'] as const)
      limited.attempt('one', testFailure(kind))
    assert.equal(limited.board.cooling('one')?.kind, 'rate_limit')
    limited.attempt('one', server)
    assert.equal(
      limited.board.cooling('one')?.because,
      'transient',
      'the third failure, with the 429 between them',
    )
  })

  test('a deployment that fails more than half of at least five times rests although no row is long enough', () => {
    const { board, attempt } = testBench(pair)
    for (const end of [server, server, 'ok', server] as const) attempt('one', end)
    assert.equal(board.cooling('one'), undefined)
    attempt('one', server)
    assert.equal(board.cooling('one')?.kind, 'soft')
  })

  test('what led to a rest does not lead to the next one: who was under way by then does not double it', () => {
    for (const [row, failures] of [
      [3, 5],
      [100, 7],
    ] as const) {
      const softCooldown = { ...usual().softCooldown, failures: row }
      const { board } = testBench({ ...pair, router: { failover: { ...usual(), softCooldown } } })
      for (const lease of Array.from({ length: failures }, () => admit(board))) lease.settle(failed())
      const { until = 0 } = board.cooling('one') ?? {}
      assert.ok(until >= 4500 && until <= 5500, `${failures} failures at once: ${until}`)
    }
  })

  test('each rest is twice as long as the one before, up to five minutes; the length is never quite the same', async () => {
    const lengths = async (seed: number) => {
      const { board, attempt, advance, now } = rested(pair, seed)
      const found: number[] = []
      for (let count = 0; count < 9; count += 1) {
        const until = board.cooling('one')?.until ?? 0
        found.push(until - now())
        await advance(until - now())
        // The probe fails: one is enough.
        attempt('one', server)
      }
      return found
    }
    const [first, second] = [await lengths(1), await lengths(2)]
    const planned = [5, 10, 20, 40, 80, 160, 300, 300, 300].map(seconds => seconds * 1000)
    for (const found of [first, second])
      for (const [place, ms] of found.entries())
        assert.ok(Math.abs(ms / (planned[place] ?? 0) - 1) <= 0.1, `rest ${place}: ${ms}`)
    assert.notDeepEqual(first, second)
  })

  test('every success halves the next rest again; the first rest of all is not shorter than itself', async () => {
    const { board, attempt, advance, now } = rested()
    const wait = async () => {
      await advance((board.cooling('one')?.until ?? now()) - now())
    }
    for (let count = 0; count < 3; count += 1) {
      await wait()
      attempt('one', server)
    }
    await wait()
    for (let count = 0; count < 2; count += 1) attempt('one', 'ok')
    for (let count = 0; count < 3; count += 1) attempt('one', server)
    const left = (board.cooling('one')?.until ?? 0) - now()
    assert.ok(left >= 18_000 && left <= 22_000, `after four rests and two successes: ${left}`)
    await wait()
    for (let count = 0; count < 9; count += 1) attempt('one', 'ok')
    for (let count = 0; count < 3; count += 1) attempt('one', server)
    const least = (board.cooling('one')?.until ?? 0) - now()
    assert.ok(least >= 4500 && least <= 5500, String(least))
  })

  test('M-064 a lone deployment never rests softly, whatever happens to it', () => {
    const { board, attempt } = testBench({ deployments: [one] })
    for (let count = 0; count < 2000; count += 1) attempt('one', server)
    assert.equal(board.cooling('one'), undefined)
  })

  test('a wildcard deployment never rests: one failing model says nothing about the others', () => {
    const wild = (id: string) => testDeployment({ id, group: 'w/*' })
    const { board, attempt } = testBench({ deployments: [wild('one'), wild('two')] })
    for (const kind of ['transient', 'transient', 'transient', 'credential', 'model_gone'] as const)
      attempt('one', testFailure(kind))
    assert.equal(board.cooling('one'), undefined)
  })

  test('the numbers can be written; 0 is none', () => {
    const after = (softCooldown: { failures: number; baseMs: number; longestMs: number }, count: number) => {
      const failover = { ...usual(), softCooldown, hardCooldownMs: 0 }
      const { board, attempt } = testBench({ ...pair, router: { failover } })
      for (let times = 0; times < count; times += 1) attempt('one', server)
      attempt('two', testFailure('credential'))
      assert.equal(board.cooling('two'), undefined)
      return board.cooling('one')?.until
    }
    assert.equal(after({ failures: 1, baseMs: 0, longestMs: 300_000 }, 9), undefined)
    const until = after({ failures: 1, baseMs: 1000, longestMs: 300_000 }, 1) ?? 0
    assert.ok(until >= 900 && until <= 1100)
  })
})

const usual = () => testBench(pair).config.router.failover

describe('rate limits and hard rests', () => {
  test('a rate limit rests the whole domain for what was asked, and for 5 s at least', () => {
    const shared = (id: string) => testDeployment({ id, domain: 'one quota' })
    const { board, attempt } = testBench({
      deployments: [shared('one'), shared('two'), testDeployment({ id: 'x' })],
    })
    attempt('one', testFailure('rate_limit', { retryAfterMs: 2000 }))
    for (const id of ['one', 'two']) {
      const rest = board.cooling(id)
      assert.deepEqual([rest?.until, rest?.kind, rest?.firm], [5000, 'rate_limit', true])
    }
    assert.equal(board.domainNotBefore('one quota'), 2000)
    assert.equal(board.cooling('x'), undefined)
    attempt('two', testFailure('rate_limit', { retryAfterMs: 60_000 }))
    assert.equal(board.cooling('one')?.until, 60_000)
  })

  test('M-064 a lone deployment is bound by what was asked, and by nothing else', () => {
    const { board, attempt } = testBench({ deployments: [one] })
    attempt('one', testFailure('rate_limit'))
    assert.deepEqual([board.cooling('one'), board.domainNotBefore(one.domain)], [undefined, undefined])
    attempt('one', testFailure('rate_limit', { retryAfterMs: 2000 }))
    assert.deepEqual([board.cooling('one'), board.domainNotBefore(one.domain)], [undefined, 2000])
  })

  for (const kind of ['credential', 'quota', 'model_gone'] as const)
    test(`${kind}: five minutes at once, a lone deployment too, then one probe`, async () => {
      const { board, attempt, advance } = testBench({ deployments: [one] })
      attempt('one', testFailure(kind))
      assert.deepEqual([board.cooling('one')?.until, board.cooling('one')?.firm], [300_000, true])
      await advance(300_000)
      assert.equal(board.cooling('one'), undefined)
      const probe = admit(board)
      assert.equal(board.cooling('one')?.probing, true)
      probe.settle(failed(testFailure(kind)))
      assert.equal(board.cooling('one')?.until, 600_000)
    })

  test("LiteLLM's rules hold as soon as one of its keys is written, for the router or for one deployment", () => {
    for (const router of [{ cooldownMs: 7000 }, { allowedFails: 9 }, { disableCooldowns: true }]) {
      const { board, attempt } = testBench({ ...pair, router })
      for (let count = 0; count < 3; count += 1) attempt('one', server)
      assert.equal(board.cooling('one'), undefined, JSON.stringify(router))
    }
    const own = testDeployment({ id: 'one', cooldownMs: 7000 })
    const { board, attempt } = testBench({ deployments: [own, two] })
    for (let count = 0; count < 5; count += 1) {
      assert.equal(board.cooling('one'), undefined)
      attempt('one', server)
    }
    assert.deepEqual([board.cooling('one')?.until, board.cooling('one')?.firm], [7000, true])
    for (let count = 0; count < 3; count += 1) attempt('two', server)
    assert.equal(board.cooling('two')?.firm, false, 'the other one is judged by our rules')
  })

  test('nobody’s faults touch nothing', () => {
    const { board, attempt } = testBench(pair)
    const kinds = [
      'caller_fault',
      'timeout_client',
      'timeout_total',
      'client_gone',
      'gateway_bug',
      'unsupported',
    ] as const
    for (const kind of kinds)
      for (let count = 0; count < 10; count += 1) attempt('one', testFailure(kind, { retryAfterMs: 9000 }))
    assert.equal(board.cooling('one'), undefined)
    assert.equal(board.domainNotBefore(one.domain), undefined)
    assert.equal(board.calm(), true)
    attempt('one', server)
    attempt('one', server)
    for (const kind of kinds) attempt('one', testFailure(kind))
    assert.equal(board.cooling('one'), undefined)
    attempt('one', server)
    assert.notEqual(board.cooling('one'), undefined, 'they do not end a row either')
  })
})

describe('the way back', () => {
  /** The rest is over, and nobody has asked since. */
  const halfOpen = async () => {
    const bench = rested()
    await bench.advance(5500)
    return bench
  }

  test('one probe at a time: for everybody else the deployment rests on', async () => {
    const { board } = await halfOpen()
    assert.equal(board.cooling('one'), undefined)
    const probe = admit(board)
    assert.equal(probe.probe, true)
    assert.deepEqual([board.cooling('one')?.probing, board.cooling('one')?.firm], [true, false])
    assert.equal(board.gauges().probes, 1)
    // Somebody who comes all the same, because nobody else is left, is no probe.
    const other = admit(board)
    assert.equal(other.probe, false)
    other.settle({ kind: 'neutral' })
    assert.equal(board.gauges().probes, 1)
    probe.settle(ok)
    assert.equal(board.gauges().probes, 0)
    assert.equal(board.cooling('one'), undefined)
    assert.equal(admit(board).probe, false, 'all may come back')
  })

  const ends: readonly (readonly [string, (probe: Lease) => void])[] = [
    ['a neutral end', probe => probe.settle({ kind: 'neutral' })],
    ['a caller’s fault', probe => probe.settle(failed(testFailure('caller_fault')))],
    ['the release of an exit that nobody planned', probe => probe.release()],
  ]
  for (const [name, end] of ends)
    test(`M-062 ${name} proves nothing, and the next request is the next probe`, async () => {
      const { board } = await halfOpen()
      for (let round = 0; round < 3; round += 1) {
        assert.equal(board.cooling('one'), undefined, 'the place is free')
        const probe = admit(board)
        assert.equal(probe.probe, true)
        end(probe)
        assert.equal(board.gauges().probes, 0)
      }
    })

  test('M-062 a probe that is told to wait gives the place back, and the domain rests', async () => {
    const { board, advance } = await halfOpen()
    admit(board).settle(failed(testFailure('rate_limit', { retryAfterMs: 8000 })))
    assert.equal(board.cooling('one')?.kind, 'rate_limit')
    await advance(8000)
    const probe = admit(board)
    assert.equal(probe.probe, true)
    probe.settle(ok)
    assert.equal(board.cooling('one'), undefined)
    assert.equal(board.gauges().probes, 0)
  })

  test('an answer that has begun frees the way before it ends', async () => {
    const { board } = await halfOpen()
    const probe = admit(board)
    probe.answered()
    assert.equal(board.cooling('one'), undefined)
    assert.equal(board.gauges().probes, 0)
    assert.equal(admit(board).probe, false)
    probe.settle(failed())
    assert.notEqual(board.cooling('one'), undefined, 'it broke off after all')
  })

  test('a lease is released once, whoever does it', () => {
    const { board } = testBench(pair)
    const lease = admit(board)
    lease.settle(ok)
    lease.release()
    assert.equal(board.extraSettles(), 0)
    assert.equal(board.gauges().inFlight, 0)
    const other = admit(board)
    other.release()
    other.release()
    assert.deepEqual([board.gauges().inFlight, board.inFlight('one')], [0, 0])
  })

  test('disable_cooldown_probes: when the rest is over all come back at once', async () => {
    const bench = rested({ ...pair, router: { failover: { ...usual(), probes: false } } })
    await bench.advance(5500)
    admit(bench.board)
    assert.equal(bench.board.cooling('one'), undefined)
  })

  test("LiteLLM's rules decide when and how long; the way back is the same", async () => {
    const { board, attempt, advance } = testBench({ ...pair, router: { allowedFails: 0, cooldownMs: 3000 } })
    attempt('one', server)
    await advance(3000)
    const probe = admit(board)
    assert.equal(board.cooling('one')?.probing, true)
    probe.settle(ok)
    assert.equal(board.cooling('one'), undefined)
  })
})

test('invariant 18: deadlines never move earlier but by a success, and a rest always ends', async () => {
  const kind = fc.constantFrom(
    'rate_limit',
    'credential',
    'quota',
    'transient',
    'overloaded',
    'timeout_idle',
    'caller_fault',
    'client_gone',
  )
  const step = fc.record({
    act: fc.constantFrom('fail', 'fail', 'fail', 'begin', 'succeed', 'give up'),
    id: fc.constantFrom('one', 'two', 'three'),
    kind,
    retryAfterMs: fc.option(fc.nat(400_000), { nil: undefined }),
    pause: fc.oneof(fc.nat(3000), fc.nat(200_000)),
  })
  const deployments = [one, two, testDeployment({ id: 'three', domain: two.domain })]
  const domains = [one.domain, two.domain]
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.nat(), async (steps, seed) => {
      const { board, advance, now } = testBench({ deployments }, seed)
      const leases: Lease[] = []
      const deadlines = () => ({
        rests: deployments.map(({ id }) => {
          const cooling = board.cooling(id)
          return cooling === undefined || cooling.probing ? 0 : cooling.until
        }),
        bounds: domains.map(domain => board.domainNotBefore(domain) ?? 0),
      })
      for (const { act, id, kind: failure, retryAfterMs, pause } of steps) {
        const before = deadlines()
        const deployment = deployments.find(each => each.id === id) ?? one
        if (act === 'begin') leases.push(admit(board, deployment))
        else if (act === 'fail') {
          const lease = leases.pop() ?? admit(board, deployment)
          lease.settle(failed(testFailure(failure, { retryAfterMs })))
        } else leases.shift()?.settle(act === 'succeed' ? ok : { kind: 'neutral' })
        const after = deadlines()
        if (act !== 'succeed')
          for (const [place, until] of before.rests.entries())
            assert.ok((after.rests[place] ?? 0) >= until, `${act} ${failure}: a rest ended early`)
        // What the provider asked for is not even shortened by a success.
        for (const [place, until] of before.bounds.entries()) assert.ok((after.bounds[place] ?? 0) >= until)
        for (const until of after.rests) assert.ok(until === 0 || until > now())
        await advance(pause)
      }
      for (const lease of leases) lease.settle({ kind: 'neutral' })
      await advance(3_600_000)
      // Whatever happened, everybody may be asked again, by one request at least.
      for (const { id } of deployments) assert.equal(board.cooling(id), undefined)
      for (const domain of domains) assert.equal(board.domainNotBefore(domain), undefined)
      assert.deepEqual(board.gauges(), { inFlight: 0, waiting: 0, extraAttempts: 0, sleeping: 0, probes: 0 })
    }),
    { numRuns: 300 },
  )
})
