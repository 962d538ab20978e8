import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { CANONICAL } from '../src/stage/lines.ts'
import { assertNothingRefused } from './support/canary.ts'
import { deployment, play } from './support/harness.ts'

/** One call, two dialects: an official client of either, and a backup that speaks the other. */

const CLAUDE = 'claude-sonnet-4-5'
const house = await play(
  { after },
  {
    stages: {
      claude: { flavour: 'anthropic' as const, models: ['*'] },
      openai: { models: ['*'] },
    },
    config: ({ claude, openai }) => ({
      model_list: [
        deployment('claude', claude, CLAUDE),
        deployment('gpt', openai, 'gpt-4.1'),
        deployment('only-claude', claude, CLAUDE),
        { ...deployment('only-gpt', openai, 'gpt-4.1'), model_info: { id: 'only-gpt-1' } },
      ],
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        stream_recovery: 'splice_only',
        fallbacks: [{ claude: ['gpt'] }, { gpt: ['claude'] }],
      },
    }),
  },
)
const { claude, openai } = house.stages
const anthropic = new Anthropic({ apiKey: house.key, baseURL: house.url, maxRetries: 0 })
const client = new OpenAI({ apiKey: house.key, baseURL: `${house.url}/v1`, maxRetries: 0 })
beforeEach(() => {
  claude.clear()
  openai.clear()
})

const nothingRefused = (): void => assertNothingRefused([...claude.requests, ...openai.requests])
const down = { kind: 'status', status: 529 } as const

const messages = (content: string) => [{ role: 'user' as const, content }]
const ask = (more: Partial<Anthropic.MessageCreateParamsNonStreaming> = {}) => ({
  model: 'claude',
  max_tokens: 64,
  messages: messages('What is your line?'),
  ...more,
})
const textOf = ({ content }: Anthropic.Message): string =>
  content.map(block => (block.type === 'text' ? block.text : '')).join('')

const TOOL: Anthropic.Tool = {
  name: 'look',
  description: 'Looks somewhere.',
  input_schema: { type: 'object', properties: { at: { type: 'string' } }, required: ['at'] },
}

test('a Messages client, and a backup that speaks chat: whole', async () => {
  claude.script([down])
  const { data, response } = await anthropic.messages
    .create(ask({ system: 'Be brief.', stop_sequences: ['END'], metadata: { user_id: 'u1' } }))
    .withResponse()
  assert.deepEqual(
    [data.type, data.role, data.model, data.stop_reason, textOf(data)],
    ['message', 'assistant', 'gpt', 'end_turn', CANONICAL],
  )
  assert.match(data.id, /^msg_/)
  assert.ok(data.usage.input_tokens > 0 && data.usage.output_tokens > 0)
  assert.equal(response.headers.get('x-litellm-model-group'), 'gpt')
  const [hit] = openai.requests
  assert.equal(hit?.target, '/v1/chat/completions')
  assert.deepEqual(hit?.json, {
    model: 'gpt-4.1',
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'What is your line?' },
    ],
    max_completion_tokens: 64,
    stop: ['END'],
    user: 'u1',
  })
  assert.equal(hit?.header('anthropic-version'), undefined)
  nothingRefused()
})

test('a Messages client, and a backup that speaks chat: streamed, with every event in order', async () => {
  claude.script([down])
  const types: string[] = []
  const stream = anthropic.messages.stream(ask())
  stream.on('streamEvent', event => types.push(event.type))
  const message = await stream.finalMessage()
  assert.deepEqual([textOf(message), message.model, message.stop_reason], [CANONICAL, 'gpt', 'end_turn'])
  assert.ok(message.usage.input_tokens > 0 && message.usage.output_tokens > 0)
  assert.deepEqual(
    types.filter((type, at) => type !== types[at - 1]),
    [
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ],
  )
  nothingRefused()
})

test('a loop of tools goes on at the other provider in the middle, and comes back', async () => {
  const tools = [TOOL]
  const history: Anthropic.MessageParam[] = messages('[stage:tool] Where is it?')
  const turn = async (on: 'claude' | 'gpt'): Promise<Anthropic.Message> => {
    if (on === 'gpt') claude.script([down])
    const message = await anthropic.messages.create(ask({ tools, messages: history }))
    assert.equal(message.model, on)
    history.push({ role: 'assistant', content: message.content as Anthropic.ContentBlockParam[] })
    return message
  }
  const answer = (message: Anthropic.Message): void => {
    const call = message.content.find(block => block.type === 'tool_use')
    assert.deepEqual([call?.name, call?.input], ['look', { at: CANONICAL }])
    const content = '[stage:tool] On the left.'
    history.push({ role: 'user', content: [{ type: 'tool_result', tool_use_id: call?.id ?? '', content }] })
    history.push({ role: 'assistant', content: 'Hm.' }, { role: 'user', content: '[stage:tool] And now?' })
  }
  answer(await turn('claude'))
  answer(await turn('gpt'))
  answer(await turn('claude'))
  nothingRefused()
})

test('a forced tool streams its input through the bridge', async () => {
  claude.script([down])
  const stream = anthropic.messages.stream(ask({ tools: [TOOL], tool_choice: { type: 'any' } }))
  const message = await stream.finalMessage()
  const [block] = message.content
  assert.deepEqual(block?.type === 'tool_use' && block.input, { at: CANONICAL })
  assert.equal(message.stop_reason, 'tool_use')
  nothingRefused()
})

test('what only Anthropic can do is refused by its name, and told in the dialect', async () => {
  const asked = ask({ model: 'only-gpt', tools: [{ type: 'web_search_20250305', name: 'web_search' }] })
  const error = await anthropic.messages.create(asked).catch((reason: unknown) => reason)
  assert.ok(error instanceof Anthropic.BadRequestError)
  assert.match(String(error.apiMessage), /tools\[0\]\.type/)
  assert.equal(openai.requests.length, 0)
})

test('an error of the other provider has the dialect’s words', async () => {
  openai.script([{ kind: 'status', status: 503 }])
  const error = await anthropic.messages.create(ask({ model: 'only-gpt' })).catch((reason: unknown) => reason)
  assert.ok(error instanceof Anthropic.OverloadedError)
  assert.equal(error.type, 'overloaded_error')
  const long = {
    message:
      "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
    type: 'invalid_request_error',
    param: 'messages',
    code: 'context_length_exceeded',
  }
  openai.script([{ kind: 'status', status: 400, body: { error: long } }])
  const tooLong = await anthropic.messages
    .create(ask({ model: 'only-gpt' }))
    .catch((reason: unknown) => reason)
  assert.ok(tooLong instanceof Anthropic.BadRequestError)
  assert.match(String(tooLong.apiMessage), /^prompt is too long: 9000 tokens > 8192 maximum/)
})

test('a stream of the other provider that breaks ends as an error event', async () => {
  openai.script([{ kind: 'cut', how: 'fin', afterContent: 3 }])
  let text = ''
  const stream = anthropic.messages.stream(ask({ model: 'only-gpt' }))
  stream.on('text', delta => {
    text += delta
  })
  const error = await stream.finalMessage().catch((reason: unknown) => reason)
  assert.ok(error instanceof Anthropic.APIError)
  assert.deepEqual([text, error.type], ['The understudy knows', 'api_error'])
})

test('a stream that breaks at one is finished by the other, word for word', async () => {
  claude.script([{ kind: 'cut', how: 'fin', afterContent: 3 }])
  const message = await anthropic.messages.stream(ask()).finalMessage()
  assert.deepEqual([textOf(message), message.stop_reason], [CANONICAL, 'end_turn'])
  assert.deepEqual([claude.requests.length, openai.requests.length], [1, 1])
})

test('a prompt is counted here where nobody else counts it, and nobody is asked', async () => {
  const { data, response } = await anthropic.messages
    .countTokens({
      model: 'only-gpt',
      system: 'Be brief.',
      messages: messages('What is your line?'),
      tools: [TOOL],
    })
    .withResponse()
  assert.ok(data.input_tokens > 20 && data.input_tokens < 120, String(data.input_tokens))
  assert.equal(response.headers.get('x-litellm-model-group'), 'only-gpt')
  assert.equal(openai.requests.length, 0)
  claude.script([down])
  const fallen = await anthropic.messages.countTokens({ model: 'claude', messages: messages('Hello') })
  assert.ok(fallen.input_tokens > 0)
  assert.deepEqual([claude.requests.length, openai.requests.length], [1, 0])
  const pictures = await anthropic.messages.countTokens({
    model: 'only-gpt',
    messages: [
      {
        role: 'user',
        content: [
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'A'.repeat(40_000) } },
        ],
      },
    ],
  })
  assert.ok(pictures.input_tokens > 1000 && pictures.input_tokens < 2000, String(pictures.input_tokens))
})

test('a chat client, and a backup that is Claude: whole and streamed', async () => {
  const chat = { model: 'gpt', messages: messages('What is your line?') }
  openai.script([down, down])
  const { data, response } = await client.chat.completions.create(chat).withResponse()
  assert.deepEqual(
    [data.object, data.model, data.choices[0]?.message.content, data.choices[0]?.finish_reason],
    ['chat.completion', 'claude', CANONICAL, 'stop'],
  )
  assert.equal(response.headers.get('x-litellm-model-group'), 'claude')
  assert.deepEqual(claude.requests[0]?.json, {
    model: CLAUDE,
    messages: [{ role: 'user', content: [{ type: 'text', text: 'What is your line?' }] }],
    max_tokens: 32_000,
  })
  let text = ''
  const options = { include_usage: true }
  for await (const chunk of await client.chat.completions.create({
    ...chat,
    stream: true,
    stream_options: options,
  })) {
    assert.equal(chunk.model, 'claude')
    text += chunk.choices[0]?.delta.content ?? ''
  }
  assert.equal(text, CANONICAL)
  nothingRefused()
})

test('a chat client’s tools reach Claude and come back', async () => {
  const tool = {
    type: 'function' as const,
    function: { name: 'look', parameters: TOOL.input_schema as unknown as Record<string, unknown> },
  }
  const question = messages('[stage:tool] Where is it?')
  const asked = { model: 'only-claude', tools: [tool] }
  const first = await client.chat.completions.create({ ...asked, messages: question })
  const call = first.choices[0]?.message.tool_calls?.[0]
  assert.ok(call?.type === 'function')
  assert.deepEqual(JSON.parse(call.function.arguments), { at: CANONICAL })
  const second = await client.chat.completions.create({
    ...asked,
    messages: [
      ...question,
      { role: 'assistant', content: null, tool_calls: [call] },
      { role: 'tool', tool_call_id: call.id, content: 'On the left.' },
    ],
  })
  assert.equal(second.choices[0]?.message.content, CANONICAL)
  nothingRefused()
})

test('what Claude cannot do is refused as LiteLLM refuses it, and left out by name with drop_params', async () => {
  const asked = { model: 'only-claude', messages: messages('Hello'), logit_bias: { '1': 1 } }
  const error = await client.chat.completions.create(asked).catch((reason: unknown) => reason)
  assert.ok(error instanceof OpenAI.BadRequestError)
  assert.match(error.message, /anthropic does not support parameters: \['logit_bias'\]/)
  const dropped = await client.chat.completions.create({ ...asked, drop_params: true } as typeof asked)
  assert.equal(dropped.choices[0]?.message.content, CANONICAL)
  assert.ok(!claude.requests[0]?.text.includes('logit_bias'))
  nothingRefused()
})
