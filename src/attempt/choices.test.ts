import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testDeployment } from '../plan/testing.ts'
import { indexObject } from '../wire/index.ts'
import type { JsonObject } from '../wire/json.ts'
import { choicesOf } from './choices.ts'

test('a stream brings as many answers as anybody has asked for, prompt by prompt', () => {
  const count = (
    body: JsonObject,
    hop: { defaults?: JsonObject; extraBody?: JsonObject; overrides?: JsonObject } = {},
  ) => {
    const { overrides = {}, ...parts } = hop
    const bytes = Buffer.from(JSON.stringify(body))
    const client = { kind: 'json', bytes, index: indexObject(bytes), contentType: '' } as const
    return choicesOf(client, { deployment: testDeployment({ id: 'a', ...parts }), model: 'm', overrides })
  }
  assert.equal(count({}), 1)
  for (const n of [null, 1, 0, -3, 'x']) assert.equal(count({ n }), 1)
  assert.equal(count({ n: 3 }), 3)
  assert.equal(count({}, { defaults: { n: 2 } }), 2)
  assert.equal(count({ n: 2 }, { extraBody: { n: 4 } }), 4)
  assert.equal(count({}, { overrides: { n: 5 } }), 5)
  assert.equal(count({ prompt: 'x' }), 1)
  assert.equal(count({ prompt: ['x', 'y', 'z'] }), 3)
  assert.equal(count({ prompt: ['x', 'y'], n: 2 }), 4)
  assert.equal(count({ prompt: [1, 2, 3] }), 1, 'one prompt, in tokens')
  assert.equal(count({ prompt: [[1, 2], [3]] }), 2)
  const form = { kind: 'none' } as const
  assert.equal(choicesOf(form, { deployment: testDeployment({ id: 'a' }), model: 'm', overrides: {} }), 1)
})

test('a dialect that says it in a place of its own is asked itself', () => {
  const bytes = Buffer.from('{"n":3,"config":{"count":2}}')
  const client = { kind: 'json', bytes, index: indexObject(bytes), contentType: '' } as const
  const hop = { deployment: testDeployment({ id: 'a' }), model: 'm', overrides: {} }
  assert.equal(
    choicesOf(client, hop, peek => Number((peek('config') as JsonObject).count)),
    2,
  )
})
