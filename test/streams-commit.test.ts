import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { JsonObject } from '../src/wire/json.ts'
import { MASTER_KEY, play, type Start } from './support/harness.ts'
import { hurried } from './support/hurried.ts'
import { inside } from './support/inside.ts'
import { type PuppetCall, startPuppet } from './support/puppet.ts'
import { headerIn } from './support/raw.ts'
import { parseSse } from './support/sse.ts'
import { STREAM_KINDS } from './support/stream-kinds.ts'
import { openStream, playStreaming } from './support/streaming.ts'

/** When the status is sent, what is held until then, and what ends a stream that has no end. */

const chunk = (choice: JsonObject): string =>
  `data: ${JSON.stringify({ id: 'c', model: 'm', choices: [{ index: 0, finish_reason: null, ...choice }] })}\n\n`
const says = (content: string): string => chunk({ delta: { content } })
const ROLE = chunk({ delta: { role: 'assistant', content: '' } })
const STOP = chunk({ delta: {}, finish_reason: 'stop' })
const DONE = 'data: [DONE]\n\n'
const CHAT = '/v1/chat/completions'

type Set = { readonly start?: Start; readonly settings?: JsonObject; readonly router?: JsonObject }

const playPair = async (t: TestContext, set: Set = {}) => {
  const lead = await startPuppet(t)
  const backup = await startPuppet(t)
  const gateway = inside()
  const entry = (name: string, base: string) => ({
    model_name: name,
    litellm_params: { model: 'openai/m', api_base: base, api_key: 'sk-x' },
  })
  const on = await play(t, {
    config: {
      model_list: [entry('star', lead.baseUrl), entry('second', backup.baseUrl)],
      litellm_settings: set.settings ?? {},
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: [{ star: ['second'] }],
        ...set.router,
      },
    },
    start: set.start ?? gateway.start,
  })
  const open = (more: JsonObject = {}) =>
    on.send({
      path: CHAT,
      headers: [['authorization', `Bearer ${MASTER_KEY}`]],
      body: { model: 'star', stream: true, messages: [{ role: 'user', content: 'x' }], ...more },
    })
  return { ...on, ...gateway, lead, backup, open }
}

const whole = (call: PuppetCall, text: string): void => {
  call.events()
  call.end(ROLE + says(text) + STOP + DONE)
}

test('pings and announcements are held, however many; the answer behind them arrives with all of them', async t => {
  const on = await playPair(t)
  const client = await on.open()
  const call = await on.lead.next()
  call.events()
  await call.write(ROLE)
  await call.write(': still here\n\n'.repeat(10_000))
  assert.equal(client.arrivals.length, 0)
  call.end(says('x') + STOP + DONE)
  assert.equal((await client.head()).status, 200)
  assert.equal((await client.events()).length, 10_004)
})

test('what is held is bounded by size and by number, and then the next group is asked', async t => {
  const on = await playPair(t)
  const padding = 'x'.repeat(1024 * 1024)
  const floods: readonly [string, string, number][] = [
    ['large announcements', `data: ${JSON.stringify({ id: padding, choices: [] })}\n\n`, 9],
    ['tiny comments', ':\n\n'.repeat(10_000), 8],
  ]
  for (const [what, flood, times] of floods) {
    const client = await on.open()
    const call = await on.lead.next()
    call.events()
    let left = false
    void call.left.then(() => {
      left = true
    })
    for (let turn = 0; turn < times && !left; turn++) await Promise.race([call.write(flood), call.left])
    await call.left
    whole(await on.backup.next(), what)
    assert.equal((await client.head()).status, 200)
    const text = (await client.body()).toString()
    assert.ok(text.includes(what) && text.length < 2000, what)
  }
})

test('a whole answer whose connection stays open is over five seconds later, its usage included', async t => {
  const house = hurried(100)
  const on = await playPair(t, { start: house.start })
  const client = await on.open()
  const call = await on.lead.next()
  call.events()
  const from = house.clock.now()
  await call.write(ROLE + says('x') + STOP)
  await client.head()
  const usage = '{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}'
  await call.write(`data: {"id":"c","model":"m","choices":[],"usage":${usage}}\n\n`)
  const events = await client.events()
  const took = house.clock.now() - from
  assert.ok(took >= 5000 && took < 15_000, `it took ${took} ms`)
  assert.match(events.at(-1)?.data ?? '', /"usage"/)
  assert.ok(!events.some(event => event.data === '[DONE]'), 'nobody but the provider says that')
  await call.left
})

test('a connection that breaks behind the last word breaks nothing', async t => {
  const on = await playPair(t)
  const client = await on.open()
  const call = await on.lead.next()
  call.events()
  await call.write(ROLE + says('x') + STOP)
  await client.head()
  for (let event = 0; event < 3; event++) await client.event()
  call.reset()
  assert.deepEqual(await client.events(), [])
  const [record] = await on.recorded(1)
  assert.equal(record?.end, 'complete')
  assert.equal(on.backup.count(), 0)
})

test('of several answers each must have ended: one that had not when the connection broke was cut', async t => {
  const on = await playPair(t)
  const of = (index: number, choice: JsonObject) => chunk({ index, ...choice })
  const begun = of(0, { delta: { content: 'a' } }) + of(1, { delta: { content: 'b' } })
  const stop = (index: number) => of(index, { delta: {}, finish_reason: 'stop' })
  const ends = async (...finished: readonly number[]) => {
    const client = await on.open({ n: 2 })
    const call = await on.lead.next()
    call.events()
    call.end(begun + finished.map(stop).join(''))
    await client.head()
    return (await client.events()).at(-1)?.data ?? ''
  }
  assert.match(await ends(0), /^\{"error"/)
  assert.match(await ends(1), /^\{"error"/)
  assert.match(await ends(0, 1), /"finish_reason":"stop"/)
})

test('M-086 a pulse: the status goes out with the first comment, and what follows is events', async t => {
  const house = hurried(20)
  const on = await playPair(t, {
    start: house.start,
    settings: { sse_keepalive_ping_interval_seconds: 5 },
    router: { first_token_timeout: 0 },
  })
  await t.test('before the answer, within it and while somebody is sought to go on', async () => {
    const client = await on.open()
    const call = await on.lead.next()
    const head = await client.head()
    assert.equal(head.status, 200)
    assert.equal(headerIn(head, 'content-type'), 'text/event-stream; charset=utf-8')
    assert.ok(headerIn(head, 'x-litellm-call-id'))
    for (let beat = 0; beat < 2; beat++) assert.equal((await client.event())?.raw, ': ping\n\n')
    call.events()
    await call.write(`${ROLE}${says('The under')}data: {"id":"c","mod`)
    let event = await client.event()
    while (event?.data === undefined) event = await client.event()
    assert.ok(event.raw.includes('assistant'))
    assert.ok((await client.event())?.raw.includes('The under'))
    // Half an event of the provider's is on its way here, none to the client.
    assert.equal((await client.event())?.raw, ': ping\n\n')
    call.reset()
    const heir = await on.backup.next()
    assert.equal((await client.event())?.raw, ': ping\n\n')
    whole(heir, 'The understudy')
    const rest = (await client.events()).filter(one => one.data !== undefined)
    assert.ok(rest[0]?.raw.includes('"study"'))
    assert.equal(rest.at(-1)?.data, '[DONE]')
  })
  await t.test('a failure behind it is the error event of the dialect', async () => {
    const client = await on.open({ disable_fallbacks: true })
    const call = await on.lead.next()
    assert.equal((await client.head()).status, 200)
    call.head({ 'content-type': 'application/json' }, 429)
    call.end('{"error":{"message":"Slow down."}}')
    const events = (await client.events()).filter(one => one.data !== undefined)
    assert.equal(events.length, 1)
    assert.match(events[0]?.data ?? '', /^\{"error":\{.*"code":"429"/)
  })
  await t.test('a failure before it has its own status', async () => {
    const client = await on.open({ disable_fallbacks: true })
    const call = await on.lead.next()
    call.head({ 'content-type': 'application/json' }, 429)
    call.end('{"error":{"message":"Slow down."}}')
    assert.equal((await client.head()).status, 429)
  })
  await t.test('a plain answer has none', async () => {
    const client = await on.open({ stream: false })
    const call = await on.lead.next()
    const later = house.clock.now() + 12_000
    while (house.clock.now() < later) await on.ask('/health/liveliness')
    assert.equal(client.arrivals.length, 0)
    call.head({ 'content-type': 'application/json' })
    call.end('{"choices":[{"message":{"content":"x"}}]}')
    assert.equal((await client.head()).status, 200)
  })
})

test('every endpoint that streams has a pulse, and its own error behind it', async t => {
  const house = hurried(20)
  const on = await playStreaming(t, {
    start: house.start,
    settings: { sse_keepalive_ping_interval_seconds: 5 },
  })
  for (const kind of STREAM_KINDS)
    await t.test(kind.name, async () => {
      on.stages.lead.clear()
      // biome-ignore lint/suspicious/noThenProperty: the fault's own word for what follows; nobody awaits it.
      on.stages.lead.script([{ kind: 'stall', when: 'before-headers', ms: 200, then: 'rst' }])
      const client = await openStream(on, kind, kind.name)
      assert.equal((await client.head()).status, 200)
      const bytes = await client.body()
      assert.ok(bytes.toString().startsWith(': ping\n\n'))
      const { before } = kind.broken(parseSse(bytes))
      assert.deepEqual(before, [])
    })
})
