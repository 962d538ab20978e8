import type { JsonObject } from '../../../src/wire/json.ts'

/** A request for each door with every kind of content in it that another dialect may hold. */
export const RICH: Readonly<Record<'chat' | 'responses' | 'messages' | 'gemini', JsonObject>> = {
  chat: {
    model: 'm',
    messages: [
      { role: 'system', content: 's' },
      { role: 'developer', content: [{ type: 'text', text: 'd', cache_control: { type: 'ephemeral' } }] },
      {
        role: 'user',
        name: 'n',
        content: [
          { type: 'text', text: 'a' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA', detail: 'low' } },
          { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,AAAA' } },
        ],
      },
      {
        role: 'assistant',
        content: 't',
        refusal: 'r',
        reasoning_content: 'x',
        thinking_blocks: [{ type: 'thinking', thinking: 't', signature: 's' }],
        annotations: [
          { type: 'url_citation', url_citation: { url: 'u', title: 't', start_index: 0, end_index: 1 } },
        ],
        tool_calls: [
          { id: 'c1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } },
          { id: 'c2', type: 'custom', custom: { name: 'g', input: 'x' } },
        ],
      },
      { role: 'tool', tool_call_id: 'c1', content: [{ type: 'text', text: 'r' }] },
      { role: 'tool', tool_call_id: 'c2', content: 'r' },
      { role: 'assistant', content: null, function_call: { name: 'h', arguments: '{}' } },
      { role: 'function', name: 'h', content: 'x' },
      { role: 'user', content: 'last' },
    ],
    tools: [
      {
        type: 'function',
        function: {
          name: 'f',
          description: 'd',
          parameters: {
            type: 'object',
            properties: { a: { $ref: '#/$defs/A' } },
            $defs: { A: { anyOf: [{ type: 'string' }, { type: 'null' }] } },
          },
          strict: true,
        },
      },
      {
        type: 'custom',
        custom: { name: 'g', format: { type: 'grammar', grammar: { syntax: 'lark', definition: 'x' } } },
      },
    ],
    tool_choice: {
      type: 'allowed_tools',
      allowed_tools: { mode: 'auto', tools: [{ type: 'function', function: { name: 'f' } }] },
    },
    response_format: {
      type: 'json_schema',
      json_schema: { name: 'n', schema: { type: 'object', properties: {} }, strict: true },
    },
    stop: ['a'],
    logit_bias: { '1': 2 },
    metadata: { a: 'b' },
    user: 'u',
    stream_options: { include_usage: true },
    reasoning_effort: 'low',
    verbosity: 'low',
    logprobs: true,
    top_logprobs: 2,
    n: 1,
    seed: 1,
    max_completion_tokens: 100,
    web_search_options: {},
    modalities: ['text'],
    prediction: { type: 'content', content: 'x' },
  },
  responses: {
    model: 'm',
    instructions: 'i',
    input: [
      {
        role: 'user',
        content: [
          { type: 'input_text', text: 'a' },
          { type: 'input_image', image_url: 'data:image/png;base64,AAAA' },
          { type: 'input_file', filename: 'a.pdf', file_data: 'data:application/pdf;base64,AAAA' },
        ],
      },
      {
        type: 'reasoning',
        id: 'rs_1',
        summary: [{ type: 'summary_text', text: 's' }],
        encrypted_content: 'enc',
      },
      {
        type: 'message',
        role: 'assistant',
        content: [
          {
            type: 'output_text',
            text: 'o',
            annotations: [{ type: 'url_citation', url: 'u', title: 't', start_index: 0, end_index: 1 }],
          },
          { type: 'refusal', refusal: 'r' },
        ],
      },
      { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{}', namespace: 'ns' },
      { type: 'custom_tool_call', call_id: 'c2', name: 'g', input: 'x' },
      { type: 'function_call_output', call_id: 'c1', output: [{ type: 'input_text', text: 'r' }] },
      { type: 'custom_tool_call_output', call_id: 'c2', output: 'r' },
      { type: 'web_search_call', id: 'w', action: { type: 'search', query: 'q' } },
      {
        type: 'computer_call_output',
        call_id: 'x',
        output: { type: 'computer_screenshot', image_url: 'data:image/png;base64,AAAA' },
      },
      { type: 'configuration_update', reasoning: { effort: 'low' } },
      { type: 'additional_tools', tools: [{ type: 'function', name: 'z', parameters: {} }] },
      { role: 'user', content: 'last' },
    ],
    tools: [
      { type: 'function', name: 'f', parameters: { type: 'object' }, strict: true },
      { type: 'custom', name: 'g', format: { type: 'grammar', syntax: 'lark', definition: 'x' } },
      {
        type: 'namespace',
        name: 'ns',
        description: 'd',
        tools: [{ type: 'function', name: 'f', parameters: {} }],
      },
    ],
    tool_choice: { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'function', name: 'f' }] },
    text: {
      format: { type: 'json_schema', name: 'n', schema: { type: 'object' }, strict: true },
      verbosity: 'low',
    },
    reasoning: { effort: 'low', summary: 'auto' },
    include: ['reasoning.encrypted_content'],
    metadata: { a: 'b' },
    max_output_tokens: 100,
    temperature: 1,
    top_p: 1,
    store: false,
    stream: true,
  },
  messages: {
    model: 'm',
    max_tokens: 100,
    system: [{ type: 'text', text: 's', cache_control: { type: 'ephemeral', ttl: '1h' } }],
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'a' },
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } },
          {
            type: 'document',
            title: 't',
            context: 'c',
            citations: { enabled: true },
            source: { type: 'content', content: [{ type: 'text', text: 'x' }] },
          },
          { type: 'search_result', title: 't', source: 's', content: [{ type: 'text', text: 'x' }] },
        ],
      },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 't', signature: 's' },
          { type: 'redacted_thinking', data: 'd' },
          { type: 'text', text: 'x', citations: [{ type: 'x' }] },
          { type: 'tool_use', id: 'c1', name: 'f', input: { a: 1 } },
          { type: 'server_tool_use', id: 's', name: 'web_search', input: {} },
          { type: 'web_search_tool_result', tool_use_id: 's', content: [] },
          {
            type: 'compaction',
            content: 'c',
            tool_changes: [{ type: 'tool_removal', tool: { type: 'tool_reference', name: 'f' } }],
          },
          { type: 'tool_use', id: 'c2', name: 'f', input: {} },
        ],
      },
      {
        role: 'user',
        content: [
          {
            type: 'tool_result',
            tool_use_id: 'c2',
            is_error: true,
            content: [
              { type: 'text', text: 'r' },
              { type: 'image', source: { type: 'url', url: 'https://a/b.png' } },
              { type: 'tool_reference', tool_name: 'f' },
            ],
          },
        ],
      },
      {
        role: 'system',
        content: [
          {
            type: 'tool_addition',
            tool: { type: 'tool_definition', definition: { name: 'q', input_schema: {} } },
          },
        ],
        output_config: { effort: 'low' },
        clear_at: 'never',
      },
      { role: 'user', content: 'last' },
    ],
    tools: [
      {
        name: 'f',
        description: 'd',
        input_schema: { type: 'object', properties: {} },
        strict: true,
        cache_control: { type: 'ephemeral' },
      },
    ],
    tool_choice: { type: 'tool', name: 'f', disable_parallel_tool_use: true },
    thinking: { type: 'enabled', budget_tokens: 2000, display: 'omitted' },
    output_config: {
      effort: 'low',
      format: { type: 'json_schema', schema: { type: 'object', properties: {} } },
    },
    metadata: { user_id: 'u' },
    stop_sequences: ['a'],
    temperature: 1,
    top_k: 5,
    top_p: 1,
    service_tier: 'auto',
    stream: true,
    context_management: { edits: [] },
  },
  gemini: {
    contents: [
      {
        role: 'user',
        parts: [
          { text: 'a' },
          { inlineData: { mimeType: 'image/png', data: 'AAAA' } },
          { fileData: { mimeType: 'application/pdf', fileUri: 'https://a/b.pdf' } },
        ],
      },
      {
        role: 'model',
        parts: [
          { text: 't', thought: true, thoughtSignature: 'c2ln' },
          { executableCode: { language: 'PYTHON', code: 'x' } },
          { codeExecutionResult: { outcome: 'OK', output: 'x' } },
          { functionCall: { id: 'c1', name: 'f', args: { a: 1 } }, thoughtSignature: 'c2ln' },
          { functionCall: { name: 'f', args: {} } },
        ],
      },
      {
        role: 'user',
        parts: [
          {
            functionResponse: {
              id: 'c1',
              name: 'f',
              response: { output: 'x' },
              parts: [{ inlineData: { mimeType: 'image/png', data: 'AAAA' } }],
            },
          },
          { functionResponse: { name: 'f', response: { error: 'e' } } },
        ],
      },
      { role: 'user', parts: [{ text: 'last' }] },
    ],
    systemInstruction: { parts: [{ text: 's' }] },
    tools: [
      {
        functionDeclarations: [
          {
            name: 'f',
            description: 'd',
            parameters: {
              type: 'OBJECT',
              properties: {
                a: { type: 'STRING', nullable: true, enum: ['x'], format: 'enum' },
                b: { anyOf: [{ type: 'STRING' }, { type: 'ARRAY', items: { type: 'INTEGER' } }] },
              },
              required: ['a'],
            },
          },
        ],
      },
    ],
    toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['f'] } },
    generationConfig: {
      temperature: 1,
      topP: 1,
      topK: 3,
      maxOutputTokens: 100,
      stopSequences: ['a'],
      responseMimeType: 'application/json',
      responseSchema: { type: 'OBJECT', properties: {} },
      thinkingConfig: { thinkingBudget: 1024, includeThoughts: true },
      seed: 1,
      responseLogprobs: true,
      logprobs: 2,
      candidateCount: 1,
      mediaResolution: 'X',
    },
    safetySettings: [],
    labels: { a: 'b' },
  },
}
