import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { collectLosses } from '../../src/dialects/losses.ts'
import { anyClientRequest } from './support/conversations.ts'
import { factsOf, TOLD } from './support/meaning.ts'
import { runs } from './support/seed.ts'
import { SIDES, through } from './support/sides.ts'

/** Through another dialect and back a request means what it meant, or says what it has lost. */

const ways: readonly (readonly [home: keyof typeof SIDES, abroad: keyof typeof SIDES])[] = [
  ['chat', 'messages'],
  ['chat', 'responses'],
  ['chat', 'gemini'],
  ['responses', 'chat'],
  ['responses', 'messages'],
  ['messages', 'chat'],
  ['messages', 'responses'],
  ['gemini', 'chat'],
  ['gemini', 'messages'],
]

describe('there and back', () => {
  for (const [home, abroad] of ways)
    test(`property: ${home} → ${abroad} → ${home}`, () => {
      fc.assert(
        fc.property(anyClientRequest, said => {
          // What a client of this dialect can say at all.
          const asked = through(SIDES[home], said, collectLosses())
          const losses = collectLosses()
          const back = through(SIDES[home], through(SIDES[abroad], asked, losses), losses)
          const { warnings, lost } = losses.found()
          const told = [...warnings.map(warning => warning.lost), ...lost]
          const [before, after] = [factsOf(asked), factsOf(back)]
          for (const [name, fact] of Object.entries(before)) {
            // A limit, an effort to think or a name that nobody asked for is the provider's own default.
            if (fact === undefined || isDeepStrictEqual(fact, after[name])) continue
            const expected = TOLD[name] ?? assert.fail(name)
            if (!told.some(one => expected.test(one)))
              assert.deepEqual(
                after[name],
                fact,
                `${name} changed and only these were told: ${told.join(', ')}`,
              )
          }
        }),
        runs(60),
      )
    })
})
