import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { JsonObject } from '../wire/json.ts'
import { checkMessages } from './anthropic-rules.ts'
import { checkChat } from './chat-rules.ts'
import { checkResponses } from './responses-rules.ts'

/** What OpenAI and Anthropic refuse inside messages, items, tools and schemas. */

const HELLO = { role: 'user', content: 'hi' }
const call = (id: string) => ({ id, type: 'function', function: { name: 'look', arguments: '{}' } })
const calling = (...ids: readonly string[]) => ({
  role: 'assistant',
  content: null,
  tool_calls: ids.map(call),
})
const answer = (id: string) => ({ role: 'tool', tool_call_id: id, content: 'a tree' })
const look = (more: JsonObject = {}) => ({ type: 'function', function: { name: 'look', ...more } })
const OPEN = { type: 'object', properties: { at: { type: 'string' } } }
const CLOSED = { ...OPEN, required: ['at'], additionalProperties: false }

type Rows = readonly (readonly [what: string, body: JsonObject, refusal: RegExp | undefined])[]

const played = (rows: Rows, check: (body: JsonObject) => void): void => {
  for (const [what, body, refusal] of rows)
    test(what, () => {
      if (refusal === undefined) check(body)
      else assert.throws(() => check(body), refusal)
    })
}

const chat = (...messages: readonly JsonObject[]): JsonObject => ({ messages })

describe('chat completions', () => {
  played(
    [
      ['calls with their results', chat(HELLO, calling('a', 'b'), answer('b'), answer('a')), undefined],
      ['a call without its result', chat(HELLO, calling('a'), HELLO), /did not have response messages: a/],
      ['a call at the end', chat(HELLO, calling('a')), /did not have response messages/],
      ['a result without its call', chat(HELLO, answer('a')), /preceeding message/],
      ['a second result', chat(HELLO, calling('a'), answer('a'), answer('a')), /preceeding message/],
      ['a long id', chat(HELLO, calling('a'.repeat(41))), /maximum length 40/],
      ['no calls in a list of calls', chat({ ...calling(), content: 'a' }), /empty array/],
      ['nothing said', chat({ role: 'assistant', content: null }), /expected a string/],
      ['a refusal is something', chat({ role: 'assistant', content: null, refusal: 'No.' }), undefined],
      [
        'a picture of the system',
        chat({ role: 'system', content: [{ type: 'image_url' }] }),
        /Invalid value/,
      ],
      ['no content parts', chat({ role: 'user', content: [] }), /empty array/],
      ['a role that is none', chat({ role: 'critic', content: 'a' }), /Invalid value: 'critic'/],
      ['a choice without tools', { ...chat(HELLO), tool_choice: 'auto' }, /only allowed when 'tools'/],
      [
        'a choice of a tool that is not there',
        { ...chat(HELLO), tools: [look()], tool_choice: { type: 'function', function: { name: 'wait' } } },
        /'wait' not found/,
      ],
      ['a name that is none', { ...chat(HELLO), tools: [look({ name: 'a b' })] }, /does not match pattern/],
      [
        'a choice at the top',
        { ...chat(HELLO), tools: [look({ parameters: { type: 'object', anyOf: [OPEN] } })] },
        /at the top level/,
      ],
      ['strict and open', { ...chat(HELLO), tools: [look({ strict: true, parameters: OPEN })] }, /required/],
      [
        'strict and closed',
        { ...chat(HELLO), tools: [look({ strict: true, parameters: CLOSED })] },
        undefined,
      ],
      ['JSON without the word', { ...chat(HELLO), response_format: { type: 'json_object' } }, /'json'/],
      [
        'JSON with the word',
        { ...chat({ ...HELLO, content: 'As Json.' }), response_format: { type: 'json_object' } },
        undefined,
      ],
      ['a long user', { ...chat(HELLO), user: 'u'.repeat(65) }, /maximum length 64/],
      ['five stops', { ...chat(HELLO), stop: ['a', 'b', 'c', 'd', 'e'] }, /maximum length 4/],
    ],
    checkChat,
  )
})

const called = { type: 'function_call', call_id: 'a', name: 'look', arguments: '{}' }
const output = { type: 'function_call_output', call_id: 'a', output: 'a tree' }
const input = (...items: readonly JsonObject[]): JsonObject => ({ input: items })

describe('responses', () => {
  played(
    [
      ['a call with its output', input(HELLO, called, output), undefined],
      ['a call without its output', input(HELLO, called), /No tool output found/],
      ['an output without its call', input(HELLO, output), /No tool call found/],
      ['sound', input({ ...HELLO, content: [{ type: 'input_audio' }] }), /Invalid value: 'input_audio'/],
      [
        'words asked by an assistant',
        input({ role: 'assistant', content: [{ type: 'input_text' }] }),
        /Invalid/,
      ],
      ['a long id', input({ ...called, call_id: 'a'.repeat(65) }), /maximum length 64/],
      ['arguments as an object', input({ ...called, arguments: {} }), /expected a string/],
      [
        'an open strict tool',
        { tools: [{ type: 'function', name: 'a', strict: true, parameters: OPEN }] },
        /required/,
      ],
      ['JSON without the word', { ...input(HELLO), text: { format: { type: 'json_object' } } }, /'json'/],
      ['a long user', { user: 'u'.repeat(65) }, /maximum length 64/],
    ],
    body => checkResponses(body, true),
  )

  test('where the history is elsewhere, its calls may be there', () => checkResponses(input(output), false))
})

describe('messages', () => {
  const asked = (more: JsonObject): JsonObject => ({ messages: [HELLO], max_tokens: 9, ...more })
  const format = (schema: JsonObject) => asked({ output_config: { format: { type: 'json_schema', schema } } })
  const limited = { ...CLOSED, properties: { at: { type: 'string', maxLength: 9 } } }
  played(
    [
      ['a closed form', format(CLOSED), undefined],
      ['an open form', format(OPEN), /additionalProperties/],
      ['an open object within', format({ ...CLOSED, properties: { at: OPEN } }), /additionalProperties/],
      ['a form with limits', format(limited), /'maxLength' is not supported/],
      [
        'an open strict tool',
        asked({ tools: [{ name: 'a', strict: true, input_schema: OPEN }] }),
        /additional/,
      ],
      ['an open tool', asked({ tools: [{ name: 'a', input_schema: OPEN }] }), undefined],
      [
        'a choice at the top',
        asked({ tools: [{ name: 'a', input_schema: { type: 'object', anyOf: [OPEN] } }] }),
        /at the top level/,
      ],
      [
        'a form that refers to itself',
        format({ ...CLOSED, properties: { at: { $ref: '#' } } }),
        /Circular reference detected/,
      ],
      ['a long user', asked({ metadata: { user_id: 'u'.repeat(257) } }), /at most 256/],
    ],
    checkMessages,
  )
})
