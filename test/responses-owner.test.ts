import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import type OpenAI from 'openai'
import { CANONICAL } from '../src/stage/lines.ts'
import type { Stage } from '../src/stage/stage.ts'
import { failing } from './openai-client.fixture.ts'
import { assertSeen, clear, troupe } from './responses-state.fixture.ts'
import { deployment, play } from './support/harness.ts'

/** A stored response whose owner cannot be asked: what the client is told, and who never sees the id. */
const house = await troupe({ after })
const { client } = house
const { left, right, far } = house.stages
beforeEach(() => clear(house))

const create = (model: string, more: Partial<OpenAI.Responses.ResponseCreateParamsNonStreaming> = {}) =>
  Promise.resolve(client.responses.create({ model, input: 'Hello', ...more }))

/** The stage that holds the response a client knows as `id`: the one that is asked for it. */
const madeBy = (stages: readonly Stage[]): Stage => {
  const [maker, other] = stages.filter(stage => stage.requests.length > 0)
  assert.ok(maker !== undefined && other === undefined)
  return maker
}

/** In OpenAI's words: clients that know them send their whole input again. */
const assertLost = (error: InstanceType<typeof OpenAI.APIError>, id: string): void => {
  assert.equal(error.status, 400)
  assert.deepEqual(error.error, {
    message: `Previous response with id '${id}' not found.`,
    type: 'invalid_request_error',
    param: 'previous_response_id',
    code: 'previous_response_not_found',
  })
}

for (const fault of [
  { kind: 'status', status: 503 },
  { kind: 'status', status: 429, headers: { 'retry-after': '3' } },
  { kind: 'status', status: 401 },
  { kind: 'reset', when: 'after-headers' },
  { kind: 'error-in-200', error: { message: 'boom', type: 'server_error' } },
] as const) {
  const said = 'status' in fault ? `${fault.kind} ${fault.status}` : fault.kind
  test(`M-101 the owner is down (${said}): the client learns to send everything, and neither a sibling nor a fallback sees the id`, async () => {
    for (const maker of ['pair', 'mine'] as const) {
      const first = await create(maker)
      const home = madeBy([left, right, far])
      clear(house)
      home.script(Array(3).fill(fault))
      const model = 'pair'
      const asked = { model, input: 'two', previous_response_id: first.id }
      const whole = await failing(Promise.resolve(client.responses.create(asked)))
      const streamed = await failing(Promise.resolve(client.responses.create({ ...asked, stream: true })))
      const compact = await failing(
        Promise.resolve(client.responses.compact({ model, previous_response_id: first.id })),
      )
      for (const error of [whole, streamed, compact]) {
        // A rate limit passes by itself: its owner is waited for.
        if ('status' in fault && fault.status === 429) {
          assert.equal(error.status, 429)
          assert.equal(error.headers?.get('retry-after'), '3')
          assert.match(error.message, /OpenAIException - /)
        } else assertLost(error, first.id)
        assert.equal(error.headers?.get('x-litellm-attempted-fallbacks'), '0')
      }
      assert.equal(home.requests.length, 3)
      assertSeen(house, ...(home === left ? [3, 0, 0] : [0, 3, 0]))
      clear(house)
    }
  })
}

test('the owner is down: a request’s own fallbacks cross no boundary either', async () => {
  const first = await create('mine')
  clear(house)
  left.script([{ kind: 'status', status: 503 }])
  const body = { model: 'mine', input: 'x', previous_response_id: first.id, fallbacks: ['abroad', 'yours'] }
  assertLost(await failing(Promise.resolve(client.post('/responses', { body }))), first.id)
  assertSeen(house, 1, 0, 0)
})

test('the owner is down and nobody else serves the model: its own error is told, it may be back at the next try', async () => {
  const first = await create('yours')
  clear(house)
  right.script([{ kind: 'status', status: 503 }])
  assert.equal((await failing(create('yours', { previous_response_id: first.id }))).status, 503)
  const body = { model: 'pair', input: 'x', previous_response_id: first.id, disable_fallbacks: true }
  right.script([{ kind: 'status', status: 503 }])
  assertLost(await failing(Promise.resolve(client.post('/responses', { body }))), first.id)
  assertSeen(house, 0, 2, 0)
})

test('M-101 the owner rests after failures: the client learns to send everything, and is served elsewhere when it does', async t => {
  const resting = await troupe(t, {
    router: { disable_cooldowns: false, allowed_fails: 0, cooldown_time: 30 },
  })
  const first = await resting.client.responses.create({ model: 'yours', input: 'x' })
  clear(resting)
  resting.stages.right.script([{ kind: 'status', status: 500 }])
  const ask = () =>
    Promise.resolve(
      resting.client.responses.create({ model: 'pair', input: 'x', previous_response_id: first.id }),
    )
  for (let turn = 0; turn < 3; turn++) assertLost(await failing(ask()), first.id)
  assertSeen(resting, 0, 1, 0)
  const whole = await resting.client.responses.create({ model: 'pair', input: 'x' })
  assert.equal(whole.output_text, CANONICAL)
  assertSeen(resting, 1, 1, 0)
})

test('an error names a stored response by the id that the client knows, never by the provider’s', async t => {
  const theatre = await play(t, {
    stages: { stage: {} },
    config: ({ stage }) => ({
      model_list: [deployment('a', stage, 'gpt-4.1')],
      router_settings: { num_retries: 0 },
    }),
  })
  const { stage } = theatre.stages
  const created = await theatre.ask('/v1/responses', { model: 'a', input: 'Line, please.' })
  const known = String(created.json().id)
  const path = `/v1/responses/${known}`
  const { length } = stage.requests
  assert.equal((await theatre.ask(path, undefined, { method: 'DELETE' })).status, 200)
  assert.equal(stage.requests.length, length + 1)
  const own = stage.requests.at(-1)?.path.split('/').at(-1) ?? assert.fail()
  assert.notEqual(own, known)
  for (const [method, where] of [
    ['GET', path],
    ['DELETE', path],
    ['GET', `${path}/input_items`],
    ['POST', `${path}/cancel`],
  ] as const) {
    const reply = await theatre.ask(where, undefined, { method })
    assert.equal(reply.status, 404, `${method} ${where}`)
    assert.ok(reply.text.includes(known), reply.text)
    assert.ok(!reply.text.includes(own), reply.text)
  }
  // The same where the id is in the body and the provider complains of it in words of its own.
  stage.script([
    { kind: 'status', status: 400, body: { error: { message: `${own} is still in progress.` } } },
  ])
  const next = await theatre.ask('/v1/responses', { model: 'a', input: 'More.', previous_response_id: known })
  assert.equal(next.status, 400)
  assert.match(next.text, new RegExp(`${known} is still in progress`))
})
