import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openDoor } from './support/door.ts'
import { MASTER_KEY } from './support/harness.ts'
import { headerIn } from './support/raw.ts'

/** Agents that speak the Responses API try a WebSocket first; at 426 they turn to HTTP at once. */

const upgrade = (path: string, protocol = 'websocket', more = ''): string =>
  `GET ${path} HTTP/1.1\r\nhost: stage\r\nconnection: Upgrade\r\nupgrade: ${protocol}\r\n` +
  `sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n${more}\r\n`

for (const path of [
  '/v1/responses',
  '/responses',
  '/openai/v1/responses',
  '/openai/responses',
  '/v1/responses/',
  '/v1/responses?model=star',
])
  test(`a WebSocket at ${path} is told to use HTTP, and the connection ends`, async t => {
    const on = await openDoor(t)
    const client = await on.raw()
    await client.send(upgrade(path, 'WebSocket', `authorization: Bearer ${MASTER_KEY}\r\n`))
    const head = await client.head()
    assert.equal(head.status, 426)
    assert.equal(headerIn(head, 'connection'), 'close')
    assert.equal(headerIn(head, 'upgrade'), undefined)
    assert.match(headerIn(head, 'content-type') ?? '', /^application\/json/)
    assert.deepEqual(JSON.parse((await client.body()).toString()), {
      error: {
        message:
          'This address is not served over a WebSocket: send the request by POST, with stream: true for events.',
        type: 'invalid_request_error',
        param: null,
        code: '426',
      },
    })
    assert.equal((await client.ended).how, 'fin')
    assert.equal(on.stages.lead.requests.length, 0)
  })

test('without an upgrade the path is known under another method, as before', async t => {
  const on = await openDoor(t)
  const client = await on.raw()
  await client.send('GET /v1/responses HTTP/1.1\r\nhost: stage\r\n\r\n')
  const head = await client.head()
  assert.deepEqual([head.status, headerIn(head, 'allow')], [405, 'POST'])
})

test('other upgrades are no upgrades: the request is answered as any other', async t => {
  const on = await openDoor(t)
  for (const [request, status] of [
    [upgrade('/v1/realtime'), 404],
    [upgrade('/v1/chat/completions'), 405],
    [upgrade('/v1/responses', 'h2c'), 405],
    [upgrade('/health/liveliness'), 200],
  ] as const) {
    const client = await on.raw()
    await client.send(request)
    assert.equal((await client.head()).status, status, request)
    client.leave()
  }
})

test('a stored response is still read over a connection that could be upgraded', async t => {
  const on = await openDoor(t)
  const client = await on.raw()
  await client.send(
    upgrade('/v1/responses/resp_unknown', 'websocket', `authorization: Bearer ${MASTER_KEY}\r\n`),
  )
  assert.notEqual((await client.head()).status, 426)
  client.leave()
})
