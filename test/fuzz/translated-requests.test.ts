import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { collectLosses } from '../../src/dialects/losses.ts'
import { request } from '../../src/dialects/neutral.fixture.ts'
import type { CallPart, Dialect, NeutralRequest, Part, Turn } from '../../src/dialects/neutral.ts'
import { Unsupported } from '../../src/providers/provider.ts'
import { isObject, type Json, type JsonObject } from '../../src/wire/json.ts'
import { accept } from '../golden/accept.ts'
import { anyClientRequest, anyConversation } from './support/conversations.ts'
import { runs } from './support/seed.ts'
import { bodyFor, FAR, type Far, SIDES, through } from './support/sides.ts'

/** What is translated is what its provider takes, and a call keeps its name from turn to turn. */

const silent = collectLosses()

/** undefined: it is refused by name. */
const translated = (asked: NeutralRequest, far: Far): JsonObject | undefined => {
  try {
    return bodyFor(far, asked, silent)
  } catch (error) {
    if (error instanceof Unsupported) return undefined
    throw error
  }
}

describe('a request that is translated is accepted', () => {
  for (const [home, side] of Object.entries(SIDES))
    for (const [abroad, far] of Object.entries(FAR)) {
      if (home === abroad) continue
      test(`property: ${home} → ${abroad}`, () => {
        fc.assert(
          fc.property(anyClientRequest, said => {
            const body = translated(through(side, said, silent), far)
            if (body !== undefined) accept[abroad as Dialect](body, far.target.model)
          }),
          runs(25),
        )
      })
    }
})

/** Where ids of calls stand, by the key that holds them. */
const IDS: ReadonlySet<string> = new Set(['id', 'call_id', 'tool_call_id', 'tool_use_id', 'toolUseId'])

/** All ids in the order they stand there, calls and results. */
const idsIn = (value: Json): readonly string[] => {
  if (Array.isArray(value)) return value.flatMap(idsIn)
  if (!isObject(value)) return []
  return Object.entries(value).flatMap(([key, one]) =>
    IDS.has(key) && typeof one === 'string'
      ? [one]
      : key === 'arguments' || key === 'input' || key === 'args'
        ? []
        : idsIn(one),
  )
}

const conversationIn = (body: JsonObject): Json => body.messages ?? body.contents ?? (body.input as Json)

const NINE: Far = { ...FAR.chat, target: { ...FAR.chat.target, model: 'mistral-large-latest' } }

/** What the provider checks. Gemini pairs by order, and is given none. */
const PATTERNS: readonly (readonly [name: string, far: Far, accepts: RegExp])[] = [
  ['chat', FAR.chat, /^[a-zA-Z0-9_-]{1,40}$/],
  ['a Mistral', NINE, /^[a-zA-Z0-9]{9}$/],
  ['responses', FAR.responses, /^[\s\S]{1,64}$/],
  ['messages', FAR.messages, /^[a-zA-Z0-9_-]{1,64}$/],
  ['converse', FAR.converse, /^[a-zA-Z0-9_-]{1,64}$/],
  ['cohere', FAR.cohere, /^[a-zA-Z0-9_-]{1,64}$/],
]

const withoutMedia = (turns: readonly Turn[]): readonly Turn[] =>
  turns.map(({ role, parts }) => ({
    role,
    parts: parts.flatMap((part): Part[] => {
      if (part.kind === 'result')
        return [{ ...part, content: part.content.filter(one => one.kind === 'text') }]
      return 'source' in part || part.kind === 'reasoning' ? [] : [part]
    }),
  }))

describe('ids of calls', () => {
  for (const [name, far, accepts] of PATTERNS)
    test(`property: ${name} takes them, and they are the same in every later turn`, () => {
      fc.assert(
        fc.property(anyConversation, said => {
          const turns = withoutMedia(said)
          let before: readonly string[] = []
          for (const [at, { role }] of turns.entries()) {
            // A client sends what there is when the user has spoken.
            if (role !== 'user' || turns[at + 1]?.role === 'user') continue
            const body = bodyFor(far, request(turns.slice(0, at + 1)), silent)
            const ids = idsIn(conversationIn(body))
            for (const id of ids) assert.match(id, accepts)
            assert.deepEqual(ids.slice(0, before.length), before)
            const calls = turns
              .slice(0, at + 1)
              .flatMap(({ parts }) => parts.filter(part => part.kind === 'call'))
            assert.equal(new Set(ids).size, calls.length, 'no two calls have one name, no result another')
            before = ids
          }
        }),
        runs(40),
      )
    })

  test('property: an id that a client was told comes back as the id that its provider gave', () => {
    const anyCall = fc.record({ id: fc.stringMatching(/^(?:call|toolu|tooluse)_[A-Za-z0-9]{6,24}$/) })
    fc.assert(
      fc.property(anyCall, ({ id }) => {
        const call: CallPart = { kind: 'call', id, name: 'look', input: '{}' }
        for (const { door } of Object.values(SIDES)) {
          const asked = {
            body: {},
            request: request([]),
            model: 'm',
            unique: 'u1',
            created: 1,
          }
          const answer = {
            id: 'a',
            model: 'm',
            parts: [call],
            stop: { kind: 'calls' },
            usage: undefined,
          } as const
          const told = idsIn(door.answer(answer, asked)).filter(one => one === id)
          assert.equal(told.length, 1, `${door.dialect} tells it as it is`)
        }
        for (const far of Object.values(FAR)) {
          if (far === FAR.gemini) continue
          const turns: readonly Turn[] = [
            { role: 'user', parts: [{ kind: 'text', text: 'a' }] },
            { role: 'assistant', parts: [call] },
            { role: 'user', parts: [{ kind: 'result', id, name: 'look', content: [] }] },
          ]
          assert.deepEqual(idsIn(conversationIn(bodyFor(far, request(turns), silent))), [id, id])
        }
      }),
      runs(40),
    )
  })
})
