import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { JsonObject } from '../src/wire/json.ts'
import { broken, type Cast, playPuppets, readRest, says, whole } from './support/resume-puppets.ts'

/** When a stream has broken: who is given its beginning, in which form, and who is not. */

test('some providers want the beginning marked', async t => {
  const marks: readonly [string, JsonObject, JsonObject][] = [
    ['mistral', { prefix: true }, {}],
    ['deepseek', { prefix: true }, {}],
    ['hosted_vllm', {}, { continue_final_message: true, add_generation_prompt: false }],
    ['openai', {}, {}],
  ]
  for (const [provider, inMessage, inBody] of marks) {
    const on = await playPuppets(t, {
      second: { model: `${provider}/m` },
      info: { supports_assistant_prefill: true },
    })
    const client = await broken(on, [says('The under')])
    const heir = await on.second.next()
    const { messages, model: _, stream, ...body } = JSON.parse(heir.body.toString()) as JsonObject
    assert.deepEqual((messages as readonly JsonObject[]).at(-1), {
      role: 'assistant',
      content: 'The under',
      ...inMessage,
    })
    assert.deepEqual(body, inBody, provider)
    assert.equal(stream, true)
    whole(heir, 'study')
    assert.equal((await readRest(client)).text, 'study')
    await on.close()
  }
})

test('a conversation with no place for a beginning is sent as it is', async t => {
  const last = { role: 'assistant', content: 'Once' }
  const cases: readonly [string, Cast, JsonObject][] = [
    ['the client’s own beginning', {}, { messages: [{ role: 'user', content: 'x' }, last] }],
    ['a fallback with messages of its own', { fallback: { model: 'second', messages: [last] } }, {}],
  ]
  for (const [what, set, body] of cases) {
    const on = await playPuppets(t, { info: { supports_assistant_prefill: true }, ...set })
    const client = await broken(on, [says('The under')], body)
    const heir = await on.second.next()
    const { messages } = JSON.parse(heir.body.toString()) as { messages: readonly JsonObject[] }
    assert.deepEqual(messages.at(-1), last, what)
    whole(heir, 'The understudy')
    assert.equal((await readRest(client)).text, 'study', what)
    assert.equal((await on.recorded(1))[0]?.steps[1]?.resumed, 'splice')
    await on.close()
  }
})

/** What the one who goes on was asked, and how the trail names it. */
const askedToGoOn = async (t: TestContext, set: Cast, said: readonly string[], body: JsonObject = {}) => {
  const on = await playPuppets(t, { ...set, info: { supports_assistant_prefill: true } })
  const client = await broken(on, said, body)
  const heir = await on.second.next()
  const { messages } = JSON.parse(heir.body.toString()) as { messages: readonly JsonObject[] }
  const goOn = async (...pieces: readonly string[]) => {
    whole(heir, ...pieces)
    const { text } = await readRest(client)
    const [record] = await on.recorded(1)
    await on.close()
    return { text, how: record?.steps[1]?.resumed }
  }
  return { last: messages.at(-1), goOn }
}

test('an answer that is held to a form is begun anew by whoever writes it: nobody is asked to go on in its middle', async t => {
  const forms: readonly JsonObject[] = [
    { response_format: { type: 'json_object' } },
    { response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'object' } } } },
    { guided_json: { type: 'object' } },
    { structured_outputs: { regex: 'a' } },
  ]
  for (const form of forms) {
    const { last, goOn } = await askedToGoOn(t, {}, [says('{"city":"Pa')], form)
    assert.equal(last?.role, 'user', JSON.stringify(form))
    assert.deepEqual(await goOn('{"city":"Paris"}'), { text: 'ris"}', how: 'splice' })
  }
  const inFile = { second: { extra_body: { response_format: { type: 'json_object' } } } }
  const byOperator = await askedToGoOn(t, inFile, [says('{"city":"Pa')])
  assert.equal(byOperator.last?.role, 'user')
  await byOperator.goOn('{"city":"Paris"}')
  const plain = await askedToGoOn(t, {}, [says('The under')], { response_format: { type: 'text' } })
  assert.deepEqual(plain.last, { role: 'assistant', content: 'The under' })
  assert.deepEqual(await plain.goOn('study'), { text: 'study', how: 'continuation' })
})

test('half a character is no beginning that can be given: the answer is asked for again', async t => {
  const { last, goOn } = await askedToGoOn(t, {}, [says('The \ud83c')])
  assert.equal(last?.role, 'user')
  assert.deepEqual(await goOn('The \ud83c\udfad knows'), { text: '\udfad knows', how: 'splice' })
})

const claudeSays = (text: string): string =>
  [
    { type: 'message_start', message: { id: 'msg_1', role: 'assistant', content: [], usage: {} } },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } },
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 1 } },
    { type: 'message_stop' },
  ]
    .map(event => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
    .join('')

test('a beginning that cannot be given as it was delivered is not given: Claude takes none that ends with white space, and newer ones none', async t => {
  for (const [model, begun] of [
    ['claude-sonnet-4-5', 'The understudy '],
    ['claude-opus-4-7', 'The understudy'],
  ] as const) {
    const on = await playPuppets(t, {
      second: { model: `anthropic/${model}` },
      info: { supports_assistant_prefill: true },
    })
    const client = await broken(on, [says(begun)])
    const heir = await on.second.next()
    const { messages } = JSON.parse(heir.body.toString()) as { messages: readonly JsonObject[] }
    assert.deepEqual(
      messages.map(({ role }) => role),
      ['user'],
      model,
    )
    heir.events()
    heir.end(claudeSays('The understudy knows'))
    const { text } = await readRest(client)
    assert.equal(begun + text, 'The understudy knows')
    const [record] = await on.recorded(1)
    assert.equal(record?.steps[1]?.resumed, 'splice')
    assert.deepEqual(record?.steps[1]?.lost, [])
    await on.close()
  }
})
