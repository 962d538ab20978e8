import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Unsupported } from '../providers/provider.ts'
import { answerFrames, type BedrockAnswer, eventFrame, exceptionFrame } from '../stage/bedrock-answer.ts'
import { checkConverse } from '../stage/bedrock-rules.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { converseErrorOf, converseStreamDecoder, toChatCompletion, toConverse } from './bedrock-converse.ts'

const CLAUDE = 'anthropic.claude-sonnet-4-v1:0'
const translate = (request: JsonObject, more: { model?: string; allowedParams?: readonly string[] } = {}) =>
  toConverse(request, { model: CLAUDE, allowedParams: [], ...more })

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
              { type: 'image_url', image_url: { url: 'data:image/jpg;base64,AAAA', detail: 'low' } },
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
      'model parameters, native members, metadata, tier, effort',
      {
        ...hello,
        top_k: 40,
        guardrailConfig: { guardrailIdentifier: 'g', guardrailVersion: '1' },
        metadata: { team: 'a' },
        service_tier: 'priority',
        reasoning_effort: 'low',
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
        additionalModelRequestFields: { top_k: 40, thinking: { type: 'enabled', budget_tokens: 1024 } },
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
      response_format: { type: 'json_object' },
    })
    assert.deepEqual([...found.lost].sort(), ['logprobs', 'n', 'response_format', 'seed'])
    assert.deepEqual(
      found.warnings.map(warning => warning.lost),
      ['user', 'store'],
    )
    assert.deepEqual(found.body, { messages: [user] })
  })

  test('allowed_openai_params go to the model', () => {
    const found = translate({ ...hello, seed: 1 }, { allowedParams: ['seed'] })
    assert.deepEqual([found.lost, found.body.additionalModelRequestFields], [[], { seed: 1 }])
  })

  test('a later system message keeps its text and says that its place is lost', () => {
    const found = translate({ messages: [...hello.messages, { role: 'system', content: 'Stop.' }] })
    assert.deepEqual(found.body.system, [{ text: 'Stop.' }])
    assert.equal(found.warnings.length, 1)
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
    ['audio', content({ type: 'input_audio', input_audio: {} }), 'messages[0].content[0].type'],
    ['a custom tool', { ...hello, tools: [{ type: 'custom', custom: { name: 'x' } }] }, 'tools[0].type'],
    ['a strange choice', { ...hello, tool_choice: { type: 'mcp' } }, 'tool_choice'],
    ['no messages', {}, 'messages'],
    ['an assistant first', { messages: [{ role: 'assistant', content: 'hi' }] }, 'messages'],
    ['only a system prompt', { messages: [{ role: 'system', content: 'hi' }] }, 'messages'],
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

const stamp = { unique: 'u1', created: 1_700_000_000 }
const options = { model: 'upstream', stamp }
const USAGE = {
  inputTokens: 10,
  outputTokens: 4,
  totalTokens: 20,
  cacheReadInputTokens: 5,
  cacheWriteInputTokens: 1,
}
const CHAT_USAGE = {
  prompt_tokens: 16,
  completion_tokens: 4,
  total_tokens: 20,
  prompt_tokens_details: { cached_tokens: 5, cache_write_tokens: 1 },
}
const RICH: BedrockAnswer = {
  content: [
    { reasoningContent: { reasoningText: { text: 'thinking it over', signature: 'sig' } } },
    { text: 'Here, with an é and a 🎭.' },
    { toolUse: { toolUseId: 't1', name: 'look', input: { at: 'left' } } },
    { toolUse: { toolUseId: 't2', name: 'wait', input: {} } },
  ],
  stopReason: 'tool_use',
  usage: USAGE,
}

describe('answers', () => {
  const whole = (answer: BedrockAnswer): JsonObject =>
    toChatCompletion(
      {
        output: { message: { role: 'assistant', content: answer.content } },
        stopReason: answer.stopReason,
        usage: answer.usage,
      },
      options,
    )

  test('text, reasoning, calls and usage', () => {
    assert.deepEqual(whole(RICH), {
      id: 'chatcmpl-u1',
      object: 'chat.completion',
      created: 1_700_000_000,
      model: 'upstream',
      choices: [
        {
          index: 0,
          message: {
            role: 'assistant',
            content: 'Here, with an é and a 🎭.',
            reasoning_content: 'thinking it over',
            thinking_blocks: [{ type: 'thinking', thinking: 'thinking it over', signature: 'sig' }],
            tool_calls: [
              { id: 't1', type: 'function', function: { name: 'look', arguments: '{"at":"left"}' } },
              { id: 't2', type: 'function', function: { name: 'wait', arguments: '{}' } },
            ],
          },
          logprobs: null,
          finish_reason: 'tool_calls',
        },
      ],
      usage: CHAT_USAGE,
    })
  })

  const reasons: readonly (readonly [stopReason: string, finish: string])[] = [
    ['end_turn', 'stop'],
    ['stop_sequence', 'stop'],
    ['max_tokens', 'length'],
    ['model_context_window_exceeded', 'length'],
    ['content_filtered', 'content_filter'],
    ['guardrail_intervened', 'content_filter'],
    ['something_new', 'stop'],
  ]
  for (const [stopReason, finish] of reasons) {
    test(`${stopReason} is ${finish}`, () => {
      const { choices } = whole({ ...RICH, content: [{ text: 'x' }], stopReason })
      assert.ok(Array.isArray(choices) && isObject(choices[0]))
      assert.equal(choices[0].finish_reason, finish)
    })
  }

  test('a malformed answer is an error, not a success', () => {
    const { error } = whole({ ...RICH, stopReason: 'malformed_tool_use' })
    assert.ok(isObject(error) && error.code === 'server_error')
  })

  test('what is no Converse answer throws', () => {
    for (const answer of [{}, [], null, { output: { message: {} } }]) {
      assert.throws(() => toChatCompletion(answer, options), /no output\.message/)
    }
  })
})

const concat = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))
const bytesOf = (answer: BedrockAnswer): Uint8Array => concat(answerFrames(answer).map(frame => frame.bytes))

/** Every data line a stream yields when its bytes come in the given pieces. */
const read = (pieces: readonly Uint8Array[], includeUsage = true): readonly string[] => {
  const decoder = converseStreamDecoder({ ...options, includeUsage })
  const events = [...pieces.flatMap(piece => decoder.push(piece)), ...decoder.end()]
  for (const event of events) assert.equal(new TextDecoder().decode(event.bytes), `data: ${event.data}\n\n`)
  return events.map(event => event.data ?? '')
}

const parsed = (data: string | undefined): JsonObject => JSON.parse(data ?? '') as JsonObject

describe('streams', () => {
  const chunk = (delta: JsonObject, finish_reason: string | null = null): JsonObject => ({
    id: 'chatcmpl-u1',
    object: 'chat.completion.chunk',
    created: 1_700_000_000,
    model: 'upstream',
    choices: [{ index: 0, delta, finish_reason }],
  })
  const args = (index: number, text: string): JsonObject =>
    chunk({ tool_calls: [{ index, function: { arguments: text } }] })
  const opened = (index: number, id: string, name: string): JsonObject =>
    chunk({ tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] })
  const golden: readonly JsonObject[] = [
    chunk({ role: 'assistant', content: '' }),
    chunk({ reasoning_content: 'thinki' }),
    chunk({ reasoning_content: 'ng it ' }),
    chunk({ reasoning_content: 'over' }),
    chunk({ thinking_blocks: [{ type: 'thinking', thinking: '', signature: 'sig' }] }),
    chunk({ content: 'Here, wi' }),
    chunk({ content: 'th an é ' }),
    chunk({ content: 'and a 🎭.' }),
    opened(0, 't1', 'look'),
    args(0, '{"at"'),
    args(0, ':"lef'),
    args(0, 't"}'),
    opened(1, 't2', 'wait'),
    args(1, '{}'),
    chunk({}, 'tool_calls'),
    { ...chunk({}), choices: [], usage: CHAT_USAGE },
  ]

  test('every kind of delta, the usage chunk and the end', () => {
    const data = read([bytesOf(RICH)])
    assert.deepEqual(data.slice(0, -1).map(parsed), golden)
    assert.equal(data.at(-1), '[DONE]')
  })

  test('without include_usage there is no usage chunk', () => {
    assert.deepEqual(
      read([bytesOf(RICH)], false),
      read([bytesOf(RICH)]).filter(data => !data.includes('"usage"')),
    )
  })

  test('a split at any byte changes nothing', () => {
    const bytes = bytesOf(RICH)
    const whole = read([bytes])
    for (let at = 0; at <= bytes.length; at += 1) {
      assert.deepEqual(read([bytes.slice(0, at), bytes.slice(at)]), whole)
    }
    assert.deepEqual(read(Array.from(bytes, byte => Uint8Array.of(byte))), whole)
  })

  test('a stream cut at any byte never ends as if it were whole', () => {
    const frames = answerFrames(RICH).map(frame => frame.bytes)
    const stopAt = concat(frames.slice(0, -1)).length
    const bytes = concat(frames)
    for (let at = 0; at < bytes.length; at += 1) {
      assert.equal(read([bytes.slice(0, at)]).includes('[DONE]'), at >= stopAt, `cut at ${at}`)
    }
  })

  test('any flipped bit is noticed: the frame is never passed on', () => {
    const start = eventFrame('messageStart', { role: 'assistant' })
    const frame = eventFrame('contentBlockDelta', { contentBlockIndex: 0, delta: { text: 'word' } })
    for (let at = 0; at < frame.length; at += 1) {
      const wrong = frame.slice()
      wrong[at] = (wrong[at] ?? 0) ^ 1
      const decoder = converseStreamDecoder({ ...options, includeUsage: false })
      decoder.push(start)
      assert.throws(() => decoder.push(wrong), /checksum|match|CRC/i, `byte ${at}`)
    }
  })

  test('an exception frame is an error event and the last one', () => {
    const start = eventFrame('messageStart', { role: 'assistant' })
    const data = read([concat([start, exceptionFrame('throttlingException', 'slow down'), bytesOf(RICH)])])
    assert.equal(data.length, 2)
    assert.deepEqual(parsed(data[1]), {
      error: {
        message: 'slow down',
        type: 'rate_limit_error',
        param: null,
        code: 'rate_limit_exceeded',
        status: 429,
        exception: 'throttlingException',
      },
    })
  })

  test('a malformed end is an error and has no terminator', () => {
    const data = read([bytesOf({ ...RICH, stopReason: 'malformed_model_output' })])
    assert.ok(isObject(parsed(data.at(-1)).error))
  })

  test('a frame of an unknown kind is passed over', () => {
    assert.deepEqual(
      read([concat([eventFrame('initial-response', {}), bytesOf(RICH)])]),
      read([bytesOf(RICH)]),
    )
  })
})

describe('error answers', () => {
  const of = (kind: string | undefined, body: string) =>
    converseErrorOf(
      400,
      kind === undefined ? {} : { 'x-amzn-errortype': kind },
      new TextEncoder().encode(body),
    )
  const rows: readonly (readonly [kind: string, message: string, code: string | null])[] = [
    ['ThrottlingException:http://internal', 'Too many requests', 'rate_limit_exceeded'],
    ['ServiceQuotaExceededException', 'over', 'insufficient_quota'],
    ['AccessDeniedException', 'no', 'access_denied'],
    ['ExpiredTokenException', 'old', 'invalid_api_key'],
    ['ResourceNotFoundException', 'gone', 'model_not_found'],
    ['ModelNotReadyException', 'wait', 'server_is_overloaded'],
    ['ModelErrorException', 'oops', 'server_error'],
    ['ModelTimeoutException', 'slow', 'timeout'],
    ['ValidationException', 'bad shape', null],
    ['ValidationException', 'Input is too long for requested model.', 'context_length_exceeded'],
    ['ValidationException', 'The provided model identifier is invalid.', 'model_not_found'],
    ['SomethingNewException', 'hm', null],
  ]
  for (const [kind, message, code] of rows) {
    test(`${kind}: ${message}`, () => {
      const error = of(kind, JSON.stringify({ message }))
      assert.equal(error?.message, message)
      assert.equal(error?.code, code)
    })
  }

  test('the body names the exception when no header does', () => {
    const error = of(undefined, '{"__type":"com.amazon.coral.service#ThrottlingException","Message":"slow"}')
    assert.deepEqual([error?.code, error?.message], ['rate_limit_exceeded', 'slow'])
  })

  test('nothing known is left to others', () => {
    assert.equal(of(undefined, '<html>'), undefined)
    assert.equal(of(undefined, '{}'), undefined)
  })
})
