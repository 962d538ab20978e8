import assert from 'node:assert/strict'
import { test } from 'node:test'
import { applyEdits, joinSegments } from '../wire/edit.ts'
import { indexObject } from '../wire/index.ts'
import type { JsonObject } from '../wire/json.ts'
import { formEdits, type ThinkingForm } from './thinking-form.ts'

const after = (body: JsonObject, form: ThinkingForm): unknown => {
  const index = indexObject(Buffer.from(JSON.stringify(body)))
  return JSON.parse(Buffer.from(joinSegments(applyEdits(index, formEdits(index, form)))).toString())
}

const clearing = { type: 'clear_thinking_20251015', keep: 'all' }

test('a budget becomes as much as the model likes, and what is shown of it stays', () => {
  const thinking = { type: 'enabled', budget_tokens: 1024, display: 'omitted' }
  assert.deepEqual(after({ thinking, model: 'm' }, 'adaptive'), {
    thinking: { type: 'adaptive', display: 'omitted' },
    model: 'm',
  })
  const disabled = { thinking: { type: 'disabled' } }
  assert.deepEqual(after(disabled, 'adaptive'), disabled)
})

test('an edit whose type is no word is none of thinking, whatever its members', () => {
  const odd = { type: { toString: 1 } }
  const context_management = { edits: [odd] }
  assert.deepEqual(after({ thinking: { type: 'adaptive' }, context_management }, 'rest'), {
    context_management,
  })
})

test('thinking rests, and with it what is taken beside it only', () => {
  const thinking = { type: 'adaptive' }
  assert.deepEqual(after({ thinking, context_management: { edits: [clearing] } }, 'rest'), {})
  const more = { type: 'clear_tool_uses_20250919' }
  assert.deepEqual(after({ thinking, context_management: { edits: [clearing, more, clearing] } }, 'rest'), {
    context_management: { edits: [more] },
  })
  const budget = { thinking: { type: 'enabled', budget_tokens: 1024 } }
  assert.deepEqual(after(budget, 'rest'), budget)
})
