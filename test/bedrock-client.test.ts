import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import Anthropic from '@anthropic-ai/sdk'
import type OpenAI from 'openai'
import type { BedrockAnswer } from '../src/stage/bedrock-answer.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { clientOf } from './openai-client.fixture.ts'
import { type BedrockStage, deploymentsOn, startBedrockStage } from './support/bedrock.ts'
import { deployment, play } from './support/harness.ts'
import { failing, steady } from './support/steady.ts'

/** OpenAI's own client and a group whose primary is down and whose backup is Claude on Bedrock: nobody notices. */

type Params = OpenAI.Chat.ChatCompletionCreateParams
type Message = OpenAI.Chat.ChatCompletionMessageParam

const CLAUDE = 'us.anthropic.claude-sonnet-4-20250514-v1:0'
const usage = { inputTokens: 12, outputTokens: 5, totalTokens: 17 }

const raise = async (
  t: TestContext,
): Promise<{ readonly bedrock: BedrockStage; readonly client: OpenAI }> => {
  const bedrock = await startBedrockStage({ now: () => new Date(Date.UTC(2026, 0, 1)), models: [CLAUDE] })
  t.after(() => bedrock.close())
  const onBedrock = deploymentsOn(bedrock)
  const theatre = await play(t, {
    stages: { lead: {} },
    start: steady().start,
    config: ({ lead }) => ({
      model_list: [
        deployment('star', lead, 'gpt-4.1'),
        onBedrock('understudy', CLAUDE),
        onBedrock('by-converse', `converse/${CLAUDE}`),
      ],
      router_settings: { num_retries: 0, disable_cooldowns: true, fallbacks: [{ star: ['understudy'] }] },
    }),
  })
  failing(theatre.stages.lead, 'gpt-4.1', 503)
  return { bedrock, client: clientOf(theatre) }
}

/** The message of an answer, streamed through the client's own helper or whole. */
const said = async (client: OpenAI, params: Params, stream: boolean) => {
  if (!stream) return client.chat.completions.create({ ...params, stream: false })
  return client.chat.completions
    .stream({ ...params, stream: true, stream_options: { include_usage: true } })
    .finalChatCompletion()
}
const lastBody = (bedrock: BedrockStage): JsonObject => {
  const request = bedrock.requests.at(-1)
  assert.equal(request?.refused, undefined)
  return request?.json as JsonObject
}
const playing = (bedrock: BedrockStage, answer: Partial<BedrockAnswer>): void =>
  bedrock.script({ kind: 'answer', answer: { content: [], stopReason: 'end_turn', usage, ...answer } })

const LOOK = {
  type: 'function' as const,
  function: { name: 'look', parameters: { type: 'object', properties: { at: { type: 'string' } } } },
}

for (const stream of [false, true]) {
  const how = stream ? 'streamed' : 'whole'

  test(`a task with thoughts and parallel calls goes on over turns, ${how}`, async t => {
    const { bedrock, client } = await raise(t)
    const question: Params = {
      model: 'star',
      messages: [{ role: 'user', content: 'Who is there?' }],
      tools: [LOOK],
      reasoning_effort: 'low',
    }
    playing(bedrock, {
      content: [
        { reasoningContent: { reasoningText: { text: 'I should look.', signature: 'c2ln' } } },
        { text: 'I look.' },
        { toolUse: { toolUseId: 'tooluse_1', name: 'look', input: { at: 'left' } } },
        { toolUse: { toolUseId: 'tooluse_2', name: 'look', input: {} } },
      ],
      stopReason: 'tool_use',
    })
    const { choices, usage: counted } = await said(client, question, stream)
    const message = choices[0]?.message as unknown as JsonObject
    assert.equal(choices[0]?.finish_reason, 'tool_calls')
    assert.equal(message.content, 'I look.')
    assert.deepEqual([counted?.prompt_tokens, counted?.completion_tokens], [12, 5])
    const calls =
      choices[0]?.message.tool_calls?.flatMap(call => (call.type === 'function' ? [call] : [])) ?? []
    assert.deepEqual(
      calls.map(({ id, function: { name, arguments: input } }) => [id, name, input]),
      [
        ['tooluse_1', 'look', '{"at":"left"}'],
        ['tooluse_2', 'look', '{}'],
      ],
    )
    const results = calls.map(
      (call): Message => ({ role: 'tool', tool_call_id: call.id, content: `seen ${call.id}` }),
    )
    const next = await said(
      client,
      { ...question, messages: [...question.messages, message as unknown as Message, ...results] },
      stream,
    )
    assert.equal(next.choices[0]?.message.content, 'The understudy knows every line.')
    const { messages, additionalModelRequestFields: fields } = lastBody(bedrock)
    assert.deepEqual(messages, [
      { role: 'user', content: [{ text: 'Who is there?' }] },
      {
        role: 'assistant',
        content: [
          { reasoningContent: { reasoningText: { text: 'I should look.', signature: 'c2ln' } } },
          { text: 'I look.' },
          { toolUse: { toolUseId: 'tooluse_1', name: 'look', input: { at: 'left' } } },
          { toolUse: { toolUseId: 'tooluse_2', name: 'look', input: {} } },
        ],
      },
      {
        role: 'user',
        content: [
          { toolResult: { toolUseId: 'tooluse_1', content: [{ text: 'seen tooluse_1' }] } },
          { toolResult: { toolUseId: 'tooluse_2', content: [{ text: 'seen tooluse_2' }] } },
        ],
      },
    ])
    assert.deepEqual(fields, { thinking: { type: 'enabled', budget_tokens: 1024 } })
  })

  test(`an answer of a given form is the content, ${how}`, async t => {
    const { bedrock, client } = await raise(t)
    const toolUse = { toolUseId: 'tooluse_1', name: 'understudy_json_answer', input: { at: 'left' } }
    playing(bedrock, { content: [{ toolUse }], stopReason: 'tool_use' })
    const schema = { ...LOOK.function.parameters, required: ['at'], additionalProperties: false }
    const { choices } = await said(
      client,
      {
        model: 'star',
        messages: [{ role: 'user', content: 'Where?' }],
        response_format: { type: 'json_schema', json_schema: { name: 'place', schema, strict: true } },
      },
      stream,
    )
    assert.equal(choices[0]?.finish_reason, 'stop')
    assert.deepEqual(JSON.parse(choices[0].message.content ?? ''), { at: 'left' })
    assert.deepEqual((lastBody(bedrock).toolConfig as JsonObject).toolChoice, {
      tool: { name: 'understudy_json_answer' },
    })
  })

  test(`a custom tool is called with its free text, ${how}`, async t => {
    const { bedrock, client } = await raise(t)
    const toolUse = { toolUseId: 'tooluse_1', name: 'patch', input: { input: '*** "Begin"\n' } }
    playing(bedrock, { content: [{ toolUse }], stopReason: 'tool_use' })
    const params: Params = {
      model: 'star',
      messages: [{ role: 'user', content: 'Mend it.' }],
      tools: [{ type: 'custom', custom: { name: 'patch', description: 'Applies a patch.' } }],
    }
    // The client's streaming helper adds up functions only.
    const reply = stream
      ? await client.chat.completions.create({ ...params, stream: true })
      : await client.chat.completions.create({ ...params, stream: false })
    const calls: string[] = []
    if ('choices' in reply) calls.push(JSON.stringify(reply.choices[0]?.message.tool_calls?.[0]))
    else
      for await (const chunk of reply)
        calls.push(JSON.stringify(chunk.choices[0]?.delta.tool_calls?.[0] ?? null))
    assert.match(calls.join(), /"type":"custom","custom":\{"name":"patch"/)
    assert.match(calls.join(), /"input":"\*\*\* \\"Begin\\"\\n"/)
  })

  test(`a model that failed inside a success is asked again or stood in for, ${how}`, async t => {
    const { bedrock, client } = await raise(t)
    playing(bedrock, { stopReason: 'malformed_tool_use' })
    const params: Params = { model: 'star', messages: [{ role: 'user', content: 'Line, please.' }] }
    await assert.rejects(said(client, params, stream), /malformed_tool_use/)
    assert.equal(
      (await said(client, params, stream)).choices[0]?.message.content,
      'The understudy knows every line.',
    )
  })
}

test('a stream that breaks after its first words ends with an error that the client raises', async t => {
  const { bedrock, client } = await raise(t)
  const params: Params = { model: 'star', messages: [{ role: 'user', content: 'Line, please.' }] }
  for (const fault of [
    { kind: 'exception', type: 'modelStreamErrorException', message: 'lost', after: 2 },
    { kind: 'cut', after: 2 },
    { kind: 'short', after: 2 },
    { kind: 'corrupt', after: 2 },
  ] as const) {
    bedrock.script(fault)
    const stream = await client.chat.completions.create({ ...params, stream: true })
    let heard = ''
    await assert.rejects(async () => {
      for await (const chunk of stream) heard += chunk.choices[0]?.delta.content ?? ''
    }, fault.kind)
    assert.equal(heard, 'The understudy knows e', fault.kind)
  }
})

test('who asks with functions is answered with a function_call', async t => {
  const { bedrock, client } = await raise(t)
  const toolUse = { toolUseId: 'tooluse_1', name: 'look', input: { at: 'left' } }
  playing(bedrock, { content: [{ toolUse }], stopReason: 'tool_use' })
  const messages: Message[] = [{ role: 'user', content: 'Look.' }]
  const functions = [LOOK.function]
  const { choices } = await client.chat.completions.create({ model: 'star', messages, functions })
  const called = choices[0]?.message
  assert.deepEqual(
    [choices[0]?.finish_reason, called?.function_call],
    ['function_call', { name: 'look', arguments: '{"at":"left"}' }],
  )
  assert.ok(called)
  await client.chat.completions.create({
    model: 'star',
    messages: [...messages, called, { role: 'function', name: 'look', content: 'a tree' }],
    functions,
  })
  assert.match(
    JSON.stringify(lastBody(bedrock)),
    /"toolResult":\{"toolUseId":"call_message_1","content":\[\{"text":"a tree"/,
  )
})

for (const stream of [false, true])
  test(`a client of Responses goes on over turns as well, its thoughts sealed in its own items, ${stream ? 'streamed' : 'whole'}`, async t => {
    const { bedrock, client } = await raise(t)
    playing(bedrock, {
      content: [
        { reasoningContent: { reasoningText: { text: 'I should look.', signature: 'c2ln' } } },
        { toolUse: { toolUseId: 'tooluse_1', name: 'look', input: { at: 'left' } } },
      ],
      stopReason: 'tool_use',
    })
    const question = {
      model: 'star',
      tools: [{ type: 'function' as const, strict: false, ...LOOK.function }],
      reasoning: { effort: 'low' as const },
      include: ['reasoning.encrypted_content' as const],
      store: false,
    }
    const respond = (input: OpenAI.Responses.ResponseInput) =>
      stream
        ? client.responses.stream({ ...question, input }).finalResponse()
        : client.responses.create({ ...question, input })
    const first: OpenAI.Responses.ResponseInput = [{ role: 'user', content: 'Who is there?' }]
    const { output } = await respond(first)
    const [called] = output.flatMap(item => (item.type === 'function_call' ? [item] : []))
    assert.equal(called?.arguments, '{"at":"left"}')
    const said = output as unknown as OpenAI.Responses.ResponseInput
    const answered = { type: 'function_call_output' as const, call_id: called.call_id, output: 'a tree' }
    const next = await respond([...first, ...said, answered])
    assert.equal(next.output_text, 'The understudy knows every line.')
    assert.deepEqual(lastBody(bedrock).messages, [
      { role: 'user', content: [{ text: 'Who is there?' }] },
      {
        role: 'assistant',
        content: [
          { reasoningContent: { reasoningText: { text: 'I should look.', signature: 'c2ln' } } },
          { toolUse: { toolUseId: 'tooluse_1', name: 'look', input: { at: 'left' } } },
        ],
      },
      { role: 'user', content: [{ toolResult: { toolUseId: 'tooluse_1', content: [{ text: 'a tree' }] } }] },
    ])
  })

for (const stream of [false, true])
  test(`Anthropic’s own client meets the same Claude by Converse, its marks and its signatures untouched, ${stream ? 'streamed' : 'whole'}`, async t => {
    const { bedrock, client: openai } = await raise(t)
    const client = new Anthropic({
      apiKey: openai.apiKey,
      baseURL: openai.baseURL.replace(/\/v1$/, ''),
      maxRetries: 0,
    })
    playing(bedrock, {
      content: [
        { reasoningContent: { reasoningText: { text: 'I should look.', signature: 'c2ln' } } },
        { toolUse: { toolUseId: 'tooluse_1', name: 'look', input: { at: 'left' } } },
      ],
      stopReason: 'tool_use',
    })
    const question = {
      model: 'by-converse',
      max_tokens: 4000,
      system: [
        { type: 'text' as const, text: 'A long part.', cache_control: { type: 'ephemeral' as const } },
      ],
      thinking: { type: 'enabled' as const, budget_tokens: 2000 },
      tools: [{ name: 'look', input_schema: { type: 'object' as const, properties: {} } }],
    }
    const ask = (messages: Anthropic.MessageParam[]) =>
      stream
        ? client.messages.stream({ ...question, messages }).finalMessage()
        : client.messages.create({ ...question, messages })
    const first: Anthropic.MessageParam[] = [{ role: 'user', content: 'Who is there?' }]
    const { content, stop_reason: why } = await ask(first)
    assert.deepEqual(
      [why, content],
      [
        'tool_use',
        [
          { type: 'thinking', thinking: 'I should look.', signature: 'c2ln' },
          { type: 'tool_use', id: 'tooluse_1', name: 'look', input: { at: 'left' } },
        ],
      ],
    )
    const seen = {
      type: 'tool_result' as const,
      tool_use_id: 'tooluse_1',
      content: 'no light',
      is_error: true,
    }
    const next = await ask([...first, { role: 'assistant', content }, { role: 'user', content: [seen] }])
    assert.match(JSON.stringify(next.content), /The understudy knows every line\./)
    const { messages, system, additionalModelRequestFields: fields } = lastBody(bedrock)
    assert.deepEqual(system, [{ text: 'A long part.' }, { cachePoint: { type: 'default' } }])
    assert.deepEqual(fields, { thinking: { type: 'enabled', budget_tokens: 2000 } })
    assert.deepEqual((messages as readonly JsonObject[]).slice(1), [
      {
        role: 'assistant',
        content: [
          { reasoningContent: { reasoningText: { text: 'I should look.', signature: 'c2ln' } } },
          { toolUse: { toolUseId: 'tooluse_1', name: 'look', input: { at: 'left' } } },
        ],
      },
      {
        role: 'user',
        content: [
          { toolResult: { toolUseId: 'tooluse_1', content: [{ text: 'no light' }], status: 'error' } },
        ],
      },
    ])
  })
