import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { isObject, type Json, type JsonObject } from '../src/wire/json.ts'
import { steady } from './support/steady.ts'
import {
  assertLost,
  assertNoneRefused,
  bodyAt,
  clear,
  down,
  idOf,
  textAt,
  theatre,
  turn,
} from './transcripts.fixture.ts'

/** A conversation goes on elsewhere when the owner of its last response is out. */
const dial = steady()
const house = await theatre({ after }, {}, dial.start)
const { home, twin, chat, claude } = house.stages
beforeEach(() => clear(house))

const outputOf = (reply: { readonly json: () => JsonObject }): readonly JsonObject[] => {
  const { output } = reply.json()
  return Array.isArray(output) ? output.filter(isObject) : []
}

const withoutIds = (items: readonly JsonObject[]): readonly Json[] => items.map(({ id: _, ...item }) => item)

test('the owner is out: another account gets previous input, previous output, new input, and nothing else', async () => {
  for (const stream of [false, true]) {
    clear(house)
    const one = await turn(house, 'lead', 'First words.', { instructions: 'Of the first turn only.' })
    const two = await turn(
      house,
      'lead',
      [{ role: 'user', content: 'Second words, é 12345678901234567890.' }],
      {
        previous_response_id: idOf(one),
        stream,
      },
    )
    down(home)
    const more = { previous_response_id: idOf(two), user: 'u', metadata: { a: '1' } }
    const three = await turn(house, 'lead', 'Third words.', more)
    assert.equal(three.status, 200, three.text)
    assert.equal(three.headers['x-understudy-rehydrated'], 'previous_response_id; responses=2; items=5')
    assert.equal(three.headers['x-litellm-attempted-fallbacks'], '1')
    assert.equal(three.headers['x-litellm-model-group'], 'twin')
    const said = withoutIds(outputOf(one))
    const rehydrated = Buffer.from(twin.requests[0]?.body ?? [])
    assert.deepEqual(bodyAt(twin), {
      model: 'gpt-4.1',
      input: [
        { role: 'user', content: 'First words.' },
        ...said,
        { role: 'user', content: 'Second words, é 12345678901234567890.' },
        ...said,
        { role: 'user', content: 'Third words.' },
      ],
      user: 'u',
      metadata: { a: '1' },
    })
    // The very bytes of a direct request with this input.
    await house.ask('/v1/responses', { ...bodyAt(twin), model: 'twin' })
    assert.equal(Buffer.from(twin.requests[1]?.body ?? []).toString(), rehydrated.toString())
    assert.equal(twin.requests.length, 2)
    assertNoneRefused(house)
  }
})

test('what was served elsewhere is gone on with there, by its id, and from there back again', async () => {
  const one = idOf(await turn(house, 'lead', 'First words.'))
  down(home)
  const two = idOf(await turn(house, 'lead', 'Second words.', { previous_response_id: one, stream: true }))
  clear(house)
  const three = await turn(house, 'lead', 'Third words.', { previous_response_id: two })
  assert.equal(three.headers['x-understudy-rehydrated'], undefined)
  assert.match(String(bodyAt(twin).previous_response_id), /^resp_[0-9a-f]{32}$/)
  assert.deepEqual([home.requests.length, twin.requests.length], [0, 1])
  down(twin)
  const four = await turn(house, 'pair', 'Fourth words.', { previous_response_id: idOf(three) })
  assert.equal(four.status, 200, four.text)
  assert.equal(four.headers['x-understudy-rehydrated'], 'previous_response_id; responses=3; items=7')
  const words = ['First', 'Second', 'Third', 'Fourth'].map(word => textAt(home).indexOf(`${word} words`))
  assert.ok(
    words.every((at, place) => at > (words[place - 1] ?? 0)),
    String(words),
  )
  assertNoneRefused(house)
})

test('a count of the next turn stands for the whole conversation, in whatever dialect it is counted', async () => {
  const count = (model: string, input: string, more: JsonObject = {}) =>
    house.ask('/v1/responses/input_tokens', { model, input, ...more })
  for (const [group, asked] of [
    ['lead', twin],
    ['talk', undefined],
    ['think', claude],
  ] as const) {
    clear(house)
    const one = idOf(await turn(house, group, 'First words.'))
    down(home)
    const counted = await count(group, 'Second words.', { previous_response_id: one })
    assert.equal(counted.status, 200, counted.text)
    assert.equal(counted.headers['x-understudy-rehydrated'], 'previous_response_id; responses=1; items=3')
    const alone = await count(group, 'Second words.')
    assert.ok(Number(counted.json().input_tokens) > Number(alone.json().input_tokens), counted.text)
    for (const stage of [twin, chat, claude]) assert.equal(stage.requests.length, stage === asked ? 2 : 0)
  }
  assertNoneRefused(house)
})

test('a sibling of the same group stands in, without a fallback', async () => {
  const one = idOf(await turn(house, 'lead', 'First words.'))
  down(home)
  const two = await turn(house, 'pair', 'Second words.', { previous_response_id: one })
  assert.equal(two.status, 200, two.text)
  assert.equal(two.headers['x-litellm-attempted-fallbacks'], '0')
  assert.deepEqual([home.requests.length, twin.requests.length], [2, 1])
})

test('a provider of another dialect goes on with it', async () => {
  for (const [group, stage] of [
    ['talk', chat],
    ['think', claude],
  ] as const)
    for (const stream of [false, true]) {
      clear(house)
      const one = idOf(await turn(house, group, 'First words.', { stream }))
      down(home)
      const two = await turn(house, group, 'Second words.', { previous_response_id: one, stream })
      assert.equal(two.status, 200, two.text)
      const { messages } = bodyAt(stage)
      assert.ok(Array.isArray(messages))
      assert.deepEqual(
        messages.filter(isObject).map(({ role }) => role),
        ['user', 'assistant', 'user'],
      )
      // And what it has answered is kept here alone.
      home.clear()
      const three = await turn(house, group, 'Third words.', { previous_response_id: idOf(two) })
      assert.equal(three.status, 200, three.text)
      assert.equal(three.headers['x-understudy-rehydrated'], 'previous_response_id; responses=2; items=5')
      assertNoneRefused(house)
    }
})

test('a call without a result gets one, and what only its maker can read stays behind', async () => {
  const tools = [{ type: 'function', name: 'measure', parameters: { type: 'object', properties: {} } }]
  const called = { tools, tool_choice: 'required', reasoning: { effort: 'low' } }
  const one = await turn(house, 'lead', 'Measure it.', called)
  const call = outputOf(one).find(item => item.type === 'function_call')
  assert.ok(call !== undefined, one.text)
  down(home)
  const two = await turn(house, 'lead', 'Never mind.', { tools, previous_response_id: idOf(one) })
  assert.equal(two.status, 200, two.text)
  const { input } = bodyAt(twin)
  assert.ok(Array.isArray(input))
  const items = input.filter(isObject)
  assert.ok(!items.some(item => item.type === 'reasoning'))
  assert.ok(!items.some(item => item.id !== undefined))
  const at = items.findIndex(item => item.type === 'function_call')
  assert.deepEqual(items[at + 1], {
    type: 'function_call_output',
    call_id: call.call_id ?? '',
    output: 'aborted',
  })
  const result = [{ type: 'function_call_output', call_id: call.call_id ?? '', output: '300 m' }]
  const answered = await turn(house, 'lead', result, { tools, previous_response_id: idOf(one) })
  assert.equal(answered.status, 200, answered.text)
  assert.ok(!textAt(twin).includes('aborted'))
  assertNoneRefused(house)
})

test('nobody else’s transcript is ever used, and none is made against the client’s word', async () => {
  const one = idOf(await turn(house, 'lead', 'First words.'))
  const unkept = idOf(await turn(house, 'lead', 'First words.', { store: false }))
  const quiet = idOf(await turn(house, 'quiet', 'First words.'))
  clear(house)
  down(home)
  const asked = { model: 'lead', input: 'Second words.', previous_response_id: one }
  const theirs = await house.ask('/responses', asked, { headers: [] })
  assert.equal(theirs.status, 403, theirs.text)
  for (const id of [unkept, quiet])
    assertLost(await turn(house, 'lead', 'Second words.', { previous_response_id: id }), id)
  assert.equal(twin.requests.length, 0)
})

test('nobody can go on: the owner’s failure is told, and the client may try it again', async () => {
  const one = idOf(await turn(house, 'lead', 'First words.'))
  clear(house)
  down(home)
  down(twin, 500)
  const two = await turn(house, 'lead', 'Second words.', { previous_response_id: one })
  assert.equal(two.status, 503, two.text)
  assert.deepEqual([home.requests.length, twin.requests.length], [1, 1])
  down(twin, 400)
  assertLost(await turn(house, 'lead', 'Second words.', { previous_response_id: one }), one)
  const none = await turn(house, 'lead', 'x', { previous_response_id: one, disable_fallbacks: true })
  assert.equal(none.status, 503)
})

test('an owner that has forgotten is asked again, and one that is only rate limited is stood in for', async () => {
  const one = idOf(await turn(house, 'lead', 'First words.'))
  clear(house)
  home.memory.responses.clear()
  const forgotten = await turn(house, 'lead', 'Second words.', { previous_response_id: one })
  assert.equal(forgotten.status, 200, forgotten.text)
  assert.equal(forgotten.headers['x-litellm-model-group'], 'lead')
  assert.deepEqual([home.requests.length, twin.requests.length], [2, 0])
  down(home, 429)
  for (const asked of [3, 3]) {
    const two = await turn(house, 'lead', 'Second words.', { previous_response_id: one })
    assert.equal(two.headers['x-litellm-model-group'], 'twin', two.text)
    assert.equal(home.requests.length, asked, 'who asked for a pause gets one')
  }
})

test('a response that is deleted at its owner’s is deleted here', async () => {
  const one = idOf(await turn(house, 'lead', 'First words.'))
  const two = idOf(await turn(house, 'lead', 'Second words.', { previous_response_id: one }))
  const deleted = await house.ask(`/v1/responses/${one}`, undefined, { method: 'DELETE' })
  assert.equal(deleted.status, 200, deleted.text)
  clear(house)
  down(home)
  for (const id of [one, two])
    assertLost(await turn(house, 'lead', 'Third words.', { previous_response_id: id }), id)
})

test('nothing is held any more when all has been said', async () => {
  await house.close()
  assert.equal(dial.served().house.memory.held, 0)
})
