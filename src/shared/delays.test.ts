import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDelays, delaysOf } from './delays.ts'

const from = (...all: readonly number[]) => {
  const delays = createDelays()
  for (const ms of all) delays.spoke(ms)
  return delays
}
const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at + 1)

test('nothing is known of fewer than twenty', () => {
  assert.equal(from(...upTo(19)).p95(), undefined)
  assert.equal(from(...upTo(20)).p95(), 19)
})

test('95 of 100 come within it, in whatever order they came', () => {
  assert.equal(from(...upTo(100)).p95(), 95)
  assert.equal(from(...upTo(100).reverse()).p95(), 95)
  assert.equal(from(...upTo(60)).p95(), 57)
})

test('the last hundred count', () => {
  const delays = from(...upTo(100), ...upTo(95).map(() => 7))
  assert.equal(delays.p95(), 7)
  for (let turn = 0; turn < 6; turn++) delays.spoke(900)
  assert.equal(delays.p95(), 900)
})

test('who was given up counts when it was slower than nearly all, and says nothing otherwise', () => {
  const delays = from(...upTo(100))
  for (let turn = 0; turn < 50; turn++) delays.gaveUp(94)
  assert.equal(delays.p95(), 95)
  for (let turn = 0; turn < 50; turn++) delays.gaveUp(200)
  assert.equal(delays.p95(), 200)
  const unknown = createDelays()
  for (let turn = 0; turn < 50; turn++) unknown.gaveUp(10_000)
  assert.equal(unknown.p95(), undefined)
})

test('streams and whole answers are kept apart', () => {
  const kinds = {}
  assert.equal(delaysOf(kinds, true), delaysOf(kinds, true))
  assert.notEqual(delaysOf(kinds, true), delaysOf(kinds, false))
})
