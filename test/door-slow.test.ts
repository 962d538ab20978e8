import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { CHAT, CHAT_BODY, type Door, headOf, nobodyInside, openDoor, refusedWith } from './support/door.ts'
import { MASTER_KEY, play, replyOf } from './support/harness.ts'
import { until } from './support/inside.ts'
import { startPuppet } from './support/puppet.ts'

const MEGABYTE = 1024 * 1024

/** Server limits are looked at once a second. */
const LIMITS = {
  client_head_timeout_seconds: 0.3,
  client_request_timeout_seconds: 0.6,
  client_stall_timeout_seconds: 0.3,
}
/** Room for a busy machine. */
const PATIENCE_MS = 15_000

/** The rest of a request, sent after it was told that it is too late: nothing may be begun that nobody is told of. */
const tooLate = async (on: Door): Promise<void> => {
  const client = await on.raw()
  const request = headOf('GET', '/v1/files?model=g')
  await client.send(request.slice(0, -2))
  await refusedWith(client, 408)
  await client.send(`${request.slice(-2)}${request}`)
  // A call that is let in is with the provider before another one has gone there and back.
  assert.equal((await on.ask('/v1/files?model=g')).status, 200)
  assert.equal(on.stages.lead.requests.length, 1)
  client.leave()
}

const slowSenders = async (t: TestContext): Promise<void> => {
  const on = await openDoor(t, LIMITS)
  const since = performance.now()
  const drips: NodeJS.Timeout[] = []
  /** Begins like this and then sends a byte now and then; gets 408, and the connection ends. */
  const slowly = async (begun: string): Promise<void> => {
    const client = await on.raw()
    await client.send(begun)
    drips.push(setInterval(() => void client.send('x').catch(() => {}), 50).unref())
    await refusedWith(client, 408)
    await client.ended
  }
  // Side by side: each waits for the same second.
  await Promise.all([
    slowly('POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nx-slow: '),
    slowly(headOf('POST', CHAT, { 'content-length': 5000 })),
    slowly(headOf('POST', CHAT, { 'content-length': 5_000_000 })),
    slowly(`${headOf('POST', CHAT, { 'transfer-encoding': 'chunked' })}ffff\r\n`),
    on.raw().then(silent => silent.ended),
    tooLate(on),
  ])
  for (const drip of drips) clearInterval(drip)
  assert.ok(performance.now() - since < PATIENCE_MS)
  await until('nobody is inside', () => nobodyInside(on))
  assert.deepEqual(
    (await on.records()).map(record => [record.end, record.status]),
    [
      ['refused', 408],
      ['refused', 408],
      ['refused', 408],
      ['complete', 200],
    ],
  )
  assert.equal(on.stages.lead.requests.length, 1)
}

/** More than the kernel takes for a client that does not read. */
const LONG_LINE = `${'x'.repeat(65_535)} `.repeat(192)

const unread = async (t: TestContext): Promise<void> => {
  const on = await openDoor(t, LIMITS, LONG_LINE)
  for (const [what, path, more] of [
    ['a whole answer', CHAT, {}],
    ['a stream', CHAT, { stream: true }],
  ] as const)
    await t.test(what, async () => {
      const client = await on.raw()
      client.pause()
      const since = performance.now()
      await client.request({
        path,
        headers: [['authorization', `Bearer ${MASTER_KEY}`]],
        body: { ...JSON.parse(CHAT_BODY), ...more },
      })
      await until('the call is inside', () => on.served().traffic.inside === 1)
      await until('it is over', () => nobodyInside(on), PATIENCE_MS)
      assert.ok(performance.now() - since > 250, 'not before its time')
      const record = (await on.records()).at(-1)
      assert.equal(record?.end, 'client_left')
      client.leave()
    })
  await t.test('pipelined requests whose answers pile up', async () => {
    const client = await on.raw()
    client.pause()
    const one = `${headOf('POST', CHAT, { 'content-length': CHAT_BODY.length })}${CHAT_BODY}`
    await client.send(one.repeat(3))
    await until('the calls are inside', () => on.served().traffic.inside > 0)
    await until('they are over', () => nobodyInside(on), PATIENCE_MS)
    client.leave()
  })
}

const readsSlowly = async (t: TestContext): Promise<void> => {
  const on = await openDoor(t, { client_stall_timeout_seconds: 1 }, LONG_LINE)
  const { port } = new URL(on.url)
  const socket = connect(Number(port), '127.0.0.1')
  t.after(() => void socket.destroy())
  const since = performance.now()
  socket.write(
    `${headOf('POST', CHAT, { connection: 'close', 'content-length': CHAT_BODY.length })}${CHAT_BODY}`,
  )
  let size = 0
  let rested = 0
  socket.on('data', (bytes: Buffer) => {
    size += bytes.length
    if (size - rested < MEGABYTE) return
    rested = size
    socket.pause()
    setTimeout(() => socket.resume(), 150)
  })
  await once(socket, 'end')
  assert.ok(size > LONG_LINE.length)
  assert.ok(performance.now() - since > 1000, 'longer than the limit')
}

const lagged = async (t: TestContext): Promise<void> => {
  const puppet = await startPuppet(t)
  const on = await play(t, {
    config: {
      model_list: [
        { model_name: 'g', litellm_params: { model: 'openai/m', api_base: puppet.baseUrl, api_key: 'k' } },
      ],
      general_settings: { client_stall_timeout_seconds: 0.6 },
    },
  })
  const chunk = (delta: object, finish: string | null): string =>
    `data: ${JSON.stringify({ id: 'c', model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`
  const client = await on.raw()
  client.pause()
  await client.request({
    path: CHAT,
    headers: [['authorization', `Bearer ${MASTER_KEY}`]],
    body: { ...JSON.parse(CHAT_BODY), stream: true },
  })
  const call = await puppet.next()
  call.events()
  await call.write(chunk({ content: 'x' }, null))
  // One event that no buffer takes whole.
  const large = call.write(chunk({ content: 'y'.repeat(6 * MEGABYTE) }, null))
  await new Promise(resolve => setTimeout(resolve, 100))
  client.resume()
  await large
  assert.equal((await client.head()).status, 200)
  for (let read = 0; read < 2; read++) assert.ok((await client.event())?.data)
  await new Promise(resolve => setTimeout(resolve, 1500))
  call.end(`${chunk({}, 'stop')}data: [DONE]\n\n`)
  assert.equal((await client.events()).at(-1)?.data, '[DONE]')
}

const follow = async (t: TestContext): Promise<void> => {
  const on = await openDoor(t)
  const config = JSON.parse(await readFile(on.configPath, 'utf8')) as { general_settings: object }
  await writeFile(on.configPath, JSON.stringify({ ...config, general_settings: LIMITS }))
  await on.served().reload()
  const client = await on.raw()
  await client.send('POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\n')
  await refusedWith(client, 408)
  const reply = await replyOf(await on.send({ path: CHAT, body: JSON.parse(CHAT_BODY) }))
  assert.equal(reply.status, 200)
}

test('slow senders, of a head or of a body, are told so and leave; one that says nothing leaves', slowSenders)
test('a client that does not read its answer has left', unread)
test('a client that reads slowly but reads gets everything', readsSlowly)
test('a client that lagged once is not blamed for a provider that says nothing', lagged)
test('the limits follow the configuration while the gateway runs', follow)
