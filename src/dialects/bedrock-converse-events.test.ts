import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { answerFrames, type BedrockAnswer, eventFrame, wholeAnswer } from '../stage/bedrock-answer.ts'
import { isObject, type JsonObject } from '../wire/json.ts'
import { CLAUDE, RICH } from './bedrock-converse.fixture.ts'
import { converseUpstream } from './bedrock-converse.ts'
import { decodedBy } from './chat.fixture.ts'
import type { NeutralAnswer, NeutralEvent, Part } from './neutral.ts'
import { anyAnswer, cutAt } from './neutral-any.fixture.ts'
import { answerOf } from './neutral-streams.fixture.ts'
import { parseJson } from './read-json.ts'

const concat = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))
const decoded = (pieces: readonly Uint8Array[], model = CLAUDE): readonly NeutralEvent[] =>
  decodedBy(converseUpstream(model).decoder(), pieces)
const streamOf = (answer: BedrockAnswer): Uint8Array => concat(answerFrames(answer).map(({ bytes }) => bytes))

const START: NeutralEvent = { kind: 'start', id: undefined, model: undefined }
const delta = (part: number, text: string): NeutralEvent => ({ kind: 'delta', part, text })
const close = (part: number): NeutralEvent => ({ kind: 'close', part })
const text = (part: number): NeutralEvent => ({ kind: 'open', part, of: 'text' })
const look = (part: number, id: string): NeutralEvent => ({
  kind: 'open',
  part,
  of: 'call',
  id,
  name: 'look',
})

describe('an answer and its stream', () => {
  test('every kind of block, whole and streamed', () => {
    const { answer } = converseUpstream(CLAUDE)
    const parts: readonly Part[] = [
      { kind: 'reasoning', text: 'thinking it over', sealed: { issuer: 'messages', payload: 'sig' } },
      { kind: 'text', text: 'Here, with an é and a 🎭.' },
      { kind: 'call', id: 't1', name: 'look', input: '{"at":"left"}' },
      { kind: 'call', id: 't2', name: 'wait', input: '{}' },
    ]
    const expected: NeutralAnswer = {
      id: undefined,
      model: undefined,
      parts,
      stop: { kind: 'calls' },
      usage: { inputTokens: 16, outputTokens: 4, cachedInputTokens: 5, cacheWriteTokens: 1 },
    }
    assert.deepEqual(answer(wholeAnswer(RICH)), expected)
    assert.deepEqual(answerOf(decoded([streamOf(RICH)])), expected)
  })

  test('reasoning of other models is sealed for Converse', () => {
    const [part] = answerOf(decoded([streamOf(RICH)], 'amazon.nova-2-lite-v1:0')).parts
    assert.ok(part?.kind === 'reasoning')
    assert.deepEqual(part.sealed, { issuer: 'converse', payload: 'sig' })
  })

  test('citations are annotations when they are of the web', () => {
    const web = { title: 'Hamlet', location: { web: { url: 'https://stage.example' } } }
    const page = { title: 'a', location: { documentPage: { start: 1 } } }
    const body = wholeAnswer({
      content: [{ citationsContent: { content: [{ text: 'So.' }], citations: [web, page] } }],
      stopReason: 'end_turn',
      usage: {},
    })
    const annotations = [{ type: 'url_citation', url: 'https://stage.example', title: 'Hamlet' }]
    assert.deepEqual(converseUpstream(CLAUDE).answer(body).parts, [
      { kind: 'text', text: 'So.', annotations },
    ])
    const citing = (citation: JsonObject) =>
      eventFrame('contentBlockDelta', { contentBlockIndex: 0, delta: { citation } })
    assert.deepEqual(decoded([concat([citing(web), citing(page)])]), [
      text(0),
      { kind: 'annotation', part: 0, annotation: annotations[0] ?? {} },
    ])
  })

  test('the arguments of the tool that brings the answer are the answer', () => {
    const toolUse = { toolUseId: 't1', name: 'understudy_json_answer', input: { at: 'left' } }
    const brought: BedrockAnswer = { content: [{ toolUse }], stopReason: 'tool_use', usage: {} }
    const expected = { parts: [{ kind: 'text', text: '{"at":"left"}' }], stop: { kind: 'end' } }
    const { parts, stop } = converseUpstream(CLAUDE).answer(wholeAnswer(brought))
    assert.deepEqual({ parts, stop }, expected)
    const streamed = answerOf(decoded([streamOf(brought)]))
    assert.deepEqual({ parts: streamed.parts, stop: streamed.stop }, expected)
  })

  const blockOf = (part: Part): JsonObject => {
    if (part.kind === 'call')
      return { toolUse: { toolUseId: part.id, name: part.name, input: JSON.parse(part.input) as JsonObject } }
    if (part.kind !== 'reasoning') return { text: 'text' in part ? part.text : '' }
    const signature = part.sealed === undefined ? {} : { signature: part.sealed.payload }
    return { reasoningContent: { reasoningText: { text: part.text, ...signature } } }
  }

  test('property: an answer cut into any pieces is the same answer', () => {
    // Converse has calls of functions only, and their arguments are objects.
    const sayable = anyAnswer.filter(({ parts }) =>
      parts.every(
        part => part.kind !== 'call' || (part.custom === undefined && isObject(parseJson(part.input))),
      ),
    )
    fc.assert(
      fc.property(sayable, fc.array(fc.nat(), { maxLength: 9 }), (said, offsets) => {
        const usage = { inputTokens: 3, outputTokens: 2 }
        const calls = said.parts.filter(part => part.kind === 'call').length
        const answer: BedrockAnswer = {
          content: said.parts.map(blockOf),
          stopReason: said.stop.kind === 'length' ? 'max_tokens' : calls > 0 ? 'tool_use' : 'end_turn',
          usage,
        }
        const whole = converseUpstream(CLAUDE).answer(
          JSON.parse(JSON.stringify(wholeAnswer(answer))) as JsonObject,
        )
        const parts = said.parts.map(part =>
          part.kind === 'call' ? { ...part, input: JSON.stringify(JSON.parse(part.input)) } : part,
        )
        assert.deepEqual(whole, { id: undefined, model: undefined, parts, stop: said.stop, usage })
        const bytes = streamOf(answer)
        assert.deepEqual(answerOf(decoded(cutAt(bytes, offsets))), whole)
      }),
    )
  })
})

describe('frames out of the ordinary', () => {
  const hearing = (...frames: readonly (readonly [type: string, payload: JsonObject])[]) =>
    decoded([concat(frames.map(([type, payload]) => eventFrame(type, payload)))])
  const called = (contentBlockIndex: number, toolUseId: string) =>
    ['contentBlockStart', { contentBlockIndex, start: { toolUse: { toolUseId, name: 'look' } } }] as const
  const said = (contentBlockIndex: number, words: JsonObject) =>
    ['contentBlockDelta', { contentBlockIndex, delta: words }] as const
  const args = (index: number, input: string) => said(index, { toolUse: { input } })
  const stopped = (contentBlockIndex: number) => ['contentBlockStop', { contentBlockIndex }] as const
  const ended = (stopReason: string) => ['messageStop', { stopReason }] as const
  const META = ['metadata', { usage: { inputTokens: 1, outputTokens: 1 } }] as const
  const USAGE: NeutralEvent = { kind: 'usage', usage: { inputTokens: 1, outputTokens: 1 } }

  const rows: readonly (readonly [
    what: string,
    heard: readonly NeutralEvent[],
    events: readonly NeutralEvent[],
  ])[] = [
    [
      'calls spoken in turns',
      hearing(
        called(0, 'a'),
        args(0, '{"a"'),
        called(1, 'b'),
        args(1, '{}'),
        args(0, ':1}'),
        stopped(1),
        stopped(0),
        ended('tool_use'),
      ),
      [
        look(0, 'a'),
        delta(0, '{"a"'),
        look(1, 'b'),
        delta(1, '{}'),
        delta(0, ':1}'),
        close(1),
        close(0),
        { kind: 'stop', stop: { kind: 'calls' } },
        { kind: 'end' },
      ],
    ],
    [
      'thoughts, words, a call, words: blocks whose end does not come',
      hearing(
        ['messageStart', { role: 'assistant' }],
        said(0, { reasoningContent: { text: 'hm' } }),
        said(1, { text: 'I look.' }),
        called(2, 'a'),
        args(2, '{}'),
        said(3, { text: 'So.' }),
        ended('end_turn'),
        META,
      ),
      [
        START,
        { kind: 'open', part: 0, of: 'reasoning' },
        delta(0, 'hm'),
        close(0),
        text(1),
        delta(1, 'I look.'),
        close(1),
        look(2, 'a'),
        delta(2, '{}'),
        text(3),
        delta(3, 'So.'),
        close(2),
        close(3),
        { kind: 'stop', stop: { kind: 'end' } },
        USAGE,
        { kind: 'end' },
      ],
    ],
    [
      'a seal without words, and a redacted thought',
      hearing(
        said(0, { reasoningContent: { signature: 'c2ln' } }),
        stopped(0),
        said(1, { reasoningContent: { redactedContent: 'cmVk' } }),
        stopped(1),
      ),
      [
        { kind: 'open', part: 0, of: 'reasoning' },
        { kind: 'seal', part: 0, sealed: { issuer: 'messages', payload: 'c2ln' } },
        close(0),
        { kind: 'open', part: 1, of: 'reasoning' },
        { kind: 'seal', part: 1, sealed: { issuer: 'messages', payload: 'cmVk', redacted: true } },
        close(1),
      ],
    ],
    [
      'metadata before the stop is no end, and words after it are none of the answer',
      hearing(
        META,
        ended('max_tokens'),
        said(0, { text: 'more' }),
        called(1, 'a'),
        stopped(0),
        ended('end_turn'),
      ),
      [USAGE, { kind: 'stop', stop: { kind: 'length' } }, { kind: 'end' }],
    ],
    [
      'nothing after the end',
      hearing(ended('end_turn'), META, said(0, { text: 'more' })),
      [{ kind: 'stop', stop: { kind: 'end' } }, USAGE, { kind: 'end' }],
    ],
    [
      'words and arguments that say nothing, and arguments of no call',
      hearing(said(0, { text: '' }), said(0, { reasoningContent: { text: '' } }), args(5, '{}'), stopped(9)),
      [],
    ],
  ]
  for (const [what, heard, events] of rows) test(what, () => assert.deepEqual(heard, events))

  test('a stream cut before its stop has no end', () => {
    const frames = answerFrames(RICH).map(({ bytes }) => bytes)
    for (let count = 0; count < frames.length - 2; count += 1)
      assert.ok(
        !decoded([concat(frames.slice(0, count))]).some(({ kind }) => kind === 'end' || kind === 'stop'),
      )
  })
})
