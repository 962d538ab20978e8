import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ANSWERS } from './neutral.fixture.ts'
import type { NeutralEvent } from './neutral.ts'
import { anyAnswer, cutAt } from './neutral-any.fixture.ts'
import { answerOf, eventsOf, STREAMS } from './neutral-streams.fixture.ts'

describe('an answer and its stream', () => {
  for (const [name, answer] of Object.entries(ANSWERS))
    test(`${name}: the same`, () => assert.deepEqual(answerOf(eventsOf(answer)), answer))

  test('property: any answer', () => {
    fc.assert(fc.property(anyAnswer, answer => assert.deepEqual(answerOf(eventsOf(answer)), answer)))
  })

  test('every stream of the list is one', () => {
    for (const events of Object.values(STREAMS)) answerOf(events)
  })

  const start: NeutralEvent = { kind: 'start', id: undefined, model: undefined }
  const text: NeutralEvent = { kind: 'open', part: 0, of: 'text' }
  const stop: NeutralEvent = { kind: 'stop', stop: { kind: 'end' } }
  const wrong: readonly (readonly [why: string, events: readonly NeutralEvent[], says: RegExp])[] = [
    ['without an end', [start, stop], /no end/],
    ['without a stop', [start, { kind: 'end' }], /no end/],
    ['with a part that stays open', [start, text, stop, { kind: 'end' }], /while a part is open/],
    ['with words of no part', [start, { kind: 'delta', part: 0, text: 'a' }], /is not open/],
    ['with words that are none', [start, text, { kind: 'delta', part: 0, text: '' }], /says nothing/],
    ['with two texts at once', [start, text, { kind: 'open', part: 1, of: 'refusal' }], /beside another/],
    ['with a part out of turn', [start, { kind: 'open', part: 1, of: 'text' }], /out of turn/],
    ['that goes on after its end', [start, stop, { kind: 'end' }, { kind: 'ping' }], /after the end/],
  ]
  for (const [why, events, says] of wrong)
    test(`a stream ${why} is none`, () => assert.throws(() => answerOf(events), says))
})

test('pieces are the whole, in order', () => {
  const bytes = Uint8Array.from([1, 2, 3, 4, 5])
  assert.deepEqual(
    cutAt(bytes, [3, 9, 3]).map(piece => [...piece]),
    [
      [1, 2, 3],
      [4, 5],
    ],
  )
})
