import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { isObject, type Json, type JsonObject } from '../src/wire/json.ts'
import { assertNoneRefused, bodyAt, clear, down, idOf, textAt, theatre, turn } from './transcripts.fixture.ts'

/** A response that compacts, asked for by the trigger, is one of the conversation like any other. */
const house = await theatre({ after }, { mirror_conversations: true })
const { home, twin, chat, claude } = house.stages
beforeEach(() => clear(house))

const TRIGGER: JsonObject = { type: 'compaction_trigger' }
const user = (content: string): JsonObject => ({ role: 'user', content })
const inputAt = (stage: typeof twin): readonly JsonObject[] => {
  const { input } = bodyAt(stage)
  return (Array.isArray(input) ? (input as readonly Json[]) : []).filter(isObject)
}

for (const stream of [false, true]) {
  test(`a summary is gone on from by its id, and stands for all that was before it, stream: ${stream}`, async () => {
    for (const [model, stage] of [
      ['plain', chat],
      ['claude', claude],
    ] as const) {
      const one = idOf(await turn(house, model, 'Words of long ago.'))
      const compacted = await turn(house, model, [user('Of late.'), TRIGGER], {
        previous_response_id: one,
        stream,
      })
      assert.match(compacted.headers['x-understudy-compaction'] ?? '', /^emulated/)
      const next = await turn(house, model, 'Go on.', { previous_response_id: idOf(compacted), stream })
      assert.equal(next.status, 200, next.text)
      assert.equal(next.headers['x-understudy-rehydrated'], 'previous_response_id; responses=2; items=2')
      assert.match(textAt(stage), /Summary of the earlier conversation/)
      assert.match(textAt(stage), /Go on\./)
      assert.doesNotMatch(textAt(stage), /long ago|Of late|gwc1/)
      const last = await turn(house, model, 'And on.', { previous_response_id: idOf(next), stream })
      assert.equal(last.headers['x-understudy-rehydrated'], 'previous_response_id; responses=3; items=4')
    }
    assertNoneRefused(house)
  })

  test(`what its provider alone can read is replaced by what it stood for, stream: ${stream}`, async () => {
    const one = idOf(await turn(house, 'lead', 'First words.'))
    const asked = [user('Second words.'), TRIGGER]
    const compacted = await turn(house, 'lead', asked, { previous_response_id: one, stream })
    assert.match(compacted.headers['x-understudy-compaction'] ?? '', /^native/)
    down(home)
    const next = await turn(house, 'lead', 'Go on.', { previous_response_id: idOf(compacted), stream })
    assert.equal(next.status, 200, next.text)
    assert.deepEqual(
      inputAt(twin).map(({ role, type }) => role ?? type),
      ['user', 'assistant', 'user', 'user'],
    )
    assert.doesNotMatch(textAt(twin), /compaction/)
    assertNoneRefused(house)
  })

  test(`a conversation holds what was said in a turn that compacts it, stream: ${stream}`, async () => {
    const conversation = String((await house.ask('/v1/conversations', { items: [] })).json().id)
    await turn(house, 'lead', [user('First words.'), TRIGGER], { conversation, stream })
    down(home)
    const next = await turn(house, 'lead', 'Go on.', { conversation, stream })
    assert.equal(next.status, 200, next.text)
    assert.deepEqual(
      inputAt(twin).map(({ content }) => content),
      ['First words.', 'Go on.'],
    )
    assertNoneRefused(house)
  })
}
