import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Unsupported } from '../providers/provider.ts'
import type { Json, JsonObject } from '../wire/json.ts'
import { losing } from './chat.fixture.ts'
import { readChat } from './chat-request.ts'
import { call, LOOK, request, result, SCHEMA, turn } from './neutral.fixture.ts'
import type { NeutralRequest } from './neutral.ts'

const hello = { messages: [{ role: 'user', content: 'hi' }] }
const HI = turn('user', 'hi')
const read = (body: JsonObject) => losing(losses => readChat(body, losses))
const saying = (...messages: Json[]): JsonObject => ({ messages: [...hello.messages, ...messages] })
const lookCall = (id: string): Json => ({
  id,
  type: 'function',
  function: { name: 'look', arguments: '{"at":"left"}' },
})

describe('what a client says', () => {
  const pairs: readonly (readonly [what: string, chat: JsonObject, neutral: NeutralRequest])[] = [
    ['a plain question', { model: 'g', ...hello }, request([HI])],
    [
      'every role, texts and parts',
      {
        messages: [
          { role: 'system', content: 'Be kind.' },
          { role: 'developer', content: [{ type: 'text', text: 'Be brief.' }] },
          { role: 'user', content: '' },
          {
            role: 'assistant',
            content: [
              { type: 'text', text: 'a' },
              { type: 'refusal', refusal: 'b' },
            ],
          },
          { role: 'assistant', content: null, refusal: 'No.' },
        ],
      },
      request([
        turn('system', 'Be kind.'),
        turn('system', 'Be brief.'),
        turn('user'),
        turn('assistant', 'a', { kind: 'refusal', text: 'b' }),
        turn('assistant', { kind: 'refusal', text: 'No.' }),
      ]),
    ],
    [
      'images, files and audio',
      {
        messages: [
          {
            role: 'user',
            content: [
              { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA', detail: 'low' } },
              { type: 'image_url', image_url: 'https://stage.example/a.png' },
              { type: 'file', file: { filename: 'a.txt', file_data: 'data:text/plain;charset=utf-8,a%20b' } },
              { type: 'file', file: { file_id: 'file-1' } },
              { type: 'file', file: { file_id: 'https://stage.example/a.pdf' } },
              { type: 'input_audio', input_audio: { data: 'UklG', format: 'wav' } },
              { type: 'input_audio', input_audio: { data: 'SUQz', format: 'mp3' } },
            ],
          },
        ],
      },
      request([
        turn(
          'user',
          { kind: 'image', source: { kind: 'bytes', mime: 'image/png', base64: 'AAAA' }, detail: 'low' },
          { kind: 'image', source: { kind: 'url', url: 'https://stage.example/a.png' } },
          { kind: 'file', source: { kind: 'bytes', mime: 'text/plain', base64: 'YSBi' }, name: 'a.txt' },
          { kind: 'file', source: { kind: 'id', id: 'file-1' } },
          { kind: 'file', source: { kind: 'url', url: 'https://stage.example/a.pdf' } },
          { kind: 'audio', mime: 'audio/wav', base64: 'UklG' },
          { kind: 'audio', mime: 'audio/mpeg', base64: 'SUQz' },
        ),
      ]),
    ],
    [
      'calls of both kinds and their results',
      saying(
        {
          role: 'assistant',
          content: 'I look.',
          tool_calls: [
            lookCall('call_1'),
            { id: 'call_2', type: 'custom', custom: { name: 'patch', input: '***' } },
          ],
        },
        { role: 'tool', tool_call_id: 'call_1', content: 'a tree' },
        { role: 'tool', tool_call_id: 'call_2', content: [{ type: 'text', text: 'done' }] },
        { role: 'tool', tool_call_id: 'call_3', name: 'lost', content: '' },
      ),
      request([
        HI,
        turn('assistant', 'I look.', call('call_1', 'look'), {
          ...call('call_2', 'patch', '***'),
          custom: true,
        }),
        turn('user', result('call_1', 'look', 'a tree')),
        turn('user', result('call_2', 'patch', 'done', { custom: true })),
        turn('user', result('call_3', 'lost', '')),
      ]),
    ],
    [
      'the older form of calls: each answered by its name',
      {
        ...saying(
          { role: 'assistant', content: null, function_call: { name: 'look', arguments: '{"at":"left"}' } },
          { role: 'function', name: 'look', content: 'a tree' },
          { role: 'assistant', content: null, function_call: { name: 'look', arguments: '{}' } },
          { role: 'assistant', content: null, function_call: { name: 'look', arguments: '{}' } },
          { role: 'function', name: 'look', content: 'a wall' },
          { role: 'function', name: 'look', content: 'a door' },
        ),
        functions: [{ name: 'look', description: 'Looks somewhere.', parameters: SCHEMA }],
        function_call: { name: 'look' },
      },
      request(
        [
          HI,
          turn('assistant', call('call_message_1', 'look')),
          turn('user', result('call_message_1', 'look', 'a tree')),
          turn('assistant', call('call_message_3', 'look', '{}')),
          turn('assistant', call('call_message_4', 'look', '{}')),
          turn('user', result('call_message_4', 'look', 'a wall')),
          turn('user', result('call_message_3', 'look', 'a door')),
        ],
        { tools: [LOOK], toolChoice: { kind: 'tool', name: 'look' } },
      ),
    ],
    [
      'thoughts: signed, redacted, foreign, and on a call',
      saying({
        role: 'assistant',
        content: 'So.',
        reasoning_content: 'hm',
        thinking_blocks: [
          { type: 'thinking', thinking: 'hm', signature: 'c2ln' },
          { type: 'redacted_thinking', data: 'cmVk' },
        ],
        tool_calls: [
          { ...(lookCall('call_1') as JsonObject), provider_specific_fields: { thought_signature: 'Z2Vt' } },
          { ...(lookCall('call_2') as JsonObject), extra_content: { google: { thought_signature: 'Z29v' } } },
          lookCall('call_3__thought__aWQ='),
        ],
      }),
      request([
        HI,
        turn(
          'assistant',
          { kind: 'reasoning', text: 'hm', sealed: { issuer: 'messages', payload: 'c2ln' } },
          { kind: 'reasoning', text: '', sealed: { issuer: 'messages', payload: 'cmVk', redacted: true } },
          'So.',
          { ...call('call_1', 'look'), sealed: { issuer: 'gemini', payload: 'Z2Vt' } },
          { ...call('call_2', 'look'), sealed: { issuer: 'gemini', payload: 'Z29v' } },
          { ...call('call_3__thought__aWQ=', 'look'), sealed: { issuer: 'gemini', payload: 'aWQ=' } },
        ),
      ]),
    ],
    [
      'thoughts in the pieces of a collected stream',
      saying(
        {
          role: 'assistant',
          content: 'So.',
          reasoning_content: 'all of it',
          thinking_blocks: [{ type: 'thinking', thinking: '', signature: 'c2ln' }],
        },
        {
          role: 'assistant',
          content: 'So.',
          thinking_blocks: [
            { type: 'thinking', thinking: 'one ', signature: '' },
            { type: 'thinking', thinking: 'two', signature: null },
            { type: 'thinking', thinking: '', signature: 'c2ln' },
          ],
        },
        { role: 'assistant', content: 'So.', reasoning: 'nobody signs' },
        {
          role: 'assistant',
          content: 'So.',
          thinking_blocks: [
            { type: 'thinking', thinking: 'one ', signature: '' },
            { type: 'thinking', thinking: 'two', signature: '' },
            { type: 'thinking', thinking: 'one two', signature: 'c2ln' },
          ],
        },
      ),
      request([
        HI,
        turn(
          'assistant',
          { kind: 'reasoning', text: 'all of it', sealed: { issuer: 'messages', payload: 'c2ln' } },
          'So.',
        ),
        turn(
          'assistant',
          { kind: 'reasoning', text: 'one two', sealed: { issuer: 'messages', payload: 'c2ln' } },
          'So.',
        ),
        turn('assistant', { kind: 'reasoning', text: 'nobody signs' }, 'So.'),
        turn(
          'assistant',
          { kind: 'reasoning', text: 'one two', sealed: { issuer: 'messages', payload: 'c2ln' } },
          'So.',
        ),
      ]),
    ],
    [
      'cache marks on parts, messages, results and tools',
      {
        messages: [
          { role: 'system', content: 'long', cache_control: { type: 'ephemeral' } },
          {
            role: 'user',
            content: [
              { type: 'text', text: 'a', cache_control: { type: 'ephemeral', ttl: '1h' } },
              { type: 'text', text: 'b' },
            ],
            cache_control: { type: 'ephemeral' },
          },
          { role: 'assistant', tool_calls: [lookCall('call_1')] },
          { role: 'tool', tool_call_id: 'call_1', content: 'a tree', cache_control: { type: 'ephemeral' } },
        ],
        tools: [
          { type: 'function', function: { name: 'a' }, cache_control: { type: 'ephemeral' } },
          { type: 'function', function: { name: 'b', cache_control: { type: 'ephemeral', ttl: '5m' } } },
        ],
      },
      request(
        [
          turn('system', { kind: 'text', text: 'long', cache: {} }),
          turn(
            'user',
            { kind: 'text', text: 'a', cache: { ttl: '1h' } },
            { kind: 'text', text: 'b', cache: {} },
          ),
          turn('assistant', call('call_1', 'look')),
          turn('user', result('call_1', 'look', 'a tree', { cache: {} })),
        ],
        {
          tools: [
            { name: 'a', schema: { type: 'object', properties: {} }, cache: {} },
            { name: 'b', schema: { type: 'object', properties: {} }, cache: { ttl: '5m' } },
          ],
        },
      ),
    ],
    [
      'annotations that come back',
      saying({
        role: 'assistant',
        content: 'So.',
        annotations: [{ type: 'url_citation' }],
        function_call: null,
      }),
      request([
        HI,
        turn('assistant', { kind: 'text', text: 'So.', annotations: [{ type: 'url_citation' }] }),
      ]),
    ],
  ]
  for (const [what, chat, neutral] of pairs)
    test(what, () => assert.deepEqual(read(chat), { made: neutral, warned: [], lost: [] }))
})

describe('what no other dialect can hold is refused by name', () => {
  const content = (part: Json): JsonObject => ({ messages: [{ role: 'user', content: [part] }] })
  const refused: readonly (readonly [what: string, body: JsonObject, param: string])[] = [
    ['no messages', {}, 'messages'],
    ['a message that is none', saying('hi'), 'messages[1]'],
    ['an unknown role', saying({ role: 'narrator', content: '' }), 'messages[1].role'],
    ['a function nobody called', saying({ role: 'function', name: 'f', content: '' }), 'messages[1].role'],
    ['a result of nothing', saying({ role: 'tool', content: '' }), 'messages[1].tool_call_id'],
    ['an unknown part', content({ type: 'video_url' }), 'messages[0].content[0].type'],
    ['an image without an address', content({ type: 'image_url' }), 'messages[0].content[0].image_url'],
    ['a file that is none', content({ type: 'file', file: {} }), 'messages[0].content[0].file'],
    [
      'audio that is none',
      content({ type: 'input_audio', input_audio: {} }),
      'messages[0].content[0].input_audio',
    ],
    ['a content that is none', { messages: [{ role: 'user', content: 5 }] }, 'messages[0].content'],
    [
      'a call that is none',
      saying({ role: 'assistant', tool_calls: [{ id: 'a' }] }),
      'messages[1].tool_calls[0]',
    ],
    ['a hosted tool', { ...hello, tools: [{ type: 'web_search' }] }, 'tools[0].type'],
    ['a strange choice', { ...hello, tool_choice: { type: 'mcp' } }, 'tool_choice'],
  ]
  for (const [what, body, param] of refused)
    test(what, () =>
      assert.throws(
        () => read(body),
        (error: unknown) => error instanceof Unsupported && error.param === param,
      ),
    )
})
