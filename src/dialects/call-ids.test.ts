import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fittingId } from './call-ids.ts'

const NINE = { accepts: /^[a-zA-Z0-9]{9}$/, prefix: '', length: 9 }

test('an id that the target accepts stays itself', () => {
  assert.equal(fittingId('abcDEF123', NINE), 'abcDEF123')
})

test('an id that does not fit becomes the same acceptable one every time, and another for another', () => {
  const made = fittingId('call_Zx9-long-one', NINE)
  assert.match(made, NINE.accepts)
  assert.equal(made, fittingId('call_Zx9-long-one', NINE))
  assert.notEqual(made, fittingId('call_Zx9-long-two', NINE))
})
