import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testDeployment } from '../plan/testing.ts'
import { indexObject } from '../wire/index.ts'
import type { Json } from '../wire/json.ts'
import { mayThink, noteSilent, noteSpoke, patienceMs } from './patience.ts'

test('who has never been asked has twelve seconds, and one more for every 16 KB of prompt', () => {
  const deployment = testDeployment({ id: 'a' })
  assert.equal(patienceMs(deployment, 0), 12_000)
  assert.equal(patienceMs(deployment, 160 * 1024), 22_000)
})

test('who has spoken has three times the slowest, and forgets it slowly', () => {
  const deployment = testDeployment({ id: 'a' })
  noteSpoke(deployment, 900)
  assert.equal(patienceMs(deployment, 0), 12_000)
  noteSpoke(deployment, 11_000)
  assert.equal(patienceMs(deployment, 0), 33_000)
  noteSpoke(deployment, 100)
  assert.equal(Math.round(patienceMs(deployment, 0) ?? 0), 32_670)
  for (let turn = 0; turn < 400; turn++) noteSpoke(deployment, 100)
  assert.equal(patienceMs(deployment, 0), 12_000)
})

test('who has never spoken gets the double after each silence, and then all the time there is', () => {
  const deployment = testDeployment({ id: 'a' })
  const given = [24_000, 48_000, 96_000, undefined]
  for (const [turn, expected] of given.entries()) {
    noteSilent(deployment, turn * 1000, turn * 1000 + 500)
    assert.equal(patienceMs(deployment, 0), expected)
  }
  noteSpoke(deployment, 40_000)
  assert.equal(patienceMs(deployment, 0), 120_000, 'from then on it is measured by itself')
})

test('a burst that falls silent together doubles once', () => {
  const deployment = testDeployment({ id: 'a' })
  for (let call = 0; call < 100; call++) noteSilent(deployment, call, 12_000 + call)
  assert.equal(patienceMs(deployment, 0), 24_000)
})

test('silence does not lengthen the patience with one that has spoken: an outage costs every call the same', () => {
  const deployment = testDeployment({ id: 'a' })
  noteSpoke(deployment, 1_000)
  for (let call = 1; call < 9; call++) noteSilent(deployment, call * 20_000, call * 20_000 + 12_000)
  assert.equal(patienceMs(deployment, 0), 12_000)
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
