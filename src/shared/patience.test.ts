import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testConfig, testDeployment } from '../plan/testing.ts'
import { createBoard } from './board.ts'
import { seededDice, virtualClock } from './clock.ts'
import { createPatience } from './patience.ts'

const LEAST = 12_000

test('who has spoken has three times the slowest, and forgets it slowly', () => {
  const { limitMs, spoke } = createPatience()
  spoke(900)
  assert.equal(limitMs(LEAST), 12_000)
  spoke(11_000)
  assert.equal(limitMs(LEAST), 33_000)
  spoke(100)
  assert.equal(Math.round(limitMs(LEAST) ?? 0), 32_670)
  for (let turn = 0; turn < 400; turn++) spoke(100)
  assert.equal(limitMs(LEAST), 12_000)
})

test('who has never spoken gets the double after each silence, and then all the time there is', () => {
  const { limitMs, spoke, silent } = createPatience()
  const given = [24_000, 48_000, 96_000, undefined]
  for (const [turn, expected] of given.entries()) {
    silent(turn * 1000, turn * 1000 + 500)
    assert.equal(limitMs(LEAST), expected)
  }
  spoke(40_000)
  assert.equal(limitMs(LEAST), 120_000, 'from then on it is measured by itself')
})

test('a burst that falls silent together doubles once', () => {
  const { limitMs, silent } = createPatience()
  for (let call = 0; call < 100; call++) silent(call, 12_000 + call)
  assert.equal(limitMs(LEAST), 24_000)
})

test('silence does not lengthen the patience with one that has spoken: an outage costs every call the same', () => {
  const { limitMs, spoke, silent } = createPatience()
  spoke(1_000)
  for (let call = 1; call < 9; call++) silent(call * 20_000, call * 20_000 + 12_000)
  assert.equal(limitMs(LEAST), 12_000)
})

test('a reload keeps what was learned of a deployment that stays, and not of one that became another', () => {
  const { clock } = virtualClock()
  let config = testConfig({ deployments: [testDeployment({ id: 'a' })] })
  const board = createBoard({ clock, dice: seededDice(1), config: () => config })
  const reload = (domain?: string) => {
    const deployment = testDeployment({ id: 'a', ...(domain === undefined ? {} : { domain }) })
    config = testConfig({ deployments: [deployment] })
    board.keep(new Set(['a']))
    return board.patience(deployment)
  }
  board.patience(testDeployment({ id: 'a' })).spoke(11_000)
  assert.equal(reload().limitMs(LEAST), 33_000)
  assert.equal(reload('with the new key').limitMs(LEAST), 12_000)
})
