import assert from 'node:assert/strict'
import { test } from 'node:test'
import { virtualClock } from './clock.ts'
import { Mirror } from './mirror.ts'

const HOUR_MS = 3_600_000

const mirror = (mostBytes = 1000) => {
  const { clock, advance } = virtualClock()
  const made = new Mirror(clock, mostBytes)
  const inputs = (id: string, boundary = 'b') => made.whole(id, boundary, HOUR_MS)?.map(({ input }) => input)
  return { made, inputs, advance }
}

const exchange = (input: string) => ({ input, output: '[]' })

test('a conversation is known from its making on, at its own account, for its time', async () => {
  const { made, inputs, advance } = mirror()
  assert.equal(made.begin('c'), undefined)
  made.added('c', exchange('lost'))
  assert.equal(inputs('c'), undefined)
  made.made('c', 'b', '[]')
  made.begin('c')?.done(exchange('one'))
  made.added('c', exchange('two'))
  assert.deepEqual(inputs('c'), ['[]', 'one', 'two'])
  assert.equal(inputs('c', 'another'), undefined)
  await advance(HOUR_MS + 1)
  assert.equal(inputs('c'), undefined)
})

test('while another turn is on its way nobody goes on from it', () => {
  const { made, inputs } = mirror()
  made.made('c', 'b', '[]')
  const [one, two] = [made.begin('c'), made.begin('c')]
  assert.equal(inputs('c'), undefined)
  one?.end(false)
  one?.end(true)
  assert.deepEqual(inputs('c'), ['[]'], 'an end is said once')
  two?.end(true)
  assert.equal(inputs('c'), undefined)
})

test('a turn of one that was forgotten and made anew adds nothing to the new one', () => {
  const { made, inputs } = mirror()
  made.made('c', 'b', '[]')
  const turn = made.begin('c')
  made.made('c', 'b', '["new"]')
  turn?.done(exchange('old'))
  assert.deepEqual(inputs('c'), ['["new"]'])
})

test('there is an end to it, the oldest goes first', () => {
  const { made, inputs } = mirror(1000)
  made.made('a', 'b', '[]')
  made.made('c', 'b', '[]')
  made.added('c', exchange('x'.repeat(300)))
  assert.equal(inputs('a'), undefined)
  assert.equal(inputs('c')?.length, 2)
  made.added('c', exchange('x'))
  assert.equal(inputs('c'), undefined)
})
