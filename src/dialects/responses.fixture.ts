import fc from 'fast-check'
import type { JsonObject } from '../wire/json.ts'
import { collectLosses } from './losses.ts'
import type { Asked, NeutralAnswer, NeutralEvent, Part } from './neutral.ts'
import { responsesDoor } from './responses.ts'

/** What the tests of the Responses dialect share. */

export const askedOf = (body: JsonObject = { model: 'g', input: 'hi' }): Asked => ({
  body,
  request: responsesDoor.read(body, collectLosses()),
  model: 'upstream',
  unique: 'u1',
  created: 1_700_000_000,
})

const words = fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' })
const name = fc.stringMatching(/^[a-z_]{1,12}$/)
const annotation = fc.record(
  {
    type: fc.constant('url_citation'),
    url: fc.webUrl(),
    title: words,
    start_index: fc.nat(9),
    end_index: fc.nat(9),
  },
  { noNullPrototype: true },
)

const textPart = fc.record({ text: words, annotations: fc.array(annotation, { maxLength: 2 }) }).map(
  ({ text, annotations }): Part => ({
    kind: 'text',
    text,
    ...(annotations.length > 0 ? { annotations } : {}),
  }),
)
const reasoningPart = fc
  .record({ text: words, payload: fc.option(fc.stringMatching(/^[A-Za-z0-9]{1,20}$/), { nil: undefined }) })
  .map(
    ({ text, payload }): Part => ({
      kind: 'reasoning',
      text,
      ...(payload === undefined ? {} : { sealed: { issuer: 'responses', payload } }),
    }),
  )
const callPart = (custom: boolean) =>
  fc
    .record({ id: fc.stringMatching(/^call_[a-z0-9]{1,20}$/), name, input: words })
    .map((call): Part => ({ kind: 'call', ...call, ...(custom ? { custom } : {}) }))

/** Answers as this dialect can tell them: no two texts side by side that a client could not tell apart. */
export const answers: fc.Arbitrary<NeutralAnswer> = fc
  .record({
    parts: fc.array(
      fc.oneof(
        textPart,
        reasoningPart,
        callPart(false),
        callPart(true),
        words.map((text): Part => ({ kind: 'refusal', text })),
      ),
      { maxLength: 6 },
    ),
    cut: fc.constantFrom(undefined, 'length' as const, 'filter' as const),
    input: fc.nat(999),
    // Without a single token it would be no answer.
    output: fc.integer({ min: 1, max: 999 }),
    cached: fc.nat(99),
    written: fc.nat(99),
    thought: fc.nat(99),
  })
  .map(({ parts, cut, input, output, cached, written, thought }) => {
    const whole = parts.some(part => part.kind === 'call')
      ? 'calls'
      : parts.some(part => part.kind === 'refusal')
        ? 'refusal'
        : 'end'
    return {
      id: 'resp_u1',
      model: 'upstream',
      parts,
      stop: { kind: cut ?? whole },
      usage: {
        inputTokens: input,
        outputTokens: output,
        cachedInputTokens: cached,
        cacheWriteTokens: written,
        reasoningTokens: thought,
      },
    }
  })

/** A whole answer as the stream that would have told it, in pieces of `size` letters. */
export const told = (answer: NeutralAnswer, size: number): readonly NeutralEvent[] => {
  const events: NeutralEvent[] = [{ kind: 'start', id: answer.id, model: answer.model }]
  for (const [part, said] of answer.parts.entries()) {
    if (said.kind === 'call') {
      const { id, name: called, custom } = said
      events.push({ kind: 'open', part, of: 'call', id, name: called, ...(custom ? { custom } : {}) })
    } else if (said.kind === 'text' || said.kind === 'reasoning' || said.kind === 'refusal')
      events.push({ kind: 'open', part, of: said.kind })
    else continue
    const text = said.kind === 'call' ? said.input : said.text
    for (let at = 0; at < text.length; at += size)
      events.push({ kind: 'delta', part, text: text.slice(at, at + size) })
    if (said.kind === 'text')
      for (const each of said.annotations ?? []) events.push({ kind: 'annotation', part, annotation: each })
    if ((said.kind === 'reasoning' || said.kind === 'call') && said.sealed !== undefined)
      events.push({ kind: 'seal', part, sealed: said.sealed })
    events.push({ kind: 'close', part })
  }
  events.push({ kind: 'stop', stop: answer.stop })
  if (answer.usage !== undefined) events.push({ kind: 'usage', usage: answer.usage })
  events.push({ kind: 'end' })
  return events
}
