import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { eventFrame } from '../src/stage/bedrock-answer.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { deployment, play } from './support/harness.ts'
import { startPuppet } from './support/puppet.ts'

/** Arguments with numbers of 64 bits: the client's tool is called with the id that the model wrote, digit by digit. */

const ID = '1234567890123456789'
const ARGS = `{"id":${ID},"limit":-9223372036854775808}`

type Upstream = {
  readonly model: string
  readonly base: string
  readonly more?: JsonObject
  readonly type?: string
  readonly whole: string
  readonly streamed: string | Uint8Array
}

const sse = (...events: readonly string[]): string =>
  events
    .map(data => {
      const name = /^\{"type":"([a-z_]+)"/.exec(data)?.[1]
      return `${name === undefined ? '' : `event: ${name}\n`}data: ${data}\n\n`
    })
    .join('')

const MESSAGE = '"id":"msg_1","type":"message","role":"assistant","model":"m"'
const CANDIDATE = `{"candidates":[{"content":{"role":"model","parts":[{"functionCall":{"name":"look","args":${ARGS}}}]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":1,"totalTokenCount":2}}`

const UPSTREAMS: Readonly<Record<string, Upstream>> = {
  anthropic: {
    model: 'anthropic/claude-sonnet-4-5',
    base: '',
    whole: `{${MESSAGE},"content":[{"type":"tool_use","id":"toolu_1","name":"look","input":${ARGS}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}`,
    // Some send the whole input with the start, and no delta.
    streamed: sse(
      `{"type":"message_start","message":{${MESSAGE},"content":[],"stop_reason":null,"usage":{"input_tokens":1,"output_tokens":1}}}`,
      `{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"toolu_1","name":"look","input":${ARGS}}}`,
      '{"type":"content_block_stop","index":0}',
      '{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":1}}',
      '{"type":"message_stop"}',
    ),
  },
  gemini: { model: 'gemini/gemini-2.5-pro', base: '', whole: CANDIDATE, streamed: sse(CANDIDATE) },
  bedrock: {
    model: 'bedrock/converse/amazon.nova-pro-v1:0',
    base: '',
    more: {
      aws_region_name: 'us-east-1',
      aws_access_key_id: 'AKIASTAGE',
      aws_secret_access_key: 'stage-secret',
    },
    type: 'application/vnd.amazon.eventstream',
    whole: `{"output":{"message":{"role":"assistant","content":[{"toolUse":{"toolUseId":"t1","name":"look","input":${ARGS}}}]}},"stopReason":"tool_use","usage":{"inputTokens":1,"outputTokens":1,"totalTokens":2}}`,
    streamed: Buffer.concat([
      eventFrame('messageStart', { role: 'assistant' }),
      eventFrame('contentBlockStart', {
        contentBlockIndex: 0,
        start: { toolUse: { toolUseId: 't1', name: 'look' } },
      }),
      eventFrame('contentBlockDelta', { contentBlockIndex: 0, delta: { toolUse: { input: ARGS } } }),
      eventFrame('contentBlockStop', { contentBlockIndex: 0 }),
      eventFrame('messageStop', { stopReason: 'tool_use' }),
      eventFrame('metadata', { usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 } }),
    ]),
  },
  chat: {
    model: 'groq/m',
    base: '/v1',
    whole: `{"id":"c","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"look","arguments":${JSON.stringify(ARGS)}}}]},"finish_reason":"tool_calls"}]}`,
    streamed: sse(
      `{"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"role":"assistant","tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"look","arguments":${JSON.stringify(ARGS)}}}]},"finish_reason":"tool_calls"}]}`,
      '[DONE]',
    ),
  },
}

const CALL = { id: 'call_1', type: 'function', function: { name: 'look', arguments: ARGS } }
const SCHEMA = { type: 'object', properties: { id: { type: 'integer' } } }

/** A turn with such a call in it, by each dialect's client; the arguments as their dialect has them. */
const CLIENTS: Readonly<Record<string, readonly [path: (stream: boolean) => string, body: string]>> = {
  chat: [
    () => '/v1/chat/completions',
    JSON.stringify({
      model: 'star',
      messages: [
        { role: 'user', content: 'Look.' },
        { role: 'assistant', content: null, tool_calls: [CALL] },
        { role: 'tool', tool_call_id: 'call_1', content: 'Nothing.' },
      ],
      tools: [{ type: 'function', function: { name: 'look', parameters: SCHEMA } }],
    }),
  ],
  responses: [
    () => '/v1/responses',
    JSON.stringify({
      model: 'star',
      input: [
        { role: 'user', content: 'Look.' },
        { type: 'function_call', call_id: 'call_1', name: 'look', arguments: ARGS },
        { type: 'function_call_output', call_id: 'call_1', output: 'Nothing.' },
      ],
      tools: [{ type: 'function', name: 'look', parameters: SCHEMA, strict: false }],
    }),
  ],
  messages: [
    () => '/v1/messages',
    `{"model":"star","max_tokens":64,"messages":[{"role":"user","content":"Look."},{"role":"assistant","content":[{"type":"tool_use","id":"call_1","name":"look","input":${ARGS}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"call_1","content":"Nothing."}]}],"tools":[{"name":"look","input_schema":${JSON.stringify(SCHEMA)}}]}`,
  ],
  gemini: [
    stream => `/v1beta/models/star:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
    `{"contents":[{"role":"user","parts":[{"text":"Look."}]},{"role":"model","parts":[{"functionCall":{"name":"look","args":${ARGS}}}]},{"role":"user","parts":[{"functionResponse":{"name":"look","response":{"output":"Nothing."}}}]}],"tools":[{"functionDeclarations":[{"name":"look","parametersJsonSchema":${JSON.stringify(SCHEMA)}}]}]}`,
  ],
}

const exchange = async (t: TestContext, client: string, upstream: Upstream, stream: boolean) => {
  const puppet = await startPuppet(t)
  const origin = new URL(puppet.baseUrl).origin
  const { model, base, more = {} } = upstream
  const house = await play(t, {
    config: {
      model_list: [
        {
          model_name: 'star',
          litellm_params: {
            model,
            ...(model.startsWith('bedrock/')
              ? { aws_bedrock_runtime_endpoint: origin }
              : { api_base: origin + base, api_key: 'k' }),
            ...more,
          },
        },
      ],
      router_settings: { num_retries: 0 },
    },
  })
  const [path, body] = CLIENTS[client] ?? [() => '', '']
  const sent = stream && client !== 'gemini' ? body.replace('{"model"', '{"stream":true,"model"') : body
  const asked = house.ask(path(stream), sent)
  const call = await puppet.next()
  call.head({ 'content-type': stream ? (upstream.type ?? 'text/event-stream') : 'application/json' })
  call.end(stream ? upstream.streamed : upstream.whole)
  return { sent: call.body.toString(), reply: await asked }
}

for (const client of Object.keys(CLIENTS))
  for (const [name, upstream] of Object.entries(UPSTREAMS))
    for (const stream of [false, true])
      test(`${client} at ${name}${stream ? ', streamed' : ''}: every digit of the arguments, there and back`, async t => {
        const { sent, reply } = await exchange(t, client, upstream, stream)
        assert.equal(reply.status, 200, reply.text)
        for (const text of [sent, reply.text])
          for (const number of [ID, '-9223372036854775808']) assert.ok(text.includes(number), text)
      })

test('a limit of many digits is a limit all the same, and is not lost on the way', async t => {
  const on = await play(t, {
    stages: { mistral: { flavour: 'mistral', models: ['*'] } },
    config: ({ mistral }) => ({
      model_list: [deployment('star', mistral, 'mistral-large-latest')],
      router_settings: { num_retries: 0 },
    }),
  })
  const said = (): string => on.stages.mistral.requests.at(-1)?.text ?? ''
  const messages = '"messages":[{"role":"user","content":"x"}]'
  await on.ask('/v1/messages', `{"model":"star","max_tokens":${ID},${messages}}`)
  assert.match(said(), /"max_tokens":1234567890123456/)
  on.stages.mistral.clear()
  await on.ask(
    '/v1beta/models/star:generateContent',
    `{"contents":[{"role":"user","parts":[{"text":"x"}]}],"generationConfig":{"maxOutputTokens":${ID}}}`,
  )
  assert.match(said(), /"max_tokens":1234567890123456/)
})
