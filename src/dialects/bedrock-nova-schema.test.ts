import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseExact } from '../wire/exact-json.ts'
import type { JsonObject } from '../wire/json.ts'
import { novaSchema } from './bedrock-nova-schema.ts'
import { losing } from './chat.fixture.ts'

const TEXT = { type: 'string' }
const made = (schema: JsonObject) => losing(losses => novaSchema(schema, losses))

test('at the top stand a type, properties and what is required; below it everything stays', () => {
  const at = { type: 'object', properties: { x: TEXT }, additionalProperties: false, description: 'Where.' }
  const { made: schema, warned } = made({
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Look',
    type: 'object',
    properties: { at },
    required: ['at'],
    additionalProperties: false,
  })
  assert.deepEqual(schema, { type: 'object', properties: { at }, required: ['at'] })
  assert.deepEqual(warned, [])
})

test('definitions are written where they are referred to', () => {
  const $defs = {
    point: { type: 'object', properties: { x: { $ref: '#/$defs/size' } } },
    size: { type: 'number' },
  }
  const point = { type: 'object', properties: { x: { type: 'number' } } }
  const { made: schema } = made({
    type: 'object',
    properties: {
      from: { $ref: '#/$defs/point', description: 'Start.' },
      all: { type: 'array', items: { $ref: '#/$defs/point' } },
    },
    $defs,
  })
  assert.deepEqual(schema, {
    type: 'object',
    properties: { from: { ...point, description: 'Start.' }, all: { type: 'array', items: point } },
  })
  assert.deepEqual(made({ $ref: '#/$defs/point', $defs }).made, point)
})

test('what leads back to itself, or multiplies, comes to an end and is told', () => {
  const node = { type: 'object', properties: { next: { $ref: '#/$defs/node' } } }
  assert.ok(JSON.stringify(made({ $ref: '#/$defs/node', $defs: { node } }).made).length < 10_000)
  const names = Array.from({ length: 60 }, (_, at) => `d${at}`)
  const twice = (name: string | undefined): JsonObject => ({
    properties: { a: { $ref: `#/$defs/${name}` }, b: { $ref: `#/$defs/${name}` } },
  })
  const $defs = Object.fromEntries(names.map((name, at) => [name, twice(names[at + 1])]))
  const { made: schema, warned } = made({ ...twice('d0'), $defs })
  assert.ok(JSON.stringify(schema).length < 200_000)
  assert.deepEqual(warned, ['tools[].function.parameters'])
  assert.equal(typeof made({ $ref: '#' }).made, 'object')
})

test('members of any name are lost, and that is told', () => {
  const { made: schema, warned } = made({ type: 'object', additionalProperties: TEXT })
  assert.deepEqual([schema, warned], [{ type: 'object' }, ['tools[].function.parameters']])
})

test('a number that no double holds keeps its digits', () => {
  const written = '{"type":"object","properties":{"id":{"type":"integer","maximum":9223372036854775807}}}'
  assert.equal(JSON.stringify(made(parseExact(written) as JsonObject).made), written)
})
