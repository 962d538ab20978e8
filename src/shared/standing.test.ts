import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { virtualClock } from './clock.ts'
import type { HealthEvent } from './ports.ts'
import { Standing } from './standing.ts'

const NOW = Date.UTC(2026, 0, 1)

const anyEvent: fc.Arbitrary<HealthEvent> = fc
  .record({
    kind: fc.constantFrom('rest', 'bound', 'recovery'),
    deployment: fc.constantFrom('one', 'two', undefined),
    domain: fc.constantFrom('a', 'b'),
    began: fc.nat(20),
    until: fc.integer({ min: -5, max: 50 }),
  })
  .map(({ kind, deployment, domain, began, until }): HealthEvent => {
    if (kind === 'bound') return { kind, domain, until: NOW + until }
    // Two rests of one length are one rest.
    const from = NOW + began
    if (kind === 'recovery') return { kind, deployment, domain, began: from, level: 0 }
    const end = from + 1 + ((until + 5) % 7) * 100
    const rest = {
      until: end,
      kind: 'hard',
      level: 0,
      firm: true,
      status: 401,
      because: 'credential',
    } as const
    return { kind: 'rest', deployment, domain, began: from, rest }
  })

const heldBy = (standing: Standing) =>
  [...standing.events()]
    .filter(event => event.kind !== 'recovery')
    .map(event => JSON.stringify(event))
    .toSorted()

test('events that come twice change nothing, and what was told to one is what the other knows', () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 30 }), fc.nat(), (events, seed) => {
      const { clock } = virtualClock(NOW)
      const [one, other] = [new Standing(clock), new Standing(clock)]
      for (const event of events) {
        one.take(event)
        assert.equal(one.take(event), false)
      }
      // The other hears only what the first has to say, in an order of its own.
      const told = [...one.events()]
      const from = seed % (told.length || 1)
      for (const event of [...told.slice(from), ...told.slice(0, from)]) other.take(event)
      assert.deepEqual(heldBy(other), heldBy(one))
      // And then nothing is news to either.
      for (const event of other.events()) assert.equal(one.take(event), false)
    }),
  )
})

test('a deadline never moves earlier but by a recovery, in any order', () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 30 }), events => {
      const { clock } = virtualClock(NOW)
      const standing = new Standing(clock)
      const ends = () =>
        new Map(
          [...standing.events()].flatMap(event =>
            event.kind === 'recovery'
              ? []
              : [
                  [
                    `${event.kind} ${event.domain} ${event.kind === 'rest' ? event.deployment : ''}`,
                    event.kind === 'bound' ? event.until : event.rest.until,
                  ] as const,
                ],
          ),
        )
      for (const event of events) {
        const before = ends()
        standing.take(event)
        if (event.kind === 'recovery') continue
        const after = ends()
        for (const [key, until] of before) assert.ok((after.get(key) ?? 0) >= until)
      }
    }),
  )
})

test('a recovery is remembered as long as what it has ended could be told again', async () => {
  const { clock, advance } = virtualClock(NOW)
  const standing = new Standing(clock)
  const rest = (until: number) =>
    ({ until: NOW + until, kind: 'hard', level: 0, firm: true, status: 401, because: 'credential' }) as const
  const told = { kind: 'rest', deployment: 'one', domain: 'd', began: NOW, rest: rest(3_600_000) } as const
  standing.take(told)
  standing.take({ kind: 'recovery', deployment: 'one', domain: 'd', began: NOW + 1, level: 0 })
  await advance(3_000_000)
  assert.equal([...standing.events()].length, 1)
  assert.equal(standing.take(told), false)
  await advance(600_000)
  assert.deepEqual([...standing.events()], [])
})

test('it is bounded: what is over goes first, then the oldest', async () => {
  const { clock, advance } = virtualClock(NOW)
  const standing = new Standing(clock, 3)
  const bound = (domain: string, inMs: number) =>
    standing.take({ kind: 'bound', domain, until: clock.wall() + inMs })
  bound('a', 1000)
  bound('b', 10)
  bound('c', 1000)
  await advance(20)
  bound('d', 1000)
  assert.deepEqual(
    [...standing.events()].map(({ domain }) => domain),
    ['a', 'c', 'd'],
  )
  bound('e', 1000)
  assert.deepEqual(
    [...standing.events()].map(({ domain }) => domain),
    ['c', 'd', 'e'],
  )
  assert.equal(standing.size, 3)
})
