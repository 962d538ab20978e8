import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../wire/json.ts'
import { losing } from './chat.fixture.ts'
import { rooted } from './root-schema.ts'

const TEXT = { type: 'string' }
const made = (schema: JsonObject) => losing(losses => rooted(schema, 'tools[].parameters', losses))

test('an object stays what it is, and what says nothing of its type is one', () => {
  const plain: JsonObject = { type: 'object', properties: { at: { anyOf: [TEXT, { type: 'null' }] } } }
  assert.equal(made(plain).made, plain)
  assert.deepEqual(made({ properties: {} }).made, { type: 'object', properties: {} })
  assert.deepEqual(made(plain).warned, [])
})

test('a choice between whole schemas is one object with the members of all, and is told', () => {
  const schema: JsonObject = {
    oneOf: [
      {
        type: 'object',
        properties: { action: { const: 'open' }, path: TEXT },
        required: ['action', 'path'],
        additionalProperties: false,
      },
      { $ref: '#/$defs/close' },
    ],
    $defs: {
      close: {
        type: 'object',
        properties: { action: { const: 'close' }, path: TEXT },
        required: ['action'],
        additionalProperties: false,
      },
    },
  }
  const { made: one, warned } = made(schema)
  assert.deepEqual(one, {
    additionalProperties: false,
    $defs: schema.$defs,
    type: 'object',
    properties: { action: { anyOf: [{ const: 'open' }, { const: 'close' }] }, path: TEXT },
    required: ['action'],
    description: `{oneOf: ${JSON.stringify(schema.oneOf)}}`,
  })
  assert.deepEqual(warned, ['tools[].parameters'])
})

test('what only says which members are wanted leaves the members alone', () => {
  const anyOf = [{ required: ['a'] }, { required: ['b'] }]
  const properties = { a: TEXT, b: TEXT }
  const schema = { type: 'object', description: 'Either.', properties, required: ['c'], anyOf }
  assert.deepEqual(made(schema).made, {
    type: 'object',
    properties,
    required: ['c'],
    description: `Either.\n\n{anyOf: ${JSON.stringify(anyOf)}}`,
  })
})

test('all of several wants what each of them wants', () => {
  const allOf = [
    { properties: { a: TEXT }, required: ['a'] },
    { anyOf: [{ properties: { b: TEXT } }, { properties: { c: TEXT } }] },
  ]
  const { properties, required } = made({ type: 'object', allOf }).made
  assert.deepEqual([properties, required], [{ a: TEXT, b: TEXT, c: TEXT }, ['a']])
})

test('many references cost no more than they are', () => {
  const names = Array.from({ length: 2000 }, (_, at) => `d${at}`)
  const to = (name: string | undefined) => ({ $ref: `#/$defs/${name}` })
  const $defs = Object.fromEntries(
    names.map((name, at) => [
      name,
      { anyOf: [to(names[at + 1]), to(names[at + 1])], properties: { [name]: TEXT } },
    ]),
  )
  const { properties } = made({ anyOf: [to('d0'), to('d0')], $defs }).made
  assert.ok(properties !== undefined)
})

test('a schema that refers to itself comes to an end', () => {
  const anyOf = [{ $ref: '#' }, { $ref: '#/$defs/a' }, { $ref: '#/$defs/nowhere' }]
  const $defs = { a: { properties: { a: TEXT }, allOf: [{ $ref: '#/$defs/a' }, { $ref: '#' }] } }
  assert.deepEqual(made({ anyOf, $defs }).made.properties, { a: TEXT })
})

/** Two definitions that each choose between the two before them: what a property may be doubles with each pair. */
const doubling = (pairs: number): JsonObject => {
  const choice = (...names: readonly string[]) => ({
    anyOf: names.map(name => ({ $ref: `#/$defs/${name}` })),
  })
  const $defs: Record<string, JsonObject> = {
    a0: { properties: { x: TEXT } },
    b0: { properties: { x: { type: 'number' } } },
  }
  for (let at = 1; at <= pairs; at++) {
    $defs[`a${at}`] = choice(`a${at - 1}`, `b${at - 1}`)
    $defs[`b${at}`] = choice(`b${at - 1}`, `a${at - 1}`)
  }
  return { ...choice(`a${pairs}`, `b${pairs}`), $defs }
}

test('a property that may be more than anybody means may be anything', () => {
  const few = made(doubling(2)).made.properties as JsonObject
  const [ab, ba] = [
    [TEXT, { type: 'number' }],
    [{ type: 'number' }, TEXT],
  ].map(anyOf => ({ anyOf }))
  assert.deepEqual(few.x, { anyOf: [{ anyOf: [ab, ba] }, { anyOf: [ba, ab] }] })
  for (let pairs = 10; pairs <= 15; pairs++) {
    const { properties, ...others } = made(doubling(pairs)).made
    assert.ok(JSON.stringify(properties).length < 600_000, `${pairs} pairs`)
    assert.equal(others.type, 'object')
  }
  const branches = Array.from({ length: 3000 }, (_, at) => ({
    properties: { x: { const: 'x'.repeat(200) + at }, [`p${at}`]: TEXT },
  }))
  const wide = made({ anyOf: branches }).made.properties as JsonObject
  assert.deepEqual([wide.x, wide.p7, Object.keys(wide).length], [{}, TEXT, 3001])
})

test('a choice among more than anybody means is an object with what stands beside the choice', () => {
  const nested = (levels: number, name: string): JsonObject =>
    levels === 0
      ? { properties: { [name]: TEXT }, additionalProperties: false }
      : { anyOf: ['a', 'b'].map(more => nested(levels - 1, name + more)) }
  const beside = { properties: { y: TEXT }, required: ['y'] }
  const few = made({ ...nested(8, 'p'), ...beside }).made
  assert.equal(Object.keys(few.properties as JsonObject).length, 257)
  const { description, ...many } = made({ ...nested(15, 'p'), ...beside }).made
  assert.deepEqual(many, { type: 'object', ...beside })
  assert.match(String(description), /^\{anyOf: /)
})
