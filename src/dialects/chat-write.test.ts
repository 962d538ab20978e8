import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Unsupported } from '../providers/provider.ts'
import type { Json, JsonObject } from '../wire/json.ts'
import { losing } from './chat.fixture.ts'
import { readChat } from './chat-request.ts'
import { writeChat } from './chat-write.ts'
import { collectLosses } from './losses.ts'
import {
  call,
  LONG_ID,
  LOOK,
  PATCH,
  REQUESTS,
  request,
  result,
  SCHEMA,
  turn,
  WAIT,
} from './neutral.fixture.ts'
import type { NeutralRequest, Part, Target, Turn } from './neutral.ts'
import { anyRequest } from './neutral-any.fixture.ts'
import { withJsonSaid } from './openai-limits.ts'

const write = (asked: NeutralRequest, more: Partial<Target> = {}) =>
  losing(losses => writeChat(asked, { model: 'm', allowedParams: [], ...more }, losses))
const bodyOf = (name: string, more: Partial<Target> = {}): JsonObject => {
  const asked = REQUESTS[name]
  assert.ok(asked)
  return write(asked, more).made
}
const HELLO: Json = { role: 'user', content: 'Who is there?' }
const lookCall = (id: string, input = '{"at":"left"}'): Json => ({
  id,
  type: 'function',
  function: { name: 'look', arguments: input },
})
const waitCall = (id: string): Json => ({ id, type: 'function', function: { name: 'wait', arguments: '{}' } })
const answered = (id: string, content: string): Json => ({ role: 'tool', tool_call_id: id, content })

describe('messages that any server takes', () => {
  const rows: readonly (readonly [name: string, messages: readonly Json[]])[] = [
    ['a plain question', [HELLO]],
    [
      'a late system turn',
      [
        HELLO,
        { role: 'assistant', content: 'Bernardo.' },
        { role: 'system', content: 'Stop.' },
        { role: 'user', content: 'So?' },
      ],
    ],
    [
      'several texts in one turn',
      [
        { role: 'system', content: 'One.\nTwo.' },
        { role: 'user', content: 'Three.\nFour.' },
      ],
    ],
    [
      'parallel calls with their results',
      [
        HELLO,
        { role: 'assistant', content: 'I look.', tool_calls: [lookCall('call_1'), waitCall('call_2')] },
        answered('call_1', 'a tree'),
        answered('call_2', 'a wall'),
        { role: 'user', content: 'And now?' },
      ],
    ],
    [
      'each call and each result a turn of its own',
      [
        HELLO,
        { role: 'assistant', content: null, tool_calls: [lookCall('call_1'), waitCall('call_2')] },
        answered('call_1', 'a tree'),
        answered('call_2', 'a wall'),
      ],
    ],
    [
      'a tool that failed',
      [
        HELLO,
        { role: 'assistant', content: null, tool_calls: [lookCall('call_1')] },
        answered('call_1', 'The tool failed: no light'),
      ],
    ],
    [
      'a tool that says nothing',
      [HELLO, { role: 'assistant', content: null, tool_calls: [waitCall('call_1')] }, answered('call_1', '')],
    ],
    [
      'a refusal in the history',
      [HELLO, { role: 'assistant', content: null, refusal: 'No.' }, { role: 'user', content: 'Why?' }],
    ],
    [
      'a summary in the history',
      [
        {
          role: 'user',
          content: 'Summary of the conversation before this point:\n\nThey met at midnight.',
        },
        { role: 'user', content: 'And then?' },
      ],
    ],
    [
      'cache marks',
      [
        { role: 'system', content: 'A long part.' },
        { role: 'user', content: 'A long question.' },
      ],
    ],
    [
      'thoughts of every issuer',
      [HELLO, { role: 'assistant', content: 'So.' }, { role: 'user', content: 'And?' }],
    ],
  ]
  for (const [name, messages] of rows) test(name, () => assert.deepEqual(bodyOf(name).messages, messages))

  test('pictures of a tool come behind all results, in a message of the user', () => {
    const picture = (base64: string): Part => ({
      kind: 'image',
      source: { kind: 'bytes', mime: 'image/png', base64 },
    })
    const { made } = write(
      request([
        turn('assistant', call('call_1', 'look'), call('call_2', 'look')),
        turn(
          'user',
          {
            ...result('call_1', 'look', 'here'),
            content: [{ kind: 'text', text: 'here' }, picture('AAAA')],
          } as Part,
          'Well?',
        ),
        turn('system', 'Hush.'),
        turn('user', { ...result('call_2', 'look', ''), content: [picture('BBBB')] } as Part),
      ]),
    )
    assert.deepEqual(made.messages, [
      { role: 'assistant', content: null, tool_calls: [lookCall('call_1'), lookCall('call_2')] },
      answered('call_1', 'here'),
      answered('call_2', 'What the tool returned follows in the next message.'),
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Returned by the tool look:' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
          { type: 'text', text: 'Returned by the tool look:' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,BBBB' } },
        ],
      },
      { role: 'user', content: 'Well?' },
      { role: 'system', content: 'Hush.' },
    ])
  })

  test('images, files and audio are parts', () => {
    const content: Part[] = [
      { kind: 'text', text: 'See.' },
      { kind: 'image', source: { kind: 'url', url: 'https://stage.example/a.png' }, detail: 'original' },
      { kind: 'file', source: { kind: 'bytes', mime: 'application/pdf', base64: 'AAAA' } },
      { kind: 'audio', mime: 'audio/mpeg', base64: 'SUQz' },
    ]
    assert.deepEqual(write(request([turn('user', ...content)])).made.messages, [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'See.' },
          { type: 'image_url', image_url: { url: 'https://stage.example/a.png', detail: 'high' } },
          { type: 'file', file: { filename: 'file.pdf', file_data: 'data:application/pdf;base64,AAAA' } },
          { type: 'input_audio', input_audio: { data: 'SUQz', format: 'mp3' } },
        ],
      },
    ])
  })

  test('an id too long for a call becomes the same shorter one in call and result', () => {
    const messages = JSON.stringify(bodyOf('the longest id').messages)
    const [first, second, ...more] = messages.match(/"(?:tool_call_)?id":"[^"]+"/g) ?? []
    assert.equal(second, first?.replace('"id"', '"tool_call_id"'))
    assert.match(first ?? '', /^"id":"call_[A-Za-z0-9]{24}"$/)
    assert.deepEqual([messages.includes(LONG_ID), more], [false, []])
    assert.match(
      JSON.stringify(bodyOf('the longest id', { model: 'open-mixtral-8x7b' })),
      /"id":"[A-Za-z0-9]{9}"/,
    )
  })

  test('a custom tool is a function of one text, unless the server knows custom tools', () => {
    const asFunction = bodyOf('a custom tool and its round trip')
    assert.match(JSON.stringify(asFunction.tools), /"required":\["input"\]/)
    assert.match(JSON.stringify(asFunction.messages), /"arguments":"{\\"input\\":\\"\*\*\* \\\\\\"Begin/)
    const asCustom = bodyOf('a custom tool and its round trip', { customTools: true })
    assert.deepEqual(asCustom.tools, [
      { type: 'custom', custom: { name: 'apply_patch', description: 'Applies a patch.' } },
    ])
    assert.deepEqual((asCustom.messages as readonly JsonObject[])[1]?.tool_calls, [
      { id: 'call_1', type: 'custom', custom: { name: 'apply_patch', input: '*** "Begin"\n' } },
    ])
  })

  test('thoughts go back only where the server wants them', () => {
    const { made, warned } = write(REQUESTS['thoughts of every issuer'] ?? request([]), {
      wantsReasoning: true,
    })
    assert.deepEqual((made.messages as readonly JsonObject[])[1], {
      role: 'assistant',
      content: 'So.',
      reasoning_content: 'responses thinksmessages thinksgemini thinksconverse thinksnobody seals this',
    })
    assert.deepEqual(warned, [])
    assert.deepEqual(write(REQUESTS['thoughts of every issuer'] ?? request([])).warned, [
      'messages[].reasoning_content',
    ])
  })

  const refused: readonly (readonly [what: string, part: Part, param: string])[] = [
    [
      'an image by id',
      { kind: 'image', source: { kind: 'id', id: 'x' } },
      'messages[0].content[1].image_url',
    ],
    ['a file by id', { kind: 'file', source: { kind: 'id', id: 'x' } }, 'messages[0].content[1].file'],
    ['a file by address', { kind: 'file', source: { kind: 'url', url: 'x' } }, 'messages[0].content[1].file'],
    ['odd audio', { kind: 'audio', mime: 'audio/ogg', base64: '' }, 'messages[0].content[1].input_audio'],
  ]
  for (const [what, part, param] of refused)
    test(`${what} is refused by name`, () =>
      assert.throws(
        () => write(request([turn('user', 'See.', part)])),
        (error: unknown) => error instanceof Unsupported && error.param === param,
      ))

  test('a picture in a system turn is refused', () => {
    const picture: Part = { kind: 'image', source: { kind: 'url', url: 'x' } }
    assert.throws(() => write(request([turn('system', picture)])), /text only/)
  })
})

describe('parameters', () => {
  const messages = [HELLO]
  const rows: readonly (readonly [name: string, body: JsonObject])[] = [
    ['sampling', { max_completion_tokens: 4000, temperature: 0.5, top_p: 0.25, stop: ['END', '##'] }],
    [
      'who asks',
      {
        metadata: { team: 'stage' },
        user: 'user-1',
        service_tier: 'priority',
        prompt_cache_key: 'cache-1',
        verbosity: 'low',
      },
    ],
    ['a stream with usage', { stream: true, stream_options: { include_usage: true } }],
    [
      'an answer as a schema',
      {
        response_format: {
          type: 'json_schema',
          json_schema: { name: 'place', description: 'Where.', schema: SCHEMA, strict: true },
        },
      },
    ],
    ['effort', { reasoning_effort: 'low' }],
    ['thinking counted out', { max_completion_tokens: 8000, reasoning_effort: 'low' }],
    [
      'any tool, one at a time',
      {
        tools: [
          {
            type: 'function',
            function: { name: 'look', description: 'Looks somewhere.', parameters: SCHEMA },
          },
        ],
        tool_choice: 'required',
        parallel_tool_calls: false,
      },
    ],
    [
      'some of the tools',
      {
        tools: [
          {
            type: 'function',
            function: { name: 'look', description: 'Looks somewhere.', parameters: SCHEMA },
          },
        ],
        tool_choice: 'required',
      },
    ],
  ]
  for (const [name, body] of rows)
    test(name, () => assert.deepEqual(bodyOf(name), { model: 'm', messages, ...body }))

  test('every number; top_k is no parameter of chat, unless the operator says so', () => {
    const asked = REQUESTS['every number'] ?? request([])
    const numbers = {
      seed: 7,
      presence_penalty: 0.5,
      frequency_penalty: -0.5,
      logit_bias: { '50256': -100 },
      logprobs: true,
      top_logprobs: 2,
    }
    assert.deepEqual(write(asked), {
      made: { model: 'm', messages, ...numbers },
      warned: [],
      lost: ['top_k'],
    })
    assert.equal(write(asked, { allowedParams: ['top_k'] }).made.top_k, 40)
  })

  test('a strict tool says so; a choice without tools is none', () => {
    assert.match(JSON.stringify(bodyOf('a strict tool').tools), /"strict":true/)
    const { made } = write(
      request([turn('user', 'Who is there?')], { toolChoice: { kind: 'auto' }, parallelCalls: true }),
    )
    assert.deepEqual(made, { model: 'm', messages })
  })

  test('the older limit, and a limit where the client gave none', () => {
    assert.equal(bodyOf('sampling', { limitName: 'max_tokens' }).max_tokens, 4000)
    assert.equal(bodyOf('a plain question', { maxTokens: 100 }).max_completion_tokens, 100)
  })

  test('what chat has published goes on, the rest is lost by name', () => {
    const rest = { store: true, web_search_options: {}, top_a: 1, audio: {}, n: 2, nothing: null }
    const { made, lost } = write(request([], { rest }), { allowedParams: ['top_a'] })
    assert.deepEqual(made, { model: 'm', messages: [], store: true, web_search_options: {}, top_a: 1 })
    assert.deepEqual(lost, ['audio', 'n'])
  })

  test('thoughts that are asked for and a counted budget are told as what they became', () => {
    assert.deepEqual(write(request([], { thoughts: 'shown', thinkingTokens: 12_000 })), {
      made: { model: 'm', messages: [], reasoning_effort: 'high' },
      warned: ['reasoning.summary', 'thinking.budget_tokens'],
      lost: [],
    })
  })
})

describe('there and back', () => {
  const target: Target = { model: 'm', allowedParams: ['top_k'], customTools: true }
  const there = (asked: NeutralRequest): JsonObject => writeChat(asked, target, collectLosses())
  const back = (body: JsonObject): NeutralRequest => readChat(body, collectLosses())

  /** Texts that stand together are one text with a line break; results are a turn each; nothing is left of an empty turn. */
  const plain = (turns: readonly Turn[]): readonly Turn[] =>
    turns.flatMap(({ role, parts }) => {
      const results = parts.filter(part => part.kind === 'result')
      const others = parts.filter(part => part.kind !== 'result')
      const texts = others.flatMap(part => (part.kind === 'text' ? [part.text] : []))
      const joined =
        role === 'user' && texts.length === others.length
          ? [turn(role, texts.join('\n'))]
          : [turn(role, ...others)]
      return [...results.map(each => turn(role, each)), ...(others.length === 0 ? [] : joined)]
    })
  /** Ids that OpenAI would refuse are renamed: what is left is which result belongs to which call. */
  const unnamed = (turns: readonly Turn[]): readonly Turn[] => {
    const names = new Map<string, string>()
    const nameOf = (id: string) => names.get(id) ?? names.set(id, `call ${names.size}`).get(id) ?? id
    return turns.map(({ role, parts }) => ({
      role,
      parts: parts.map(part => ('id' in part ? { ...part, id: nameOf(part.id) } : part)),
    }))
  }
  const filled = (turns: readonly Turn[]): readonly Turn[] =>
    turns.map(({ role, parts }) => ({
      role,
      parts: parts.map(part => (part.kind === 'call' && part.input === '' ? { ...part, input: '{}' } : part)),
    }))

  test('property: a conversation is the same conversation', () => {
    fc.assert(
      fc.property(anyRequest, asked => {
        const returned = back(there(asked))
        const sent = filled(plain(withJsonSaid(asked, collectLosses())))
        assert.deepEqual(unnamed(returned.turns), unnamed(sent))
        assert.deepEqual({ ...returned, turns: [] }, { ...asked, turns: [] })
      }),
    )
  })

  for (const [name, asked] of Object.entries(REQUESTS)) {
    test(`${name}: written again it is the same`, () => {
      const once = there(asked)
      assert.deepEqual(there(back(once)), once)
    })
  }

  test('all tools and settings come back', () => {
    const asked = request([turn('user', 'a')], {
      tools: [LOOK, WAIT, PATCH],
      toolChoice: { kind: 'tool', name: 'apply_patch' },
    })
    assert.deepEqual(back(there(asked)), asked)
  })
})
