import assert from 'node:assert/strict'
import { test } from 'node:test'
import { atTurnsEnd } from './turn.ts'

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

test('what one turn brings goes on together when it ends, in order; what comes of it waits for the next', async () => {
  const told: string[] = []
  atTurnsEnd(() => {
    told.push('first')
    atTurnsEnd(() => told.push('next turn'))
  })
  atTurnsEnd(() => told.push('second'))
  assert.deepEqual(told, [])
  await turn()
  assert.deepEqual(told, ['first', 'second'])
  await turn()
  assert.deepEqual(told, ['first', 'second', 'next turn'])
})

test('one that throws keeps nobody else from going on', async t => {
  const told: string[] = []
  const thrown = new Promise<unknown>(resolve => process.setUncaughtExceptionCaptureCallback(resolve))
  t.after(() => process.setUncaughtExceptionCaptureCallback(null))
  atTurnsEnd(() => {
    throw new Error('mine alone')
  })
  atTurnsEnd(() => told.push('second'))
  assert.match(String(await thrown), /mine alone/)
  await turn()
  assert.deepEqual(told, ['second'])
})
