import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Json, JsonObject } from '../src/wire/json.ts'
import { type Play, play, type Reply } from './support/harness.ts'
import { type Puppet, startPuppet } from './support/puppet.ts'

/** What a provider answers to a trigger tells whether it knows it; what says nothing of that teaches nothing. */

const ITEM: JsonObject = { type: 'compaction', id: 'cmp_1', encrypted_content: 'gAAA' }
const THOUGHT: JsonObject = { type: 'reasoning', id: 'rs_1', summary: [] }
const response = (more: JsonObject): JsonObject => ({
  ...{ id: 'resp_1', object: 'response', created_at: 1, status: 'completed', error: null, output: [] },
  ...{ usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 } },
  ...more,
})

type House = Play<Record<never, never>> & { readonly puppet: Puppet }
const house = async (t: TestContext): Promise<House> => {
  const puppet = await startPuppet(t)
  const params = { model: 'openai/gpt-4.1', api_base: puppet.baseUrl, api_key: 'sk-x' }
  const theatre = await play(t, {
    config: {
      model_list: [{ model_name: 'lead', litellm_params: params }],
      router_settings: { num_retries: 0, disable_cooldowns: true },
    },
  })
  return { ...theatre, puppet }
}

const asked = async (
  { ask, puppet }: House,
  more: JsonObject,
  answer: Json,
): Promise<{ readonly reply: Reply; readonly body: string }> => {
  const input = [{ role: 'user', content: 'Build me a bridge.' }, { type: 'compaction_trigger' }]
  const reply = ask('/v1/responses', { model: 'lead', input, ...more })
  const call = await puppet.next()
  if (more.stream === true) {
    call.events()
    const begun = {
      type: 'response.created',
      sequence_number: 0,
      response: response({ status: 'in_progress' }),
    }
    const ended = { type: 'response.completed', sequence_number: 1, response: answer }
    for (const event of [begun, ended])
      await call.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
    call.end()
  } else {
    call.head({ 'content-type': 'application/json' })
    call.end(JSON.stringify(answer))
  }
  return { reply: await reply, body: call.body.toString() }
}

const assertStillAsked = async (theatre: House): Promise<void> => {
  const { reply, body } = await asked(theatre, { store: false }, response({ output: [ITEM] }))
  assert.match(body, /compaction_trigger/)
  assert.equal(reply.headers['x-understudy-compaction'], 'native; target=lead')
}

test('a compaction in the background is begun, and fetched later', async t => {
  const theatre = await house(t)
  for (const status of ['queued', 'in_progress']) {
    const begun = response({ status, background: true, usage: null })
    const { reply } = await asked(theatre, { background: true }, begun)
    assert.equal(reply.status, 200, reply.text)
    assert.equal(reply.json().status, status)
    await assertStillAsked(theatre)
  }
})

for (const stream of [false, true])
  test(`an answer without a word is a failure, and no lack of the trigger, stream: ${stream}`, async t => {
    const theatre = await house(t)
    for (const output of [[], [THOUGHT]]) {
      const { reply } = await asked(theatre, { store: false, stream }, response({ output }))
      assert.ok(reply.status >= 500 || reply.text.includes('response.failed'), reply.text)
      await assertStillAsked(theatre)
    }
  })

/** What servers of OpenAI's dialect have answered to it in public, and what readers of tagged unions say of any type. */
const STRANGERS = [
  "Invalid input type 'compaction_trigger' at index 1",
  "Input tag 'compaction_trigger' found using 'type' does not match any of the expected tags",
  'unknown variant `compaction_trigger`, expected one of `message`, `reasoning`',
  'Input items of type compaction_trigger are not supported.',
]

const refusedWith = async ({ ask, puppet }: House, message: string): Promise<void> => {
  const input = [{ role: 'user', content: 'Build me a bridge.' }, { type: 'compaction_trigger' }]
  const reply = ask('/v1/responses', { model: 'lead', input, store: false })
  const call = await puppet.next()
  call.head({ 'content-type': 'application/json' }, 400)
  call.end(JSON.stringify({ error: { message, type: 'invalid_request_error', param: null, code: null } }))
  assert.equal((await reply).status, 400)
}

for (const message of STRANGERS)
  test(`a refusal in the server's own words tells that it lacks the trigger: ${message.slice(0, 40)}`, async t => {
    const theatre = await house(t)
    await refusedWith(theatre, message)
    const compacted = {
      id: 'resp_2',
      object: 'response.compaction',
      created_at: 1,
      output: [ITEM],
      usage: null,
    }
    const { reply, body } = await asked(theatre, { store: false }, compacted)
    assert.doesNotMatch(body, /compaction_trigger/)
    assert.equal(reply.headers['x-understudy-compaction'], 'native-other-wire; target=lead')
  })

test('a refusal that names the trigger among what is known says nothing of it', async t => {
  const theatre = await house(t)
  for (const message of [
    "The 'compaction_trigger' item must be the final input item.",
    "Invalid input: the 'compaction_trigger' item must be the final input item.",
    'Unknown item of type x. The known ones are message, compaction, compaction_trigger.',
  ]) {
    await refusedWith(theatre, message)
    await assertStillAsked(theatre)
  }
})
