import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkMessages } from '../stage/anthropic-rules.ts'
import type { JsonObject } from '../wire/json.ts'
import { assistant, call, messages, result, system, text, user, write } from './anthropic-messages.fixture.ts'
import type { Part, Turn } from './neutral.ts'

test('what the system says first is the prompt; later it is said within the user’s turn', () => {
  const { body, warned } = write({
    turns: [
      system('Be brief.'),
      system({ kind: 'text', text: 'Be kind.', cache: { ttl: '1h' } }),
      user('Hello'),
      system('In French.'),
      assistant('Oui.'),
    ],
  })
  assert.deepEqual(body.system, [
    text('Be brief.'),
    { ...text('Be kind.'), cache_control: { type: 'ephemeral', ttl: '1h' } },
  ])
  assert.deepEqual(body.messages, [
    { role: 'user', content: [text('Hello'), text('<system>\nIn French.\n</system>')] },
    { role: 'assistant', content: [text('Oui.')] },
  ])
  assert.deepEqual(warned, ['position of a later system message'])
  assert.equal(write({ turns: [system('Alone.'), user('x')] }).body.system, 'Alone.')
})

test('turns alternate, begin with the user, and hold no blank text', () => {
  assert.deepEqual(messages(user('a'), user('  '), user('b'), assistant('c'), assistant('d  ')), [
    { role: 'user', content: [text('a'), text('b')] },
    { role: 'assistant', content: [text('c'), text('d')] },
  ])
  assert.deepEqual(messages(assistant('c'), user('b')), [
    { role: 'user', content: [text('Go on.')] },
    { role: 'assistant', content: [text('c')] },
    { role: 'user', content: [text('b')] },
  ])
  assert.deepEqual(messages(system('only this')), [{ role: 'user', content: [text('Go on.')] }])
})

test('all results of one turn stand in the next message, before everything else', () => {
  assert.deepEqual(
    messages(
      user('go'),
      assistant(call('a'), call('b')),
      user(result('b', 'two')),
      user('and?'),
      user(result('a', 'one')),
    ),
    [
      { role: 'user', content: [text('go')] },
      {
        role: 'assistant',
        content: [
          { type: 'tool_use', id: 'a', name: 'look', input: {} },
          { type: 'tool_use', id: 'b', name: 'look', input: {} },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'b', content: [text('two')] },
          { type: 'tool_result', tool_use_id: 'a', content: [text('one')] },
          text('and?'),
        ],
      },
    ],
  )
})

test('a call without a result gets one, and a result without its call is told as text', () => {
  const { body, warned } = write({
    turns: [user('go'), assistant(call('a')), user('never mind'), assistant('ok'), user(result('zzz'))],
  })
  assert.deepEqual(body.messages, [
    { role: 'user', content: [text('go')] },
    { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'look', input: {} }] },
    {
      role: 'user',
      content: [
        { type: 'tool_result', tool_use_id: 'a', content: [text('aborted')], is_error: true },
        text('never mind'),
      ],
    },
    { role: 'assistant', content: [text('ok')] },
    { role: 'user', content: [text('Result of look:'), text('dark')] },
  ])
  assert.deepEqual(warned, ['a tool call without its result', 'a tool result without its call', 'tools'])
  // The history calls a tool that the request does not declare.
  assert.deepEqual(body.tools, [{ name: 'look', input_schema: { type: 'object', properties: {} } }])
  assert.deepEqual(body.tool_choice, { type: 'none' })
})

test('ids are letters, digits, - and _: any other becomes the same name at both ends', () => {
  const { body } = write({ turns: [user('go'), assistant(call('call:1/x')), user(result('call:1/x'))] })
  const [, asked, answered] = body.messages as { content: { id?: string; tool_use_id?: string }[] }[]
  assert.match(String(asked?.content[0]?.id), /^toolu_[a-zA-Z0-9_-]+$/)
  assert.equal(answered?.content[0]?.tool_use_id, asked?.content[0]?.id)
})

test('arguments that are no JSON object are kept as text, a custom tool’s text stands under input', () => {
  const inputOf = (part: Part): unknown => {
    const { body } = write({ turns: [user('go'), assistant(part), user(result('a'))] })
    return (body.messages as { content: { input?: unknown }[] }[])[1]?.content[0]?.input
  }
  assert.deepEqual(inputOf(call('a', '{"x": 1}')), { x: 1 })
  assert.deepEqual(inputOf(call('a', '')), {})
  assert.deepEqual(inputOf(call('a', '{"x": ')), { raw_arguments: '{"x": ' })
  assert.deepEqual(inputOf(call('a', '[1]')), { raw_arguments: '[1]' })
  assert.deepEqual(inputOf(call('a', 'ls -l', { custom: true })), { input: 'ls -l' })
})

test('thoughts go back to their issuer only', () => {
  const { body, warned } = write({
    turns: [
      user('go'),
      assistant(
        { kind: 'reasoning', text: 'Hm.', sealed: { issuer: 'messages', payload: 'sig' } },
        { kind: 'reasoning', text: '', sealed: { issuer: 'messages', payload: 'blob', redacted: true } },
        { kind: 'reasoning', text: 'foreign', sealed: { issuer: 'gemini', payload: 'x' } },
        { kind: 'reasoning', text: 'unsigned' },
        'Said.',
      ),
      user('more'),
    ],
  })
  assert.deepEqual((body.messages as JsonObject[])[1]?.content, [
    { type: 'thinking', thinking: 'Hm.', signature: 'sig' },
    { type: 'redacted_thinking', data: 'blob' },
    text('Said.'),
  ])
  assert.deepEqual(warned, ['earlier reasoning'])
})

test('pictures, documents and what cannot be read', () => {
  const bytes = (mime: string, base64: string) => ({ kind: 'bytes', mime, base64 }) as const
  assert.deepEqual(
    messages(
      user(
        { kind: 'image', source: bytes('image/png', 'AAAA') },
        { kind: 'image', source: { kind: 'url', url: 'https://a.example/x.png' } },
        { kind: 'file', name: 'Play', source: bytes('application/pdf', 'AAAA') },
        { kind: 'file', source: bytes('text/markdown', Buffer.from('# é').toString('base64')) },
        { kind: 'file', source: { kind: 'url', url: 'https://a.example/x.pdf' } },
      ),
    ),
    [
      {
        role: 'user',
        content: [
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } },
          { type: 'image', source: { type: 'url', url: 'https://a.example/x.png' } },
          {
            type: 'document',
            source: { type: 'base64', media_type: 'application/pdf', data: 'AAAA' },
            title: 'Play',
          },
          { type: 'document', source: { type: 'text', media_type: 'text/plain', data: '# é' } },
          { type: 'document', source: { type: 'url', url: 'https://a.example/x.pdf' } },
        ],
      },
    ],
  )
  const refused = (part: Part) => assert.throws(() => messages(user(part)), { name: 'Error' })
  refused({ kind: 'image', source: { kind: 'id', id: 'file-1' } })
  refused({ kind: 'audio', mime: 'audio/wav', base64: 'AAAA' })
  refused({ kind: 'file', source: bytes('application/zip', 'AAAA') })
})

const ids = fc.constantFrom('a', 'call:b', 'toolu_c', 'd d')
const words = fc.constantFrom('', ' ', 'one', 'two\n', 'three ')
const part: fc.Arbitrary<Part> = fc.oneof(
  words.map(said => ({ kind: 'text', text: said }) as const),
  fc.tuple(ids, fc.constantFrom('', '{}', '{"x":1}', 'no json', '[1]')).map(([id, input]) => call(id, input)),
  fc.tuple(ids, words).map(([id, said]) => result(id, said)),
  words.map(said => ({ kind: 'refusal', text: said }) as const),
  fc.constantFrom<Part>(
    { kind: 'reasoning', text: 'Hm.', sealed: { issuer: 'messages', payload: 'sig' } },
    { kind: 'reasoning', text: 'Hm.' },
  ),
)
const conversation = fc.array(
  fc.record({
    role: fc.constantFrom<Turn['role']>('user', 'assistant', 'system'),
    parts: fc.array(part, { maxLength: 4 }),
  }),
  { maxLength: 8 },
)

test('whatever the conversation, the API’s own rules accept what is written of it', () => {
  fc.assert(
    fc.property(conversation, turns => {
      const sane = turns.map(({ role, parts }) => ({
        role,
        parts: parts.filter(({ kind }) =>
          role === 'assistant'
            ? kind !== 'result'
            : role === 'user'
              ? kind === 'text' || kind === 'result'
              : kind === 'text',
        ),
      }))
      checkMessages(write({ turns: sane }).body)
    }),
    { numRuns: 500 },
  )
})

test('a call id that is used again in a later turn becomes another one, and its result goes along', () => {
  const again = [assistant(call('call_0')), user(result('call_0'))]
  const { body } = write({ turns: [user('go'), ...again, ...again] })
  const ids = (body.messages as { content: { id?: string; tool_use_id?: string }[] }[]).map(
    ({ content }) => content[0]?.id ?? content[0]?.tool_use_id,
  )
  assert.deepEqual(ids.slice(1, 3), ['call_0', 'call_0'])
  assert.match(String(ids[3]), /^toolu_/)
  assert.equal(ids[4], ids[3])
})

test('images are of a type that Claude sees; one that is written in two ways is written in its own', () => {
  const image = (mime: string, kind: 'image' | 'file' = 'image'): Part => ({
    kind,
    source: { kind: 'bytes', mime, base64: 'AAAA' },
  })
  const block = { type: 'image', source: { type: 'base64', media_type: 'image/jpeg', data: 'AAAA' } }
  assert.deepEqual(messages(user(image('image/jpg'), image('image/JPEG'), image('image/jpeg', 'file'))), [
    { role: 'user', content: [block, block, block] },
  ])
  for (const kind of ['image', 'file'] as const)
    assert.throws(() => messages(user(image('image/heic', kind))), /'image\/heic' cannot be/)
})

test('the seal that another provider put on a call stays behind, and is told', () => {
  const sealed: Part = {
    kind: 'call',
    id: 'a',
    name: 'look',
    input: '{}',
    sealed: { issuer: 'gemini', payload: 'x' },
  }
  assert.deepEqual(write({ turns: [user('go'), assistant(sealed), user(result('a'))] }).warned, [
    'seal of a call',
    'tools',
  ])
})
