import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { isObject, type Json, type JsonObject } from '../src/wire/json.ts'
import { deployment, play } from './support/harness.ts'

/**
 * What no client means to send, at every place of a request in every dialect, for every dialect of a provider: it is told
 * as the request's fault, or taken as it is, and never as a fault of the gateway's.
 */

const ODD: readonly Json[] = [{ toString: 1, valueOf: 1 }, null, 'constructor', [null], 7]

const tool = { name: 'look', parameters: { type: 'object', properties: { at: { type: 'string' } } } }
const png = 'iVBORw0KGgo='
const url = `data:image/png;base64,${png}`
const content = { parts: [{ text: 'a' }] }

/** `<model>` in a path takes the group's name; elsewhere it is in the body. */
const REQUESTS: Readonly<Record<string, JsonObject>> = {
  '/v1/chat/completions': {
    stop: ['x'],
    response_format: { type: 'json_schema', json_schema: { name: 'n', schema: { type: 'object' } } },
    tools: [{ type: 'function', function: tool }],
    tool_choice: 'auto',
    messages: [
      { role: 'system', content: 's' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'x' },
          { type: 'image_url', image_url: { url } },
        ],
      },
      {
        role: 'assistant',
        content: 'x',
        images: [{ type: 'image_url', image_url: { url } }],
        tool_calls: [{ id: 'c', type: 'function', function: { name: 'look', arguments: '{}' } }],
      },
      { role: 'tool', tool_call_id: 'c', content: 'r' },
    ],
  },
  '/v1/messages': {
    max_tokens: 2000,
    system: [{ type: 'text', text: 's', cache_control: { type: 'ephemeral' } }],
    thinking: { type: 'enabled', budget_tokens: 1024 },
    thread: { type: 'create' },
    context_management: { edits: [{ type: 'clear_thinking_20251015' }] },
    tools: [{ name: 'look', input_schema: { type: 'object' } }],
    messages: [
      {
        role: 'user',
        content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: png } }],
      },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 't', signature: 's' },
          { type: 'tool_use', id: 'toolu_1', name: 'look', input: {} },
        ],
      },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'r' }] },
    ],
  },
  '/v1/responses': {
    text: { format: { type: 'text' } },
    reasoning: { effort: 'low' },
    tools: [{ type: 'function', ...tool }],
    input: [
      { role: 'user', content: [{ type: 'input_image', image_url: url }] },
      { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 't' }] },
      { type: 'function_call', call_id: 'c', name: 'look', arguments: '{}' },
      { type: 'function_call_output', call_id: 'c', output: 'r' },
      { type: 'image_generation_call', id: 'ig_1', status: 'completed', result: png },
      { role: 'user', content: 'x' },
    ],
  },
  '/v1/completions': { prompt: 'x', stop: ['x'], logit_bias: { 1: 2 }, user: 'u' },
  '/v1beta/models/<model>:generateContent': {
    systemInstruction: { parts: [{ text: 's' }] },
    generationConfig: { maxOutputTokens: 50, responseModalities: ['TEXT'] },
    tools: [{ functionDeclarations: [tool] }],
    contents: [
      { role: 'user', parts: [{ text: 'x' }, { inlineData: { mimeType: 'image/png', data: png } }] },
      { role: 'model', parts: [{ functionCall: { id: 'c', name: 'look', args: {} } }] },
      { role: 'user', parts: [{ functionResponse: { id: 'c', name: 'look', response: {} } }] },
    ],
  },
  '/v1beta/models/<model>:batchEmbedContents': {
    requests: [{ content, taskType: 'RETRIEVAL_QUERY', outputDimensionality: 5 }],
  },
  '/utils/token_counter': { messages: [{ role: 'user', content: [{ type: 'text', text: 'x' }] }] },
}

/** The body with this value in each of its places, one at a time. */
const bent = (body: Json, odd: Json): readonly Json[] => {
  if (Array.isArray(body))
    return body.flatMap((inner: Json, at) => [odd, ...bent(inner, odd)].map(value => body.with(at, value)))
  if (!isObject(body)) return []
  return Object.entries(body).flatMap(([key, inner]) =>
    [odd, ...bent(inner ?? null, odd)].map(value => ({ ...body, [key]: value })),
  )
}

const any = ['*'] as const
const house = await play(
  { after },
  {
    stages: {
      openai: { models: any },
      anthropic: { flavour: 'anthropic', models: any },
      gemini: { flavour: 'gemini', models: any },
      cohere: { flavour: 'cohere', models: any },
    },
    config: ({ openai, anthropic, gemini, cohere }) => ({
      model_list: [
        deployment('openai', openai, 'gpt-4.1'),
        deployment('chat', openai, 'gpt-4.1', { model: 'groq/gpt-4.1' }),
        deployment('anthropic', anthropic, 'claude-sonnet-4-5'),
        deployment('gemini', gemini, 'gemini-2.5-flash'),
        deployment('cohere', cohere, 'command-a-03-2025'),
      ],
      router_settings: { num_retries: 0, disable_cooldowns: true },
      litellm_settings: { drop_params: true },
    }),
  },
)

for (const [path, body] of Object.entries(REQUESTS))
  test(`${path}: nothing that a client sends is a fault of the gateway`, async () => {
    const bodies = ODD.flatMap(odd => bent(body, odd)).filter(isObject)
    assert.ok(bodies.length > ODD.length)
    for (const one of bodies)
      await Promise.all(
        ['openai', 'chat', 'anthropic', 'gemini', 'cohere'].map(async group => {
          const named = path.includes('<model>') ? one : { model: group, ...one }
          const reply = await house.ask(path.replace('<model>', group), named, { method: 'POST' })
          assert.ok(reply.status < 500, `${group} ${JSON.stringify(one)}: ${reply.text}`)
        }),
      )
  })
