import fc from 'fast-check'
import { LOOK, PATCH, request, result, SCHEMA, WAIT } from '../../../src/dialects/neutral.fixture.ts'
import type {
  CacheMark,
  CallPart,
  Format,
  MediaPart,
  NeutralRequest,
  Part,
  ResultPart,
  ToolChoice,
  Turn,
} from '../../../src/dialects/neutral.ts'
import { anyId, anyInput, anyWords } from '../../../src/dialects/neutral-any.fixture.ts'

/** Whole requests by chance: everything that a client of any dialect may say. */

const maybe = <Value>(arbitrary: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq: 3 })

/** The members that are there. */
const some = (members: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))

const anyMark: fc.Arbitrary<{ cache?: CacheMark }> = fc.oneof(
  { weight: 8, arbitrary: fc.constant({}) },
  { weight: 1, arbitrary: fc.constantFrom<{ cache: CacheMark }>({ cache: {} }, { cache: { ttl: '1h' } }) },
)

const anyText: fc.Arbitrary<Part> = fc
  .tuple(
    fc.oneof({ weight: 9, arbitrary: anyWords }, { weight: 1, arbitrary: fc.constantFrom('', ' \n') }),
    anyMark,
  )
  .map(([text, mark]) => ({ kind: 'text', text, ...mark }))

const anyBytes = fc
  .uint8Array({ minLength: 1, maxLength: 9 })
  .map(bytes => Buffer.from(bytes).toString('base64'))

const anyMedia: fc.Arbitrary<MediaPart> = fc.oneof(
  fc.record({ base64: anyBytes, detail: maybe(fc.constantFrom('low', 'high', 'auto')) }).map(
    ({ base64, detail }) =>
      ({
        kind: 'image',
        source: { kind: 'bytes', mime: 'image/png', base64 },
        ...some({ detail }),
      }) as MediaPart,
  ),
  fc.constant<MediaPart>({ kind: 'image', source: { kind: 'url', url: 'https://stage.example/a.png' } }),
  fc.record({ base64: anyBytes, name: maybe(fc.constantFrom('a.pdf', 'Act one')) }).map(
    ({ base64, name }) =>
      ({
        kind: 'file',
        source: { kind: 'bytes', mime: 'application/pdf', base64 },
        ...some({ name }),
      }) as MediaPart,
  ),
)

const anyCall: fc.Arbitrary<CallPart> = fc.oneof(
  fc.record({
    kind: fc.constant('call' as const),
    id: anyId,
    name: fc.constantFrom('look', 'wait'),
    input: anyInput,
  }),
  fc.record({
    kind: fc.constant('call' as const),
    id: anyId,
    name: fc.constant('apply_patch'),
    input: anyWords,
    custom: fc.constant(true as const),
  }),
)

type Answered = {
  readonly call: CallPart
  readonly said: string
  readonly shown: MediaPart | undefined
  readonly failed: boolean
}

const anyAnswered: fc.Arbitrary<Answered> = fc.record({
  call: anyCall,
  said: fc.oneof(anyWords, fc.constantFrom('', '{"at":"left"}')),
  shown: fc.option(anyMedia, { nil: undefined, freq: 6 }),
  failed: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
})

const anyThought: fc.Arbitrary<Part> = fc
  .record({
    text: anyWords,
    issuer: fc.constantFrom('responses', 'messages', 'gemini' as const),
    payload: fc.stringMatching(/^[A-Za-z0-9]{4,20}$/),
  })
  .map(({ text, issuer, payload }) => ({ kind: 'reasoning', text, sealed: { issuer, payload } }) as Part)

const anyRound = fc.record({
  asked: fc.array(fc.oneof({ weight: 4, arbitrary: anyText }, { weight: 1, arbitrary: anyMedia }), {
    minLength: 1,
    maxLength: 3,
  }),
  thought: fc.option(anyThought, { nil: undefined, freq: 4 }),
  words: maybe(fc.oneof({ weight: 6, arbitrary: anyWords }, { weight: 1, arbitrary: fc.constant('') })),
  refusal: fc.option(anyWords, { nil: undefined, freq: 8 }),
  calls: fc.array(anyAnswered, { maxLength: 3 }),
  turned: fc.boolean(),
  note: fc.option(anyWords, { nil: undefined, freq: 6 }),
})

type Round = typeof anyRound extends fc.Arbitrary<infer Value> ? Value : never

const resultOf = ({ call, said, shown, failed }: Answered): ResultPart => {
  const made = result(call.id, call.name, said, call.custom === undefined ? {} : { custom: true })
  return {
    ...made,
    content: [...made.content, ...(shown === undefined ? [] : [shown])],
    ...(failed ? { failed: true } : {}),
  }
}

const turnsOf = ({ asked, thought, words, refusal, calls, turned, note }: Round, index: number): Turn[] => {
  // An id is used once in a conversation.
  const own = calls.map((one, at) => ({
    ...one,
    call: { ...one.call, id: `${index}${at}${one.call.id}`.slice(0, 64) },
  }))
  const said: Part[] = [
    ...(thought === undefined ? [] : [thought]),
    ...(words === undefined ? [] : [{ kind: 'text', text: words } as const]),
    ...(refusal === undefined || own.length > 0 ? [] : [{ kind: 'refusal', text: refusal } as const]),
    ...own.map(({ call }) => call),
  ]
  const results = (turned ? own.toReversed() : own).map(resultOf)
  return [
    { role: 'user', parts: asked },
    ...(said.length === 0 ? [] : [{ role: 'assistant', parts: said } as const]),
    ...(results.length === 0 ? [] : [{ role: 'user', parts: results } as const]),
    ...(note === undefined ? [] : [{ role: 'system', parts: [{ kind: 'text', text: note }] } as const]),
  ]
}

/** Every call has its result; the user speaks first and last, and says something. */
export const anyConversation: fc.Arbitrary<readonly Turn[]> = fc
  .record({
    system: maybe(fc.tuple(anyWords, anyMark)),
    rounds: fc.array(anyRound, { maxLength: 3 }),
    first: anyWords,
    last: anyWords,
  })
  .map(({ system, rounds, first, last }) => [
    ...(system === undefined
      ? []
      : [{ role: 'system', parts: [{ kind: 'text', text: system[0], ...system[1] }] } as const]),
    { role: 'user', parts: [{ kind: 'text', text: first }] },
    ...rounds.flatMap(turnsOf),
    { role: 'user', parts: [{ kind: 'text', text: last }] },
  ])

const anyFormat: fc.Arbitrary<Format> = fc.oneof(
  fc.constantFrom<Format>({ kind: 'text' }, { kind: 'json' }),
  fc
    .record({
      strict: maybe(fc.boolean()),
      description: maybe(fc.constant('Where.')),
      schema: fc.constantFrom(SCHEMA, { ...SCHEMA, required: [] }, { type: 'object', properties: {} }),
    })
    .map(({ schema, ...more }) => ({ kind: 'schema', name: 'place', schema, ...some(more) }) as Format),
)

const anyChoice: fc.Arbitrary<ToolChoice> = fc.constantFrom<ToolChoice>(
  { kind: 'auto' },
  { kind: 'none' },
  { kind: 'required' },
  { kind: 'tool', name: 'look' },
  { kind: 'tool', name: 'apply_patch' },
  { kind: 'allowed', names: ['look', 'apply_patch'], required: true },
  { kind: 'allowed', names: ['wait', 'look'], required: false },
)

const anySettings = fc.record({
  toolChoice: maybe(anyChoice),
  parallelCalls: maybe(fc.boolean()),
  maxTokens: maybe(fc.constantFrom(1, 15, 16, 4000, 32_000)),
  temperature: maybe(fc.constantFrom(0, 0.5, 1, 1.5)),
  topP: maybe(fc.constantFrom(0.25, 0.97, 1)),
  topK: fc.option(fc.constant(40), { nil: undefined, freq: 6 }),
  stop: maybe(fc.constantFrom(['END'], ['\n\n', '##'], ['a', 'b', 'c', 'd', 'e', 'f'])),
  seed: fc.option(fc.constantFrom(7, 2 ** 40), { nil: undefined, freq: 6 }),
  presencePenalty: fc.option(fc.constantFrom(0, 0.5), { nil: undefined, freq: 6 }),
  frequencyPenalty: fc.option(fc.constantFrom(0, -0.5), { nil: undefined, freq: 6 }),
  logitBias: fc.option(fc.constant({ '50256': -100 }), { nil: undefined, freq: 6 }),
  logprobs: fc.option(fc.constantFrom(0, 2), { nil: undefined, freq: 6 }),
  format: maybe(anyFormat),
  effort: maybe(fc.constantFrom('none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max' as const)),
  thinkingTokens: fc.option(fc.constantFrom(1024, 5000), { nil: undefined, freq: 8 }),
  thoughts: fc.option(fc.constantFrom('shown', 'hidden' as const), { nil: undefined, freq: 6 }),
  verbosity: fc.option(fc.constantFrom('low', 'medium' as const), { nil: undefined, freq: 6 }),
  metadata: fc.option(fc.constant({ team: 'stage' }), { nil: undefined, freq: 6 }),
  user: maybe(fc.constantFrom('user-1', 'u'.repeat(100), 'u'.repeat(300))),
  serviceTier: fc.option(fc.constantFrom('auto', 'default', 'flex', 'priority'), { nil: undefined, freq: 6 }),
  cacheKey: fc.option(fc.constant('cache-1'), { nil: undefined, freq: 6 }),
})

const TOOLS = [
  LOOK,
  { ...LOOK, name: 'look', strict: true },
  { ...LOOK, cache: {}, schema: { ...SCHEMA, required: [] }, strict: true },
] as const

export const anyClientRequest: fc.Arbitrary<NeutralRequest> = fc
  .record({
    turns: anyConversation,
    settings: anySettings,
    look: fc.constantFrom(...TOOLS),
    armed: fc.oneof(
      { weight: 4, arbitrary: fc.constant(true) },
      { weight: 1, arbitrary: fc.constant(false) },
    ),
  })
  .map(({ turns, settings, look, armed }) => {
    const { toolChoice, parallelCalls, ...others } = settings
    const tools = armed ? { tools: [look, WAIT, PATCH], ...some({ toolChoice, parallelCalls }) } : {}
    return request(turns, { ...(some(others) as Partial<NeutralRequest>), ...tools })
  })
