import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { seededDice, systemClock, virtualClock } from './clock.ts'

test('virtual timers fire in the order they fall due, ties in the order they were set', async () => {
  const { clock, advance, now } = virtualClock()
  const fired: string[] = []
  clock.after(30, () => fired.push(`late@${now()}`))
  clock.after(10, () => fired.push(`first@${now()}`))
  clock.after(10, () => fired.push(`second@${now()}`))
  await advance(20)
  assert.deepEqual(fired, ['first@10', 'second@10'])
  assert.equal(now(), 20)
  await advance(10)
  assert.deepEqual(fired, ['first@10', 'second@10', 'late@30'])
})

test('a timer set by a timer or by a promise it resolved fires within the same advance', async () => {
  const { clock, advance, now } = virtualClock()
  const fired: number[] = []
  const sleep = (ms: number) => new Promise<void>(resolve => clock.after(ms, resolve))
  const walk = async () => {
    await sleep(5)
    fired.push(now())
    await sleep(5)
    fired.push(now())
  }
  const walking = walk()
  await advance(100)
  await walking
  assert.deepEqual(fired, [5, 10])
})

test('a cancelled virtual timer never fires and is no longer pending', async () => {
  const { clock, advance, pending } = virtualClock()
  const cancel = clock.after(5, () => assert.fail('fired'))
  assert.equal(pending(), 1)
  cancel()
  cancel()
  assert.equal(pending(), 0)
  await advance(10)
})

test('wall and monotonic time move together', async () => {
  const { clock, advance } = virtualClock(1_000_000)
  await advance(250)
  assert.equal(clock.wall(), 1_000_250)
  assert.equal(clock.now(), 250)
})

test('the system clock never fires early, and a cancelled timer is silent', async () => {
  const clock = systemClock()
  const cancelled = clock.after(1, () => assert.fail('fired'))
  cancelled()
  for (const ms of [0, 1.2, 3.7]) {
    const start = clock.now()
    await new Promise<void>(resolve => clock.after(ms, resolve))
    assert.ok(clock.now() - start >= ms, `${ms} ms timer fired after ${clock.now() - start}`)
  }
})

test('a delay beyond the longest Node timer does not fire at once', async () => {
  const clock = systemClock()
  const cancel = clock.after(2 ** 32, () => assert.fail('fired'))
  await new Promise<void>(resolve => clock.after(5, resolve))
  cancel()
})

test('the same seed rolls the same numbers in [0, 1)', () => {
  const roll = (seed: number) => {
    const dice = seededDice(seed)
    return Array.from({ length: 100 }, () => dice.random())
  }
  assert.deepEqual(roll(7), roll(7))
  assert.notDeepEqual(roll(7), roll(8))
  assert.ok(roll(7).every(value => value >= 0 && value < 1))
})

/** Two ends of a connection. */
const connected = async (t: TestContext): Promise<readonly [Socket, Socket]> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const near = connect(port, '127.0.0.1')
  const [[far]] = await Promise.all([once(server, 'connection'), once(near, 'connect')])
  t.after(() => {
    near.destroy()
    far.destroy()
    server.close()
  })
  return [near, far]
}

/** Nothing runs meanwhile, as on a machine that gives the process no time. */
const holdUp = (ms: number): void => {
  const until = performance.now() + ms
  while (performance.now() < until);
}

test('what arrived while the process was held up is read before a limit is over', async t => {
  const [near, far] = await connected(t)
  const clock = systemClock()
  const seen: string[] = []
  let heard = false
  const cancel = clock.after(30, () => seen.push(heard ? 'limit, after the word' : 'limit'))
  far.once('data', () => {
    heard = true
    seen.push('word')
  })
  const second = new Promise<void>(resolve => clock.after(40, resolve))
  near.write('x')
  holdUp(120)
  await second
  assert.deepEqual(seen, ['word', 'limit, after the word'])
  cancel()
})

test('a limit that is called off by what arrived while the process was held up never fires', async t => {
  const [near, far] = await connected(t)
  const clock = systemClock()
  const cancel = clock.after(30, () => assert.fail('fired'))
  far.once('data', cancel)
  near.write('x')
  holdUp(120)
  await new Promise<void>(resolve => clock.after(10, resolve))
})
