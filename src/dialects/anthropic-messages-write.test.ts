import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../wire/json.ts'
import {
  assistant,
  BUDGETED,
  call,
  NEW,
  OLD,
  result,
  system,
  text,
  user,
  write,
} from './anthropic-messages.fixture.ts'
import { readMessagesRequest } from './anthropic-messages-request.ts'
import { collectLosses } from './losses.ts'
import type { NeutralRequest } from './neutral.ts'

test('a plain request: the limit that the API demands is what a model of its generation gives where the client gave none', () => {
  assert.deepEqual(write({}).body, {
    model: BUDGETED,
    messages: [{ role: 'user', content: [text('Hello')] }],
    max_tokens: 32_000,
  })
  assert.equal(write({ maxTokens: 7 }).body.max_tokens, 7)
  assert.equal(write({}, OLD).body.max_tokens, 8192)
  assert.equal(write({}, 'claude-3-haiku-20240307').body.max_tokens, 4096)
  assert.equal(write({}, 'claude-next').body.max_tokens, 32_000)
  assert.equal(write({ thinkingTokens: 30_000 }).body.max_tokens, 34_096)
})

test('tools and their choice', () => {
  const tools = [
    { name: 'look', description: 'Looks.', schema: { properties: {} }, strict: true, cache: {} },
    { name: 'shell', format: { type: 'grammar', syntax: 'lark', definition: 'start: /x/' } },
  ]
  const { body, warned } = write({ tools, toolChoice: { kind: 'required' }, parallelCalls: false })
  assert.deepEqual(body.tools, [
    {
      name: 'look',
      description: 'Looks.',
      input_schema: { type: 'object', properties: {}, additionalProperties: false },
      strict: true,
      cache_control: { type: 'ephemeral' },
    },
    {
      name: 'shell',
      description: 'The input has to follow this grammar (lark):\nstart: /x/',
      input_schema: {
        type: 'object',
        properties: { input: { type: 'string' } },
        required: ['input'],
        additionalProperties: false,
      },
    },
  ])
  assert.deepEqual(body.tool_choice, { type: 'any', disable_parallel_tool_use: true })
  assert.deepEqual(warned, ['tools[].format'])
  const choice = (toolChoice: NeutralRequest['toolChoice']) => {
    const written = write(toolChoice === undefined ? { tools } : { tools, toolChoice }).body
    return [written.tool_choice, (written.tools as JsonObject[]).length]
  }
  assert.deepEqual(choice({ kind: 'tool', name: 'look' }), [{ type: 'tool', name: 'look' }, 2])
  assert.deepEqual(choice({ kind: 'none' }), [{ type: 'none' }, 2])
  assert.deepEqual(choice({ kind: 'allowed', names: ['look'], required: true }), [{ type: 'any' }, 1])
  assert.deepEqual(choice({ kind: 'allowed', names: ['look'], required: false }), [{ type: 'auto' }, 1])
  assert.deepEqual(choice(undefined), [undefined, 2])
  assert.deepEqual(write({ tools, parallelCalls: false }).body.tool_choice, {
    type: 'auto',
    disable_parallel_tool_use: true,
  })
})

test('effort by the model’s generation', () => {
  const of = (request: Partial<NeutralRequest>, model: string): unknown => {
    const { body, lost } = write(request, model)
    const { thinking, output_config, max_tokens } = body
    return JSON.parse(JSON.stringify({ thinking, output_config, max_tokens, lost: lost.join() }))
  }
  assert.deepEqual(of({ effort: 'low' }, OLD), { max_tokens: 8192, lost: 'reasoning_effort' })
  assert.deepEqual(of({ effort: 'none' }, OLD), { max_tokens: 8192, lost: '' })
  assert.deepEqual(of({ effort: 'low' }, BUDGETED), {
    thinking: { type: 'enabled', budget_tokens: 2048 },
    max_tokens: 32_000,
    lost: '',
  })
  assert.deepEqual(of({ effort: 'none' }, BUDGETED), { max_tokens: 32_000, lost: '' })
  assert.deepEqual(of({ effort: 'minimal', thoughts: 'shown' }, NEW), {
    thinking: { type: 'adaptive', display: 'summarized' },
    output_config: { effort: 'low' },
    max_tokens: 32_000,
    lost: '',
  })
  assert.deepEqual(of({ effort: 'none' }, NEW), {
    thinking: { type: 'disabled' },
    max_tokens: 32_000,
    lost: '',
  })
  assert.deepEqual(of({ effort: 'xhigh' }, 'claude-opus-4-6'), {
    thinking: { type: 'adaptive' },
    output_config: { effort: 'high' },
    max_tokens: 32_000,
    lost: '',
  })
  assert.deepEqual(of({ thinkingTokens: 5000, thoughts: 'hidden' }, NEW), {
    thinking: { type: 'adaptive', display: 'omitted' },
    output_config: { effort: 'medium' },
    max_tokens: 32_000,
    lost: '',
  })
})

test('a budget stays below max_tokens, and gives way to forced tools and to a history without thoughts', () => {
  const thinking = (request: Partial<NeutralRequest>): unknown => {
    const { body, warned } = write({ effort: 'medium', ...request })
    return [body.thinking ?? null, body.max_tokens, warned.join()]
  }
  assert.deepEqual(thinking({ maxTokens: 20_000 }), [{ type: 'enabled', budget_tokens: 8192 }, 20_000, ''])
  assert.deepEqual(thinking({ maxTokens: 3000 }), [
    { type: 'enabled', budget_tokens: 1500 },
    3000,
    'reasoning_effort',
  ])
  assert.deepEqual(thinking({ maxTokens: 800 }), [null, 800, 'reasoning_effort'])
  const tools = [{ name: 'look', schema: {} }]
  assert.deepEqual(thinking({ tools, toolChoice: { kind: 'required' } }), [null, 32_000, 'reasoning_effort'])
  const turns = [user('go'), assistant(call('a')), user(result('a'))]
  assert.deepEqual(thinking({ tools, turns }), [null, 32_000, 'reasoning_effort'])
})

test('sampling as far as the model takes it', () => {
  const of = (request: Partial<NeutralRequest>, model = BUDGETED): unknown => {
    const { body, lost, warned } = write(request, model)
    return [body.temperature ?? null, body.top_p ?? null, body.top_k ?? null, lost.join(), warned.join()]
  }
  assert.deepEqual(of({ temperature: 0.3, topK: 5 }), [0.3, null, 5, '', ''])
  assert.deepEqual(of({ temperature: 1.7 }), [1, null, null, '', 'temperature'])
  assert.deepEqual(of({ temperature: 0.3, topP: 0.5 }), [0.3, null, null, 'top_p', ''])
  assert.deepEqual(of({ temperature: 0.3, topP: 0.5 }, OLD), [0.3, 0.5, null, '', ''])
  assert.deepEqual(of({ temperature: 0.3, topP: 0.5, topK: 5 }, NEW), [
    null,
    null,
    null,
    'temperature,top_p,top_k',
    '',
  ])
  assert.deepEqual(of({ temperature: 1, topP: 1 }, NEW), [null, null, null, '', ''])
  assert.deepEqual(of({ temperature: 0.3, effort: 'low' }), [null, null, null, 'temperature', ''])
})

test('the form of the answer', () => {
  const schema = { type: 'object', properties: {} }
  const format = { kind: 'schema', name: 'x', schema } as const
  const closed = { ...schema, additionalProperties: false }
  assert.deepEqual(write({ format }).body.output_config, { format: { type: 'json_schema', schema: closed } })
  assert.deepEqual(write({ format }, OLD).lost, ['response_format'])
  const json = write({ format: { kind: 'json' }, turns: [system('Be brief.'), user('Hello')] })
  assert.deepEqual(json.body.system, [
    text('Be brief.'),
    text('Answer with one JSON object and nothing else.'),
  ])
  assert.deepEqual(json.warned, ['response_format'])
})

test('the rest: names that mean the same here go along, the others are lost or told of', () => {
  const { body, lost, warned } = write(
    {
      user: 'u1',
      serviceTier: 'flex',
      stop: ['END', ' '],
      seed: 7,
      presencePenalty: 0,
      frequencyPenalty: 0.5,
      logprobs: 0,
      verbosity: 'low',
      metadata: { scene: 'one' },
      cacheKey: 'k',
      stream: true,
      rest: {
        thinking: { type: 'adaptive' },
        store: false,
        n: 2,
        modalities: ['text'],
        house: 1,
        known: 2,
        x: null,
      },
    },
    NEW,
    ['known'],
  )
  assert.deepEqual(
    [body.metadata, body.service_tier, body.stop_sequences, body.stream, body.thinking, body.known],
    [{ user_id: 'u1' }, undefined, ['END'], true, { type: 'adaptive' }, 2],
  )
  assert.deepEqual(lost, ['stop', 'seed', 'frequency_penalty', 'logprobs', 'verbosity', 'n', 'house'])
  assert.deepEqual(warned, ['service_tier', 'metadata', 'prompt_cache_key', 'store'])
})

test('what was written is read back as it was meant, as far as it is in the order of the API', () => {
  const turns = [
    system('Be brief.'),
    user('go', { kind: 'image', source: { kind: 'url', url: 'https://a.example/x.png' } }),
    assistant('Let me look.', call('toolu_1', '{"x":1}'), call('toolu_2', 'no json')),
    user(result('toolu_1'), result('toolu_2'), 'and?'),
  ]
  const request = {
    turns,
    tools: [{ name: 'look', description: 'Looks.', schema: { type: 'object' } }],
    toolChoice: { kind: 'auto' },
    parallelCalls: false,
    maxTokens: 99,
    temperature: 0.5,
    stop: ['END'],
    user: 'u1',
    stream: true,
    streamUsage: true,
    rest: {},
  } as const
  assert.deepEqual(readMessagesRequest(write(request).body, collectLosses()), request)
})

test('what is not looked at, described or hidden here is told', () => {
  const image = {
    kind: 'image',
    source: { kind: 'url', url: 'https://stage.example/a.png' },
    detail: 'low',
  } as const
  const schema = { type: 'object', properties: {} }
  const { warned } = write({
    turns: [user(image)],
    format: { kind: 'schema', name: 'x', schema, description: 'Where.' },
    thinkingTokens: 2000,
    thoughts: 'hidden',
  })
  assert.deepEqual(warned, ['detail', 'reasoning.summary', 'response_format.description'])
})
