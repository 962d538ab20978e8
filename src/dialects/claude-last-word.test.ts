import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { assistant, BUDGETED, NEW, user, write } from './anthropic-messages.fixture.ts'
import { converseUpstream } from './bedrock-converse.ts'
import { collectLosses } from './losses.ts'
import type { NeutralRequest } from './neutral.ts'

/** A conversation that ends with the assistant: older models of Claude go on with it, newer ones refuse it. */

const turns = [user('A rhyme?'), assistant('Roses are')]

const converse = (more: Partial<NeutralRequest>, model: string) => {
  const losses = collectLosses()
  const request = { turns, stream: false, streamUsage: true, rest: {}, ...more }
  const body = converseUpstream(model).write(request, { model, allowedParams: [] }, losses)
  return { body, warned: losses.found().warnings.map(({ lost }) => lost) }
}
const OLD_THERE = 'anthropic.claude-sonnet-4-5-20250929-v1:0'
const NEW_THERE = 'anthropic.claude-opus-4-8-v1:0'

const roles = (messages: unknown): readonly unknown[] =>
  (messages as { role: string }[]).map(({ role }) => role)

describe('an answer that was begun', () => {
  test('is gone on with by a model that takes it', () => {
    const { body, warned } = write({ turns })
    assert.deepEqual([roles(body.messages), warned], [['user', 'assistant'], []])
    const there = converse({}, OLD_THERE)
    assert.deepEqual([roles(there.body.messages), there.warned], [['user', 'assistant'], []])
  })
  test('is followed by a word of the user where the model takes none, which is told', () => {
    const { body, warned } = write({ turns }, NEW)
    assert.deepEqual(
      [roles(body.messages), warned],
      [['user', 'assistant', 'user'], ['the beginning of an answer']],
    )
    const there = converse({}, NEW_THERE)
    assert.deepEqual(
      [roles(there.body.messages), there.warned],
      [['user', 'assistant', 'user'], ['the beginning of an answer']],
    )
  })
  test('has no thoughts before it: it is gone on with without thinking', () => {
    const { body, warned } = write({ turns, effort: 'high' }, BUDGETED)
    assert.deepEqual([body.thinking, warned], [undefined, ['reasoning_effort']])
    const there = converse({ effort: 'high', maxTokens: 9000 }, OLD_THERE)
    assert.deepEqual(
      [there.body.additionalModelRequestFields, there.warned],
      [undefined, ['reasoning_effort']],
    )
  })
})
