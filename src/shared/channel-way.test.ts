import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Channel, createChannelWay, createRelay, type HealthMessage } from './channel-way.ts'
import { virtualClock } from './clock.ts'
import { createHub } from './exchange.ts'
import type { HealthEvent } from './ports.ts'

const bound = (domain: string): HealthEvent => ({ kind: 'bound', domain, until: Date.UTC(2027, 0, 1) })

/** A channel whose other end is the test: messages leave when it says so. */
const heldChannel = () => {
  const sent: HealthMessage[] = []
  const leaving: ((error: Error | null) => void)[] = []
  const listeners: ((message: unknown) => void)[] = []
  const channel: Channel = {
    send: (message, left) => {
      sent.push(message)
      leaving.push(left)
    },
    onMessage: hear => void listeners.push(hear),
  }
  return {
    channel,
    sent,
    deliver: (message: unknown) => {
      for (const hear of listeners) hear(message)
    },
    leave: (error: Error | null = null) => {
      for (const left of leaving.splice(0)) left(error)
    },
  }
}

test('a parent that reads nothing holds up nobody and costs no memory; when it reads it is told what holds', () => {
  const { clock } = virtualClock()
  const { channel, sent, leave } = heldChannel()
  const hub = createHub(clock)
  hub.attach(createChannelWay(channel, clock))
  for (let count = 0; count < 1000; count += 1) hub.publish(bound(`d${count}`))
  assert.ok(sent.length <= 64)
  sent.length = 0
  leave()
  assert.equal(sent.length, 1)
  assert.equal(sent[0]?.health.length, 1000)
  leave()
  hub.publish(bound('last'))
  assert.deepEqual(sent.at(-1), { health: [bound('last')] })
})

test('a worker that reads nothing does not hold up the others', () => {
  const { clock } = virtualClock()
  const relay = createRelay(clock)
  const [teller, deaf, listener] = [heldChannel(), heldChannel(), heldChannel()]
  for (const { channel } of [teller, deaf, listener]) relay.join(channel)
  for (let count = 0; count < 1000; count += 1) {
    teller.deliver({ health: [bound(`d${count}`)] })
    listener.leave()
  }
  assert.equal(listener.sent.length, 1000)
  assert.ok(deaf.sent.length <= 64)
  deaf.leave()
  assert.equal(deaf.sent.at(-1)?.health.length, 1000)
})

test('a channel that is gone, by an error or by a throw, is nobody’s trouble', () => {
  const { clock } = virtualClock()
  const hub = createHub(clock)
  const held = heldChannel()
  hub.attach(createChannelWay(held.channel, clock))
  hub.attach(
    createChannelWay(
      {
        send: () => {
          throw new Error('no channel')
        },
        onMessage: () => {},
      },
      clock,
    ),
  )
  for (let count = 0; count < 200; count += 1) {
    hub.publish(bound(`d${count}`))
    held.leave(new Error('gone'))
  }
})

test('a start waits for the answer about what holds, and a quarter of a second at most', async () => {
  const { clock, advance, pending } = virtualClock()
  const [answered, silent] = [heldChannel(), heldChannel()]
  const hub = createHub(clock)
  const [first, second] = [answered, silent].map(({ channel }) =>
    hub.attach(createChannelWay(channel, clock)),
  )
  let ready = 0
  void first?.ready.then(() => ready++)
  void second?.ready.then(() => ready++)
  await advance(1)
  assert.equal(ready, 0)
  assert.deepEqual(answered.sent, [{ health: 'what holds' }])
  answered.deliver({ url: 'http://something.else' })
  await advance(1)
  assert.equal(ready, 0)
  answered.deliver({ health: [] })
  await advance(1)
  assert.equal(ready, 1)
  await advance(247)
  assert.equal(ready, 2)
  assert.equal(pending(), 0)
})

test('what is no event is passed over', () => {
  const { clock } = virtualClock()
  const held = heldChannel()
  const hub = createHub(clock)
  hub.attach(createChannelWay(held.channel, clock))
  const heard: HealthEvent[] = []
  hub.subscribe(event => heard.push(event))
  const rest = {
    until: Date.UTC(2027, 0, 1),
    kind: 'hard',
    level: 0,
    firm: true,
    status: 401,
    because: 'credential',
  }
  const whole = { kind: 'rest', deployment: 'one', domain: 'd', began: 1, rest }
  for (const wrong of [
    ...[null, undefined, 7, 'text', [], {}, { health: 7 }, { health: [null, 7, 'text', {}] }],
    { health: [{ ...whole, domain: undefined }] },
    { health: [{ ...whole, domain: 'x'.repeat(5000) }] },
    { health: [{ ...whole, deployment: 7 }] },
    { health: [{ ...whole, began: 'yesterday' }] },
    { health: [{ ...whole, kind: 'constructor' }] },
    { health: [{ ...whole, rest: undefined }] },
    { health: [{ ...whole, rest: { ...rest, until: null } }] },
    { health: [{ ...whole, rest: { ...rest, kind: 'none' } }] },
    { health: [{ ...whole, rest: { ...rest, level: -1 } }] },
    { health: [{ ...whole, rest: { ...rest, because: 'toString' } }] },
    { health: [{ kind: 'bound', domain: 'd', until: Number.POSITIVE_INFINITY }] },
    { health: [{ kind: 'recovery', domain: 'd', began: 1 }] },
  ])
    held.deliver(wrong)
  assert.deepEqual(heard, [])
  held.deliver({ health: [{ ...whole, more: 'of a later version' }] })
  assert.deepEqual(heard, [whole])
})
