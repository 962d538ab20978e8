import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Line, type Standing } from './line.ts'

test('smaller priority first, of equals who came first, whoever leaves meanwhile, and leaving twice is leaving once', () => {
  const step = fc.oneof(
    fc.record({ enter: fc.integer({ min: -3, max: 3 }) }),
    fc.record({ leave: fc.nat(60) }),
    fc.constant('first' as const),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), steps => {
      const line = new Line<number>()
      const all: Standing<number>[] = []
      let here: { readonly member: number; readonly priority: number }[] = []
      const gone = (member: number): void => {
        here = here.filter(one => one.member !== member)
      }
      for (const act of steps) {
        if (act === 'first') {
          const { first } = line
          // A stable sort keeps equals in the order in which they came.
          const [expected] = [...here].sort((one, other) => one.priority - other.priority)
          assert.equal(first?.member, expected?.member)
          if (first === undefined) continue
          line.leave(first)
          gone(first.member)
        } else if ('enter' in act) {
          here.push({ member: all.length, priority: act.enter })
          all.push(line.enter(all.length, act.enter))
        } else {
          const leaver = all[act.leave]
          if (leaver === undefined) continue
          line.leave(leaver)
          gone(leaver.member)
        }
        assert.equal(line.size, here.length)
      }
    }),
  )
})
