import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { checkMessages } from '../stage/anthropic-rules.ts'
import { asked } from './anthropic-messages.fixture.ts'
import { messagesDoor, messagesUpstream } from './anthropic-messages.ts'
import { inputOf, textOfInput } from './anthropic-messages-common.ts'
import { collectLosses } from './losses.ts'
import { ANSWERS, REQUESTS } from './neutral.fixture.ts'
import type { NeutralAnswer, NeutralEvent, NeutralRequest, Part } from './neutral.ts'
import { anyAnswer, anyRequest, cutAt } from './neutral-any.fixture.ts'
import { answerOf, eventsOf, STREAMS } from './neutral-streams.fixture.ts'

/** The Messages dialect held against the requests and answers that every dialect is held against. */

const write = (request: NeutralRequest) =>
  messagesUpstream.write(request, { model: 'claude-sonnet-4-5', allowedParams: [] }, collectLosses())

describe('requests, by the API’s own rules', () => {
  for (const [name, request] of Object.entries(REQUESTS))
    test(name, () => {
      if (name === 'audio') assert.throws(() => write(request), /audio/)
      else checkMessages(write(request))
    })

  test('property: any request', () => {
    fc.assert(fc.property(anyRequest, request => checkMessages(write(request))))
  })

  test('property: what is written is read back with its turns', () => {
    fc.assert(
      fc.property(anyRequest, request => {
        const body = write(request)
        const back = messagesDoor.read(body, collectLosses())
        assert.deepEqual(write(back).messages, body.messages)
        assert.deepEqual(write(back).tools, body.tools)
      }),
    )
  })
})

/** What this dialect can say of an answer. */
const sayable = (part: Part): readonly Part[] => {
  switch (part.kind) {
    case 'reasoning':
      return part.sealed?.issuer === 'messages' ? [part] : []
    case 'text': {
      const { annotations: _, ...text } = part
      return part.text === '' ? [] : [text]
    }
    case 'refusal':
      return [{ kind: 'text', text: part.text }]
    case 'call': {
      const { sealed: _, custom, ...call } = part
      const input = custom === true ? JSON.stringify({ input: part.input }) : textOfInput(inputOf(part.input))
      return [{ ...call, input }]
    }
    default:
      return []
  }
}

const expected = ({ parts, stop, usage }: NeutralAnswer): NeutralAnswer => ({
  id: 'msg_u1',
  model: 'star',
  parts: parts.flatMap(sayable),
  stop: stop.kind === 'filter' ? { kind: 'refusal' } : stop,
  usage:
    usage === undefined || usage.inputTokens + usage.outputTokens === 0
      ? undefined
      : { cachedInputTokens: 0, cacheWriteTokens: 0, ...usage },
})

/** Ids that the API would refuse become others, and arguments are compared by what they say. */
const compared = (answer: NeutralAnswer): unknown => ({
  ...answer,
  parts: answer.parts.map(part =>
    part.kind === 'call' ? { ...part, id: '*', input: inputOf(part.input) } : part,
  ),
})

const whole = (answer: NeutralAnswer): NeutralAnswer =>
  messagesUpstream.answer(messagesDoor.answer(answer, asked))

const streamed = (events: readonly NeutralEvent[], cuts: readonly number[] = []): NeutralAnswer => {
  const writer = messagesDoor.writer(asked)
  const bytes = Buffer.concat(events.flatMap(event => writer.write(event)).map(event => event.bytes))
  const decoder = messagesUpstream.decoder()
  return answerOf([...cutAt(bytes, cuts).flatMap(piece => decoder.push(piece)), ...decoder.end()])
}

describe('answers, whole and streamed', () => {
  for (const [name, answer] of Object.entries(ANSWERS)) {
    test(name, () => assert.deepEqual(compared(whole(answer)), compared(expected(answer))))
    test(`${name}, as a stream`, () =>
      assert.deepEqual(compared(streamed(eventsOf(answer))), compared(expected(answer))))
  }
  for (const name of ['calls that are spoken in turns', 'words after calls, and thoughts between'])
    test(name, () => {
      const events = STREAMS[name] ?? []
      assert.deepEqual(compared(streamed(events)), compared(expected(answerOf(events))))
    })

  test('property: any answer, at any split', () => {
    fc.assert(
      fc.property(anyAnswer, fc.array(fc.nat(3000), { maxLength: 8 }), (answer, cuts) => {
        assert.deepEqual(compared(whole(answer)), compared(expected(answer)))
        assert.deepEqual(compared(streamed(eventsOf(answer), cuts)), compared(expected(answer)))
      }),
    )
  })
})
