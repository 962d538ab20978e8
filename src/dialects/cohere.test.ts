import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Unsupported } from '../providers/provider.ts'
import { CHAT } from '../stage/cohere-columns.ts'
import { checkChat } from '../stage/cohere-rules.ts'
import { checkFields } from '../stage/cohere-shape.ts'
import type { Json, JsonObject } from '../wire/json.ts'
import { cohereUpstream } from './cohere.ts'
import { collectLosses } from './losses.ts'
import { call, request, result, turn } from './neutral.fixture.ts'
import type { NeutralRequest, Target } from './neutral.ts'
import { anyRequest } from './neutral-any.fixture.ts'
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
