import assert from 'node:assert/strict'
import { test } from 'node:test'
import { virtualClock } from './clock.ts'
import { createOrigins, isForeign, ORIGIN_TTL_MS } from './origins.ts'

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
