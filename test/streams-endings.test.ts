import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { JsonObject } from '../src/wire/json.ts'
import { MASTER_KEY, play, type Start } from './support/harness.ts'
import { hurried } from './support/hurried.ts'
import { inside, until } from './support/inside.ts'
import { type PuppetCall, startPuppet } from './support/puppet.ts'
import type { RawClient } from './support/raw.ts'

/** An answer is whole when its provider has said why it ended: neither before nor any less for what breaks behind it. */

const chunk = (choices: readonly JsonObject[], more: JsonObject = {}): string =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices, ...more })}\n\n`
const says = (content: string, index = 0): JsonObject => ({ index, delta: { content }, finish_reason: null })
const stops = (index = 0): JsonObject => ({ index, delta: {}, finish_reason: 'stop' })
const ROLE = chunk([{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }])
const COUNT = chunk([], { usage: { prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 } })
const ERROR = `data: ${JSON.stringify({ error: { message: 'boom', type: 'server_error', code: 'server_error' } })}\n\n`
const DONE = 'data: [DONE]\n\n'
const WHOLE = chunk([says('whole')]) + chunk([stops()]) + DONE

/** Every door that a server of chat completions answers, and what an answer ends with there. */
const DOORS = {
  chat: { path: '/v1/chat/completions', body: { messages: [{ role: 'user', content: 'x' }] }, end: /"stop"/ },
  responses: { path: '/v1/responses', body: { input: 'x', store: false }, end: /"response\.completed"/ },
  messages: {
    path: '/v1/messages',
    body: { max_tokens: 9, messages: [{ role: 'user', content: 'x' }] },
    end: /"message_stop"/,
  },
  gemini: {
    path: '/v1beta/models/first:streamGenerateContent?alt=sse',
    body: { contents: [{ role: 'user', parts: [{ text: 'x' }] }] },
    end: /"finishReason":"STOP"/,
  },
} as const
type Door = keyof typeof DOORS
const EVERY_DOOR = Object.keys(DOORS) as Door[]

type Set = { readonly params?: JsonObject; readonly router?: JsonObject; readonly start?: Start }

/** `first` answers as the test says; `second` stands by. */
const playTwo = async (t: TestContext, { params = {}, router = {}, start }: Set = {}) => {
  const [first, second] = [await startPuppet(t), await startPuppet(t)]
  const at = (baseUrl: string, more: JsonObject = {}) => ({
    model: 'openai/m',
    api_base: baseUrl,
    api_key: 'sk-x',
    use_chat_completions_api: true,
    ...more,
  })
  const gateway = inside()
  const on = await play(t, {
    config: {
      model_list: [
        { model_name: 'first', litellm_params: at(first.baseUrl, params) },
        { model_name: 'second', litellm_params: at(second.baseUrl) },
      ],
      router_settings: { num_retries: 0, fallbacks: [{ first: ['second'] }], ...router },
    },
    start: start ?? gateway.start,
  })
  const ask = (door: Door, more: JsonObject = {}) =>
    on.send({
      path: DOORS[door].path,
      headers: [['authorization', `Bearer ${MASTER_KEY}`]],
      body: { ...(door === 'gemini' ? {} : { model: 'first', stream: true }), ...DOORS[door].body, ...more },
    })
  return { ...on, ...gateway, first, second, ask }
}

const answers = (call: PuppetCall, bytes: string): void => {
  call.events()
  call.end(bytes)
}

const dataOf = async (client: RawClient): Promise<readonly string[]> => {
  await client.head()
  return (await client.events()).map(({ data }) => data ?? '')
}

const ALONE = { router: { stream_recovery: 'off' } }

test('a count is no end: what stops behind it has stopped half-way', async t => {
  const on = await playTwo(t, ALONE)
  const client = await on.ask('chat')
  answers(await on.first.next(), chunk([says('half')]) + COUNT)
  assert.match((await dataOf(client)).at(-1) ?? '', /"error"/)
  const [record] = await on.recorded(1)
  assert.equal(record?.end, 'upstream_broke')
})

test('a terminator behind neither word nor reason is no answer, at any door', async t => {
  const on = await playTwo(t)
  for (const [at, door] of EVERY_DOOR.entries()) {
    const client = await on.ask(door)
    answers(await on.first.next(), ROLE + DONE)
    const events = dataOf(client)
    const second = await Promise.race([on.second.next(), events.then(() => undefined)])
    assert.ok(second !== undefined, `${door}: an empty answer was told as whole`)
    answers(second, WHOLE)
    assert.match((await events).join(), /whole/)
    const record = (await on.recorded(at + 1))[at]
    assert.deepEqual(
      record?.steps.map(({ outcome }) => outcome),
      ['empty_answer', 'answered'],
    )
  }
})

const behindTheEnd: Readonly<Record<string, (call: PuppetCall) => void>> = {
  // Without the last chunk of its framing; a reset could outrun what was written before it.
  'a cut connection': call => void call.request.socket.end(),
  'an error': call => call.end(ERROR),
  'an error and more': call => call.end(ERROR + chunk([says('more')]) + DONE),
}
for (const [what, follow] of Object.entries(behindTheEnd))
  test(`${what} behind the end of an answer breaks nothing of it, at any door`, async t => {
    const on = await playTwo(t)
    for (const [at, door] of EVERY_DOOR.entries()) {
      const client = await on.ask(door)
      const call = await on.first.next()
      call.events()
      await call.write(chunk([says('whole')]))
      await client.head()
      await client.event()
      await call.write(chunk([stops()]))
      follow(call)
      const rest = (await client.events()).map(({ data }) => data).join()
      assert.doesNotMatch(rest, /boom|"error":\{|more/, door)
      assert.match(rest, DOORS[door].end, door)
      const record = (await on.recorded(at + 1))[at]
      assert.deepEqual([record?.end, record?.steps.length], ['complete', 1], door)
    }
    assert.equal(on.second.count(), 0)
  })

test('a connection that stays open behind the end of an answer ends it soon, at any door', async t => {
  const on = await playTwo(t, { start: hurried(20).start })
  for (const door of EVERY_DOOR) {
    const client = await on.ask(door)
    const call = await on.first.next()
    call.events()
    await call.write(chunk([says('whole')]) + chunk([stops()]))
    assert.match((await dataOf(client)).join(), DOORS[door].end, door)
    await call.left
  }
})

test('of two choices one that ends twice does not end the other', async t => {
  const on = await playTwo(t, ALONE)
  const client = await on.ask('chat', { n: 2 })
  answers(
    await on.first.next(),
    chunk([says('a')]) + chunk([says('b', 1)]) + chunk([stops()]) + chunk([stops()]),
  )
  assert.match((await dataOf(client)).at(-1) ?? '', /"error"/)
})

test('of two choices one that ends in the chunk in which the other goes on has ended', async t => {
  const on = await playTwo(t, ALONE)
  const client = await on.ask('chat', { n: 2 })
  answers(
    await on.first.next(),
    chunk([says('a'), says('b', 1)]) + chunk([stops(), says('c', 1)]) + chunk([stops(1)]),
  )
  assert.doesNotMatch((await dataOf(client)).at(-1) ?? '', /"error"/)
  const [record] = await on.recorded(1)
  assert.equal(record?.end, 'complete')
})

test('a response that has not ended is no answer in another dialect', async t => {
  const on = await playTwo(t, { params: { model: 'openai/responses/m', use_chat_completions_api: false } })
  for (const status of ['queued', 'in_progress', 'cancelled']) {
    const client = await on.ask('chat', { stream: false })
    const call = await on.first.next()
    call.head({ 'content-type': 'application/json' })
    call.end(
      JSON.stringify({ id: 'resp_1', object: 'response', created_at: 1, model: 'm', status, output: [] }),
    )
    const told = client.head().then(async () => String(await client.body()))
    const second = await Promise.race([on.second.next(), told.then(() => undefined)])
    assert.ok(second !== undefined, `${status}: an empty answer was told as whole`)
    second.head({ 'content-type': 'application/json' })
    const message = { role: 'assistant', content: 'whole' }
    second.end(
      JSON.stringify({ id: 'c', model: 'm', choices: [{ index: 0, message, finish_reason: 'stop' }] }),
    )
    assert.match(await told, /whole/)
  }
})

const word = (text: string): string =>
  `data: ${JSON.stringify({ candidates: [{ index: 0, content: { role: 'model', parts: [{ text }] }, finishReason: 'STOP' }] })}\n\n`

test('a model that gives a reason with every word is heard to its last, at any door', async t => {
  const house = hurried(200)
  const on = await playTwo(t, { params: { model: 'gemini/m' }, start: house.start })
  const clients = await Promise.all(
    EVERY_DOOR.map(async door => {
      const client = await on.ask(door)
      return { door, client, call: await on.first.next() }
    }),
  )
  for (const { call } of clients) call.events()
  // More than five seconds of the gateway's in all, never five at once.
  for (const text of ['one', 'two', 'three', 'four', 'five']) {
    for (const { call } of clients) await call.write(word(text))
    const next = house.clock.now() + 1500
    await until('time has passed', () => house.clock.now() >= next)
  }
  for (const { call } of clients) call.end()
  for (const { door, client } of clients)
    assert.match((await dataOf(client)).join(), /one.*two.*three.*four.*five/s, door)
})

/** Reasons with every word, in the dialect of Gemini and in that of chat, each at every door that hears them. */
const REASONED: readonly (readonly [params: JsonObject, word: (text: string) => string, door: Door])[] = [
  ...EVERY_DOOR.map(door => [{ model: 'gemini/m' }, word, door] as const),
  ...EVERY_DOOR.map(
    door => [{}, (text: string) => chunk([{ ...says(text), finish_reason: 'stop' }]), door] as const,
  ),
]

for (const [params, say, door] of REASONED) {
  const what = `${String(params.model ?? 'chat')} at ${door}`
  test(`${what}: a word that comes with a reason is heard at once`, async t => {
    const on = await playTwo(t, { params })
    const client = await on.ask(door)
    const call = await on.first.next()
    call.events()
    for (const text of ['one', 'two', 'three']) {
      await call.write(say(text))
      if (text === 'one') await client.head()
      for (;;) {
        const event = await client.event()
        assert.ok(event !== undefined)
        if (event.data?.includes(text)) break
      }
    }
    call.end()
    const rest = (await client.events()).map(({ data }) => data).join()
    assert.doesNotMatch(rest, /"error":\{|upstream/)
    const [record] = await on.recorded(1)
    assert.equal(record?.end, 'complete')
  })

  test(`${what}: where words have followed a reason, a break behind the next one is a break`, async t => {
    const on = await playTwo(t, { ...ALONE, params })
    const client = await on.ask(door)
    const call = await on.first.next()
    call.events()
    await call.write(say('one') + say('two'))
    await client.head()
    await client.event()
    // Without the last chunk of its framing.
    call.request.socket.end()
    await client.events()
    const [record] = await on.recorded(1)
    assert.equal(record?.end, 'upstream_broke')
  })
}
