import assert from 'node:assert/strict'
import { test } from 'node:test'
import { virtualClock } from './clock.ts'
import { layered, memoryKeep } from './keep.ts'

test('a text is there for its time, and no longer', async () => {
  const { clock, advance } = virtualClock()
  const keep = memoryKeep(clock, 10_000)
  keep.put('a', 'one', 1000)
  assert.equal(await keep.get('a'), 'one')
  assert.equal(await keep.get('b'), undefined)
  await advance(999)
  assert.equal(await keep.get('a'), 'one')
  await advance(1)
  assert.equal(await keep.get('a'), undefined)
  assert.equal(keep.bytes(), 0, 'what is over is held by nobody')
  keep.put('a', 'one', 0)
  assert.equal(await keep.get('a'), undefined)
})

test('of too much the oldest goes, and a text that is larger than everything is not kept', async () => {
  const keep = memoryKeep(virtualClock().clock, 3 * 1000)
  for (const key of ['a', 'b', 'c', 'd']) keep.put(key, 'x'.repeat(700), 1000)
  assert.deepEqual(
    await Promise.all(['a', 'b', 'c', 'd'].map(keep.get)).then(all => all.map(one => one?.length)),
    [undefined, 700, 700, 700],
  )
  keep.put('b', 'x'.repeat(5000), 1000)
  assert.equal(await keep.get('b'), undefined)
  assert.ok(keep.bytes() <= 3000)
})

test('what belongs to something is forgotten with it, in both places', async () => {
  const { clock } = virtualClock()
  const [near, far] = [memoryKeep(clock, 10_000), memoryKeep(clock, 10_000)]
  const keep = layered(near, far)
  keep.put('whole', 'one', 1000)
  keep.put('part', 'two', 1000, 'whole')
  keep.put('other', 'three', 1000, 'else')
  keep.forget('whole')
  for (const one of [near, far])
    assert.deepEqual(await Promise.all(['whole', 'part', 'other'].map(one.get)), [
      undefined,
      undefined,
      'three',
    ])
  assert.equal(near.bytes(), far.bytes())
})
