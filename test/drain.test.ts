import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import { requestLogPath } from '../src/record/log.ts'
import type { RequestRecord } from '../src/record/trail.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { MASTER_KEY } from './support/harness.ts'
import { type Served, served } from './support/process.ts'
import { type Puppet, type PuppetCall, startPuppet } from './support/puppet.ts'
import { headerIn, openRaw, type RawClient } from './support/raw.ts'
import { chat, message, response } from './support/steady.ts'

/** One gateway process in front of one provider on strings. */
const onStrings = async (t: TestContext, args: readonly string[] = []) => {
  const puppet = await startPuppet(t)
  const gateway = await served(t, {
    config: {
      model_list: [
        {
          model_name: 'star',
          litellm_params: { model: 'openai/gpt-4.1', api_base: puppet.baseUrl, api_key: 'k' },
        },
      ],
      router_settings: { num_retries: 0 },
    },
    args,
  })
  return { puppet, gateway }
}

const ask = async (client: RawClient, path: string, body?: JsonObject): Promise<void> =>
  client.request({
    path,
    headers: [['authorization', `Bearer ${MASTER_KEY}`]],
    ...(body === undefined ? {} : { body }),
  })

const chunk = (content: string, finish: string | null = null): string =>
  `data: ${JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'gpt-4.1',
    choices: [{ index: 0, delta: { content }, finish_reason: finish }],
  })}\n\n`

const answerOf = (content: string): string =>
  JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model: 'gpt-4.1',
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
  })

const DONE = `${chunk('', 'stop')}data: [DONE]\n\n`

type Open = { readonly client: RawClient; readonly call: PuppetCall }

/** A chat stream that has begun at both ends. */
const openChat = async (gateway: Served, puppet: Puppet): Promise<Open> => {
  const client = await openRaw(gateway.url, 20_000)
  await ask(client, '/v1/chat/completions', chat('star', { stream: true }))
  const call = await puppet.next()
  call.events()
  await call.write(chunk('To be'))
  assert.equal((await client.head()).status, 200)
  await client.event()
  return { client, call }
}

type Line = RequestRecord & { readonly level: string }

const recordsOf = async (gateway: Served): Promise<readonly Line[]> =>
  (await readFile(requestLogPath(gateway.dataDir), 'utf8'))
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line))

/** A socket that is closing may take one more connection into its backlog; then nobody is let in. */
const refusesConnections = async (url: string): Promise<void> => {
  const late = performance.now() + 10_000
  while (performance.now() < late) {
    const client = await openRaw(url).catch((error: NodeJS.ErrnoException) => error)
    if (client instanceof Error) {
      if (client.code === 'ECONNREFUSED') return
    } else client.leave()
  }
  assert.fail(`${url} still takes connections`)
}

test('M-154 SIGTERM: the door shuts, idle connections close, open streams finish whole, every call is recorded, exit 0', async t => {
  const { puppet, gateway } = await onStrings(t)
  const idle = await openRaw(gateway.url)
  await ask(idle, '/health/liveliness')
  assert.equal((await idle.head()).status, 200)
  await idle.body()
  const streams = await Promise.all(Array.from({ length: 5 }, () => openChat(gateway, puppet)))
  const waiting = await openRaw(gateway.url)
  await ask(waiting, '/v1/chat/completions', chat('star'))
  const document = await puppet.next()

  gateway.kill('SIGTERM')
  await gateway.said(/Stopping: 6 calls may finish within 600 s\./)
  await idle.ended
  await refusesConnections(gateway.url)
  // On a connection that is still busy, what comes next is told to go elsewhere.
  const [first, second] = streams
  assert.ok(first !== undefined && second !== undefined)
  await ask(first.client, '/health/readiness')
  await ask(second.client, '/v1/chat/completions', chat('star'))

  for (const { call } of streams) {
    await call.write(chunk(' or not'))
    call.end(DONE)
  }
  for (const { client } of streams) {
    const events = await client.events()
    assert.equal(events.at(-1)?.data, '[DONE]')
  }
  const readiness = await first.client.head()
  assert.equal(readiness.status, 503)
  assert.match((await first.client.body()).toString(), /"draining"/)
  const refused = await second.client.head()
  assert.equal(refused.status, 503)
  assert.equal(headerIn(refused, 'connection'), 'close')
  assert.ok(headerIn(refused, 'retry-after'))
  assert.match((await second.client.body()).toString(), /"error":\{"message":"The gateway is shutting down/)
  document.head({ 'content-type': 'application/json' })
  document.end(answerOf('Here.'))
  assert.equal((await waiting.head()).status, 200)
  await waiting.body()

  assert.deepEqual(await gateway.ended, { code: 0, signal: null })
  const records = await recordsOf(gateway)
  assert.equal(records.length, 6)
  assert.ok(records.every(({ end, status }) => end === 'complete' && status === 200))
  assert.equal(gateway.stdout().match(/"kind":"request"/g)?.length, 6)
})

test('M-154 with --notice readiness says no at once while calls are still served, then the door shuts', async t => {
  const { puppet, gateway } = await onStrings(t, ['--notice', '3'])
  const held = await openChat(gateway, puppet)
  gateway.kill('SIGTERM')
  await gateway.said(/Stopping/)
  const readiness = await fetch(`${gateway.url}/health/readiness`)
  assert.equal(readiness.status, 503)
  await readiness.text()
  const liveness = await fetch(`${gateway.url}/health/liveliness`)
  assert.equal(liveness.status, 200)
  await liveness.text()
  const late = await openRaw(gateway.url)
  await ask(late, '/v1/chat/completions', chat('star'))
  const call = await puppet.next()
  call.head({ 'content-type': 'application/json' })
  call.end(answerOf('Here.'))
  const head = await late.head()
  assert.equal(head.status, 200)
  assert.equal(headerIn(head, 'connection'), 'close', 'the client is told not to come back on it')
  held.call.end(DONE)
  await held.client.events()
  assert.equal((await gateway.ended).code, 0)
})

test('M-154 at the end of --grace every open call gets its error in its own dialect and an orderly end, exit 0', async t => {
  const { puppet, gateway } = await onStrings(t, ['--grace', '1'])
  const { client: talking } = await openChat(gateway, puppet)
  const responses = await openRaw(gateway.url, 20_000)
  await ask(responses, '/v1/responses', response('star', { stream: true }))
  const call = await puppet.next()
  call.events()
  const event = (value: JsonObject): string => `event: ${value.type}\ndata: ${JSON.stringify(value)}\n\n`
  const made = {
    id: 'resp_1',
    object: 'response',
    created_at: 1,
    status: 'in_progress',
    model: 'gpt-4.1',
    output: [],
  }
  await call.write(event({ type: 'response.created', sequence_number: 0, response: made }))
  await call.write(
    event({
      type: 'response.output_text.delta',
      sequence_number: 1,
      item_id: 'msg_1',
      output_index: 0,
      content_index: 0,
      delta: 'To be',
    }),
  )
  assert.equal((await responses.head()).status, 200)
  const messages = await openRaw(gateway.url, 20_000)
  await ask(messages, '/v1/messages', message('star', { stream: true }))
  const translated = await puppet.next()
  translated.events()
  await translated.write(chunk('To be'))
  assert.equal((await messages.head()).status, 200)
  const silent = await openRaw(gateway.url, 20_000)
  await ask(silent, '/v1/chat/completions', chat('star'))
  await puppet.next()

  gateway.kill('SIGTERM')
  const cut = await talking.events()
  assert.match(cut.map(({ data }) => data).join('\n'), /^\{"error":\{"message":".*shutting down/m)
  assert.ok(!cut.some(({ data }) => data?.includes('"finish_reason":"')), 'a cut answer does not look whole')
  const failed = await responses.events()
  assert.match(failed.at(-1)?.data ?? '', /"type":"(response\.failed|error)".*shutting down/)
  assert.ok(!failed.some(one => one.event === 'response.completed'))
  const broken = (await messages.events()).filter(({ data }) => data !== undefined)
  assert.equal(broken.at(-1)?.event, 'error')
  assert.match(broken.at(-1)?.data ?? '', /^\{"type":"error","error":\{.*shutting down/)
  assert.ok(!broken.some(one => one.event === 'message_stop'))
  const refused = await silent.head()
  assert.equal(refused.status, 503)
  assert.match((await silent.body()).toString(), /^\{"error":\{"message":".*shutting down/)
  assert.deepEqual(await gateway.ended, { code: 0, signal: null })
  const records = await recordsOf(gateway)
  assert.equal(records.length, 4)
  assert.ok(
    records.every(
      ({ end, error, level }) => end === 'error' && error?.class === 'shutdown' && level === 'error',
    ),
  )
})

test('a drain waits for a slow reader to take the last byte', async t => {
  const { puppet, gateway } = await onStrings(t)
  const client = await openRaw(gateway.url, 20_000)
  await ask(client, '/v1/chat/completions', chat('star'))
  const call = await puppet.next()
  const content = 'To be or not. '.repeat(2_000_000)
  client.pause()
  call.head({ 'content-type': 'application/json' })
  call.end(answerOf(content))
  await call.taken
  gateway.kill('SIGTERM')
  await gateway.said(/Stopping: 1 call may finish/)
  client.resume()
  assert.equal((await client.head()).status, 200)
  const body = JSON.parse((await client.body()).toString())
  assert.equal(body.choices[0].message.content.length, content.length)
  assert.equal((await gateway.ended).code, 0)
})

test('a second SIGTERM ends at once, and what was recorded is kept', async t => {
  const { puppet, gateway } = await onStrings(t)
  const { client, call } = await openChat(gateway, puppet)
  call.end(DONE)
  await client.events()
  await openChat(gateway, puppet)
  gateway.kill('SIGTERM')
  await gateway.said(/Stopping: 1 call /)
  gateway.kill('SIGTERM')
  assert.deepEqual(await gateway.ended, { code: 1, signal: null })
  const records = await recordsOf(gateway)
  assert.deepEqual(
    records.map(({ end }) => end),
    ['complete'],
  )
})

test("a terminal's Ctrl-C that arrives twice, as through npm, is one", async t => {
  const { puppet, gateway } = await onStrings(t)
  const { client, call } = await openChat(gateway, puppet)
  gateway.kill('SIGINT')
  await gateway.said(/Stopping: 1 call /)
  gateway.kill('SIGINT')
  call.end(DONE)
  const events = await client.events()
  assert.equal(events.at(-1)?.data, '[DONE]')
  assert.deepEqual(await gateway.ended, { code: 0, signal: null })
})

test('a console that nobody reads any more does not end the gateway before its calls', async t => {
  const { puppet, gateway } = await onStrings(t)
  const { client, call } = await openChat(gateway, puppet)
  gateway.deafen()
  gateway.kill('SIGTERM')
  await refusesConnections(gateway.url)
  call.end(DONE)
  const events = await client.events()
  assert.equal(events.at(-1)?.data, '[DONE]')
  assert.deepEqual(await gateway.ended, { code: 0, signal: null })
  assert.equal((await recordsOf(gateway)).length, 1)
})
