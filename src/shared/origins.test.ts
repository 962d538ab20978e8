import assert from 'node:assert/strict'
import { test } from 'node:test'
import { virtualClock } from './clock.ts'
import { createOrigins, isForeign, ORIGIN_TTL_MS, type Origin, type Past } from './origins.ts'

const lead = { id: 'lead', boundary: 'a' }

test('who made a ciphertext can read it, and everybody else cannot', () => {
  const origins = createOrigins(virtualClock().clock)
  assert.equal(isForeign(origins.of('f'), 'b'), false, 'of what nobody saw nothing is known')
  origins.made('f', lead)
  assert.equal(isForeign(origins.of('f'), 'a'), false)
  assert.equal(isForeign(origins.of('f'), 'b'), true)
})

test('who has said that he cannot read it is believed, whoever made it', () => {
  const origins = createOrigins(virtualClock().clock)
  origins.refused('unseen', 'b')
  assert.deepEqual(
    [isForeign(origins.of('unseen'), 'a'), isForeign(origins.of('unseen'), 'b')],
    [false, true],
  )
  origins.made('own', lead)
  origins.refused('own', 'a')
  assert.equal(isForeign(origins.of('own'), 'a'), true)
  assert.equal(origins.of('own')?.deploymentId, 'lead')
})

test('what is remembered has an end and a bound', async () => {
  const { clock, advance } = virtualClock()
  const origins = createOrigins(clock, { capacity: 2 })
  for (const one of ['1', '2', '3']) origins.made(one, lead)
  assert.equal(origins.size(), 2)
  assert.equal(origins.of('1'), undefined)
  for (let n = 0; n < 100; n++) origins.refused('3', `b${n}`)
  assert.equal(origins.of('3')?.refusedBy.length, 8)
  await advance(ORIGIN_TTL_MS)
  assert.equal(origins.of('3'), undefined)
})

/** A past that remembers what it was told. */
const recorded = (known: Readonly<Record<string, Origin>> = {}) => {
  const told: [string, Origin][] = []
  const asked: string[][] = []
  const past: Past = {
    write: (fingerprint, origin) => told.push([fingerprint, origin]),
    read: async fingerprints => {
      asked.push([...fingerprints])
      return new Map(Object.entries(known).filter(([one]) => fingerprints.includes(one)))
    },
  }
  return { past, told, asked }
}

const MADE: Origin = { deploymentId: 'lead', boundary: 'a', refusedBy: [] }

test('the past hears what is new, and what is still in use once a day', async () => {
  const { clock, advance } = virtualClock()
  const { past, told } = recorded()
  const origins = createOrigins(clock, { past })
  origins.made('f', lead)
  origins.made('f', lead)
  assert.deepEqual(told, [['f', MADE]])
  origins.refused('f', 'b')
  assert.deepEqual(told.at(-1), ['f', { ...MADE, refusedBy: ['b'] }])
  origins.made('g', lead)
  await advance(24 * 3_600_000)
  origins.made('g', lead)
  assert.equal(told.length, 4)
})

test('only what is not known here is looked for, and what is found is known for a day', async () => {
  const { clock, advance } = virtualClock()
  const { past, told, asked } = recorded({ old: MADE, both: { ...MADE, boundary: 'older' } })
  const origins = createOrigins(clock, { past })
  origins.made('here', lead)
  assert.equal(origins.recall(['here']), undefined)
  assert.equal(await origins.recall(['here', 'nowhere']), false)
  const looking = origins.recall(['old', 'both', 'here'])
  // What is learned meanwhile is newer than what is found.
  origins.made('both', lead)
  assert.equal(await looking, true)
  assert.deepEqual(asked, [['nowhere'], ['old', 'both']])
  assert.deepEqual([origins.of('old')?.boundary, origins.of('both')?.boundary], ['a', 'a'])
  assert.deepEqual(
    told.map(([fingerprint]) => fingerprint),
    ['here', 'both'],
    'what was found is not told again',
  )
  await advance(24 * 3_600_000)
  assert.equal(origins.of('old'), undefined)
  assert.equal(await origins.recall(['old']), true)
})

test('without a past there is nothing to look for', () => {
  assert.equal(createOrigins(virtualClock().clock).recall(['f']), undefined)
})
