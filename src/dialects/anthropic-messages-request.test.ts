import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Unsupported } from '../providers/provider.ts'
import type { Json, JsonObject } from '../wire/json.ts'
import { readMessagesRequest } from './anthropic-messages-request.ts'
import { collectLosses } from './losses.ts'
import type { NeutralRequest, Turn } from './neutral.ts'

const read = (body: JsonObject): { readonly request: NeutralRequest; readonly lost: readonly string[] } => {
  const losses = collectLosses()
  const request = readMessagesRequest({ model: 'm', max_tokens: 10, messages: [], ...body }, losses)
  return { request, lost: losses.found().warnings.map(warning => warning.lost) }
}

const turns = (messages: Json): readonly Turn[] => read({ messages }).request.turns

const refused = (body: JsonObject): string | null => {
  try {
    read(body)
  } catch (error) {
    assert.ok(error instanceof Unsupported)
    return error.param
  }
  return assert.fail('it was read')
}

test('a plain request has its turns, its limit and nothing else', () => {
  const { request, lost } = read({
    messages: [{ role: 'user', content: 'Hello' }],
    temperature: 0.5,
    top_k: 3,
  })
  assert.deepEqual(request, {
    turns: [{ role: 'user', parts: [{ kind: 'text', text: 'Hello' }] }],
    maxTokens: 10,
    temperature: 0.5,
    topK: 3,
    stream: false,
    streamUsage: true,
    rest: {},
  })
  assert.deepEqual(lost, [])
})

test('the system prompt comes first, with its cache marks, and a client’s billing line stays behind', () => {
  const { request, lost } = read({
    system: [
      { type: 'text', text: 'x-anthropic-billing-header: cc_version=2.1.330; cc_entrypoint=cli;' },
      { type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral', ttl: '1h' } },
      { type: 'text', text: 'Be kind.', cache_control: { type: 'ephemeral' } },
    ],
    messages: [
      { role: 'user', content: 'Hello' },
      { role: 'system', content: 'From now on in French.' },
    ],
  })
  assert.deepEqual(request.turns, [
    {
      role: 'system',
      parts: [
        { kind: 'text', text: 'Be brief.', cache: { ttl: '1h' } },
        { kind: 'text', text: 'Be kind.', cache: {} },
      ],
    },
    { role: 'user', parts: [{ kind: 'text', text: 'Hello' }] },
    { role: 'system', parts: [{ kind: 'text', text: 'From now on in French.' }] },
  ])
  assert.deepEqual(lost, ['system[].text (billing line)'])
})

test('pictures and documents keep their bytes, addresses and titles', () => {
  const source = { type: 'base64', media_type: 'image/png', data: 'AAAA' }
  assert.deepEqual(
    turns([
      {
        role: 'user',
        content: [
          { type: 'image', source, cache_control: { type: 'ephemeral' } },
          { type: 'image', source: { type: 'url', url: 'https://a.example/x.png' } },
          {
            type: 'document',
            title: 'Play',
            context: 'Act one',
            source: { ...source, media_type: 'application/pdf' },
          },
          { type: 'document', source: { type: 'url', url: 'https://a.example/x.pdf' } },
          {
            type: 'document',
            title: 'Notes',
            source: { type: 'text', media_type: 'text/plain', data: 'Enter left.' },
          },
          { type: 'document', source: { type: 'content', content: [{ type: 'text', text: 'Exit.' }] } },
          {
            type: 'search_result',
            title: 'T',
            source: 'https://s.example',
            content: [{ type: 'text', text: 'found' }],
          },
        ],
      },
    ])[0]?.parts,
    [
      { kind: 'image', source: { kind: 'bytes', mime: 'image/png', base64: 'AAAA' }, cache: {} },
      { kind: 'image', source: { kind: 'url', url: 'https://a.example/x.png' } },
      { kind: 'text', text: 'Act one' },
      { kind: 'file', source: { kind: 'bytes', mime: 'application/pdf', base64: 'AAAA' }, name: 'Play' },
      { kind: 'file', source: { kind: 'url', url: 'https://a.example/x.pdf' } },
      { kind: 'text', text: 'Notes\n\nEnter left.' },
      { kind: 'text', text: 'Exit.' },
      { kind: 'text', text: 'T\nhttps://s.example\n\nfound' },
    ],
  )
})

test('calls, results and thoughts: the result knows the name of its call, the seal its issuer', () => {
  assert.deepEqual(
    turns([
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'Hm.', signature: 'sig' },
          { type: 'redacted_thinking', data: 'blob' },
          { type: 'text', text: 'Let me look.' },
          { type: 'tool_use', id: 'toolu_1', name: 'look', input: { at: 'stage' } },
          { type: 'tool_use', id: 'toolu_2', name: 'listen', input: { raw_arguments: 'no json' } },
        ],
      },
      {
        role: 'user',
        content: [
          {
            type: 'tool_result',
            tool_use_id: 'toolu_1',
            is_error: true,
            content: [
              { type: 'text', text: 'dark' },
              { type: 'image', source: { type: 'url', url: 'https://a.example/x.png' } },
            ],
          },
          { type: 'tool_result', tool_use_id: 'toolu_2', content: 'silence' },
          { type: 'tool_result', tool_use_id: 'toolu_9' },
        ],
      },
    ]),
    [
      {
        role: 'assistant',
        parts: [
          { kind: 'reasoning', text: 'Hm.', sealed: { issuer: 'messages', payload: 'sig' } },
          { kind: 'reasoning', text: '', sealed: { issuer: 'messages', payload: 'blob', redacted: true } },
          { kind: 'text', text: 'Let me look.' },
          { kind: 'call', id: 'toolu_1', name: 'look', input: '{"at":"stage"}' },
          { kind: 'call', id: 'toolu_2', name: 'listen', input: 'no json' },
        ],
      },
      {
        role: 'user',
        parts: [
          {
            kind: 'result',
            id: 'toolu_1',
            name: 'look',
            content: [
              { kind: 'text', text: 'dark' },
              { kind: 'image', source: { kind: 'url', url: 'https://a.example/x.png' } },
            ],
            failed: true,
          },
          { kind: 'result', id: 'toolu_2', name: 'listen', content: [{ kind: 'text', text: 'silence' }] },
          { kind: 'result', id: 'toolu_9', name: '', content: [] },
        ],
      },
    ],
  )
})

test('tools and the choice among them', () => {
  const { request, lost } = read({
    tools: [
      {
        name: 'look',
        description: 'Looks.',
        input_schema: { type: 'object' },
        strict: true,
        defer_loading: true,
        cache_control: { type: 'ephemeral', ttl: '5m' },
      },
      { type: 'tool_search_tool_regex_20251119', name: 'tool_search_tool_regex' },
    ],
    tool_choice: { type: 'any', disable_parallel_tool_use: true },
  })
  assert.deepEqual(request.tools, [
    { name: 'look', description: 'Looks.', schema: { type: 'object' }, strict: true, cache: { ttl: '5m' } },
  ])
  assert.deepEqual([request.toolChoice, request.parallelCalls], [{ kind: 'required' }, false])
  assert.deepEqual(lost, ['tools[].defer_loading', 'tools[].type tool_search_tool_regex_20251119'])
  for (const kind of ['auto', 'none'] as const)
    assert.deepEqual(read({ tool_choice: { type: kind } }).request.toolChoice, { kind })
  assert.deepEqual(read({ tool_choice: { type: 'tool', name: 'look' } }).request.toolChoice, {
    kind: 'tool',
    name: 'look',
  })
})

test('thinking, effort and the form of the answer', () => {
  const of = (body: JsonObject): Partial<NeutralRequest> => {
    const { effort, thinkingTokens, thoughts, format } = read(body).request
    return JSON.parse(JSON.stringify({ effort, thinkingTokens, thoughts, format }))
  }
  assert.deepEqual(of({ thinking: { type: 'enabled', budget_tokens: 2000 } }), {
    thinkingTokens: 2000,
    thoughts: 'shown',
  })
  assert.deepEqual(
    of({ thinking: { type: 'adaptive', display: 'omitted' }, output_config: { effort: 'xhigh' } }),
    { effort: 'xhigh', thoughts: 'hidden' },
  )
  assert.deepEqual(of({ thinking: { type: 'disabled' }, output_config: { effort: 'low' } }), {
    effort: 'none',
  })
  const schema = { type: 'object', properties: { a: { type: 'string' } } }
  const format = { kind: 'schema', name: 'answer', schema, strict: true }
  assert.deepEqual(of({ output_config: { format: { type: 'json_schema', schema } } }), { format })
  assert.deepEqual(of({ output_format: { type: 'json_schema', schema } }), { format })
})

test('what only Anthropic can do is refused by its name', () => {
  const tool = (type: string): JsonObject => ({
    tools: [
      { name: 'a', input_schema: {} },
      { type, name: 'x' },
    ],
  })
  for (const type of [
    'code_execution_20250825',
    'bash_20250124',
    'text_editor_20250728',
    'computer_20250124',
  ])
    assert.equal(refused(tool(type)), 'tools[1].type')
  const search = { type: 'web_search_20250305', name: 'web_search' }
  assert.equal(refused({ tools: [search] }), 'tools[0].type')
  const own = { name: 'a', input_schema: {} }
  const forced = { type: 'tool', name: 'web_search' }
  assert.equal(refused({ tools: [own, search], tool_choice: forced }), 'tools[1].type')
  assert.equal(refused({ container: 'container_1' }), 'container')
  assert.equal(
    refused({ mcp_servers: [{ type: 'url', url: 'https://m.example', name: 'm' }] }),
    'mcp_servers',
  )
  assert.equal(refused({ compaction: { type: 'summarize' } }), 'compaction')
  const said = (block: JsonObject): JsonObject => ({ messages: [{ role: 'user', content: [block] }] })
  assert.equal(
    refused(said({ type: 'image', source: { type: 'file', file_id: 'file_1' } })),
    'messages[0].content[0].source.file_id',
  )
  assert.equal(refused(said({ type: 'hologram' })), 'messages[0].content[0].type')
  assert.equal(refused({ messages: [{ role: 'prompter', content: 'psst' }] }), 'messages[0]')
})

test('what no answer depends on is left out by name, and the unknown is kept for the writer', () => {
  const { request, lost } = read({
    metadata: { user_id: 'u1', label: 'x' },
    service_tier: 'standard_only',
    context_management: { edits: [{ type: 'clear_thinking_20251015' }] },
    mcp_servers: [],
    stop_sequences: ['END'],
    stream: true,
    repetition_penalty: 1.1,
    messages: [
      {
        role: 'assistant',
        content: [
          { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: {} },
          { type: 'web_search_tool_result', tool_use_id: 'srvtoolu_1', content: [] },
          { type: 'text', text: 'Found.', citations: [{ type: 'web_search_result_location' }] },
        ],
      },
    ],
  })
  assert.deepEqual(
    [request.user, request.serviceTier, request.stop, request.stream, request.rest],
    ['u1', 'default', ['END'], true, { repetition_penalty: 1.1 }],
  )
  assert.deepEqual(request.turns[0]?.parts, [{ kind: 'text', text: 'Found.' }])
  assert.deepEqual(lost, [
    'metadata',
    'messages[].content[].server_tool_use',
    'messages[].content[].web_search_tool_result',
    'messages[].content[].citations',
    'context_management',
  ])
})
