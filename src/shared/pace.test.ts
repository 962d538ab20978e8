import assert from 'node:assert/strict'
import { test } from 'node:test'
import { virtualClock } from './clock.ts'
import { createPace } from './pace.ts'

const near = (actual: number | undefined, expected: number) =>
  assert.ok(Math.abs((actual ?? Number.NaN) - expected) < 1e-9, `${actual} is not ${expected}`)

test('a sample weighs 37 % after ten seconds, however many came since', async () => {
  const time = virtualClock()
  const one = createPace(time.clock)
  const many = createPace(time.clock)
  assert.equal(one.seconds(false), undefined)
  one.note(5)
  many.note(5)
  for (let step = 0; step < 100; step += 1) {
    await time.advance(100)
    many.note(1)
  }
  one.note(1)
  near(one.seconds(false), 1 + 4 * Math.exp(-1))
  near(many.seconds(false), 1 + 4 * Math.exp(-1))
})

test('what is known of an idle one fades; while somebody is finding out it stands', async () => {
  const time = virtualClock()
  const pace = createPace(time.clock)
  pace.note(2)
  await time.advance(20_000)
  near(pace.seconds(true), 2 * Math.exp(-2))
  assert.equal(pace.seconds(false), 2)
})
