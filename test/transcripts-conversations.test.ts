import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { isObject, type Json, type JsonObject } from '../src/wire/json.ts'
import { steady } from './support/steady.ts'
import { assertNoneRefused, bodyAt, clear, down, theatre, turn } from './transcripts.fixture.ts'

/** A conversation goes on elsewhere when its owner is out, as far as all of it was seen here. */
const dial = steady()
const house = await theatre({ after }, { mirror_conversations: true }, dial.start)
const { home, twin, chat } = house.stages
beforeEach(() => clear(house))

const begin = async (items: readonly Json[] = []): Promise<string> => {
  const made = await house.ask('/v1/conversations', { items })
  assert.equal(made.status, 200, made.text)
  return String(made.json().id)
}

const says = async (
  conversation: Json,
  words: string,
  more: JsonObject = {},
  model = 'lead',
): Promise<void> => {
  const reply = await turn(house, model, words, { conversation, ...more })
  assert.equal(reply.status, 200, reply.text)
  assert.equal(reply.headers['x-understudy-rehydrated'], undefined)
}

const wordsIn = ({ input }: JsonObject): readonly string[] =>
  (Array.isArray(input) ? input.filter(isObject) : []).map(({ content }) =>
    Array.isArray(content) && isObject(content[0] ?? null)
      ? String((content[0] as JsonObject).text)
      : String(content),
  )

const LINE = 'The understudy knows every line.'
const told = { type: 'message', role: 'user', content: 'Told at the start.' }
const more = { type: 'message', role: 'user', content: 'Told later.' }

/** Nobody else is asked, and the owner's own failure is told. */
const assertStays = async (conversation: Json, said: string): Promise<void> => {
  clear(house)
  down(home)
  const reply = await turn(house, 'lead', 'More words.', { conversation })
  assert.equal(reply.status, 503, `${said}: ${reply.text}`)
  assert.deepEqual([home.requests.length, twin.requests.length], [1, 0], said)
}

test('all that it holds, in its order, then what is asked now: as if asked directly', async () => {
  const conversation = await begin([told])
  await says(conversation, 'First words.')
  assert.equal((await house.ask(`/v1/conversations/${conversation}/items`, { items: [more] })).status, 200)
  await says({ id: conversation }, 'Second words.', { stream: true })
  for (const stream of [false, true]) {
    clear(house)
    down(home)
    const third = await turn(house, 'lead', 'Third words.', { conversation: { id: conversation }, stream })
    assert.equal(third.status, 200, third.text)
    assert.equal(third.headers['x-understudy-rehydrated'], 'conversation; items=7; added=false')
    const body = bodyAt(twin)
    assert.equal(body.conversation, undefined)
    const all = [told.content, 'First words.', LINE, more.content, 'Second words.', LINE, 'Third words.']
    assert.deepEqual(wordsIn(body), all)
    const rehydrated = Buffer.from(twin.requests[0]?.body ?? []).toString()
    await house.ask('/v1/responses', { ...body, model: 'twin' })
    assert.equal(Buffer.from(twin.requests[1]?.body ?? []).toString(), rehydrated)
    assertNoneRefused(house)
  }
  // The owner is back: it has not heard of what was said elsewhere, and is told so by nobody.
  home.clear()
  await says(conversation, 'Fourth words.')
  down(home)
  const fifth = await turn(house, 'lead', 'Fifth words.', { conversation })
  assert.equal(fifth.headers['x-understudy-rehydrated'], 'conversation; items=9; added=false', fifth.text)
})

test('a provider of chat completions goes on with it', async () => {
  const conversation = await begin()
  await says(conversation, 'First words.', {}, 'talk')
  down(home)
  const second = await turn(house, 'talk', 'Second words.', { conversation })
  assert.equal(second.status, 200, second.text)
  const { messages } = bodyAt(chat)
  assert.ok(Array.isArray(messages))
  assert.equal(messages.length, 3)
  assertNoneRefused(house)
})

test('what may hold something else stays where it is', async () => {
  const elsewhere = String((await house.ask('/v1/conversations', { items: [] })).json().id)
  await says(elsewhere, 'First words.', { store: false })
  await assertStays(elsewhere, 'a turn that the client wants nobody to keep')

  clear(house)
  const quiet = await begin()
  await says(quiet, 'First words.', {}, 'quiet')
  await assertStays(quiet, 'a turn of a group without transcripts')

  clear(house)
  const shorter = await begin([told])
  const listed = (await house.ask(`/v1/conversations/${shorter}/items`)).json().data
  const [item] = Array.isArray(listed) ? listed.filter(isObject) : []
  const path = `/v1/conversations/${shorter}/items/${String(item?.id)}`
  assert.equal((await house.ask(path, undefined, { method: 'DELETE' })).status, 200)
  await assertStays(shorter, 'an item was deleted')

  clear(house)
  const broken = await begin()
  home.script([{ kind: 'cut', how: 'rst', afterContent: 1 }])
  await turn(house, 'lead', 'First words.', { conversation: broken, stream: true })
  await assertStays(broken, 'an answer that broke')

  clear(house)
  const halted = await begin()
  home.script([{ kind: 'cut', how: 'rst' }])
  await turn(house, 'lead', 'First words.', { conversation: halted })
  await assertStays(halted, 'an attempt that may have been carried out')
})

test('nothing is held any more when all has been said', async () => {
  await house.close()
  assert.equal(dial.served().house.memory.held, 0)
})
