import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { JsonObject } from '../wire/json.ts'
import { asked, assistant, user, write } from './anthropic-messages.fixture.ts'
import { messagesDoor } from './anthropic-messages.ts'
import { translateAnswer } from './bridge.ts'
import { chatDoor, chatUpstream } from './chat.ts'
import { geminiUpstream } from './gemini.ts'
import { collectLosses } from './losses.ts'
import type { NeutralEvent, Upstream } from './neutral.ts'

/** What clients and providers write that the published forms do not say, and what no form has a place for. */

const read = (body: JsonObject) => {
  const losses = collectLosses()
  const request = chatDoor.read(body, losses)
  return { request, warned: losses.found().warnings.map(({ lost }) => lost) }
}

describe('a chat request', () => {
  test('has arguments of an earlier call that are the object they mean', () => {
    const { request } = read({
      messages: [
        { role: 'user', content: 'Look.' },
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'a', type: 'function', function: { name: 'look', arguments: { at: 'left' } } }],
        },
        { role: 'tool', tool_call_id: 'a', content: 'dark' },
      ],
    })
    const [call] = request.turns[1]?.parts ?? []
    assert.equal(call?.kind === 'call' && call.input, '{"at":"left"}')
  })

  test('marks its parts for the cache in OpenAI’s word, too', () => {
    const { request } = read({
      messages: [
        {
          role: 'user',
          content: [{ type: 'text', text: 'Long.', prompt_cache_breakpoint: { mode: 'explicit' } }],
        },
      ],
    })
    assert.deepEqual(request.turns[0]?.parts, [{ kind: 'text', text: 'Long.', cache: {} }])
  })

  test('marks an answer that is calls only at its last call', () => {
    const { request } = read({
      messages: [
        { role: 'user', content: 'Look.' },
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'a', type: 'function', function: { name: 'look', arguments: '{}' } }],
          cache_control: { type: 'ephemeral' },
        },
      ],
    })
    const [call] = request.turns[1]?.parts ?? []
    assert.deepEqual(call?.kind === 'call' && call.cache, {})
  })

  test('is told of members of its parts and calls that nobody else has', () => {
    const { warned } = read({
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'x', sung: true },
            { type: 'image_url', image_url: { url: 'https://stage.example/a.png', format: 'image/png' } },
          ],
        },
        {
          role: 'assistant',
          tool_calls: [
            { id: 'a', type: 'function', function: { name: 'look', arguments: '{}' }, mood: 'good' },
          ],
        },
      ],
      tools: [{ type: 'function', function: { name: 'look', parameters: {}, sung: true } }],
    })
    assert.deepEqual(warned, [
      'tools[].function.sung',
      'messages[].content[].sung',
      'messages[].content[].image_url.format',
      'messages[].tool_calls[].mood',
    ])
  })
})

const through = (upstream: Upstream, door: typeof chatDoor, body: JsonObject): JsonObject =>
  JSON.parse(
    Buffer.from(translateAnswer(Buffer.from(JSON.stringify(body)), upstream, door, asked)).toString(),
  ) as JsonObject

describe('an answer with a picture in it', () => {
  const drawn: JsonObject = {
    candidates: [
      {
        content: {
          role: 'model',
          parts: [{ text: 'Here:' }, { inlineData: { mimeType: 'image/png', data: 'AAAA' } }],
        },
        finishReason: 'STOP',
      },
    ],
  }
  test('has it beside the words in chat', () => {
    const { choices } = through(geminiUpstream, chatDoor, drawn) as { choices: { message: JsonObject }[] }
    assert.deepEqual(choices[0]?.message, {
      role: 'assistant',
      content: 'Here:',
      images: [
        { index: 0, type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA', detail: 'auto' } },
      ],
    })
  })
  test('tells of it in words where no answer has a place for it', () => {
    const { content } = through(geminiUpstream, messagesDoor, drawn) as { content: JsonObject[] }
    assert.deepEqual(content, [
      { type: 'text', text: 'Here:' },
      {
        type: 'text',
        text: '[image/png, 1 KB: an answer of the Messages API has no place for pictures]',
      },
    ])
  })
})

describe('words that say nothing', () => {
  const blank = (content: string): JsonObject => ({
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content,
          tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'look', arguments: '{}' } }],
        },
        finish_reason: 'tool_calls',
      },
    ],
  })
  const types = ({ content }: JsonObject): readonly unknown[] =>
    (content as JsonObject[]).map(({ type }) => type)

  test('are no block of a message: Anthropic would refuse it in the next turn', () => {
    assert.deepEqual(types(through(chatUpstream, messagesDoor, blank('\n\n'))), ['tool_use'])
    assert.deepEqual(types(through(chatUpstream, messagesDoor, blank('\n\nx'))), ['text', 'tool_use'])
  })

  test('nor of a stream', () => {
    const said = (pieces: readonly string[]): string => {
      const writer = messagesDoor.writer(asked)
      const events: readonly NeutralEvent[] = [
        { kind: 'start', id: 'a', model: 'm' },
        { kind: 'open', part: 0, of: 'text' },
        ...pieces.map(text => ({ kind: 'delta', part: 0, text }) as const),
        { kind: 'close', part: 0 },
        { kind: 'open', part: 1, of: 'call', id: 'call_1', name: 'look' },
        { kind: 'delta', part: 1, text: '{}' },
        { kind: 'close', part: 1 },
        { kind: 'stop', stop: { kind: 'calls' } },
        { kind: 'end' },
      ]
      return events
        .flatMap(event => writer.write(event))
        .map(({ data }) => data ?? '')
        .join('\n')
    }
    assert.doesNotMatch(said(['\n', '\n']), /"text"/)
    assert.match(said(['\n', '\n']), /"content_block_start","index":0,"content_block":\{"type":"tool_use"/)
    assert.match(said(['\n', ' x']), /"text_delta","text":"\\n x"/)
  })
})

test('a number that no JavaScript number holds stays as it was written', () => {
  const { body } = write({
    turns: [
      user('Look.'),
      assistant({ kind: 'call', id: 'a', name: 'look', input: '{"far":1e400,"near":-1E+999,"n":1.5}' }),
    ],
  })
  assert.match(JSON.stringify(body.messages), /"input":\{"far":1e400,"near":-1E\+999,"n":1.5\}/)
})
