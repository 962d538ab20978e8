import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createAffinityMemory } from './affinity.ts'
import { virtualClock } from './clock.ts'

test('remembers until its time to live is over', async () => {
  const { clock, advance } = virtualClock()
  const memory = createAffinityMemory(clock)
  memory.remember('session', 'one', 1000)
  await advance(999)
  assert.equal(memory.recall('session'), 'one')
  await advance(1)
  assert.equal(memory.recall('session'), undefined)
  assert.equal(memory.size(), 0)
})

test('M-143 is bounded, and forgets the least recently used first', () => {
  const memory = createAffinityMemory(virtualClock().clock, 3)
  for (const key of ['a', 'b', 'c']) memory.remember(key, key, 1000)
  memory.recall('a')
  memory.remember('d', 'd', 1000)
  assert.equal(memory.size(), 3)
  assert.equal(memory.recall('b'), undefined)
  assert.equal(memory.recall('a'), 'a')
})

test('a long key from a client takes no more room than a short one, and long keys stay apart', () => {
  const memory = createAffinityMemory(virtualClock().clock)
  const long = 'x'.repeat(1_000_000)
  memory.remember(`${long}1`, 'one', 1000)
  memory.remember(`${long}2`, 'two', 1000)
  assert.equal(memory.recall(`${long}1`), 'one')
  assert.equal(memory.recall(`${long}2`), 'two')
})

test('a time to live of zero remembers nothing', () => {
  const memory = createAffinityMemory(virtualClock().clock)
  memory.remember('a', 'one', 0)
  assert.equal(memory.size(), 0)
})
