import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { collectLosses } from './losses.ts'
import type { NeutralRequest, Part, Turn } from './neutral.ts'
import { summaryOf, summaryRequest } from './summary.ts'
import type { Room } from './summary-history.ts'

const wide: Room = { window: undefined, sees: false, thinks: false }

const text = (said: string): Part => ({ kind: 'text', text: said })
const turn = (role: Turn['role'], ...parts: Part[]): Turn => ({ role, parts })

const asked = (turns: readonly Turn[], room: Room = wide): NeutralRequest & { lost: readonly string[] } => {
  const losses = collectLosses()
  const request = summaryRequest(turns, room, false, losses)
  return { ...request, lost: losses.found().warnings.map(warning => warning.lost) }
}

/** The history as it was told, without the question behind it. */
const told = (turns: readonly Turn[], room?: Room): readonly Turn[] => asked(turns, room).turns.slice(0, -1)

test('a conversation is told in words, and the question comes last', () => {
  const request = asked([
    turn('system', text('Be brief.')),
    turn('user', { ...text('Look it up.'), cache: {} } as Part),
    turn(
      'assistant',
      { kind: 'reasoning', text: 'Hm.', sealed: { issuer: 'responses', payload: 'secret' } },
      text('I look.'),
      { kind: 'call', id: 'call_1', name: 'search', input: '{"q":"x"}' },
    ),
    turn('user', {
      kind: 'result',
      id: 'call_1',
      name: 'search',
      content: [{ kind: 'text', text: 'Found.' }],
    }),
    turn('user', {
      kind: 'result',
      id: 'call_2',
      name: 'run',
      failed: true,
      content: [{ kind: 'text', text: 'No.' }],
    }),
    turn('assistant', { kind: 'refusal', text: 'I will not.' }),
  ])
  assert.deepEqual(request.turns.slice(0, -1), [
    turn('system', text('Be brief.')),
    turn('user', text('Look it up.')),
    turn('assistant', text('I look.')),
    turn('assistant', text('[call call_1] search: {"q":"x"}')),
    turn('user', text('[result of call_1] Found.')),
    turn('user', text('[failed result of call_2] No.')),
    turn('assistant', text('I will not.')),
  ])
  const last = request.turns.at(-1)
  assert.equal(last?.role, 'user')
  const { turns: _, lost, ...settings } = request
  assert.deepEqual(settings, { maxTokens: 8192, stream: false, streamUsage: true, rest: {} })
  assert.deepEqual(lost, [])
})

test('media is named; only a small image goes along, and only to who sees', () => {
  const image = (base64: string): Part => ({
    kind: 'image',
    source: { kind: 'bytes', mime: 'image/png', base64 },
  })
  const turns = [
    turn(
      'user',
      image('AAAA'),
      image('A'.repeat(600_000)),
      { kind: 'image', source: { kind: 'url', url: 'https://example.com/cat.png' } },
      { kind: 'image', source: { kind: 'id', id: 'file-1' } },
      { kind: 'file', name: 'plan.pdf', source: { kind: 'bytes', mime: 'application/pdf', base64: 'AAAA' } },
      { kind: 'audio', mime: 'audio/wav', base64: 'AAAA' },
    ),
  ]
  const named = [
    text('[an image, left out]'),
    text('[an image, left out: https://example.com/cat.png]'),
    text('[an image, left out: file-1]'),
    text('[a file, left out: plan.pdf]'),
    text('[a recording, left out]'),
  ]
  assert.deepEqual(told(turns), [turn('user', text('[an image, left out]'), ...named)])
  assert.deepEqual(told(turns, { ...wide, sees: true }), [turn('user', image('AAAA'), ...named)])
})

test('who thinks gets room for it, and a small window is shared', () => {
  assert.deepEqual(
    [wide, { ...wide, thinks: true }, { ...wide, window: 8000 }, { ...wide, window: 400_000 }].map(room => {
      const { maxTokens, effort } = asked([], room)
      return [maxTokens, effort]
    }),
    [
      [8192, undefined],
      [16_384, 'low'],
      [2000, undefined],
      [8192, undefined],
    ],
  )
})

const long = (letter: string, bytes: number): string => letter.repeat(bytes)

const bytesOf = (turns: readonly Turn[]): number =>
  turns
    .flatMap(({ parts }) => parts)
    .reduce((sum, part) => sum + Buffer.byteLength('text' in part ? part.text : ''), 0)

test('without a known window nothing is cut', () => {
  const turns = [turn('user', text(long('a', 3_000_000)))]
  assert.deepEqual(told(turns), turns)
})

test('old results go first, then the oldest with their pairs; the system and the last word stay', () => {
  const call = (id: string): Turn =>
    turn('assistant', { kind: 'call', id, name: 'run', input: long('i', 2000) })
  const result = (id: string, letter: string): Turn =>
    turn('user', { kind: 'result', id, name: 'run', content: [{ kind: 'text', text: long(letter, 3000) }] })
  const history = [
    turn('system', text('Rules.')),
    turn('user', text('Begin.')),
    ...['1', '2', '3', '4', '5', '6'].flatMap(id => [call(id), result(id, id)]),
    turn('user', text('Go on.')),
  ]
  const roomy = asked(history, { ...wide, window: 12_600 })
  const joined = JSON.stringify(roomy.turns)
  assert.match(joined, /\[result of 1, left out\]/)
  assert.match(joined, /\[result of 2, left out\]/)
  for (const id of ['3', '4', '5', '6']) assert.ok(joined.includes(long(id, 3000)), id)
  assert.ok(joined.includes('Begin.') && !joined.includes('The beginning'))
  assert.deepEqual(roomy.lost, ['input'])

  const tight = told(history, { ...wide, window: 8000 })
  const words = JSON.stringify(tight)
  assert.ok(words.includes('Rules.') && words.includes('Go on.') && !words.includes('Begin.'))
  assert.equal(tight[1]?.role, 'user', 'what is told begins with who asked')
  assert.match(JSON.stringify(tight[1]), /The beginning of the conversation is left out/)
  for (const id of ['1', '2', '3', '4', '5', '6'])
    assert.equal(words.includes(`[call ${id}]`), words.includes(`[result of ${id}`), `the pair ${id}`)
  assert.ok(words.includes(`[call 6]`))
})

test('one text that is larger than the window is cut in its middle', () => {
  const [only] = told([turn('user', text(`${long('a', 40_000)}${long('z', 40_000)}`))], {
    ...wide,
    window: 4000,
  })
  const said = only?.parts[0]
  assert.ok(said?.kind === 'text' && said.text.startsWith('aaaa') && said.text.endsWith('zzzz'))
  assert.ok(said.text.includes('[…]') && Buffer.byteLength(said.text) < 7000)
})

test('whatever the history and the window, it fits, and pairs stay together', () => {
  const anyText = fc.string({ unit: 'grapheme', maxLength: 400 }).map(one => one.repeat(20))
  const anyPart: fc.Arbitrary<Part> = fc.oneof(
    anyText.map(said => text(said)),
    fc
      .record({ id: fc.constantFrom('a', 'b', 'c', 'd'), input: anyText })
      .map(({ id, input }): Part => ({ kind: 'call', id, name: 'run', input })),
    fc.record({ id: fc.constantFrom('a', 'b', 'c', 'd'), said: anyText }).map(
      ({ id, said }): Part => ({
        kind: 'result',
        id,
        name: 'run',
        content: [{ kind: 'text', text: said }],
      }),
    ),
  )
  const anyTurn: fc.Arbitrary<Turn> = fc.record({
    role: fc.constantFrom('system', 'user', 'assistant'),
    parts: fc.array(anyPart, { minLength: 1, maxLength: 3 }),
  })
  fc.assert(
    fc.property(
      fc.array(anyTurn, { maxLength: 12 }),
      fc.integer({ min: 2000, max: 20_000 }),
      (turns, window) => {
        const request = asked(turns, { ...wide, window })
        const most = (window - (request.maxTokens ?? 0) - 700) * 3
        const kept = request.turns.slice(0, -1)
        assert.ok(bytesOf(kept) <= most, `${bytesOf(kept)} of ${most}`)
        for (const { parts } of kept)
          for (const part of parts) assert.ok('text' in part && part.text.isWellFormed())
      },
    ),
    { numRuns: 200 },
  )
})

const END = { kind: 'end' } as const

test('a summary is what was said; nothing said, or a refusal, is none', () => {
  assert.deepEqual(
    summaryOf({ parts: [{ kind: 'reasoning', text: 'Hm.' }, text(' One. '), text('Two.')], stop: END }),
    { kind: 'said', text: 'One. \n\nTwo.' },
  )
  assert.deepEqual(summaryOf({ parts: [{ kind: 'summary', text: 'All.' }], stop: { kind: 'compaction' } }), {
    kind: 'said',
    text: 'All.',
  })
  for (const kind of ['length', 'context', 'pause'] as const) {
    const cut = summaryOf({ parts: [text('Half of')], stop: { kind } })
    assert.match(cut.kind === 'said' ? cut.text : '', /^Half of\n\n\[The summary ends here/)
  }
  const none: readonly Parameters<typeof summaryOf>[0][] = [
    { parts: [], stop: END },
    { parts: [text('  \n')], stop: END },
    { parts: [], stop: { kind: 'length' } },
    { parts: [{ kind: 'refusal', text: 'No.' }], stop: END },
    { parts: [text('I can')], stop: { kind: 'refusal' } },
    { parts: [text('I can')], stop: { kind: 'filter' } },
    { parts: [{ kind: 'reasoning', text: 'Hm.' }], stop: END },
    { parts: [{ kind: 'call', id: '1', name: 'run', input: '' }], stop: { kind: 'calls' } },
  ]
  for (const answer of none) assert.equal(summaryOf(answer).kind, 'none', JSON.stringify(answer))
})
