import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { Departure } from '../src/signal.ts'
import { CHAT, CHAT_BODY, headOf, nobodyInside, openDoor, refusedWith } from './support/door.ts'
import { deployment, type Play, play } from './support/harness.ts'
import { type Inside, inside, until } from './support/inside.ts'
import { headerIn, openRaw, type RawClient } from './support/raw.ts'

/** What one turn of the event loop brings is taken up together at its end: nobody may see that but by the clock. */

const CALL = `${headOf('POST', CHAT, { 'content-length': CHAT_BODY.length })}${CHAT_BODY}`
const ALIVE = headOf('GET', '/health/liveliness')

type Parsed = { readonly request: IncomingMessage; readonly socket: Socket; readonly server: Server }

/** Hears of each request as soon as its head has been read: in the turn that brings it, before it is taken up. */
const onParsed = (t: TestContext, { url }: { readonly url: string }, hear: (parsed: Parsed) => void) => {
  const { port } = new URL(url)
  const listener = (message: unknown): void => {
    const parsed = message as Parsed
    if (parsed.socket.localPort === Number(port)) hear(parsed)
  }
  subscribe('http.server.request.start', listener)
  t.after(() => void unsubscribe('http.server.request.start', listener))
}

/** In the same turn still, when the piece that brought the request has been read. */
const sameTurn = (act: () => void) => (): void => queueMicrotask(act)

test('a request that came in the turn in which the door shuts is answered', async t => {
  for (const [what, request, records] of [
    ['a call', CALL, 1],
    ['a request for the door itself', ALIVE, 0],
  ] as const)
    await t.test(what, async t => {
      const on = await openDoor(t)
      const client = await on.raw()
      onParsed(
        t,
        on,
        sameTurn(() => void on.close()),
      )
      await client.send(request)
      assert.equal((await client.head()).status, 200)
      await client.body()
      await on.close()
      assert.equal((await on.records()).length, records)
    })
})

test('a request that comes in the turn in which the last call leaves a shut door is told so', async t => {
  const on = await openDoor(t)
  const client = await on.raw()
  await client.send(CALL.slice(0, 9))
  // Whoever is asked after it has been read is answered after it has been read.
  assert.equal((await on.ask('/health/liveliness')).status, 200)
  const { traffic } = on.served()
  const last = traffic.enter(new Departure())
  const closed = on.close(60_000)
  await until('the door is shut', () => traffic.shut)
  onParsed(
    t,
    on,
    sameTurn(() => traffic.leave(last)),
  )
  await client.send(CALL.slice(9))
  assert.equal((await refusedWith(client, 503)).type, 'server_shutting_down')
  await closed
})

test('a request whose client is gone before it is taken up is not begun', async t => {
  const on = await openDoor(t)
  onParsed(t, on, ({ socket }) => queueMicrotask(() => socket.resetAndDestroy()))
  for (const sent of [CALL, CALL.repeat(3), headOf('POST', CHAT, { 'content-length': 1000 })]) {
    const client = await on.raw()
    await client.send(sent)
    await client.ended
  }
  await until('nobody is inside', () => nobodyInside(on))
  assert.equal(on.stages.lead.requests.length, 0)
  assert.deepEqual(await on.records(), [])
})

test('what befalls a request that has come whole does not make it incomplete', async t => {
  const on = await openDoor(t)
  onParsed(t, on, ({ request }) => request.once('end', () => request.destroy(new Error('no more of this'))))
  const { length } = CHAT_BODY
  for (const [head, body] of [
    [headOf('POST', CHAT, { 'content-length': length }), CHAT_BODY],
    [
      headOf('POST', CHAT, { 'transfer-encoding': 'chunked' }),
      `${length.toString(16)}\r\n${CHAT_BODY}\r\n0\r\n\r\n`,
    ],
  ] as const)
    for (const pieces of [[head, body], [head + body]]) {
      const client = await on.raw()
      for (const piece of pieces) {
        await client.send(piece)
        if (pieces.length > 1) await until('the call is inside', () => on.served().traffic.inside === 1)
      }
      assert.equal((await client.head()).status, 200)
      await client.body()
      await until('nobody is inside', () => nobodyInside(on))
    }
})

test('what was sent behind a request that ends the connection is not begun', async t => {
  const on = await openDoor(t)
  for (const [what, ending] of [
    ['two hosts', headOf('GET', '/v1/models', { Host: 'other' })],
    ['no host', headOf('GET', '/v1/models').replace('host: gateway\r\n', '')],
  ] as const)
    for (const before of [0, 2])
      await t.test(`${what}, ${before} calls before it`, async () => {
        const asked = on.stages.lead.requests.length
        const client = await on.raw()
        await client.send(`${CALL.repeat(before)}${ending}${CALL.repeat(2)}`)
        for (let answered = 0; answered < before; answered++) {
          assert.equal((await client.head()).status, 200)
          await client.body()
        }
        await refusedWith(client, 400)
        assert.equal((await client.ended).how, 'fin')
        await until('nobody is inside', () => nobodyInside(on))
        assert.equal(on.stages.lead.requests.length - asked, before)
      })
})

test('a tunnel that is asked for behind other requests is never the answer to them, and holds none of them', async t => {
  const tunnel = headOf('CONNECT', 'example.com:443')
  await t.test('answered ones', async t => {
    const on = await openDoor(t)
    const client = await on.raw()
    await client.send(headOf('GET', '/nowhere') + tunnel)
    for (const status of [404, 405]) {
      assert.equal((await client.head()).status, status)
      await client.body()
    }
    assert.equal((await client.ended).how, 'fin')
  })
  for (const apart of [false, true])
    await t.test(`unanswered ones, ${apart ? 'begun before' : 'in the same piece'}`, async t => {
      const on = await openDoor(t)
      on.stages.lead.script([{ kind: 'stall', when: 'before-headers' }])
      const client = await on.raw()
      const calls = CALL + headOf('POST', CHAT, { authorization: '' }) + CALL
      if (apart) {
        await client.send(calls)
        await on.stages.lead.waitForRequest(2)
        await client.send(tunnel)
      } else await client.send(calls + tunnel)
      await client.ended
      await until('nobody is inside', () => nobodyInside(on))
      assert.deepEqual(client.arrivals, [])
    })
})

const tally = (statuses: readonly number[]): Readonly<Record<number, number>> => {
  const counts: Record<number, number> = {}
  for (const status of statuses) counts[status] = (counts[status] ?? 0) + 1
  return counts
}

const MANY = 64

/** Opens `MANY` connections and sends a call on each of them at once. */
const crowd = async (t: TestContext, { url }: { readonly url: string }): Promise<readonly RawClient[]> => {
  const clients = await Promise.all(Array.from({ length: MANY }, () => openRaw(url)))
  t.after(() => {
    for (const client of clients) client.leave()
  })
  for (const client of clients) void client.send(CALL)
  return clients
}

const statusOf = async (client: RawClient): Promise<number> => {
  const { status } = await client.head()
  await client.body()
  return status
}

/** The lead answers nobody, so that all of them are inside at once. */
const crowded = async (t: TestContext, settings: object, memoryBytes?: number) => {
  const gateway = inside(memoryBytes === undefined ? {} : { memoryBytes })
  const on: Play<{ lead: object }> & Inside = {
    ...(await play(t, {
      stages: { lead: {} },
      config: ({ lead }) => ({
        model_list: [deployment('g', lead, 'gpt-4.1')],
        router_settings: { num_retries: 0, disable_cooldowns: true },
        general_settings: settings,
      }),
      start: gateway.start,
    })),
    ...gateway,
  }
  on.stages.lead.script(Array.from({ length: MANY }, () => ({ kind: 'stall', when: 'before-headers' })))
  return on
}

test('of many that come at once exactly as many are let in as may be', async t => {
  for (const [what, settings, memoryBytes] of [
    ['max_in_flight_requests_per_worker', { max_in_flight_requests_per_worker: 7 }, undefined],
    ['the memory budget', {}, 7.5 * CHAT_BODY.length],
  ] as const)
    await t.test(what, async t => {
      const on = await crowded(t, settings, memoryBytes)
      const clients = await crowd(t, on)
      const refused: number[] = []
      for (const client of clients)
        client
          .head()
          .then(({ status }) => refused.push(status))
          .catch(() => {})
      await until('the others are refused', () => refused.length === MANY - 7)
      assert.deepEqual(tally(refused), { 503: MANY - 7 })
      await on.stages.lead.waitForRequest(7)
      assert.equal(on.served().traffic.inside, 7)
      assert.equal(on.stages.lead.requests.length, 7)
      for (const client of clients) client.leave()
      await until('nobody is inside', () => on.served().traffic.inside === 0)
      assert.equal(on.served().house.memory.held, 0)
    })
})

test('of many that come in one piece exactly as many are begun as may be', async t => {
  const on = await crowded(t, { max_in_flight_requests_per_worker: 7 })
  const client = await on.raw()
  await client.send(CALL.repeat(MANY))
  await on.stages.lead.waitForRequest(7)
  // Whoever is asked now is refused after all of them have been looked at.
  assert.equal((await on.ask(CHAT, CHAT_BODY)).status, 503)
  assert.equal(on.served().traffic.inside, 7)
  assert.equal(on.stages.lead.requests.length, 7)
  client.leave()
  await until('nobody is inside', () => on.served().traffic.inside === 0)
})

test('of many that come at once exactly one probes a deployment whose rest is over', async t => {
  const gateway = inside()
  const on = await play(t, {
    stages: { lead: {}, backup: {} },
    config: ({ lead, backup }) => ({
      model_list: [
        { ...deployment('g', lead, 'gpt-4.1'), model_info: { id: 'lead', allowed_fails: 0 } },
        deployment('g', backup, 'gpt-4.1'),
      ],
      router_settings: { num_retries: 1, cooldown_time: 1 },
    }),
    start: gateway.start,
  })
  const { board } = gateway.served().house
  on.stages.lead.script([
    { kind: 'status', status: 401 },
    { kind: 'stall', when: 'before-headers' },
  ])
  while (board.cooling('lead') === undefined) assert.equal((await on.ask(CHAT, CHAT_BODY)).status, 200)
  await until('its rest is over', () => board.cooling('lead') === undefined)
  const { lead, backup } = on.stages
  const asked = [lead.requests.length, backup.requests.length] as const
  // All in one piece: nothing else happens between them.
  await (await on.raw()).send(CALL.repeat(MANY))
  await until(
    'everybody is asked',
    () => lead.requests.length + backup.requests.length === asked[0] + asked[1] + MANY,
  )
  assert.equal(lead.requests.length - asked[0], 1)
  assert.equal(board.gauges().probes, 1)
})

test('of many that come at once no more are sent than rpm allows', async t => {
  const gateway = inside()
  const on = await play(t, {
    stages: { lead: {}, backup: {} },
    config: ({ lead, backup }) => ({
      model_list: [
        deployment('g', lead, 'gpt-4.1', { rpm: 10 }),
        deployment('g', backup, 'gpt-4.1', { rpm: 20 }),
      ],
      router_settings: { num_retries: 0, optional_pre_call_checks: ['enforce_model_rate_limits'] },
    }),
    start: gateway.start,
  })
  const statuses = await Promise.all((await crowd(t, on)).map(statusOf))
  assert.deepEqual(tally(statuses), { 200: 30, 429: MANY - 30 })
  assert.deepEqual([on.stages.lead.requests.length, on.stages.backup.requests.length], [10, 20])
})

test('answers to requests that came together leave in their order, whatever each of them asks', async t => {
  const on = await openDoor(t)
  const client = await on.raw()
  const streamed = JSON.stringify({ ...JSON.parse(CHAT_BODY), stream: true })
  const chunked = `${headOf('POST', CHAT, { 'transfer-encoding': 'chunked', trailer: 'x-end' })}${CHAT_BODY.length.toString(16)}\r\n${CHAT_BODY}\r\n0\r\nx-end: 1\r\n\r\n`
  const asking = headOf('POST', CHAT, { expect: '100-continue', 'content-length': CHAT_BODY.length })
  await client.send(
    [
      CALL,
      ALIVE,
      `${headOf('POST', CHAT, { 'content-length': streamed.length })}${streamed}`,
      headOf('POST', CHAT, { authorization: '', 'content-length': 2 }),
      '{}',
      headOf('POST', CHAT, { expect: 'applause', 'content-length': 0 }),
      headOf('GET', '/nowhere'),
      chunked,
      asking,
      CHAT_BODY,
      CALL,
    ].join(''),
  )
  const types: unknown[] = []
  for (const status of [200, 200, 200, 401, 417, 404, 200, 200, 200]) {
    const head = await client.head()
    assert.equal(head.status, status)
    types.push(headerIn(head, 'content-type')?.split(';')[0])
    await client.body()
  }
  assert.equal(types[2], 'text/event-stream')
  await until('nobody is inside', () => nobodyInside(on))
})

test('an answer is with the client before anything is kept or forgotten because of it', async t => {
  const on = await openDoor(t)
  const made = await on.ask('/v1/responses', { model: 'g', input: 'Hello' })
  assert.equal(made.status, 200)
  Object.assign(on.served().house.copies, {
    forget: () => {
      throw new Error('it will not be forgotten')
    },
  })
  const deleted = await on.ask(`/v1/responses/${made.json().id}`, undefined, { method: 'DELETE' })
  assert.equal(deleted.status, 200)
  assert.equal(deleted.json().deleted, true)
  await until('nobody is inside', () => nobodyInside(on))
})

test('a request that is late stays late when it comes in the same turn after all', async t => {
  const on = await openDoor(t)
  const late = Object.assign(new Error('late'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' })
  onParsed(t, on, ({ socket, server }) => void server.emit('clientError', late, socket))
  const client = await on.raw()
  await client.send(headOf('POST', CHAT, { 'content-length': 1000 }))
  await refusedWith(client, 408)
  assert.equal((await client.ended).how, 'fin')
  assert.deepEqual(await on.records(), [])
})
