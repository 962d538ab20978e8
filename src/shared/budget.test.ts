import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createBudget } from './budget.ts'

const budgetOf = (running = 1000) =>
  createBudget({ settings: () => ({ share: 0.2, least: 3 }), inFlight: () => running })

test('a hedge is earned by requests, and each group has its own', () => {
  const budget = budgetOf()
  for (let turn = 0; turn < 19; turn++) budget.earn('a', 5)
  assert.equal(budget.mayHedge('a'), false)
  budget.earn('a', 5)
  assert.deepEqual([budget.mayHedge('a'), budget.mayHedge('b')], [true, false])
  budget.hedge('a').release()
  assert.equal(budget.mayHedge('a'), false)
})

test('a hedge counts among the extra attempts, and waits for room there', () => {
  const budget = budgetOf(1)
  for (let turn = 0; turn < 10; turn++) budget.earn('a', 100)
  const held = [budget.count('a'), budget.hedge('a'), budget.hedge('a')]
  assert.deepEqual([budget.extras('a'), budget.mayHedge('a')], [3, false])
  assert.equal(budget.take('a'), undefined)
  held[1]?.release()
  held[1]?.release()
  assert.deepEqual([budget.extras('a'), budget.mayHedge('a')], [2, true])
})

test('whatever the order: never more than the share of all, nor of any stretch and what a hundred earn', () => {
  fc.assert(
    fc.property(
      fc.array(fc.boolean(), { maxLength: 3000 }),
      fc.integer({ min: 1, max: 100 }),
      (slow, percent) => {
        const budget = budgetOf()
        const hedged: number[] = []
        for (const [at, isSlow] of slow.entries()) {
          budget.earn('a', percent)
          if (!isSlow || !budget.mayHedge('a')) continue
          budget.hedge('a').release()
          hedged.push(at)
        }
        for (const [count, at] of hedged.entries()) {
          assert.ok(count + 1 <= ((at + 1) * percent) / 100)
          // Of the requests since any earlier hedge.
          const [from = 0] = hedged.slice(Math.max(0, count - 150))
          const stretch = at - from
          const made = hedged.filter(one => one > from && one <= at).length
          assert.ok(made <= (stretch * percent) / 100 + Math.max(1, percent))
        }
      },
    ),
    { numRuns: 50 },
  )
})
