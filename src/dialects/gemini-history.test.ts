import assert from 'node:assert/strict'
import { test } from 'node:test'
import { membersWithIds, unsignedCalls } from './gemini-history.ts'

const call = (more: object = {}, inner: object = {}) => ({
  functionCall: { name: 'look', ...inner },
  ...more,
})
const said = (...parts: object[]) => ({ role: 'model', parts: parts as never[] })
const answer = { role: 'user', parts: [{ functionResponse: { name: 'look', response: {} } }] }

test('the first call of a turn has to be signed, however many contents a turn is kept in', () => {
  const signed = { thoughtSignature: 'c2ln' }
  assert.deepEqual(unsignedCalls([said({ text: 'I look.' }, call(), call())]), [['0', 'parts', '1']])
  assert.deepEqual(unsignedCalls([said(call(signed), call())]), [])
  assert.deepEqual(unsignedCalls([said(call({ thought_signature: 'c2ln' }))]), [])
  assert.deepEqual(unsignedCalls([said(call(signed)), said(call()), said({ text: '' })]), [])
  assert.deepEqual(unsignedCalls([said(call(signed)), answer, said({ function_call: { name: 'look' } })]), [
    ['2', 'parts', '0'],
  ])
  for (const none of [undefined, 'x', [], [1, { role: 'model' }, answer]])
    assert.deepEqual(unsignedCalls(none), [])
})

test('ids are found in both spellings', () => {
  assert.deepEqual(membersWithIds([said(call({}, { id: 'a' })), answer]), ['functionCall'])
  assert.deepEqual(
    membersWithIds([{ role: 'user', parts: [{ function_response: { id: 'a', name: 'look' } }] }]),
    ['function_response'],
  )
  assert.deepEqual(membersWithIds([said(call()), answer]), [])
})
