import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testDeployment } from '../plan/testing.ts'
import { createPatience } from '../shared/patience.ts'
import { indexObject } from '../wire/index.ts'
import type { Json } from '../wire/json.ts'
import { mayThink, patienceMs } from './patience.ts'

test('who has never been asked has twelve seconds, and one more for every 16 KB of prompt', () => {
  assert.equal(patienceMs(createPatience(), 0), 12_000)
  assert.equal(patienceMs(createPatience(), 160 * 1024), 22_000)
})

test('thinking that was asked for or declared may take its time', () => {
  const plain = testDeployment({ id: 'a' })
  const body = (value: Json) => {
    const bytes = Buffer.from(JSON.stringify(value))
    return { kind: 'json', bytes, index: indexObject(bytes), contentType: 'application/json' } as const
  }
  for (const asked of [
    { reasoning_effort: 'high' },
    { reasoning: { effort: 'medium', summary: 'auto' } },
    { reasoning: {} },
    { thinking: { type: 'enabled', budget_tokens: 1024 } },
    { background: true },
  ])
    assert.equal(mayThink(body(asked), plain), true, JSON.stringify(asked))
  for (const asked of [
    {},
    { reasoning_effort: 'none' },
    { reasoning_effort: 'minimal' },
    { reasoning_effort: null },
    { reasoning: { effort: 'none' } },
    { thinking: { type: 'disabled' } },
    { background: false },
  ])
    assert.equal(mayThink(body(asked), plain), false, JSON.stringify(asked))
  assert.equal(mayThink(body({}), testDeployment({ id: 'b', info: { supportsReasoning: true } })), true)
  assert.equal(mayThink(body({}), testDeployment({ id: 'b', defaults: { reasoning_effort: 'low' } })), true)
  assert.equal(mayThink({ kind: 'none' }, plain), false)
})
