import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { throughBridge, translateAnswer } from '../../src/dialects/bridge.ts'
import { decodingCustomCalls } from '../../src/dialects/custom-tools.ts'
import { collectLosses } from '../../src/dialects/losses.ts'
import { LOOK, PATCH, request, WAIT } from '../../src/dialects/neutral.fixture.ts'
import type { Asked, NeutralAnswer, NeutralRequest, Part, Upstream } from '../../src/dialects/neutral.ts'
import { anyAnswer, anyWords, cutAt } from '../../src/dialects/neutral-any.fixture.ts'
import { answerOf, eventsOf } from '../../src/dialects/neutral-streams.fixture.ts'
import { eventFrame } from '../../src/stage/bedrock-answer.ts'
import { isObject, type Json, type JsonObject } from '../../src/wire/json.ts'
import { runs } from './support/seed.ts'
import { bodyFor, FAR, SIDES, type Side } from './support/sides.ts'

/** A streamed answer, collected by the client, is the whole answer: for every provider and client, wherever it was cut. */

const encoder = new TextEncoder()
const silent = collectLosses()

/** Who asks may call the tools that answers call, and is shown what can be shown. */
const QUESTION: NeutralRequest = request([{ role: 'user', parts: [{ kind: 'text', text: 'Go.' }] }], {
  tools: [LOOK, WAIT, PATCH],
  effort: 'low',
  thoughts: 'shown',
  stream: true,
  streamUsage: true,
})

const askedBy = (side: Side): Asked => {
  const body = bodyFor(side, QUESTION, silent)
  const asked: Asked = {
    body,
    request: side.door.read(body, silent),
    model: 'group',
    unique: 'u1',
    created: 1_700_000_000,
  }
  return asked
}

/** An answer as its provider writes it. */
type Provider = {
  readonly upstream: Upstream
  readonly whole: (answer: NeutralAnswer) => JsonObject
  readonly streamed: (answer: NeutralAnswer) => Uint8Array
}

const ofSide = (side: Side): Provider => {
  const asked = askedBy(side)
  return {
    upstream: side.upstream,
    whole: answer => side.door.answer(answer, asked),
    streamed: answer => {
      const writer = side.door.writer(asked)
      return Buffer.concat(eventsOf(answer).flatMap(event => writer.write(event).map(({ bytes }) => bytes)))
    },
  }
}

const inputOf = (text: string): Json => {
  try {
    return JSON.parse(text) as Json
  } catch {
    return { raw: text }
  }
}

const STOPS: Readonly<Record<string, string>> = { end: 'end_turn', calls: 'tool_use', length: 'max_tokens' }

const usageIn = ({ usage }: NeutralAnswer): JsonObject => ({
  inputTokens: usage?.inputTokens ?? 0,
  outputTokens: usage?.outputTokens ?? 0,
  totalTokens: (usage?.inputTokens ?? 0) + (usage?.outputTokens ?? 0),
})

/** Bedrock’s answers are JSON objects in calls, and frames in streams. */
const converse: Provider = {
  upstream: FAR.converse.upstream,
  whole: answer => ({
    output: {
      message: {
        role: 'assistant',
        content: answer.parts.map((part): JsonObject => {
          if (part.kind === 'call')
            return { toolUse: { toolUseId: part.id, name: part.name, input: inputOf(part.input) } }
          if (part.kind === 'reasoning')
            return { reasoningContent: { reasoningText: { text: part.text, ...sealIn(part) } } }
          return { text: 'text' in part ? part.text : '' }
        }),
      },
    },
    stopReason: STOPS[answer.stop.kind] ?? 'end_turn',
    usage: usageIn(answer),
  }),
  streamed: answer =>
    Buffer.concat([
      eventFrame('messageStart', { role: 'assistant' }),
      ...answer.parts.flatMap((part, contentBlockIndex) => {
        const delta = (value: JsonObject) =>
          eventFrame('contentBlockDelta', { contentBlockIndex, delta: value })
        const said =
          part.kind === 'call'
            ? [
                eventFrame('contentBlockStart', {
                  contentBlockIndex,
                  start: { toolUse: { toolUseId: part.id, name: part.name } },
                }),
                delta({ toolUse: { input: JSON.stringify(inputOf(part.input)) } }),
              ]
            : part.kind === 'reasoning'
              ? [
                  delta({ reasoningContent: { text: part.text } }),
                  ...(part.sealed === undefined ? [] : [delta({ reasoningContent: sealIn(part) })]),
                ]
              : [delta({ text: 'text' in part ? part.text : '' })]
        return [...said, eventFrame('contentBlockStop', { contentBlockIndex })]
      }),
      eventFrame('messageStop', { stopReason: STOPS[answer.stop.kind] ?? 'end_turn' }),
      eventFrame('metadata', { usage: usageIn(answer) }),
    ]),
}

const sealIn = (part: Part & { kind: 'reasoning' }): JsonObject =>
  part.sealed === undefined ? {} : { signature: part.sealed.payload }

const PROVIDERS: Readonly<Record<string, Provider>> = {
  ...Object.fromEntries(Object.entries(SIDES).map(([name, side]) => [name, ofSide(side)])),
  converse,
}

/** Half a character can be in no stream, and arguments are objects where a dialect has objects. */
const whole = (text: string): string => text.toWellFormed()

const anyText: fc.Arbitrary<Part> = anyWords.map(text => ({ kind: 'text', text: whole(text) }))

/** What providers say, and a refusal now and then. An answer without a word is a failure. */
const anySaid: fc.Arbitrary<NeutralAnswer> = fc
  .oneof(
    {
      weight: 6,
      arbitrary: anyAnswer
        .map(answer => ({
          ...answer,
          parts: answer.parts.map((part): Part => {
            if (part.kind === 'call')
              return {
                ...part,
                input: part.custom === true ? JSON.stringify({ input: whole(part.input) }) : part.input,
              }
            return 'text' in part ? { ...part, text: whole(part.text) } : part
          }),
        }))
        .map(({ parts, ...answer }) => ({
          ...answer,
          parts: parts.map((part): Part => {
            if (part.kind !== 'call') return part
            const { custom: _, ...call } = part
            return call
          }),
        })),
    },
    {
      weight: 1,
      arbitrary: anyText.map(part => ({
        id: 'answer-1',
        model: 'm',
        parts: [{ ...part, kind: 'refusal' } as Part],
        stop: { kind: 'refusal' } as const,
        usage: { inputTokens: 3, outputTokens: 2 },
      })),
    },
  )
  .filter(({ parts }) => parts.some(({ kind }) => kind !== 'reasoning'))

const sameInput = (input: string): Json => {
  const value = inputOf(input)
  return isObject(value) && typeof value.raw_arguments === 'string' ? { raw: value.raw_arguments } : value
}

/** Arguments are compared as what they say: objects are written anew on some ways. No stream tells its service tier. */
const plain = ({ parts, serviceTier: _, ...answer }: NeutralAnswer) => ({
  ...answer,
  parts: parts.map(part => (part.kind === 'call' ? { ...part, input: sameInput(part.input) } : part)),
})

describe('a stream is the whole answer', () => {
  for (const [from, provider] of Object.entries(PROVIDERS))
    for (const [to, side] of Object.entries(SIDES)) {
      if (from === to) continue
      const asked = askedBy(side)
      test(`property: ${from} → ${to}, at any cut`, () => {
        fc.assert(
          fc.property(anySaid, fc.array(fc.nat(4000), { maxLength: 8 }), (answer, cuts) => {
            const bytes = encoder.encode(JSON.stringify(provider.whole(answer)))
            const told = translateAnswer(bytes, provider.upstream, side.door, asked)
            const once = side.upstream.answer(JSON.parse(new TextDecoder().decode(told)) as JsonObject)
            const client = side.upstream.decoder()
            const bridge = throughBridge(
              decodingCustomCalls(provider.upstream.decoder(), asked.request),
              side.door.writer(asked),
            )
            const sent = cutAt(provider.streamed(answer), cuts).flatMap(piece => bridge.push(piece))
            const events = [...sent, ...bridge.end()].flatMap(event => client.push(event.bytes))
            assert.deepEqual(plain(answerOf([...events, ...client.end()])), plain(once))
          }),
          runs(25),
        )
      })
    }
})
