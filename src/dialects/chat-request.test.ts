import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { JsonObject } from '../wire/json.ts'
import { losing } from './chat.fixture.ts'
import { readChat } from './chat-request.ts'
import { LOOK, request, SCHEMA, turn } from './neutral.fixture.ts'
import type { NeutralRequest } from './neutral.ts'
import { PARAMETERS } from './openai-parameters.ts'

const hello = { messages: [{ role: 'user', content: 'hi' }] }
const HI = turn('user', 'hi')
const read = (body: JsonObject) => losing(losses => readChat(body, losses))

describe('parameters', () => {
  const pairs: readonly (readonly [what: string, chat: JsonObject, neutral: Partial<NeutralRequest>])[] = [
    ['limits: the newer name wins', { max_tokens: 5, max_completion_tokens: 9 }, { maxTokens: 9 }],
    ['the older limit', { max_tokens: 5, max_completion_tokens: null }, { maxTokens: 5 }],
    [
      'sampling',
      { temperature: 0.5, top_p: 0.25, top_k: 40, seed: 7, presence_penalty: 1, frequency_penalty: -1 },
      { temperature: 0.5, topP: 0.25, topK: 40, seed: 7, presencePenalty: 1, frequencyPenalty: -1 },
    ],
    ['one stop', { stop: 'END' }, { stop: ['END'] }],
    ['stops', { stop: ['END', '##'] }, { stop: ['END', '##'] }],
    ['probabilities', { logprobs: true }, { logprobs: 0 }],
    ['probabilities of others', { logprobs: true, top_logprobs: 3 }, { logprobs: 3 }],
    ['no probabilities', { logprobs: false, top_logprobs: 3 }, {}],
    ['a bias', { logit_bias: { '1': 2 } }, { logitBias: { '1': 2 } }],
    ['text', { response_format: { type: 'text' } }, { format: { kind: 'text' } }],
    ['JSON', { response_format: { type: 'json_object' } }, { format: { kind: 'json' } }],
    [
      'a schema',
      { response_format: { type: 'json_schema', json_schema: { name: 'p', schema: SCHEMA, strict: true } } },
      { format: { kind: 'schema', name: 'p', schema: SCHEMA, strict: true } },
    ],
    [
      'an unknown format',
      { response_format: { type: 'ebnf' } },
      { rest: { response_format: { type: 'ebnf' } } },
    ],
    ['effort', { reasoning_effort: 'xhigh' }, { effort: 'xhigh' }],
    [
      'effort with a summary',
      { reasoning_effort: { effort: 'low', summary: 'auto' } },
      { effort: 'low', thoughts: 'shown' },
    ],
    ['an unknown effort', { reasoning_effort: 'heroic' }, { rest: { reasoning_effort: 'heroic' } }],
    ['a budget', { thinking: { type: 'enabled', budget_tokens: 2048 } }, { thinkingTokens: 2048 }],
    ['no thinking', { thinking: { type: 'disabled' } }, { effort: 'none' }],
    [
      'no thinking and an effort',
      { reasoning_effort: 'low', thinking: { type: 'disabled' } },
      { effort: 'low' },
    ],
    [
      'thinking without a count',
      { thinking: { type: 'adaptive' } },
      { rest: { thinking: { type: 'adaptive' } } },
    ],
    ['a user', { user: 'a' }, { user: 'a' }],
    ['the newer name of a user', { safety_identifier: 'b' }, { user: 'b' }],
    ['two users', { user: 'a', safety_identifier: 'b' }, { user: 'a', rest: { safety_identifier: 'b' } }],
    [
      'who asks, and for what',
      { metadata: { a: 'b' }, service_tier: 'flex', prompt_cache_key: 'k', verbosity: 'high' },
      { metadata: { a: 'b' }, serviceTier: 'flex', cacheKey: 'k', verbosity: 'high' },
    ],
    ['a stream', { stream: true }, { stream: true }],
    [
      'a stream with usage',
      { stream: true, stream_options: { include_usage: true } },
      { stream: true, streamUsage: true },
    ],
    ['one answer', { n: 1 }, {}],
    ['calls one at a time', { parallel_tool_calls: false }, { parallelCalls: false }],
    [
      'what nobody knows',
      { chat_template_kwargs: { a: 1 }, nothing: null },
      { rest: { chat_template_kwargs: { a: 1 } } },
    ],
    ['any tool', { tool_choice: 'required' }, { toolChoice: { kind: 'required' } }],
    ['no tool', { tool_choice: 'none' }, { toolChoice: { kind: 'none' } }],
    [
      'a tool',
      { tool_choice: { type: 'function', function: { name: 'a' } } },
      { toolChoice: { kind: 'tool', name: 'a' } },
    ],
    [
      'a custom tool',
      { tool_choice: { type: 'custom', custom: { name: 'a' } } },
      { toolChoice: { kind: 'tool', name: 'a' } },
    ],
    [
      'some tools',
      {
        tool_choice: {
          type: 'allowed_tools',
          allowed_tools: {
            mode: 'auto',
            tools: [
              { type: 'function', function: { name: 'a' } },
              { type: 'function', name: 'b' },
            ],
          },
        },
      },
      { toolChoice: { kind: 'allowed', names: ['a', 'b'], required: false } },
    ],
    [
      'tools of both kinds',
      {
        tools: [
          {
            type: 'function',
            function: { name: 'look', description: 'Looks somewhere.', parameters: SCHEMA, strict: true },
          },
          { type: 'custom', custom: { name: 'patch', description: 'd', format: { type: 'text' } } },
        ],
      },
      {
        tools: [
          { ...LOOK, strict: true },
          { name: 'patch', description: 'd', format: { type: 'text' } },
        ],
      },
    ],
  ]
  for (const [what, chat, neutral] of pairs)
    test(what, () =>
      assert.deepEqual(read({ ...hello, ...chat }), { made: request([HI], neutral), warned: [], lost: [] }),
    )

  test('every published parameter is read, or goes on under its own name', () => {
    const published = PARAMETERS['POST /chat/completions']?.parameters ?? {}
    const samples: JsonObject = {
      integer: 3,
      number: 0.5,
      string: 'x',
      boolean: true,
      array: ['x'],
      object: { x: 1 },
    }
    const understood = ['model', 'stream_options', 'top_logprobs', 'function_call', 'tool_choice', 'n']
    for (const [name, types] of Object.entries(published)) {
      if (name === 'messages' || name === 'tools' || name === 'functions' || understood.includes(name))
        continue
      const value = samples[types.split(' | ')[0] ?? ''] ?? null
      const { made } = read({ ...hello, [name]: value })
      assert.notDeepEqual(made, request([HI]), `${name} is lost`)
    }
  })

  test('several answers are one too many', () => {
    assert.deepEqual(read({ ...hello, n: 2 }), { made: request([HI]), warned: [], lost: ['n'] })
  })

  test('what a message carries and no other dialect has is told', () => {
    const { warned } = read({
      messages: [
        { role: 'user', name: 'Ann', content: 'hi', prefix: true },
        { role: 'assistant', audio: { id: 'a' }, content: 'x', tool_calls: null },
      ],
    })
    assert.deepEqual(warned, ['messages[].name', 'messages[].prefix', 'messages[].audio'])
  })
})
