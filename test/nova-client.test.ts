import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { JsonObject } from '../src/wire/json.ts'
import { deploymentsOn, startBedrockStage } from './support/bedrock.ts'
import { play } from './support/harness.ts'

/** Tools and forms as clients of other providers declare them, at Nova, which takes less of a schema than anybody. */

const bedrock = await startBedrockStage({ now: () => new Date() })
after(() => bedrock.close())
const onBedrock = deploymentsOn(bedrock)
const { ask } = await play(
  { after },
  {
    config: {
      model_list: [onBedrock('nova', 'amazon.nova-pro-v1:0')],
      router_settings: { num_retries: 0, disable_cooldowns: true },
    },
  },
)

/** What zod and the AI SDK make of an object. */
const schema: JsonObject = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  type: 'object',
  properties: { at: { $ref: '#/definitions/place' } },
  required: ['at'],
  additionalProperties: false,
  definitions: {
    place: { type: 'object', properties: { city: { type: 'string' } }, additionalProperties: false },
  },
}
const hello = [{ role: 'user', content: 'Where?' }]

const refused = (): readonly unknown[] => bedrock.requests.flatMap(({ refused: why }) => why ?? [])

test('a strict tool of OpenAI’s clients', async () => {
  const tools = [{ type: 'function', function: { name: 'look', strict: true, parameters: schema } }]
  const reply = await ask('/v1/chat/completions', { model: 'nova', messages: hello, tools })
  assert.deepEqual([reply.status, refused()], [200, []], reply.text)
})

test('an answer by a schema', async () => {
  const format = { type: 'json_schema', name: 'place', strict: true, schema }
  const reply = await ask('/v1/responses', { model: 'nova', input: 'Where?', text: { format } })
  assert.deepEqual([reply.status, refused()], [200, []], reply.text)
})

test('a tool that returned nothing, and one that failed without a word', async () => {
  const tools = [{ name: 'look', input_schema: { type: 'object', properties: {} } }]
  for (const is_error of [false, true]) {
    const reply = await ask('/v1/messages', {
      model: 'nova',
      max_tokens: 99,
      tools,
      messages: [
        ...hello,
        { role: 'assistant', content: [{ type: 'tool_use', id: 'toolu_1', name: 'look', input: {} }] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', is_error }] },
      ],
    })
    assert.deepEqual([reply.status, refused()], [200, []], reply.text)
  }
})
