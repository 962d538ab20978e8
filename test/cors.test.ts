import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LOCAL_ROUTES } from '../src/admin/local.ts'
import { NATIVE_ROUTES } from '../src/passthrough/routes.ts'
import { ROUTES } from '../src/routes.ts'
import { CHAT, CHAT_BODY, headOf, openDoor } from './support/door.ts'
import { headerIn, type RawHead } from './support/raw.ts'

/** What a page in a browser may ask of the gateway, and read of its answers. */

const PAGE = 'https://chat.example.com'
const OTHER = 'https://elsewhere.example.com'
const JSON_TYPE = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(CHAT_BODY) }

const asked = (origin: string, headers = 'authorization,content-type,x-litellm-tags') => ({
  // As browsers send it: no key.
  authorization: '',
  origin,
  'access-control-request-method': 'POST',
  'access-control-request-headers': headers,
})

const openness = (head: RawHead): readonly (string | undefined)[] =>
  ['access-control-allow-origin', 'access-control-allow-credentials', 'vary'].map(name =>
    headerIn(head, name),
  )

test('a preflight is answered without a key, on every route', async t => {
  const on = await openDoor(t)
  const client = await on.raw()
  const paths = new Set(
    [...ROUTES, ...NATIVE_ROUTES, ...LOCAL_ROUTES].flatMap(route =>
      route.paths.map(path => path.replace(/:[a-z]+|\*/g, 'x')),
    ),
  )
  for (const path of paths) {
    await client.send(headOf('OPTIONS', path, asked(PAGE)))
    const head = await client.head()
    assert.equal(head.status, 200, path)
    assert.equal((await client.body()).toString(), 'OK')
    assert.deepEqual(openness(head), ['*', undefined, undefined])
    assert.equal(headerIn(head, 'access-control-allow-headers'), 'authorization,content-type,x-litellm-tags')
    assert.match(headerIn(head, 'access-control-allow-methods') ?? '', /DELETE.*GET.*PATCH.*POST.*PUT/)
  }
  assert.equal(on.stages.lead.requests.length, 0)
})

test('an OPTIONS request that is no preflight is one with a wrong method, as before', async t => {
  const on = await openDoor(t)
  const client = await on.raw()
  await client.send(headOf('OPTIONS', CHAT, { origin: PAGE }))
  const head = await client.head()
  assert.equal(head.status, 405)
  assert.deepEqual(openness(head), ['*', undefined, undefined])
})

test('a page may read every answer: success, stream, refusal, unknown path, wrong method', async t => {
  const on = await openDoor(t)
  const client = await on.raw()
  const stream = JSON.stringify({ ...JSON.parse(CHAT_BODY), stream: true })
  const cases: readonly (readonly [status: number, request: string])[] = [
    [200, headOf('POST', CHAT, { origin: PAGE, ...JSON_TYPE }) + CHAT_BODY],
    [
      200,
      headOf('POST', CHAT, { origin: PAGE, ...JSON_TYPE, 'content-length': Buffer.byteLength(stream) }) +
        stream,
    ],
    [200, headOf('GET', '/v1/models', { origin: PAGE })],
    [400, `${headOf('POST', CHAT, { origin: PAGE, ...JSON_TYPE, 'content-length': 2 })}{}`],
    [401, headOf('POST', CHAT, { origin: PAGE, ...JSON_TYPE, authorization: '' }) + CHAT_BODY],
    [401, headOf('GET', '/v1/models', { origin: PAGE, authorization: '' })],
    [404, headOf('GET', '/nowhere', { origin: PAGE })],
    [405, headOf('DELETE', CHAT, { origin: PAGE })],
    [417, headOf('POST', CHAT, { origin: PAGE, expect: 'miracles', 'content-length': 0 })],
  ]
  for (const [status, request] of cases) {
    await client.send(request)
    const head = await client.head()
    await client.body()
    assert.equal(head.status, status)
    assert.deepEqual(openness(head), ['*', undefined, undefined], request)
    assert.match(headerIn(head, 'access-control-expose-headers') ?? '', /retry-after.*x-litellm-call-id/)
  }
})

test('a client that is no browser gets no header about origins', async t => {
  const on = await openDoor(t, { cors_allow_origins: [PAGE] })
  const reply = await on.ask(CHAT, CHAT_BODY)
  assert.equal(reply.status, 200)
  assert.deepEqual(
    Object.keys(reply.headers).filter(name => name.startsWith('access-control-')),
    [],
  )
})

test('with named origins a page of another one may neither ask nor read', async t => {
  const on = await openDoor(t, { cors_allow_origins: [PAGE] })
  const client = await on.raw()
  await client.send(headOf('OPTIONS', CHAT, asked(PAGE)))
  const mine = await client.head()
  await client.body()
  assert.equal(mine.status, 200)
  assert.deepEqual(openness(mine), [PAGE, 'true', 'Origin'])
  await client.send(headOf('OPTIONS', CHAT, asked(OTHER)))
  const theirs = await client.head()
  assert.equal((await client.body()).toString(), 'Disallowed CORS origin')
  assert.equal(theirs.status, 400)
  assert.deepEqual(openness(theirs), [undefined, undefined, 'Origin'])
  for (const [origin, expected] of [
    [PAGE, [PAGE, 'true', 'Origin']],
    [OTHER, [undefined, undefined, undefined]],
    // Not by its beginning either.
    [`${PAGE}.evil.test`, [undefined, undefined, undefined]],
    ['null', [undefined, undefined, undefined]],
  ] as const) {
    await client.send(headOf('POST', CHAT, { origin, ...JSON_TYPE }) + CHAT_BODY)
    const head = await client.head()
    await client.body()
    assert.equal(head.status, 200)
    assert.deepEqual(openness(head), expected, origin)
  }
})
