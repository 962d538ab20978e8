import assert from 'node:assert/strict'
import { test } from 'node:test'
import { saysNothing, silenceWatch } from './empty-answer.ts'
import type { NeutralEvent } from './neutral.ts'

const usage = { inputTokens: 5, outputTokens: 0 }
const said = (text: string): readonly NeutralEvent[] => [
  { kind: 'open', part: 0, of: 'text' },
  { kind: 'delta', part: 0, text },
  { kind: 'close', part: 0 },
  { kind: 'usage', usage },
  { kind: 'end' },
]

test('an empty text is no word, whole and streamed', () => {
  for (const [text, nothing] of [
    ['', true],
    ['x', false],
  ] as const) {
    const endsEmpty = silenceWatch()
    assert.equal(said(text).map(endsEmpty).at(-1), nothing)
    const answer = { id: undefined, model: undefined, stop: { kind: 'end' }, usage } as const
    assert.equal(saysNothing({ ...answer, parts: [{ kind: 'text', text }] }), nothing)
  }
})
