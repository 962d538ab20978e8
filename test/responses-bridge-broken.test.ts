import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { checkGrammar } from '../src/dialects/responses-grammar.fixture.ts'
import { CANONICAL } from '../src/stage/lines.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { assertNothingRefused } from './support/canary.ts'
import { MASTER_KEY, play } from './support/harness.ts'
import { type PuppetCall, startPuppet } from './support/puppet.ts'
import type { RawClient } from './support/raw.ts'

/** What a provider on the other side of the bridge may do, and what the client is told of it. */

const chunk = (choice: JsonObject): string =>
  `data: ${JSON.stringify({ id: 'c', model: 'm', choices: [{ index: 0, finish_reason: null, ...choice }] })}\n\n`
const says = (content: string): string => chunk({ delta: { content } })
const ROLE = chunk({ delta: { role: 'assistant', content: '' } })
const USAGE = `data: ${JSON.stringify({ id: 'c', choices: [], usage: { prompt_tokens: 3, completion_tokens: 2 } })}\n\n`
const ends = (reason: string): string => chunk({ delta: {}, finish_reason: reason })
const DONE = 'data: [DONE]\n\n'

const troupe = async (t: TestContext) => {
  const lead = await startPuppet(t)
  const on = await play(t, {
    stages: { native: {} },
    config: ({ native }) => ({
      model_list: [
        {
          model_name: 'star',
          litellm_params: { model: 'deepseek/m', api_base: lead.baseUrl, api_key: 'sk-x' },
        },
        {
          model_name: 'only',
          litellm_params: { model: 'openai/responses/m', api_base: lead.baseUrl, api_key: 'sk-x' },
        },
        {
          model_name: 'native',
          litellm_params: { model: 'openai/gpt-4.1', api_base: native.baseUrl, api_key: native.key },
        },
      ],
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        stream_recovery: 'off',
        fallbacks: [{ star: ['native'] }, { only: ['native'] }],
      },
    }),
  })
  const send = (path: string, body: JsonObject) =>
    on.send({ path, headers: [['authorization', `Bearer ${MASTER_KEY}`]], body })
  return { ...on, lead, send }
}

const eventsOf = async (client: RawClient): Promise<readonly JsonObject[]> => {
  assert.equal((await client.head()).status, 200)
  return (await client.events()).flatMap(event =>
    event.data === undefined ? [] : [JSON.parse(event.data) as JsonObject],
  )
}

const ASK = { model: 'star', input: 'Go.', stream: true }

const stream = async (
  t: TestContext,
  perform: (call: PuppetCall) => Promise<void> | void,
  more: JsonObject = {},
) => {
  const on = await troupe(t)
  const client = await on.send('/v1/responses', { ...ASK, ...more })
  await perform(await on.lead.next())
  return { on, events: await eventsOf(client) }
}

test('a finish without its terminator ends the response all the same', async t => {
  const { events } = await stream(t, call => {
    call.events()
    call.end(ROLE + says('Hello.') + ends('stop') + USAGE)
  })
  const response = checkGrammar(events)
  assert.deepEqual([response.status, (response.usage as JsonObject).total_tokens], ['completed', 5])
})

test('a stream that breaks after its first words is never a whole response', async t => {
  for (const how of ['reset', 'end'] as const) {
    const { events } = await stream(t, async call => {
      call.events()
      await call.write(ROLE + says('Half of it'))
      if (how === 'end') call.end()
      else call.reset()
    })
    const response = checkGrammar(events)
    assert.equal(response.status, 'failed', how)
    assert.equal(typeof (response.error as JsonObject).message, 'string')
    assert.equal((response.error as JsonObject).code, 'server_error')
  }
})

test('a provider that fails in the middle ends the response as failed, in its own words', async t => {
  const { events } = await stream(t, call => {
    call.events()
    call.end(
      `${ROLE + says('Half of it')}data: {"error":{"message":"out of memory","code":"server_error"}}\n\n`,
    )
  })
  const response = checkGrammar(events)
  assert.equal(response.status, 'failed')
  assert.match(String((response.error as JsonObject).message), /out of memory/)
})

test('a failure before the first word is nothing that a client hears of', async t => {
  const failures: readonly ((call: PuppetCall) => void)[] = [
    call => call.end(`${ROLE}data: {"error":{"message":"overloaded"}}\n\n`),
    call => call.end(ROLE),
    call => void call.write(ROLE).then(() => call.reset()),
    call => call.end(DONE),
  ]
  for (const fail of failures) {
    const { on, events } = await stream(t, call => {
      call.events()
      fail(call)
    })
    assert.equal(checkGrammar(events).model, 'native')
    assert.equal(on.stages.native.requests.length, 1)
    assertNothingRefused(on.stages.native.requests)
  }
})

test('an error inside a success, or no answer at all, is the provider’s failure', async t => {
  for (const body of [{ error: { message: 'no capacity', type: 'server_error' } }, { choices: [] }]) {
    const on = await troupe(t)
    const client = await on.send('/v1/responses', { model: 'star', input: 'Go.' })
    const call = await on.lead.next()
    call.head({ 'content-type': 'application/json' })
    call.end(JSON.stringify(body))
    assert.equal((await client.head()).status, 200)
    assert.equal((JSON.parse((await client.body()).toString()) as JsonObject).model, 'native')
  }
})

test('calls that are spoken in turns are items of their own', async t => {
  const piece = (index: number, more: JsonObject): string =>
    chunk({ delta: { tool_calls: [{ index, ...more }] } })
  const { events } = await stream(
    t,
    call => {
      call.events()
      call.end(
        ROLE +
          piece(0, { id: 'a', type: 'function', function: { name: 'look', arguments: '{"at":' } }) +
          piece(1, { id: 'b', type: 'function', function: { name: 'look', arguments: '{"at"' } }) +
          piece(0, { function: { arguments: '"left"}' } }) +
          piece(1, { function: { arguments: ':"right"}' } }) +
          ends('tool_calls') +
          DONE,
      )
    },
    { tools: [{ type: 'function', name: 'look', parameters: { type: 'object', properties: {} } }] },
  )
  const { output } = checkGrammar(events)
  assert.deepEqual(
    (output as JsonObject[]).map(item => [item.call_id, item.arguments]),
    [
      ['a', '{"at":"left"}'],
      ['b', '{"at":"right"}'],
    ],
  )
})

test('what a failover thought reaches its issuer again, and never a provider that could not read it', async t => {
  for (const include of [[], ['reasoning.encrypted_content']]) {
    const { on, events } = await stream(
      t,
      call => {
        call.events()
        call.end(ROLE + chunk({ delta: { reasoning_content: 'Hm.' } }) + says('Hello.') + ends('stop') + DONE)
      },
      { include },
    )
    const { output } = checkGrammar(events)
    const items = output as JsonObject[]
    assert.deepEqual(
      items.map(item => item.type),
      ['reasoning', 'message'],
    )
    assert.deepEqual(items[0]?.summary, [{ type: 'summary_text', text: 'Hm.' }])
    assert.equal(typeof items[0]?.encrypted_content, include.length === 0 ? 'undefined' : 'string')
    const input = [{ role: 'user', content: 'Go.' }, ...items, { role: 'user', content: 'And?' }]
    // A store that does not know the item would look for it: the stage refuses what it has not made.
    const home = await on.ask('/v1/responses', { model: 'native', input, store: false })
    assert.equal(home.status, 200, home.text)
    const sent = on.stages.native.requests[0]?.json as { input: JsonObject[] } | undefined
    assert.deepEqual(
      sent?.input.map(item => item.type ?? item.role),
      ['user', 'message', 'user'],
    )
    assertNothingRefused(on.stages.native.requests)
    const again = await on.send('/v1/responses', { ...ASK, input })
    const call = await on.lead.next()
    const { messages } = JSON.parse(call.body.toString()) as { messages: JsonObject[] }
    assert.deepEqual(messages[1], { role: 'assistant', content: 'Hello.', reasoning_content: 'Hm.' })
    call.events()
    call.end(ROLE + says('So.') + ends('stop') + DONE)
    checkGrammar(await eventsOf(again))
  }
})

const response = (type: string, more: JsonObject = {}): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, response: { id: 'resp_1', model: 'm', output: [], ...more } })}\n\n`
const delta = (text: string): string =>
  `event: response.output_text.delta\ndata: ${JSON.stringify({ type: 'response.output_text.delta', output_index: 0, content_index: 0, delta: text })}\n\n`

test('a chat client hears of a response that fails: first nothing but the backup, later an error and no [DONE]', async t => {
  const failed = response('response.failed', {
    status: 'failed',
    error: { code: 'server_error', message: 'lost' },
  })
  const ask = { model: 'only', stream: true, messages: [{ role: 'user', content: 'Go.' }] }
  const on = await troupe(t)
  const early = await on.send('/v1/chat/completions', ask)
  const first = await on.lead.next()
  first.events()
  first.end(response('response.created', { status: 'in_progress' }) + failed)
  await early.head()
  const text = (await early.body()).toString()
  assert.ok(text.endsWith('data: [DONE]\n\n'))
  assert.ok(text.includes(CANONICAL.split(' ')[0] ?? ''))
  const late = await on.send('/v1/chat/completions', ask)
  const second = await on.lead.next()
  assert.equal(second.request.url, '/v1/responses')
  second.events()
  second.end(response('response.created', { status: 'in_progress' }) + delta('Half of it') + failed)
  await late.head()
  const told = (await late.body()).toString()
  assert.match(told, /Half of it/)
  assert.match(told, /"error":\{"message":"[^"]*lost/)
  assert.ok(!told.includes('[DONE]'))
})

test('a chat client hears what an incomplete response says of itself', async t => {
  const on = await troupe(t)
  const client = await on.send('/v1/chat/completions', {
    model: 'only',
    stream: true,
    stream_options: { include_usage: true },
    messages: [{ role: 'user', content: 'Go.' }],
  })
  const call = await on.lead.next()
  call.events()
  call.end(
    response('response.created', { status: 'in_progress' }) +
      delta('Half of it') +
      response('response.incomplete', {
        status: 'incomplete',
        incomplete_details: { reason: 'max_output_tokens' },
        usage: { input_tokens: 3, output_tokens: 2, output_tokens_details: { reasoning_tokens: 1 } },
      }),
  )
  await client.head()
  const events = (await client.events()).map(event => event.data ?? '')
  assert.equal(events.at(-1), '[DONE]')
  const chunks = events.slice(0, -1).map(data => JSON.parse(data) as JsonObject)
  const reasons = chunks.flatMap(each => (each.choices as JsonObject[]).map(choice => choice.finish_reason))
  assert.deepEqual(
    reasons.filter(reason => reason !== null),
    ['length'],
  )
  assert.deepEqual(chunks.at(-1)?.usage, {
    prompt_tokens: 3,
    completion_tokens: 2,
    total_tokens: 5,
    completion_tokens_details: { reasoning_tokens: 1 },
  })
})
