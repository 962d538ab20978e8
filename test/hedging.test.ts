import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { RequestRecord } from '../src/record/trail.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { replyOf } from './support/harness.ts'
import { AFTER_SECONDS, CHAT, chunk, document, playHedges, refuse, stream } from './support/hedging.ts'
import { until } from './support/inside.ts'
import type { RawClient } from './support/raw.ts'
import { chat, response } from './support/steady.ts'

/** A second provider beside one that is slow: who answers first, what becomes of the other, and what is told of both. */

/** Until both providers have noticed that the client has left. */
const NOTICED_MS = 250

type Hedges = Awaited<ReturnType<typeof playHedges>>

const told = (record: RequestRecord | undefined): readonly string[] =>
  record?.steps.map(step => `${step.deployment} ${step.outcome}${step.hedge === true ? ' (hedge)' : ''}`) ??
  []

const inTime = async (what: Promise<unknown>): Promise<void> => {
  const begun = performance.now()
  await what
  assert.ok(performance.now() - begun < NOTICED_MS, 'in time')
}

const heard = async (client: RawClient): Promise<string> => (await replyOf(client)).text

/** Nothing is under way, and nobody rests. */
const atRest = async (on: Hedges, resting: readonly string[] = []): Promise<void> => {
  const { board } = on.served().house
  await until('everything is given back', () => Object.values(board.gauges()).every(value => value === 0))
  assert.deepEqual(
    board.snapshot().flatMap(({ id, cooling }) => (cooling === undefined ? [] : [id])),
    resting,
  )
}

/** A call that both providers work on. */
const both = async (on: Hedges, more: JsonObject = {}) => {
  const client = await on.open(CHAT, chat('star', more))
  const first = await on.slow.next()
  const sentAt = performance.now()
  const second = await on.quick.next()
  return { client, first, second, waited: performance.now() - sentAt }
}

for (const streamed of [false, true]) {
  const kind = streamed ? 'a stream' : 'a whole answer'
  const answer = streamed ? stream : document

  test(`${kind}: the hedge answers first, and the slow provider is left at once, without blame`, async t => {
    const on = await playHedges(t)
    const { client, first, second, waited } = await both(on, { stream: streamed })
    assert.ok(waited > AFTER_SECONDS * 1000 - 50, 'it is given its time')
    assert.deepEqual(JSON.parse(String(second.body)), JSON.parse(String(first.body)), 'the same request')
    answer(second, 'quick')
    await first.left
    const { headers, text } = await replyOf(client)
    assert.match(text, /quick/)
    assert.equal(headers['x-litellm-model-id'], 'quick')
    assert.equal(headers['x-litellm-attempted-retries'], '0')
    assert.equal(headers['x-litellm-attempted-fallbacks'], '0')
    const [record] = await on.recorded(1)
    assert.deepEqual(told(record), ['slow outrun', 'quick answered (hedge)'])
    assert.equal(record?.servedDeployment, 'quick')
    assert.deepEqual([record?.retries, record?.fallbacks, record?.end], [0, 0, 'complete'])
    assert.match(record?.steps[1]?.because ?? '', /^hedge: nothing after \d{3,} ms; simple-shuffle/)
    assert.equal(record?.steps[0]?.next, 'the hedge answered first')
    await atRest(on)
    assert.deepEqual(on.served().house.board.usage('slow').tokens, 0)
  })

  test(`${kind}: the first attempt answers first, and the hedge is left at once`, async t => {
    const on = await playHedges(t)
    const { client, first, second } = await both(on, { stream: streamed })
    answer(first, 'slow')
    await second.left
    assert.match(await heard(client), /slow/)
    const [record] = await on.recorded(1)
    assert.deepEqual(told(record), ['quick outrun (hedge)', 'slow answered'])
    assert.equal(record?.steps[0]?.next, 'the first attempt answered first')
    await atRest(on)
  })

  test(`${kind}: what both cost is on record, and the usage is that of the answer`, async t => {
    const on = await playHedges(t)
    const { client, first, second } = await both(on, { stream: streamed })
    answer(second, 'quick')
    await first.left
    await heard(client)
    const [record] = await on.recorded(1)
    const [slow, quick] = record?.steps ?? []
    assert.deepEqual(slow?.usage, { inputTokens: 100, outputTokens: 0 })
    assert.deepEqual([slow?.possiblyBilled, slow?.estimated], [true, true])
    assert.equal(quick?.estimated, undefined)
    assert.ok(
      Math.abs((slow?.costUsd ?? 0) - 0.1) < 1e-9,
      'the prompt, at the price of the one that was left',
    )
    assert.ok(Math.abs((quick?.costUsd ?? 0) - 1.2) < 1e-9)
    assert.ok(Math.abs((record?.costUsd ?? 0) - 1.3) < 1e-9)
    assert.deepEqual([record?.usage?.inputTokens, record?.usage?.outputTokens], [100, 10])
  })
}

test('an answer in time is not hedged', async t => {
  const on = await playHedges(t, { hedge: { after: 30, max_percent: 100 } })
  const client = await on.open(CHAT, chat('star', { stream: true }))
  stream(await on.slow.next(), 'slow')
  assert.match(await heard(client), /slow/)
  assert.equal(on.quick.count(), 0)
  assert.deepEqual(told((await on.recorded(1))[0]), ['slow answered'])
  await atRest(on)
})

test('heads, lifecycle events and pings are no answer: content is', async t => {
  const on = await playHedges(t)
  const client = await on.open(CHAT, chat('star', { stream: true }))
  const first = await on.slow.next()
  first.events()
  await first.write(': ping\n\n')
  await first.write(chunk(''))
  const second = await on.quick.next()
  stream(second, 'quick')
  await first.left
  const body = await heard(client)
  assert.match(body, /quick/)
  // What the other had announced is not passed on with it.
  assert.doesNotMatch(body, /ping/)
  assert.equal(body.match(/\[DONE\]/g)?.length, 1)
  const [record] = await on.recorded(1)
  assert.deepEqual(told(record), ['slow outrun', 'quick answered (hedge)'])
  assert.equal(record?.steps[0]?.status, 200)
})

test('the hedge fails and the first answers late: its answer is the answer, and the failure counts', async t => {
  const on = await playHedges(t)
  const { client, first, second } = await both(on)
  refuse(second, 500)
  await until('the failure is known', () => on.served().house.board.cooling('quick') !== undefined)
  document(first, 'slow')
  const reply = await replyOf(client)
  assert.equal(reply.status, 200)
  assert.match(reply.text, /slow/)
  const [record] = await on.recorded(1)
  assert.deepEqual(told(record), ['quick transient (hedge)', 'slow answered'])
  assert.equal(record?.steps[0]?.next, 'the first attempt goes on')
  assert.equal(record?.retries, 0)
  await atRest(on, ['quick'])
})

test('the first fails while the hedge is at work: the hedge answers', async t => {
  const on = await playHedges(t)
  const { client, first, second } = await both(on, { stream: true })
  first.reset()
  await until('the failure is known', () => on.served().house.board.cooling('slow') !== undefined)
  stream(second, 'quick')
  assert.match(await heard(client), /quick/)
  const [record] = await on.recorded(1)
  assert.deepEqual(told(record), ['slow transport', 'quick answered (hedge)'])
  assert.equal(record?.steps[0]?.next, 'the hedge goes on')
  assert.equal(on.spare.count(), 0)
  await atRest(on, ['slow'])
})

test('both fail: neither is asked again, and the next group is', async t => {
  const on = await playHedges(t)
  const { client, first, second } = await both(on)
  refuse(second, 503)
  refuse(first, 500)
  document(await on.spare.next(), 'spare')
  const reply = await replyOf(client)
  assert.match(reply.text, /spare/)
  assert.equal(reply.headers['x-litellm-attempted-fallbacks'], '1')
  assert.deepEqual([on.slow.count(), on.quick.count()], [1, 1])
  const [record] = await on.recorded(1)
  assert.equal(record?.steps.length, 3)
  assert.equal(record?.fallbacks, 1)
  assert.match(record?.steps[1]?.next ?? '', /^fallback star → spare: transient/)
})

test('both fail, and what one of them said ends the retries: that is what the client is told', async t => {
  const on = await playHedges(t, { router: { num_retries: 2, fallbacks: [] } })
  const { client, first, second } = await both(on)
  refuse(first, 400, 'no such thing as a line')
  await new Promise(resolve => setImmediate(resolve))
  await until('one is left', () => on.served().house.board.gauges().inFlight === 1)
  refuse(second, 500)
  const reply = await replyOf(client)
  assert.equal(reply.status, 400)
  assert.match(reply.text, /no such thing as a line/)
  const [record] = await on.recorded(1)
  assert.deepEqual(told(record), ['quick transient (hedge)', 'slow caller_fault'])
  assert.deepEqual([on.slow.count(), on.quick.count()], [1, 1])
})

test('the client leaves: both are left, and nobody is blamed', async t => {
  const on = await playHedges(t)
  for (const streamed of [false, true]) {
    const { client, first, second } = await both(on, { stream: streamed })
    client.leave()
    await inTime(Promise.all([first.left, second.left]))
  }
  for (const record of await on.recorded(2)) {
    assert.deepEqual(told(record).toSorted(), ['quick client_gone (hedge)', 'slow client_gone'])
    assert.equal(record.end, 'client_left')
  }
  await atRest(on)
})

test('the client leaves after the hedge has answered: its stream ends', async t => {
  const on = await playHedges(t)
  const { client, first, second } = await both(on, { stream: true })
  second.events()
  await second.write(chunk('quick'))
  await first.left
  await client.head()
  await client.event()
  client.leave()
  await inTime(second.left)
  const [record] = await on.recorded(1)
  assert.deepEqual(told(record), ['slow outrun', 'quick client_gone (hedge)'])
  await atRest(on)
})

test('the end of a drain ends both', async t => {
  const on = await playHedges(t)
  const { first, second } = await both(on)
  const left = Promise.all([first.left, second.left])
  await on.close(0)
  await left
})

test('a stream that breaks is gone on with where the request had been outrun', async t => {
  const on = await playHedges(t, { router: { num_retries: 1, fallbacks: [] } })
  const { client, first, second } = await both(on, { stream: true, temperature: 0 })
  second.events()
  await second.write(chunk('To be'))
  await first.left
  await client.head()
  await client.event()
  second.reset()
  const again = await on.slow.next()
  again.events()
  again.end(`${chunk('To be')}${chunk(' or not')}${chunk('', 'stop')}data: [DONE]\n\n`)
  assert.match(String(await client.body()), / or not[\s\S]*\[DONE\]/)
  const [record] = await on.recorded(1)
  assert.deepEqual(told(record), ['slow outrun', 'quick transport (hedge)', 'slow answered'])
})

test('who goes on with a stream that broke is asked alone', async t => {
  const on = await playHedges(t)
  const broken = await on.open(CHAT, chat('broken', { stream: true, temperature: 0 }))
  const begun = await on.spare.next()
  begun.events()
  await begun.write(chunk('To be'))
  await broken.head()
  await broken.event()
  begun.reset()
  const again = await on.slow.next()
  const { client, second } = await both(on)
  assert.equal(on.quick.count(), 1)
  document(second, 'quick')
  await heard(client)
  again.events()
  again.end(`${chunk('To be')}${chunk(' or not')}${chunk('', 'stop')}data: [DONE]\n\n`)
  assert.match(String(await broken.body()), / or not/)
  assert.equal(on.quick.count(), 1)
})

/** What is asked here is asked of one provider, however long it takes: a later call that may be hedged is, meanwhile. */
const askedAloneOn = async (on: Hedges, path: string, body: JsonObject): Promise<void> => {
  const before = on.slow.count()
  const alone = await on.open(path, body)
  const call = await on.slow.next()
  const { client, first, second } = await both(on)
  assert.deepEqual(JSON.parse(String(second.body)), JSON.parse(String(first.body)))
  assert.deepEqual([on.slow.count() - before, on.quick.count()], [2, 1])
  document(second, 'quick')
  assert.match(await heard(client), /quick/)
  alone.leave()
  await call.left
  assert.deepEqual([on.slow.count() - before, on.quick.count()], [2, 1])
  await atRest(on)
}

const askedAlone = async (t: TestContext, path: string, body: JsonObject, params = {}): Promise<void> =>
  askedAloneOn(await playHedges(t, { params, router: { fallbacks: [] } }), path, body)

const TOOL = { type: 'function', function: { name: 'f', parameters: {} } }
const RESPONSES = '/v1/responses'
const MESSAGES = '/v1/messages'

const message = (more: JsonObject = {}): JsonObject => chat('star', { max_tokens: 16, ...more })

for (const [why, path, body] of [
  ['tools', CHAT, chat('star', { tools: [TOOL] })],
  ['functions', CHAT, chat('star', { functions: [{ name: 'f', parameters: {} }] })],
  ['a search', CHAT, chat('star', { web_search_options: {} })],
  ['a search as xAI has it', CHAT, chat('star', { search_parameters: { mode: 'on' } })],
  ['a search as Qwen has it', CHAT, chat('star', { enable_search: true })],
  ['a plugin', CHAT, chat('star', { plugins: [{ id: 'web' }] })],
  ['a completion that is fetched later', CHAT, chat('star', { deferred: true })],
  ['a stored completion', CHAT, chat('star', { store: true })],
  ['a response, which is stored unless it says no', RESPONSES, response('star')],
  ['a response that says nothing of it', RESPONSES, response('star', { store: null })],
  ['a stored response', RESPONSES, response('star', { store: true })],
  ['a response with tools', RESPONSES, response('star', { store: false, tools: [{ type: 'web_search' }] })],
  ['a response in the background', RESPONSES, response('star', { store: false, background: true })],
  ['a response that goes on', RESPONSES, response('star', { store: false, previous_response_id: 'resp_1' })],
  ['a conversation', RESPONSES, response('star', { store: false, conversation: 'conv_1' })],
  ['a prompt that the provider keeps', RESPONSES, response('star', { store: false, prompt: { id: 'p' } })],
  ['the count of input tokens', '/v1/responses/input_tokens', response('star')],
  ['a message with tools', MESSAGES, message({ tools: [{ name: 'f', input_schema: { type: 'object' } }] })],
  ['a group that nobody named', CHAT, chat('unhedged')],
  ['a group of one', CHAT, chat('alone')],
  ['the same rate-limit domain', CHAT, chat('twins')],
  ['a deployment of a later order', CHAT, chat('ranked')],
] as const)
  test(`not hedged: ${why}`, t => askedAlone(t, path, body))

for (const [why, params] of [
  ['a deployment that adds tools', { tools: [TOOL] }],
  ['a deployment that stores what it answers', { extra_body: { store: true } }],
] as const)
  test(`not hedged: ${why}`, t => askedAlone(t, CHAT, chat('odd'), params))

test('hedged: a response that is not stored, with its lists empty', async t => {
  const on = await playHedges(t, { router: { fallbacks: [] } })
  const body = response('star', { store: false, tools: [], background: false, conversation: null })
  const client = await on.open(RESPONSES, body)
  const first = await on.slow.next()
  refuse(await on.quick.next(), 400)
  refuse(first, 400)
  assert.equal((await client.head()).status, 400)
})

test('hedged: a response of deployments that store nothing, whatever the request says', async t => {
  const on = await playHedges(t, { params: { extra_body: { store: false } } })
  for (const body of [response('odd'), response('odd', { store: true })]) {
    const client = await on.open(RESPONSES, body)
    await on.slow.next()
    assert.equal(JSON.parse(String((await on.quick.next()).body)).store, false)
    client.leave()
  }
})

test('a pin goes to its owner, and to nobody else', async t => {
  const on = await playHedges(t, { router: { fallbacks: [] } })
  const client = await on.open(RESPONSES, response('star'))
  const call = await on.slow.next()
  call.head({ 'content-type': 'application/json' })
  call.end(
    JSON.stringify({ id: 'resp_own', object: 'response', status: 'completed', output: [], store: true }),
  )
  const { id } = JSON.parse(await heard(client)) as { readonly id: string }
  await askedAloneOn(on, RESPONSES, response('star', { store: false, previous_response_id: id }))
})

test('not hedged: what only its owner can read, be it that another model of the account could as well', async t => {
  const on = await playHedges(t, { router: { fallbacks: [] } })
  const sealed = { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: `gAAAA${'x'.repeat(80)}` }
  const client = await on.open(RESPONSES, response('account', { store: false }))
  const call = await on.slow.next()
  call.head({ 'content-type': 'application/json' })
  call.end(JSON.stringify({ id: 'resp_1', object: 'response', status: 'completed', output: [sealed] }))
  await heard(client)
  await askedAloneOn(on, RESPONSES, {
    model: 'account',
    store: false,
    input: [sealed, { role: 'user', content: 'Go on.' }],
  })
  assert.equal(on.quick.count(), 1)
})

test('hedged: another model of the account, when nothing binds the request', async t => {
  const on = await playHedges(t, { router: { fallbacks: [] } })
  const client = await on.open(RESPONSES, response('account', { store: false }))
  const calls = [await on.slow.next(), await on.slow.next()]
  assert.deepEqual(
    calls.map(({ body }) => JSON.parse(String(body)).model),
    ['m', 'm2'],
  )
  client.leave()
})

test('hedged: a message without tools, whatever its providers speak', async t => {
  const on = await playHedges(t)
  const client = await on.open(MESSAGES, message())
  const first = await on.slow.next()
  document(await on.quick.next(), 'quick')
  await first.left
  assert.match(await heard(client), /"text":"quick"/)
  assert.deepEqual(told((await on.recorded(1))[0]), ['slow outrun', 'quick answered (hedge)'])
})
