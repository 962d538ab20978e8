import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import type { RequestRecord } from '../src/record/trail.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { deployment, MASTER_KEY, play } from './support/harness.ts'
import { inside } from './support/inside.ts'
import { startPuppet } from './support/puppet.ts'
import { asked, chat, response } from './support/steady.ts'

/** Every phase of an attempt has a limit and a failure of its own. */

const CHAT = '/v1/chat/completions'
const stages = { lead: { models: ['*'] }, backup: { models: ['*'] } }

const playPhases = async (t: TestContext, params: JsonObject, router: JsonObject = {}) => {
  const gateway = inside()
  const on = await play(t, {
    stages,
    config: ({ lead, backup }) => ({
      model_list: [deployment('star', lead, 'm', params), deployment('second', backup, 'n')],
      router_settings: {
        num_retries: 2,
        disable_cooldowns: true,
        fallbacks: [{ star: ['second'] }],
        ...router,
      },
    }),
    start: gateway.start,
  })
  return { ...on, ...gateway }
}

const trailOf = (record: RequestRecord | undefined): readonly string[] =>
  record?.steps.map(step => `${step.group} ${step.outcome}`) ?? []

const silent = {
  'before-headers': 'timeout_headers',
  'before-first-event': 'timeout_first_token',
  'after-lifecycle': 'timeout_first_token',
} as const
const key = { header_timeout: 'timeout_headers', first_token_timeout: 'timeout_first_token' } as const

for (const [name, failure] of Object.entries(key))
  for (const [path, body] of [
    [CHAT, chat],
    ['/v1/responses', response],
  ] as const)
    test(`${name} on ${path}: its own failure, and the fallback after one attempt`, async t => {
      const on = await playPhases(t, { [name]: 0.25, timeout: 30 })
      for (const [when, own] of Object.entries(silent) as [keyof typeof silent, string][]) {
        if (name === 'header_timeout' && when !== 'before-headers') continue
        on.stages.lead.clear()
        on.stages.lead.script([{ kind: 'stall', when }])
        const reply = await on.ask(path, body('star', { stream: true }))
        assert.equal(reply.status, 200)
        assert.deepEqual(asked(on.stages.lead), ['m'], 'nobody asks the silent one again')
        const record = (await on.records()).at(-1)
        // No head within the time for the first token is no head.
        const expected = when === 'before-headers' ? 'timeout_headers' : (own ?? failure)
        assert.deepEqual(trailOf(record), [`star ${expected}`, 'second answered'], when)
      }
    })

test('who was silent is not asked again under another name: by its id, or with its group', async t => {
  const gateway = inside()
  const on = await play(t, {
    stages,
    config: ({ lead, backup }) => ({
      model_list: [
        { ...deployment('star', lead, 'one', { header_timeout: 0.2 }), model_info: { id: 'first' } },
        { ...deployment('star', lead, 'two', { header_timeout: 0.2 }), model_info: { id: 'other' } },
        deployment('second', backup, 'n'),
      ],
      router_settings: {
        num_retries: 2,
        disable_cooldowns: true,
        fallbacks: [{ star: ['first', 'other', 'second'] }, { first: ['star', 'second'] }],
      },
    }),
    start: gateway.start,
  })
  for (const model of ['star', 'first']) {
    on.stages.lead.clear()
    on.stages.lead.script(Array.from({ length: 6 }, () => ({ kind: 'stall', when: 'before-headers' })))
    const reply = await on.ask(CHAT, chat(model, { stream: true }))
    assert.deepEqual([reply.status, reply.headers['x-litellm-model-group']], [200, 'second'])
    assert.deepEqual(asked(on.stages.lead).toSorted(), ['one', 'two'], model)
  }
})

test('a plain answer is not held to the limits of a stream', async t => {
  const on = await playPhases(t, { header_timeout: 0.05, first_token_timeout: 0.05, idle_timeout: 0.05 })
  on.stages.lead.script([{ kind: 'slow', delayMs: 150 }])
  assert.equal((await on.ask(CHAT, chat('star'))).status, 200)
  assert.deepEqual(asked(on.stages.lead), ['m'])
  assert.equal(on.stages.backup.requests.length, 0)
})

test('attempt_timeout ends a whole answer that trickles, and the next group is asked', async t => {
  const on = await playPhases(t, { attempt_timeout: 0.08 })
  on.stages.lead.script([{ kind: 'stall', when: 'mid-stream' }])
  assert.equal((await on.ask(CHAT, chat('star'))).status, 200)
  assert.deepEqual(trailOf((await on.records()).at(-1)), ['star timeout_attempt', 'second answered'])
})

/** Two puppets, each the only deployment of its group; `star` falls back to `second`. */
const playPuppets = async (t: TestContext, params: JsonObject, router: JsonObject = {}) => {
  const lead = await startPuppet(t)
  const backup = await startPuppet(t)
  const gateway = inside()
  const entry = (group: string, base: string, more: JsonObject = {}) => ({
    model_name: group,
    litellm_params: { model: 'openai/m', api_base: base, api_key: 'sk-x', ...more },
  })
  const on = await play(t, {
    config: {
      model_list: [entry('star', lead.baseUrl, params), entry('second', backup.baseUrl)],
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: [{ star: ['second'] }],
        ...router,
      },
    },
    start: gateway.start,
  })
  const open = (more: JsonObject = {}) =>
    on.send({
      path: CHAT,
      headers: [['authorization', `Bearer ${MASTER_KEY}`]],
      body: { model: 'star', stream: true, messages: [{ role: 'user', content: 'x' }], ...more },
    })
  return { ...on, ...gateway, lead, backup, open }
}

const delta = (content: string): string =>
  `data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"${content}"},"finish_reason":null}]}\n\n`
const stop = 'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
for (const [name, nothing] of [
  ['a comment', ': ping\n\n'],
  ['a ping with data', 'event: ping\ndata: {"type":"ping"}\n\n'],
  ['an empty delta', 'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":""}}]}\n\n'],
  ['a chunk of nothing', 'data: {"id":"c","model":"m","choices":[]}\n\n'],
] as const)
  test(`idle_timeout is measured from what was said: ${name} says nothing`, async t => {
    const on = await playPuppets(t, { idle_timeout: 0.15, timeout: 30 }, { stream_recovery: 'off' })
    const client = await on.open()
    const call = await on.lead.next()
    call.events()
    await call.write(delta('a'))
    await client.head()
    const ping = setInterval(() => void call.write(nothing), 20)
    t.after(() => clearInterval(ping))
    await call.left
    clearInterval(ping)
    const events = await client.events()
    assert.match(events.at(-1)?.data ?? '', /^\{"error"/)
    assert.deepEqual(trailOf((await on.recorded(1))[0]), ['star timeout_idle'])
  })

test('a step of the provider that has a name is no silence', async t => {
  const on = await playPuppets(t, { idle_timeout: 0.5, timeout: 30 }, { stream_recovery: 'off' })
  const client = await on.send({
    path: '/v1/responses',
    headers: [['authorization', `Bearer ${MASTER_KEY}`]],
    body: { model: 'star', stream: true, input: 'x' },
  })
  const call = await on.lead.next()
  const write = (type: string, members: JsonObject = {}) =>
    call.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...members })}\n\n`)
  call.events()
  await write('response.output_text.delta', { delta: 'a' })
  await client.head()
  const began = performance.now()
  const step = setInterval(() => void write('response.web_search_call.searching', { item_id: 'ws_1' }), 50)
  t.after(() => clearInterval(step))
  await new Promise<void>(resolve => {
    setTimeout(resolve, 1_200)
    void call.left.then(resolve)
  })
  clearInterval(step)
  assert.ok(performance.now() - began >= 1_150, 'nobody left while the provider was at work')
  const response = { id: 'r', object: 'response', status: 'completed', output: [] }
  await write('response.completed', { response })
  call.end()
  const events = await client.events()
  assert.equal(events.at(-1)?.event, 'response.completed')
})

test('an error whose body never ends is heard within the time for the first token, by what came of it', async t => {
  const on = await playPuppets(t, { first_token_timeout: 0.2, timeout: 30 })
  const client = await on.open()
  const call = await on.lead.next()
  const since = performance.now()
  call.head({ 'content-type': 'application/json' }, 429)
  await call.write('{"error":{"code":"insufficient_quota","message":"no money left"}}')
  await call.left
  // Ten seconds is what an error may take without a limit.
  assert.ok(performance.now() - since < 8_000)
  const second = await on.backup.next()
  second.events()
  await second.write(`${delta('a')}${stop}data: [DONE]\n\n`)
  second.end()
  await client.events()
  assert.deepEqual(trailOf((await on.recorded(1))[0]), ['star quota', 'second answered'])
})

test('attempt_timeout ends a stream that goes on and on', async t => {
  const on = await playPuppets(t, { attempt_timeout: 0.5, timeout: 30 }, { stream_recovery: 'off' })
  const client = await on.open()
  const call = await on.lead.next()
  call.events()
  const more = setInterval(() => void call.write(delta('a')), 10)
  t.after(() => clearInterval(more))
  await call.left
  clearInterval(more)
  await client.head()
  assert.match((await client.events()).at(-1)?.data ?? '', /^\{"error"/)
  const [record] = await on.recorded(1)
  assert.deepEqual(trailOf(record), ['star timeout_attempt'])
})

test('reasoning is a first token', async t => {
  const on = await playPuppets(t, { first_token_timeout: 1, timeout: 30 })
  const client = await on.open()
  const call = await on.lead.next()
  call.events()
  await call.write(
    'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"reasoning_content":"hm"}}]}\n\n',
  )
  assert.equal((await client.head()).status, 200)
  call.end(`${delta('x')}${stop}data: [DONE]\n\n`)
  assert.equal((await client.events()).at(-1)?.data, '[DONE]')
  assert.equal(on.backup.count(), 0)
})

test('connect_timeout: a failure of its own, and nothing of it is billed', async t => {
  // It takes the connection and never says a word of TLS.
  const server = createServer(() => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => void server.close())
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const gateway = inside()
  const on = await play(t, {
    stages,
    config: ({ backup }) => ({
      model_list: [
        {
          model_name: 'star',
          litellm_params: {
            model: 'openai/m',
            api_base: `https://127.0.0.1:${port}/v1`,
            api_key: 'sk-x',
            connect_timeout: 0.1,
          },
        },
        deployment('second', backup, 'n'),
      ],
      router_settings: { num_retries: 0, disable_cooldowns: true, fallbacks: [{ star: ['second'] }] },
    }),
    start: gateway.start,
  })
  assert.equal((await on.ask(CHAT, chat('star'))).status, 200)
  const [record] = await gateway.records()
  assert.deepEqual(trailOf(record), ['star timeout_connect', 'second answered'])
  assert.equal(record?.steps[0]?.possiblyBilled, undefined)
})
