import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { JsonObject } from '../wire/json.ts'
import { asking, bytesOfEvents, chunk } from './gemini.fixture.ts'
import { geminiDoor, geminiUpstream } from './gemini.ts'
import { gemini } from './gemini-shape.ts'
import { request } from './neutral.fixture.ts'
import type { NeutralEvent } from './neutral.ts'
import { anyAnswer, cutAt } from './neutral-any.fixture.ts'
import { answerOf, eventsOf, STREAMS } from './neutral-streams.fixture.ts'

const decoded = (...pieces: readonly Uint8Array[]): readonly NeutralEvent[] => {
  const decoder = geminiUpstream.decoder()
  return [...pieces.flatMap(piece => decoder.push(piece)), ...decoder.end()]
}

const said = (parts: readonly JsonObject[], more: JsonObject = {}, usage?: JsonObject): Uint8Array =>
  chunk({
    candidates: [{ content: { parts, role: 'model' }, index: 0, ...more }],
    ...(usage === undefined ? {} : { usageMetadata: usage }),
    modelVersion: 'gemini-3-flash',
    responseId: 'r-1',
  })

const start: NeutralEvent = { kind: 'start', id: 'r-1', model: 'gemini-3-flash' }

describe('a stream of Gemini', () => {
  test('thoughts, words and calls are parts, and the last count counts', () => {
    const count = { promptTokenCount: 7, totalTokenCount: 7 }
    const events = decoded(
      said([{ text: 'h', thought: true }], {}, count),
      said([{ text: 'm', thought: true }], {}, count),
      said([{ text: 'I ' }]),
      said([
        { text: 'look.' },
        { functionCall: { name: 'look', args: { at: 'left' } }, thoughtSignature: 'c2ln' },
      ]),
      said(
        [{ text: '', thoughtSignature: 'ZW5k' }],
        { finishReason: 'STOP' },
        {
          promptTokenCount: 7,
          candidatesTokenCount: 5,
          thoughtsTokenCount: 2,
          totalTokenCount: 14,
        },
      ),
    )
    assert.deepEqual(events, [
      start,
      { kind: 'open', part: 0, of: 'reasoning' },
      { kind: 'delta', part: 0, text: 'h' },
      { kind: 'delta', part: 0, text: 'm' },
      { kind: 'close', part: 0 },
      { kind: 'open', part: 1, of: 'text' },
      { kind: 'delta', part: 1, text: 'I ' },
      { kind: 'delta', part: 1, text: 'look.' },
      { kind: 'close', part: 1 },
      { kind: 'open', part: 2, of: 'call', id: 'call_r-1_1', name: 'look' },
      { kind: 'delta', part: 2, text: '{"at":"left"}' },
      { kind: 'seal', part: 2, sealed: { issuer: 'gemini', payload: 'c2ln' } },
      { kind: 'close', part: 2 },
      { kind: 'open', part: 3, of: 'reasoning' },
      { kind: 'seal', part: 3, sealed: { issuer: 'gemini', payload: 'ZW5k' } },
      { kind: 'close', part: 3 },
      { kind: 'stop', stop: { kind: 'calls' } },
      { kind: 'usage', usage: { inputTokens: 7, outputTokens: 7, reasoningTokens: 2 } },
      { kind: 'end' },
    ])
  })

  test('that breaks off before it says why it ended has no end', () => {
    const kinds = (events: readonly NeutralEvent[]) => events.map(event => event.kind)
    assert.deepEqual(kinds(decoded(said([{ text: 'Go' }]))), ['start', 'open', 'delta'])
    assert.deepEqual(kinds(decoded()), [])
    const half = said([{ text: '.' }], { finishReason: 'STOP' })
    assert.deepEqual(kinds(decoded(said([{ text: 'Go' }]), half.subarray(0, half.length - 30))), [
      'start',
      'open',
      'delta',
    ])
  })

  test('whose every chunk says a reason ends when it ends', () => {
    const events = decoded(
      said([{ text: 'Go' }], { finishReason: 'STOP' }),
      said([{ text: 'od' }], { finishReason: 'MAX_TOKENS' }),
    )
    const answer = answerOf(events)
    assert.deepEqual([answer.parts, answer.stop], [[{ kind: 'text', text: 'Good' }], { kind: 'length' }])
  })

  test('whose prompt was blocked is an answer that a filter took', () => {
    const { stop, usage } = answerOf(
      decoded(chunk({ promptFeedback: { blockReason: 'OTHER' }, usageMetadata: { promptTokenCount: 3 } })),
    )
    assert.deepEqual([stop, usage], [{ kind: 'filter' }, { inputTokens: 3, outputTokens: 0 }])
  })

  const failures: readonly (readonly [name: string, bytes: Uint8Array, message: RegExp])[] = [
    ['an error chunk', chunk({ error: { code: 503, message: 'busy', status: 'UNAVAILABLE' } }), /^busy$/],
    [
      'an error in a list',
      Buffer.from('data: [{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED"}}]\n\n'),
      /^slow down$/,
    ],
    ['a broken call', said([], { finishReason: 'MALFORMED_FUNCTION_CALL' }), /MALFORMED_FUNCTION_CALL/],
    ['what is no JSON', Buffer.from('data: {"candidates":[\n\n'), /no answer/],
  ]
  for (const [name, bytes, message] of failures)
    test(`${name} is a failure, and nothing follows it`, () => {
      const events = decoded(said([{ text: 'Go' }]), bytes, said([{ text: 'x' }], { finishReason: 'STOP' }))
      const last = events.at(-1)
      assert.ok(last?.kind === 'error')
      assert.match(String(last.error.message), message)
    })

  test('sources go to the words they are about', () => {
    const { parts } = answerOf(
      decoded(
        said([{ text: 'né. ' }]),
        said([{ text: 'Yes.' }], {
          finishReason: 'STOP',
          groundingMetadata: {
            groundingChunks: [{ web: { uri: 'https://stage.example', title: 'Stage' } }],
            groundingSupports: [{ segment: { startIndex: 5, endIndex: 9 }, groundingChunkIndices: [0] }],
          },
        }),
      ),
    )
    assert.deepEqual(parts, [
      {
        kind: 'text',
        text: 'né. Yes.',
        annotations: [
          {
            type: 'url_citation',
            url: 'https://stage.example',
            title: 'Stage',
            start_index: 4,
            end_index: 8,
          },
        ],
      },
    ])
  })
})

describe('a stream for a Gemini client', () => {
  const written = (events: readonly NeutralEvent[], asked = asking()) => {
    const writer = geminiDoor.writer(asked)
    return events.flatMap(event => writer.write(event))
  }
  const chunks = (events: readonly NeutralEvent[], asked = asking()) =>
    written(events, asked).map(({ data }) => JSON.parse(data ?? '') as JsonObject)

  test('says why it ended and what it used in its last chunk, behind the end of the upstream only', () => {
    const events: readonly NeutralEvent[] = [
      { kind: 'start', id: 'answer-1', model: 'upstream-1' },
      { kind: 'open', part: 0, of: 'text' },
      { kind: 'delta', part: 0, text: 'Good' },
      { kind: 'close', part: 0 },
      { kind: 'stop', stop: { kind: 'length' } },
      { kind: 'usage', usage: { inputTokens: 12, outputTokens: 5, reasoningTokens: 1 } },
    ]
    const names = { modelVersion: 'group', responseId: 'answer-1' }
    const first = {
      candidates: [{ content: { parts: [{ text: 'Good' }], role: 'model' }, index: 0 }],
      ...names,
    }
    assert.deepEqual(chunks(events), [first])
    assert.deepEqual(chunks([...events, { kind: 'end' }]), [
      first,
      {
        candidates: [
          { content: { parts: [{ text: '' }], role: 'model' }, finishReason: 'MAX_TOKENS', index: 0 },
        ],
        usageMetadata: {
          promptTokenCount: 12,
          candidatesTokenCount: 4,
          thoughtsTokenCount: 1,
          totalTokenCount: 17,
        },
        ...names,
      },
    ])
  })

  test('has every chunk in a form that client libraries take for valid', () => {
    for (const [name, events] of Object.entries(STREAMS))
      for (const { candidates } of chunks(events)) {
        const [candidate] = candidates as JsonObject[]
        const { parts } = candidate!.content as { parts: JsonObject[] }
        assert.ok(parts.length > 0 && parts.every(part => Object.keys(part).length > 0), name)
      }
  })

  test('has calls in the order in which they began, whichever is whole first', () => {
    const writer = geminiDoor.writer(asking())
    const events = (STREAMS['calls that are spoken in turns'] ?? []).flatMap(event => writer.write(event))
    const ids = events.flatMap(({ data = '' }) => /"functionCall":{"id":"(\w+)"/.exec(data)?.[1] ?? [])
    assert.deepEqual(ids, ['call_1', 'call_2'])
  })

  test('keeps thoughts from who did not ask for them', () => {
    const thoughtful = STREAMS['thoughts without a seal'] ?? []
    const texts = (asked = asking()) =>
      chunks(thoughtful, asked).map(value => JSON.stringify((value.candidates as JsonObject[])[0]?.content))
    assert.ok(texts().some(text => text.includes('hm')))
    assert.ok(texts(asking({ request: request([]) })).every(text => !text.includes('hm')))
  })

  test('tells a failure as its Shape reads it', () => {
    const [last] = chunks([{ kind: 'error', error: { message: 'busy', code: 'overloaded_error' } }])
    assert.deepEqual(last, { error: { message: 'busy', code: 'overloaded_error' } })
  })

  const same = (events: readonly NeutralEvent[], offsets: readonly number[]): void => {
    const bytes = bytesOfEvents(written(events))
    const answer = geminiDoor.answer(answerOf(events), asking())
    // One that says nothing is a failure on its way back.
    if (gemini.errorInside(answer) !== undefined)
      return assert.equal(decoded(...cutAt(bytes, offsets)).at(-1)?.kind, 'error')
    const back = answerOf(decoded(...cutAt(bytes, offsets)))
    const whole = geminiUpstream.answer(JSON.parse(JSON.stringify(answer)) as JsonObject)
    // Calls are told when they are whole, which need not be in the order in which they began.
    const sorted = (parts: typeof back.parts) =>
      parts.toSorted((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1))
    assert.deepEqual({ ...back, parts: sorted(back.parts) }, { ...whole, parts: sorted(whole.parts) })
  }
  for (const [name, events] of Object.entries(STREAMS))
    test(`says what the whole answer says: ${name}`, () => same(events, [5, 50, 51, 500]))

  test('property: at any split', () => {
    fc.assert(
      fc.property(anyAnswer, fc.array(fc.nat(), { maxLength: 8 }), (answer, offsets) =>
        same(eventsOf(answer), offsets),
      ),
    )
  })
})

test('a stream that stops without a word, and is counted, is a failure to clients of every dialect', () => {
  const count = { promptTokenCount: 4, candidatesTokenCount: 3 }
  const empty = said([{ text: '' }], { finishReason: 'STOP' }, count)
  const events = decoded(empty)
  assert.equal(events.at(-1)?.kind, 'error', JSON.stringify(events))
  assert.equal(decoded(said([{ text: 'Yes.' }]), empty).at(-1)?.kind, 'end')
  const late = said([{ text: 'Yes.' }], { finishReason: 'STOP' }, count)
  assert.equal(decoded(empty, late).at(-1)?.kind, 'end', 'some say with every chunk why they ended')
})

test('an answer that goes on behind a reason has not ended by it', () => {
  const events = decoded(said([{ text: 'Wh' }], { finishReason: 'STOP' }), said([{ text: 'ol' }]))
  assert.ok(events.every(({ kind }) => kind !== 'end' && kind !== 'stop'))
})
