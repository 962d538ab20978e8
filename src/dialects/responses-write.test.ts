import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { JsonObject } from '../wire/json.ts'
import { collectLosses } from './losses.ts'
import type { NeutralRequest, Part, Target, Turn } from './neutral.ts'
import { responsesDoor, responsesUpstream } from './responses.ts'

const TARGET: Target = { model: 'm', allowedParams: [] }
const PLAIN = { turns: [], stream: false, streamUsage: false, rest: {} } as const
const write = (request: Partial<NeutralRequest>, target: Partial<Target> = {}): JsonObject =>
  responsesUpstream.write({ ...PLAIN, ...request }, { ...TARGET, ...target }, collectLosses())
const lossesOf = (request: Partial<NeutralRequest>) => {
  const losses = collectLosses()
  responsesUpstream.write({ ...PLAIN, ...request }, TARGET, losses)
  const { warnings, lost } = losses.found()
  return { warned: warnings.map(warning => warning.lost), lost }
}
const hi: Turn = { role: 'user', parts: [{ kind: 'text', text: 'hi' }] }
const hiItem = { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hi' }] }

describe('what a provider of the Responses API is sent', () => {
  test('nothing is kept there, and nothing is there that was not asked for', () => {
    assert.deepEqual(write({ turns: [hi] }), { model: 'm', input: [hiItem], store: false })
  })

  test('turns become items in their order', () => {
    const long = 'x'.repeat(80)
    const { input } = write({
      turns: [
        { role: 'system', parts: [{ kind: 'text', text: 'Be kind.' }] },
        {
          role: 'user',
          parts: [
            { kind: 'text', text: 'See:', cache: { ttl: '1h' } },
            { kind: 'image', source: { kind: 'bytes', mime: 'image/png', base64: 'AAAA' } },
            { kind: 'image', source: { kind: 'id', id: 'file-1' }, detail: 'low' },
            { kind: 'file', source: { kind: 'bytes', mime: 'application/pdf', base64: 'BBBB' } },
            { kind: 'file', source: { kind: 'url', url: 'https://x.test/a' } },
          ],
        },
        {
          role: 'assistant',
          parts: [
            { kind: 'reasoning', text: 'Hm.', sealed: { issuer: 'responses', payload: 'rs_1:gAAA' } },
            { kind: 'text', text: 'I look.' },
            { kind: 'call', id: 'call_a', name: 'look', input: '{' },
            { kind: 'call', id: long, name: 'patch', input: '***', custom: true },
          ],
        },
        {
          role: 'user',
          parts: [
            { kind: 'result', id: 'call_a', name: 'look', content: [{ kind: 'text', text: 'tree' }] },
            { kind: 'result', id: long, name: 'patch', content: [], custom: true },
            { kind: 'text', text: 'And now?' },
          ],
        },
        { role: 'assistant', parts: [{ kind: 'refusal', text: 'No.' }] },
        { role: 'user', parts: [{ kind: 'summary', text: 'They met.' }] },
      ],
    })
    const items = input as JsonObject[]
    const mapped = items[5]?.call_id
    assert.match(String(mapped), /^call_[A-Za-z0-9]{43}$/)
    assert.deepEqual(items, [
      { type: 'message', role: 'system', content: [{ type: 'input_text', text: 'Be kind.' }] },
      {
        type: 'message',
        role: 'user',
        content: [
          { type: 'input_text', text: 'See:', prompt_cache_breakpoint: { mode: 'explicit' } },
          { type: 'input_image', detail: 'auto', image_url: 'data:image/png;base64,AAAA' },
          { type: 'input_image', detail: 'low', file_id: 'file-1' },
          { type: 'input_file', filename: 'file.pdf', file_data: 'data:application/pdf;base64,BBBB' },
          { type: 'input_file', file_url: 'https://x.test/a' },
        ],
      },
      { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'gAAA' },
      {
        type: 'message',
        role: 'assistant',
        content: [{ type: 'output_text', text: 'I look.', annotations: [] }],
      },
      { type: 'function_call', call_id: 'call_a', name: 'look', arguments: '{' },
      { type: 'custom_tool_call', call_id: mapped, name: 'patch', input: '***' },
      { type: 'function_call_output', call_id: 'call_a', output: 'tree' },
      { type: 'custom_tool_call_output', call_id: mapped, output: '' },
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'And now?' }] },
      { type: 'message', role: 'assistant', content: [{ type: 'refusal', refusal: 'No.' }] },
      {
        type: 'message',
        role: 'system',
        content: [{ type: 'input_text', text: 'Summary of the conversation so far:\n\nThey met.' }],
      },
    ])
  })

  test('a tool that failed says so', () => {
    const failed: Part = {
      kind: 'result',
      id: 'call_a',
      name: 'look',
      content: [{ kind: 'text', text: 'dark' }],
      failed: true,
    }
    const call: Part = { kind: 'call', id: 'call_a', name: 'look', input: '' }
    const { input } = write({
      turns: [
        { role: 'assistant', parts: [call] },
        { role: 'user', parts: [failed] },
      ],
    })
    assert.deepEqual(input, [
      { type: 'function_call', call_id: 'call_a', name: 'look', arguments: '{}' },
      {
        type: 'function_call_output',
        call_id: 'call_a',
        output: [
          { type: 'input_text', text: 'The tool failed.' },
          { type: 'input_text', text: 'dark' },
        ],
      },
    ])
  })

  test('every parameter has its name here', () => {
    const schema = { type: 'object', properties: {}, additionalProperties: false }
    const { input: _, ...rest } = write({
      turns: [hi],
      tools: [
        { name: 'look', description: 'Looks.', schema },
        { name: 'patch', format: { type: 'text' } },
      ],
      toolChoice: { kind: 'allowed', names: ['look', 'patch'], required: true },
      parallelCalls: false,
      maxTokens: 64,
      temperature: 0.5,
      topP: 0.25,
      logprobs: 2,
      format: { kind: 'schema', name: 's', schema, strict: true, description: 'd' },
      verbosity: 'high',
      effort: 'max',
      thoughts: 'shown',
      metadata: { a: 'b' },
      user: 'me',
      serviceTier: 'flex',
      cacheKey: 'key',
      stream: true,
      streamUsage: true,
    })
    assert.deepEqual(rest, {
      model: 'm',
      tools: [
        { type: 'function', name: 'look', description: 'Looks.', parameters: schema, strict: false },
        { type: 'custom', name: 'patch', format: { type: 'text' } },
      ],
      tool_choice: {
        type: 'allowed_tools',
        mode: 'required',
        tools: [
          { type: 'function', name: 'look' },
          { type: 'custom', name: 'patch' },
        ],
      },
      parallel_tool_calls: false,
      max_output_tokens: 64,
      temperature: 0.5,
      top_p: 0.25,
      top_logprobs: 2,
      text: {
        format: { type: 'json_schema', name: 's', schema, strict: true, description: 'd' },
        verbosity: 'high',
      },
      reasoning: { effort: 'max', summary: 'auto' },
      metadata: { a: 'b' },
      user: 'me',
      service_tier: 'flex',
      prompt_cache_key: 'key',
      include: ['reasoning.encrypted_content', 'message.output_text.logprobs'],
      stream: true,
      store: false,
    })
  })

  test('ciphertext is asked for only where thinking is', () => {
    assert.equal(write({ effort: 'none' }).include, undefined)
    assert.deepEqual(write({ thinkingTokens: 1024 }).reasoning, { effort: 'low' })
    assert.deepEqual(write({ thinkingTokens: 1024 }).include, ['reasoning.encrypted_content'])
    assert.deepEqual(write({ format: { kind: 'json' } }).text, { format: { type: 'json_object' } })
    assert.deepEqual(write({ toolChoice: { kind: 'tool', name: 'look' } }).tool_choice, {
      type: 'function',
      name: 'look',
    })
  })

  test('sampling that is not there is lost, and said so; what changes nothing is only told', () => {
    const turns: readonly Turn[] = [
      {
        role: 'assistant',
        parts: [{ kind: 'reasoning', text: 'Hm.', sealed: { issuer: 'messages', payload: 's' } }],
      },
    ]
    assert.deepEqual(
      lossesOf({
        turns,
        stop: ['END'],
        seed: 1,
        topK: 4,
        logitBias: { 5: 1 },
        presencePenalty: 1,
        frequencyPenalty: 1,
        maxTokens: 5,
        thinkingTokens: 9000,
        rest: { n: 2 },
      }),
      {
        warned: ['thinking budget', 'reasoning of earlier turns', 'max_tokens'],
        lost: ['stop', 'seed', 'top_k', 'logit_bias', 'presence_penalty', 'frequency_penalty', 'n'],
      },
    )
    assert.deepEqual(lossesOf({ stop: [], presencePenalty: 0, logitBias: {} }), { warned: [], lost: [] })
    assert.equal(write({ maxTokens: 5 }).max_output_tokens, 16)
  })

  test('what means the same here goes along, and what the operator allows', () => {
    const { input: _, ...rest } = write(
      { rest: { prompt_cache_retention: '24h', x_own: 1 } },
      { allowedParams: ['x_own'] },
    )
    assert.deepEqual(rest, { model: 'm', prompt_cache_retention: '24h', x_own: 1, store: false })
  })

  test('an image that a model made does not go back, and is named', () => {
    const image: Part = { kind: 'image', source: { kind: 'url', url: 'https://x.test/a' } }
    const { warned } = lossesOf({ turns: [{ role: 'assistant', parts: [image] }] })
    assert.deepEqual(warned, ['messages[].content'])
  })
})

describe('there and back', () => {
  const words = fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' })
  const text = words.map((said): Part => ({ kind: 'text', text: said }))
  const image = fc.constant<Part>({
    kind: 'image',
    source: { kind: 'url', url: 'https://x.test/a' },
    detail: 'low',
  })
  const said = fc.array(fc.oneof(text, image), { minLength: 1, maxLength: 3 })
  const id = fc.stringMatching(/^call_[a-z0-9]{1,20}$/)

  /** What the user says, and a turn of the model with its calls and their results. */
  const round = fc
    .record({
      asked: said,
      sealed: fc.option(fc.stringMatching(/^rs_[a-z]{1,9}:[A-Za-z0-9]{1,9}$/), { nil: undefined }),
      answered: fc.option(words, { nil: undefined }),
      calls: fc.uniqueArray(fc.record({ id, input: words, custom: fc.boolean(), output: words }), {
        maxLength: 3,
        selector: call => call.id,
      }),
    })
    .map(({ asked, sealed, answered, calls }): readonly Turn[] => {
      const parts: Part[] = []
      if (sealed !== undefined)
        parts.push({ kind: 'reasoning', text: '', sealed: { issuer: 'responses', payload: sealed } })
      if (answered !== undefined) parts.push({ kind: 'text', text: answered })
      for (const call of calls)
        parts.push({
          kind: 'call',
          id: call.id,
          name: 'look',
          input: call.input,
          ...(call.custom ? { custom: true } : {}),
        })
      const results = calls.map(
        (call): Part => ({
          kind: 'result',
          id: call.id,
          name: 'look',
          content: [{ kind: 'text', text: call.output }],
          ...(call.custom ? { custom: true } : {}),
        }),
      )
      return [
        { role: 'user', parts: asked },
        ...(parts.length === 0 ? [] : [{ role: 'assistant', parts } as const]),
        ...(results.length === 0 ? [] : [{ role: 'user', parts: results } as const]),
      ]
    })

  test('a conversation means the same when it is read again', () => {
    fc.assert(
      fc.property(fc.array(round, { maxLength: 4 }), fc.boolean(), (rounds, stream) => {
        const request: NeutralRequest = {
          turns: rounds.flat(),
          tools: [{ name: 'look', schema: { type: 'object' }, strict: false }],
          toolChoice: { kind: 'required' },
          effort: 'low',
          stream,
          streamUsage: true,
          rest: {},
        }
        assert.deepEqual(responsesDoor.read(write(request), collectLosses()), request)
      }),
    )
  })
})
