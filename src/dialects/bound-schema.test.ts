import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { JsonObject } from '../wire/json.ts'
import { writeMessagesRequest } from './anthropic-messages-write.ts'
import { closed, fitsStrict, isClosable, isLimited } from './bound-schema.ts'
import { losing } from './chat.fixture.ts'
import { request, turn } from './neutral.fixture.ts'

const CITY = { type: 'string' }
const of = (properties: JsonObject, more: JsonObject = {}): JsonObject => ({
  type: 'object',
  properties,
  ...more,
})
const CLOSED = { additionalProperties: false }

describe('a schema that Claude is bound to', () => {
  test('every object is closed, inside lists, tables and choices as well', () => {
    const at = of({ lat: { type: ['number', 'null'] } })
    assert.deepEqual(
      closed(of({ at, all: { type: 'array', items: at }, one: { anyOf: [at, CITY] } }, { $defs: { at } })),
      of(
        {
          at: { ...at, ...CLOSED },
          all: { type: 'array', items: { ...at, ...CLOSED } },
          one: { anyOf: [{ ...at, ...CLOSED }, CITY] },
        },
        { $defs: { at: { ...at, ...CLOSED } }, ...CLOSED },
      ),
    )
  })

  test('what only looks like a schema is left alone', () => {
    const values = { enum: [{ type: 'object' }], default: { minimum: 1 }, type: ['object', 'null'] }
    assert.deepEqual(closed({ ...values, properties: {} }), { ...values, properties: {}, ...CLOSED })
    // A property that is named like a key of a schema.
    const named = of({ minimum: { type: 'number' }, type: CITY })
    assert.deepEqual(closed(named), { ...named, ...CLOSED })
    assert.equal(isLimited(named), false)
  })

  test('limits are told in words, because they would be refused', () => {
    const stars = { type: 'integer', minimum: 1, maximum: 5, description: 'Stars.' }
    const some = { type: 'array', items: CITY, minItems: 1 }
    assert.deepEqual(closed(of({ stars, some })), {
      ...of({ stars: { type: 'integer', description: 'Stars.\n\n{minimum: 1, maximum: 5}' }, some }),
      ...CLOSED,
    })
    assert.ok(isLimited(of({ stars })))
    assert.ok(!isLimited(of({ some })))
  })

  test('objects of any keys cannot be closed', () => {
    assert.ok(isClosable(of({ at: of({}) })))
    for (const open of [
      { type: 'object' },
      of({}, { additionalProperties: true }),
      of({ at: { type: ['object', 'null'], additionalProperties: CITY } }),
    ])
      assert.ok(!isClosable(open))
  })

  test('no schema that leads back to itself is one, nor one with references elsewhere', () => {
    const node = (next: string): JsonObject => of({ next: { anyOf: [{ $ref: next }, { type: 'null' }] } })
    const shared = of(
      { a: { $ref: '#/$defs/x~1y' }, b: { $ref: '#/$defs/x~1y' } },
      { $defs: { 'x/y': CITY } },
    )
    assert.ok(isClosable(shared))
    for (const endless of [
      node('#'),
      of({ first: { $ref: '#/$defs/node' } }, { $defs: { node: node('#/$defs/node') } }),
      of({ a: { $ref: '#/$defs/a' } }, { $defs: { a: node('#/$defs/b'), b: node('#/$defs/a') } }),
      node('https://example.com/schema.json'),
      node('#/$defs/nowhere'),
      of(
        {},
        {
          $defs: Object.fromEntries(
            Array.from({ length: 50_000 }, (_, at) => [`d${at}`, { $ref: `#/$defs/d${at + 1}` }]),
          ),
        },
      ),
    ])
      assert.ok(!isClosable(endless), JSON.stringify(endless).slice(0, 200))
  })

  test('a reference is part of an address: what an address cannot hold stands there by its number', () => {
    const $defs = { 'Page<City>': CITY, '100%': CITY }
    assert.ok(isClosable(of({ at: { $ref: '#/$defs/Page%3CCity%3E' } }, { $defs })))
    assert.ok(isClosable(of({ at: { $ref: '#/$defs/Page<City>' } }, { $defs })))
    assert.ok(isClosable(of({ at: { $ref: '#/$defs/100%' } }, { $defs })))
    assert.ok(!isClosable(of({ at: { $ref: '#/$defs/99%' } }, { $defs })))
  })

  test('what no grammar is made of: patterns of names, values that are objects, references that are merged', () => {
    for (const other of [
      of({}, { patternProperties: { '^x': CITY } }),
      of({ at: { enum: ['left', { x: 1 }] } }),
      of({ at: { const: { x: 1 } } }),
      of({ at: { allOf: [{ $ref: '#/$defs/c' }, { minLength: 1 }] } }, { $defs: { c: CITY } }),
      of({ at: { allOf: [{ $ref: '#/$defs/c', minLength: 1 }] } }, { $defs: { c: CITY } }),
    ])
      assert.ok(!isClosable(other), JSON.stringify(other))
  })

  test('a reference alone in an allOf, as pydantic writes a field with a description, is that reference', () => {
    const $ref = '#/$defs/c'
    const field = of({ at: { allOf: [{ $ref }], description: 'Where.' } }, { $defs: { c: CITY } })
    assert.ok(isClosable(field))
    assert.deepEqual(closed(field), {
      ...of({ at: { $ref, description: 'Where.' } }, { $defs: { c: CITY } }),
      ...CLOSED,
    })
  })

  test('one of several is any of them, and a format that does not bind is told', () => {
    const id = { type: 'integer', format: 'int64' }
    const at = { oneOf: [{ type: 'string', format: 'date-time' }, id] }
    assert.deepEqual(closed(of({ at, format: CITY })), {
      ...of({
        at: {
          anyOf: [
            { type: 'string', format: 'date-time' },
            { type: 'integer', description: '{format: "int64"}' },
          ],
        },
        format: CITY,
      }),
      ...CLOSED,
    })
    assert.ok(isLimited(of({ id })))
  })

  test('a request for Anthropic holds a closed schema, or says that it holds none', () => {
    const write = (schema: JsonObject) =>
      losing(losses =>
        writeMessagesRequest(
          request([turn('user', 'Where?')], {
            format: { kind: 'schema', name: 'place', schema },
            tools: [{ name: 'look', schema, strict: true }],
          }),
          { model: 'claude-sonnet-4-5', allowedParams: [] },
          losses,
        ),
      )
    const { made, lost, warned } = write(of({ city: CITY }))
    const schema = of({ city: CITY }, CLOSED)
    assert.deepEqual(made.output_config, { format: { type: 'json_schema', schema } })
    assert.deepEqual(made.tools, [{ name: 'look', input_schema: schema, strict: true }])
    assert.deepEqual([lost, warned], [[], []])
    const open = write({ type: 'object' })
    assert.deepEqual([open.lost, open.warned], [['response_format'], ['tools[].strict']])
    assert.deepEqual(open.made.tools, [{ name: 'look', input_schema: { type: 'object' } }])
  })
})

test('OpenAI’s strict wants closed objects whose every property is required', () => {
  const strict = of(
    { at: of({ city: CITY }, { ...CLOSED, required: ['city'] }) },
    { ...CLOSED, required: ['at'] },
  )
  assert.ok(fitsStrict(strict))
  assert.ok(!fitsStrict({ ...strict, required: [] }))
  assert.ok(!fitsStrict(of({}, { required: [] })))
  assert.ok(!fitsStrict(of({ at: of({ city: CITY }, CLOSED) }, { ...CLOSED, required: ['at'] })))
})
