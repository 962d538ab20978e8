import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { testBench, testConfig, testDeployment, testFailure } from '../plan/testing.ts'
import type { AttemptEnd, Lease } from './board.ts'

const open = new AbortController().signal
const ok: AttemptEnd = { kind: 'success', usage: undefined, totalMs: 100, firstTokenMs: undefined }
const neutral: AttemptEnd = { kind: 'neutral' }
const one = testDeployment({ id: 'one' })
const two = testDeployment({ id: 'two' })

describe('parallel slots', () => {
  const limited = (slots: number) => {
    const deployment = testDeployment({ id: 'one', maxParallelRequests: slots })
    return { deployment, ...testBench({ deployments: [deployment] }) }
  }

  test('callers beyond the limit wait and are served first come, first served', async () => {
    const { board, deployment } = limited(1)
    const first = await board.admit(deployment, 'main', open)
    const served: number[] = []
    const waiting = [1, 2, 3].map(async number => {
      const lease = await board.admit(deployment, 'main', open)
      served.push(number)
      return lease
    })
    assert.equal(board.waiting('one'), 3)
    first.settle(ok)
    for (const lease of waiting) (await lease).settle(ok)
    assert.deepEqual(served, [1, 2, 3])
    assert.equal(board.inFlight('one'), 0)
    assert.equal(board.waiting('one'), 0)
  })

  test('a caller who gives up leaves the queue, and its place is not granted to nobody', async () => {
    const { board, deployment } = limited(1)
    const first = await board.admit(deployment, 'main', open)
    const leaving = new AbortController()
    const gone = board.admit(deployment, 'main', leaving.signal)
    const next = board.admit(deployment, 'main', open)
    leaving.abort(new Error('left'))
    await assert.rejects(async () => gone, /left/)
    assert.equal(board.waiting('one'), 1)
    first.settle(ok)
    ;(await next).settle(ok)
    assert.equal(board.inFlight('one'), 0)
  })

  test('a slot granted to a caller who leaves at that moment goes to the next', async () => {
    const { board, deployment } = limited(1)
    const first = await board.admit(deployment, 'main', open)
    const leaving = new AbortController()
    const gone = board.admit(deployment, 'main', leaving.signal)
    const next = board.admit(deployment, 'main', open)
    first.settle(ok)
    leaving.abort(new Error('left'))
    await assert.rejects(async () => gone, /left/)
    ;(await next).settle(ok)
    assert.equal(board.inFlight('one'), 0)
    assert.equal(board.usage('one').requests, 2)
  })

  test('an aborted signal is refused before anything is counted', async () => {
    const { board, deployment } = limited(1)
    await assert.rejects(
      async () => board.admit(deployment, 'main', AbortSignal.abort(new Error('gone'))),
      /gone/,
    )
    assert.equal(board.usage('one').requests, 0)
    assert.equal(board.inFlight('one'), 0)
  })

  const limits: readonly (readonly [
    string,
    Parameters<typeof testDeployment>[0],
    number | undefined,
    number,
  ])[] = [
    ['max_parallel_requests', { id: 'one', maxParallelRequests: 2, rpm: 9, tpm: 9000 }, 9, 2],
    ['rpm', { id: 'one', rpm: 3, tpm: 9000 }, 9, 3],
    ['six per thousand tpm', { id: 'one', tpm: 1000 }, 9, 6],
    ['at least one for a tiny tpm', { id: 'one', tpm: 10 }, 9, 1],
    ['default_max_parallel_requests', { id: 'one' }, 4, 4],
    ['none', { id: 'one' }, undefined, 50],
    ['zero is none', { id: 'one', maxParallelRequests: 0 }, undefined, 50],
  ]
  for (const [name, parts, defaultMaxParallelRequests, expected] of limits) {
    test(`limit: ${name}`, () => {
      const deployment = testDeployment(parts)
      const { board } = testBench({ deployments: [deployment], router: { defaultMaxParallelRequests } })
      for (let count = 0; count < 50; count += 1) {
        void Promise.resolve(board.admit(deployment, 'main', open))
      }
      assert.equal(board.inFlight('one'), expected)
    })
  }

  test('a raised limit admits those who already wait', async () => {
    const { board, deployment, reload } = limited(1)
    await board.admit(deployment, 'main', open)
    const second = board.admit(deployment, 'main', open)
    reload(testConfig({ deployments: [testDeployment({ id: 'one', maxParallelRequests: 3 })] }))
    const third = board.admit(deployment, 'main', open)
    await Promise.all([second, third])
    assert.equal(board.inFlight('one'), 3)
  })
})

describe('counting', () => {
  test('a second settle is ignored and counted', async () => {
    const { board } = testBench({ deployments: [one] })
    const lease = await board.admit(one, 'main', open)
    lease.settle(neutral)
    lease.settle({ kind: 'failure', failure: testFailure('credential'), totalMs: 1 })
    assert.equal(board.inFlight('one'), 0)
    assert.equal(board.groupInFlight('main'), 0)
    assert.equal(board.extraSettles(), 1)
    assert.equal(board.cooling('one'), undefined)
  })

  test('requests count at the start, tokens at the end, both by UTC minute', async () => {
    const { board, advance } = testBench({ deployments: [one] })
    const usage = { inputTokens: 30, outputTokens: 12 }
    const lease = await board.admit(one, 'main', open)
    assert.deepEqual(board.usage('one'), { requests: 1, tokens: 0 })
    lease.settle({ ...ok, usage })
    assert.deepEqual(board.usage('one'), { requests: 1, tokens: 42 })
    await advance(60_000)
    assert.deepEqual(board.usage('one'), { requests: 0, tokens: 0 })
  })

  test('latency is seconds per completion token, with the first token apart; lists are bounded and expire', async () => {
    const { board, advance } = testBench({
      deployments: [one],
      router: { strategyArgs: { max_latency_list_size: 3, ttl: 60 } },
    })
    const finish = async (totalMs: number) => {
      const lease = await board.admit(one, 'main', open)
      lease.settle({ ...ok, totalMs, firstTokenMs: 500, usage: { inputTokens: 1, outputTokens: 10 } })
    }
    for (const totalMs of [1000, 2000, 3000, 4000]) await finish(totalMs)
    // The last entry of a full list is replaced.
    assert.deepEqual(board.latencies('one').perToken, [0.1, 0.2, 0.4])
    assert.deepEqual(board.latencies('one').firstToken, [0.5, 0.5, 0.5])
    await advance(60_000)
    assert.deepEqual(board.latencies('one').perToken, [])
  })

  test('a timeout adds 1000 seconds, M-058 one that the client chose adds nothing', () => {
    const { board, attempt } = testBench({ deployments: [one] })
    attempt('one', testFailure('timeout_client'))
    assert.deepEqual(board.latencies('one').perToken, [])
    attempt('one', testFailure('timeout_headers'))
    assert.deepEqual(board.latencies('one').perToken, [1000])
  })

  test('M-067 in-flight counts are never negative and return to zero, whatever the order of events', async () => {
    const event = fc.record({
      act: fc.constantFrom('admit', 'settle', 'settle again', 'abort'),
      pick: fc.nat(20),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 60 }), async events => {
        const deployment = testDeployment({ id: 'one', maxParallelRequests: 2 })
        const { board } = testBench({ deployments: [deployment] })
        const leases: Lease[] = []
        const callers: AbortController[] = []
        const admissions: Promise<void>[] = []
        const flush = () => new Promise<void>(resolve => setImmediate(resolve))
        for (const { act, pick } of events) {
          if (act === 'admit') {
            const caller = new AbortController()
            callers.push(caller)
            const admitted = Promise.resolve(board.admit(deployment, 'main', caller.signal))
            admissions.push(
              admitted.then(
                lease => void leases.push(lease),
                () => undefined,
              ),
            )
          }
          if (act === 'settle' || act === 'settle again') leases[pick % (leases.length || 1)]?.settle(ok)
          if (act === 'abort') callers[pick % (callers.length || 1)]?.abort(new Error('left'))
          if (pick % 3 === 0) await flush()
          assert.ok(board.inFlight('one') >= 0 && board.inFlight('one') <= 2)
          assert.ok(board.groupInFlight('main') >= 0)
        }
        for (let round = 0; round <= events.length; round += 1) {
          await flush()
          for (const lease of leases) lease.settle(neutral)
        }
        await Promise.all(admissions)
        assert.equal(board.inFlight('one'), 0)
        assert.equal(board.waiting('one'), 0)
        assert.equal(board.groupInFlight('main'), 0)
      }),
      { numRuns: 100 },
    )
  })
})

describe("cooling by LiteLLM's rules", () => {
  /** cooldown_time is written. */
  const router = { cooldownMs: 5000 }
  const limit = (retryAfterMs?: number) => testFailure('rate_limit', { retryAfterMs })

  test('a cooldown ends at its deadline and admits the next attempt', async () => {
    const { board, attempt, advance } = testBench({ deployments: [one, two], router })
    attempt('one', testFailure('credential'))
    assert.deepEqual(board.snapshot(), [
      {
        id: 'one',
        inFlight: 0,
        cooling: {
          until: 5000,
          kind: 'hard',
          firm: true,
          probing: false,
          status: 401,
          because: 'credential',
        },
      },
    ])
    await advance(4999)
    assert.notEqual(board.cooling('one'), undefined)
    await advance(1)
    assert.equal(board.cooling('one'), undefined)
  })

  test('a deadline never moves earlier', async () => {
    const { board, attempt, advance } = testBench({ deployments: [one, two], router })
    attempt('one', testFailure('credential', { retryAfterMs: 60_000 }))
    await advance(1000)
    attempt('one', testFailure('credential', { retryAfterMs: 2000 }))
    assert.equal(board.cooling('one')?.until, 60_000)
    attempt('one', limit(90_000))
    attempt('one', limit(1000))
    assert.equal(board.cooling('one')?.until, 91_000)
    assert.equal(board.domainNotBefore(one.domain), 91_000)
  })

  test('an attempt that began after the failure and succeeded ends the rest; an older one does not', async () => {
    const { board, attempt } = testBench({ deployments: [one, two], router })
    const older = await board.admit(one, 'main', open)
    attempt('one', testFailure('credential'))
    older.settle(ok)
    assert.notEqual(board.cooling('one'), undefined)
    attempt('one', 'ok')
    assert.equal(board.cooling('one'), undefined)
  })

  test('M-040 a rate limit rests every deployment of the same rate-limit domain, in any group', () => {
    const shared = (id: string, group: string) => testDeployment({ id, group, domain: 'one quota' })
    const deployments = [shared('a1', 'main'), shared('a2', 'main'), shared('b', 'other'), two]
    const { board, attempt } = testBench({ deployments, router })
    attempt('a1', limit(3000))
    for (const id of ['a1', 'a2', 'b']) assert.equal(board.cooling(id)?.until, 3000, id)
    assert.equal(board.cooling('two'), undefined)
  })

  test('M-064 a lone deployment is not cooled by a 429, but its domain says when it may be asked again', async () => {
    const { board, attempt, advance } = testBench({ deployments: [one], router })
    attempt('one', limit(3000))
    assert.equal(board.cooling('one'), undefined)
    assert.equal(board.domainNotBefore(one.domain), 3000)
    attempt('one', 'ok')
    assert.equal(board.domainNotBefore(one.domain), 3000, 'Retry-After is a lower bound even after a success')
    await advance(3000)
    assert.equal(board.domainNotBefore(one.domain), undefined)
  })

  test('M-058 a client that chooses tiny timeouts, leaves, or sends nonsense changes nothing for others', async () => {
    const { board, attempt } = testBench({ deployments: [one, two], router: { allowedFails: 0 } })
    for (const kind of ['timeout_client', 'client_gone', 'caller_fault', 'gateway_bug'] as const) {
      for (let count = 0; count < 10; count += 1) attempt('one', testFailure(kind, { retryAfterMs: 9000 }))
    }
    const lease = await board.admit(one, 'main', open)
    lease.settle(neutral)
    assert.equal(board.cooling('one'), undefined)
    assert.equal(board.domainNotBefore(one.domain), undefined)
    attempt('one', testFailure('transient'))
    assert.notEqual(board.cooling('one'), undefined, 'the counter works all the same')
  })

  test('failures that may not count do not dilute the ones that do, successes do', () => {
    const server = testFailure('transient')
    const { board, attempt } = testBench({ deployments: [one, two], router })
    for (let count = 0; count < 4; count += 1) attempt('one', server)
    attempt('one', testFailure('caller_fault'))
    assert.equal(board.cooling('one'), undefined)
    attempt('one', server)
    assert.notEqual(board.cooling('one'), undefined)
  })

  test('the outcome window lasts 60 s', async () => {
    const server = testFailure('transient')
    const { board, attempt, advance } = testBench({ deployments: [one, two], router })
    for (let count = 0; count < 4; count += 1) attempt('one', server)
    await advance(60_000)
    attempt('one', server)
    assert.equal(board.cooling('one'), undefined)
  })

  test('allowed_fails counts over the life of its counter, which every failure renews', async () => {
    const server = testFailure('transient')
    const { board, attempt, advance } = testBench({ deployments: [one], router: { allowedFails: 2 } })
    attempt('one', server)
    await advance(4000)
    attempt('one', server)
    await advance(4000)
    assert.equal(board.cooling('one'), undefined)
    attempt('one', server)
    assert.notEqual(board.cooling('one'), undefined)

    const forgetful = testBench({ deployments: [one], router: { allowedFails: 1 } })
    forgetful.attempt('one', server)
    await forgetful.advance(5000)
    forgetful.attempt('one', server)
    assert.equal(forgetful.board.cooling('one'), undefined)
  })

  test('blocked deployments do not make a group of several', () => {
    const blocked = testDeployment({ id: 'two', info: { blocked: true } })
    const { board, attempt } = testBench({ deployments: [one, blocked], router })
    attempt('one', limit())
    assert.equal(board.cooling('one'), undefined)
  })

  test('deadlines only ever move later between successes, for any failures in any order', async () => {
    const step = fc.record({
      id: fc.constantFrom('one', 'two'),
      kind: fc.constantFrom('rate_limit', 'credential', 'transient', 'caller_fault', 'timeout_idle'),
      retryAfterMs: fc.option(fc.nat(20_000), { nil: undefined }),
      pause: fc.nat(3000),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async steps => {
        const { board, attempt, advance, now } = testBench({ deployments: [one, two], router })
        for (const { id, kind, retryAfterMs, pause } of steps) {
          const before = board.cooling(id)?.until ?? 0
          attempt(id, testFailure(kind as 'transient', { retryAfterMs }))
          const after = board.cooling(id)?.until
          assert.ok((after ?? 0) >= before)
          assert.ok(after === undefined || after > now())
          await advance(pause)
        }
        await advance(3_600_000)
        assert.deepEqual([board.cooling('one'), board.cooling('two')], [undefined, undefined])
      }),
      { numRuns: 60 },
    )
  })
})

describe('reload', () => {
  test('M-152 ids that stay keep cooldowns, counters and in-flight; ids that go are forgotten', async () => {
    const { board, attempt, reload } = testBench({ deployments: [one, two] })
    attempt('one', testFailure('credential'))
    attempt('two', testFailure('credential'))
    const running = await board.admit(one, 'main', open)
    board.remember('session', 'two', 1000)
    reload(testConfig({ deployments: [testDeployment({ id: 'one' })] }))
    assert.notEqual(board.cooling('one'), undefined)
    assert.equal(board.inFlight('one'), 1)
    assert.equal(board.usage('one').requests, 2)
    assert.deepEqual(
      board.snapshot().map(({ id }) => id),
      ['one'],
    )
    assert.equal(board.recall('session'), undefined)
    running.settle(ok)
    assert.equal(board.inFlight('one'), 0)
  })

  test('a lease of a deployment that is gone settles without a trace', async () => {
    const { board, reload } = testBench({ deployments: [one, two] })
    const running = await board.admit(two, 'main', open)
    reload(testConfig({ deployments: [one] }))
    running.settle({ kind: 'failure', failure: testFailure('credential'), totalMs: 1 })
    assert.equal(board.groupInFlight('main'), 0)
    assert.deepEqual(board.snapshot(), [])
  })

  test('the same id with another credential starts with a clean record, and old attempts cannot spoil it', async () => {
    const { board, attempt, reload } = testBench({ deployments: [one, two] })
    attempt('one', testFailure('credential'))
    const old = await board.admit(one, 'main', open)
    const mended = testDeployment({ id: 'one', domain: 'with the new key' })
    reload(testConfig({ deployments: [mended, two] }))
    assert.equal(board.cooling('one'), undefined)
    attempt('one', 'ok')
    old.settle({ kind: 'failure', failure: testFailure('credential'), totalMs: 1 })
    assert.equal(board.cooling('one'), undefined)
    assert.equal(board.inFlight('one'), 0)
  })
})
