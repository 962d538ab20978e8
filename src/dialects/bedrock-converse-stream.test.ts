import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { answerFrames, type BedrockAnswer, eventFrame, exceptionFrame } from '../stage/bedrock-answer.ts'
import { isObject, type JsonObject } from '../wire/json.ts'
import { CHAT_USAGE, chatStreamDecoder, RICH } from './bedrock-converse.fixture.ts'

const concat = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))
const bytesOf = (answer: BedrockAnswer): Uint8Array => concat(answerFrames(answer).map(frame => frame.bytes))

/** Every data line a stream yields when its bytes come in the given pieces. */
const read = (pieces: readonly Uint8Array[], includeUsage = true): readonly string[] => {
  const decoder = chatStreamDecoder(includeUsage)
  const events = [...pieces.flatMap(piece => decoder.push(piece)), ...decoder.end()]
  for (const event of events) assert.equal(new TextDecoder().decode(event.bytes), `data: ${event.data}\n\n`)
  return events.map(event => event.data ?? '')
}

const parsed = (data: string | undefined): JsonObject => JSON.parse(data ?? '') as JsonObject

describe('streams', () => {
  const chunk = (delta: JsonObject, finish_reason: string | null = null): JsonObject => ({
    id: 'chatcmpl-u1',
    object: 'chat.completion.chunk',
    created: 1_700_000_000,
    model: 'upstream',
    choices: [{ index: 0, delta, finish_reason }],
  })
  const args = (index: number, text: string): JsonObject =>
    chunk({ tool_calls: [{ index, function: { arguments: text } }] })
  const opened = (index: number, id: string, name: string): JsonObject =>
    chunk({ tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] })
  const golden: readonly JsonObject[] = [
    chunk({ role: 'assistant', content: '' }),
    chunk({ reasoning_content: 'thinki' }),
    chunk({ reasoning_content: 'ng it ' }),
    chunk({ reasoning_content: 'over' }),
    chunk({ thinking_blocks: [{ type: 'thinking', thinking: 'thinking it over', signature: 'sig' }] }),
    chunk({ content: 'Here, wi' }),
    chunk({ content: 'th an é ' }),
    chunk({ content: 'and a 🎭.' }),
    opened(0, 't1', 'look'),
    args(0, '{"at"'),
    args(0, ':"lef'),
    args(0, 't"}'),
    opened(1, 't2', 'wait'),
    args(1, '{}'),
    chunk({}, 'tool_calls'),
    { ...chunk({}), choices: [], usage: CHAT_USAGE },
  ]

  test('every kind of delta, the usage chunk and the end', () => {
    const data = read([bytesOf(RICH)])
    assert.deepEqual(data.slice(0, -1).map(parsed), golden)
    assert.equal(data.at(-1), '[DONE]')
  })

  test('without include_usage there is no usage chunk', () => {
    assert.deepEqual(
      read([bytesOf(RICH)], false),
      read([bytesOf(RICH)]).filter(data => !data.includes('"usage"')),
    )
  })

  test('the end goes out with the last frame, not when the connection closes', () => {
    const decoder = chatStreamDecoder()
    assert.equal(decoder.push(bytesOf(RICH)).at(-1)?.data, '[DONE]')
    assert.deepEqual(decoder.end(), [])
  })

  test('a split at any byte changes nothing', () => {
    const bytes = bytesOf(RICH)
    const whole = read([bytes])
    for (let at = 0; at <= bytes.length; at += 1) {
      assert.deepEqual(read([bytes.slice(0, at), bytes.slice(at)]), whole)
    }
    assert.deepEqual(read(Array.from(bytes, byte => Uint8Array.of(byte))), whole)
  })

  test('a stream cut at any byte never ends as if it were whole', () => {
    const frames = answerFrames(RICH).map(frame => frame.bytes)
    const stopAt = concat(frames.slice(0, -1)).length
    const bytes = concat(frames)
    for (let at = 0; at < bytes.length; at += 1) {
      assert.equal(read([bytes.slice(0, at)]).includes('[DONE]'), at >= stopAt, `cut at ${at}`)
    }
  })

  test('any flipped bit is noticed: the frame is never passed on', () => {
    const start = eventFrame('messageStart', { role: 'assistant' })
    const frame = eventFrame('contentBlockDelta', { contentBlockIndex: 0, delta: { text: 'word' } })
    for (let at = 0; at < frame.length; at += 1) {
      const wrong = frame.slice()
      wrong[at] = (wrong[at] ?? 0) ^ 1
      const data = read([concat([start, wrong])])
      // A length that now reads smaller or larger is still no frame: the prelude has its own checksum.
      assert.match(data.at(-1) ?? '', /cannot be read/, `byte ${at}`)
      assert.equal(data.length, 2)
      assert.doesNotMatch(data.join(), /word|vord/)
    }
  })

  test('a picture is told when it is whole', () => {
    const at = { contentBlockIndex: 0 }
    const piece = (bytes: string): Uint8Array =>
      eventFrame('contentBlockDelta', { ...at, delta: { image: { source: { bytes } } } })
    const data = read([
      concat([
        eventFrame('messageStart', { role: 'assistant' }),
        eventFrame('contentBlockStart', { ...at, start: { image: { format: 'jpeg' } } }),
        piece('AQ=='),
        piece('AgM='),
        eventFrame('contentBlockStop', at),
        eventFrame('messageStop', { stopReason: 'end_turn' }),
        eventFrame('metadata', { usage: { inputTokens: 1, outputTokens: 2 } }),
      ]),
    ])
    assert.deepEqual(
      parsed(data[1]),
      chunk({
        images: [
          {
            index: 0,
            type: 'image_url',
            image_url: { url: 'data:image/jpeg;base64,AQID', detail: 'auto' },
          },
        ],
      }),
    )
    assert.equal(data.at(-1), '[DONE]')
  })

  test('pictures without end are not held without end', () => {
    const at = { contentBlockIndex: 0 }
    const bytes = Buffer.alloc(3 * 1024 * 1024).toString('base64')
    const piece = eventFrame('contentBlockDelta', { ...at, delta: { image: { source: { bytes } } } })
    const data = read([
      eventFrame('contentBlockStart', { ...at, start: { image: { format: 'png' } } }),
      ...Array.from({ length: 6 }, () => piece),
      eventFrame('contentBlockStop', at),
      eventFrame('messageStop', { stopReason: 'end_turn' }),
    ])
    assert.match(data.join('\n'), /cannot be read: its pictures are larger than 16777216 bytes/)
    assert.doesNotMatch(data.join('\n'), /\[DONE\]|base64/)
  })

  test('good frames before a broken one in the same chunk are passed on', () => {
    const good = eventFrame('contentBlockDelta', { contentBlockIndex: 0, delta: { text: 'word' } })
    const data = read([concat([good, new Uint8Array(16), good])])
    assert.equal(data.length, 2)
    assert.match(data[0] ?? '', /"content":"word"/)
    assert.match(data[1] ?? '', /cannot be read/)
  })

  test('a payload that is no JSON ends the stream with an error', () => {
    assert.match(
      read([eventFrame('contentBlockDelta', [] as unknown as JsonObject)]).at(-1) ?? '',
      /no JSON object/,
    )
  })

  test('an exception frame is an error event and the last one', () => {
    const start = eventFrame('messageStart', { role: 'assistant' })
    const data = read([concat([start, exceptionFrame('throttlingException', 'slow down'), bytesOf(RICH)])])
    assert.equal(data.length, 2)
    assert.deepEqual(parsed(data[1]), {
      error: {
        message: 'slow down',
        type: 'rate_limit_error',
        param: null,
        code: 'rate_limit_exceeded',
        status: 429,
        exception: 'throttlingException',
      },
    })
  })

  test('a malformed end is an error and has no terminator', () => {
    const data = read([bytesOf({ ...RICH, stopReason: 'malformed_model_output' })])
    assert.ok(isObject(parsed(data.at(-1)).error))
  })

  test('a frame of an unknown kind is passed over', () => {
    assert.deepEqual(
      read([concat([eventFrame('initial-response', {}), bytesOf(RICH)])]),
      read([bytesOf(RICH)]),
    )
  })
})
