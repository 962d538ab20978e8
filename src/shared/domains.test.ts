import assert from 'node:assert/strict'
import { test } from 'node:test'
import { virtualClock } from './clock.ts'
import { createDomains } from './domains.ts'

test('the memory of domains is bounded, and ended waits make room first', async () => {
  const { clock, advance } = virtualClock()
  const domains = createDomains(clock, 3)
  domains.wait('long', 10_000)
  domains.wait('short', 10)
  domains.wait('also short', 10)
  await advance(10)
  domains.wait('next', 5000)
  assert.equal(domains.size(), 2)
  assert.equal(domains.notBefore('long'), 10_000)
  for (const name of ['x', 'y', 'z']) domains.wait(name, 5000)
  assert.equal(domains.size(), 3)
})

test('a bound only moves later', async () => {
  const { clock, advance } = virtualClock()
  const domains = createDomains(clock)
  assert.equal(domains.wait('d', 1000), true)
  assert.equal(domains.wait('d', 1000), false)
  assert.equal(domains.wait('d', 10), false)
  assert.equal(domains.notBefore('d'), 1000)
  await advance(1000)
  assert.equal(domains.notBefore('d'), undefined)
  assert.equal(domains.wait('d', 1000), false, 'a bound that is over is none')
})
