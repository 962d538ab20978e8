import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ROUTES } from '../routes.ts'
import { twinOf } from './parameters.ts'

test('a limit has its other name only where the endpoint publishes both', () => {
  const twins = (name: string) => {
    const route = ROUTES.find(one => one.name === name)
    assert.ok(route !== undefined, name)
    return ['max_tokens', 'max_completion_tokens', 'temperature'].map(key => twinOf(route, key))
  }
  assert.deepEqual(twins('chat.completions'), ['max_completion_tokens', 'max_tokens', undefined])
  // Anthropic's max_tokens has to stay, whatever an operator adds beside it.
  for (const name of ['messages.create', 'completions', 'responses.create'])
    assert.deepEqual(twins(name), [undefined, undefined, undefined], name)
})
