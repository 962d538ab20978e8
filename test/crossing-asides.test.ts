import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { JsonObject } from '../src/wire/json.ts'
import { crossing, type DoorName } from './crossing.fixture.ts'
import { dropped } from './repairs.fixture.ts'

/** What clients say beside the question: who asks, at which price, for whose cache. No answer depends on it. */

const house = await crossing({ after })

const BODIES: Readonly<Record<Exclude<DoorName, 'chat'>, JsonObject>> = {
  responses: {
    input: 'Line?',
    user: 'u1',
    safety_identifier: 's1',
    service_tier: 'flex',
    metadata: { team: 'a' },
    prompt_cache_key: 'k1',
    store: true,
  },
  messages: {
    max_tokens: 64,
    messages: [{ role: 'user', content: 'Line?' }],
    metadata: { user_id: 'user_1_account__session_2' },
    service_tier: 'standard_only',
  },
  gemini: {
    contents: [{ role: 'user', parts: [{ text: 'Line?' }] }],
    serviceTier: 'flex',
    labels: { team: 'a' },
  },
}

for (const [door, body] of Object.entries(BODIES) as [Exclude<DoorName, 'chat'>, JsonObject][])
  for (const group of house.groups)
    test(`what is said aside by ${door} is no reason for ${group} to refuse`, async () => {
      const reply = await house.through(door, group, body)
      assert.equal(reply.status, 200, reply.text)
    })

test('what a provider does not take of it is told as dropped', async () => {
  const reply = await house.through('messages', 'mistral', BODIES.messages)
  assert.deepEqual(dropped(reply).includes('user'), true)
  const [hit] = house.stages.mistral.requests.slice(-1)
  assert.deepEqual(hit?.json, {
    model: 'mistral-large-latest',
    messages: [{ role: 'user', content: 'Line?' }],
    max_tokens: 64,
  })
})

test('what an answer depends on is still refused by name', async () => {
  const body = { ...BODIES.gemini, generationConfig: { responseLogprobs: true, logprobs: 2 } }
  const reply = await house.through('gemini', 'mistral', body)
  assert.equal(reply.status, 400)
  assert.match(reply.text, /mistral does not support parameters: \['logprobs', 'top_logprobs'\]/)
})
