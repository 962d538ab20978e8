import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lineOf } from './line.ts'
import { sampleRecord, sampleStep } from './sample.ts'

test('every field of a record and of its steps has its place in the line', () => {
  const step = sampleStep({
    message: 'overloaded',
    fault: 'refused (ECONNREFUSED)',
    firstTokenMs: 1.5,
    usage: {
      inputTokens: 1,
      outputTokens: 2,
      cachedInputTokens: 3,
      cacheWriteTokens: 4,
      reasoningTokens: 5,
      audioSeconds: 6.5,
    },
    estimated: true,
    resumed: 'splice',
    hedge: true,
    compaction: 'native',
    repair: 'without user',
    possiblyBilled: true,
    lost: ['a "quoted" thing'],
  })
  const record = sampleRecord({
    user: 'someone',
    sessionId: 'session',
    firstTokenMs: 12.25,
    skipped: ['small: too small'],
    rehydrated: 'previous_response_id; responses=1',
    fetched: 'requests=1; ms=2',
    error: { class: 'overloaded', message: 'over', status: 529 },
    steps: [step, sampleStep({ status: undefined })],
  })
  const { level, time, kind, steps, ...rest } = JSON.parse(lineOf(record, 'info', 17))
  assert.deepEqual([level, time, kind], ['info', 17, 'request'])
  const rounded = { ...step, ms: 432.123 }
  const { status: _, ...silent } = sampleStep({ ms: 432.123 })
  assert.deepEqual({ ...rest, steps }, { ...record, steps: [rounded, silent] })
})
