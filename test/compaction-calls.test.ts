import assert from 'node:assert/strict'
import { after, beforeEach, describe, test } from 'node:test'
import { isCompaction } from '../src/dialects/compaction-shape.ts'
import type { Json, JsonObject } from '../src/wire/json.ts'
import { assertNothingRefused } from './support/canary.ts'
import { deployment, type Play, play } from './support/harness.ts'

/**
 * A conversation may be compacted while a call of the client's is still at work: its result comes after the summary that
 * stands for the call. No provider hears a result of a call that it has not heard of, and the result is not lost.
 */

const STAGES = {
  openai: { models: ['*'] },
  plain: { models: ['*'] },
  anthropic: { flavour: 'anthropic', models: ['*'] },
  gemini: { flavour: 'gemini', models: ['*'] },
} as const

const house: Play<typeof STAGES> = await play(
  { after },
  {
    stages: STAGES,
    config: ({ openai, plain, anthropic, gemini }) => ({
      model_list: [
        // By its own word it has no compaction: what it makes is a summary.
        { ...deployment('responses', openai, 'gpt-4.1'), model_info: { compaction: 'none' } },
        deployment('chat', plain, 'gpt-4.1', { model: 'groq/gpt-4.1' }),
        deployment('messages', anthropic, 'claude-sonnet-4-5'),
        deployment('gemini', gemini, 'gemini-2.5-flash'),
      ],
      router_settings: { num_retries: 0, disable_cooldowns: true },
    }),
  },
)
const { stages } = house
const GROUPS = {
  responses: stages.openai,
  chat: stages.plain,
  messages: stages.anthropic,
  gemini: stages.gemini,
}
type Group = keyof typeof GROUPS

beforeEach(() => {
  for (const stage of Object.values(stages)) stage.clear()
})

const CALLS: JsonObject[] = [
  { type: 'function_call', call_id: 'call_done', name: 'look', arguments: '{"at":"left"}' },
  { type: 'function_call_output', call_id: 'call_done', output: 'a tree' },
  { type: 'function_call', call_id: 'call_open', name: 'listen', arguments: '{"for":"owls"}' },
  { type: 'custom_tool_call', call_id: 'call_custom', name: 'patch', input: '*** Begin' },
]
const HISTORY: JsonObject[] = [{ role: 'user', content: 'Look around and listen.' }, ...CALLS]
/** What the client sends when its tools are done. */
const RESULTS: JsonObject[] = [
  { type: 'function_call_output', call_id: 'call_open', output: 'two owls' },
  {
    type: 'custom_tool_call_output',
    call_id: 'call_custom',
    output: [{ type: 'input_text', text: 'patched' }],
  },
]

const compacted = async (group: Group, input: Json): Promise<readonly Json[]> => {
  const reply = await house.ask('/v1/responses/compact', { model: group, input })
  assert.equal(reply.status, 200, reply.text)
  assert.match(reply.headers['x-understudy-compaction'] ?? '', /^emulated/)
  return reply.json().output as readonly Json[]
}

const sentTo = (group: Group): string => {
  const [last] = GROUPS[group].requests.slice(-1)
  return JSON.stringify(last?.json)
}

describe('a call that was open when its conversation was compacted', () => {
  for (const group of Object.keys(GROUPS) as Group[])
    test(`its result reaches ${group} in words, beside what it is the result of`, async () => {
      const output = await compacted('chat', HISTORY)
      const again = [...output, ...RESULTS, { role: 'user', content: 'And now?' }]
      const reply = await house.ask('/v1/responses', { model: group, input: again, store: false })
      assert.equal(reply.status, 200, reply.text)
      assertNothingRefused(GROUPS[group].requests)
      const sent = sentTo(group)
      for (const word of ['two owls', 'patched', 'call_open', 'listen', 'owls', 'call_custom', '*** Begin'])
        assert.ok(sent.includes(word), `${word}: ${sent}`)
      assert.doesNotMatch(
        sent,
        /"(?:function_call_output|custom_tool_call_output|tool_result|functionResponse)"/,
      )
      assert.doesNotMatch(sent, /"role":"tool"/)
    })

  test('and the conversation can be compacted again, before and after the result', async () => {
    const once = await compacted('messages', HISTORY)
    const twice = await compacted('responses', [...once, { role: 'user', content: 'Still there?' }])
    assert.match(sentTo('responses'), /call_open/)
    const thrice = await compacted('chat', [...twice, ...RESULTS])
    assert.match(sentTo('chat'), /two owls/)
    for (const stage of [stages.openai, stages.plain, stages.anthropic]) assertNothingRefused(stage.requests)
    assert.equal(thrice.filter(item => isCompaction(item)).length, 1)
  })
})

test('a result whose call stands behind the summary stays what it is', async () => {
  const output = await compacted('chat', HISTORY)
  const input = [...output, ...CALLS.slice(0, 2), { role: 'user', content: 'And now?' }]
  const reply = await house.ask('/v1/responses', { model: 'responses', input, store: false })
  assert.equal(reply.status, 200, reply.text)
  const [hit] = stages.openai.requests
  assert.ok(hit !== undefined)
  assert.deepEqual((hit.json as { input: Json[] }).input.slice(-3, -1), CALLS.slice(0, 2))
})

test('a call that was answered is not told as open', async () => {
  await compacted('chat', HISTORY.slice(0, 3))
  const output = await compacted('chat', HISTORY.slice(0, 3))
  await house.ask('/v1/responses', { model: 'responses', input: [...output, { role: 'user', content: 'x' }] })
  assert.doesNotMatch(sentTo('responses'), /call_done/)
})

test('a result whose call the provider keeps stays what it is', async () => {
  const capsule = await compacted('chat', [{ role: 'user', content: 'Hello.' }])
  const tools = [{ type: 'function', name: 'listen', parameters: { type: 'object' } }]
  const asked = { model: 'responses', store: true, tools }
  const first = await house.ask('/v1/responses', { ...asked, input: '[stage:call listen {"for":"owls"}]' })
  const [call] = first.json().output as JsonObject[]
  assert.equal(call?.type, 'function_call', first.text)
  const result = { type: 'function_call_output', call_id: call.call_id ?? '', output: 'two owls' }
  const previous_response_id = first.json().id ?? ''
  await house.ask('/v1/responses', { ...asked, previous_response_id, input: [...capsule, result] })
  const sent = (stages.openai.requests.at(-1)?.json ?? {}) as JsonObject
  assert.deepEqual(sent.input, [...(sent.input as Json[]).slice(0, -1), result])
})
