import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Unsupported } from '../providers/provider.ts'
import { checkConverse } from '../stage/bedrock-rules.ts'
import type { Json, JsonObject } from '../wire/json.ts'
import { CLAUDE } from './bedrock-converse.fixture.ts'
import { writeConverse } from './bedrock-converse-request.ts'
import { losing } from './chat.fixture.ts'
import { call, LONG_ID, LOOK, PATCH, REQUESTS, request, result, SCHEMA, turn } from './neutral.fixture.ts'
import type { NeutralRequest, Part } from './neutral.ts'
import { anyRequest } from './neutral-any.fixture.ts'

const NEW = 'anthropic.claude-opus-4-5-20251101-v1:0'
const NEWEST = 'anthropic.claude-opus-4-7'
const NOVA = 'amazon.nova-pro-v1:0'
const LLAMA = 'meta.llama3-1-70b-instruct-v1:0'

const write = (asked: NeutralRequest, model = CLAUDE) =>
  losing(losses => writeConverse(asked, { model, allowedParams: [] }, losses))
const named = (name: string, model = CLAUDE) => write(REQUESTS[name] ?? request([]), model)
const messagesOf = (body: JsonObject): readonly JsonObject[] => body.messages as readonly JsonObject[]
const contentOf = (body: JsonObject, index: number): readonly Json[] =>
  (messagesOf(body)[index]?.content ?? []) as readonly Json[]
const HELLO: Json = { role: 'user', content: [{ text: 'Who is there?' }] }
const ASKED = turn('user', 'Who is there?')
const look = (id: string, input: Json = { at: 'left' }): Json => ({
  toolUse: { toolUseId: id, name: 'look', input },
})

describe('turns', () => {
  test('a tool that failed has a status, or words where the model knows none', () => {
    const returned = (model: string): Json | undefined =>
      messagesOf(named('a tool that failed', model).made)[2]?.content
    assert.deepEqual(returned(CLAUDE), [
      { toolResult: { toolUseId: 'call_1', content: [{ text: 'no light' }], status: 'error' } },
    ])
    assert.deepEqual(returned(LLAMA), [
      { toolResult: { toolUseId: 'call_1', content: [{ text: 'The tool failed.' }, { text: 'no light' }] } },
    ])
  })

  test('a tool may answer with a picture', () => {
    const { made } = named('a tool that answers with a picture')
    assert.match(JSON.stringify(messagesOf(made)[2]), /\{"text":"this"\},\{"image":\{"format":"png"/)
  })

  test('a custom tool takes one text, and its calls are written so', () => {
    const { made } = named('a custom tool and its round trip')
    assert.match(JSON.stringify(made.toolConfig), /"required":\["input"\]/)
    assert.deepEqual(messagesOf(made)[1]?.content, [
      { toolUse: { toolUseId: 'call_1', name: 'apply_patch', input: { input: '*** "Begin"\n' } } },
    ])
  })

  test('ids that the model does not take are renamed, in call and result alike', () => {
    assert.deepEqual(messagesOf(named('the longest id').made)[1]?.content, [look(LONG_ID)])
    for (const [id, model, form] of [
      ['call.1', CLAUDE, /^tooluse_[A-Za-z0-9]{22}$/],
      ['call_1', 'mistral.mistral-large-2407-v1:0', /^[A-Za-z0-9]{9}$/],
    ] as const) {
      const { made } = write(
        request([ASKED, turn('assistant', call(id, 'look')), turn('user', result(id, 'look', 'a'))], {
          tools: [LOOK],
        }),
        model,
      )
      const [made1, made2] = [...JSON.stringify(made).matchAll(/"toolUseId":"([^"]+)"/g)].map(
        ([, name]) => name,
      )
      assert.match(made1 ?? '', form)
      assert.equal(made1, made2)
    }
  })

  test('thoughts go back to the family that signed them, and to no other', () => {
    const said = (model: string) => {
      const { made, warned } = named('thoughts of every issuer', model)
      return [messagesOf(made)[1]?.content, warned]
    }
    const told = ['messages[].thinking_blocks', 'messages[].reasoning_content']
    const thought = (text: string, signature: string): Json => ({
      reasoningContent: { reasoningText: { text, signature } },
    })
    assert.deepEqual(said(CLAUDE), [[thought('messages thinks', 'messages-1'), { text: 'So.' }], told])
    assert.deepEqual(said(NOVA), [[thought('converse thinks', 'converse-1'), { text: 'So.' }], told])
  })

  test('redacted thoughts go back as they are', () => {
    assert.deepEqual(contentOf(named('sealed thoughts in the history').made, 1)[1], {
      reasoningContent: { redactedContent: 'cmVk' },
    })
  })

  test('cache marks are cache points where the model has them', () => {
    const marked = (model: string) => {
      const { made, warned } = named('cache marks', model)
      return [[made.system, messagesOf(made)[0]?.content], warned]
    }
    const system = (...more: Json[]): Json => [{ text: 'A long part.' }, ...more]
    const question = (...more: Json[]): Json => [{ text: 'A long question.' }, ...more]
    const point = { cachePoint: { type: 'default' } }
    assert.deepEqual(marked(CLAUDE), [
      [system(point), question({ cachePoint: { type: 'default', ttl: '1h' } })],
      [],
    ])
    assert.deepEqual(marked(NOVA), [[system(point), question(point)], []])
    assert.deepEqual(marked(LLAMA), [[system(), question()], ['cache_control']])
  })

  test('marks on results and tools stand behind them', () => {
    const asked = request(
      [ASKED, turn('assistant', call('a', 'look')), turn('user', result('a', 'look', 'x', { cache: {} }))],
      { tools: [{ ...LOOK, cache: { ttl: '5m' } }] },
    )
    const point = { cachePoint: { type: 'default' } }
    const { made } = write(asked)
    assert.deepEqual(contentOf(made, 2)[1], point)
    assert.deepEqual((made.toolConfig as JsonObject | undefined)?.tools, [
      { toolSpec: { name: 'look', description: 'Looks somewhere.', inputSchema: { json: SCHEMA } } },
      { cachePoint: { type: 'default', ttl: '5m' } },
    ])
    assert.deepEqual(write(asked, NOVA).warned, ['cache_control'])
  })

  test('a document never stands alone, and no two have one name', () => {
    const file: Part = {
      kind: 'file',
      source: { kind: 'bytes', mime: 'text/plain', base64: 'YQ==' },
      name: 'a.txt',
    }
    const document = (name: string): Json => ({
      document: { name, format: 'txt', source: { bytes: 'YQ==' } },
    })
    assert.deepEqual(messagesOf(write(request([turn('user', file, file)])).made)[0]?.content, [
      document('a'),
      document('a 2'),
      { text: 'See the attached document.' },
    ])
  })

  test('a summary is told as one', () => {
    assert.match(
      JSON.stringify(named('a summary in the history').made),
      /before this point:\\n\\nThey met at midnight\./,
    )
  })
})

describe('an answer of a given form', () => {
  test('by the model’s own means', () => {
    assert.deepEqual(named('an answer as a schema', NEW), {
      made: {
        messages: [HELLO],
        outputConfig: {
          textFormat: {
            type: 'json_schema',
            structure: {
              jsonSchema: { schema: JSON.stringify(SCHEMA), name: 'place', description: 'Where.' },
            },
          },
        },
      },
      warned: [],
      lost: [],
    })
  })

  test('objects of the schema are closed, all the way down', () => {
    const inner = {
      type: 'object',
      properties: { a: { type: 'array', items: { type: 'object', properties: {} } } },
    }
    const { made } = write(request([ASKED], { format: { kind: 'schema', name: 'x', schema: inner } }), NEW)
    assert.match(
      JSON.stringify(made.outputConfig),
      /\\"additionalProperties\\":false.*\\"additionalProperties\\":false/,
    )
    checkConverse(made)
  })

  test('an open object cannot be promised: the model is made to call a tool', () => {
    const schema = { type: 'object', additionalProperties: { type: 'string' } }
    const { made } = write(request([ASKED], { format: { kind: 'schema', name: 'x', schema } }), NEW)
    assert.equal(made.outputConfig, undefined)
    assert.match(JSON.stringify(made.toolConfig), /"toolChoice":\{"tool":/)
  })

  test('as a tool where the model can be made to call one', () => {
    const { additionalProperties: _, ...open } = SCHEMA
    // At its top Nova takes no word of other members.
    for (const [model, schema] of [[CLAUDE, SCHEMA] as const, [NOVA, open] as const])
      assert.deepEqual(named('an answer as a schema', model), {
        made: {
          messages: [HELLO],
          toolConfig: {
            tools: [
              {
                toolSpec: {
                  name: 'understudy_json_answer',
                  description: 'Where.',
                  inputSchema: { json: schema },
                },
              },
            ],
            toolChoice: { tool: { name: 'understudy_json_answer' } },
          },
        },
        warned: [],
        lost: [],
      })
  })

  test('in words where there are tools already, the model shall think, cannot be made to, or any JSON will do', () => {
    const asked = REQUESTS['an answer as a schema'] ?? request([])
    const inWords: readonly (readonly [NeutralRequest, string])[] = [
      [{ ...asked, tools: [LOOK] }, CLAUDE],
      [{ ...asked, effort: 'low' }, CLAUDE],
      [asked, LLAMA],
      [REQUESTS['an answer as JSON'] ?? request([]), NEW],
    ]
    for (const [each, model] of inWords) {
      const { made, warned, lost } = write(each, model)
      assert.match(JSON.stringify(made.system), /Answer with (one JSON object|JSON) and nothing else\./)
      assert.deepEqual([warned, lost], [['response_format'], []])
    }
  })

  test('a strict tool is strict where the model can be held to it', () => {
    assert.match(JSON.stringify(named('a strict tool', NEW).made), /"strict":true/)
    assert.deepEqual(named('a strict tool').warned, ['tools[].function.strict'])
  })
})

describe('thinking and sampling', () => {
  const fields = (more: Partial<NeutralRequest>, model = CLAUDE) => {
    const { made, warned, lost } = write(request([ASKED], more), model)
    return { fields: made.additionalModelRequestFields, inference: made.inferenceConfig, warned, lost }
  }
  const none = { fields: undefined, inference: undefined, warned: [], lost: [] }
  const budget = (tokens: number): JsonObject => ({ thinking: { type: 'enabled', budget_tokens: tokens } })

  test('a count of tokens is more precise than an effort', () => {
    assert.deepEqual(fields({ thinkingTokens: 3000, effort: 'low' }), { ...none, fields: budget(3000) })
  })

  test('none is none', () => assert.deepEqual(fields({ effort: 'none', thinkingTokens: 3000 }), none))

  test('the newest Claude adapts to an effort', () => {
    const adaptive = (effort: string) => ({ thinking: { type: 'adaptive' }, output_config: { effort } })
    assert.deepEqual(fields({ effort: 'minimal' }, NEWEST).fields, adaptive('low'))
    assert.deepEqual(fields({ effort: 'xhigh' }, NEWEST).fields, adaptive('xhigh'))
    assert.deepEqual(fields({ thinkingTokens: 4000 }, NEWEST).fields, adaptive('medium'))
    assert.deepEqual(fields({ effort: 'low', thoughts: 'shown' }, NEWEST).fields, {
      thinking: { type: 'adaptive', display: 'summarized' },
      output_config: { effort: 'low' },
    })
  })

  test('gpt-oss has three words', () => {
    const words = (['minimal', 'medium', 'max'] as const).map(
      effort => fields({ effort }, 'openai.gpt-oss-20b-1:0').fields,
    )
    assert.deepEqual(words, [
      { reasoning_effort: 'low' },
      { reasoning_effort: 'medium' },
      { reasoning_effort: 'high' },
    ])
  })

  test('who cannot think has lost what was asked for', () => {
    assert.deepEqual(fields({ effort: 'low' }, NOVA), { ...none, lost: ['reasoning_effort'] })
    assert.deepEqual(fields({ thinkingTokens: 2000 }, LLAMA), { ...none, lost: ['thinking'] })
  })

  test('a model that has to call a tool cannot think first', () => {
    const { made, warned } = write(
      request([ASKED], { tools: [LOOK], toolChoice: { kind: 'required' }, effort: 'high' }),
    )
    assert.deepEqual([made.additionalModelRequestFields, warned], [undefined, ['reasoning_effort']])
  })

  test('in a round trip that another provider began there is no thinking; one’s own goes on', () => {
    const trip = (...parts: Part[]): NeutralRequest =>
      request(
        [ASKED, turn('assistant', ...parts, call('a', 'look')), turn('user', result('a', 'look', 'x'))],
        {
          tools: [LOOK],
          effort: 'high',
        },
      )
    const own: Part = { kind: 'reasoning', text: 'hm', sealed: { issuer: 'messages', payload: 's' } }
    const foreign: Part = { kind: 'reasoning', text: 'hm', sealed: { issuer: 'responses', payload: 's' } }
    assert.deepEqual(write(trip(own)).made.additionalModelRequestFields, budget(4096))
    assert.equal(write(trip(foreign)).made.additionalModelRequestFields, undefined)
    assert.deepEqual(write(trip()).warned, ['reasoning_effort'])
  })

  test('who thinks has a temperature of its own', () => {
    assert.deepEqual(fields({ effort: 'low', temperature: 0.5, topP: 0.5, topK: 4 }), {
      ...none,
      fields: budget(1024),
      lost: ['temperature', 'top_p', 'top_k'],
    })
    assert.deepEqual(fields({ effort: 'low', temperature: 1, topP: 0.95 }).inference, { topP: 0.95 })
  })

  test('who is told to think in the model’s own words thinks as well', () => {
    const rest = { thinking: { type: 'adaptive' } }
    assert.deepEqual(fields({ rest, temperature: 0.5 }), { ...none, fields: rest, lost: ['temperature'] })
  })

  test('what a generation does not take', () => {
    assert.deepEqual(fields({ temperature: 0.5, topP: 0.5 }, NEW), {
      ...none,
      inference: { temperature: 0.5 },
      lost: ['top_p'],
    })
    assert.deepEqual(fields({ temperature: 0.5, topP: 1, topK: 4 }, NEWEST), {
      ...none,
      lost: ['temperature', 'top_k'],
    })
    assert.deepEqual(fields({ temperature: 1.5 }), {
      ...none,
      inference: { temperature: 1 },
      warned: ['temperature'],
    })
    assert.deepEqual(fields({ topK: 4 }, NOVA).fields, { inferenceConfig: { topK: 4 } })
  })

  test('stops of white space alone are lost', () => {
    assert.deepEqual(fields({ stop: ['END', '\n'] }), {
      ...none,
      inference: { stopSequences: ['END'] },
      lost: ['stop'],
    })
  })

  test('metadata that Converse would refuse stays here', () => {
    const { made, warned } = write(
      request([ASKED], { metadata: { team: 'a', why: 'é', long: 'x'.repeat(300) } }),
    )
    assert.deepEqual([made.requestMetadata, warned], [{ team: 'a' }, ['metadata']])
  })

  test('names of other dialects are lost; what nobody has published is the model’s own', () => {
    const { made, lost } = write(
      request([ASKED], { rest: { max_tool_calls: 3, reasoning_config: { a: 1 } } }),
    )
    assert.deepEqual(
      [made.additionalModelRequestFields, lost],
      [{ reasoning_config: { a: 1 } }, ['max_tool_calls']],
    )
  })
})

describe('what goes out is Converse', () => {
  const refused = new Set(['audio', 'images'])
  for (const [name, asked] of Object.entries(REQUESTS)) {
    if (refused.has(name)) {
      test(`${name} cannot be`, () => assert.throws(() => write(asked), Unsupported))
      continue
    }
    for (const model of [CLAUDE, NEW, NEWEST, NOVA, LLAMA, 'mistral.mistral-large-2407-v1:0'])
      test(`${name} to ${model}`, () => void checkConverse(write(asked, model).made))
  }

  test('property: any conversation is taken', () => {
    fc.assert(
      fc.property(anyRequest, fc.constantFrom(CLAUDE, NEW, NEWEST, NOVA, LLAMA), (asked, model) => {
        checkConverse(JSON.parse(JSON.stringify(write(asked, model).made)) as Json)
      }),
    )
  })

  test('nothing is declared that was not asked for', () => {
    assert.equal(named('a plain question').made.toolConfig, undefined)
    assert.equal(
      write(request([ASKED], { tools: [PATCH], toolChoice: { kind: 'none' } })).made.toolConfig,
      undefined,
    )
  })
})
