import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Unsupported } from '../providers/provider.ts'
import type { Json, JsonObject } from '../wire/json.ts'
import { collectLosses } from './losses.ts'
import type { NeutralRequest, Part, Turn } from './neutral.ts'
import { readResponsesRequest } from './responses-request.ts'

const read = (body: JsonObject): NeutralRequest => readResponsesRequest(body, collectLosses())
const lossesOf = (body: JsonObject) => {
  const losses = collectLosses()
  readResponsesRequest(body, losses)
  return losses.found()
}
const turnsOf = (...input: readonly Json[]): readonly Turn[] => read({ model: 'g', input }).turns
const user = (...parts: readonly Part[]): Turn => ({ role: 'user', parts })
const text = (words: string): Part => ({ kind: 'text', text: words })
const say = (role: string, content: Json): JsonObject => ({ role, content })

describe('items', () => {
  const rows: readonly (readonly [what: string, input: readonly Json[], turns: readonly Turn[]])[] = [
    [
      'messages of every role, with text or parts',
      [
        say('developer', 'Be kind.'),
        { type: 'message', ...say('system', [{ type: 'input_text', text: 'Be brief.' }]) },
        say('user', [
          { type: 'input_text', text: 'Look:', prompt_cache_breakpoint: { mode: 'explicit' } },
          { type: 'input_image', image_url: 'data:image/png;base64,AAAA', detail: 'high' },
          { type: 'input_image', image_url: 'https://x.test/a.png' },
          { type: 'input_image', file_id: 'file-1' },
        ]),
        {
          id: 'msg_1',
          status: 'completed',
          ...say('assistant', [
            { type: 'output_text', text: 'Seen.', annotations: [], logprobs: [] },
            { type: 'refusal', refusal: 'No more.' },
          ]),
        },
      ],
      [
        { role: 'system', parts: [text('Be kind.')] },
        { role: 'system', parts: [text('Be brief.')] },
        user(
          { kind: 'text', text: 'Look:', cache: {} },
          { kind: 'image', source: { kind: 'bytes', mime: 'image/png', base64: 'AAAA' }, detail: 'high' },
          { kind: 'image', source: { kind: 'url', url: 'https://x.test/a.png' } },
          { kind: 'image', source: { kind: 'id', id: 'file-1' } },
        ),
        { role: 'assistant', parts: [text('Seen.'), { kind: 'refusal', text: 'No more.' }] },
      ],
    ],
    [
      'files and sound',
      [
        say('user', [
          { type: 'input_file', filename: 'a.pdf', file_data: 'data:application/pdf;base64,BBBB' },
          { type: 'input_file', filename: 'b.csv', file_data: 'CCCC' },
          { type: 'input_file', file_url: 'https://x.test/c.pdf' },
          { type: 'input_file', file_id: 'file-2' },
          { type: 'input_audio', input_audio: { data: 'DDDD', format: 'mp3' } },
        ]),
      ],
      [
        user(
          { kind: 'file', source: { kind: 'bytes', mime: 'application/pdf', base64: 'BBBB' }, name: 'a.pdf' },
          { kind: 'file', source: { kind: 'bytes', mime: 'text/csv', base64: 'CCCC' }, name: 'b.csv' },
          { kind: 'file', source: { kind: 'url', url: 'https://x.test/c.pdf' } },
          { kind: 'file', source: { kind: 'id', id: 'file-2' } },
          { kind: 'audio', mime: 'audio/mpeg', base64: 'DDDD' },
        ),
      ],
    ],
    [
      'a turn of the model is one, and so are the results that follow it',
      [
        say('user', 'Go.'),
        {
          type: 'reasoning',
          id: 'rs_1',
          summary: [{ type: 'summary_text', text: 'Hm.' }],
          encrypted_content: 'gAAA',
        },
        say('assistant', 'I look.'),
        { type: 'function_call', call_id: 'call_a', name: 'look', arguments: '{"at":1.0}' },
        { type: 'custom_tool_call', call_id: 'call_b', name: 'patch', input: '*** Begin' },
        { type: 'function_call_output', call_id: 'call_a', output: 'a tree' },
        {
          type: 'custom_tool_call_output',
          call_id: 'call_b',
          output: [
            { type: 'input_text', text: 'done' },
            { type: 'input_image', image_url: 'data:image/png;base64,AAAA' },
          ],
        },
        say('user', 'And now?'),
      ],
      [
        user(text('Go.')),
        {
          role: 'assistant',
          parts: [
            { kind: 'reasoning', text: 'Hm.', sealed: { issuer: 'responses', payload: 'rs_1:gAAA' } },
            text('I look.'),
            { kind: 'call', id: 'call_a', name: 'look', input: '{"at":1.0}' },
            { kind: 'call', id: 'call_b', name: 'patch', input: '*** Begin', custom: true },
          ],
        },
        user(
          { kind: 'result', id: 'call_a', name: 'look', content: [{ kind: 'text', text: 'a tree' }] },
          {
            kind: 'result',
            id: 'call_b',
            name: 'patch',
            content: [
              { kind: 'text', text: 'done' },
              { kind: 'image', source: { kind: 'bytes', mime: 'image/png', base64: 'AAAA' } },
            ],
            custom: true,
          },
        ),
        user(text('And now?')),
      ],
    ],
    [
      'two messages of the model are two turns',
      [say('assistant', 'One.'), say('assistant', 'Two.')],
      [
        { role: 'assistant', parts: [text('One.')] },
        { role: 'assistant', parts: [text('Two.')] },
      ],
    ],
    [
      'what hosted tools did is told as text',
      [
        {
          type: 'web_search_call',
          id: 'ws_1',
          status: 'completed',
          action: { type: 'search', query: 'trees' },
        },
        {
          type: 'computer_call_output',
          call_id: 'c',
          output: { type: 'computer_screenshot', image_url: 'https://x.test/s.png' },
        },
        { type: 'local_shell_call_output', id: 'l', output: 'ok' },
      ],
      [
        {
          role: 'assistant',
          parts: [text('[web_search_call] {"action":{"type":"search","query":"trees"}}')],
        },
        user(text('[computer_call_output]'), {
          kind: 'image',
          source: { kind: 'url', url: 'https://x.test/s.png' },
        }),
        user(text('[local_shell_call_output] {"output":"ok"}')),
      ],
    ],
    [
      'a foreign seal is opened, and a mark without one holds nothing but the thought',
      [
        {
          type: 'reasoning',
          id: 'rs_understudy_u1_0',
          summary: [],
          encrypted_content: `understudy.r1.${Buffer.from('{"issuer":"messages","payload":"sig","redacted":true}').toString('base64url')}`,
        },
        {
          type: 'reasoning',
          id: 'rs_understudy_u1_1',
          summary: [{ type: 'summary_text', text: 'Hm.' }],
          encrypted_content: `understudy.r1.${Buffer.from('{"issuer":"chat","payload":""}').toString('base64url')}`,
        },
      ],
      [
        {
          role: 'assistant',
          parts: [
            { kind: 'reasoning', text: '', sealed: { issuer: 'messages', payload: 'sig', redacted: true } },
            { kind: 'reasoning', text: 'Hm.' },
          ],
        },
      ],
    ],
  ]
  for (const [what, input, turns] of rows)
    test(what, () => {
      assert.deepEqual(turnsOf(...input), turns)
    })

  test('a text is what the user says, and instructions come before it', () => {
    assert.deepEqual(read({ model: 'g', input: 'hi', instructions: 'Be kind.' }).turns, [
      { role: 'system', parts: [text('Be kind.')] },
      user(text('hi')),
    ])
  })
})

describe('what cannot be carried is refused by its name', () => {
  const item = (members: JsonObject): JsonObject => ({ input: [say('user', 'hi'), members] })
  const rows: readonly (readonly [param: string, body: JsonObject])[] = [
    ['previous_response_id', { input: 'hi', previous_response_id: 'resp_1' }],
    ['conversation', { input: 'hi', conversation: { id: 'conv_1' } }],
    ['prompt', { prompt: { id: 'pmpt_1' }, input: 'hi' }],
    ['background', { input: 'hi', background: true }],
    ['input', { instructions: 'hi' }],
    ['input[1].id', item({ type: 'item_reference', id: 'rs_1' })],
    ['input[1].encrypted_content', item({ type: 'compaction', encrypted_content: 'gAAA' })],
    ['input[1].encrypted_content', item({ type: 'compaction', encrypted_content: 'gwc1.AAA' })],
    ['input[1].type', item({ type: 'compaction_trigger' })],
    ['input[1].type', item({ type: 'x_item', content: 'hi' })],
    ['input[1].role', item({ type: 'message', role: 'critic', content: 'hi' })],
    ['input[1].call_id', item({ type: 'function_call_output', output: 'x' })],
    ['input[1].content[0].type', item(say('user', [{ type: 'input_video' }]))],
    ['tool_choice.type', { input: 'hi', tool_choice: { type: 'file_search' } }],
    [
      'tool_choice.tools[0].type',
      {
        input: 'hi',
        tool_choice: { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'mcp', server_label: 'm' }] },
      },
    ],
    ['text.format.type', { input: 'hi', text: { format: { type: 'grammar' } } }],
  ]
  for (const [param, body] of rows)
    test(`${param}: ${JSON.stringify(body).slice(0, 60)}`, () => {
      assert.throws(
        () => read(body),
        (error: unknown) => error instanceof Unsupported && error.param === param,
      )
    })
})

describe('parameters', () => {
  test('every one that has a meaning elsewhere is read', () => {
    const schema = { type: 'object', properties: { a: { type: 'string' } } }
    const { turns: _, ...rest } = read({
      model: 'g',
      input: 'hi',
      max_output_tokens: 100,
      temperature: 0.5,
      top_p: 0.25,
      top_logprobs: 3,
      presence_penalty: 0.1,
      frequency_penalty: 0.2,
      parallel_tool_calls: false,
      metadata: { a: 'b' },
      user: 'me',
      service_tier: 'flex',
      prompt_cache_key: 'key',
      stream: true,
      store: false,
      truncation: 'disabled',
      background: false,
      previous_response_id: null,
      reasoning: { effort: 'xhigh', summary: 'auto' },
      text: { format: { type: 'json_schema', name: 's', schema, strict: true }, verbosity: 'low' },
      include: ['reasoning.encrypted_content', 'message.output_text.logprobs'],
      tools: [
        { type: 'function', name: 'look', description: 'Looks.', parameters: schema, strict: true },
        { type: 'function', name: 'wait', parameters: null, strict: null },
        { type: 'custom', name: 'patch', format: { type: 'text' } },
        { type: 'namespace', name: 'files', tools: [{ type: 'function', name: 'open', parameters: schema }] },
      ],
      tool_choice: {
        type: 'allowed_tools',
        mode: 'required',
        tools: [
          { type: 'function', name: 'look' },
          { type: 'function', name: 'open', namespace: 'files' },
        ],
      },
      x_unknown: 1,
    })
    assert.deepEqual(rest, {
      maxTokens: 100,
      temperature: 0.5,
      topP: 0.25,
      logprobs: 3,
      presencePenalty: 0.1,
      frequencyPenalty: 0.2,
      parallelCalls: false,
      metadata: { a: 'b' },
      user: 'me',
      serviceTier: 'flex',
      cacheKey: 'key',
      stream: true,
      streamUsage: true,
      effort: 'xhigh',
      thoughts: 'shown',
      format: { kind: 'schema', name: 's', schema, strict: true },
      verbosity: 'low',
      tools: [
        { name: 'look', description: 'Looks.', schema, strict: true },
        { name: 'wait', schema: { type: 'object', properties: {} } },
        { name: 'patch', format: { type: 'text' } },
        { name: 'files__open', schema },
      ],
      toolChoice: { kind: 'allowed', names: ['look', 'files__open'], required: true },
      rest: { x_unknown: 1 },
    })
  })

  test('a choice of one tool, inside a namespace too', () => {
    assert.deepEqual(read({ input: 'hi', tool_choice: { type: 'custom', name: 'patch' } }).toolChoice, {
      kind: 'tool',
      name: 'patch',
    })
    assert.deepEqual(
      read({ input: 'hi', tool_choice: { type: 'function', name: 'open', namespace: 'files' } }).toolChoice,
      { kind: 'tool', name: 'files__open' },
    )
  })

  test('a name that is too long once it is flat is cut, the same way every time', () => {
    const long = 'a'.repeat(60)
    const tools = [{ type: 'namespace', name: 'files', tools: [{ type: 'function', name: long }] }]
    const [turn] = read({
      input: [{ type: 'function_call', call_id: 'c', name: long, namespace: 'files', arguments: '{}' }],
      tools,
    }).turns
    const [tool] = read({ input: 'hi', tools }).tools ?? []
    assert.equal(tool?.name.length, 64)
    assert.deepEqual(turn?.parts[0]?.kind === 'call' && turn.parts[0].name, tool?.name)
  })

  test('tools and settings that items bring are the request\u2019s', () => {
    const request = read({
      input: [
        say('user', 'hi'),
        { type: 'additional_tools', role: 'developer', tools: [{ type: 'function', name: 'more' }] },
        {
          type: 'configuration_update',
          reasoning: { effort: 'low' },
          text: { format: { type: 'json_object' } },
        },
      ],
      reasoning: { effort: 'high' },
    })
    assert.deepEqual(
      request.tools?.map(tool => tool.name),
      ['more'],
    )
    assert.equal(request.effort, 'low')
    assert.deepEqual(request.format, { kind: 'json' })
    assert.equal(request.turns.length, 1)
  })

  test('a parameter that is named like a member of every object is one that nobody knows', () => {
    for (const name of ['constructor', 'toString', 'hasOwnProperty'])
      assert.deepEqual(read({ input: 'hi', [name]: 1 }).rest, { [name]: 1 })
  })

  test('two names for one user are both kept, equal ones once', () => {
    assert.deepEqual(read({ input: 'hi', user: 'a', safety_identifier: 'b' }).rest, {
      safety_identifier: 'b',
    })
    const same = read({ input: 'hi', safety_identifier: 'a', user: 'a' })
    assert.deepEqual([same.user, same.rest], ['a', {}])
  })

  test('what is left behind is told: what an agent sends beside its request leaves the answer as it was', () => {
    const { warnings, lost } = lossesOf({
      input: [
        { ...say('user', 'hi'), internal_chat_message_metadata_passthrough: { a: 1 }, phase: 'commentary' },
      ],
      client_metadata: { id: 'x' },
      truncation: 'auto',
      store: true,
      max_tool_calls: 3,
      context_management: [{ type: 'compaction', compact_threshold: 1000 }],
      include: ['web_search_call.action.sources'],
      stream_options: { include_obfuscation: false },
    })
    assert.deepEqual(lost, [])
    assert.deepEqual(
      warnings.map(warning => warning.lost),
      [
        'client_metadata',
        'truncation',
        'store',
        'max_tool_calls',
        'context_management',
        'include: web_search_call.action.sources',
        'input[].phase',
        'input[].internal_chat_message_metadata_passthrough',
      ],
    )
  })

  test('a filter that the client asked for is not dropped without a word', () => {
    assert.deepEqual(lossesOf({ input: 'hi', moderation: { model: 'm' } }).lost, ['moderation'])
  })
})
