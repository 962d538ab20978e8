import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Capsule, Capsules } from '../src/capsule.ts'
import { isObject, type Json, type JsonObject } from '../src/wire/json.ts'
import { deployment, MASTER_KEY, type Owner, play } from './support/harness.ts'

const OWNER = 'default_user_id'
const capsules = new Capsules(MASTER_KEY)
const capsule: Capsule = {
  summary: 'They want a bridge over the Elbe.',
  created: 1_790_000_000,
  model: 'some-model',
  transcript: 'ab',
}
const sealed = capsules.seal(capsule, OWNER)

const item = (encrypted: string): JsonObject => ({ type: 'compaction', encrypted_content: encrypted })
const user = (text: string): JsonObject => ({ role: 'user', content: text })

/** One stage; `/responses…` without `/v1` is open to anybody, which makes a second tenant. */
const started = (t: Owner, env: Record<string, string> = {}) =>
  play(t, {
    stages: { lead: {} },
    env,
    config: ({ lead }) => ({
      model_list: [deployment('gpt', lead, 'gpt-4.1')],
      general_settings: { public_routes: ['/responses*'], allow_unmanaged_response_ids: true },
    }),
  })

const sentBy = (stage: { readonly requests: readonly { readonly body: Uint8Array }[] }): JsonObject => {
  const last = stage.requests.at(-1)
  assert.ok(last !== undefined, 'nothing was sent')
  const body = JSON.parse(Buffer.from(last.body).toString()) as Json
  assert.ok(isObject(body))
  return body
}

const PATHS = ['/v1/responses', '/v1/responses/compact', '/v1/responses/input_tokens']

test('a capsule reaches every provider as the message it holds, and the bytes around it stay', async t => {
  const { ask, stages } = await started(t)
  for (const path of PATHS) {
    const before = `{"role":"user" ,"content":"one"}`
    const body = `{"model":"gpt","input":[${before},  ${JSON.stringify(item(sealed))}, {"role":"user","content":"\\u0074wo"}]}`
    const reply = await ask(path, body, { headers: JSON_HEADERS })
    assert.equal(reply.status, 200, reply.text)
    const message = `{"type":"message","role":"developer","content":[{"type":"input_text","text":"Summary of the earlier conversation, which it replaces:\\n\\nThey want a bridge over the Elbe."}]}`
    assert.equal(
      Buffer.from(stages.lead.requests.at(-1)?.body ?? []).toString(),
      `{"model":"gpt-4.1","input":[${before},  ${message}, {"role":"user","content":"\\u0074wo"}]}`,
    )
  }
})

const JSON_HEADERS = [
  ['authorization', `Bearer ${MASTER_KEY}`],
  ['content-type', 'application/json'],
] as const

test('a capsule that does not open refuses the call in the words of the dialect, and nobody is asked', async t => {
  const { ask, stages } = await started(t)
  const foreign = capsules.seal(capsule, 'somebody-else')
  const middle = Math.floor(sealed.length / 2)
  const tampered = sealed.slice(0, middle) + (sealed[middle] === 'A' ? 'B' : 'A') + sealed.slice(middle + 1)
  const unknown = new Capsules('another key').seal(capsule, OWNER)
  const broken = 'Encrypted content could not be decrypted or parsed.'
  const cases: readonly (readonly [string, string])[] = [
    [foreign, broken],
    [tampered, broken],
    [sealed.slice(0, -3), broken],
    [`${sealed}A`, broken],
    ['gwc1.', broken],
    [unknown, 'The key it was sealed with is not configured here.'],
  ]
  for (const path of PATHS)
    for (const [text, reason] of cases) {
      const reply = await ask(path, { model: 'gpt', input: [user('one'), item(text)] })
      const shown = text.length <= 24 ? text : `${text.slice(0, 16)}...${text.slice(-4)}`
      assert.equal(reply.status, 400)
      assert.deepEqual(reply.json(), {
        error: {
          message: `The encrypted content ${shown} could not be verified. Reason: ${reason}`,
          type: 'invalid_request_error',
          param: 'input[1].encrypted_content',
          code: 'invalid_encrypted_content',
        },
      })
    }
  assert.equal(stages.lead.requests.length, 0)
})

test('a capsule of one tenant opens for no other', async t => {
  const { ask, stages } = await started(t)
  const body = { model: 'gpt', input: [item(sealed), user('go on')] }
  const theirs = await ask('/responses', body, { headers: [] })
  assert.equal(theirs.status, 400)
  assert.equal(stages.lead.requests.length, 0)
  assert.equal((await ask('/v1/responses', body)).status, 200)
})

test('a capsule outlives the key it was sealed with while that key is named', async t => {
  const env = { LITELLM_SALT_KEY: 'a new salt', UNDERSTUDY_PREVIOUS_SALT_KEYS: `older,${MASTER_KEY}` }
  const { ask, stages } = await started(t, env)
  const reply = await ask('/v1/responses', { model: 'gpt', input: [item(sealed), user('go on')] })
  assert.equal(reply.status, 200, reply.text)
  assert.match(JSON.stringify(sentBy(stages.lead)), /bridge over the Elbe/)
})

test('what is not sealed is not believed: the plain form of a capsule is opaque like any other text', async t => {
  const { ask, stages } = await started(t)
  const plain = JSON.stringify(capsule)
  const reply = await ask('/v1/responses', { model: 'gpt', input: [item(plain), user('go on')] })
  assert.equal(reply.status, 400, 'the provider cannot read it')
  assert.deepEqual(sentBy(stages.lead).input, [item(plain), user('go on')])
})

test('a capsule among the items of a conversation is stored as its message', async t => {
  const { ask, stages } = await started(t)
  const reply = await ask('/v1/conversations', { items: [item(sealed)] })
  assert.equal(reply.status, 200, reply.text)
  assert.match(JSON.stringify(sentBy(stages.lead)), /bridge over the Elbe/)
  const { id } = reply.json()
  const more = await ask(`/v1/conversations/${id}/items`, { items: [user('hello'), item(sealed)] })
  assert.equal(more.status, 200, more.text)
  assert.match(JSON.stringify(sentBy(stages.lead)), /bridge over the Elbe/)
  const refused = await ask('/v1/conversations', { items: [item('gwc1.AAAA')] })
  assert.equal(refused.status, 400)
  assert.match(refused.text, /items\[0\]\.encrypted_content/)
})
