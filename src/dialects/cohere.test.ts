import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Unsupported } from '../providers/provider.ts'
import { CHAT } from '../stage/cohere-columns.ts'
import { checkChat } from '../stage/cohere-rules.ts'
import { checkFields } from '../stage/cohere-shape.ts'
import type { Json, JsonObject } from '../wire/json.ts'
import { FailedAnswer } from './bridge.ts'
import { cohereUpstream } from './cohere.ts'
import { collectLosses } from './losses.ts'
import { call, request, result, turn } from './neutral.fixture.ts'
import type { NeutralEvent, NeutralRequest, Target } from './neutral.ts'
import { anyRequest, cutAt } from './neutral-any.fixture.ts'
import { answerOf } from './neutral-streams.fixture.ts'
import { withFittingNames } from './tool-names.ts'

const R_PLUS: Target = { model: 'command-r-plus-08-2024', allowedParams: [] }
const REASONING: Target = { model: 'command-a-reasoning-08-2025', allowedParams: [] }

const written = (asked: NeutralRequest, target = R_PLUS) => {
  const losses = collectLosses()
  const body = cohereUpstream.write(withFittingNames(asked, cohereUpstream), target, losses)
  const { lost, warnings } = losses.found()
  return { body, lost, warned: warnings.map(warning => warning.lost) }
}

const asking = (more: Partial<NeutralRequest> = {}): NeutralRequest =>
  request([turn('user', 'Who is there?')], more)

describe('a request', () => {
  test('system messages stand at the head, and what is said before calls is their plan', () => {
    const { body, warned } = written(
      request([
        turn('system', 'You are a prompter.'),
        turn('user', 'Who is there?'),
        turn('assistant', 'I look.', call('call_1', 'look')),
        turn('user', result('call_1', 'look', 'nobody')),
        turn('system', 'Be brief.'),
        turn('assistant', 'Nobody.'),
        turn('user', 'Sure?'),
      ]),
    )
    assert.deepEqual(body, {
      model: R_PLUS.model,
      messages: [
        { role: 'system', content: 'You are a prompter.\n\nBe brief.' },
        { role: 'user', content: 'Who is there?' },
        {
          role: 'assistant',
          tool_plan: 'I look.',
          tool_calls: [
            { id: 'call_1', type: 'function', function: { name: 'look', arguments: '{"at":"left"}' } },
          ],
        },
        { role: 'tool', tool_call_id: 'call_1', content: 'nobody' },
        { role: 'assistant', content: 'Nobody.' },
        { role: 'user', content: 'Sure?' },
      ],
    })
    assert.deepEqual(warned, ['position of a later system message'])
  })

  test('parameters have names and ranges of their own', () => {
    const { body, lost, warned } = written(
      asking({
        maxTokens: 100,
        temperature: 1.5,
        topP: 1,
        topK: 40,
        stop: ['a', ''],
        seed: 7,
        presencePenalty: 0,
        frequencyPenalty: 0.5,
        logprobs: 0,
        stream: true,
        rest: { safety_mode: 'STRICT', documents: ['The understudy knows every line.'], n: 1, store: true },
      }),
    )
    const { messages: _, ...rest } = body
    assert.deepEqual(rest, {
      model: R_PLUS.model,
      max_tokens: 100,
      temperature: 1,
      p: 0.99,
      k: 40,
      stop_sequences: ['a'],
      seed: 7,
      frequency_penalty: 0.5,
      logprobs: true,
      safety_mode: 'STRICT',
      documents: ['The understudy knows every line.'],
      stream: true,
    })
    assert.deepEqual([lost, warned], [[], ['store', 'temperature', 'top_p']])
  })

  test('what it has no place for is lost by name', () => {
    const { lost } = written(
      asking({
        logitBias: { 1: 2 },
        verbosity: 'low',
        presencePenalty: -1,
        seed: -1,
        logprobs: 3,
        stop: ['a', 'b', 'c', 'd', 'e', 'f'],
        effort: 'low',
        tools: [{ name: 'look', schema: { type: 'object' } }],
        parallelCalls: false,
        format: { kind: 'json' },
        rest: { n: 2, a_parameter_of_tomorrow: 1 },
      }),
    )
    assert.deepEqual([...lost].sort(), [
      'a_parameter_of_tomorrow',
      'logit_bias',
      'n',
      'parallel_tool_calls',
      'presence_penalty',
      'reasoning_effort',
      'response_format',
      'seed',
      'stop',
      'top_logprobs',
      'verbosity',
    ])
  })

  test('thinking is a switch with a budget, for models that think', () => {
    const thinking = (more: Partial<NeutralRequest>, target = REASONING): Json | undefined =>
      written(asking(more), target).body.thinking
    assert.deepEqual(thinking({ effort: 'none' }), { type: 'disabled' })
    assert.deepEqual(thinking({ effort: 'high' }), { type: 'enabled' })
    assert.deepEqual(thinking({ effort: 'low' }), { type: 'enabled', token_budget: 1024 })
    assert.deepEqual(thinking({ thinkingTokens: 500 }), { type: 'enabled', token_budget: 500 })
    assert.deepEqual(thinking({ thinkingTokens: 500, maxTokens: 100 }), { type: 'enabled', token_budget: 50 })
    assert.equal(thinking({}), undefined)
    assert.equal(thinking({ effort: 'none' }, R_PLUS), undefined)
    const own = { ...R_PLUS, allowedParams: ['reasoning_effort'] }
    assert.deepEqual(thinking({ effort: 'high' }, own), { type: 'enabled' })
  })

  test('a choice among tools is told by fewer tools and one word', () => {
    const schema = { type: 'object', properties: { at: { type: 'string' } }, required: ['at'] }
    const tools = ['look', 'wait', 'leave'].map(name => ({ name, schema, strict: true }))
    const chosen = (toolChoice: NeutralRequest['toolChoice']): readonly Json[] => {
      const { body } = written(asking({ tools, ...(toolChoice === undefined ? {} : { toolChoice }) }))
      const names = (body.tools as readonly { readonly function: JsonObject }[]).map(
        tool => tool.function.name,
      )
      return [names.join(' '), body.tool_choice ?? null, body.strict_tools ?? null]
    }
    assert.deepEqual(chosen(undefined), ['look wait leave', null, true])
    assert.deepEqual(chosen({ kind: 'auto' }), ['look wait leave', null, true])
    assert.deepEqual(chosen({ kind: 'none' }), ['look wait leave', 'NONE', true])
    assert.deepEqual(chosen({ kind: 'required' }), ['look wait leave', 'REQUIRED', true])
    assert.deepEqual(chosen({ kind: 'tool', name: 'wait' }), ['wait', 'REQUIRED', true])
    const allowed = { kind: 'allowed', names: ['look', 'leave'] } as const
    assert.deepEqual(chosen({ ...allowed, required: false }), ['look leave', null, true])
    assert.deepEqual(chosen({ ...allowed, required: true }), ['look leave', 'REQUIRED', true])
  })

  test('strictness that cannot be promised is a warning', () => {
    const { body, warned } = written(
      asking({ tools: [{ name: 'look', schema: { type: 'object', properties: {} }, strict: true }] }),
    )
    assert.equal(body.strict_tools, undefined)
    assert.deepEqual(warned, ['tools[].function.strict'])
  })

  test('files and sound are refused where they stand, pictures are taken', () => {
    const file = {
      kind: 'file',
      source: { kind: 'bytes', mime: 'application/pdf', base64: 'JVBERi0=' },
    } as const
    assert.throws(
      () => written(request([turn('user', 'Read.', file)])),
      (error: unknown) => error instanceof Unsupported && error.param === 'messages[0].content[1]',
    )
    const image = {
      kind: 'image',
      source: { kind: 'url', url: 'https://s.example/a.png' },
      detail: 'original',
    } as const
    assert.deepEqual(written(request([turn('user', 'Look.', image)])).body.messages, [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Look.' },
          { type: 'image_url', image_url: { url: 'https://s.example/a.png', detail: 'high' } },
        ],
      },
    ])
  })

  test('where only the system speaks, a word of the user follows', () => {
    const { body, warned } = written(request([turn('system', 'Alone.')]))
    assert.deepEqual(body.messages, [
      { role: 'system', content: 'Alone.' },
      { role: 'user', content: 'Go on.' },
    ])
    assert.deepEqual(warned, ['messages'])
  })

  test('property: whatever is written breaks no rule of the API', () => {
    fc.assert(
      fc.property(anyRequest, asked => {
        let body: JsonObject
        try {
          body = written(asked, REASONING).body
        } catch (error) {
          assert.ok(error instanceof Unsupported)
          return
        }
        checkFields(body, CHAT)
        checkChat(withoutStrays(body))
      }),
    )
  })
})

/** Histories made by chance hold results that nobody asked for, and ids twice: no translation's business. */
const withoutStrays = (body: JsonObject): JsonObject => {
  const messages = (body.messages as readonly JsonObject[]).filter(({ role }) => role !== 'tool')
  const seen = new Set<Json | undefined>()
  const told = messages.map(message => {
    const calls = (message.tool_calls ?? []) as readonly JsonObject[]
    const own = calls.filter(({ id }) => !seen.has(id) && seen.add(id))
    return calls.length === 0
      ? message
      : { ...message, tool_calls: own.length === 0 ? calls.slice(0, 0) : own, content: '.' }
  })
  return { ...body, messages: [...told, { role: 'user', content: 'Go on.' }] }
}

const USAGE = {
  billed_units: { input_tokens: 18, output_tokens: 6 },
  tokens: { input_tokens: 1661, output_tokens: 19 },
  cached_tokens: 512,
}
const COUNTED = { inputTokens: 1661, outputTokens: 19, cachedInputTokens: 512 }

const event = (type: string, more: JsonObject = {}): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`
const said = (message: JsonObject): JsonObject => ({ delta: { message } })
const START = event('message-start', { id: 'r1', ...said({ role: 'assistant', content: [] }) })
const END = event('message-end', { delta: { finish_reason: 'COMPLETE', usage: USAGE } })

const heard = (text: string, cuts: readonly number[] = []): readonly NeutralEvent[] => {
  const decoder = cohereUpstream.decoder()
  const pieces = cutAt(Buffer.from(text), cuts)
  return [...pieces.flatMap(piece => decoder.push(piece)), ...decoder.end()]
}

describe('an answer', () => {
  const source = { type: 'document', id: 'doc:0', document: { id: 'doc:0', title: 'Hamlet', snippet: 'Who' } }
  const citation = { start: 0, end: 3, text: 'Who', sources: [source], type: 'TEXT_CONTENT' }
  const annotation = {
    type: 'url_citation',
    url: 'source:doc:0',
    title: 'Hamlet',
    start_index: 0,
    end_index: 3,
  }

  const TALK = [
    START,
    event('content-start', { index: 0, ...said({ content: { type: 'thinking', thinking: '' } }) }),
    event('content-delta', { index: 0, ...said({ content: { thinking: 'I re' } }) }),
    event('content-delta', { index: 0, ...said({ content: { thinking: 'call.' } }) }),
    event('content-end', { index: 0 }),
    event('content-start', { index: 1, ...said({ content: { type: 'text', text: '' } }) }),
    event('content-delta', { index: 1, ...said({ content: { text: 'Who is ' } }) }),
    event('citation-start', { index: 1, ...said({ citations: citation }) }),
    event('citation-end', { index: 1 }),
    event('content-delta', { index: 1, ...said({ content: { text: 'thére? 🎭' } }) }),
    event('content-end', { index: 1 }),
    END,
  ].join('')
  const whole: JsonObject = {
    id: 'r1',
    finish_reason: 'COMPLETE',
    message: {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'I recall.' },
        { type: 'text', text: 'Who is thére? 🎭' },
      ],
      citations: [citation],
    },
    usage: USAGE,
  }

  test('with thoughts and citations is read whole', () => {
    assert.deepEqual(cohereUpstream.answer(whole), {
      id: 'r1',
      model: undefined,
      parts: [
        { kind: 'reasoning', text: 'I recall.' },
        { kind: 'text', text: 'Who is thére? 🎭', annotations: [annotation] },
      ],
      stop: { kind: 'end' },
      usage: COUNTED,
    })
  })

  test('streamed is the same, wherever its bytes are cut', () => {
    const expected = cohereUpstream.answer(whole)
    fc.assert(
      fc.property(fc.array(fc.nat(80)), cuts => assert.deepEqual(answerOf(heard(TALK, cuts)), expected)),
    )
  })

  test('that ends before message-end has no end', () => {
    const events = heard(TALK.slice(0, -END.length))
    assert.ok(!events.some(({ kind }) => kind === 'end' || kind === 'stop'))
  })

  test('with a plan and calls', () => {
    const calls = [
      { id: 'look_1', type: 'function', function: { name: 'look', arguments: '{"at":"left"}' } },
      { id: 'wait_1', type: 'function', function: { name: 'wait', arguments: '' } },
    ]
    const answer = cohereUpstream.answer({
      id: 'r1',
      finish_reason: 'TOOL_CALL',
      message: { role: 'assistant', tool_plan: 'I look.', tool_calls: calls },
      usage: USAGE,
    })
    assert.deepEqual(answer.parts, [
      { kind: 'text', text: 'I look.' },
      { kind: 'call', id: 'look_1', name: 'look', input: '{"at":"left"}' },
      { kind: 'call', id: 'wait_1', name: 'wait', input: '{}' },
    ])
    assert.deepEqual(answer.stop, { kind: 'calls' })
    const begun = (index: number, id: string, name: string): string =>
      event('tool-call-start', {
        index,
        ...said({ tool_calls: { id, type: 'function', function: { name, arguments: '' } } }),
      })
    const piece = (index: number, text: string): string =>
      event('tool-call-delta', { index, ...said({ tool_calls: { function: { arguments: text } } }) })
    const stream = [
      START,
      event('tool-plan-delta', said({ tool_plan: 'I ' })),
      event('tool-plan-delta', said({ tool_plan: 'look.' })),
      begun(0, 'look_1', 'look'),
      piece(0, '{"at"'),
      piece(0, ':"left"}'),
      event('tool-call-end', { index: 0 }),
      begun(1, 'wait_1', 'wait'),
      event('tool-call-end', { index: 1 }),
      event('message-end', { delta: { finish_reason: 'TOOL_CALL', usage: USAGE } }),
    ].join('')
    assert.deepEqual(answerOf(heard(stream)), answer)
  })

  test('every word for an end', () => {
    const stop = (finish: string) =>
      cohereUpstream.answer({ finish_reason: finish, message: { content: [{ type: 'text', text: 'a' }] } })
        .stop.kind
    assert.deepEqual(
      ['COMPLETE', 'STOP_SEQUENCE', 'MAX_TOKENS', 'TOOL_CALL', 'ERROR_TOXIC', 'TOMORROW'].map(stop),
      ['end', 'sequence', 'length', 'end', 'filter', 'end'],
    )
  })

  test('a failure inside an answer is a failure', () => {
    for (const [finish, code] of [
      ['ERROR', 'server_error'],
      ['TIMEOUT', 'timeout'],
    ] as const) {
      assert.throws(() => cohereUpstream.answer({ finish_reason: finish, message: {} }), { name: 'Error' })
      const ended = event('message-end', { delta: { finish_reason: finish, error: 'It broke.' } })
      const last = heard(START + ended + END).at(-1)
      assert.ok(last?.kind === 'error')
      assert.deepEqual([last.error.code, last.error.message], [code, 'It broke.'])
    }
    for (const broken of [
      'data: {"message":"It broke.","id":"1"}\n\n',
      'event: content-delta\ndata: {"ty\n\n',
    ])
      assert.equal(heard(START + broken + END).at(-1)?.kind, 'error')
    assert.equal(heard(END).at(-1)?.kind, 'error')
    assert.throws(() => cohereUpstream.answer({ text: 'version 1' }), /no message/)
  })

  test('an error’s body in a success is told in the provider’s own words', () => {
    const message = 'The model is currently overloaded, please try again later.'
    assert.throws(
      () => cohereUpstream.answer({ id: '1', message }),
      (error: unknown) => error instanceof FailedAnswer && error.error.message === message,
    )
  })

  test('how likely the words were', () => {
    const item = { text: 'Who', token_ids: [1, 2], logprobs: [-0.25, -0.5] }
    const { logprobs } = cohereUpstream.answer({ ...whole, logprobs: [item] })
    assert.deepEqual(logprobs, [{ token: 'Who', logprob: -0.75, bytes: [87, 104, 111], top_logprobs: [] }])
  })
})
