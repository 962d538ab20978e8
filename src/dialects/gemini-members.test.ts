import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { JsonObject } from '../wire/json.ts'
import { watched } from './gemini.fixture.ts'
import { geminiDoor, geminiUpstream } from './gemini.ts'

const hello: JsonObject = { role: 'user', parts: [{ text: 'Hello' }] }
const read = (body: JsonObject) => watched(losses => geminiDoor.read({ contents: [hello], ...body }, losses))

describe('members of a generateContent request that no other dialect has', () => {
  test('each is told by its name', () => {
    const part = (more: JsonObject): JsonObject => ({ contents: [{ parts: [{ text: 'x', ...more }] }] })
    const cases: readonly (readonly [JsonObject, string])[] = [
      [part({ partMetadata: { a: 1 } }), 'contents[].parts[].partMetadata'],
      [part({ speech_metadata: {} }), 'contents[].parts[].speechMetadata'],
      [
        {
          contents: [{ parts: [{ functionResponse: { name: 'look', response: {}, scheduling: 'SILENT' } }] }],
        },
        'contents[].parts[].functionResponse.scheduling',
      ],
      [
        {
          contents: [
            hello,
            { role: 'model', parts: [{ functionCall: { name: 'look', willContinue: true } }] },
          ],
        },
        'contents[].parts[].functionCall.willContinue',
      ],
      [
        { toolConfig: { includeServerSideToolInvocations: true } },
        'toolConfig.includeServerSideToolInvocations',
      ],
      [
        { tool_config: { function_calling_config: { stream_function_call_arguments: true } } },
        'toolConfig.functionCallingConfig.streamFunctionCallArguments',
      ],
      [
        { tools: [{ functionDeclarations: [{ name: 'look', sung: true }] }] },
        'tools[].functionDeclarations[].sung',
      ],
      [{ generationConfig: { thinkingConfig: { depth: 3 } } }, 'generationConfig.thinkingConfig.depth'],
    ]
    for (const [body, name] of cases) assert.deepEqual(read(body).warned, [name], name)
  })

  test('a level of thinking or a mode of calling that nobody knows is lost by its name', () => {
    assert.deepEqual(read({ generationConfig: { thinkingConfig: { thinkingLevel: 'UTMOST' } } }).lost, [
      'generationConfig.thinkingConfig.thinkingLevel',
    ])
    assert.deepEqual(read({ toolConfig: { functionCallingConfig: { mode: 'SOME' } } }).lost, [
      'toolConfig.functionCallingConfig.mode',
    ])
    const unsaid = read({
      toolConfig: { functionCallingConfig: { mode: 'MODE_UNSPECIFIED' } },
      generationConfig: { thinkingConfig: { thinkingLevel: 'THINKING_LEVEL_UNSPECIFIED' } },
    })
    assert.deepEqual([unsaid.lost, unsaid.warned], [[], []])
  })
})

describe('how an answer of Gemini ends', () => {
  const ended = (finishReason: string): JsonObject => ({
    candidates: [{ content: { role: 'model', parts: [{ text: 'Half' }] }, finishReason }],
  })

  test('what a rule or a filter of its own took is filtered', () => {
    for (const reason of ['MODEL_ARMOR', 'ESCALATION'])
      assert.deepEqual(geminiUpstream.answer(ended(reason)).stop, { kind: 'filter' }, reason)
  })
  test('what goes on with a token only is no whole answer', () => {
    assert.deepEqual(geminiUpstream.answer(ended('CONTINUATION')).stop, { kind: 'length' })
  })
  test('an account that is disabled has failed', () => {
    assert.throws(() => geminiUpstream.answer(ended('PUP_LIMITED_DISABLED')), /PUP_LIMITED_DISABLED/)
  })
})
