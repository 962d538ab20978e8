import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { deployment, MASTER_KEY, play } from './support/harness.ts'

type Seen = {
  readonly url: string
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
}

/** An API of nobody in particular, behind general_settings.pass_through_endpoints. */
const somewhere = async (t: {
  after: (undo: () => void) => void
}): Promise<{ origin: string; seen: Seen[] }> => {
  const seen: Seen[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', chunk => chunks.push(chunk))
    request.on('end', () => {
      seen.push({ url: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks).toString() })
      response.writeHead(418, { 'content-type': 'text/x-own', 'x-own': '1' })
      response.end('its own words')
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => void server.close())
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

test('M-134 a pass-through endpoint: its own key goes, ours stays, forward_headers says whether the rest goes', async t => {
  const { origin, seen } = await somewhere(t)
  const endpoint = { target: `${origin}/base`, headers: { 'x-key': 'own-key' }, include_subpath: true }
  const house = await play(t, {
    stages: { main: {} },
    config: stages => ({
      model_list: [deployment('main', stages.main, 'gpt-4.1')],
      general_settings: {
        pass_through_endpoints: [
          { path: '/plain', ...endpoint },
          { path: '/all', ...endpoint, forward_headers: true },
          { path: '/open', ...endpoint, auth: false },
        ],
      },
    }),
  })
  const headers = [
    ['authorization', `Bearer ${MASTER_KEY}`],
    ['cookie', 'a=b'],
    ['accept-language', 'sk'],
    ['x-own-request', 'yes'],
    ['content-type', 'text/plain'],
  ] as const
  for (const [path, language] of [
    ['/plain/deep?q=1', undefined],
    ['/all/deep?q=1', 'sk'],
  ] as const) {
    const answer = await house.ask(path, undefined, { method: 'POST', body: 'as it is', headers })
    assert.deepEqual([answer.status, answer.text], [418, 'its own words'])
    const hit = seen.at(-1)
    assert.deepEqual([hit?.url, hit?.body, hit?.headers['x-key']], ['/base/deep?q=1', 'as it is', 'own-key'])
    assert.equal(hit?.headers['accept-language'], language)
    assert.equal(hit?.headers.authorization, undefined)
    assert.equal(hit?.headers.cookie, undefined)
  }
  const closed = await house.ask('/plain', undefined, { method: 'POST', body: 'x', headers: [] })
  assert.equal(closed.status, 401)
  const open = await house.ask('/open', undefined, { method: 'POST', body: 'x', headers: [] })
  assert.equal(open.status, 418)
  assert.equal(seen.length, 3)
})

test('M-025 files and batches: a model in the body names the owner and stays here', async t => {
  const house = await play(t, {
    stages: { first: {}, second: {} },
    config: stages => ({
      model_list: [deployment('one', stages.first, 'gpt-4.1'), deployment('two', stages.second, 'gpt-4.1')],
    }),
  })
  const batch = {
    model: 'two',
    input_file_id: 'file-none',
    endpoint: '/v1/responses',
    completion_window: '24h',
  }
  await house.ask('/v1/batches', batch)
  const { model, ...rest } = batch
  assert.equal(house.stages.first.requests.length, 0)
  assert.deepEqual(
    house.stages.second.requests.map(hit => hit.json),
    [rest],
  )
  assert.equal(model, 'two')
})

test('a path that is passed through keeps its encoding, and never climbs out of its target', async t => {
  const { origin, seen } = await somewhere(t)
  const house = await play(t, {
    stages: { main: {} },
    config: stages => ({
      model_list: [deployment('main', stages.main, 'gpt-4.1')],
      general_settings: {
        pass_through_endpoints: [{ path: '/own', target: `${origin}/base`, include_subpath: true }],
      },
    }),
  })
  const ask = async (path: string): Promise<number> => (await house.ask(path)).status
  for (const rest of ['a%20b', 'a%2Fb/c', '%C4%8De', "a'(b)*", 'a:b@c', 'a/', '~user']) {
    assert.equal(await ask(`/own/${rest}`), 418, rest)
    assert.equal(seen.at(-1)?.url, `/base/${rest}`)
  }
  const before = seen.length
  for (const rest of [
    '..',
    '%2e%2e',
    'a/../../b',
    'a/%2E%2e/b',
    '..%2fb',
    '%5c..%5cb',
    'a%00b',
    'a%0d%0ab',
    '%zz',
    'a//b',
  ])
    assert.equal(await ask(`/own/${rest}`), 400, rest)
  assert.equal(seen.length, before)
  // So does the provider's own API.
  assert.equal((await house.ask('/openai/v1/a%2Fb%20c')).status, 404)
  assert.equal(house.stages.main.requests.at(-1)?.path, '/v1/a%2Fb%20c')
  assert.equal(await ask('/openai/v1/%2e%2e/x'), 400)
  assert.equal(await ask('/openai/v1/..%2Fx'), 400)
  assert.equal(house.stages.main.requests.length, 1)
})

test('the client of Azure names no version in its paths: its models and files are those of the openai deployment', async t => {
  const house = await play(t, {
    stages: { main: {} },
    config: stages => ({ model_list: [deployment('main', stages.main, 'gpt-4.1')] }),
  })
  const headers = [['api-key', MASTER_KEY]] as const
  for (const path of ['/openai/models?api-version=2024-10-21', '/openai/v1/models'])
    assert.equal((await house.ask(path, undefined, { headers })).status, 200, path)
  assert.deepEqual(
    house.stages.main.requests.map(({ target }) => target),
    ['/v1/models', '/v1/models'],
  )
  const form = ['--b', 'Content-Disposition: form-data; name="purpose"', '', 'assistants']
  const file = [
    '--b',
    'Content-Disposition: form-data; name="file"; filename="k.txt"',
    '',
    'hello',
    '--b--',
    '',
  ]
  const made = await house.ask('/openai/files?api-version=2024-10-21', undefined, {
    method: 'POST',
    headers: [...headers, ['content-type', 'multipart/form-data; boundary=b']],
    body: [...form, ...file].join('\r\n'),
  })
  assert.equal(made.status, 200, made.text)
  assert.equal(house.stages.main.requests.at(-1)?.target, '/v1/files')
})
