import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import type { Json, JsonObject } from '../src/wire/json.ts'
import { assertGoogleError, assertMessagesError } from './support/answers.ts'
import { asked, assertRefused, CHAT, KEY, MESSAGES, open } from './support/bodies.ts'
import { MASTER_KEY, type Reply, replyOf } from './support/harness.ts'
import { formOf } from './support/stream-kinds.ts'

/** A host that only counts who comes. */
const startCanary = async (
  t: TestContext,
): Promise<{ readonly url: string; readonly came: () => number }> => {
  let came = 0
  const server = createServer(socket => {
    came += 1
    socket.destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => void server.close())
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return { url: `http://127.0.0.1:${port}/v1`, came: () => came }
}

const wishes = (url: string): readonly { readonly param: string; readonly more: JsonObject }[] => {
  const secrets: readonly (readonly [string, Json])[] = [
    ['api_base', url],
    ['base_url', url],
    ['api_key', 'sk-theirs'],
  ]
  return secrets.flatMap(([key, value]) => [
    { param: key, more: { [key]: value } },
    ...['extra_body', 'metadata', 'litellm_metadata', 'litellm_params', 'litellm_embedding_config'].map(
      outer => ({ param: `${outer}.${key}`, more: { [outer]: { [key]: value } } }),
    ),
    { param: `fallbacks[0].${key}`, more: { fallbacks: [{ model: 'b', [key]: value }] } },
    {
      param: `fallbacks[0].litellm_params.${key}`,
      more: { fallbacks: [{ model: 'b', litellm_params: { [key]: value } }] },
    },
    {
      param: `fallbacks[1].extra_body.${key}`,
      more: { fallbacks: ['b', { model: 'b', extra_body: { [key]: value } }] },
    },
    {
      param: `context_window_fallbacks.g.${key}`,
      more: { context_window_fallbacks: [{ g: [{ model: 'b', [key]: value }] }] },
    },
  ])
}

const ANTHROPIC = '/v1/messages'
const GOOGLE = '/v1beta/models'

/** Refused, with the name of what was wrong: in a member of its own where the dialect has one, else in the text. */
const assertNamed = (reply: Reply, path: string, param: string): void => {
  if (path === ANTHROPIC)
    assert.ok(String(assertMessagesError(reply, 400).message).includes(`'${param}'`), reply.text)
  else if (path.startsWith(GOOGLE))
    assert.ok(String(assertGoogleError(reply, 400).message).includes(`'${param}'`))
  else assertRefused(reply, 400, param)
}

test('M-155 a client cannot choose the address or the key of a provider', async t => {
  const on = await open(t)
  const canary = await startCanary(t)
  const routes: readonly (readonly [path: string, body: JsonObject])[] = [
    [CHAT, { model: 'g', messages: [{ role: 'user', content: 'Hello' }] }],
    ['/v1/completions', { model: 'g', prompt: 'Hello' }],
    ['/v1/responses', { model: 'g', input: 'Hello' }],
    ['/v1/responses/compact', { model: 'g', input: 'Hello' }],
    [ANTHROPIC, { model: 'g', max_tokens: 9, messages: [{ role: 'user', content: 'Hello' }] }],
    [`${GOOGLE}/g:generateContent`, { contents: [{ role: 'user', parts: [{ text: 'Hello' }] }] }],
    ['/v1/embeddings', { model: 'vectors', input: 'Hello' }],
    ['/v1/images/generations', { model: 'painter', prompt: 'Hello' }],
    ['/v1/audio/speech', { model: 'voice', input: 'Hello', voice: 'alloy' }],
  ]
  for (const [path, body] of routes) {
    await t.test(path, async () => {
      for (const { param, more } of wishes(canary.url))
        assertNamed(await on.ask(path, { ...body, ...more }), path, param)
      for (const key of ['api_base', 'base_url', 'api_key'])
        assertNamed(await on.ask(`${path}?${key}=${encodeURIComponent(canary.url)}`, body), path, key)
    })
  }
  await t.test('/v1/audio/transcriptions', async () => {
    for (const { param, more } of wishes(canary.url)) {
      // A form has texts only: what is no text is written as JSON.
      const fields = Object.entries(more).map(([name, value]) => ({
        name,
        value: typeof value === 'string' ? value : JSON.stringify(value),
      }))
      const { type, bytes } = formOf([
        { name: 'model', value: 'ear' },
        ...fields,
        { name: 'file', value: 'noise', filename: 'a.mp3' },
      ])
      const client = await on.send({
        path: '/v1/audio/transcriptions',
        headers: [KEY, ['content-type', type]],
        body: bytes,
      })
      assertRefused(await replyOf(client), 400, param)
    }
  })
  await t.test('a header says it in vain', async () => {
    const client = await on.send({
      path: CHAT,
      headers: [
        KEY,
        ['x-litellm-api-base', canary.url],
        ['api-base', canary.url],
        ['x-forwarded-host', 'evil.example'],
      ],
      body: { model: 'g', messages: [{ role: 'user', content: 'Hello' }] },
    })
    assert.equal((await client.head()).status, 200)
  })
  assert.equal(canary.came(), 0)
  assert.deepEqual([on.stages.lead.requests.length, on.stages.backup.requests.length], [1, 0])
})

/** Nothing a client chooses begins a header of its own, or spells a byte that a header may not have. */
const assertClean = (headers: readonly (readonly [string, string])[]): void => {
  for (const [name, value] of headers) {
    assert.match(name, /^[A-Za-z0-9_-]+$/)
    assert.match(value, /^[\x20-\x7e\xa0-\xff]*$/, name)
    assert.ok(value.length <= 4096, name)
  }
  assert.ok(!headers.some(([name]) => name.toLowerCase() === 'x-evil'))
}

test('M-163 names of any kind neither end the process nor reach a header raw', async t => {
  const on = await open(t)
  const names = [
    'plain',
    'a\r\nx-evil: 1',
    'a\nx-evil: 1',
    'a\u0000b',
    '\u{1F3AD}',
    'žluťoučký',
    'x'.repeat(10_000),
    '\u2028',
    '',
  ]
  const bodies = names.flatMap((name): readonly JsonObject[] => [
    { model: name },
    { model: 'g', user: name },
    { model: 'g', tags: [name] },
    { model: 'g', metadata: { tags: [name], [name.slice(0, 20)]: 'v' } },
    { model: 'g', litellm_session_id: name },
    { model: 'g', litellm_call_id: name },
    { model: 'g', fallbacks: [name] },
  ])
  for (const body of bodies) {
    const client = await on.send({
      path: CHAT,
      headers: [KEY],
      body: { ...body, messages: [{ role: 'user', content: 'Hello' }] },
    })
    const head = await client.head()
    assert.ok(
      [200, 400, 401, 404].includes(head.status),
      `${head.status} for ${JSON.stringify(body).slice(0, 99)}`,
    )
    assertClean(head.headers)
    await client.body()
    client.leave()
  }
  const sent = ['é\xff', 'a\tb', 'x'.repeat(10_000), '"><script>', '../../etc/passwd', '%0d%0ax-evil:1']
  for (const name of ['x-litellm-call-id', 'x-litellm-tags', 'x-litellm-session-id', 'user-agent']) {
    for (const value of sent) {
      const client = await on.raw()
      const bytes = `{"model":"g",${MESSAGES}}`
      await client.send(
        Buffer.from(
          `POST ${CHAT} HTTP/1.1\r\nhost: g\r\nauthorization: Bearer ${MASTER_KEY}\r\n${name}: ${value}\r\ncontent-type: application/json\r\ncontent-length: ${bytes.length}\r\n\r\n${bytes}`,
          'latin1',
        ),
      )
      const head = await client.head()
      assert.equal(head.status, 200)
      assertClean(head.headers)
      const callId = head.headers.find(([key]) => key.toLowerCase() === 'x-litellm-call-id')?.[1]
      assert.match(callId ?? '', /^[A-Za-z0-9._:-]{1,128}$/)
      client.leave()
    }
  }
  await t.test('a group whose name no header can spell still serves', async () => {
    const client = await on.send({
      path: CHAT,
      headers: [KEY],
      body: { model: '\u{1F3AD} stage', messages: [{ role: 'user', content: 'Hello' }] },
    })
    const head = await client.head()
    assert.equal(head.status, 200)
    assertClean(head.headers)
    assert.equal(JSON.parse((await client.body()).toString()).model, '\u{1F3AD} stage')
  })
  await t.test('and the log has one line for each, none of them broken', async () => {
    const records = await on.recorded(bodies.length + 4 * sent.length + 1)
    assert.equal(records.length, bodies.length + 4 * sent.length + 1)
  })
})

test('a path of any kind neither ends the process nor finds a route it should not', async t => {
  const on = await open(t)
  for (const path of [
    '/v1/%',
    '/v1/%00',
    '/v1/responses/%E0%A4%A',
    '//',
    '/v1/../v1/models',
    '/%2e%2e/',
    '*',
  ]) {
    const client = await on.send({ path, headers: [KEY] })
    const head = await client.head()
    assert.ok(head.status >= 400 && head.status < 500, `${head.status} for ${path}`)
    client.leave()
  }
  assert.equal(asked(on), 0)
  assert.equal((await on.ask(CHAT, `{"model":"g",${MESSAGES}}`)).status, 200)
})
