import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { openRaw, type RawClient, type RawHead } from '../../test/support/raw.ts'
import { isObject, type Json, type JsonObject } from '../wire/json.ts'
import { CANONICAL } from './lines.ts'
import { type Stage, type StageOptions, startStage } from './stage.ts'

const open = async (t: TestContext, options: StageOptions = {}): Promise<Stage> => {
  const stage = await startStage(options)
  t.after(() => stage.close())
  return stage
}

const bearer = (stage: Stage): readonly [string, string] => ['authorization', `Bearer ${stage.key}`]

type Reply = { readonly head: RawHead; readonly text: string; readonly body: JsonObject }

const ask = async (
  stage: Stage,
  path: string,
  body?: object | string,
  headers?: [string, string][],
): Promise<Reply> => {
  const client = await openRaw(stage.origin)
  const base = new URL(stage.baseUrl).pathname
  await client.request({
    path: base + path,
    headers: headers ?? [bearer(stage)],
    ...(body === undefined ? {} : { body }),
  })
  const head = await client.head()
  const text = (await client.body()).toString()
  client.leave()
  const parsed: Json = head.status === 200 && text.startsWith('data') ? {} : JSON.parse(text)
  return { head, text, body: isObject(parsed) ? parsed : {} }
}

const errorOf = (reply: Reply): JsonObject => (isObject(reply.body.error) ? reply.body.error : {})

const HELLO = { model: 'gpt-4.1', messages: [{ role: 'user', content: 'Hello' }] }

test('a chat call is answered with the canonical line and a dated model', async t => {
  const stage = await open(t)
  const reply = await ask(stage, '/chat/completions', HELLO)
  assert.equal(reply.head.status, 200)
  assert.equal(reply.body.model, 'gpt-4.1-2025-04-14')
  assert.match(reply.text, new RegExp(CANONICAL))
  assert.equal(stage.requests.length, 1)
  assert.equal(stage.requests[0]?.text, JSON.stringify(HELLO))
  assert.equal(stage.requests[0]?.bodyComplete, true)
})

test('a wrong key and a missing key are refused, and the key is not echoed whole', async t => {
  const stage = await open(t)
  const wrong = await ask(stage, '/chat/completions', HELLO, [
    ['authorization', 'Bearer sk-someone-elses-long-key'],
  ])
  assert.equal(wrong.head.status, 401)
  assert.equal(errorOf(wrong).code, 'invalid_api_key')
  assert.doesNotMatch(wrong.text, /sk-someone-elses-long-key/)
  const none = await ask(stage, '/chat/completions', HELLO, [])
  assert.equal(none.head.status, 401)
  const azure = await open(t, { flavour: 'azure', models: ['prod'] })
  assert.equal(
    (await ask(azure, '/embeddings', { model: 'prod', input: 'x' }, [['api-key', azure.key]])).head.status,
    200,
  )
  assert.equal(
    errorOf(await ask(azure, '/embeddings', { model: 'prod', input: 'x' }, [['api-key', 'x']])).code,
    '401',
  )
})

test('unknown, missing and mistyped parameters get the provider’s own 400', async t => {
  const stage = await open(t)
  const unknown = await ask(stage, '/chat/completions', { ...HELLO, model_group: 'a' })
  assert.deepEqual(
    [unknown.head.status, errorOf(unknown)],
    [
      400,
      {
        message: "Unknown parameter: 'model_group'.",
        type: 'invalid_request_error',
        param: 'model_group',
        code: 'unknown_parameter',
      },
    ],
  )
  assert.equal(
    errorOf(await ask(stage, '/chat/completions', { model: 'gpt-4.1' })).code,
    'missing_required_parameter',
  )
  assert.equal(
    errorOf(await ask(stage, '/chat/completions', { ...HELLO, temperature: 'hot' })).code,
    'invalid_type',
  )
  assert.equal(
    errorOf(await ask(stage, '/chat/completions', { ...HELLO, model: 'nobody' })).code,
    'model_not_found',
  )
  assert.equal((await ask(stage, '/chat/compositions', HELLO)).head.status, 404)
})

test('azure compact takes exactly its eight keys: metadata and image are unknown there', async t => {
  const azure = await open(t, { flavour: 'azure', models: ['prod'] })
  const openai = await open(t)
  const body = { model: 'prod', input: 'a long talk' }
  assert.equal((await ask(azure, '/responses/compact', body)).body.object, 'response.compaction')
  for (const extra of ['metadata', 'image', 'tools', 'store', 'user']) {
    assert.equal(
      errorOf(await ask(azure, '/responses/compact', { ...body, [extra]: {} })).code,
      'unknown_parameter',
      extra,
    )
  }
  const newer = { model: 'gpt-4.1', input: 'a long talk', image: { context_compression: 'auto' } }
  assert.equal((await ask(openai, '/responses/compact', newer)).head.status, 200)
  const leak = await ask(openai, '/responses/compact', { ...newer, metadata: { model_group: 'a' } })
  assert.equal(errorOf(leak).param, 'metadata')
})

test('a header sent twice, a gateway’s own header and a key written twice are refused', async t => {
  const stage = await open(t)
  const send = (extra: [string, string][]) =>
    ask(stage, '/chat/completions', HELLO, [['authorization', `Bearer ${stage.key}`], ...extra])
  assert.equal(
    errorOf(
      await send([
        ['content-type', 'application/json'],
        ['Content-Type', 'application/json'],
      ]),
    ).code,
    'duplicate_header',
  )
  for (const name of [
    'x-litellm-tags',
    'x-api-key',
    'cookie',
    'x-understudy-trail',
    'api-key',
    'anthropic-version',
  ]) {
    assert.equal(errorOf(await send([[name, 'x']])).code, 'unexpected_header', name)
  }
  const twice = `{"model":"gpt-4.1","messages":[{"role":"user","content":"a"}],"seed":1,"seed":1}`
  const reply = await ask(stage, '/chat/completions', twice, [
    ['authorization', `Bearer ${stage.key}`],
    ['content-type', 'application/json'],
  ])
  assert.equal(errorOf(reply).code, 'duplicate_key')
})

test('a form is held to the same rules as JSON', async t => {
  const stage = await open(t)
  const form = (fields: Record<string, string>, file = 'file') =>
    `${Object.entries(fields)
      .map(([name, value]) => `--edge\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`)
      .join(
        '',
      )}--edge\r\ncontent-disposition: form-data; name="${file}"; filename="a.wav"\r\ncontent-type: audio/wav\r\n\r\nRIFF\r\n--edge--\r\n`
  const send = (body: string) =>
    ask(stage, '/audio/transcriptions', body, [
      ['authorization', `Bearer ${stage.key}`],
      ['content-type', 'multipart/form-data; boundary=edge'],
    ])
  assert.equal((await send(form({ model: 'gpt-4o-transcribe' }))).body.text, CANONICAL)
  assert.equal(
    errorOf(await send(form({ model: 'gpt-4o-transcribe', metadata: '{}' }))).code,
    'unknown_parameter',
  )
  assert.equal(
    errorOf(await send(form({ model: 'gpt-4o-transcribe', temperature: 'hot' }))).code,
    'invalid_type',
  )
  assert.equal(
    errorOf(await send(form({ model: 'gpt-4o-transcribe' }, 'prompt'))).code,
    'missing_required_parameter',
  )
})

test('a response stream keeps the order grammar and numbers every event', async t => {
  const stage = await open(t)
  const client = await openRaw(stage.origin)
  t.after(() => client.leave())
  const body = {
    model: 'gpt-4.1',
    input: '[stage:reason] Hello',
    stream: true,
    include: ['reasoning.encrypted_content'],
  }
  await client.request({ path: '/v1/responses', headers: [bearer(stage)], body })
  await client.head()
  const events = (await client.events()).map(event => ({
    name: event.event,
    data: JSON.parse(event.data ?? '{}'),
  }))
  assert.deepEqual(
    events.map(event => event.data.sequence_number),
    events.map((_, index) => index),
  )
  assert.equal(
    events.every(event => event.name === event.data.type),
    true,
  )
  assert.deepEqual(
    events.slice(0, 2).map(event => event.name),
    ['response.created', 'response.in_progress'],
  )
  const text = events
    .filter(event => event.name === 'response.output_text.delta')
    .map(event => event.data.delta)
  assert.equal(text.join(''), CANONICAL)
  assert.equal(events.at(-1)?.name, 'response.completed')
  assert.equal(events.at(-1)?.data.response.status, 'completed')
})

test('an id or a sealed text of another stage is refused as the provider refuses it', async t => {
  const [one, other] = [await open(t), await open(t)]
  const first = await ask(one, '/responses', { model: 'gpt-4.1', input: 'a' })
  const follow = { model: 'gpt-4.1', input: 'b', previous_response_id: first.body.id ?? '' }
  assert.equal((await ask(one, '/responses', follow)).head.status, 200)
  assert.equal(errorOf(await ask(other, '/responses', follow)).code, 'previous_response_not_found')
  assert.equal((await ask(other, `/responses/${String(first.body.id)}`)).head.status, 404)
  const compacted = await ask(one, '/responses/compact', { model: 'gpt-4.1', input: 'a' })
  const items = { model: 'gpt-4.1', input: compacted.body.output ?? [] }
  assert.equal((await ask(one, '/responses', items)).head.status, 200)
  assert.equal(errorOf(await ask(other, '/responses', items)).code, 'invalid_encrypted_content')
})

const chatStream = async (t: TestContext, stage: Stage): Promise<RawClient> => {
  const client = await openRaw(stage.origin)
  t.after(() => client.leave())
  await client.request({
    path: '/v1/chat/completions',
    headers: [bearer(stage)],
    body: { ...HELLO, stream: true },
  })
  return client
}

test('a script is consumed one fault per matching hit, then ok', async t => {
  const stage = await open(t)
  stage.script(
    [
      { kind: 'status', status: 503 },
      { kind: 'status', status: 429, headers: { 'retry-after': '2' } },
    ],
    { path: /chat/ },
  )
  assert.equal(
    (await ask(stage, '/embeddings', { model: 'text-embedding-3-small', input: 'x' })).head.status,
    200,
  )
  assert.equal((await ask(stage, '/chat/completions', HELLO)).head.status, 503)
  const limited = await ask(stage, '/chat/completions', HELLO)
  assert.equal(limited.head.status, 429)
  assert.match(limited.head.raw, /retry-after: 2/)
  assert.match(limited.text, /try again in 2s/, 'header and text of one answer agree')
  assert.equal((await ask(stage, '/chat/completions', HELLO)).head.status, 200)
})

test('a cut by FIN, a cut by RST and a clean end without the terminal event look different on the wire', async t => {
  const stage = await open(t)
  stage.script([
    { kind: 'cut', how: 'fin', afterContent: 2 },
    { kind: 'cut', how: 'rst', afterContent: 2 },
    { kind: 'cut', how: 'clean-chunk-end', afterContent: 2 },
  ])
  for (const how of ['fin', 'rst'] as const) {
    const client = await chatStream(t, stage)
    await client.head()
    await assert.rejects(client.events(), new RegExp(`ended \\(${how}\\)`))
    assert.equal((await client.ended).how, how)
  }
  const client = await chatStream(t, stage)
  await client.head()
  const events = await client.events()
  assert.equal(events.length, 3)
  assert.equal(
    events.some(event => event.data === '[DONE]'),
    false,
  )
})

test('a reset comes at the moment the script names', async t => {
  const stage = await open(t)
  for (const when of ['before-headers', 'after-headers', 'mid-stream'] as const) {
    stage.script([{ kind: 'reset', when }])
    const client = await chatStream(t, stage)
    if (when === 'before-headers') await assert.rejects(client.head(), /ended \(rst\)/)
    else {
      await client.head()
      if (when === 'mid-stream') assert.notEqual(await client.event(), undefined)
      await assert.rejects(client.events(), /ended \(rst\)/)
    }
  }
  stage.script([{ kind: 'reset', when: 'accept' }])
  // The reset may overtake the client's own notice of the connection: both ways it is a reset.
  const outcome = await openRaw(stage.origin).then(
    async client => (await client.ended).how,
    (error: Error & { code?: string }) => error.code,
  )
  assert.ok(outcome === 'rst' || outcome === 'ECONNRESET', `${outcome}`)
  assert.equal(stage.connections.at(-1)?.refused, true)
  assert.equal((await ask(stage, '/chat/completions', HELLO)).head.status, 200)
})

test('a stalled hit knows when its peer leaves', async t => {
  const stage = await open(t)
  for (const when of ['before-headers', 'before-first-event', 'after-lifecycle', 'mid-stream'] as const) {
    stage.clear()
    stage.script([{ kind: 'stall', when }])
    const client = await chatStream(t, stage)
    const hit = await stage.waitForRequest(1)
    if (when !== 'before-headers') await client.head()
    if (when === 'after-lifecycle' || when === 'mid-stream') await client.event()
    const left = client.leave()
    const closed = await hit.closedByPeer
    await hit.finished
    assert.ok(closed.at - left < 250, `${when}: ${closed.at - left} ms`)
    assert.equal(hit.abandoned, true)
  }
})

test('two requests on one connection are told apart and share its number', async t => {
  const stage = await open(t)
  const client = await openRaw(stage.origin)
  t.after(() => client.leave())
  for (let turn = 0; turn < 2; turn += 1) {
    await client.request({ path: '/v1/chat/completions', headers: [bearer(stage)], body: HELLO })
    assert.equal((await client.head()).status, 200)
    await client.body()
  }
  assert.equal(stage.requests.length, 2)
  assert.equal(stage.requests[0]?.connection, stage.requests[1]?.connection)
})
