import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { after, beforeEach, test } from 'node:test'
import OpenAI from 'openai'
import { CANONICAL } from '../src/stage/lines.ts'
import type { Stage } from '../src/stage/stage.ts'
import { closedPort } from '../src/stage/stage.ts'
import { failing } from './openai-client.fixture.ts'
import {
  another,
  assertSeen,
  bodyAt,
  clear,
  configOf,
  rawConversationId,
  rawResponseId,
  troupe,
} from './responses-state.fixture.ts'

/** Ids that bind: sealed on the way out, opened on the way in, and followed home whatever routing would prefer. */
const house = await troupe({ after })
const { client } = house
const { left, right, far } = house.stages
beforeEach(() => clear(house))

const TRIES = 20

const create = (model: string, more: Partial<OpenAI.Responses.ResponseCreateParamsNonStreaming> = {}) =>
  Promise.resolve(client.responses.create({ model, input: 'Hello', ...more }))

/** The stage that holds the response a client knows as `id`: the one that is asked for it. */
const madeBy = (stages: readonly Stage[]): Stage => {
  const [maker, other] = stages.filter(stage => stage.requests.length > 0)
  assert.ok(maker !== undefined && other === undefined)
  return maker
}

test('the id of a response is sealed, and the same wherever it stands', async () => {
  const answer = await create('mine')
  const raw = rawResponseId(left)
  assert.match(raw, /^resp_[0-9a-f]{32}$/)
  assert.match(answer.id, /^resp_[A-Za-z0-9_-]{70,}$/)
  assert.ok(!JSON.stringify(answer).includes(raw))
  assert.equal((await client.responses.retrieve(answer.id)).id, answer.id)
  const text = await house.ask(`/v1/responses/${answer.id}`)
  assert.ok(!text.text.includes(raw))
  const polled = await create('mine', { background: true })
  assert.equal((await client.responses.retrieve(polled.id)).id, polled.id)
})

test('every event of a stream carries the sealed id, and no event the provider’s', async () => {
  const reply = await house.ask('/v1/responses', { model: 'mine', input: 'Hello', stream: true })
  const raw = rawResponseId(left)
  assert.ok(!reply.text.includes(raw))
  const ids = [...reply.text.matchAll(/"id": ?"(resp_[^"]+)"/g)].map(match => match[1] ?? '')
  assert.ok(ids.length >= 3, 'created, in progress and completed carry it')
  assert.equal(new Set(ids).size, 1)
  const [id = ''] = ids
  assert.equal((await client.responses.retrieve(id)).id, id)
  const replay = await Array.fromAsync(await client.responses.retrieve(id, { stream: true }))
  const end = replay.at(-1)
  assert.equal(end?.type === 'response.completed' ? end.response.id : end, id)
  assertSeen(house, 3, 0, 0)
})

test('a follow-up goes to the account that made the response, however often and whoever is drawn', async () => {
  for (const maker of ['mine', 'yours']) {
    clear(house)
    const first = await create(maker)
    const home = madeBy([left, right, far])
    const raw = rawResponseId(home)
    clear(house)
    for (let turn = 0; turn < TRIES; turn++) {
      const next = await create('pair', { previous_response_id: first.id })
      assert.equal(next.previous_response_id, first.id)
      assert.equal(bodyAt(home).previous_response_id, raw)
    }
    assert.equal(home.requests.length, TRIES)
    assertSeen(house, ...(home === left ? [TRIES, 0, 0] : [0, TRIES, 0]))
  }
})

test('a follow-up goes home past a deployment that is preferred', async () => {
  const first = await create('mine')
  clear(house)
  await create('ranked')
  assertSeen(house, 0, 1, 0)
  clear(house)
  await create('ranked', { previous_response_id: first.id })
  assertSeen(house, 1, 0, 0)
})

test('a long chain of a random group stays with whoever began it', async () => {
  let last = await create('pair')
  const home = madeBy([left, right, far])
  for (let turn = 0; turn < 5; turn++) {
    const stream = client.responses.stream({
      model: 'pair',
      input: `line ${turn}`,
      previous_response_id: last.id,
    })
    const next = await stream.finalResponse()
    assert.equal(next.previous_response_id, last.id)
    last = { ...next, _request_id: null }
  }
  assert.equal(home.requests.length, 6)
  assertSeen(house, ...(home === left ? [6, 0, 0] : [0, 6, 0]))
})

test('reading, listing input, cancelling and deleting need no model to find the owner', async () => {
  const made = await create('yours', { background: true })
  const raw = rawResponseId(right)
  clear(house)
  assert.equal((await client.responses.retrieve(made.id)).id, made.id)
  assert.equal((await client.responses.inputItems.list(made.id)).data.length, 1)
  assert.equal((await client.responses.cancel(made.id)).id, made.id)
  const gone = await house.ask(`/v1/responses/${made.id}`, undefined, { method: 'DELETE' })
  assert.equal(gone.json().id, made.id)
  assert.deepEqual(
    right.requests.map(hit => `${hit.method} ${hit.target}`),
    [
      `GET /v1/responses/${raw}`,
      `GET /v1/responses/${raw}/input_items`,
      `POST /v1/responses/${raw}/cancel`,
      `DELETE /v1/responses/${raw}`,
    ],
  )
  assertSeen(house, 0, 4, 0)
})

test('compaction and token counts of a stored response go home too', async () => {
  const first = await create('yours')
  const raw = rawResponseId(right)
  clear(house)
  for (let turn = 0; turn < TRIES / 2; turn++) {
    const compacted = await client.responses.compact({ model: 'pair', previous_response_id: first.id })
    assert.equal(compacted.object, 'response.compaction')
    assert.equal(bodyAt(right).previous_response_id, raw)
    await client.responses.inputTokens.count({ model: 'pair', input: 'x', previous_response_id: first.id })
    assert.equal(bodyAt(right).previous_response_id, raw)
  }
  assertSeen(house, 0, TRIES, 0)
})

test('a conversation binds as a string and as an object, and its id comes back as it was sent', async () => {
  const conversation = await client.conversations.create({}, { query: { model: 'yours' } })
  const raw = rawConversationId(right)
  assert.match(conversation.id, /^conv_[A-Za-z0-9_-]{70,}$/)
  clear(house)
  for (let turn = 0; turn < TRIES / 2; turn++) {
    const one = await create('pair', { conversation: conversation.id })
    assert.equal(bodyAt(right).conversation, raw)
    const other = await create('pair', { conversation: { id: conversation.id } })
    assert.deepEqual(bodyAt(right).conversation, { id: raw })
    assert.deepEqual([one.conversation?.id, other.conversation?.id], [conversation.id, conversation.id])
  }
  const items = await client.conversations.items.list(conversation.id, { limit: 100 })
  assert.equal(items.data.length, 2 * TRIES)
  assert.equal((await client.conversations.retrieve(conversation.id)).id, conversation.id)
  assert.equal((await client.conversations.delete(conversation.id)).id, conversation.id)
  assertSeen(house, 0, TRIES + 3, 0)
})

test('ids outlive a restart and are understood by an instance that shares the salt', async t => {
  const first = await create('pair')
  const home = madeBy([left, right, far])
  const conversation = await client.conversations.create({}, { query: { model: 'mine' } })
  clear(house)
  const beside = await another(t, house.configPath, 'sk-the-key-of-another-instance')
  assert.equal((await beside.client.responses.retrieve(first.id)).id, first.id)
  const next = await beside.client.responses.create({
    model: 'pair',
    input: 'two',
    previous_response_id: first.id,
  })
  assert.equal(next.previous_response_id, first.id)
  assert.equal((await client.responses.retrieve(next.id)).id, next.id, 'and back again')
  assert.equal((await beside.client.conversations.retrieve(conversation.id)).id, conversation.id)
  await beside.close(1000)
  const restarted = await another(t, house.configPath)
  assert.equal((await restarted.client.responses.retrieve(next.id)).previous_response_id, first.id)
  // The conversation was read on the left whoever holds the responses.
  assertSeen(house, ...(home === left ? [5, 0, 0] : [1, 4, 0]))
})

test('M-101 an id whose account was taken out of the configuration is not found, and nobody is asked', async t => {
  const lost = await create('yours')
  const conversation = await client.conversations.create({}, { query: { model: 'yours' } })
  const kept = await create('mine')
  clear(house)
  const smaller = `${house.configPath}.smaller.yaml`
  const config = configOf(house.stages, { without: ['yours', 'pair', 'ranked', 'mine'] })
  const router = { num_retries: 0, disable_cooldowns: true }
  await writeFile(smaller, JSON.stringify({ ...config, router_settings: router }))
  const later = await another(t, smaller)
  const notFound = await failing(Promise.resolve(later.client.responses.retrieve(lost.id)))
  assert.ok(notFound instanceof OpenAI.NotFoundError)
  assert.equal(notFound.code, 'not_found')
  assert.ok(
    (await failing(Promise.resolve(later.client.conversations.retrieve(conversation.id)))) instanceof
      OpenAI.NotFoundError,
  )
  const previous = await failing(
    Promise.resolve(
      later.client.responses.create({ model: 'abroad', input: 'x', previous_response_id: lost.id }),
    ),
  )
  assert.ok(previous instanceof OpenAI.BadRequestError)
  assert.deepEqual(
    [previous.code, previous.param, previous.type],
    ['previous_response_not_found', 'previous_response_id', 'invalid_request_error'],
  )
  assertSeen(house, 0, 0, 0)
  // Its own deployment is gone, but another one of the same account is there.
  assert.equal((await later.client.responses.retrieve(kept.id)).id, kept.id)
  assertSeen(house, 1, 0, 0)
})

test('a changed id is nobody’s: the provider is asked for what it cannot have, or nothing', async () => {
  const { id } = await create('mine')
  const raw = rawResponseId(left)
  clear(house)
  for (const at of [5, 6, 30, 60, id.length - 1]) {
    const changed = id.slice(0, at) + (id[at] === 'A' ? 'B' : 'A') + id.slice(at + 1)
    const error = await failing(Promise.resolve(client.responses.retrieve(changed)))
    assert.ok(error instanceof OpenAI.NotFoundError, `${at}: ${error.message}`)
  }
  assert.ok([left, right, far].every(stage => stage.requests.every(hit => !hit.target.includes(raw))))
})

test('an id that was not made here is passed as it is for an administrator, and never to a fallback', async () => {
  await create('mine')
  const raw = rawResponseId(left)
  clear(house)
  assert.equal((await client.responses.retrieve(raw)).id, raw)
  const next = await create('mine', { previous_response_id: raw })
  assert.equal(next.previous_response_id, raw, 'as it was sent')
  assert.equal(bodyAt(left).previous_response_id, raw)
  assertSeen(house, 2, 0, 0)
  clear(house)
  left.script([{ kind: 'status', status: 503 }])
  // `cousin`, the last fallback, is the same account: whoever could read the id there can read it here.
  const saved = await create('mine', { previous_response_id: raw })
  assert.equal(saved.model, 'cousin')
  assertSeen(house, 2, 0, 0)
})

test('M-098 the owner is down: another group of the same account may serve, and gets the provider’s own id', async () => {
  const first = await create('mine')
  const raw = rawResponseId(left)
  clear(house)
  left.script([{ kind: 'status', status: 503 }], { model: 'gpt-4.1' })
  const next = await create('mine', { previous_response_id: first.id })
  assert.deepEqual([next.model, next.previous_response_id, next.output_text], ['cousin', first.id, CANONICAL])
  assert.equal(bodyAt(left).previous_response_id, raw)
  assertSeen(house, 2, 0, 0)
  const read = await client.responses.retrieve(next.id)
  assert.equal(read.id, next.id)
})

test('without state the same call crosses as ever', async () => {
  left.script([{ kind: 'status', status: 503 }])
  const answer = await create('mine')
  assert.equal(answer.model, 'abroad')
  assertSeen(house, 1, 0, 1)
  clear(house)
  left.script([{ kind: 'status', status: 503 }])
  const nothing = { model: 'mine', input: 'x', previous_response_id: null }
  assert.equal((await client.responses.create(nothing)).model, 'abroad')
})

test('what a fallback made is continued there, under the model that the client goes on asking for', async () => {
  left.script([{ kind: 'status', status: 503 }])
  const made = await create('mine')
  assert.equal(made.model, 'abroad')
  clear(house)
  assert.equal((await client.responses.retrieve(made.id)).id, made.id)
  await create('abroad', { previous_response_id: made.id })
  const next = await create('mine', { previous_response_id: made.id })
  assert.equal(next.model, 'abroad')
  assert.equal(next.previous_response_id, made.id)
  assertSeen(house, 0, 0, 3)
})

test('a model that no fallback connects with the owner is told that it has no such response', async () => {
  const made = await create('abroad')
  clear(house)
  const elsewhere = await failing(create('yours', { previous_response_id: made.id }))
  assert.ok(elsewhere instanceof OpenAI.BadRequestError)
  assert.equal(elsewhere.code, 'previous_response_not_found')
  assertSeen(house, 0, 0, 0)
})

test('M-103 a stored response that its provider has lost is told in the provider’s words, and asked of no other account', async () => {
  const first = await create('mine')
  left.memory.responses.clear()
  clear(house)
  const error = await failing(create('mine', { previous_response_id: first.id }))
  assert.ok(error instanceof OpenAI.BadRequestError)
  assert.equal(error.code, 'previous_response_not_found')
  assert.equal(right.requests.length + far.requests.length, 0)
})

test('two states of two accounts in one call are refused before anything is sent', async () => {
  const first = await create('mine')
  const conversation = await client.conversations.create({}, { query: { model: 'yours' } })
  clear(house)
  const error = await failing(
    create('pair', { previous_response_id: first.id, conversation: conversation.id }),
  )
  assert.ok(error instanceof OpenAI.BadRequestError)
  assert.equal(error.param, 'conversation')
  assertSeen(house, 0, 0, 0)
})

test('M-101 an owner that cools down is waited for, not replaced', async t => {
  const cooling = await troupe(t, {
    router: { disable_cooldowns: false, allowed_fails: 0, cooldown_time: 30 },
  })
  const first = await cooling.client.responses.create({ model: 'yours', input: 'x' })
  const { right: owner } = cooling.stages
  clear(cooling)
  owner.script([{ kind: 'status', status: 429, headers: { 'retry-after': '20' } }])
  const ask = () =>
    cooling.client.responses.create({ model: 'pair', input: 'x', previous_response_id: first.id })
  assert.equal((await failing(Promise.resolve(ask()))).status, 429)
  const error = await failing(Promise.resolve(ask()))
  assert.ok(error instanceof OpenAI.RateLimitError, error.message)
  assert.match(error.message, /previous_response_id/)
  assert.ok(Number(error.headers?.get('retry-after')) > 0)
  assertSeen(cooling, 0, 1, 0)
  await cooling.client.responses.create({ model: 'pair', input: 'x' })
  assertSeen(cooling, 1, 1, 0)
})

test('with the security switched off ids are sealed still, and foreign ones pass', async t => {
  const open = await troupe(t, { general: { disable_responses_id_security: true } })
  const made = await open.client.responses.create({ model: 'yours', input: 'x' })
  const raw = rawResponseId(open.stages.right)
  assert.notEqual(made.id, raw)
  assert.equal((await open.client.responses.retrieve(made.id)).id, made.id)
  assert.equal((await open.client.responses.retrieve(raw, {}, { query: { model: 'yours' } })).id, raw)
  assertSeen(open, 0, 3, 0)
})

test('an owner nobody listens at is a connection error, and stays the owner', async t => {
  const port = await closedPort()
  const stage = { ...left, baseUrl: `http://127.0.0.1:${port}/v1` }
  const { id } = await create('mine')
  clear(house)
  const path = `${house.configPath}.closed.yaml`
  await writeFile(path, JSON.stringify(configOf({ ...house.stages, left: stage })))
  const moved = await another(t, path)
  const error = await failing(Promise.resolve(moved.client.responses.retrieve(id)))
  assert.ok(error.status === 404 || error.status === 500)
  assertSeen(house, 0, 0, 0)
})
