import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { LOCAL_ROUTES } from '../src/admin/local.ts'
import { NATIVE_PREFIXES } from '../src/providers/native.ts'
import { ROUTES } from '../src/routes.ts'
import { CHAT, CHAT_BODY, type Door, headOf, nobodyInside, openDoor, refusedWith } from './support/door.ts'
import { MASTER_KEY } from './support/harness.ts'
import { until } from './support/inside.ts'
import { headerIn } from './support/raw.ts'

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'] as const

/** Whose clients read errors in a form of their own. */
const OTHER_DIALECTS = /^\/v1\/messages|^\/v1(?:beta|alpha)\//

test('a path that is known under another method says which: 405 and allow', async t => {
  const on = await openDoor(t)
  const rows = [...ROUTES, ...LOCAL_ROUTES].flatMap(({ method, paths }) =>
    paths.map(path => ({ method, path })),
  )
  const patternOf = (path: string): RegExp =>
    new RegExp(`^${path.replace(/(?<=\/):[a-z]+/g, '[^/]+').replace(/\*/g, '.*')}$`)
  const known = new Map<string, Set<string>>()
  for (const { path } of rows) {
    // A provider's own API may take any method.
    if (NATIVE_PREFIXES.some(({ prefix }) => path.startsWith(`${prefix}/`))) continue
    const asked = path.replace(/(?<=\/):[a-z]+|\*/g, 'x')
    known.set(asked, new Set(rows.filter(row => patternOf(row.path).test(asked)).map(row => row.method)))
  }
  const client = await on.raw()
  for (const [path, methods] of known)
    for (const method of METHODS) {
      if (methods.has(method)) continue
      await client.send(headOf(method, path))
      const head = await client.head()
      const body = method === 'HEAD' ? undefined : (await client.body()).toString()
      assert.equal(head.status, 405, `${method} ${path}`)
      assert.deepEqual(new Set(headerIn(head, 'allow')?.split(', ')), methods, `${method} ${path}`)
      if (body === undefined) continue
      if (!OTHER_DIALECTS.test(path)) assert.equal(body, '{"detail":"Method Not Allowed"}')
      else assert.match(body, /"message":"This gateway does not serve [A-Z]+ \/v1/)
    }
  await client.send(headOf('GET', '/no/such/path'))
  assert.equal((await client.head()).status, 404)
  assert.equal(on.stages.lead.requests.length, 0)
})

test('a pass-through endpoint says which methods it takes', async t => {
  const on = await openDoor(t, { pass_through_endpoints: [{ path: '/own', target: 'http://127.0.0.1:1' }] })
  for (const path of ['/own', '/openai/x']) {
    const client = await on.raw()
    await client.send(headOf('OPTIONS', path))
    const head = await client.head()
    assert.equal(head.status, 405)
    assert.equal(headerIn(head, 'allow'), 'GET, POST, PUT, PATCH, DELETE')
  }
})

const MEGABYTE = 1024 * 1024
const LARGE = Buffer.alloc(20 * MEGABYTE, 0x20)

/** Requests that are answered while most of their body is still to come. */
const EARLY = [
  {
    what: 'a path that is not known',
    status: 404,
    head: headOf('POST', '/nowhere', { 'content-length': LARGE.length }),
  },
  { what: 'a wrong method', status: 405, head: headOf('DELETE', CHAT, { 'content-length': LARGE.length }) },
  {
    what: 'no key',
    status: 401,
    head: headOf('POST', CHAT, { authorization: '', 'content-length': LARGE.length }),
  },
  {
    what: 'no key, on a route of the gateway',
    status: 401,
    head: headOf('GET', '/v1/models', { authorization: '', 'content-length': LARGE.length }),
  },
  {
    what: 'a route of the gateway',
    status: 200,
    head: headOf('GET', '/v1/models', { 'content-length': LARGE.length }),
  },
  {
    what: 'a body over the limit',
    status: 413,
    head: headOf('POST', CHAT, { 'content-length': LARGE.length }),
  },
] as const

/** Sends everything, then reads: what was said meanwhile must have survived. */
const answeredInOrder = async (on: Door, head: string, status: number): Promise<void> => {
  const client = await on.raw()
  await client.send(head)
  for (let sent = 0; sent < LARGE.length; sent += MEGABYTE)
    await client.send(LARGE.subarray(sent, sent + MEGABYTE))
  const got = await client.head()
  assert.equal(got.status, status)
  await client.body()
  assert.equal(headerIn(got, 'connection'), 'close')
  assert.equal((await client.ended).how, 'fin')
}

test('an answer that does not wait for the body reaches a client that is still sending', async t => {
  const on = await openDoor(t, { max_request_size_mb: 1 })
  for (const { what, status, head } of EARLY)
    await t.test(what, async () => {
      for (let turn = 0; turn < 3; turn++) await answeredInOrder(on, head, status)
    })
  await t.test('a client that asked for the end of the connection', async () => {
    const small = headOf('POST', CHAT, { authorization: '', connection: 'close', 'content-length': 60_000 })
    for (let turn = 0; turn < 10; turn++) {
      const client = await on.raw()
      await client.send(small)
      for (let sent = 0; sent < 60; sent++) await client.send(LARGE.subarray(0, 1000))
      await refusedWith(client, 401)
      assert.equal((await client.ended).how, 'fin')
    }
  })
  await t.test('more calls than may be inside', async () => {
    const full = await openDoor(t, { max_in_flight_requests_per_worker: 0 })
    for (let turn = 0; turn < 3; turn++)
      await answeredInOrder(full, headOf('POST', CHAT, { 'content-length': LARGE.length }), 503)
  })
  await t.test('a door that is shut', async () => {
    const shut = await openDoor(t)
    shut.served().traffic.shutDoor()
    for (let turn = 0; turn < 3; turn++)
      await answeredInOrder(shut, headOf('POST', CHAT, { 'content-length': LARGE.length }), 503)
  })
  assert.equal(on.stages.lead.requests.length, 0)
  await until('nobody is inside', () => nobodyInside(on))
})

test('Expect: 100-continue asks before it sends', async t => {
  const on = await openDoor(t, { max_request_size_mb: 1 })
  await t.test('welcome: told to go on, then answered', async () => {
    const client = await on.raw()
    await client.send(headOf('POST', CHAT, { expect: '100-continue', 'content-length': CHAT_BODY.length }))
    assert.equal((await client.anyHead()).status, 100)
    await client.send(CHAT_BODY)
    assert.equal((await client.head()).status, 200)
  })
  await t.test('not welcome: told so at once, and never to go on', async () => {
    for (const [status, headers] of [
      [401, { authorization: '' }],
      [413, { 'content-length': 2 * MEGABYTE }],
    ] as const) {
      const client = await on.raw()
      await client.send(headOf('POST', CHAT, { expect: '100-continue', 'content-length': 10, ...headers }))
      assert.equal((await client.anyHead()).status, status)
      await client.body()
      // Whether the body comes is now the client's affair, so nobody could tell where the next request begins.
      assert.equal((await client.ended).how, 'fin')
    }
  })
  await t.test('anything else expected: 417', async () => {
    const client = await on.raw()
    await client.send(headOf('POST', CHAT, { expect: 'applause', 'content-length': 0 }))
    await refusedWith(client, 417)
  })
})

test('what is no request is refused in the dialect of the API, and the connection ends in order', async t => {
  const on = await openDoor(t)
  const cases: readonly (readonly [status: number, bytes: string])[] = [
    [400, 'Hello there!\r\n\r\n'],
    [400, `GET /v1/models HTTP/1.1\r\nauthorization: Bearer ${MASTER_KEY}\r\n\r\n`],
    [400, headOf('GET', '/v1/models').replace('host: gateway', 'host: gateway\r\nhost: other')],
    [400, headOf('POST', CHAT, { 'content-length': '1 0' })],
    [400, `${headOf('POST', CHAT, { 'transfer-encoding': 'chunked' })}zz\r\n`],
    [400, headOf('POST', CHAT, { 'transfer-encoding': 'chunked' }).replace('HTTP/1.1', 'HTTP/1.0')],
    [431, headOf('GET', '/v1/models', { 'x-long': 'x'.repeat(100_000) })],
    [431, headOf('GET', '/v1/models', { 'x-endless': 'x'.repeat(10 * MEGABYTE) })],
    [501, `${headOf('POST', CHAT, { 'transfer-encoding': 'gzip, chunked' })}0\r\n\r\n`],
    [505, headOf('GET', '/v1/models').replace('HTTP/1.1', 'HTTP/2.0')],
    [505, 'GET /v1/models\r\n\r\n'],
  ]
  for (const [status, bytes] of cases)
    await t.test(`${status} for ${JSON.stringify(bytes.slice(0, 40))}`, async () => {
      const client = await on.raw()
      await client.send(bytes)
      const { type, head } = await refusedWith(client, status)
      assert.equal(type, 'invalid_request_error')
      assert.equal(headerIn(head, 'connection')?.toLowerCase(), 'close')
      assert.equal((await client.ended).how, 'fin')
    })
  await t.test('a tunnel', async () => {
    const client = await on.raw()
    await client.send(headOf('CONNECT', 'example.com:443'))
    assert.equal((await client.head()).status, 405)
    assert.equal((await client.body()).toString(), '{"detail":"Method Not Allowed"}')
    assert.equal((await client.ended).how, 'fin')
  })
  assert.equal(on.stages.lead.requests.length, 0)
  await until('nobody is inside', () => nobodyInside(on))
  const reasons = (await on.records()).map(record => [record.end, record.status])
  assert.ok(
    reasons.every(([end]) => end === 'refused'),
    JSON.stringify(reasons),
  )
})

test('a client that is done with sending in the middle is told so, and nothing is begun for it', async t => {
  const on = await openDoor(t)
  for (const begun of [
    'POST /v1/chat/compl',
    headOf('POST', CHAT).slice(0, -2),
    `${headOf('POST', CHAT, { 'content-length': 1000 })}${CHAT_BODY}`,
    `${headOf('POST', CHAT, { 'content-length': 1_000_000 })}${CHAT_BODY}`,
    `${headOf('POST', CHAT, { 'transfer-encoding': 'chunked' })}5\r\n{"mod`,
  ]) {
    const { port } = new URL(on.url)
    const socket = connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true })
    t.after(() => void socket.destroy())
    socket.end(begun)
    const said: Buffer[] = []
    for await (const bytes of socket) said.push(bytes)
    const [head = '', body = ''] = Buffer.concat(said).toString().split('\r\n\r\n')
    assert.match(head, /^HTTP\/1\.1 400 /)
    assert.equal((JSON.parse(body) as { error: { code: string } }).error.code, '400')
  }
  await until('nobody is inside', () => nobodyInside(on))
  assert.equal(on.stages.lead.requests.length, 0)
})

test('a tunnel that is asked for and reset is nobody’s fault', async t => {
  const on = await openDoor(t)
  for (let turn = 0; turn < 20; turn++) {
    const client = await on.raw()
    await client.send(headOf('CONNECT', 'example.com:443'))
    assert.equal((await client.head()).status, 405)
    void client.send('more'.repeat(100_000))
    client.reset()
  }
  const since = performance.now()
  assert.equal((await on.ask(CHAT, JSON.parse(CHAT_BODY))).status, 200)
  // None of them is kept for as long as a client may take to leave.
  await on.close()
  assert.ok(performance.now() - since < 10_000)
})

test('a call is never answered for the one behind it', async t => {
  const on = await openDoor(t)
  on.stages.lead.script([{ kind: 'stall', when: 'before-headers' }])
  const { port } = new URL(on.url)
  const socket = connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true })
  t.after(() => void socket.destroy())
  const said: Buffer[] = []
  socket.on('data', (bytes: Buffer) => said.push(bytes))
  socket.write(`${headOf('POST', CHAT, { 'content-length': CHAT_BODY.length })}${CHAT_BODY}`)
  await on.stages.lead.waitForRequest(1)
  // The beginning of a second one, and then nothing more.
  socket.end('POST /v1/chat/compl')
  await once(socket, 'end')
  assert.equal(Buffer.concat(said).toString(), '')
  await until('nobody is inside', () => nobodyInside(on))
})

test('a request that came whole is answered, whatever follows it; then the connection ends', async t => {
  const on = await openDoor(t)
  for (const stream of [false, true]) {
    const body = JSON.stringify({ ...JSON.parse(CHAT_BODY), stream })
    const client = await on.raw()
    await client.send(`${headOf('POST', CHAT, { 'content-length': body.length })}${body}Boo!\r\n\r\n`)
    assert.equal((await client.head()).status, 200)
    assert.match((await client.body()).toString(), /understudy/)
    assert.equal((await client.ended).how, 'fin')
  }
  await until('nobody is inside', () => nobodyInside(on))
})
