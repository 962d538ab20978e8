import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { decodedBy, hearing, written } from './chat.fixture.ts'
import { chatDecoder } from './chat-decoder.ts'
import type { NeutralAnswer, NeutralEvent } from './neutral.ts'
import { anyAnswer, cutAt } from './neutral-any.fixture.ts'
import { answerOf, eventsOf, STREAMS } from './neutral-streams.fixture.ts'

const encoder = new TextEncoder()
const bytesFor = (events: readonly NeutralEvent[]): Uint8Array =>
  encoder.encode(
    written(events)
      .map(data => `data: ${data}\n\n`)
      .join(''),
  )

const decoded = (pieces: readonly Uint8Array[]): readonly NeutralEvent[] => decodedBy(chatDecoder(), pieces)

describe('what went wrong at the provider', () => {
  const failures: readonly (readonly [what: string, heard: readonly NeutralEvent[], code: string])[] = [
    [
      'an error chunk',
      hearing({ error: { message: 'x', code: 'server_is_overloaded' } }, '[DONE]'),
      'server_is_overloaded',
    ],
    ['a chunk that is no JSON', hearing('{"choices":', '[DONE]'), 'malformed_event'],
    ['a terminator and nothing else', hearing('[DONE]'), 'empty_answer'],
    [
      'an error event',
      decoded([
        encoder.encode('event: error\ndata: {"message":"x","code":"server_error"}\n\ndata: [DONE]\n\n'),
      ]),
      'server_error',
    ],
  ]
  for (const [what, heard, code] of failures)
    test(`${what} is an error and the last event`, () => {
      assert.equal(heard.length, 1)
      assert.ok(heard[0]?.kind === 'error')
      assert.equal(heard[0].error.code, code)
    })
})

describe('there and back', () => {
  const named = { id: 'chatcmpl-u1', model: 'group' }
  const differs: Readonly<Record<string, Partial<NeutralAnswer>>> = {
    'an empty text': { parts: [] },
    'cut by the window': { stop: { kind: 'length' } },
    'ended by a stop sequence': { stop: { kind: 'end' } },
  }
  for (const [name, events] of Object.entries(STREAMS)) {
    test(name, () =>
      assert.deepEqual(answerOf(decoded([bytesFor(events)])), {
        ...answerOf(events),
        ...named,
        ...differs[name],
      }),
    )
  }

  for (const name of ['sealed thoughts, words, calls', 'calls that are spoken in turns', 'a custom call'])
    test(`${name}: cut before its finish it has no end`, () => {
      const bytes = bytesFor(STREAMS[name] ?? [])
      const finish = new TextDecoder().decode(bytes).lastIndexOf('"finish_reason":"')
      for (let at = 0; at < finish; at += 1)
        assert.ok(!decoded([bytes.slice(0, at)]).some(({ kind }) => kind === 'end'), `cut at ${at}`)
      assert.ok(decoded([bytes]).some(({ kind }) => kind === 'end'))
    })

  test('property: an answer cut into any pieces is the same answer', () => {
    fc.assert(
      fc.property(anyAnswer, fc.array(fc.nat(), { maxLength: 9 }), (answer, offsets) => {
        const events = eventsOf(answer)
        const parts = answer.parts.map(part =>
          part.kind === 'call' && part.input === '' && part.custom !== true ? { ...part, input: '{}' } : part,
        )
        const bytes = bytesFor(events)
        assert.deepEqual(decoded(cutAt(bytes, offsets)), decoded([bytes]))
        assert.deepEqual(answerOf(decoded([bytes])), { ...answer, ...named, parts })
      }),
    )
  })
})
