import assert from 'node:assert/strict'
import { test } from 'node:test'
import { virtualClock } from './clock.ts'
import type { Rest } from './ports.ts'
import { Rests } from './rests.ts'

const rest = (until: number, parts: Partial<Rest> = {}): Rest => ({
  until,
  kind: 'soft',
  level: 0,
  firm: false,
  status: 500,
  because: 'transient',
  ...parts,
})
const at = (admission: number) => ({ admission, wall: 0 })

test('a longer rest that might be set aside does not soften the shorter one that may not', async () => {
  const { clock, advance } = virtualClock()
  const rests = new Rests({ clock, probes: () => true })
  rests.begin('k', 'd', rest(100, { firm: true }), at(1))
  rests.begin('k', 'd', rest(200), at(2))
  assert.deepEqual(rests.standing('k', 'd')?.rest, rest(200, { firm: true }))
  await advance(200)
  rests.begin('k', 'd', rest(900), at(3))
  assert.equal(rests.standing('k', 'd')?.rest.firm, false, 'the firm one has been over')
})

test('the memory is bounded; what is over makes room first, and a probe under way is kept', async () => {
  const { clock, advance } = virtualClock()
  const rests = new Rests({ clock, probes: () => true, capacity: 3 })
  rests.begin('probed', 'd', rest(10), at(1))
  rests.begin('over', 'd', rest(10), at(1))
  rests.begin('long', 'd', rest(10_000), at(1))
  await advance(10)
  assert.equal(rests.openProbe('probed', 7), true)
  rests.begin('new', 'd', rest(10_000), at(1))
  assert.deepEqual([...rests.keys()], ['probed', 'long', 'new'])
  for (const key of ['x', 'y', 'z']) rests.begin(key, 'd', rest(10_000), at(1))
  assert.equal(rests.size, 3)
})

test('nothing is remembered of who has recovered for good', async () => {
  const { clock, advance } = virtualClock()
  const rests = new Rests({ clock, probes: () => true })
  rests.begin('k', 'd', rest(10, { level: 2 }), at(1))
  await advance(10)
  rests.openProbe('k', 2)
  assert.equal(rests.recover('k', at(2)), true)
  rests.closeProbe('k', 2)
  rests.relax('k')
  assert.equal(rests.size, 1)
  rests.relax('k')
  assert.equal(rests.size, 0)
})
