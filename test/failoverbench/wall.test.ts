import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { openRaw } from '../support/raw.ts'
import { ANSWER } from './answer.ts'
import { callOnce } from './client.ts'
import { CHAT_STREAM, ENDPOINTS } from './endpoints.ts'
import { type Fault, markAt, strikes } from './faults.ts'
import { startWall } from './wall.ts'

const opened = async (t: TestContext, fault: Fault, endpoint = CHAT_STREAM) => {
  const wall = await startWall(1)
  t.after(() => wall.close())
  const player = wall.add({ model: 'fb-test', endpoint, fault, prefill: false })
  const ok = wall.add({ model: 'fb-ok', endpoint, fault: { kind: 'none' }, prefill: true })
  const target = { url: new URL(wall.baseUrl).origin, key: 'none' }
  const ask = (model = 'fb-test', patienceSeconds = 5) => callOnce(target, endpoint, model, patienceSeconds)
  return { wall, player, ok, ask, target }
}

const error = { message: 'Not today.', type: 'server_error', code: null }

for (const endpoint of ENDPOINTS)
  test(`${endpoint.title}: the wall answers whole, and says so in its log`, async t => {
    const { ask, player } = await opened(t, { kind: 'none' }, endpoint)
    const { complete, told } = await ask()
    assert.ok(complete, told)
    const [arrival] = player.arrivals
    assert.deepEqual(
      { ...arrival, at: 0 },
      { at: 0, did: 'whole', answered: true, refusedPrefill: false, foreign: [] },
    )
  })

for (const endpoint of ENDPOINTS)
  test(`${endpoint.title}: a cut, a stall and a malformed piece are seen by a client that has no gateway`, async t => {
    const share = 2 / 3
    for (const fault of [
      { kind: 'cut', share },
      { kind: 'stall', share, ms: 20 },
    ] as const) {
      const { ask } = await opened(t, fault, endpoint)
      const call = await ask()
      assert.equal(call.outcome, 'error', `${fault.kind}: ${call.told}`)
    }
    if (endpoint.id === 'speech') return
    const { ask } = await opened(t, { kind: 'malformed', share }, endpoint)
    assert.equal((await ask()).outcome, 'error')
  })

test('an error status comes as often as it should, with its header', async t => {
  const fault: Fault = { kind: 'status', status: 429, error, retryAfterSeconds: 2, lasts: { attempts: 1 } }
  const { ask, target, player } = await opened(t, fault)
  const client = await openRaw(target.url)
  const { body } = CHAT_STREAM.ask('fb-test')
  await client.request({ path: CHAT_STREAM.path, body })
  const head = await client.head()
  client.leave()
  assert.equal(head.status, 429)
  assert.ok(head.headers.some(([name, value]) => name === 'retry-after' && value === '2'))
  assert.ok((await ask()).complete)
  assert.deepEqual(
    player.arrivals.map(({ did }) => did),
    ['429', 'whole'],
  )
})

test('the count of attempts and the clock begin again', async t => {
  const { ask, player } = await opened(t, { kind: 'status', status: 500, error, lasts: { attempts: 1 } })
  await ask()
  player.begin()
  assert.equal(player.arrivals.length, 0)
  assert.equal((await ask()).outcome, 'error')
})

test('a reset comes before any byte', async t => {
  const { target } = await opened(t, { kind: 'reset', lasts: { attempts: 1 } })
  const client = await openRaw(target.url)
  await client.request({ path: CHAT_STREAM.path, body: CHAT_STREAM.ask('fb-test').body })
  assert.equal((await client.ended).how, 'rst')
  assert.equal(client.arrivals.length, 0)
})

test('silence is silence, and ends', async t => {
  const { ask } = await opened(t, { kind: 'silence', ms: 50 })
  const call = await ask()
  assert.equal(call.told, 'the connection ended without an answer')
  assert.ok(call.seconds >= 0.05)
})

test('a client that waits less than the silence lasts has seen a hang', async t => {
  const { ask } = await opened(t, { kind: 'silence', ms: 5000 })
  assert.equal((await ask('fb-test', 0.05)).outcome, 'hang')
})

test('a late answer has its head at once', async t => {
  const { target } = await opened(t, { kind: 'late', ms: 200 })
  const client = await openRaw(target.url)
  await client.request({ path: CHAT_STREAM.path, body: CHAT_STREAM.ask('fb-test').body })
  const head = await client.head()
  const first = await client.event()
  client.leave()
  assert.ok((first?.at ?? 0) - head.at >= 190)
})

test('a stream without its sentinel is whole but for that', async t => {
  const { ask } = await opened(t, { kind: 'no-done' })
  const call = await ask()
  assert.ok(call.complete && call.usage, call.told)
})

test('a beginning is refused where it is not wanted, and continued where it is', async t => {
  const { target, player, ok } = await opened(t, { kind: 'none' })
  const begun = ANSWER.slice(0, 100)
  const send = async (model: string) => {
    const client = await openRaw(target.url)
    const messages = [
      { role: 'user', content: 'hm' },
      { role: 'assistant', content: begun },
    ]
    await client.request({ path: CHAT_STREAM.path, body: { model, stream: true, messages } })
    const { status } = await client.head()
    const body = await client.body()
    client.leave()
    return { status, body }
  }
  assert.equal((await send('fb-test')).status, 400)
  assert.ok(player.arrivals[0]?.refusedPrefill)
  const { status, body } = await send('fb-ok')
  assert.equal(status, 200)
  assert.equal(begun + CHAT_STREAM.read(body).content, ANSWER)
  assert.equal(ok.arrivals[0]?.did, 'went on')
})

test('a member that no client sent is in the log', async t => {
  const { target, player } = await opened(t, { kind: 'none' })
  const client = await openRaw(target.url)
  await client.request({
    path: CHAT_STREAM.path,
    body: { model: 'fb-test', messages: [], metadata: { model_group: 'fb-test' } },
  })
  await client.body().catch(() => {})
  await client.head()
  client.leave()
  assert.deepEqual(player.arrivals[0]?.foreign, ['metadata'])
})

test('a model that is not there, or not at this path, is 404; a name can be taken once', async t => {
  const { ask, wall, target } = await opened(t, { kind: 'none' })
  assert.match((await ask('fb-nobody')).told, /HTTP 404/)
  const elsewhere = ENDPOINTS.find(({ id }) => id === 'embeddings')!
  assert.match((await callOnce(target, elsewhere, 'fb-test', 5)).told, /HTTP 404/)
  assert.throws(() =>
    wall.add({ model: 'fb-ok', endpoint: elsewhere, fault: { kind: 'none' }, prefill: true }),
  )
})

test('a fault lasts for attempts, for a time, or always; its mark is inside the answer', () => {
  const status = (lasts: Extract<Fault, { kind: 'status' }>['lasts']): Fault => ({
    kind: 'status',
    status: 503,
    error,
    lasts,
  })
  assert.deepEqual(
    [1, 2].map(attempt => strikes(status({ attempts: 1 }), attempt, 0)),
    [true, false],
  )
  assert.deepEqual(
    [59, 60].map(ms => strikes(status({ ms: 60 }), 9, ms)),
    [true, false],
  )
  assert.ok(strikes(status('always'), 99, 1e9))
  assert.deepEqual([markAt(40 / 60, 60), markAt(2 / 3, 3), markAt(1 / 6, 3)], [40, 2, 1])
})
