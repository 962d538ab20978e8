import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import type { JsonObject } from '../src/wire/json.ts'
import { crossing, type DoorName } from './crossing.fixture.ts'
import { bodies } from './repairs.fixture.ts'

/** Conversations that one provider takes, and that have to go on at every other. */

const house = await crossing({ after })

const everywhere = (name: string, door: DoorName, body: JsonObject): void =>
  void describe(name, () => {
    for (const group of house.groups)
      test(`at ${group}`, async () => {
        const reply = await house.through(door, group, body)
        assert.equal(reply.status, 200, reply.text)
      })
  })

const user = (content: string): JsonObject => ({ role: 'user', content })

/** As OpenAI writes it into an answer, and its client's users put it back. */
const REFUSED: JsonObject = { role: 'assistant', content: null, refusal: 'I will not.', annotations: [] }

everywhere('a refusal in a chat history', 'chat', { messages: [user('Do it.'), REFUSED, user('Why?')] })

everywhere('a refusal in a history of Responses', 'responses', {
  input: [
    user('Do it.'),
    { type: 'message', role: 'assistant', content: [{ type: 'refusal', refusal: 'I will not.' }] },
    user('Why?'),
  ],
})

test('what a refusal says is said to a provider that has no member for it', async () => {
  const said = { role: 'assistant', content: 'Well.', refusal: 'I will not.' }
  await house.through('chat', 'mistral', { messages: [user('a'), REFUSED, user('b'), said, user('c')] })
  const [body] = bodies(house.stages.mistral).slice(-1)
  assert.deepEqual(body?.messages, [
    user('a'),
    { role: 'assistant', content: 'I will not.' },
    user('b'),
    { role: 'assistant', content: 'Well.\n\nI will not.' },
    user('c'),
  ])
})

everywhere('a conversation that the assistant begins', 'chat', {
  messages: [
    { role: 'system', content: 'Be brief.' },
    { role: 'assistant', content: 'Welcome.' },
    user('Hi.'),
  ],
})

everywhere('a conversation in which only the system speaks', 'chat', {
  messages: [{ role: 'system', content: 'Say a line.' }],
})

everywhere('instructions and nothing else', 'responses', { instructions: 'Say a line.', input: [] })
