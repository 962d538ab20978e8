import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleStep } from './sample.ts'
import { awayMs } from './trail.ts'

test('attempts and the sleeps before them add up', () => {
  assert.equal(awayMs([]), 0)
  const steps = [
    sampleStep({ startedMs: 5, ms: 100, waitedMs: 0 }),
    sampleStep({ startedMs: 400, ms: 50, waitedMs: 290 }),
  ]
  assert.equal(awayMs(steps), 440)
})

test('the time that two attempts shared counts once, in whatever order they stand', () => {
  const failed = sampleStep({ startedMs: 0, ms: 10, waitedMs: 0 })
  const slow = sampleStep({ startedMs: 20, ms: 100, waitedMs: 10 })
  const hedge = sampleStep({ startedMs: 70, ms: 80, waitedMs: 0, hedge: true })
  // 0–10, then a sleep and one attempt to 120, and the hedge to 150.
  assert.equal(awayMs([failed, slow, hedge]), 150)
  assert.equal(awayMs([failed, hedge, slow]), 150)
  const inside = sampleStep({ startedMs: 70, ms: 20, waitedMs: 0, hedge: true })
  assert.equal(awayMs([inside, slow]), 110)
})
