import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { collectLosses } from '../../src/dialects/losses.ts'
import { withFittingNames } from '../../src/dialects/tool-names.ts'
import { Unsupported } from '../../src/providers/provider.ts'
import type { Json, JsonObject } from '../../src/wire/json.ts'
import { RICH } from './support/rich-bodies.ts'
import { runs } from './support/seed.ts'
import { FAR, SIDES } from './support/sides.ts'

/** Whatever stands where in a body: it is carried, told, or refused by its name. Nothing else is thrown. */

/** Values where nobody expects them; as JSON, because that is how they come. */
const ODD: readonly Json[] = JSON.parse(
  `[null, 0, -1, 1e21, "", "x", "\\u0000", "\\ud800", "\\u2028", true, false, [], {}, [[]], [null], [{}], ["a", 1],
   {"type": "text"}, {"type": "nonsense"}, {"type": {"toString": 1}}, {"toString": 1}, {"__proto__": {"a": 1}},
   {"constructor": 2}, "constructor", "toString", "data:", "data:image/png;base64", {"function": null}, {"url": null}]`,
) as readonly Json[]

/** Names that every object has without having them. */
const NAMES = ['constructor', 'toString', 'hasOwnProperty', '__defineGetter__', 'unheard_of'] as const

type Place = { readonly object: Record<string, Json>; readonly key: string }

const placesIn = (value: Json): Place[] =>
  typeof value === 'object' && value !== null
    ? Object.keys(value).flatMap(key => {
        const object = value as Record<string, Json>
        return [{ object, key }, ...placesIn(object[key] ?? null)]
      })
    : []

type Accident = {
  readonly at: number
  readonly odd: Json
  readonly how: 'replace' | 'leave out' | 'add'
  readonly name: string
}

const anyAccident: fc.Arbitrary<Accident> = fc.record({
  at: fc.nat(),
  odd: fc.constantFrom(...ODD),
  how: fc.constantFrom('replace', 'replace', 'replace', 'leave out', 'add'),
  name: fc.constantFrom(...NAMES),
})

const happen = (body: JsonObject, { at, odd: written, how, name }: Accident): void => {
  // A later accident may happen inside it.
  const odd = structuredClone(written)
  const places = placesIn(body)
  const place = places[at % places.length]
  if (place === undefined) return
  const { object, key } = place
  if (how === 'replace') object[key] = odd
  else if (Array.isArray(object)) object.splice(Number(key), 1)
  else if (how === 'add') object[name] = odd
  else delete object[key]
}

/** What is written for each provider, or why not. */
const allWritten = (shape: keyof typeof SIDES, body: JsonObject): readonly string[] =>
  Object.entries(FAR).flatMap(([name, { upstream, target }]) => {
    const losses = collectLosses()
    try {
      const request = withFittingNames(SIDES[shape].door.read(body, losses), upstream)
      const written = JSON.stringify(upstream.write(request, target, losses))
      for (const { because } of losses.found().warnings) assert.equal(typeof because, 'string')
      return [`${name}: ${written}`]
    } catch (error) {
      if (error instanceof Unsupported) return []
      throw error
    }
  })

describe('a body with something odd in it', () => {
  for (const shape of Object.keys(RICH) as (keyof typeof RICH)[])
    test(`property: ${shape}`, () => {
      fc.assert(
        fc.property(fc.array(anyAccident, { minLength: 1, maxLength: 3 }), accidents => {
          const body = structuredClone(RICH[shape]) as JsonObject
          for (const accident of accidents) happen(body, accident)
          for (const written of allWritten(shape, body))
            assert.doesNotMatch(written, /\[object Object\]|"undefined"/)
        }),
        runs(300),
      )
    })
})
