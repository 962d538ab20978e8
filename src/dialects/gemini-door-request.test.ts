import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Unsupported } from '../providers/provider.ts'
import type { JsonObject } from '../wire/json.ts'
import { watched } from './gemini.fixture.ts'
import { geminiDoor } from './gemini.ts'
import { call, result, turn } from './neutral.fixture.ts'
import type { NeutralRequest } from './neutral.ts'

const read = (body: JsonObject) => watched(losses => geminiDoor.read(body, losses))
const hello = { role: 'user', parts: [{ text: 'Who is there?' }] }

describe('a request of a Gemini client', () => {
  const camel: JsonObject = {
    systemInstruction: { role: 'system', parts: [{ text: 'Be brief.' }] },
    contents: [
      { parts: [{ text: 'See.' }, { inlineData: { mimeType: 'image/png', data: 'AAAA' } }] },
      {
        role: 'model',
        parts: [
          { text: 'hm', thought: true },
          { functionCall: { name: 'look', args: { at: 'left' } }, thoughtSignature: 'c2ln' },
          { functionCall: { name: 'look', args: { at: 'right' } } },
          { functionCall: { id: 'own', name: 'wait' } },
        ],
      },
      {
        role: 'function',
        parts: [
          { functionResponse: { name: 'wait', response: { result: 'a wall' } } },
          { functionResponse: { name: 'look', response: { output: 'a tree' } } },
          { functionResponse: { name: 'look', response: { error: 'no light' } } },
        ],
      },
    ],
    tools: [
      {
        functionDeclarations: [
          {
            name: 'look',
            description: 'Looks somewhere.',
            parameters: {
              type: 'OBJECT',
              properties: {
                at: { type: 'STRING', nullable: true, enum: ['left'] },
                many: { type: 'ARRAY', items: { type: 'INTEGER' }, minItems: '1' },
              },
              required: ['at'],
              propertyOrdering: ['at', 'many'],
            },
          },
          { name: 'wait', parametersJsonSchema: { type: 'object', properties: {} } },
        ],
      },
    ],
    toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['look', 'wait'] } },
    generationConfig: {
      maxOutputTokens: 64,
      topP: 0.5,
      topK: 3,
      stopSequences: ['END'],
      candidateCount: 1,
      responseMimeType: 'application/json',
      responseSchema: { type: 'OBJECT', properties: { at: { type: 'STRING' } } },
      thinkingConfig: { thinkingBudget: 512, includeThoughts: true },
    },
  }
  const snakeKey = (name: string): string => name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
  const snake = (value: unknown): unknown =>
    Array.isArray(value)
      ? value.map(snake)
      : typeof value === 'object' && value !== null
        ? Object.fromEntries(Object.entries(value).map(([key, one]) => [snakeKey(key), snake(one)]))
        : value

  const meant: NeutralRequest = {
    turns: [
      turn('system', 'Be brief.'),
      turn('user', 'See.', { kind: 'image', source: { kind: 'bytes', mime: 'image/png', base64: 'AAAA' } }),
      turn(
        'assistant',
        { kind: 'reasoning', text: 'hm' },
        { ...call('call_1', 'look', '{"at":"left"}'), sealed: { issuer: 'gemini', payload: 'c2ln' } },
        call('call_2', 'look', '{"at":"right"}'),
        call('own', 'wait', '{}'),
      ),
      turn(
        'user',
        result('own', 'wait', 'a wall'),
        result('call_1', 'look', 'a tree'),
        result('call_2', 'look', 'no light', { failed: true }),
      ),
    ],
    tools: [
      {
        name: 'look',
        description: 'Looks somewhere.',
        schema: {
          type: 'object',
          properties: {
            at: { type: ['string', 'null'], enum: ['left', null] },
            many: { type: 'array', items: { type: 'integer' }, minItems: 1 },
          },
          required: ['at'],
        },
      },
      { name: 'wait', schema: { type: 'object', properties: {} } },
    ],
    toolChoice: { kind: 'allowed', names: ['look', 'wait'], required: true },
    maxTokens: 64,
    topP: 0.5,
    topK: 3,
    stop: ['END'],
    format: {
      kind: 'schema',
      name: 'response',
      schema: { type: 'object', properties: { at: { type: 'string' } } },
    },
    thinkingTokens: 512,
    thoughts: 'shown',
    stream: false,
    streamUsage: true,
    rest: {},
  }

  test('is read in both spellings', () => {
    for (const body of [camel, snake(camel) as JsonObject]) {
      const { value, lost, warned } = read(body)
      assert.deepEqual(value, meant)
      assert.deepEqual([lost, warned], [[], []])
    }
  })

  test('ids that it does not have are the same in every later turn, and never those it has', () => {
    const first = { role: 'model', parts: [{ functionCall: { name: 'look' } }] }
    const answer = { role: 'user', parts: [{ functionResponse: { name: 'look', response: {} } }] }
    const second = { role: 'model', parts: [{ functionCall: { name: 'look' } }] }
    const given = { role: 'model', parts: [{ functionCall: { id: 'call_2', name: 'look' } }] }
    const ids = (contents: JsonObject[]) =>
      read({ contents }).value.turns.flatMap(({ parts }) =>
        parts.flatMap(part => (part.kind === 'call' || part.kind === 'result' ? [part.id] : [])),
      )
    assert.deepEqual(ids([hello, first]), ['call_1'])
    assert.deepEqual(ids([hello, first, answer, second, answer]), ['call_1', 'call_1', 'call_2', 'call_2'])
    assert.deepEqual(ids([hello, first, answer, second, answer, given]), [
      'call_1',
      'call_1',
      'call_2_',
      'call_2_',
      'call_2',
    ])
  })

  test('a placeholder is no signature, and one on words has a part of its own', () => {
    const parts = (part: JsonObject) =>
      read({ contents: [{ role: 'model', parts: [part] }] }).value.turns[0]?.parts
    const placeholder = 'skip_thought_signature_validator'
    assert.deepEqual(parts({ text: 'So.', thoughtSignature: placeholder }), [{ kind: 'text', text: 'So.' }])
    assert.deepEqual(parts({ text: 'So.', thought_signature: 'c2ln' }), [
      { kind: 'text', text: 'So.' },
      { kind: 'reasoning', text: '', sealed: { issuer: 'gemini', payload: 'c2ln' } },
    ])
    assert.deepEqual(parts({ thoughtSignature: 'c2ln' }), [
      { kind: 'reasoning', text: '', sealed: { issuer: 'gemini', payload: 'c2ln' } },
    ])
  })

  test('levels and budgets of thinking', () => {
    const thinking = (thinkingConfig: JsonObject) => {
      const { effort, thinkingTokens, thoughts } = read({
        contents: [],
        generationConfig: { thinkingConfig },
      }).value
      return [effort, thinkingTokens, thoughts]
    }
    assert.deepEqual(thinking({ thinkingLevel: 'LOW' }), ['low', undefined, undefined])
    assert.deepEqual(thinking({ thinkingLevel: 'minimal', includeThoughts: false }), [
      'minimal',
      undefined,
      'hidden',
    ])
    assert.deepEqual(thinking({ thinkingBudget: 0 }), ['none', undefined, undefined])
    assert.deepEqual(thinking({ thinkingBudget: -1 }), [undefined, undefined, undefined])
  })

  const refused: readonly (readonly [param: string, body: JsonObject])[] = [
    ['contents', { contents: 'Hello' }],
    ['contents[0].parts[0]', { contents: [{ parts: [{ hologram: {} }] }] }],
    ['tools[0].googleSearch', { contents: [], tools: [{ googleSearch: {} }] }],
    [
      'tools[1].code_execution',
      { contents: [], tools: [{ functionDeclarations: [] }, { code_execution: {} }] },
    ],
    ['tools[0].urlContext', { contents: [], tools: [{ urlContext: {} }] }],
    ['cachedContent', { contents: [], cachedContent: 'cachedContents/1' }],
    [
      'generationConfig.responseModalities',
      { contents: [], generationConfig: { responseModalities: ['TEXT', 'IMAGE'] } },
    ],
  ]
  for (const [param, body] of refused)
    test(`${param} cannot be carried, and is named`, () =>
      assert.throws(
        () => read(body),
        (error: unknown) => error instanceof Unsupported && error.param === param,
      ))

  test('what another dialect has no word for is lost by name, and what changes nothing is warned of', () => {
    const { value, lost, warned } = read({
      contents: [hello],
      safetySettings: [],
      labels: { team: 'stage' },
      futureMember: 1,
      generationConfig: {
        candidateCount: 2,
        speechConfig: {},
        mediaResolution: 'MEDIA_RESOLUTION_LOW',
        responseMimeType: 'text/x.enum',
      },
    })
    assert.deepEqual(lost.toSorted(), [
      'generationConfig.candidateCount',
      'generationConfig.responseMimeType',
      'generationConfig.speechConfig',
    ])
    assert.deepEqual(warned.toSorted(), ['generationConfig.mediaResolution', 'labels', 'safetySettings'])
    assert.deepEqual(value.rest, { futureMember: 1 })
  })

  test('code that ran at the provider is history as text, its files stay behind', () => {
    const { value, warned } = read({
      contents: [
        { role: 'model', parts: [{ executableCode: { language: 'PYTHON', code: 'print(1)' } }] },
        { role: 'model', parts: [{ codeExecutionResult: { outcome: 'OUTCOME_OK', output: '1' } }] },
        { role: 'model', parts: [{ toolCall: {} }] },
        { role: 'user', parts: [{ fileData: { fileUri: 'gs://b/a.png', mimeType: 'image/png' } }] },
        { role: 'user', parts: [{ fileData: { fileUri: 'https://stage.example/a.pdf' } }] },
      ],
    })
    assert.deepEqual(
      value.turns.map(({ parts }) => parts),
      [
        [{ kind: 'text', text: '```python\nprint(1)\n```\n' }],
        [{ kind: 'text', text: '```\n1\n```\n' }],
        [],
        [{ kind: 'image', source: { kind: 'id', id: 'gs://b/a.png' } }],
        [{ kind: 'file', source: { kind: 'url', url: 'https://stage.example/a.pdf' } }],
      ],
    )
    assert.deepEqual(warned, ['contents[].parts[].executableCode', 'contents[].parts[].toolCall'])
  })
})
