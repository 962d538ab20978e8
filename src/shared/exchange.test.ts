import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { testConfig, testDeployment, testFailure } from '../plan/testing.ts'
import { createBoard, type MemoryBoard } from './board.ts'
import { seededDice, type VirtualClock, virtualClock } from './clock.ts'
import { createMemoryExchange } from './exchange.fixture.ts'
import type { HealthEvent } from './ports.ts'

/** Two boards that hear of each other: what one has learned the other honours. */

const one = testDeployment({ id: 'one' })
const two = testDeployment({ id: 'two' })
const deployments = [one, two]
const open = new AbortController().signal
const server = testFailure('transient')

/** A clock of its own for each process: they agree on the wall, not on the monotonic reading. */
const shifted = ({ clock }: VirtualClock, by: number): VirtualClock['clock'] => ({
  ...clock,
  now: () => clock.now() + by,
})

const joined = (given = deployments) => {
  const time = virtualClock()
  const exchange = createMemoryExchange(time.clock)
  const heard: HealthEvent[] = []
  exchange.join().subscribe(event => heard.push(event))
  let offset = 0
  const join = (configured = given): MemoryBoard & { readonly now: () => number } => {
    offset += 1_000_000
    const clock = shifted(time, offset)
    const config = testConfig({ deployments: configured })
    const board = createBoard({ clock, dice: seededDice(1), config: () => config, exchange: exchange.join() })
    return { ...board, now: clock.now }
  }
  return { ...time, join, heard }
}

const end = (board: MemoryBoard, deployment: typeof one, failure: typeof server | 'ok'): void => {
  const lease = board.admit(deployment, 'main', open)
  if (lease instanceof Promise) throw new Error('no slot')
  if (failure === 'ok')
    lease.settle({ kind: 'success', usage: undefined, totalMs: 1, firstTokenMs: undefined })
  else lease.settle({ kind: 'failure', failure, totalMs: 1 })
}
const left = (board: ReturnType<ReturnType<typeof joined>['join']>, id: string): number =>
  Math.round((board.cooling(id)?.until ?? board.now()) - board.now())

describe('what one board has learned', () => {
  test('a hard rest, a soft rest and a rate limit are honoured by the other at once, and end there as well', async () => {
    const { join, advance } = joined()
    const [a, b] = [join(), join()]
    end(a, one, testFailure('credential'))
    assert.equal(left(b, 'one'), 300_000)
    assert.equal(b.cooling('one')?.firm, true)
    for (let count = 0; count < 3; count += 1) end(a, two, server)
    assert.equal(left(b, 'two'), left(a, 'two'))
    assert.deepEqual(
      b.snapshot().map(({ id, cooling }) => [id, cooling?.kind]),
      [
        ['one', 'hard'],
        ['two', 'soft'],
      ],
    )
    await advance(300_000)
    assert.deepEqual([b.cooling('one'), b.cooling('two')], [undefined, undefined])
    end(b, two, testFailure('rate_limit', { retryAfterMs: 9000 }))
    assert.equal(left(a, 'two'), 9000)
    assert.equal((a.domainNotBefore(two.domain) ?? 0) - a.now(), 9000)
  })

  test('the bound of a lone deployment is honoured, too', () => {
    const { join } = joined([one])
    const [a, b] = [join(), join()]
    end(a, one, testFailure('rate_limit', { retryAfterMs: 9000 }))
    assert.equal(a.cooling('one'), undefined)
    assert.equal((b.domainNotBefore(one.domain) ?? 0) - b.now(), 9000)
  })

  test('levels go along: the next rest at the other board is twice as long', async () => {
    const { join, advance } = joined()
    const [a, b] = [join(), join()]
    for (let count = 0; count < 3; count += 1) end(a, one, server)
    await advance(5500)
    end(b, one, server)
    assert.ok(left(b, 'one') >= 9000 && left(b, 'one') <= 11_000, `a probe that failed: ${left(b, 'one')}`)
    assert.equal(left(a, 'one'), left(b, 'one'))
  })

  test('a recovery ends what began before it, and nothing else', async () => {
    const { join, advance } = joined()
    const [a, b] = [join(), join()]
    end(a, one, testFailure('credential'))
    await advance(1000)
    // Asked all the same, by its id: it answers.
    end(b, one, 'ok')
    assert.deepEqual([a.cooling('one'), b.cooling('one')], [undefined, undefined])
    const older = b.admit(one, 'main', open)
    await advance(1000)
    end(a, one, testFailure('credential'))
    if (older instanceof Promise) throw new Error('no slot')
    older.settle({ kind: 'success', usage: undefined, totalMs: 1, firstTokenMs: undefined })
    assert.deepEqual([left(a, 'one'), left(b, 'one')], [300_000, 300_000])
  })

  test('an answered probe lets the other board come back as well; a level that sank there sinks here', async () => {
    const { join, advance } = joined()
    const [a, b] = [join(), join()]
    for (let count = 0; count < 3; count += 1) end(a, one, server)
    await advance(5500)
    end(b, one, 'ok')
    const lease = a.admit(one, 'main', open)
    assert.equal(!(lease instanceof Promise) && lease.probe, false)
  })

  test('a shorter rest published later does not shorten a longer one', () => {
    const { join } = joined()
    const [a, b] = [join(), join()]
    end(a, one, testFailure('rate_limit', { retryAfterMs: 60_000 }))
    end(b, one, testFailure('rate_limit', { retryAfterMs: 7000 }))
    assert.deepEqual([left(a, 'one'), left(b, 'one')], [60_000, 60_000])
  })

  test('who comes later hears first what still holds', async () => {
    const { join, advance } = joined()
    const a = join()
    end(a, one, testFailure('credential'))
    end(a, two, testFailure('rate_limit', { retryAfterMs: 2000 }))
    await advance(6000)
    const b = join()
    assert.equal(left(b, 'one'), 294_000)
    assert.deepEqual([b.cooling('two'), b.domainNotBefore(two.domain)], [undefined, undefined])
  })

  test('of what was published about one subject the newcomer hears what holds longest', () => {
    const time = virtualClock()
    const { join } = createMemoryExchange(time.clock)
    const [one, other] = [join(), join()]
    one.publish({ kind: 'bound', domain: 'd', until: time.clock.wall() + 9000 })
    other.publish({ kind: 'bound', domain: 'd', until: time.clock.wall() + 2000 })
    const heard: HealthEvent[] = []
    join().subscribe(event => heard.push(event))
    assert.deepEqual(heard, [{ kind: 'bound', domain: 'd', until: time.clock.wall() + 9000 }])
  })

  test('only what is configured here and still means the same', () => {
    const { join } = joined()
    const a = join()
    const changed = join([testDeployment({ id: 'one', domain: 'with the new key' })])
    end(a, one, testFailure('credential'))
    end(a, two, testFailure('credential'))
    assert.deepEqual(
      [changed.cooling('one'), changed.cooling('two'), changed.calm()],
      [undefined, undefined, true],
    )
  })

  test('a board that left hears nothing more, and nobody hears himself', () => {
    const { join, heard } = joined()
    const [a, b] = [join(), join()]
    b.leave()
    end(a, one, testFailure('credential'))
    assert.equal(b.cooling('one'), undefined)
    assert.equal(heard.length, 1)
  })

  test('an event is plain JSON and holds no more than ids, domains, times and words', () => {
    const { join, heard } = joined()
    const a = join()
    end(a, one, testFailure('rate_limit', { retryAfterMs: 9000, message: 'sk-secret in a text' }))
    assert.deepEqual(JSON.parse(JSON.stringify(heard)), heard)
    assert.doesNotMatch(JSON.stringify(heard), /secret|litellm/)
    assert.deepEqual(heard, [
      { kind: 'bound', domain: one.domain, until: Date.UTC(2026, 0, 1) + 9000 },
      {
        kind: 'rest',
        domain: one.domain,
        rest: {
          kind: 'rate_limit',
          level: 0,
          firm: true,
          until: Date.UTC(2026, 0, 1) + 9000,
          status: 429,
          because: 'rate_limit',
        },
        began: Date.UTC(2026, 0, 1),
      },
    ])
  })

  test('nothing is told while all is well', () => {
    const { join, heard } = joined()
    const a = join()
    for (let count = 0; count < 10; count += 1) end(a, one, count % 3 === 0 ? server : 'ok')
    for (let count = 0; count < 10; count += 1)
      end(a, one, testFailure('caller_fault', { retryAfterMs: 9000 }))
    assert.deepEqual(heard, [])
  })
})

test('lost, repeated and late events never move a deadline earlier', async () => {
  const step = fc.record({
    by: fc.nat(2),
    id: fc.nat(1),
    kind: fc.constantFrom('credential', 'rate_limit', 'transient', 'transient', 'transient'),
    retryAfterMs: fc.option(fc.nat(100_000), { nil: undefined }),
    pause: fc.nat(30_000),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.nat(), async (steps, seed) => {
      const time = virtualClock()
      const dice = seededDice(seed)
      const members: ((event: HealthEvent) => void)[] = []
      const post: HealthEvent[] = []
      const config = testConfig({ deployments })
      const boards = [0, 1, 2].map(number =>
        createBoard({
          clock: time.clock,
          dice,
          config: () => config,
          exchange: {
            publish: event => {
              post.push(event)
              for (const [other, hear] of members.entries())
                if (other !== number && dice.random() < 0.6) hear(event)
            },
            subscribe: hear => {
              members.push(hear)
              return () => {}
            },
          },
        }),
      )
      for (const { by, id, kind, retryAfterMs, pause } of steps) {
        const read = () => boards.map(board => deployments.map(each => board.cooling(each.id)?.until ?? 0))
        const before = read()
        const board = boards[by]
        const deployment = deployments[id]
        if (board === undefined || deployment === undefined) throw new Error('no such board')
        end(board, deployment, testFailure(kind, { retryAfterMs }))
        // Something old comes again.
        const again = post[Math.floor(dice.random() * post.length)]
        if (again !== undefined) members[by]?.(again)
        const after = read()
        for (const [place, row] of before.entries())
          for (const [at, until] of row.entries()) assert.ok((after[place]?.[at] ?? 0) >= until)
        await time.advance(pause)
      }
    }),
    { numRuns: 200 },
  )
})
