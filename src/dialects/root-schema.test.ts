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
