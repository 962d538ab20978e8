import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import type { JsonObject } from '../src/wire/json.ts'
import { asked, assertRefused, CHAT, JSON_TYPE, KEY, MESSAGES, open } from './support/bodies.ts'
import { MASTER_KEY, replyOf } from './support/harness.ts'
import { until } from './support/inside.ts'
import { headerIn, type RawClient, type RawRequest } from './support/raw.ts'

/** The answer comes whole, and the connection ends without a reset, which could have swallowed it. */
const refusedInOrder = async (client: RawClient): Promise<void> => {
  const head = await client.head()
  assert.equal(head.status, 413)
  assert.equal(headerIn(head, 'connection'), 'close')
  const { error } = JSON.parse((await client.body()).toString()) as { error: JsonObject }
  assert.equal(error.param, 'request_body')
  assert.equal((await client.ended).how, 'fin')
}

test('a body over the limit', async t => {
  const on = await open(t)
  const megabytes = (count: number): Buffer => Buffer.alloc(count * 1024 * 1024, 0x20)
  await t.test('announced: is refused before it is sent', async () => {
    const client = await on.raw()
    const head = `POST ${CHAT} HTTP/1.1\r\nhost: g\r\nauthorization: Bearer ${MASTER_KEY}\r\ncontent-type: application/json\r\n`
    await client.send(`${head}content-length: 104857600\r\n\r\n`)
    assertRefused(await replyOf(client), 413, 'request_body')
  })
  await t.test('announced and sent all the same: the client gets to read why', async () => {
    for (let turn = 0; turn < 5; turn++) {
      const client = await on.raw()
      await client.request({ path: CHAT, headers: [KEY, JSON_TYPE], body: megabytes(20) })
      await refusedInOrder(client)
    }
  })
  await t.test('in chunks: is refused when it grows too large, and the client gets to read why', async () => {
    for (let turn = 0; turn < 5; turn++) {
      const client = await on.raw()
      await client.send(
        `POST ${CHAT} HTTP/1.1\r\nhost: g\r\nauthorization: Bearer ${MASTER_KEY}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`,
      )
      const piece = megabytes(5)
      await client.send(`${(4 * piece.length).toString(16)}\r\n`)
      for (let sent = 0; sent < 4; sent++) await client.send(piece)
      await client.send('\r\n0\r\n\r\n')
      await refusedInOrder(client)
    }
  })
  await t.test('compressed: what it unfolds to is what counts', async () => {
    const body = gzipSync(megabytes(50))
    const client = await on.send({
      path: CHAT,
      headers: [KEY, JSON_TYPE, ['content-encoding', 'gzip']],
      body,
    })
    assertRefused(await replyOf(client), 413, 'request_body')
  })
  await t.test('without a key, but small: 401, and the connection serves on', async () => {
    const client = await on.raw()
    for (let turn = 0; turn < 3; turn++) {
      await client.request({ path: CHAT, headers: [JSON_TYPE], body: `{"model":"g",${MESSAGES}}` })
      const head = await client.head()
      assert.equal(head.status, 401)
      assert.notEqual(headerIn(head, 'connection'), 'close')
      await client.body()
    }
  })
  await t.test('without a key: 401, and no byte of it is waited for', async () => {
    const client = await on.raw()
    await client.send(`POST ${CHAT} HTTP/1.1\r\nhost: g\r\ncontent-length: 104857600\r\n\r\n`)
    assert.equal((await replyOf(client)).status, 401)
  })
  await t.test('reaches no provider and leaves nothing held', async () => {
    await until('all are over', () => on.served().traffic.inside === 0)
    assert.equal(asked(on), 0)
    assert.equal(on.served().house.memory.held, 0)
  })
})

test('a body of 60 MB keeps its retry and its fallback, in one copy', async t => {
  const on = await open(t, { maxMb: 100 })
  const text = 'line '.repeat((60 * 1024 * 1024) / 5)
  const body = `{"model":"g","messages":[{"role":"user","content":"${text}"}]}`
  on.stages.lead.script([
    { kind: 'status', status: 503 },
    { kind: 'status', status: 503 },
  ])
  on.stages.backup.script([{ kind: 'stall', when: 'before-headers', ms: 1 }])
  const client = await on.raw()
  await client.request({ path: CHAT, headers: [KEY, JSON_TYPE], body })
  const hit = await on.stages.backup.waitForRequest(1, 60_000)
  assert.equal(on.served().house.memory.held, Buffer.byteLength(body))
  assert.equal((await client.head()).status, 200)
  assert.equal(on.stages.lead.requests.length, 2)
  const expected = Buffer.from(body.replace('"g"', '"gpt-4.1"'))
  assert.ok(expected.equals(hit.body))
  await client.body()
  await until('the call is over', () => on.served().traffic.inside === 0)
  assert.equal(on.served().house.memory.held, 0)
})

test('bodies beyond the memory budget wait outside: 503 and when to come again', async t => {
  const on = await open(t, { inside: { memoryBytes: 1_000_000 } })
  const body = `{"model":"g","messages":[{"role":"user","content":"${'x'.repeat(700_000)}"}]}`
  on.stages.lead.script([{ kind: 'stall', when: 'before-headers' }])
  const first = await on.raw()
  await first.request({ path: CHAT, headers: [KEY, JSON_TYPE], body })
  await on.stages.lead.waitForRequest(1)
  const chunked = `${(700_000).toString(16)}\r\n${body.slice(0, 700_000)}\r\n0\r\n\r\n`
  for (const request of [
    { path: CHAT, headers: [KEY, JSON_TYPE], body },
    { path: CHAT, headers: [KEY, JSON_TYPE, ['transfer-encoding', 'chunked'] as const], body: chunked },
  ] satisfies RawRequest[]) {
    const client = await on.raw()
    await client.request(request)
    const reply = await replyOf(client)
    assertRefused(reply, 503, null)
    assert.match(reply.headers['retry-after'] ?? '', /^[1-9][0-9]*$/)
  }
  // Small ones still find room, and the large one as soon as the first has gone.
  assert.equal((await on.ask(CHAT, `{"model":"g",${MESSAGES}}`)).status, 200)
  first.leave()
  await until('its room is free', () => on.served().house.memory.held === 0)
  assert.equal((await on.ask(CHAT, body)).status, 200)
  assert.equal(on.served().house.memory.held, 0)
})

test('a compressed body is read, and goes on as it was meant', async t => {
  const on = await open(t)
  const plain = `{"model":"g","seed":12345678901234567890,${MESSAGES}}`
  const coders = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync, zstd: zstdCompressSync }
  const send = async (coding: string, body: Uint8Array) =>
    replyOf(await on.send({ path: CHAT, headers: [KEY, JSON_TYPE, ['content-encoding', coding]], body }))
  for (const [coding, compress] of Object.entries(coders)) {
    on.stages.lead.clear()
    assert.equal((await send(coding, compress(plain))).status, 200, coding)
    const [hit] = on.stages.lead.requests
    assert.equal(hit?.text, plain.replace('"g"', '"gpt-4.1"'))
    assert.equal(hit?.header('content-encoding'), undefined)
  }
  on.stages.lead.clear()
  assertRefused(await send('gzip', Buffer.from(plain)), 400, 'request_body')
  assertRefused(await send('gzip', gzipSync(plain).subarray(0, -12)), 400, 'request_body')
  assertRefused(await send('lzma', Buffer.from(plain)), 415, 'content-encoding')
  assert.equal(asked(on), 0)
  assert.equal(on.served().house.memory.held, 0)
})

test('M-164 bodies that come by the byte do not keep others waiting', async t => {
  const on = await open(t)
  const slow = await Promise.all(Array.from({ length: 30 }, () => on.raw()))
  for (const client of slow) {
    await client.send(
      `POST ${CHAT} HTTP/1.1\r\nhost: g\r\nauthorization: Bearer ${MASTER_KEY}\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n{`,
    )
  }
  await until('all are inside', () => on.served().traffic.inside === slow.length)
  for (let round = 0; round < 3; round++) {
    for (const client of slow) await client.send('"')
    const reply = await on.ask(CHAT, `{"model":"g",${MESSAGES}}`)
    assert.equal(reply.status, 200)
  }
  for (const client of slow) client.leave()
  await until('all are gone', () => on.served().traffic.inside === 0)
  assert.equal(on.served().house.memory.held, 0)
})
