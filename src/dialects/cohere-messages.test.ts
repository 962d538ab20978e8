import assert from 'node:assert/strict'
import { test } from 'node:test'
import { losing } from './chat.fixture.ts'
import { cohereUpstream } from './cohere.ts'
import { request, turn } from './neutral.fixture.ts'

test('a blank message is none, and what has no place is told', () => {
  const asked = request(
    [turn('user', { kind: 'text', text: 'Hi.', cache: {} }), turn('assistant', '  '), turn('user', 'So?')],
    { format: { kind: 'schema', name: 'x', schema: { type: 'object' }, description: 'Where.' } },
  )
  const target = { model: 'command-a-03-2025', allowedParams: [] }
  const { made, warned } = losing(losses => cohereUpstream.write(asked, target, losses))
  assert.deepEqual(made.messages, [
    { role: 'user', content: 'Hi.' },
    { role: 'user', content: 'So?' },
  ])
  assert.deepEqual(warned, ['cache_control', 'response_format.description'])
})
