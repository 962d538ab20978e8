import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { RequestRecord } from '../src/record/trail.ts'
import type { Fault } from '../src/stage/faults.ts'
import type { Stage } from '../src/stage/stage.ts'
import { deployment, MASTER_KEY, type Play, play } from './support/harness.ts'
import { type Inside, inside, until } from './support/inside.ts'
import type { RawClient } from './support/raw.ts'

/** From the client's leaving to the provider's noticing, in milliseconds. */
const NOTICED_MS = 250

type Theatre = Play<{ lead: object; backup: object }> & Inside

/**
 * Each phase has its own group and its own upstream model, so that a Retry-After of one is not a limit for another.
 * `solo` has two deployments and no patience: one failure that counted would bench one of them.
 */
const raise = async (t: TestContext): Promise<Theatre> => {
  const gateway = inside()
  const running = await play(t, {
    stages: { lead: {}, backup: {} },
    config: ({ lead, backup }) => ({
      model_list: [
        { ...deployment('solo', lead, 'gpt-4.1'), model_info: { allowed_fails: 0 } },
        { ...deployment('solo', lead, 'gpt-4.1-mini'), model_info: { allowed_fails: 0 } },
        deployment('retrying', lead, 'gpt-4o'),
        // A model of its own for each call: what one is told to wait for, the next one need not.
        deployment('limited/*', lead, '*'),
        deployment('falling', lead, 'gpt-4o-mini'),
        deployment('spare', backup, 'gpt-4.1'),
        deployment('narrow', lead, 'gpt-5', { max_parallel_requests: 1 }),
        deployment('voice', lead, 'tts-1'),
      ],
      router_settings: {
        num_retries: 2,
        cooldown_time: 60,
        fallbacks: [{ falling: ['spare'] }],
      },
    }),
    start: gateway.start,
  })
  return { ...running, ...gateway }
}

let calls = 0

/** Sends a call whose id is known before any answer. */
const begin = async (
  on: Theatre,
  group: string,
  more: object = {},
): Promise<{ readonly client: RawClient; readonly callId: string }> => {
  calls += 1
  const callId = `call-${calls}`
  const speech = group === 'voice'
  const client = await on.send({
    path: speech ? '/v1/audio/speech' : '/v1/chat/completions',
    headers: [
      ['authorization', `Bearer ${MASTER_KEY}`],
      ['x-litellm-call-id', callId],
    ],
    body: speech
      ? { model: group, input: 'Hello', voice: 'alloy' }
      : { model: group, messages: [{ role: 'user', content: 'Hello' }], ...more },
  })
  return { client, callId }
}

/** One moment at which a client may go. */
type Phase = {
  readonly name: string
  /** Brings a call to that moment. Returns the provider that must notice, undefined when none is at work. */
  readonly reach: (on: Theatre) => Promise<{
    readonly client: RawClient
    readonly callId: string
    readonly working: Awaited<ReturnType<Stage['waitForRequest']>> | undefined
  }>
  /** Requests at the lead and at the backup, in all. */
  readonly asked: readonly [lead: number, backup: number]
}

const stalledAt = (when: (Fault & { kind: 'stall' })['when']): Fault => ({ kind: 'stall', when })

type Working = {
  readonly name: string
  readonly fault: Fault
  readonly group?: string
  readonly stream?: true
  /** What reaches the client first. */
  readonly come?: (client: RawClient) => Promise<unknown>
}

/** A call that one provider works on. */
const working = ({ name, fault, group = 'solo', stream, come }: Working): Phase => ({
  name,
  asked: [1, 0],
  reach: async on => {
    on.stages.lead.script([fault])
    const { client, callId } = await begin(on, group, stream === true ? { stream } : {})
    const hit = await on.stages.lead.waitForRequest(1)
    await come?.(client)
    return { client, callId, working: hit }
  },
})

const oneEvent = async (client: RawClient): Promise<void> => {
  assert.equal((await client.head()).status, 200)
  await client.event()
}

const phases: readonly Phase[] = [
  working({ name: 'before the head of a plain answer', fault: stalledAt('before-headers') }),
  working({ name: 'before the head of a stream', fault: stalledAt('before-headers'), stream: true }),
  working({ name: 'in the middle of a plain answer', fault: stalledAt('mid-stream') }),
  working({ name: 'after lifecycle events only', fault: stalledAt('after-lifecycle'), stream: true }),
  working({
    name: 'in the middle of a stream that has stalled',
    fault: stalledAt('mid-stream'),
    stream: true,
    come: oneEvent,
  }),
  working({
    name: 'in the middle of a stream that flows',
    fault: { kind: 'slow', delayMs: 0, perEventMs: 20 },
    stream: true,
    come: oneEvent,
  }),
  working({
    name: 'in the middle of a sound',
    fault: stalledAt('mid-stream'),
    group: 'voice',
    come: async client => {
      await client.head()
      await client.piece()
    },
  }),
  {
    name: 'during the sleep before a retry',
    asked: [1, 0],
    reach: async on => {
      on.stages.lead.script([{ kind: 'status', status: 429, headers: { 'retry-after': '30' } }])
      const sent = await begin(on, `limited/model-${calls}`)
      await (await on.stages.lead.waitForRequest(1)).finished
      // The attempt is settled and the call is still inside: it sleeps.
      await until('the attempt is over', () => inFlight(on) === 0)
      assert.equal(on.served().traffic.inside, 1)
      return { ...sent, working: undefined }
    },
  },
  {
    name: 'during the attempt of a fallback',
    asked: [1, 1],
    reach: async on => {
      on.stages.lead.script([{ kind: 'status', status: 400 }])
      on.stages.backup.script([stalledAt('before-headers')])
      const sent = await begin(on, 'falling')
      return { ...sent, working: await on.stages.backup.waitForRequest(1) }
    },
  },
  {
    name: 'during the attempt of a retry',
    asked: [2, 0],
    reach: async on => {
      on.stages.lead.script([{ kind: 'reset', when: 'after-headers' }, stalledAt('before-headers')])
      const sent = await begin(on, 'retrying', { stream: true })
      return { ...sent, working: await on.stages.lead.waitForRequest(2) }
    },
  },
  {
    name: 'before its own request is complete',
    asked: [0, 0],
    reach: async on => {
      calls += 1
      const callId = `call-${calls}`
      const client = await on.raw()
      await client.send(
        `POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer ${MASTER_KEY}\r\nx-litellm-call-id: ${callId}\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n{"model":"solo",`,
      )
      await until('the call is inside', () => on.served().traffic.inside === 1)
      return { client, callId, working: undefined }
    },
  },
]

const inFlight = (on: Inside): number =>
  on
    .served()
    .house.board.snapshot()
    .reduce((sum, one) => sum + one.inFlight, 0)

const nothingHeld = async (on: Theatre): Promise<void> => {
  await until('the call is over', () => on.served().traffic.inside === 0, NOTICED_MS * 4)
  assert.deepEqual(on.served().house.board.gauges(), {
    inFlight: 0,
    waiting: 0,
    extraAttempts: 0,
    sleeping: 0,
    probes: 0,
  })
  assert.equal(on.served().house.memory.held, 0)
}

const recordOf = (records: readonly RequestRecord[], callId: string): RequestRecord => {
  const mine = records.filter(one => one.callId === callId)
  assert.equal(mine.length, 1, `one record for ${callId}`)
  return mine[0] ?? assert.fail()
}

const coolingOf = (on: Theatre, group: string): readonly string[] =>
  on
    .served()
    .house.config()
    .deployments.filter(one => one.group === group)
    .flatMap(one => on.served().house.board.cooling(one.id)?.because ?? [])

/** The client goes, and everything that hung on its call goes with it. */
const leavesNothing = async (on: Theatre, phase: Phase, how: 'leave' | 'reset'): Promise<void> => {
  on.stages.lead.clear()
  on.stages.backup.clear()
  const { client, callId, working: hit } = await phase.reach(on)
  const leftAt = client[how]()
  if (hit !== undefined) {
    const { at } = await hit.closedByPeer
    assert.ok(at - leftAt < NOTICED_MS, `the provider saw it after ${at - leftAt} ms`)
  }
  await nothingHeld(on)
  assert.deepEqual([on.stages.lead.requests.length, on.stages.backup.requests.length], phase.asked)
  const record = recordOf(await on.records(), callId)
  assert.equal(record.end, 'client_left')
  assert.equal(record.steps.length, phase.asked[0] + phase.asked[1])
  assert.deepEqual(coolingOf(on, 'solo'), [])
}

const healthy = async (on: Theatre): Promise<void> => {
  on.stages.lead.clear()
  const reply = await on.ask('/v1/chat/completions', {
    model: 'solo',
    messages: [{ role: 'user', content: 'Hello' }],
  })
  assert.equal(reply.status, 200)
}

test('M-094 a client that leaves', async t => {
  const on = await raise(t)
  for (const phase of phases) {
    for (const how of ['leave', 'reset'] as const) {
      await t.test(`${phase.name}, by ${how === 'leave' ? 'FIN' : 'RST'}: nothing is left behind`, () =>
        leavesNothing(on, phase, how),
      )
    }
  }
  await t.test('fifty times in a row: ten others are answered at once afterwards', async () => {
    for (let turn = 0; turn < 50; turn++) {
      const phase = phases[turn % phases.length] ?? assert.fail()
      await leavesNothing(on, phase, turn % 2 === 0 ? 'leave' : 'reset')
    }
    const startedAt = performance.now()
    await Promise.all(Array.from({ length: 10 }, () => healthy(on)))
    assert.ok(performance.now() - startedAt < 2000)
    await nothingHeld(on)
  })
  await t.test('while it waits for a parallel slot: the slot goes to the next', () => slotGoesOn(on))
  await t.test('without having read a stream that fills every buffer', () => leavesUnread(on))
})

/** More than the kernel takes for a client that does not read. */
const LONG_LINE = 'x'.repeat(40 * 1024 * 1024)

const longAnswer = async (t: TestContext) => {
  const gateway = inside()
  const on = await play(t, {
    stages: { lead: { says: LONG_LINE } },
    config: ({ lead }) => ({ model_list: [deployment('long', lead, 'gpt-4.1')] }),
    start: gateway.start,
  })
  const client = await on.send({
    path: '/v1/chat/completions',
    headers: [
      ['authorization', `Bearer ${MASTER_KEY}`],
      ['x-litellm-call-id', 'long'],
    ],
    body: { model: 'long', messages: [{ role: 'user', content: 'Hello' }] },
  })
  client.pause()
  await (await on.stages.lead.waitForRequest(1)).finished
  // The attempt is over: the answer waits for its reader.
  await until(
    'the answer is being written',
    () => gateway.served().traffic.inside === 1 && inFlight(gateway) === 0,
  )
  return { on: { ...on, ...gateway }, client }
}

test('a whole answer that is not read to its end was not delivered', async t => {
  const { on, client } = await longAnswer(t)
  assert.deepEqual(await on.records(), [])
  client.leave()
  await until('the call is over', () => on.served().traffic.inside === 0, NOTICED_MS * 4)
  assert.equal(recordOf(await on.records(), 'long').end, 'client_left')
})

test('a slow reader gets its whole answer although the gateway closes meanwhile', async t => {
  const { on, client } = await longAnswer(t)
  const closing = on.close(10_000)
  client.resume()
  assert.equal((await client.head()).status, 200)
  assert.ok((await client.body()).length > LONG_LINE.length)
  client.leave()
  await closing
})

const slotGoesOn = async (on: Theatre): Promise<void> => {
  on.stages.lead.clear()
  on.stages.lead.script([stalledAt('before-headers')])
  const holder = await begin(on, 'narrow')
  await on.stages.lead.waitForRequest(1)
  const waiter = await begin(on, 'narrow')
  await until('both are inside', () => on.served().traffic.inside === 2)
  waiter.client.leave()
  await until('the one that waited is gone', () => on.served().traffic.inside === 1)
  assert.equal(on.stages.lead.requests.length, 1)
  holder.client.leave()
  await nothingHeld(on)
  const next = await begin(on, 'narrow')
  assert.equal((await next.client.head()).status, 200)
  const records = await on.records()
  assert.equal(recordOf(records, waiter.callId).end, 'client_left')
  assert.deepEqual(recordOf(records, waiter.callId).steps, [])
  assert.equal(recordOf(records, holder.callId).end, 'client_left')
}

const leavesUnread = async (on: Theatre): Promise<void> => {
  for (const how of ['leave', 'reset'] as const) {
    on.stages.lead.clear()
    const { client, callId } = await begin(on, 'solo', {
      stream: true,
      messages: [{ role: 'user', content: '[stage:words 60000]' }],
    })
    client.pause()
    const hit = await on.stages.lead.waitForRequest(1)
    // Other calls come and go; when the provider got no further meanwhile, the buffers are full.
    let sent = -1
    while (hit.answered.bytes !== sent || sent === 0) {
      sent = hit.answered.bytes
      for (let other = 0; other < 5; other++) await healthyBeside(on)
    }
    assert.equal(hit.answered.complete, false)
    const leftAt = client[how]()
    const { at } = await hit.closedByPeer
    assert.ok(at - leftAt < NOTICED_MS, `the provider saw it after ${at - leftAt} ms`)
    await nothingHeld(on)
    assert.equal(recordOf(await on.records(), callId).end, 'client_left')
  }
}

const healthyBeside = async (on: Theatre): Promise<void> => {
  const reply = await on.ask('/v1/chat/completions', {
    model: 'spare',
    messages: [{ role: 'user', content: 'Hello' }],
  })
  assert.equal(reply.status, 200)
}
