import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Continuation, Delivered } from '../dialects/continuation.ts'
import { SHAPES } from '../dialects/index.ts'
import type { StreamEvent, StreamRules } from '../dialects/shape.ts'
import type { ShapeName } from '../routes.ts'
import type { Json, JsonObject } from '../wire/json.ts'
import { encodeEvent, sseDecoder } from '../wire/sse.ts'
import { Diverged, jointDecoder, type Mode } from './resume-joint.ts'
import { Ledger } from './resume-ledger.ts'

/** One dialect as a test writes it: the events of an answer in these pieces, and the text in events. */
type Dialect = {
  readonly shape: ShapeName
  readonly write: (pieces: readonly string[], name: string) => readonly string[]
  readonly read: (event: JsonObject) => string
  /** Events before the first piece. */
  readonly lead: number
}

const sse = (event: string, data: Json): string => encodeEvent({ event, data: JSON.stringify(data) })
const DONE = 'data: [DONE]\n\n'

const chunk = (name: string, choice: JsonObject): string =>
  sse('', {
    id: `chatcmpl-${name}`,
    object: 'chat.completion.chunk',
    created: name.length,
    model: 'm',
    choices: [{ index: 0, logprobs: null, finish_reason: null, ...choice }],
  })

type Said = {
  readonly choices?: readonly { readonly delta?: { readonly content?: string }; text?: string }[]
}

const chat: Dialect = {
  shape: 'chat',
  lead: 1,
  write: (pieces, name) => [
    chunk(name, { delta: { role: 'assistant', content: '' } }),
    ...pieces.map(content => chunk(name, { delta: { content } })),
    chunk(name, { delta: {}, finish_reason: 'stop' }),
    DONE,
  ],
  read: event => ((event as Said).choices ?? []).map(choice => choice.delta?.content ?? '').join(''),
}

const completions: Dialect = {
  shape: 'completions',
  lead: 0,
  write: (pieces, name) => [
    ...pieces.map(text => chunk(name, { text })),
    chunk(name, { text: '', finish_reason: 'stop' }),
    DONE,
  ],
  read: event => ((event as Said).choices ?? []).map(choice => choice.text ?? '').join(''),
}

const typed = (events: readonly JsonObject[]): readonly string[] =>
  events.map((event, index) => sse(String(event.type), { ...event, sequence_number: index }))

const responses: Dialect = {
  shape: 'responses',
  lead: 3,
  write: (pieces, name) => {
    const whole = pieces.join('')
    const response = { id: `resp_${name}`, object: 'response', created_at: name.length, output: [] }
    const item = { id: `msg_${name}`, type: 'message', role: 'assistant', status: 'completed' }
    const part = { type: 'output_text', text: whole, annotations: [] }
    const place = { output_index: 0, content_index: 0, item_id: item.id }
    const content = [part]
    return typed([
      { type: 'response.created', response },
      { type: 'response.output_item.added', output_index: 0, item: { ...item, content: [] } },
      { type: 'response.content_part.added', ...place, part: { ...part, text: '' } },
      ...pieces.map(delta => ({ type: 'response.output_text.delta', ...place, delta })),
      { type: 'response.output_text.done', ...place, text: whole },
      { type: 'response.content_part.done', ...place, part },
      { type: 'response.output_item.done', output_index: 0, item: { ...item, content } },
      { type: 'response.completed', response: { ...response, output: [{ ...item, content }] } },
    ])
  },
  read: event => (event.type === 'response.output_text.delta' ? String(event.delta) : ''),
}

const transcription: Dialect = {
  shape: 'transcription',
  lead: 0,
  write: pieces => [
    ...pieces.map(delta => sse('', { type: 'transcript.text.delta', delta })),
    sse('', { type: 'transcript.text.done', text: pieces.join('') }),
  ],
  read: event => (event.type === 'transcript.text.delta' ? String(event.delta) : ''),
}

const dialects = [chat, completions, responses, transcription]

const rulesOf = ({ shape }: Dialect): StreamRules & { readonly continuation: Continuation } => {
  const rules = SHAPES[shape].stream
  assert.ok(rules?.continuation)
  return { ...rules, continuation: rules.continuation }
}

const eventsOf = (texts: readonly string[]): readonly StreamEvent[] =>
  sseDecoder().push(Buffer.from(texts.join('')))

/** The text in these events. */
const textOf = (dialect: Dialect, events: readonly StreamEvent[]): string =>
  events
    .flatMap(({ data }) => (data?.startsWith('{') === true ? [JSON.parse(data) as JsonObject] : []))
    .map(dialect.read)
    .join('')

const delivered = (dialect: Dialect, events: readonly StreamEvent[]): Delivered => {
  const ledger = new Ledger(rulesOf(dialect).continuation)
  for (const event of events) ledger.note(event)
  assert.ok(ledger.delivered)
  return ledger.delivered
}

type Second = { readonly mode: Mode; readonly texts: readonly string[]; readonly cuts: readonly number[] }

/** The second answer through the joint, its bytes cut anywhere. */
const joined = (
  dialect: Dialect,
  first: Delivered,
  { mode, texts, cuts }: Second,
): readonly StreamEvent[] => {
  const rules = rulesOf(dialect)
  const parts = { inner: sseDecoder(), rules, continuation: rules.continuation, delivered: first }
  const decoder = jointDecoder(mode, parts)
  const bytes = Buffer.from(texts.join(''))
  const places = [...new Set(cuts.map(cut => cut % (bytes.length + 1)))].sort((a, b) => a - b)
  const events: StreamEvent[] = []
  let from = 0
  for (const to of [...places, bytes.length]) {
    events.push(...decoder.push(bytes.subarray(from, to)))
    from = to
  }
  return [...events, ...decoder.end()]
}

/** Words, quotes, escapes, line breaks and characters of two units. */
const text = fc.string({
  unit: fc.constantFrom('a', 'b', ' ', '"', '\\', '\n', 'é', '中', '🎭', '</s>', '\u2028', '{"x":1}'),
  minLength: 2,
  maxLength: 40,
})

/** The text in pieces that are not empty, cut between any two units. */
const pieces = (whole: string) =>
  fc.array(fc.nat({ max: Math.max(0, whole.length - 1) }), { maxLength: 8 }).map(cuts => {
    const places = [...new Set(cuts)].filter(cut => cut > 0).sort((a, b) => a - b)
    return [0, ...places].map((from, at) => whole.slice(from, places[at] ?? whole.length))
  })

const cuts = fc.array(fc.nat({ max: 100_000 }), { maxLength: 12 })

/** One text told twice in different pieces, the first time broken off after some of its pieces. */
const twice = text.chain(whole =>
  fc.record({
    whole: fc.constant(whole),
    first: pieces(whole),
    second: pieces(whole),
    broken: fc.nat({ max: 8 }),
    cuts,
  }),
)

const brokenAfter = (dialect: Dialect, first: readonly string[], broken: number): readonly StreamEvent[] => {
  const count = 1 + (broken % first.length)
  return eventsOf(dialect.write(first, 'first').slice(0, dialect.lead + count))
}

test('property: a splice passes on exactly what the client lacks, however both answers were cut', () => {
  for (const dialect of dialects)
    fc.assert(
      fc.property(twice, ({ whole, first, second, broken, cuts }) => {
        const had = brokenAfter(dialect, first, broken)
        const texts = dialect.write(second, 'second answer')
        const rest = joined(dialect, delivered(dialect, had), { mode: 'splice', texts, cuts })
        assert.equal(textOf(dialect, had) + textOf(dialect, rest), whole)
        // The end is the second answer's own, and there is one.
        const { sight } = rulesOf(dialect)
        assert.equal(rest.filter(event => sight(event).kind === 'terminal').length, 1)
        assert.doesNotMatch(
          rest.map(event => event.data).join(''),
          /second answer/,
          'one name for one answer',
        )
      }),
      { numRuns: 300 },
    )
})

test('property: an answer that differs in what was delivered lets nothing through', () => {
  const different = twice.chain(play =>
    fc.record({ play: fc.constant(play), at: fc.nat({ max: 40 }), how: fc.constantFrom('other', 'shorter') }),
  )
  for (const dialect of dialects)
    fc.assert(
      fc.property(different, ({ play: { whole, first, broken, cuts }, at, how }) => {
        const had = brokenAfter(dialect, first, broken)
        const known = textOf(dialect, had)
        const place = at % known.length
        const said =
          how === 'shorter' ? known.slice(0, place) : `${known.slice(0, place)}Z${whole.slice(place + 1)}`
        const texts = dialect.write(said === '' ? [] : [said], 'second answer')
        const through: StreamEvent[] = []
        assert.throws(
          () => through.push(...joined(dialect, delivered(dialect, had), { mode: 'splice', texts, cuts })),
          Diverged,
        )
        assert.deepEqual(through, [])
      }),
      { numRuns: 200 },
    )
})

test('property: a continuation passes on what it says, and nothing that it repeats', () => {
  for (const dialect of [chat, completions])
    fc.assert(
      fc.property(twice, fc.boolean(), ({ whole, first, second, broken, cuts }, echo) => {
        // A beginning that is long enough to be known again.
        const begin = 'Once upon a time there was an understudy. '
        const had = brokenAfter(dialect, [begin, ...first], broken)
        const known = textOf(dialect, had)
        const all = begin + whole
        const rest = all.slice(known.length)
        const said = echo ? [begin, ...second] : rest === '' ? [] : [rest]
        const texts = dialect.write(said, 'second answer')
        const events = joined(dialect, delivered(dialect, had), { mode: 'continuation', texts, cuts })
        assert.equal(known + textOf(dialect, events), all)
        assert.doesNotMatch(events.map(event => event.data).join(''), /"role"|second answer/)
      }),
      { numRuns: 300 },
    )
})

test('reasoning is compared too: what it says differently is a difference', () => {
  const think = (reasoning: string, content: string): readonly string[] => [
    chunk('x', { delta: { role: 'assistant' } }),
    chunk('x', { delta: { reasoning_content: reasoning } }),
    chunk('x', { delta: { content } }),
  ]
  const had = delivered(chat, eventsOf(think('Let me see.', 'The under')))
  const through = (texts: readonly string[]): string =>
    textOf(
      chat,
      joined(chat, had, {
        mode: 'splice',
        texts: [...texts, ...chat.write(['study'], 'y').slice(1)],
        cuts: [],
      }),
    )
  assert.equal(through(think('Let me see.', 'The under')), 'study')
  assert.throws(() => through(think('Let me look.', 'The under')), Diverged)
  assert.throws(() => through(think('Let me see. Or not.', 'The under')), Diverged)
  assert.throws(() => through(chat.write(['The under'], 'y').slice(0, 2)), Diverged, 'without a word of it')
})

test('a role that comes with the words is told once all the same', () => {
  const had = delivered(chat, eventsOf(chat.write(['The under'], 'x').slice(0, 2)))
  const role = 'assistant'
  const talking = (content: string): string => chunk('y', { delta: { role, content } })
  const spliced = joined(chat, had, {
    mode: 'splice',
    texts: [talking('The understudy'), talking(' knows')],
    cuts: [],
  })
  const continued = joined(chat, had, {
    mode: 'continuation',
    texts: [talking('study'), talking(' knows')],
    cuts: [],
  })
  for (const events of [spliced, continued]) {
    assert.equal(textOf(chat, events), 'study knows')
    assert.doesNotMatch(events.map(event => event.data).join(''), /role/)
  }
})

test('an answer that thought to itself is no different from one that thinks aloud', () => {
  const had = delivered(chat, eventsOf(chat.write(['The under'], 'x').slice(0, 2)))
  const aloud = [chunk('y', { delta: { reasoning: 'Hm.' } }), ...chat.write(['The under', 'study'], 'y')]
  assert.equal(textOf(chat, joined(chat, had, { mode: 'splice', texts: aloud, cuts: [] })), 'study')
})

test('a tool call instead of the text is another answer; behind the text it is the rest of it', () => {
  const had = delivered(chat, eventsOf(chat.write(['The understudy'], 'x').slice(0, 2)))
  const call = chunk('y', { delta: { tool_calls: [{ index: 0, function: { name: 'cue', arguments: '' } }] } })
  const first = [call, ...chat.write(['The understudy'], 'y')]
  assert.throws(() => joined(chat, had, { mode: 'splice', texts: first, cuts: [] }), Diverged)
  for (const mode of ['splice', 'continuation'] as const) {
    const said = mode === 'splice' ? chat.write(['The understudy'], 'y').slice(0, 2) : []
    const events = joined(chat, had, { mode, texts: [...said, call], cuts: [] })
    assert.equal(events.length, 1)
    assert.match(events[0]?.data ?? '', /"name":"cue"/)
    assert.match(events[0]?.data ?? '', /"id":"chatcmpl-x"/)
  }
})

test('an error of the new answer is an error, not a difference', () => {
  const had = delivered(chat, eventsOf(chat.write(['The'], 'x').slice(0, 2)))
  for (const mode of ['splice', 'continuation'] as const) {
    const events = joined(chat, had, { mode, texts: ['data: {"error":{"message":"no"}}\n\n'], cuts: [] })
    assert.equal(SHAPES.chat.stream?.sight(events[0] ?? assert.fail()).kind, 'error')
  }
})

test('what cannot be compared is not gone on with', () => {
  const lost = (...texts: readonly string[]): boolean => {
    const ledger = new Ledger(rulesOf(chat).continuation)
    for (const event of eventsOf(texts)) ledger.note(event)
    return ledger.delivered === undefined
  }
  const said = chunk('x', { delta: { content: 'a' } })
  assert.equal(lost(said), false)
  assert.equal(lost(), true, 'nothing was said')
  for (const choice of [
    { delta: { tool_calls: [{ index: 0 }] } },
    { delta: { function_call: { name: 'f' } } },
    { delta: { audio: { data: 'AA' } } },
    { delta: { content: [{ type: 'text', text: 'a' }] } },
    { delta: { content: 'b' }, index: 1 },
    { delta: { content: 'b' }, logprobs: { content: [] } },
    { delta: { annotations: [{ type: 'url_citation' }] } },
  ])
    assert.equal(lost(said, chunk('x', choice)), true, JSON.stringify(choice))
  assert.equal(lost(said, said.repeat(3), 'data: 12\n\n'), true)
})

test('an answer of more than a megabyte is not kept', () => {
  const ledger = new Ledger(rulesOf(chat).continuation)
  const [event] = eventsOf([chunk('x', { delta: { content: 'x'.repeat(64 * 1024) } })])
  assert.ok(event)
  for (let turn = 0; turn < 16; turn++) ledger.note(event)
  assert.equal(ledger.delivered?.texts.get('content')?.length, 1024 * 1024)
  ledger.note(event)
  assert.equal(ledger.delivered, undefined)
})
