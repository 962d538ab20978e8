import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import type { JsonObject } from '../src/wire/json.ts'
import { deployment, play } from './support/harness.ts'
import { parseSse } from './support/sse.ts'

/** Clients that name the items of earlier answers, as AI SDK does, instead of sending them. */
const house = await play(
  { after },
  {
    stages: { openai: {}, anthropic: { flavour: 'anthropic' as const, models: ['*'] } },
    config: ({ openai, anthropic }) => ({
      model_list: [
        deployment('gpt', openai, 'gpt-4.1'),
        deployment('claude', anthropic, 'claude-sonnet-4-5'),
        deployment('claude-alone', anthropic, 'claude-sonnet-4-5'),
      ],
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: [{ gpt: ['claude'] }, { claude: ['gpt'] }],
      },
    }),
  },
)
const { openai, anthropic } = house.stages
beforeEach(() => {
  openai.clear()
  anthropic.clear()
})

const RESPONSES = '/v1/responses'
const question = (content: string): JsonObject => ({ type: 'message', role: 'user', content })

/** The items of an answer, whole or streamed. */
const outputOf = async (model: string, more: JsonObject = {}): Promise<readonly JsonObject[]> => {
  const input = [question('[stage:reason] [stage:say to be or not to be]')]
  const reply = await house.ask(RESPONSES, { model, input, ...more })
  assert.equal(reply.status, 200, reply.text)
  openai.clear()
  anthropic.clear()
  if (more.stream !== true) return reply.json().output as JsonObject[]
  const last = parseSse(Buffer.from(reply.text)).findLast(({ data }) => data.startsWith('{'))
  const { response } = JSON.parse(last?.data ?? '') as { response: JsonObject }
  return response.output as JsonObject[]
}

const named = (items: readonly JsonObject[]): readonly JsonObject[] =>
  items.map(({ id = '' }) => ({ type: 'item_reference', id }))

const goOn = (model: string, items: readonly JsonObject[], more: JsonObject = {}) =>
  house.ask(RESPONSES, { model, input: [question('Line?'), ...items, question('And now?')], ...more })

const LINE = 'to be or not to be'

for (const stream of [false, true]) {
  test(`what a translation made is named and goes on at either provider, stream: ${stream}`, async () => {
    const items = named(await outputOf('claude', { stream, reasoning: { effort: 'low' } }))
    assert.ok(items.every(({ id }) => /^(?:msg|rs|fc)_understudy_/.test(String(id))))
    assert.equal((await goOn('claude', items)).status, 200)
    assert.ok(anthropic.requests[0]?.text.includes(LINE))
    assert.equal((await goOn('gpt', items)).status, 200)
    const [hit] = openai.requests
    assert.equal(hit?.refusal, undefined)
    assert.ok(hit?.text.includes(LINE))
    assert.ok(!hit?.text.includes('understudy_'))
  })

  test(`what a provider keeps is named to it and sent to the other one, stream: ${stream}`, async () => {
    const items = named(await outputOf('gpt', { stream }))
    assert.equal(items.length, 2)
    const first = await goOn('gpt', items)
    assert.equal(first.status, 200, first.text)
    const [hit] = openai.requests
    assert.deepEqual(hit?.json, {
      model: 'gpt-4.1',
      input: [question('Line?'), ...items, question('And now?')],
    })
    openai.script([{ kind: 'status', status: 503 }])
    const second = await goOn('gpt', items)
    assert.equal(second.status, 200, second.text)
    assert.ok(anthropic.requests[0]?.text.includes(LINE))
    assert.match(second.headers['x-understudy-dropped'] ?? '', /input\[1\]/)
  })
}

test('a call of a tool is named, too, and its result goes with it', async () => {
  const tools = [
    {
      type: 'function',
      name: 'look',
      parameters: { type: 'object', properties: { at: { type: 'string' } } },
    },
  ]
  const asked = question('[stage:call look {"at":"left"}] [stage:say it is a tree]')
  for (const model of ['claude', 'gpt'])
    for (const next of ['claude', 'gpt']) {
      const first = await house.ask(RESPONSES, { model, input: [asked], tools })
      const [call = {}] = first.json().output as JsonObject[]
      const result = { type: 'function_call_output', call_id: call.call_id ?? '', output: 'green' }
      const input = [asked, ...named([call]), result]
      if (model === 'gpt' && next === 'claude') openai.script([{ kind: 'status', status: 503 }])
      const second = await house.ask(RESPONSES, { model: model === 'gpt' ? 'gpt' : next, input, tools })
      assert.equal(second.status, 200, `${model}, then ${next}: ${second.text}`)
      assert.match(second.text, /it is a tree/)
    }
})

test('nothing is kept of a call that says store: false', async () => {
  const [message] = (await outputOf('claude', { store: false })).slice(-1)
  const reply = await goOn('claude', named(message === undefined ? [] : [message]))
  assert.equal(reply.status, 400)
  const { error } = reply.json() as { error: JsonObject }
  assert.match(String(error.message), /^Item with id 'msg_understudy_\w+' not found\..*store: false/)
  assert.equal(error.param, 'input[1].id')
  assert.deepEqual([openai.requests.length, anthropic.requests.length], [0, 0])
})

test('one name without a copy binds the call to who keeps the item', async () => {
  const items = named(await outputOf('gpt'))
  openai.script([{ kind: 'status', status: 503 }])
  const reply = await goOn('gpt', [...items, { type: 'item_reference', id: 'msg_of_somebody' }])
  assert.equal(reply.status, 503)
  assert.deepEqual([openai.requests.length, anthropic.requests.length], [1, 0])
})
