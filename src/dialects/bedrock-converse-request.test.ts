import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Unsupported } from '../providers/provider.ts'
import { checkConverse } from '../stage/bedrock-rules.ts'
import type { Json, JsonObject } from '../wire/json.ts'
import { CLAUDE } from './bedrock-converse.fixture.ts'
import { writeConverse } from './bedrock-converse-request.ts'
import { readChat } from './chat-request.ts'
import { collectLosses } from './losses.ts'

/** What a chat client asks, as Converse. */
const translate = (request: JsonObject, more: { model?: string; allowedParams?: readonly string[] } = {}) => {
  const losses = collectLosses()
  const target = { model: CLAUDE, allowedParams: [], ...more }
  const body = writeConverse(readChat(request, losses), target, losses)
  return { body, ...losses.found() }
}

const hello = { messages: [{ role: 'user', content: 'hi' }] }
const user = { role: 'user', content: [{ text: 'hi' }] }

describe('requests', () => {
  const look = { type: 'object', properties: { at: { type: 'string' } }, required: ['at'] }
  const lookTool = { type: 'function', function: { name: 'look', description: 'Looks.', parameters: look } }
  const lookSpec = { toolSpec: { name: 'look', description: 'Looks.', inputSchema: { json: look } } }
  const call = (id: string, args: string): Json => ({
    id,
    type: 'function',
    function: { name: 'look', arguments: args },
  })
  const use = (id: string, input: Json): Json => ({ toolUse: { toolUseId: id, name: 'look', input } })
  const result = (id: string, text: string): Json => ({ toolResult: { toolUseId: id, content: [{ text }] } })

  const pairs: readonly (readonly [what: string, chat: JsonObject, converse: JsonObject])[] = [
    ['a plain question', { model: 'g', ...hello }, { messages: [user] }],
    [
      'system prompts and sampling',
      {
        messages: [
          { role: 'system', content: 'Be kind.' },
          { role: 'developer', content: [{ type: 'text', text: 'Be brief.' }] },
          ...hello.messages,
        ],
        max_tokens: 5,
        max_completion_tokens: 9,
        temperature: 0.5,
        top_p: 0.25,
        stop: 'END',
        stream: true,
        stream_options: { include_usage: true },
      },
      {
        messages: [user],
        system: [{ text: 'Be kind.' }, { text: 'Be brief.' }],
        inferenceConfig: { maxTokens: 9, temperature: 0.5, topP: 0.25, stopSequences: ['END'] },
      },
    ],
    [
      'a tool round trip: results of one turn in one message, before other content',
      {
        messages: [
          ...hello.messages,
          { role: 'assistant', content: 'I look.', tool_calls: [call('a', '{"at":"left"}'), call('b', '')] },
          { role: 'tool', tool_call_id: 'a', content: 'a tree' },
          { role: 'tool', tool_call_id: 'b', content: [{ type: 'text', text: 'a wall' }] },
          { role: 'user', content: 'And now?' },
        ],
        tools: [lookTool],
        tool_choice: 'auto',
      },
      {
        messages: [
          user,
          { role: 'assistant', content: [{ text: 'I look.' }, use('a', { at: 'left' }), use('b', {})] },
          { role: 'user', content: [result('a', 'a tree'), result('b', 'a wall'), { text: 'And now?' }] },
        ],
        toolConfig: { tools: [lookSpec] },
      },
    ],
    [
      'a forced tool',
      { ...hello, tools: [lookTool], tool_choice: { type: 'function', function: { name: 'look' } } },
      { messages: [user], toolConfig: { tools: [lookSpec], toolChoice: { tool: { name: 'look' } } } },
    ],
    [
      'any tool',
      {
        ...hello,
        tools: [{ type: 'function', function: { name: 'go', description: '' } }],
        tool_choice: 'required',
      },
      {
        messages: [user],
        toolConfig: {
          tools: [{ toolSpec: { name: 'go', inputSchema: { json: { type: 'object', properties: {} } } } }],
          toolChoice: { any: {} },
        },
      },
    ],
    ['no tool', { ...hello, tools: [lookTool], tool_choice: 'none' }, { messages: [user] }],
    [
      'some of the tools',
      {
        ...hello,
        tools: [lookTool, { type: 'function', function: { name: 'go' } }],
        tool_choice: {
          type: 'allowed_tools',
          allowed_tools: { mode: 'required', tools: [{ type: 'function', function: { name: 'look' } }] },
        },
      },
      { messages: [user], toolConfig: { tools: [lookSpec], toolChoice: { any: {} } } },
    ],
    [
      'images, documents, cache points',
      {
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text: 'See.', cache_control: { type: 'ephemeral', ttl: '1h' } },
              { type: 'image_url', image_url: { url: 'data:image/jpg;base64,AAAA', detail: 'auto' } },
              {
                type: 'file',
                file: { filename: 'my/report_1.pdf', file_data: 'data:application/pdf;base64,BBBB' },
              },
            ],
          },
        ],
      },
      {
        messages: [
          {
            role: 'user',
            content: [
              { text: 'See.' },
              { cachePoint: { type: 'default', ttl: '1h' } },
              { image: { format: 'jpeg', source: { bytes: 'AAAA' } } },
              { document: { name: 'my-report-1', format: 'pdf', source: { bytes: 'BBBB' } } },
            ],
          },
        ],
      },
    ],
    [
      'blank texts left out, neighbours merged',
      {
        messages: [
          { role: 'user', content: 'hi' },
          { role: 'assistant', content: null },
          {
            role: 'user',
            content: [
              { type: 'text', text: ' ' },
              { type: 'text', text: 'still here' },
            ],
          },
        ],
      },
      { messages: [{ role: 'user', content: [{ text: 'hi' }, { text: 'still here' }] }] },
    ],
    [
      'signed thinking comes back first',
      {
        messages: [
          ...hello.messages,
          {
            role: 'assistant',
            content: 'So.',
            thinking_blocks: [
              { type: 'thinking', thinking: 'hm', signature: 'sig' },
              { type: 'redacted_thinking', data: 'xx' },
            ],
          },
          ...hello.messages,
        ],
      },
      {
        messages: [
          user,
          {
            role: 'assistant',
            content: [
              { reasoningContent: { reasoningText: { text: 'hm', signature: 'sig' } } },
              { reasoningContent: { redactedContent: 'xx' } },
              { text: 'So.' },
            ],
          },
          user,
        ],
      },
    ],
    [
      'model parameters, native members, metadata, tier',
      {
        ...hello,
        top_k: 40,
        anthropic_beta: ['x'],
        guardrailConfig: { guardrailIdentifier: 'g', guardrailVersion: '1' },
        metadata: { team: 'a' },
        service_tier: 'priority',
        max_tokens: 4000,
        n: 1,
        logprobs: false,
        presence_penalty: 0,
        parallel_tool_calls: true,
        response_format: { type: 'text' },
        seed: null,
      },
      {
        messages: [user],
        inferenceConfig: { maxTokens: 4000 },
        requestMetadata: { team: 'a' },
        serviceTier: { type: 'priority' },
        guardrailConfig: { guardrailIdentifier: 'g', guardrailVersion: '1' },
        additionalModelRequestFields: { anthropic_beta: ['x'], top_k: 40 },
      },
    ],
    [
      'effort',
      { ...hello, reasoning_effort: 'low', max_tokens: 4000, temperature: 1 },
      {
        messages: [user],
        inferenceConfig: { maxTokens: 4000 },
        additionalModelRequestFields: { thinking: { type: 'enabled', budget_tokens: 1024 } },
      },
    ],
  ]
  for (const [what, chat, converse] of pairs) {
    test(what, () => {
      const found = translate(chat)
      assert.deepEqual(found.body, converse)
      assert.deepEqual([found.warnings, found.lost], [[], []])
      if (what !== 'some of the tools') checkConverse(found.body)
    })
  }

  test('tools of earlier turns are declared when the request declares none', () => {
    const { body, warnings } = translate({
      messages: [
        ...hello.messages,
        { role: 'assistant', tool_calls: [call('a', 'not json')] },
        { role: 'tool', tool_call_id: 'a', content: '' },
      ],
    })
    checkConverse(body)
    assert.deepEqual(
      warnings.map(warning => warning.lost),
      ['messages[].tool_calls[].function.arguments', 'tools'],
    )
    assert.match(JSON.stringify(body), /"raw_arguments":"not json"/)
  })

  test('a budget stays below max_tokens, or there is none', () => {
    const thinking = (max_tokens: number) => translate({ ...hello, reasoning_effort: 'high', max_tokens })
    assert.deepEqual(thinking(2000).body.additionalModelRequestFields, {
      thinking: { type: 'enabled', budget_tokens: 1999 },
    })
    assert.equal(thinking(1024).body.additionalModelRequestFields, undefined)
    assert.deepEqual(
      thinking(1024).warnings.map(warning => warning.lost),
      ['reasoning_effort'],
    )
  })

  test('effort goes as it is to gpt-oss and is lost elsewhere', () => {
    const effort = (model: string) => translate({ ...hello, reasoning_effort: 'low' }, { model })
    assert.deepEqual(effort('openai.gpt-oss-120b-1:0').body.additionalModelRequestFields, {
      reasoning_effort: 'low',
    })
    assert.deepEqual(effort('amazon.nova-pro-v1:0').lost, ['reasoning_effort'])
  })

  test('what is lost is named: weighty as lost, harmless as a warning', () => {
    const found = translate({
      ...hello,
      seed: 1,
      n: 2,
      logprobs: true,
      user: 'u',
      store: true,
      response_format: { type: 'ebnf' },
    })
    assert.deepEqual([...found.lost].sort(), ['logprobs', 'n', 'response_format', 'seed'])
    assert.deepEqual(
      found.warnings.map(warning => warning.lost),
      ['user', 'store'],
    )
    assert.deepEqual(found.body, { messages: [user] })
  })

  test('one call at a time is a loss where there are tools to call', () => {
    const tool = (name: string) => ({ type: 'function', function: { name, parameters: { type: 'object' } } })
    const lost = (...names: string[]) =>
      translate({ ...hello, tools: names.map(tool), parallel_tool_calls: false }).lost
    assert.deepEqual(lost('look'), ['parallel_tool_calls'])
    assert.deepEqual(lost('look', 'go'), ['parallel_tool_calls'])
    assert.deepEqual(translate({ ...hello, parallel_tool_calls: false }).lost, [])
  })

  test('allowed_openai_params go to the model', () => {
    const found = translate({ ...hello, seed: 1 }, { allowedParams: ['seed'] })
    assert.deepEqual([found.lost, found.body.additionalModelRequestFields], [[], { seed: 1 }])
  })

  test('a later system message is told where it was said, within the user’s turn', () => {
    const found = translate({ messages: [...hello.messages, { role: 'system', content: 'Stop.' }] })
    assert.equal(found.body.system, undefined)
    assert.deepEqual(found.body.messages, [
      { role: 'user', content: [{ text: 'hi' }, { text: '<system>\nStop.\n</system>' }] },
    ])
    assert.equal(found.warnings.length, 1)
  })

  test('a conversation that the user does not begin gets a word of theirs', () => {
    const word = { role: 'user', content: [{ text: 'Go on.' }] }
    const first = translate({ messages: [{ role: 'assistant', content: 'hi' }] })
    assert.deepEqual(first.body.messages, [word, { role: 'assistant', content: [{ text: 'hi' }] }])
    assert.deepEqual(
      first.warnings.map(({ lost }) => lost),
      ['messages'],
    )
    const alone = translate({ messages: [{ role: 'system', content: 'hi' }] })
    assert.deepEqual([alone.body.system, alone.body.messages], [[{ text: 'hi' }], [word]])
  })

  const content = (part: Json): JsonObject => ({ messages: [{ role: 'user', content: [part] }] })
  const refused: readonly (readonly [what: string, request: JsonObject, param: string])[] = [
    [
      'an image address',
      content({ type: 'image_url', image_url: { url: 'https://x/a.png' } }),
      'messages[0].content[0].image_url',
    ],
    [
      'an unknown image type',
      content({ type: 'image_url', image_url: { url: 'data:image/bmp;base64,AA' } }),
      'messages[0].content[0].image_url',
    ],
    ['a file id', content({ type: 'file', file: { file_id: 'file-1' } }), 'messages[0].content[0].file'],
    [
      'audio',
      content({ type: 'input_audio', input_audio: { data: 'UklG', format: 'wav' } }),
      'messages[0].content[0].type',
    ],
    ['a hosted tool', { ...hello, tools: [{ type: 'web_search' }] }, 'tools[0].type'],
    ['a strange choice', { ...hello, tool_choice: { type: 'mcp' } }, 'tool_choice'],
    ['no messages', {}, 'messages'],
    [
      'a function message',
      { messages: [...hello.messages, { role: 'function', name: 'f', content: '' }] },
      'messages[1].role',
    ],
  ]
  for (const [what, request, param] of refused) {
    test(`${what} is refused by name`, () => {
      assert.throws(
        () => translate(request),
        (error: unknown) => error instanceof Unsupported && error.param === param,
      )
    })
  }
})
