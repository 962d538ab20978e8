import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Unsupported } from '../providers/provider.ts'
import type { JsonObject } from '../wire/json.ts'
import { FLASH, joined, keptOf, THIRD, watched } from './gemini.fixture.ts'
import { geminiDoor, geminiUpstream } from './gemini.ts'
import { call, LOOK, PATCH, REQUESTS, request, result, SCHEMA, turn, WAIT } from './neutral.fixture.ts'
import type { NeutralRequest } from './neutral.ts'
import { anyRequest } from './neutral-any.fixture.ts'

const write = (asked: NeutralRequest, target = FLASH) =>
  watched(losses => geminiUpstream.write(asked, target, losses))
const read = (body: JsonObject) => watched(losses => geminiDoor.read(body, losses))
const HELLO = turn('user', 'Who is there?')
const hello = { role: 'user', parts: [{ text: 'Who is there?' }] }

describe('a request for Gemini', () => {
  const literal: readonly (readonly [name: string, asked: NeutralRequest, body: JsonObject])[] = [
    ['a plain question', request([HELLO]), { contents: [hello] }],
    [
      'a system prompt before everything, a later one inside the user turn',
      request([
        turn('system', 'Be brief.'),
        HELLO,
        turn('assistant', 'Bernardo.'),
        turn('system', 'Stop.'),
        turn('user', 'So?'),
      ]),
      {
        contents: [
          hello,
          { role: 'model', parts: [{ text: 'Bernardo.' }] },
          { role: 'user', parts: [{ text: '<system>\nStop.\n</system>' }, { text: 'So?' }] },
        ],
        systemInstruction: { parts: [{ text: 'Be brief.' }] },
      },
    ],
    [
      'every number in generationConfig',
      request([HELLO], {
        maxTokens: 64,
        temperature: 0.5,
        topP: 0.25,
        topK: 40,
        seed: 7,
        presencePenalty: 0.5,
        frequencyPenalty: -0.5,
        logprobs: 2,
        stop: ['END'],
      }),
      {
        contents: [hello],
        generationConfig: {
          maxOutputTokens: 64,
          temperature: 0.5,
          topP: 0.25,
          topK: 40,
          presencePenalty: 0.5,
          frequencyPenalty: -0.5,
          stopSequences: ['END'],
          seed: 7,
          responseLogprobs: true,
          logprobs: 2,
        },
      },
    ],
    [
      'results in the order of their calls, by name and without ids',
      request(
        [
          HELLO,
          turn('assistant', 'I look.', call('call_1', 'look'), call('call_2', 'wait', '')),
          turn('user', 'And?', result('call_2', 'wait', 'a wall'), result('call_1', '', '{"tree":1}')),
        ],
        { tools: [LOOK, WAIT] },
      ),
      {
        contents: [
          hello,
          {
            role: 'model',
            parts: [
              { text: 'I look.' },
              { functionCall: { name: 'look', args: { at: 'left' } } },
              { functionCall: { name: 'wait', args: {} } },
            ],
          },
          {
            role: 'user',
            parts: [
              { functionResponse: { name: 'look', response: { tree: 1 } } },
              { functionResponse: { name: 'wait', response: { output: 'a wall' } } },
              { text: 'And?' },
            ],
          },
        ],
        tools: [
          {
            functionDeclarations: [
              { name: 'look', description: 'Looks somewhere.', parametersJsonSchema: SCHEMA },
              { name: 'wait' },
            ],
          },
        ],
      },
    ],
  ]
  for (const [name, asked, body] of literal)
    test(name, () => {
      const { value, lost } = write(asked)
      assert.deepEqual(value, body)
      assert.deepEqual(lost, [])
    })

  test('a call that nobody answered is told to be aborted, a result that nobody asked for is text', () => {
    const { value, warned } = write(
      request([
        HELLO,
        turn('assistant', call('call_1', 'look')),
        turn('user', result('call_9', '', 'a tree'), 'And?'),
      ]),
    )
    assert.deepEqual((value.contents as JsonObject[])[2], {
      role: 'user',
      parts: [
        { functionResponse: { name: 'look', response: { error: 'aborted' } } },
        { text: 'Result of a tool:' },
        { text: 'a tree' },
        { text: 'And?' },
      ],
    })
    assert.deepEqual(warned, ['a tool result without its call', 'a tool call without its result'])
  })

  test('what has no place is told: names of files, one call at a time, who asks', () => {
    const file = { kind: 'bytes', mime: 'application/pdf', base64: 'AAAA' } as const
    const jpeg = { kind: 'bytes', mime: 'image/jpg', base64: 'AAAA' } as const
    const { value, lost, warned } = write(
      request(
        [turn('user', { kind: 'file', source: file, name: 'a.pdf' }, { kind: 'image', source: jpeg })],
        {
          tools: [LOOK],
          parallelCalls: false,
          rest: { safety_identifier: 'u' },
        },
      ),
    )
    assert.deepEqual([lost, warned], [['parallel_tool_calls'], ['filename', 'safety_identifier']])
    assert.match(JSON.stringify(value.contents), /"mimeType":"image\/jpeg"/)
  })

  test('the user speaks first, whatever the history begins with', () => {
    const blank = { role: 'user', parts: [{ text: ' ' }] }
    assert.deepEqual(write(request([turn('assistant', 'Hm.')])).value.contents, [
      blank,
      { role: 'model', parts: [{ text: 'Hm.' }] },
    ])
    assert.deepEqual(write(request([turn('system', 'Be brief.')])).value.contents, [blank])
    assert.deepEqual(write(request([HELLO, turn('assistant', ''), turn('user', 'So?')])).value.contents, [
      { role: 'user', parts: [{ text: 'Who is there?' }, { text: 'So?' }] },
    ])
  })

  test('the third generation gets a placeholder on the first unsigned call of a turn, and no other', () => {
    const sealed = { issuer: 'gemini', payload: 'c2ln' } as const
    const history = (first: object) =>
      request([
        HELLO,
        turn('assistant', { ...call('call_1', 'look'), ...first }, call('call_2', 'wait', '{}')),
        turn('user', result('call_1', 'look', 'a tree'), result('call_2', 'wait', 'a wall')),
      ])
    const calls = (asked: NeutralRequest, target = THIRD) =>
      ((write(asked, target).value.contents as JsonObject[])[1]!.parts as JsonObject[]).map(
        part => part.thoughtSignature,
      )
    assert.deepEqual(calls(history({})), ['skip_thought_signature_validator', undefined])
    assert.deepEqual(calls(history({ sealed })), ['c2ln', undefined])
    assert.deepEqual(calls(history({ sealed: { issuer: 'messages', payload: 'x' } })), [
      'skip_thought_signature_validator',
      undefined,
    ])
    assert.deepEqual(calls(history({}), FLASH), [undefined, undefined])
  })

  test('only its own thoughts go back', () => {
    const { value, warned } = write(REQUESTS['thoughts of every issuer'] ?? request([]))
    assert.deepEqual((value.contents as JsonObject[])[1]?.parts, [
      { text: 'gemini thinks', thought: true, thoughtSignature: 'gemini-1' },
      { text: 'So.' },
    ])
    assert.deepEqual(warned, ['earlier reasoning'])
  })

  test('thinking is counted for the second generation and has levels since the third', () => {
    const config = (more: Partial<NeutralRequest>, model: string) =>
      (write(request([HELLO], more), { model, allowedParams: [] }).value.generationConfig as JsonObject)
        ?.thinkingConfig
    const shown = { includeThoughts: true }
    assert.deepEqual(config({ effort: 'low' }, 'gemini-2.5-pro'), { thinkingBudget: 1024, ...shown })
    assert.deepEqual(config({ effort: 'none' }, 'gemini-2.5-flash'), { thinkingBudget: 0 })
    assert.deepEqual(config({ effort: 'none' }, 'gemini-2.5-pro'), { thinkingBudget: 128 })
    assert.deepEqual(config({ effort: 'medium' }, 'gemini-3.1-pro-preview'), {
      thinkingLevel: 'MEDIUM',
      ...shown,
    })
    assert.deepEqual(config({ effort: 'minimal' }, 'gemini-3-pro-preview'), {
      thinkingLevel: 'LOW',
      ...shown,
    })
    assert.deepEqual(config({ effort: 'max', thoughts: 'hidden' }, 'gemini-3-flash'), {
      thinkingLevel: 'HIGH',
    })
    assert.deepEqual(config({ thinkingTokens: 2048 }, 'gemini-3-flash'), { thinkingBudget: 2048, ...shown })
    const budget = (thinkingTokens: number, model: string) => {
      const { value, warned } = write(request([HELLO], { thinkingTokens }), { model, allowedParams: [] })
      const { thinkingConfig } = value.generationConfig as { thinkingConfig: JsonObject }
      return [thinkingConfig.thinkingBudget, warned]
    }
    assert.deepEqual(budget(31_999, 'gemini-2.5-flash'), [24_576, ['thinking']])
    assert.deepEqual(budget(31_999, 'gemini-2.5-pro'), [31_999, []])
    assert.deepEqual(budget(64_000, 'gemini-2.5-pro'), [32_768, ['thinking']])
    assert.deepEqual(budget(100, 'gemini-2.5-flash-lite'), [512, ['thinking']])
    // Nothing is the wish not to think, and -1 leaves it to the model.
    assert.deepEqual(config({ thinkingTokens: 0 }, 'gemini-2.5-flash'), { thinkingBudget: 0 })
    assert.deepEqual(config({ thinkingTokens: 0 }, 'gemini-3-flash'), { thinkingLevel: 'MINIMAL' })
    assert.deepEqual(budget(0, 'gemini-2.5-pro'), [128, ['reasoning_effort']])
    for (const model of ['gemini-2.5-flash', 'gemini-2.5-flash-lite', 'gemini-2.5-pro'])
      assert.deepEqual(budget(-1, model), [-1, []])
    assert.deepEqual(config({ thoughts: 'shown' }, 'gemini-3-flash'), shown)
    assert.equal(config({}, 'gemini-3-flash'), undefined)
    const old = { model: 'gemini-2.0-flash', allowedParams: [] }
    assert.deepEqual(write(request([HELLO], { effort: 'low' }), old).lost, ['reasoning_effort'])
  })

  test('the choice of tools', () => {
    const choice = (toolChoice: NeutralRequest['toolChoice']) =>
      (
        write(request([HELLO], { tools: [LOOK], ...(toolChoice === undefined ? {} : { toolChoice }) })).value
          .toolConfig as JsonObject | undefined
      )?.functionCallingConfig
    assert.equal(choice(undefined), undefined)
    assert.deepEqual(choice({ kind: 'auto' }), { mode: 'AUTO' })
    assert.deepEqual(choice({ kind: 'none' }), { mode: 'NONE' })
    assert.deepEqual(choice({ kind: 'required' }), { mode: 'ANY' })
    assert.deepEqual(choice({ kind: 'tool', name: 'look' }), { mode: 'ANY', allowedFunctionNames: ['look'] })
    assert.deepEqual(choice({ kind: 'allowed', names: ['look'], required: false }), {
      mode: 'VALIDATED',
      allowedFunctionNames: ['look'],
    })
  })

  test('a schema for the answer, where functions are declared, is for the third generation', () => {
    const asked = request([HELLO], {
      tools: [LOOK],
      format: { kind: 'schema', name: 'place', schema: SCHEMA },
    })
    assert.deepEqual(write(asked).lost, ['response_format'])
    assert.deepEqual(write(asked, THIRD).value.generationConfig, {
      responseMimeType: 'application/json',
      responseJsonSchema: SCHEMA,
    })
  })

  test('what is lost is named', () => {
    const { lost, warned } = write(
      request([HELLO], {
        tools: [LOOK, WAIT],
        parallelCalls: false,
        logitBias: { '1': 2 },
        verbosity: 'low',
        seed: 2 ** 40,
        stop: ['1', '2', '3', '4', '5', '6'],
        user: 'u',
        metadata: { a: 'b' },
        cacheKey: 'k',
        serviceTier: 'scale',
        rest: { n: 2, store: true, web_search_options: {}, safety_settings: [], modalities: ['text'] },
      }),
    )
    assert.deepEqual(lost.toSorted(), [
      'logit_bias',
      'n',
      'parallel_tool_calls',
      'seed',
      'stop',
      'verbosity',
      'web_search_options',
    ])
    assert.deepEqual(warned.toSorted(), ['metadata', 'prompt_cache_key', 'service_tier', 'store', 'user'])
  })

  test('a file of another account is refused by name, an address where it cannot be fetched, too', () => {
    const image = (source: object) =>
      request([turn('user', { kind: 'image', source } as NeutralRequest['turns'][0]['parts'][0])])
    assert.throws(() => write(image({ kind: 'id', id: 'file-1' })), Unsupported)
    const url = image({ kind: 'url', url: 'https://stage.example/a.png?x=1' })
    assert.throws(() => write(url, { model: 'gemini-2.0-flash', allowedParams: [] }), Unsupported)
    assert.deepEqual(write(url).value.contents, [
      {
        role: 'user',
        parts: [{ fileData: { fileUri: 'https://stage.example/a.png?x=1', mimeType: 'image/png' } }],
      },
    ])
  })

  test('every request of the list can be written, and what is written can be read', () => {
    for (const [name, asked] of Object.entries(REQUESTS)) {
      for (const target of [FLASH, THIRD]) {
        const { value } = write(asked, target)
        assert.doesNotThrow(() => read(value), name)
      }
    }
  })

  test('property: a request keeps its meaning', () => {
    fc.assert(
      fc.property(anyRequest, asked => {
        const { value } = write(asked, THIRD)
        const back = read(JSON.parse(JSON.stringify(value))).value
        assert.deepEqual({ ...back, turns: joined(back.turns) }, keptOf(asked))
      }),
    )
  })

  test('a custom tool is a function with one text', () => {
    const { value } = write(REQUESTS['a custom tool and its round trip'] ?? request([]))
    assert.deepEqual(value.tools, [
      {
        functionDeclarations: [
          {
            name: PATCH.name,
            description: PATCH.description,
            parametersJsonSchema: {
              type: 'object',
              properties: { input: { type: 'string' } },
              required: ['input'],
              additionalProperties: false,
            },
          },
        ],
      },
    ])
    assert.deepEqual((value.contents as JsonObject[])[1]?.parts, [
      { functionCall: { name: 'apply_patch', args: { input: '*** "Begin"\n' } } },
    ])
  })
})
