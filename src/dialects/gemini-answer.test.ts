import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { JsonObject } from '../wire/json.ts'
import { FailedAnswer } from './bridge.ts'
import { asking } from './gemini.fixture.ts'
import { geminiDoor, geminiUpstream } from './gemini.ts'
import { gemini } from './gemini-shape.ts'
import { ANSWERS, request } from './neutral.fixture.ts'
import type { NeutralAnswer, Part } from './neutral.ts'
import { anyAnswer } from './neutral-any.fixture.ts'

const said = (candidate: JsonObject, more: JsonObject = {}): JsonObject => ({
  candidates: [{ content: { parts: [{ text: 'Yes.' }], role: 'model' }, index: 0, ...candidate }],
  modelVersion: 'gemini-3-flash',
  responseId: 'r-1',
  ...more,
})

describe('an answer of Gemini', () => {
  test('thoughts, words and calls, in their order', () => {
    const answer = geminiUpstream.answer({
      candidates: [
        {
          content: {
            role: 'model',
            parts: [
              { text: 'hm', thought: true },
              { text: 'I ' },
              { text: 'look.', thoughtSignature: 'd29yZHM=' },
              { functionCall: { name: 'look', args: { at: 'left' } }, thoughtSignature: 'Y2FsbA==' },
              { functionCall: { id: 'own', name: 'wait', args: {} } },
              { functionCall: { name: 'wait' } },
            ],
          },
          finishReason: 'STOP',
        },
      ],
      usageMetadata: {
        promptTokenCount: 100,
        toolUsePromptTokenCount: 10,
        cachedContentTokenCount: 60,
        candidatesTokenCount: 20,
        thoughtsTokenCount: 30,
        totalTokenCount: 160,
      },
      modelVersion: 'gemini-3-flash',
      responseId: 'r-1',
    })
    assert.deepEqual(answer, {
      id: 'r-1',
      model: 'gemini-3-flash',
      parts: [
        { kind: 'reasoning', text: 'hm' },
        { kind: 'text', text: 'I look.' },
        { kind: 'reasoning', text: '', sealed: { issuer: 'gemini', payload: 'd29yZHM=' } },
        {
          kind: 'call',
          id: 'call_r-1_1',
          name: 'look',
          input: '{"at":"left"}',
          sealed: { issuer: 'gemini', payload: 'Y2FsbA==' },
        },
        { kind: 'call', id: 'own', name: 'wait', input: '{}' },
        { kind: 'call', id: 'call_r-1_3', name: 'wait', input: '{}' },
      ],
      stop: { kind: 'calls' },
      usage: { inputTokens: 110, outputTokens: 50, cachedInputTokens: 60, reasoningTokens: 30 },
    })
  })

  const ends: Readonly<Record<string, NeutralAnswer['stop']['kind']>> = {
    STOP: 'end',
    FINISH_REASON_UNSPECIFIED: 'end',
    SOMETHING_NEW: 'end',
    MAX_TOKENS: 'length',
    SAFETY: 'filter',
    RECITATION: 'filter',
    BLOCKLIST: 'filter',
    PROHIBITED_CONTENT: 'filter',
    SPII: 'filter',
    LANGUAGE: 'filter',
    IMAGE_SAFETY: 'filter',
  }
  for (const [finishReason, kind] of Object.entries(ends))
    test(`${finishReason} is the end '${kind}'`, () =>
      assert.deepEqual(geminiUpstream.answer(said({ finishReason })).stop, { kind }))

  for (const finishReason of [
    'MALFORMED_FUNCTION_CALL',
    'MALFORMED_RESPONSE',
    'UNEXPECTED_TOOL_CALL',
    'TOO_MANY_TOOL_CALLS',
    'MISSING_THOUGHT_SIGNATURE',
    'OTHER',
  ])
    test(`${finishReason} is a failure, with the provider's own words`, () =>
      assert.throws(
        () => geminiUpstream.answer(said({ finishReason, finishMessage: 'no such function' })),
        (error: unknown) =>
          error instanceof FailedAnswer &&
          error.error.message === `The model ended with ${finishReason}: no such function` &&
          error.error.code === 'empty_answer',
      ))

  test('a prompt that was blocked is an answer that a filter took', () => {
    const { parts, stop } = geminiUpstream.answer({ promptFeedback: { blockReason: 'SAFETY' } })
    assert.deepEqual([parts, stop], [[], { kind: 'filter' }])
  })

  test('what has no candidate is no answer', () => {
    for (const body of [{}, { promptFeedback: {} }])
      assert.throws(() => geminiUpstream.answer(body), /no candidate/)
    assert.throws(() => geminiUpstream.answer({ candidates: [] }), FailedAnswer)
  })

  test('one that stopped without a word, and was counted, is a failure to clients of every dialect', () => {
    const nothing = said(
      { content: { parts: [{ text: '' }], role: 'model' }, finishReason: 'STOP' },
      { usageMetadata: { promptTokenCount: 4, candidatesTokenCount: 3 } },
    )
    assert.throws(
      () => geminiUpstream.answer(nothing),
      (error: unknown) => error instanceof FailedAnswer && error.error.code === 'empty_answer',
    )
    const cut = { ...nothing, candidates: [{ finishReason: 'MAX_TOKENS' }] }
    assert.equal(geminiUpstream.answer(cut).stop.kind, 'length', 'a limit that left nothing over is told')
  })

  test('probabilities and sources', () => {
    const { parts, logprobs } = geminiUpstream.answer(
      said({
        content: { parts: [{ text: 'né. Yes.' }] },
        finishReason: 'STOP',
        logprobsResult: {
          chosenCandidates: [{ token: 'né', logProbability: -0.5 }],
          topCandidates: [{ candidates: [{ token: 'no', logProbability: -2 }] }],
        },
        groundingMetadata: {
          groundingChunks: [{ web: { uri: 'https://stage.example', title: 'Stage' } }],
          groundingSupports: [{ segment: { startIndex: 5, endIndex: 9 }, groundingChunkIndices: [0, 7] }],
        },
      }),
    )
    assert.deepEqual(logprobs, [
      {
        token: 'né',
        logprob: -0.5,
        bytes: [110, 195, 169],
        top_logprobs: [{ token: 'no', logprob: -2, bytes: [110, 111] }],
      },
    ])
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

describe('an answer for a Gemini client', () => {
  const hidden = asking({ request: request([]) })

  test('has its candidate, its count and its names', () => {
    const answer = ANSWERS['sealed thoughts, words, calls']
    assert.ok(answer !== undefined)
    assert.deepEqual(geminiDoor.answer(answer, hidden), {
      candidates: [
        {
          content: {
            parts: [{ text: 'So.' }, { functionCall: { id: 'call_1', name: 'look', args: { at: 'left' } } }],
            role: 'model',
          },
          finishReason: 'STOP',
          index: 0,
        },
      ],
      usageMetadata: {
        promptTokenCount: 12,
        candidatesTokenCount: 5,
        thoughtsTokenCount: 4,
        totalTokenCount: 21,
      },
      modelVersion: 'group',
      responseId: 'answer-1',
    })
  })

  test('shows thoughts to who asked for them', () => {
    const answer = ANSWERS['thoughts without a seal']
    assert.ok(answer !== undefined)
    const parts = (asked: typeof hidden) => {
      const [candidate] = geminiDoor.answer(answer, asked).candidates as JsonObject[]
      return (candidate!.content as JsonObject).parts
    }
    assert.deepEqual(parts(asking()), [{ text: 'hm', thought: true }, { text: 'So.' }])
    assert.deepEqual(parts(hidden), [{ text: 'So.' }])
  })

  test('is never without a part, but where a filter took all', () => {
    const content = (stop: NeutralAnswer['stop'], parts: readonly Part[] = []) => {
      const answer = { id: undefined, model: undefined, parts, stop, usage: undefined }
      const [candidate] = geminiDoor.answer(answer, hidden).candidates as JsonObject[]
      return [candidate?.content, candidate?.finishReason]
    }
    assert.deepEqual(content({ kind: 'end' }), [{ parts: [{ text: '' }], role: 'model' }, 'STOP'])
    assert.deepEqual(content({ kind: 'filter' }), [undefined, 'SAFETY'])
    assert.deepEqual(content({ kind: 'length' }, [{ kind: 'text', text: 'a' }]), [
      { parts: [{ text: 'a' }], role: 'model' },
      'MAX_TOKENS',
    ])
  })
})

/** What both directions of this dialect keep of an answer. */
export const keptAnswer = (answer: NeutralAnswer): NeutralAnswer => {
  const parts = answer.parts.flatMap((part): Part[] => {
    if (part.kind === 'refusal') return [{ kind: 'text', text: part.text }]
    if (part.kind === 'text') return part.text === '' ? [] : [part]
    if (part.kind === 'reasoning') {
      const own = part.sealed?.issuer === 'gemini'
      const { sealed: _sealed, ...bare } = part
      return part.text === '' && !own ? [] : [own ? part : bare]
    }
    if (part.kind !== 'call') return [part]
    const { custom, sealed, ...call } = part
    let input: unknown = { input: part.input }
    if (custom !== true)
      try {
        input = JSON.parse(part.input)
      } catch {
        input = { raw_arguments: part.input }
      }
    const own = sealed?.issuer === 'gemini' ? { sealed } : {}
    return [{ ...call, input: JSON.stringify(input), ...own }]
  })
  const stops: Readonly<Record<string, NeutralAnswer['stop']>> = {
    context: { kind: 'length' },
    refusal: { kind: 'filter' },
    sequence: { kind: 'end' },
  }
  const { cacheWriteTokens: _written, ...usage } = answer.usage ?? { inputTokens: 0, outputTokens: 0 }
  return {
    ...answer,
    id: answer.id ?? 'u1',
    model: 'group',
    parts,
    stop: stops[answer.stop.kind] ?? answer.stop,
    usage: answer.usage === undefined ? undefined : usage,
  }
}

describe('round trip', () => {
  /** One that says nothing is a failure on its way back. */
  const keeps = (answer: NeutralAnswer): void => {
    const body = JSON.parse(JSON.stringify(geminiDoor.answer(answer, asking())))
    if (gemini.errorInside(body) !== undefined) assert.throws(() => geminiUpstream.answer(body), FailedAnswer)
    else assert.deepEqual(geminiUpstream.answer(body), keptAnswer(answer))
  }
  for (const [name, answer] of Object.entries(ANSWERS)) test(name, () => keeps(answer))

  test('property: an answer keeps its meaning', () => {
    fc.assert(fc.property(anyAnswer, keeps))
  })
})
