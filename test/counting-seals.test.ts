import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isObject, type Json, type JsonObject } from '../src/wire/json.ts'
import { bodies, down, dropped, itemsOf, RESPONSES } from './repairs.fixture.ts'
import { deployment, play, type Reply } from './support/harness.ts'

/** What one account has sealed binds a prompt that is counted as it binds one that is answered. */

const COUNT = '/v1/responses/input_tokens'
const COMPACT = '/v1/responses/compact'
const TURNS = 4

type Cast = { readonly lead: object; readonly backup: object }

const house = (t: { after(done: () => unknown): void }) =>
  play<Cast>(t, {
    stages: { lead: {}, backup: {} },
    config: ({ lead, backup }) => ({
      model_list: [
        deployment('star', lead, 'gpt-4.1'),
        deployment('second', backup, 'gpt-4.1'),
        deployment('pair', backup, 'gpt-4.1-mini'),
        deployment('pair', lead, 'gpt-4.1-mini'),
      ],
      router_settings: { num_retries: 0, disable_cooldowns: true, fallbacks: [{ star: ['second'] }] },
    }),
  })

const question: JsonObject = { type: 'message', role: 'user', content: 'Line, please.' }

const outputOf = (reply: Reply): readonly JsonObject[] => {
  assert.equal(reply.status, 200, reply.text)
  return itemsOf({ input: reply.json().output ?? null })
}

test('a conversation behind a compaction is counted by the account that made it, and by nobody else', async t => {
  const { ask, stages } = await house(t)
  const output = outputOf(await ask(COMPACT, { model: 'star', input: [question] }))
  assert.ok(output.some(item => item.type === 'compaction'))
  stages.lead.clear()
  for (let turn = 0; turn < TURNS; turn++) {
    const reply = await ask(COUNT, { model: 'pair', input: [...output, question] })
    assert.equal(reply.status, 200, reply.text)
  }
  assert.deepEqual([stages.lead.requests.length, stages.backup.requests.length], [TURNS, 0])
})

test('reasoning of an account that is out is left out of the count elsewhere before it is sent', async t => {
  const { ask, stages } = await house(t)
  const output = outputOf(
    await ask(RESPONSES, {
      model: 'star',
      input: [question],
      store: false,
      reasoning: { effort: 'low' },
      include: ['reasoning.encrypted_content'],
    }),
  )
  assert.ok(output.some(item => item.type === 'reasoning'))
  down(stages.lead)
  const reply = await ask(COUNT, { model: 'star', input: [question, ...output, question] })
  assert.equal(reply.status, 200, reply.text)
  const seen = stages.backup.requests.map(({ refusal }) => refusal)
  assert.deepEqual(seen, [undefined])
  const types = itemsOf(bodies(stages.backup)[0]).map((item: Json) => isObject(item) && item.type)
  assert.ok(types.length > 1 && !types.includes('reasoning'), String(types))
  assert.ok(dropped(reply).includes('input[1]'), String(dropped(reply)))
})
