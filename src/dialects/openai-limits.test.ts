import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { losing } from './chat.fixture.ts'
import { readChat } from './chat-request.ts'
import { writeChat } from './chat-write.ts'
import { collectLosses } from './losses.ts'
import { call, LOOK, PATCH, request, result, SCHEMA, turn } from './neutral.fixture.ts'
import type { NeutralRequest, Part, Target, Turn } from './neutral.ts'
import { fileName } from './openai-limits.ts'
import { readResponsesRequest } from './responses-request.ts'
import { writeResponsesRequest } from './responses-write.ts'

const HELLO = turn('user', 'Who is there?')
const write = (
  more: Partial<NeutralRequest>,
  turns: readonly Turn[] = [HELLO],
  target: Partial<Target> = {},
) => {
  const asked = request(turns, more)
  const to: Target = { model: 'm', allowedParams: [], ...target }
  return {
    chat: losing(losses => writeChat(asked, to, losses)),
    responses: losing(losses => writeResponsesRequest(asked, to, losses)),
  }
}
const both = ({ chat, responses }: ReturnType<typeof write>) => [chat, responses] as const

describe('what OpenAI would refuse is not sent', () => {
  test('a long name of a user is told by its hash, the same every time', () => {
    const user = JSON.stringify({ device: 'd'.repeat(64), session: 's1' })
    const [first] = both(write({ user }))
    for (const { made, warned } of both(write({ user }))) {
      assert.match(String(made.user), /^[0-9a-f]{64}$/)
      assert.equal(made.user, first.made.user)
      assert.deepEqual(warned, ['user'])
    }
    for (const { made } of both(write({ user: 'u'.repeat(64) }))) assert.equal(made.user, 'u'.repeat(64))
  })

  test('an answer as JSON is asked for in words, where no message does', () => {
    const format = { kind: 'json' } as const
    for (const { made, warned } of both(write({ format }))) {
      assert.match(JSON.stringify(made), /one JSON object/)
      assert.deepEqual(warned, ['response_format'])
    }
    const said = [turn('assistant', call('a', 'look')), turn('user', result('a', 'look', 'as Json'))]
    for (const { made, warned } of both(write({ format }, said))) {
      assert.doesNotMatch(JSON.stringify(made), /one JSON object/)
      assert.deepEqual(warned, [])
    }
  })

  test('strict is switched off for a schema that strict does not take', () => {
    const open = { type: 'object', properties: SCHEMA.properties ?? {} }
    const asked = (schema: typeof SCHEMA): Partial<NeutralRequest> => ({
      tools: [{ ...LOOK, schema, strict: true }],
      format: { kind: 'schema', name: 'place', schema, strict: true },
    })
    for (const { made, warned } of both(write(asked(SCHEMA)))) {
      assert.equal(JSON.stringify(made).split('"strict":true').length, 3)
      assert.deepEqual(warned, [])
    }
    for (const { made, warned } of both(write(asked(open)))) {
      assert.doesNotMatch(JSON.stringify(made), /"strict":true/)
      assert.equal(warned.length, 2)
    }
  })

  test('more stop sequences than a server takes are lost by name', () => {
    const stop = ['a', 'b', 'c', 'd', 'e']
    const { chat } = write({ stop }, [HELLO], { mostStops: 4 })
    assert.deepEqual([chat.made.stop, chat.lost], [['a', 'b', 'c', 'd'], ['stop']])
    assert.deepEqual(write({ stop }).chat.made.stop, stop)
    assert.deepEqual(write({ stop: ['a'] }, [HELLO], { mostStops: 4 }).chat.lost, [])
  })

  test('a file has a name with an ending, by which it is read', () => {
    assert.equal(fileName('Report', 'application/pdf'), 'Report.pdf')
    assert.equal(fileName('report.PDF', 'application/pdf'), 'report.PDF')
    assert.equal(fileName(undefined, 'text/plain'), 'file.txt')
    assert.equal(fileName('v1. Notes', 'text/markdown'), 'v1. Notes.md')
    assert.equal(fileName(undefined, 'video/mp4'), 'file.mp4')
    assert.equal(fileName(undefined, 'application/octet-stream'), 'file.bin')
  })

  test('the Responses API hears nothing, and reads no file of another provider', () => {
    const refused: readonly (readonly [Part, param: string])[] = [
      [{ kind: 'audio', mime: 'audio/wav', base64: 'AAAA' }, 'input_audio'],
      [{ kind: 'file', source: { kind: 'id', id: 'https://x.test/v1beta/files/a' } }, 'file_id'],
      [{ kind: 'image', source: { kind: 'id', id: 'files/a' } }, 'file_id'],
    ]
    for (const [part, param] of refused)
      assert.throws(
        () =>
          writeResponsesRequest(
            request([turn('user', part)]),
            { model: 'm', allowedParams: [] },
            collectLosses(),
          ),
        { param },
      )
  })

  test('a text that says nothing is not written', () => {
    const { chat, responses } = write({}, [
      turn('user', '', { kind: 'image', source: { kind: 'url', url: 'u' } }),
    ])
    for (const { made } of [chat, responses]) assert.doesNotMatch(JSON.stringify(made), /"text":""/)
  })
})

describe('what no answer depends on is no reason to refuse', () => {
  test('store, and a safety identifier that repeats the user', () => {
    const asked = (body: object) =>
      losing(losses => {
        const read = readChat({ model: 'm', messages: [{ role: 'user', content: 'a' }], ...body }, losses)
        return writeResponsesRequest(read, { model: 'm', allowedParams: [] }, losses)
      })
    const kept = asked({ store: true, user: 'u', safety_identifier: 'u' })
    assert.deepEqual([kept.lost, kept.warned], [[], ['store']])
    assert.equal(kept.made.user, 'u')
    assert.equal(kept.made.safety_identifier, undefined)
    assert.deepEqual(asked({ store: false }).warned, [])
    assert.equal(asked({ user: 'u', safety_identifier: 'v' }).made.safety_identifier, 'v')
  })

  test('marks for a cache that have no place are told, those of tools and results too', () => {
    const cache = { ttl: '1h' } as const
    const called = [turn('assistant', call('a', 'look')), turn('user', result('a', 'look', 'b', { cache }))]
    for (const { warned } of both(write({}, called))) assert.deepEqual(warned, ['cache_control'])
    for (const { warned } of both(write({ tools: [{ ...LOOK, cache: {} }, PATCH] })))
      assert.deepEqual(warned, ['cache_control'])
  })
})

test('answers that were two do not run into each other', () => {
  const { turns } = readResponsesRequest(
    {
      input: [
        { role: 'user', content: 'Go.' },
        { type: 'web_search_call', id: 'ws_1', status: 'completed', action: { query: 'a' } },
        { role: 'assistant', content: 'I look.' },
        { role: 'assistant', content: 'Found it.' },
        { role: 'user', content: 'So?' },
      ],
    },
    collectLosses(),
  )
  const { chat } = write({}, turns)
  const messages = chat.made.messages as { content: string }[]
  assert.equal(messages[1]?.content, '[web_search_call] {"action":{"query":"a"}}\n\nI look.\n\nFound it.')
  // A message has its refusal behind its words.
  const refused = [HELLO, turn('assistant', { kind: 'refusal', text: 'No.' }), turn('assistant', 'Well.')]
  assert.deepEqual(
    (write({}, refused).chat.made.messages as { content: unknown }[]).map(one => one.content),
    ['Who is there?', null, 'Well.'],
  )
  const pieces = write({}, [HELLO, turn('assistant', 'One answer ', 'in pieces.')]).chat.made.messages
  assert.equal((pieces as { content: string }[])[1]?.content, 'One answer in pieces.')
})
