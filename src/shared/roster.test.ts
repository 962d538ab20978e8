import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import fc from 'fast-check'
import { Roster, type Seat } from './roster.ts'

const membersOf = (roster: Roster<number>): readonly number[] => {
  const members: number[] = []
  roster.each(({ member }) => members.push(member))
  return members.sort((one, other) => one - other)
}

test('whoever came and has not left is here, whatever the order, and leaving twice is leaving once', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(200), { nil: undefined })), steps => {
      const roster = new Roster<number>()
      const seats: Seat<number>[] = []
      const here = new Set<number>()
      for (const leaver of steps) {
        if (leaver === undefined) {
          here.add(seats.length)
          seats.push(roster.enter(seats.length))
        } else if (seats[leaver] !== undefined) {
          here.delete(leaver)
          roster.leave(seats[leaver])
        }
        assert.equal(roster.size, here.size)
        assert.deepEqual(membersOf(roster), [...here])
      }
    }),
  )
})

test('whoever leaves before its turn comes is not visited', () => {
  const roster = new Roster<string>()
  const [first, , third] = ['first', 'second', 'third'].map(name => roster.enter(name))
  const visited: string[] = []
  roster.each(({ member }) => {
    visited.push(member)
    if (third !== undefined) roster.leave(third)
  })
  assert.deepEqual(visited, ['first', 'second'])
  assert.ok(first)
})

/** 20 MB go through a crowd of 32; printed is how much of it V8 has taken for alive. */
const CHURN = `
  import { getHeapSpaceStatistics } from 'node:v8'
  const { Roster } = await import(${JSON.stringify(new URL('roster.ts', import.meta.url).href)})
  const old = () => getHeapSpaceStatistics().find(({ space_name: name }) => name === 'old_space').space_used_size
  const crowd = new Roster()
  const seats = []
  const churn = times => {
    for (let time = 0; time < times; time++) {
      seats.push(crowd.enter(Array.from({ length: 128 }, () => ({}))))
      if (seats.length > 32) crowd.leave(seats.shift())
    }
  }
  churn(1000)
  // In a quiet time whatever is here grows old.
  for (let time = 0; time < 5000; time++) JSON.parse('[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]')
  const before = old()
  churn(5000)
  console.log(old() - before)
`

test('what comes and goes is garbage when it has gone: it does not pile up until the next full collection', () => {
  // Young objects are collected every half megabyte, and nothing else is.
  const flags = [
    '--max-semi-space-size=1',
    '--no-allocation-site-pretenuring',
    '--initial-old-space-size=512',
  ]
  const { stdout, status } = spawnSync(process.execPath, [...flags, '--input-type=module', '-e', CHURN], {
    encoding: 'utf8',
  })
  assert.equal(status, 0)
  assert.ok(Number(stdout) < 2_000_000, `${stdout.trim()} bytes`)
})
