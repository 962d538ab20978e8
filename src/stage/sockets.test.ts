import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { openRaw, type RawClient } from '../../test/support/raw.ts'
import { closedPort, type Stage, type StageOptions, startStage } from './stage.ts'

const open = async (t: TestContext, options: StageOptions = {}): Promise<Stage> => {
  const stage = await startStage(options)
  t.after(() => stage.close())
  return stage
}

const connect = async (t: TestContext, stage: Stage): Promise<RawClient> => {
  const client = await openRaw(stage.origin)
  t.after(() => client.leave())
  return client
}

const HELLO = { model: 'gpt-4.1', messages: [{ role: 'user', content: 'Hello' }] }
const send = (client: RawClient, stage: Stage, more: object = {}) =>
  client.request({
    path: '/v1/chat/completions',
    headers: [['Authorization', `Bearer ${stage.key}`]],
    body: { ...HELLO, ...more },
  })

test('a chunked request arrives as the bytes it stands for, and the raw head is kept', async t => {
  const stage = await open(t)
  const client = await connect(t, stage)
  const head = `POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nAUTHORIZATION: Bearer ${stage.key}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`
  const body = '{"model":"text-embedding-3-small","input":"é"}'
  await client.send(head)
  for (const byte of Buffer.from(body))
    await client.send(Buffer.concat([Buffer.from('1\r\n'), Buffer.from([byte]), Buffer.from('\r\n')]))
  await client.send('0\r\n\r\n')
  assert.equal((await client.head()).status, 200)
  assert.equal(stage.requests[0]?.headText, head)
  assert.equal(stage.requests[0]?.text, body)
})

test('bytes that are no HTTP are answered 400 and the line is closed', async t => {
  const stage = await open(t)
  for (const bytes of ['hello\r\n\r\n', 'GET / HTTP/1.1\r\nno colon\r\n\r\n', 'GET / HTTP/2.0\r\n\r\n']) {
    const client = await connect(t, stage)
    await client.send(bytes)
    assert.equal((await client.head()).status, 400)
    await client.ended
  }
  const client = await connect(t, stage)
  await client.send(
    'POST /v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n',
  )
  assert.equal((await client.head()).status, 400)
})

test('a request whose sender leaves half-way is recorded as incomplete', async t => {
  const stage = await open(t)
  const client = await connect(t, stage)
  await client.send('POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"model":')
  while (stage.requests.length === 0) await new Promise(resolve => setImmediate(resolve))
  client.leave()
  const hit = await stage.waitForRequest(1)
  assert.equal(hit.bodyComplete, false)
  assert.equal(hit.abandoned, true)
  assert.equal(hit.text, '{"model":')
})

test('an early response comes before the body was sent, and the line is closed after it', async t => {
  const stage = await open(t)
  stage.script([{ kind: 'early-response', status: 413 }])
  const client = await connect(t, stage)
  await client.send(`POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n`)
  assert.equal((await client.head()).status, 413)
  await client.body()
  await client.ended
})

test('103 first, then the answer; a broken status line is nothing at all', async t => {
  const stage = await open(t)
  stage.script([{ kind: 'informational' }, { kind: 'bad-status-line' }])
  const client = await connect(t, stage)
  await send(client, stage)
  assert.equal((await client.anyHead()).status, 103)
  assert.equal((await client.head()).status, 200)
  const other = await connect(t, stage)
  await send(other, stage)
  await assert.rejects(other.head(), /not a status line/)
})

test('garbage after the answer stands where the next one should begin', async t => {
  const stage = await open(t)
  stage.script([{ kind: 'trailing-garbage', where: 'connection' }])
  const client = await connect(t, stage)
  await send(client, stage)
  await client.head()
  await client.body()
  await send(client, stage)
  await assert.rejects(client.head(), /not a status line: the audience/)
})

test('a stall with an end goes on after it', async t => {
  const stage = await open(t)
  stage.script([
    { kind: 'stall', when: 'mid-stream', ms: 300 },
    // biome-ignore lint/suspicious/noThenProperty: the word a script uses; its value is data and never awaited
    { kind: 'stall', when: 'mid-stream', ms: 30, then: 'fin' },
  ])
  const client = await connect(t, stage)
  await send(client, stage, { stream: true })
  await client.head()
  const events = await client.events()
  assert.equal(events.at(-1)?.data, '[DONE]')
  const gap = Math.max(...events.slice(1).map((event, index) => event.at - (events[index]?.at ?? 0)))
  // The client may have been late to hear what came before the silence.
  assert.ok(gap >= 150, `${gap} ms`)
  await send(client, stage, { stream: true })
  await client.head()
  await assert.rejects(client.events(), /without the last chunk/)
})

test('a peer that stops reading holds the stage back; when it leaves, the stage knows', async t => {
  const stage = await open(t)
  const client = await connect(t, stage)
  client.pause()
  await send(client, stage, { stream: true, messages: [{ role: 'user', content: '[stage:words 200000]' }] })
  const hit = await stage.waitForRequest(1)
  let before = -1
  // Held back: two looks in a row that find no progress.
  while (hit.answered.bytes !== before || before <= 0) {
    before = hit.answered.bytes
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  assert.equal(hit.answered.complete, false)
  client.reset()
  await hit.closedByPeer
  await hit.finished
  assert.equal(hit.abandoned, true)
})

test('a reset and a clean leaving of the peer are told apart', async t => {
  const stage = await open(t)
  for (const how of ['fin', 'rst'] as const) {
    stage.clear()
    stage.script([{ kind: 'stall', when: 'before-headers' }])
    const client = await connect(t, stage)
    await send(client, stage)
    const hit = await stage.waitForRequest(1)
    if (how === 'fin') client.leave()
    else client.reset()
    assert.equal((await hit.closedByPeer).how, how)
  }
})

test('nothing listens on a closed port', async () => {
  const port = await closedPort()
  await assert.rejects(openRaw(`http://127.0.0.1:${port}`), { code: 'ECONNREFUSED' })
})

test('waiting for a request that never comes ends with what did come', async t => {
  const stage = await open(t)
  await assert.rejects(stage.waitForRequest(1, 20), /request 1 did not come within 20 ms; 0 came/)
})
