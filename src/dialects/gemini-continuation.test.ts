import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../wire/json.ts'
import { geminiContinuation } from './gemini-continuation.ts'
import { eventOf } from './gemini-writer.ts'

const { said, saying, withUsage, prefill, allows } = geminiContinuation

const chunk = (parts: readonly JsonObject[], more: JsonObject = {}) =>
  eventOf({ candidates: [{ content: { parts, role: 'model' }, index: 0, ...more }] })

const partsOf = (data: string | undefined): unknown => JSON.parse(data ?? '').candidates[0].content.parts

test('words and thoughts can be compared, nothing else', () => {
  assert.deepEqual(said(chunk([{ text: 'a' }, { text: 'b', thought: true }, { text: '' }])), [
    { channel: 'text', text: 'a' },
    { channel: 'thought', text: 'b', aside: true },
  ])
  for (const other of [
    chunk([{ functionCall: { name: 'look' } }]),
    chunk([{ text: 'a', thoughtSignature: 's' }]),
    chunk([{ inlineData: {} }]),
    chunk([{ text: 'a' }], { groundingMetadata: {} }),
    chunk([{ text: 'a' }], { index: 1 }),
    eventOf({ candidates: [{}, {}] }),
    { event: '', data: 'no JSON', bytes: new Uint8Array() },
  ])
    assert.equal(said(other), 'other', String(other.data))
  assert.deepEqual(said(eventOf({ usageMetadata: {} })), [])
  // So the API ends a stream: nothing is said, whatever is signed.
  assert.deepEqual(said(chunk([{ text: '', thoughtSignature: 's' }], { finishReason: 'STOP' })), [])
})

test('what is left stands in the first part of its kind, and the others go', () => {
  const event = chunk([{ text: 'b', thought: true }, { text: 'a' }, { text: 'c' }, { text: '' }])
  const rest = saying(event, [
    { channel: 'text', text: 'x' },
    { channel: 'text', text: 'y' },
  ])
  assert.deepEqual(partsOf(rest.data), [{ text: 'xy' }, { text: '' }])
  assert.deepEqual(partsOf(saying(event, []).data), [{ text: '' }])
})

test('usage grows where it is told', () => {
  const more = { inputTokens: 5, outputTokens: 2, reasoningTokens: 1, cachedInputTokens: 4 }
  const counted = (usage: JsonObject): JsonObject =>
    JSON.parse(withUsage(eventOf({ usageMetadata: usage }), more, more).data ?? '').usageMetadata
  const usage = { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 }
  assert.deepEqual(counted(usage), { promptTokenCount: 6, candidatesTokenCount: 3, totalTokenCount: 9 })
  assert.deepEqual(counted({ promptTokenCount: 1 }), { promptTokenCount: 6 })
  const thought = { candidatesTokenCount: 1, thoughtsTokenCount: 1, cachedContentTokenCount: 1 }
  assert.deepEqual(counted(thought), {
    candidatesTokenCount: 2,
    thoughtsTokenCount: 2,
    cachedContentTokenCount: 5,
  })
})

test('a beginning is given behind the user’s turn only, and for one answer only', () => {
  const delivered = { texts: new Map([['text', 'a']]), ids: new Map(), sequence: -1 } as never
  const asking = (contents: unknown) =>
    prefill?.(key => (key === 'contents' ? (contents as never) : undefined), delivered, {})
  const user = { role: 'user', parts: [{ text: 'q' }] }
  assert.equal(asking([user])?.length, 1)
  assert.equal(asking([user, { role: 'model', parts: [{ text: 'x' }] }]), undefined)
  assert.equal(asking([]), undefined)
  assert.equal(
    allows(() => ({ candidateCount: 2 })),
    false,
  )
  assert.equal(
    allows(() => undefined),
    true,
  )
})
