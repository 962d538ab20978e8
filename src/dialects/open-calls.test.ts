import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { losing } from './chat.fixture.ts'
import { call, result, turn } from './neutral.fixture.ts'
import type { Turn } from './neutral.ts'
import { anyTurns } from './neutral-any.fixture.ts'
import { paired } from './open-calls.ts'

const pair = (turns: readonly Turn[]) => losing(losses => paired(turns, losses))
const aborted = (id: string) => result(id, 'look', 'aborted', { failed: true })
const words = (text: string) => turn('user', 'Result of look:', text)

describe('calls and results', () => {
  test('property: a conversation in which they pair is left as it is', () => {
    fc.assert(fc.property(anyTurns, turns => assert.equal(pair(turns).made, turns)))
  })

  test('a call that nobody answered is told to be aborted, before anybody goes on', () => {
    const { made, warned } = pair([
      turn('user', 'Go.'),
      turn('assistant', call('a', 'look')),
      turn('assistant', call('b', 'look')),
      turn('system', 'Later.'),
      turn('user', result('b', 'look', 'a tree'), 'So?'),
      turn('assistant', 'Hm.', call('c', 'look')),
    ])
    assert.deepEqual(made, [
      turn('user', 'Go.'),
      turn('assistant', call('a', 'look')),
      turn('assistant', call('b', 'look')),
      turn('user', aborted('a')),
      turn('system', 'Later.'),
      turn('user', result('b', 'look', 'a tree'), 'So?'),
      turn('assistant', 'Hm.', call('c', 'look')),
      turn('user', aborted('c')),
    ])
    assert.deepEqual(warned, ['a tool call without its result'])
  })

  test('a result without its call, a second one, and one that comes too late are told as text', () => {
    const { made, warned } = pair([
      turn('user', result('x', 'look', 'nothing')),
      turn('assistant', call('a', 'look')),
      turn('user', result('a', 'look', 'a tree'), result('a', 'look', 'a wall')),
      turn('assistant', 'So.'),
      turn('user', result('a', 'look', 'a door')),
    ])
    assert.deepEqual(made, [
      words('nothing'),
      turn('assistant', call('a', 'look')),
      turn('user', result('a', 'look', 'a tree'), 'Result of look:', 'a wall'),
      turn('assistant', 'So.'),
      words('a door'),
    ])
    assert.deepEqual(warned, ['a tool result without its call'])
  })
})
