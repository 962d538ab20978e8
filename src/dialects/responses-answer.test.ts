import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { JsonObject } from '../wire/json.ts'
import type { NeutralAnswer, Stop } from './neutral.ts'
import { responses } from './openai-responses.ts'
import { answers, askedOf } from './responses.fixture.ts'
import { responsesDoor, responsesUpstream } from './responses.ts'

const ANSWER: NeutralAnswer = { id: 'x', model: 'm', parts: [], stop: { kind: 'end' }, usage: undefined }
const write = (answer: Partial<NeutralAnswer>, body?: JsonObject): JsonObject =>
  responsesDoor.answer({ ...ANSWER, ...answer }, askedOf(body))

describe('the response that a client gets', () => {
  test('every published member is there, with what was asked or its default', () => {
    const function_ = { type: 'function', name: 'look' }
    assert.deepEqual(
      write(
        {
          parts: [{ kind: 'text', text: 'Hello.', annotations: [{ type: 'url_citation', url: 'u' }] }],
          usage: { inputTokens: 3, outputTokens: 2, cachedInputTokens: 1, cacheWriteTokens: 1 },
          serviceTier: 'flex',
          logprobs: [{ token: 'H' }],
        },
        {
          model: 'g',
          input: 'hi',
          instructions: 'Be kind.',
          max_output_tokens: 100,
          temperature: 0.5,
          reasoning: { effort: 'low' },
          text: { verbosity: 'low' },
          tools: [function_],
          metadata: { a: 'b' },
          store: true,
        },
      ),
      {
        id: 'resp_u1',
        object: 'response',
        created_at: 1_700_000_000,
        completed_at: 1_700_000_000,
        status: 'completed',
        background: false,
        error: null,
        incomplete_details: null,
        instructions: 'Be kind.',
        max_output_tokens: 100,
        max_tool_calls: null,
        model: 'upstream',
        output: [
          {
            id: 'msg_understudy_u1_0',
            type: 'message',
            status: 'completed',
            role: 'assistant',
            content: [
              {
                type: 'output_text',
                text: 'Hello.',
                annotations: [{ type: 'url_citation', url: 'u' }],
                logprobs: [{ token: 'H' }],
              },
            ],
          },
        ],
        parallel_tool_calls: true,
        previous_response_id: null,
        presence_penalty: 0,
        frequency_penalty: 0,
        prompt_cache_key: null,
        reasoning: { effort: 'low', summary: null },
        safety_identifier: null,
        service_tier: 'flex',
        store: false,
        temperature: 0.5,
        text: { format: { type: 'text' }, verbosity: 'low' },
        tool_choice: 'auto',
        tools: [{ ...function_, description: null, parameters: null, strict: null }],
        top_logprobs: 0,
        top_p: 1,
        truncation: 'disabled',
        usage: {
          input_tokens: 3,
          input_tokens_details: { cached_tokens: 1, cache_write_tokens: 1 },
          output_tokens: 2,
          output_tokens_details: { reasoning_tokens: 0 },
          total_tokens: 5,
        },
        user: null,
        metadata: { a: 'b' },
      },
    )
  })

  test('items in their order; calls from a namespace say so, long ids are fitted', () => {
    const { output } = write(
      {
        parts: [
          { kind: 'reasoning', text: 'Hm.' },
          { kind: 'text', text: 'I look.' },
          { kind: 'refusal', text: 'Not there.' },
          { kind: 'call', id: 'x'.repeat(80), name: 'files__open', input: '{}' },
          { kind: 'call', id: '', name: 'patch', input: '*** Begin', custom: true },
        ],
        stop: { kind: 'calls' },
      },
      {
        input: 'hi',
        include: ['reasoning.encrypted_content'],
        tools: [
          { type: 'namespace', name: 'files', tools: [{ type: 'function', name: 'open' }] },
          { type: 'custom', name: 'patch' },
        ],
      },
    )
    const [thought, message = {}, open, patch] = output as JsonObject[]
    assert.equal(thought?.id, 'rs_understudy_u1_0')
    assert.match(String(thought?.encrypted_content), /^understudy\.r1\./)
    assert.deepEqual(
      (message.content as JsonObject[]).map(part => part.type),
      ['output_text', 'refusal'],
    )
    assert.deepEqual([open?.namespace, open?.name, String(open?.call_id).length], ['files', 'open', 48])
    assert.deepEqual(patch, {
      id: 'ctc_understudy_u1_3',
      type: 'custom_tool_call',
      call_id: 'call_u1_3',
      name: 'patch',
      input: '*** Begin',
    })
  })

  test('an image that the model made is one, and says its format where it is not the usual one', () => {
    for (const format of ['png', 'webp']) {
      const source = { kind: 'bytes', mime: `image/${format}`, base64: 'AAAA' } as const
      const { output } = write({ parts: [{ kind: 'image', source }] })
      assert.deepEqual(output, [
        {
          id: 'ig_understudy_u1_0',
          type: 'image_generation_call',
          status: 'completed',
          ...(format === 'png' ? {} : { output_format: format }),
          result: 'AAAA',
        },
      ])
    }
  })

  const endings: readonly (readonly [stop: Stop['kind'], status: string, reason: string | undefined])[] = [
    ['end', 'completed', undefined],
    ['sequence', 'completed', undefined],
    ['calls', 'completed', undefined],
    ['pause', 'incomplete', 'pause_turn'],
    ['length', 'incomplete', 'max_output_tokens'],
    ['context', 'incomplete', 'max_output_tokens'],
    ['filter', 'incomplete', 'content_filter'],
    ['refusal', 'incomplete', 'content_filter'],
  ]
  for (const [kind, status, reason] of endings)
    test(`a stop of kind ${kind} is ${status}`, () => {
      const stop: Stop = kind === 'sequence' ? { kind, sequence: undefined } : { kind }
      const response = write({ stop, parts: [{ kind: 'text', text: 'x' }] })
      assert.equal(response.status, status)
      assert.deepEqual(response.incomplete_details, reason === undefined ? null : { reason })
      assert.equal((response.output as JsonObject[])[0]?.status, status)
    })

  test('a refusal in words is a whole answer', () => {
    assert.equal(
      write({ stop: { kind: 'refusal' }, parts: [{ kind: 'refusal', text: 'No.' }] }).status,
      'completed',
    )
  })

  test('an answer without a token is none to the gate', () => {
    const empty = write({ usage: { inputTokens: 3, outputTokens: 0 } })
    assert.equal(responses.errorInside(empty)?.code, 'empty_answer')
  })
})

describe('the response that a provider gives', () => {
  test('whatever is written is read back', () => {
    fc.assert(
      fc.property(answers, answer => {
        assert.deepEqual(responsesUpstream.answer(write(answer)), { ...answer, serviceTier: 'default' })
      }),
    )
  })

  test('a failed response is no answer, and neither is a body without output', () => {
    assert.throws(() => responsesUpstream.answer({ status: 'failed', output: [], error: { message: 'No.' } }))
    assert.throws(() => responsesUpstream.answer({ error: { message: 'No.' } }))
  })

  test('thoughts told in full, log probabilities and unknown ends are read', () => {
    const body = {
      id: 'resp_1',
      model: 'm',
      status: 'incomplete',
      incomplete_details: { reason: 'steered' },
      output: [
        { type: 'reasoning', id: 'x', content: [{ type: 'reasoning_text', text: 'Full.' }], summary: [] },
        { type: 'message', content: [{ type: 'output_text', text: 'Hi', logprobs: [{ token: 'Hi' }] }] },
        { type: 'web_search_call', id: 'ws_1' },
      ],
    }
    assert.deepEqual(responsesUpstream.answer(body), {
      id: 'resp_1',
      model: 'm',
      parts: [
        { kind: 'reasoning', text: 'Full.' },
        { kind: 'text', text: 'Hi' },
      ],
      stop: { kind: 'pause' },
      usage: undefined,
      logprobs: [{ token: 'Hi' }],
    })
  })
})
