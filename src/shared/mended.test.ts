import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testConfig, testDeployment, testFailure } from '../plan/testing.ts'
import { createBoard, type MemoryBoard } from './board.ts'
import { seededDice, virtualClock } from './clock.ts'
import { createMemoryExchange } from './exchange.fixture.ts'

/** A credential that this process cannot fetch is this process's trouble, and over when it can. */

const one = testDeployment({ id: 'one' })
const two = testDeployment({ id: 'two' })

const boards = () => {
  const time = virtualClock()
  const exchange = createMemoryExchange(time.clock)
  const config = testConfig({ deployments: [one, two] })
  const join = (): MemoryBoard =>
    createBoard({ clock: time.clock, dice: seededDice(1), config: () => config, exchange: exchange.join() })
  return { ...time, a: join(), b: join() }
}

const fail = (board: MemoryBoard, failure: ReturnType<typeof testFailure>, here: boolean): void => {
  const lease = board.admit(one, 'main', new AbortController().signal)
  if (lease instanceof Promise) throw new Error('no slot')
  lease.settle({ kind: 'failure', failure, totalMs: 1, here })
}

test('a rest for the want of a credential stays in its process, one that a provider has caused does not', () => {
  const { a, b } = boards()
  fail(a, testFailure('credential'), true)
  assert.equal(a.cooling('one')?.because, 'credential')
  assert.equal(b.cooling('one'), undefined)
  fail(b, testFailure('credential'), false)
  assert.equal(b.cooling('one')?.because, 'credential')
})

test('it is over when the credential is there, and a rest for another reason is not', async () => {
  const { a, advance } = boards()
  fail(a, testFailure('credential'), true)
  await advance(1000)
  a.mended(two)
  assert.notEqual(a.cooling('one'), undefined)
  a.mended(one)
  assert.equal(a.cooling('one'), undefined)
  fail(a, testFailure('quota'), false)
  a.mended(one)
  assert.equal(a.cooling('one')?.because, 'quota')
})
