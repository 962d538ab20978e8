import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { LOCAL_ROUTES } from '../src/admin/local.ts'
import { NATIVE_ROUTES } from '../src/passthrough/routes.ts'
import { ROUTES } from '../src/routes.ts'
import { assertErrorShape, assertGoogleError, assertMessagesError, outline } from './support/answers.ts'
import { deployment, MASTER_KEY, type Play, play, type Reply } from './support/harness.ts'
import { headerIn, type RawClient, type RawRequest } from './support/raw.ts'
import { requestFor, routeNamed } from './support/requests.ts'

/** The only doors without a lock. A new one has to be written here by hand. */
const OPEN = ['GET /health/liveliness', 'GET /health/liveness', 'GET /health/readiness', 'HEAD /api/hello']

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'] as const
const WRONG_KEY = 'sk-somebody-elses-key-1234'

type Stages = { readonly lead: object }

/** Every route of the three tables under each of its paths, parameters filled in. */
const doors = (): readonly string[] => [
  ...new Set(
    [...ROUTES, ...NATIVE_ROUTES, ...LOCAL_ROUTES].flatMap(({ method, paths }) =>
      paths.map(path => `${method} ${path.replace(/\/:[a-z]+/g, '/star').replace('*', 'files/star')}`),
    ),
  ),
]

const pathsOf = (list: readonly string[]): readonly string[] => [
  ...new Set(list.map(door => door.slice(door.indexOf(' ') + 1))),
]

const start = (t: TestContext): Promise<Play<Stages>> =>
  play(t, {
    stages: { lead: {} },
    config: ({ lead }) => ({
      model_list: [deployment('star', lead, 'gpt-4.1')],
      general_settings: {
        litellm_key_header_name: 'X-House-Key',
        pass_through_endpoints: [
          {
            path: '/partner',
            target: lead.baseUrl,
            include_subpath: true,
            headers: { Authorization: `Bearer ${lead.key}` },
          },
        ],
      },
    }),
  })

type Answer = Pick<Reply, 'status' | 'headers' | 'text'>

const replyOf = (answer: Answer): Reply => ({ ...answer, json: () => JSON.parse(answer.text) })

/** Asks on one connection, again and again; a closed one is opened anew. */
const asker = (gateway: Play<Stages>): ((request: RawRequest) => Promise<Answer>) => {
  let client: RawClient | undefined
  return async request => {
    client ??= await gateway.raw()
    await client.request(request)
    const head = await client.head()
    const text = request.method === 'HEAD' ? '' : (await client.body()).toString()
    const headers = Object.fromEntries(head.headers.map(([name, value]) => [name.toLowerCase(), value]))
    if (request.method === 'HEAD' || headerIn(head, 'connection') === 'close') {
      client.leave()
      client = undefined
    }
    return { status: head.status, headers, text }
  }
}

const bearer = (key: string): RawRequest['headers'] => [['authorization', `Bearer ${key}`]]

test('every route denies without a key and with a wrong one, under every path and method', async t => {
  const gateway = await start(t)
  const ask = asker(gateway)
  const all = doors()
  const opened: string[] = []
  for (const path of [...pathsOf(all), '/partner', '/partner/files']) {
    for (const method of METHODS) {
      const door = `${method} ${path}`
      const locked = all.includes(door) || (path.startsWith('/partner') && !/HEAD|OPTIONS/.test(method))
      for (const headers of [[], bearer(WRONG_KEY)]) {
        const answer = await ask({ method, path, headers: headers ?? [] })
        if (answer.status === 200) opened.push(door)
        else if (locked && path.startsWith('/v1/messages')) assertMessagesError(replyOf(answer), 401)
        else if (locked && /:[a-zA-Z]+$|^\/v1(?:beta|alpha)\//.test(path))
          assertGoogleError(replyOf(answer), 401)
        else if (locked) assertErrorShape(replyOf(answer), 401)
        else assert.ok([401, 404, 405].includes(answer.status), `${door}: ${answer.status}`)
        assert.ok(!answer.text.includes(WRONG_KEY), `${door} repeats the key`)
      }
    }
  }
  assert.deepEqual([...new Set(opened)].sort(), OPEN)
  assert.equal(gateway.stages.lead.requests.length, 0, 'a request without a key reached a provider')
})

test('open doors say nothing of what is behind them', async t => {
  const gateway = await start(t)
  const ask = asker(gateway)
  for (const door of OPEN) {
    const [method = '', path = ''] = door.split(' ')
    const { text } = await ask({ method, path })
    assert.doesNotMatch(text, /star|gpt|openai|127\.0\.0\.1|sk-/)
  }
})

const chat = routeNamed('chat.completions')
const form = routeNamed('audio.transcriptions')

/** One request of each kind of door: JSON, form, answered here, passed through. */
const KINDS: readonly (readonly [name: string, request: RawRequest])[] = [
  ['a JSON body', requestFor(chat, { group: 'star' })],
  ['a form', requestFor(form, { group: 'star' })],
  ['a list of models', { path: '/v1/models' }],
  ['a pass-through call', { path: '/openai/v1/files' }],
  ['a configured endpoint', { path: '/partner/files' }],
]

const CARRIERS: readonly (readonly [name: string, value: string])[] = [
  ['Authorization', `Bearer ${MASTER_KEY}`],
  ['Authorization', `bearer   ${MASTER_KEY}`],
  ['Authorization', MASTER_KEY],
  ['x-litellm-api-key', MASTER_KEY],
  ['x-litellm-api-key', `Bearer ${MASTER_KEY}`],
  ['x-api-key', MASTER_KEY],
  ['api-key', MASTER_KEY],
  ['x-goog-api-key', MASTER_KEY],
  ['X-House-Key', MASTER_KEY],
  ['x-house-key', `Bearer ${MASTER_KEY}`],
]

const withHeaders = (request: RawRequest, more: RawRequest['headers']): RawRequest => ({
  ...request,
  headers: [...(request.headers ?? []), ...(more ?? [])],
})

for (const [name, request] of KINDS) {
  test(`M-161 the master key opens ${name} in every header that may carry it, and goes no further`, async t => {
    const gateway = await start(t)
    const { lead } = gateway.stages
    const ask = asker(gateway)
    const seen: (readonly [answer: unknown, heads: unknown])[] = []
    for (const carrier of CARRIERS) {
      lead.clear()
      const answer = await ask(withHeaders(request, [carrier]))
      assert.equal(answer.status, 200, `${carrier.join(': ')}: ${answer.text}`)
      for (const hit of lead.requests) assert.ok(!hit.headText.includes(MASTER_KEY), carrier[0])
      seen.push([outline(replyOf(answer)), lead.requests.map(hit => [hit.target, hit.headers])])
    }
    for (const other of seen) assert.deepEqual(other, seen[0])
  })

  test(`M-161 two keys that differ never open ${name}`, async t => {
    const gateway = await start(t)
    const ask = asker(gateway)
    for (const [first, second] of [
      [MASTER_KEY, WRONG_KEY],
      [WRONG_KEY, MASTER_KEY],
    ] as const) {
      for (const carrier of [
        'x-litellm-api-key',
        'x-api-key',
        'api-key',
        'x-goog-api-key',
        'x-house-key',
        'authorization',
      ]) {
        const two = [
          ['Authorization', `Bearer ${first}`],
          [carrier, second],
        ] as const
        assertErrorShape(replyOf(await ask(withHeaders(request, two))), 401)
      }
      const repeated = [
        ['x-api-key', first],
        ['x-api-key', second],
      ] as const
      assertErrorShape(replyOf(await ask(withHeaders(request, repeated))), 401)
    }
    assert.equal(gateway.stages.lead.requests.length, 0)
    const same = [
      ['Authorization', `Bearer ${MASTER_KEY}`],
      ['x-api-key', MASTER_KEY],
    ] as const
    assert.equal((await ask(withHeaders(request, same))).status, 200, 'one key twice is one key')
  })
}

test('M-161 a key in the query opens Google’s doors as a header does, no other door, and never beside a key that differs', async t => {
  const gateway = await start(t)
  const { lead } = gateway.stages
  const ask = asker(gateway)
  const google = requestFor(routeNamed('gemini.generate'), { group: 'star' })
  const other = requestFor(chat, { group: 'star' })
  const queried = (request: RawRequest, key: string): RawRequest => ({
    ...request,
    path: `${request.path}?key=${key}`,
  })
  const opened = await ask(queried(google, MASTER_KEY))
  assert.equal(opened.status, 200, opened.text)
  for (const hit of lead.requests) assert.ok(!hit.headText.includes(MASTER_KEY))
  lead.clear()
  for (const [first, second] of [
    [MASTER_KEY, WRONG_KEY],
    [WRONG_KEY, MASTER_KEY],
  ] as const)
    for (const [carrier, value] of [
      ['authorization', `Bearer ${second}`],
      ['x-goog-api-key', second],
      ['x-api-key', second],
    ] as const)
      assertGoogleError(replyOf(await ask(withHeaders(queried(google, first), [[carrier, value]]))), 401)
  assertGoogleError(replyOf(await ask(queried(google, WRONG_KEY))), 401)
  assertErrorShape(replyOf(await ask(queried(other, MASTER_KEY))), 401)
  assert.equal(lead.requests.length, 0)
})

test('M-164 the key is judged before the body: 50 MB are announced, none is sent, and the answer is there', async t => {
  const gateway = await start(t)
  const posts = doors().filter(door => door.startsWith('POST '))
  for (const door of posts) {
    for (const key of [[], bearer(WRONG_KEY)]) {
      const client = await gateway.raw()
      await client.request({
        method: 'POST',
        path: door.slice('POST '.length),
        headers: [
          ...(key ?? []),
          ['content-type', 'application/json'],
          ['content-length', String(50 * 1024 * 1024)],
        ],
      })
      const head = await client.head()
      assert.equal(head.status, 401, door)
      assert.equal(headerIn(head, 'connection'), 'close', 'the unread body would be read as the next request')
      client.leave()
    }
  }
})

test('a path that is not well-formed is refused, and the house goes on', async t => {
  const gateway = await start(t)
  for (const path of [
    '/v1/files/%E0%A4%A',
    '/v1/files/%',
    '//',
    '/v1/files/%00',
    '/openai/%2e%2e%2fv1/files',
    '*',
  ]) {
    const client = await gateway.raw()
    await client.request({ method: 'GET', path, headers: bearer(WRONG_KEY) ?? [] })
    const head = await client.head()
    assert.ok(head.status >= 400 && head.status < 500, `${path}: ${head.status}`)
    client.leave()
  }
  assert.equal((await gateway.ask('/v1/models')).status, 200)
  assert.equal(gateway.stages.lead.requests.length, 0)
})
