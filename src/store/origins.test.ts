import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Makers } from '../capsule.ts'
import { virtualClock } from '../shared/clock.ts'
import type { Origin } from '../shared/origins.ts'
import { keptPast } from './origins.ts'
import type { Store } from './store.ts'

/** A store in memory that counts its writes. */
const shelf = () => {
  const texts = new Map<string, string>()
  let writes = 0
  const store: Pick<Store, 'getAll' | 'putAll'> = {
    getAll: async keys => new Map(keys.flatMap(key => (texts.has(key) ? [[key, texts.get(key) ?? '']] : []))),
    putAll: given => {
      writes += 1
      for (const { key, text } of given) texts.set(key, text)
    },
  }
  return { store, texts, writes: () => writes }
}

const MADE: Origin = { deploymentId: 'lead', boundary: 'a', refusedBy: ['b'] }
const UNSEEN: Origin = { deploymentId: undefined, boundary: undefined, refusedBy: ['b'] }

test('what is learned together is written together, and read as it was', async () => {
  const { clock, advance } = virtualClock()
  const { store, writes } = shelf()
  const past = keptPast(store, new Makers('salt'), clock)
  past.write('f', UNSEEN)
  past.write('f', MADE)
  past.write('g', UNSEEN)
  assert.equal(writes(), 0, 'nobody writes while a call is answered')
  await advance(25)
  assert.equal(writes(), 1)
  const found = await keptPast(store, new Makers('new', ['salt']), clock).read(['f', 'g', 'h'])
  assert.deepEqual(
    [...found],
    [
      ['f', MADE],
      ['g', UNSEEN],
    ],
  )
  past.write('h', MADE)
  past.flush()
  assert.equal(writes(), 2)
  await advance(25)
  assert.equal(writes(), 2, 'there is nothing left to write')
})

test('an entry says nothing of another thing, and nothing to who has not the key', async () => {
  const { clock } = virtualClock()
  const { store, texts } = shelf()
  const past = keptPast(store, new Makers('salt'), clock)
  past.write('f', MADE)
  past.write('g', UNSEEN)
  past.flush()
  const [one = '', other = ''] = texts.keys()
  texts.set(other, texts.get(one) ?? '')
  assert.deepEqual([...(await past.read(['f', 'g'])).keys()], ['f'])
  assert.equal((await keptPast(store, new Makers('else'), clock).read(['f'])).size, 0)
})
