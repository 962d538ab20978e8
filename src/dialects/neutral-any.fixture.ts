import fc from 'fast-check'
import { LONE, LOOK, PATCH, request, result, WAIT } from './neutral.fixture.ts'
import type { CallPart, Format, NeutralAnswer, NeutralRequest, Part, Stop, Turn } from './neutral.ts'
import type { Usage } from './shape.ts'

/** Requests and answers by chance, all of them such as a provider could be asked and a model could say. */

/** Text that is not blank: any characters, half of a surrogate pair among them. */
export const anyWords: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(fc.string({ unit: 'grapheme', maxLength: 8 }), fc.constantFrom(LONE, '\n', '\\"', 'é', '🎭')),
    {
      maxLength: 4,
    },
  )
  .map(pieces => `w${pieces.join('')}.`)

/** Of 1 to 64 characters; every client's own. */
export const anyId: fc.Arbitrary<string> = fc.oneof(
  fc.stringMatching(/^call_[A-Za-z0-9]{4,59}$/),
  fc.stringMatching(/^toolu_[A-Za-z0-9]{4,24}$/),
  fc.stringMatching(/^[A-Za-z0-9._:-]{1,64}$/),
)

/** Arguments of a function: an object, and now and then what a model should not have written. */
export const anyInput: fc.Arbitrary<string> = fc.oneof(
  { weight: 8, arbitrary: fc.dictionary(fc.string(), fc.jsonValue()).map(value => JSON.stringify(value)) },
  { weight: 1, arbitrary: fc.constantFrom('{"at":"le', '{"n": 1.0}', ' {} ') },
)

/** Objects as JSON makes them: compared with others by deepEqual, their prototype counts. */
const PLAIN = { noNullPrototype: true } as const

const anyCall = (ids: fc.Arbitrary<string>): fc.Arbitrary<CallPart> =>
  fc.oneof(
    fc.record(
      {
        kind: fc.constant('call' as const),
        id: ids,
        name: fc.constantFrom('look', 'wait'),
        input: anyInput,
      },
      PLAIN,
    ),
    fc.record(
      {
        kind: fc.constant('call' as const),
        id: ids,
        name: fc.constant('apply_patch'),
        input: anyWords,
        custom: fc.constant(true as const),
      },
      PLAIN,
    ),
  )

const anyCalls = (ids: fc.Arbitrary<string>): fc.Arbitrary<readonly CallPart[]> =>
  fc.uniqueArray(anyCall(ids), { maxLength: 3, selector: ({ id }) => id })

const anyImage: fc.Arbitrary<Part> = fc.uint8Array({ minLength: 1, maxLength: 9 }).map(bytes => ({
  kind: 'image',
  source: { kind: 'bytes', mime: 'image/png', base64: Buffer.from(bytes).toString('base64') },
}))

const anyTextPart: fc.Arbitrary<Part> = anyWords.map(text => ({ kind: 'text', text }))

type Round = {
  readonly asked: readonly Part[]
  readonly words: string | undefined
  readonly calls: readonly CallPart[]
}

const anyRound: fc.Arbitrary<Round> = fc.record({
  asked: fc.array(fc.oneof({ weight: 3, arbitrary: anyTextPart }, { weight: 1, arbitrary: anyImage }), {
    minLength: 1,
    maxLength: 3,
  }),
  words: fc.option(anyWords, { nil: undefined }),
  calls: anyCalls(anyId),
})

const turnsOf = ({ asked, words, calls }: Round, index: number): readonly Turn[] => {
  // An id is used once in a conversation.
  const own = calls.map(call => ({ ...call, id: `${index}${call.id}`.slice(0, 64) }))
  const said: readonly Part[] = [
    ...(words === undefined ? [] : [{ kind: 'text', text: words } as const]),
    ...own,
  ]
  if (said.length === 0) return [{ role: 'user', parts: asked }]
  const results = own.map(({ id, name, custom }) =>
    result(id, name, `${name} is done`, custom === undefined ? {} : { custom }),
  )
  return [
    { role: 'user', parts: asked },
    { role: 'assistant', parts: said },
    ...(results.length === 0 ? [] : [{ role: 'user', parts: results } as const]),
  ]
}

/** A conversation in which every call has its result and the user speaks first and last. */
export const anyTurns: fc.Arbitrary<readonly Turn[]> = fc
  .record({
    system: fc.option(anyWords, { nil: undefined }),
    rounds: fc.array(anyRound, { minLength: 1, maxLength: 4 }),
    last: anyTextPart,
  })
  .map(({ system, rounds, last }) => [
    ...(system === undefined ? [] : [{ role: 'system', parts: [{ kind: 'text', text: system }] } as const]),
    ...rounds.flatMap(turnsOf),
    { role: 'user', parts: [last] },
  ])

const anyFormat: fc.Arbitrary<Format> = fc.oneof(
  fc.constantFrom<Format>({ kind: 'text' }, { kind: 'json' }),
  fc
    .boolean()
    .map((strict): Format => ({ kind: 'schema', name: 'place', schema: LOOK.schema ?? {}, strict })),
)

const maybe = <Value>(arbitrary: fc.Arbitrary<Value>): fc.Arbitrary<readonly Value[]> =>
  fc.array(arbitrary, { maxLength: 1 })

const anySettings: fc.Arbitrary<Partial<NeutralRequest>> = fc
  .record({
    maxTokens: maybe(fc.integer({ min: 1, max: 32_000 })),
    temperature: maybe(fc.constantFrom(0, 0.25, 0.5, 1)),
    topP: maybe(fc.constantFrom(0.25, 0.5, 1)),
    stop: maybe(fc.uniqueArray(fc.constantFrom('END', '##', '\n\nHuman:'), { minLength: 1, maxLength: 3 })),
    format: maybe(anyFormat),
    user: maybe(fc.constant('user-1')),
  })
  .map(found =>
    Object.fromEntries(
      Object.entries(found).flatMap(([name, [value]]) => (value === undefined ? [] : [[name, value]])),
    ),
  )

export const anyRequest: fc.Arbitrary<NeutralRequest> = fc
  .record({ turns: anyTurns, settings: anySettings, stream: fc.boolean() })
  .map(({ turns, settings, stream }) =>
    request(turns, { ...settings, tools: [LOOK, WAIT, PATCH], stream, streamUsage: stream }),
  )

export const anyUsage: fc.Arbitrary<Usage> = fc
  .record({
    fresh: fc.nat(999),
    cached: fc.nat(99),
    written: fc.nat(99),
    spoken: fc.nat(999),
    thought: fc.nat(99),
  })
  .map(({ fresh, cached, written, spoken, thought }) => ({
    inputTokens: fresh + cached + written,
    outputTokens: spoken + thought + 1,
    ...(cached === 0 ? {} : { cachedInputTokens: cached }),
    ...(written === 0 ? {} : { cacheWriteTokens: written }),
    ...(thought === 0 ? {} : { reasoningTokens: thought }),
  }))

const stopOf = (calls: number, cut: boolean): Stop => {
  if (cut) return { kind: 'length' }
  return { kind: calls > 0 ? 'calls' : 'end' }
}

/** What a model says: thoughts, then words, then calls, each perhaps. */
export const anyAnswer: fc.Arbitrary<NeutralAnswer> = fc
  .record({
    thought: maybe(anyWords),
    sealed: maybe(fc.base64String({ minLength: 4, maxLength: 40 })),
    words: maybe(anyWords),
    calls: anyCalls(anyId),
    cut: fc.boolean(),
    usage: anyUsage,
  })
  .map(({ thought, sealed, words, calls, cut, usage }) => ({
    id: 'answer-1',
    model: 'upstream-1',
    parts: [
      ...thought.map(
        (text): Part => ({
          kind: 'reasoning',
          text,
          ...(sealed[0] === undefined ? {} : { sealed: { issuer: 'messages', payload: sealed[0] } }),
        }),
      ),
      ...words.map((text): Part => ({ kind: 'text', text })),
      ...calls,
    ],
    stop: stopOf(calls.length, cut),
    usage,
  }))

/** Where a stream is cut on its way: pieces of the bytes, in order. */
export const cutAt = (bytes: Uint8Array, offsets: readonly number[]): readonly Uint8Array[] => {
  const ends = [...new Set(offsets.map(offset => offset % (bytes.length + 1)))].sort((a, b) => a - b)
  return [...ends, bytes.length].map((end, index) => bytes.slice(ends[index - 1] ?? 0, end))
}
