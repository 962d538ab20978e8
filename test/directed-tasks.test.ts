import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import type OpenAI from 'openai'
import type { JsonObject } from '../src/wire/json.ts'
import { clientOf } from './openai-client.fixture.ts'
import { startBedrockStage } from './support/bedrock.ts'
import { assertNothingRefused } from './support/canary.ts'
import { deployment, play } from './support/harness.ts'
import { steady } from './support/steady.ts'

/** A prompt that directs an agent through a task does so at every kind of provider, and goes on at another one. */

const bedrock = await startBedrockStage({ now: () => new Date(Date.UTC(2026, 0, 1)) })
after(() => bedrock.close())

const CLAUDE = 'anthropic.claude-sonnet-4-5-20250929-v1:0'
const any = { models: ['*'] } as const

const house = await play(
  { after },
  {
    stages: {
      openai: any,
      azure: { flavour: 'azure', ...any },
      anthropic: { flavour: 'anthropic', ...any },
      gemini: { flavour: 'gemini', ...any },
      cohere: { flavour: 'cohere', ...any },
    },
    start: steady().start,
    config: ({ openai, azure, anthropic, gemini, cohere }) => {
      const onBedrock = (group: string, api: string): JsonObject => ({
        model_name: group,
        litellm_params: {
          model: `bedrock/${api}/${CLAUDE}`,
          aws_bedrock_runtime_endpoint: bedrock.url,
          aws_region_name: 'us-east-1',
          aws_access_key_id: 'AKIASTAGE',
          aws_secret_access_key: 'stage-secret',
        },
      })
      return {
        model_list: [
          deployment('openai', openai, 'gpt-4.1'),
          deployment('azure', azure, 'gpt-4.1'),
          deployment('anthropic', anthropic, 'claude-sonnet-4-5'),
          deployment('gemini', gemini, 'gemini-2.5-flash'),
          deployment('gemini-third', gemini, 'gemini-3-flash'),
          deployment('cohere', cohere, 'command-a-03-2025'),
          onBedrock('converse', 'converse'),
          onBedrock('invoke', 'invoke'),
        ],
        router_settings: { num_retries: 0, disable_cooldowns: true },
      }
    },
  },
)
const client = clientOf(house)

const GROUPS = ['openai', 'azure', 'anthropic', 'gemini', 'gemini-third', 'cohere', 'converse', 'invoke']
const TASK =
  'Mind the list. [stage:call look {"at": "[left]"}] [stage:call fetch {"n": 2}] [stage:call look {"at": "right"}] [stage:say All is done.]'
const MADE = ['look {"at":"[left]"}', 'fetch {"n":2}', 'look {"at":"right"}']

const tool = (name: string): OpenAI.Chat.ChatCompletionTool => ({
  type: 'function',
  function: { name, parameters: { type: 'object', properties: {} } },
})
const tools = [tool('look'), tool('fetch')]

type Message = OpenAI.Chat.ChatCompletionMessageParam

const speak = async (model: string, messages: Message[], stream: boolean, given = tools) => {
  const { choices } = stream
    ? await client.chat.completions
        .stream({ model, messages, tools: given, stream: true })
        .finalChatCompletion()
    : await client.chat.completions.create({ model, messages, tools: given })
  const { content = null, tool_calls: calls } = choices[0]?.message ?? {}
  // What the API publishes of a message that is sent back.
  return { role: 'assistant' as const, content, ...(calls === undefined ? {} : { tool_calls: calls }) }
}

/** Does the task, each answer asked of the next of these groups; what was called, and what was said at the end. */
const perform = async (groups: readonly string[], stream: boolean) => {
  const messages: Message[] = [{ role: 'user', content: TASK }]
  const made: string[] = []
  for (let step = 0; step < 6; step++) {
    const message = await speak(groups[step % groups.length] ?? '', messages, stream)
    messages.push(message)
    const calls = message.tool_calls?.flatMap(call => (call.type === 'function' ? [call] : [])) ?? []
    if (calls.length === 0) return { made, said: message.content }
    for (const { id, function: called } of calls) {
      made.push(`${called.name} ${JSON.stringify(JSON.parse(called.arguments))}`)
      messages.push({ role: 'tool', tool_call_id: id, content: `seen ${made.length}` })
    }
  }
  return { made, said: undefined }
}

const assertTaken = (): void => {
  assertNothingRefused(Object.values(house.stages).flatMap(stage => stage.requests))
  assert.deepEqual(
    bedrock.requests.flatMap(({ refused }) => refused ?? []),
    [],
  )
}

for (const stream of [false, true])
  describe(stream ? 'streamed' : 'whole', () => {
    for (const group of GROUPS)
      test(`a task is done at ${group}`, async () => {
        assert.deepEqual(await perform([group], stream), { made: MADE, said: 'All is done.' })
        assertTaken()
      })

    test('a task is done with every answer from another provider', async () => {
      for (let first = 0; first < GROUPS.length; first++) {
        const turned = [...GROUPS.slice(first), ...GROUPS.slice(0, first)]
        assert.deepEqual(await perform(turned, stream), { made: MADE, said: 'All is done.' }, turned.join())
      }
      assertTaken()
    })
  })

test('a tool that the request does not declare is called by nobody, and [stage:tool] is called once', async () => {
  for (const model of GROUPS) {
    const ask = (messages: Message[]) => speak(model, messages, false, [tool('look')])
    const none = await ask([{ role: 'user', content: '[stage:call erase {}] [stage:say No.]' }])
    assert.equal(none.content, 'No.', model)
    const first: Message[] = [{ role: 'user', content: '[stage:tool] [stage:say Then this.]' }]
    const called = await ask(first)
    const [call] = called.tool_calls ?? []
    assert.ok(call, model)
    const next = await ask([...first, called, { role: 'tool', tool_call_id: call.id, content: 'seen' }])
    assert.equal(next.content, 'Then this.', model)
  }
  assertTaken()
})
