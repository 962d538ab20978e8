import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { asFunction, decodingCustomCalls, inputObject, withCustomCalls } from './custom-tools.ts'
import { ANSWERS, call, LOOK, PATCH, request } from './neutral.fixture.ts'
import type { NeutralAnswer, NeutralEvent } from './neutral.ts'
import { anyWords } from './neutral-any.fixture.ts'
import { answerOf, eventsOf } from './neutral-streams.fixture.ts'

const asked = request([], { tools: [LOOK, PATCH] })
const answerWith = (input: string, name = 'apply_patch'): NeutralAnswer => ({
  ...ANSWERS.words,
  id: undefined,
  model: undefined,
  usage: undefined,
  stop: { kind: 'calls' },
  parts: [call('call_1', name, input)],
})
const streamed = (answer: NeutralAnswer): NeutralAnswer => {
  const events: NeutralEvent[] = [...eventsOf(answer)]
  const inner = { push: () => events, end: () => [] }
  return answerOf(decodingCustomCalls(inner, asked).push(new Uint8Array()))
}

describe('free text through functions', () => {
  test('the tool takes one text, and is told its grammar', () => {
    assert.deepEqual(asFunction(PATCH), {
      name: 'apply_patch',
      description: 'Applies a patch.',
      schema: {
        type: 'object',
        properties: { input: { type: 'string' } },
        required: ['input'],
        additionalProperties: false,
      },
    })
    const grammar = { syntax: 'lark', definition: 'start: "a"' }
    for (const format of [
      { type: 'grammar', ...grammar },
      { type: 'grammar', grammar },
    ])
      assert.equal(
        asFunction({ name: 'a', format }).description,
        'The input has to follow this grammar (lark):\nstart: "a"',
      )
    assert.equal(asFunction(LOOK).schema, LOOK.schema)
  })

  test('property: any text comes back as it was, whole and streamed', () => {
    fc.assert(
      fc.property(anyWords, text => {
        const expected = {
          ...answerWith(''),
          parts: [{ ...call('call_1', 'apply_patch', text), custom: true }],
        }
        const answer = answerWith(JSON.stringify(inputObject(text)))
        assert.deepEqual(withCustomCalls(answer, asked), expected)
        assert.deepEqual(streamed(answer), expected)
      }),
    )
  })

  test('arguments that are no such object go on as they are', () => {
    for (const input of ['*** Begin', '{"patch":"x"}', '{"input":1}', '{"input":"x'])
      for (const answer of [withCustomCalls(answerWith(input), asked), streamed(answerWith(input))])
        assert.deepEqual(answer.parts, [{ ...call('call_1', 'apply_patch', input), custom: true }])
  })

  test('an empty text is a call without a word', () => {
    assert.deepEqual(streamed(answerWith('{"input":""}')).parts, [
      { ...call('call_1', 'apply_patch', ''), custom: true },
    ])
  })

  test('a seal on such a call is kept, wherever it comes', () => {
    const sealed = { issuer: 'gemini', payload: 'x' } as const
    const [start, open, ...rest] = eventsOf(answerWith('{"input":"a"}'))
    assert.ok(start && open)
    const events: readonly NeutralEvent[] = [start, open, { kind: 'seal', part: 0, sealed }, ...rest]
    const decoder = decodingCustomCalls({ push: () => events, end: () => [] }, asked)
    assert.deepEqual(answerOf(decoder.push(new Uint8Array())).parts, [
      { ...call('call_1', 'apply_patch', 'a'), custom: true, sealed },
    ])
  })

  test('functions, and custom calls of a provider that knows them, are left alone', () => {
    for (const answer of [answerWith('{"input":"x"}', 'look'), ANSWERS['a custom call']]) {
      assert.ok(answer)
      assert.deepEqual(withCustomCalls(answer, asked), answer)
      assert.deepEqual(streamed(answer), answer)
    }
  })
})
