import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { Json, JsonObject } from '../wire/json.ts'
import { type Compatible, ROWS } from './compatible/rows.ts'
import { startStage } from './stage.ts'
import { THOUGHT } from './voice.ts'

/** What the providers of OpenAI's dialect refuse, in which words, and how they answer. */

const user = (content: Json, more: JsonObject = {}): JsonObject => ({ role: 'user', content, ...more })
const call = (id: string): JsonObject => ({ id, type: 'function', function: { name: 'f', arguments: '{}' } })
const called = (id: string, more: JsonObject = {}): readonly JsonObject[] => [
  user('Call it.'),
  { role: 'assistant', content: null, tool_calls: [call(id)], ...more },
  { role: 'tool', tool_call_id: id, content: 'done' },
]

type Reply = { readonly status: number; readonly text: string; readonly json: JsonObject }
type Asked = JsonObject & { readonly path?: string }

const open = async (t: TestContext, flavour: Compatible) => {
  const stage = await startStage({ flavour, models: ['*'] })
  t.after(() => stage.close())
  const root = stage.baseUrl + (flavour === 'ollama' ? '/v1' : '')
  return async ({ path = '/chat/completions', ...body }: Asked, key = stage.key): Promise<Reply> => {
    const response = await fetch(root + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: JSON.stringify({ model: ROWS[flavour].model, messages: [user('Your line?')], ...body }),
    })
    const text = await response.text()
    return { status: response.status, text, json: text.startsWith('{') ? JSON.parse(text) : {} }
  }
}

/** Requests that break a rule, and what is said to them: all of the error, or what it matches. */
const REFUSED: Readonly<Record<Compatible, readonly (readonly [body: JsonObject, says: RegExp])[]>> = {
  groq: [
    [{ verbosity: 'low' }, /^400 \{"error":\{"message":"property 'verbosity' is unsupported","type":"inv/],
    [{ messages: [user('hi', { name: 'ann' })] }, /^400 .*for 'role:user' .*property 'name' is unsupported/],
    [{ messages: called('a', { refusal: null }) }, /^400 .*for 'role:assistant' .*'refusal' is unsupported/],
    [{ messages: called('a', { reasoning_content: 'x' }) }, /^400 .*'reasoning_content' is unsupported/],
    [
      { model: 'llama-3.3-70b-versatile', messages: called('a', { reasoning: 'x' }) },
      /^400 .*"messages\[1\]\.reasoning: reasoning is not supported with this model"/,
    ],
    [{ logprobs: true }, /^400 .*`logprobs` is not supported with this model",.*"param":"logprobs"\}\}$/],
    [{ n: 2 }, /^400 .*'n' : number must be at most 1/],
    [
      { model: 'qwen/qwen3-32b', reasoning_effort: 'high' },
      /^400 .*"`reasoning_effort` must be one of `none` or `default`"/,
    ],
    [{ reasoning_effort: 'none' }, /^400 .*"`reasoning_effort` must be one of `low`, `medium`, or `high`"/],
    [{ messages: [] }, /^400 .*minimum number of items is 1/],
  ],
  xai: [
    [
      { messages: [{ role: 'system', content: 'x', name: 'ann' }, user('hi')] },
      /^400 \{"code":"invalid-argument","error":"Only messages of role 'user' can have a name\."\}$/,
    ],
    [{ stop: ['x'] }, /^400 .*Argument not supported on this model: stop/],
    [{ presence_penalty: 0 }, /^400 .*Argument not supported on this model: presencePenalty/],
  ],
  deepseek: [
    [
      { messages: [{ role: 'developer', content: 'x' }, user('hi')] },
      /^400 \{"error":\{"message":"Failed to deserialize .*unknown variant `developer`.*"param":null,"code":"invalid_request_error"\}\}$/,
    ],
    [{ reasoning_effort: 'none' }, /^400 .*reasoning_effort: unknown variant `none`/],
    [{ messages: called('a') }, /^400 .*The `reasoning_content` in the thinking mode must be passed back/],
    [{ messages: called('a', { reasoning_content: 'x' }).slice(0, 2) }, /^400 .*insufficient tool messages/],
    [{ response_format: { type: 'json_schema' } }, /^400 .*This response_format type is unavailable now/],
  ],
  together_ai: [
    [
      { messages: [] },
      /^400 \{"id":"o\S+","error":\{"message":"Input validation error: .*"type":"invalid_request_error","param":"messages","code":null\}\}$/,
    ],
  ],
  fireworks_ai: [
    [
      { store: false },
      /^400 \{"error":\{"object":"error","type":"invalid_request_error","code":"invalid_request_error","message":"Extra inputs are not permitted, field: 'store', value: False"\}\}$/,
    ],
    [{ messages: called('a', { reasoning: 'x' }) }, /^400 .*field: 'messages\[1\]\.reasoning', value: 'x'/],
    [{ messages: [user('hi', { cache_control: {} })] }, /^400 .*field: 'messages\[0\]\.cache_control'/],
    [
      {
        messages: called('a', { tool_calls: [{ ...call('a'), extra_content: { at: [null, 1] } }] }),
      },
      /^400 .*field: 'messages\[1\]\.tool_calls\[0\]\.extra_content', value: \{'at': \[None, 1\]\}/,
    ],
    [{ max_tokens: 4097 }, /^400 .*Requests with max_tokens > 4096 must have stream=true/],
    [
      { model: 'accounts/fireworks/models/gpt-oss-120b', reasoning_effort: 'none' },
      /^400 .*Invalid reasoning effort: none/,
    ],
  ],
  openrouter: [
    [
      { messages: [] },
      /^400 \{"error":\{"message":"Input required: specify \\"prompt\\" or \\"messages\\"","code":400\},"user_id":"user_stage"\}$/,
    ],
    [{ models: ['a', 'b', 'c', 'd'] }, /^400 .*'models' array must have 3 items or fewer\./],
    [
      { provider: { only: ['deepinfra'] } },
      /^404 .*No allowed providers are available .*"requested_providers":\["deepinfra"\]/,
    ],
    [
      { path: '/responses', input: 'hi', store: true },
      /^400 \{"error":\{"code":"invalid_prompt","message":"Invalid Responses API request"\},"metadata":\{"raw":\[.*"path":\["store"\]/,
    ],
    [{ path: '/responses', input: 'hi', previous_response_id: 'gen-1' }, /^400 .*"previous_response_id"/],
  ],
  ollama: [
    [
      { messages: [] },
      /^400 \{"error":\{"message":"\[\] is too short - 'messages'","type":"invalid_request_/,
    ],
    [
      { messages: [user([{ type: 'image_url', image_url: { url: 'https://x.example/a.png' } }])] },
      /^400 .*image URLs are not currently supported/,
    ],
    [{ messages: [user([{ type: 'file' }])] }, /^400 .*invalid message format/],
    [{ messages: [user(null)] }, /^400 .*invalid message content type: <nil>/],
    [{ reasoning_effort: 'huge' }, /^400 .*invalid reasoning value: \\"huge\\"/],
  ],
  hosted_vllm: [
    [
      { stream_options: { include_usage: true } },
      /^400 \{"error":\{"message":"Stream options can only .*"type":"BadRequestError","param":"stream_options","code":400\}\}$/,
    ],
    [{ messages: null }, /^400 .*messages: Field required/],
    [{ tool_choice: 'auto' }, /^400 .*When using `tool_choice`, `tools` must be set\./],
    [{ continue_final_message: true }, /^400 .*Cannot set both/],
    [
      { model: 'mistralai/Mistral-Small-3.2', messages: called('call_1') },
      /^400 .*Tool call id was call_1 but must be a-z, A-Z, 0-9, with a length of 9\./,
    ],
  ],
}

/** What each of them takes although it may look wrong. */
const TAKEN: Readonly<Record<Compatible, readonly JsonObject[]>> = {
  groq: [
    { messages: called('a', { reasoning: 'x' }) },
    { model: 'qwen/qwen3.6-27b', reasoning_effort: 'default' },
  ],
  xai: [{ messages: [user('hi', { name: 'ann' })] }, { model: 'grok-4-1-fast-non-reasoning', stop: ['x'] }],
  deepseek: [
    { messages: called('a', { reasoning_content: ' ' }) },
    { messages: called('a'), thinking: { type: 'disabled' } },
    { messages: called('a'), model: 'deepseek-chat' },
    { made_up: true },
  ],
  together_ai: [{ made_up: true }, { messages: called('a', { reasoning: 'x', refusal: null }) }],
  fireworks_ai: [
    { messages: called('a', { reasoning_content: 'x', refusal: null }) },
    { stream: true, max_tokens: 4097, stream_options: { include_usage: true } },
    { reasoning_effort: 'none' },
  ],
  openrouter: [
    { made_up: true, models: ['a', 'b', 'c'], provider: { only: ['stage'], data_collection: 'deny' } },
    { path: '/responses', input: 'hi', store: false, previous_response_id: null },
  ],
  ollama: [{ made_up: true, tool_choice: 'required' }, { reasoning_effort: 'none' }],
  hosted_vllm: [{ made_up: true }, { model: 'mistralai/Mistral-Small-3.2', messages: called('abcdefgh1') }],
}

const NO_KEY: Readonly<Record<Compatible, RegExp>> = {
  groq: /^401 .*"message":"Invalid API Key".*"code":"invalid_api_key"/,
  xai: /^400 .*Incorrect API key provided: wr\*\*\*ng\./,
  deepseek: /^401 .*Your api key: \*\*\*\*rong is invalid","type":"authentication_error"/,
  together_ai: /^401 .*"Invalid API key provided\. .*"param":null,"code":"invalid_api_key"/,
  fireworks_ai: /^401 .*"The API key you provided is invalid\.","param":null,"code":"UNAUTHORIZED"/,
  openrouter: /^401 \{"error":\{"message":"User not found\.","code":401\}\}$/,
  ollama: /^200 /,
  hosted_vllm: /^401 \{"error":"Unauthorized"\}$/,
}

const SHOWN: Readonly<Record<Compatible, JsonObject>> = {
  groq: { reasoning: THOUGHT },
  xai: { reasoning_content: THOUGHT },
  deepseek: { reasoning_content: THOUGHT },
  together_ai: { reasoning: THOUGHT },
  fireworks_ai: { reasoning_content: THOUGHT },
  openrouter: {
    reasoning: THOUGHT,
    reasoning_details: [{ type: 'reasoning.text', text: THOUGHT, format: 'unknown', index: 0 }],
  },
  ollama: { reasoning: THOUGHT },
  hosted_vllm: { reasoning: THOUGHT },
}

const line = ({ status, text }: Reply): string => `${status} ${text}`

const flavours = Object.keys(ROWS) as Compatible[]

for (const flavour of flavours)
  describe(flavour, () => {
    test('refuses what the provider refuses, in its words', async t => {
      const ask = await open(t, flavour)
      for (const [body, says] of REFUSED[flavour]) assert.match(line(await ask(body)), says)
      assert.match(line(await ask({}, 'wrong')), NO_KEY[flavour])
    })

    test('takes what the provider takes', async t => {
      const ask = await open(t, flavour)
      for (const body of TAKEN[flavour]) assert.match(line(await ask(body)), /^200 /)
      const { json } = await ask({})
      assert.equal(json.model, ROWS[flavour].model, 'the name that was asked for')
    })

    test('shows what was thought where the provider shows it, whole and streamed', async t => {
      const ask = await open(t, flavour)
      const messages = [user('[stage:reason] Your line?')]
      const { json } = await ask({ messages })
      const [{ message }] = json.choices as [{ message: JsonObject }]
      assert.deepEqual(message, {
        role: 'assistant',
        content: 'The understudy knows every line.',
        ...SHOWN[flavour],
      })
      const streamed = await ask({ messages, stream: true, stream_options: { include_usage: true } })
      const chunks = [...streamed.text.matchAll(/^data: (\{.*)$/gm)].map(([, data]) => JSON.parse(data ?? ''))
      const [name = ''] = Object.keys(SHOWN[flavour])
      const heard = (key: string): string => chunks.map(chunk => chunk.choices[0]?.delta[key] ?? '').join('')
      assert.deepEqual([heard(name), heard('content')], [THOUGHT, message.content])
      assert.deepEqual(chunks.at(-1).usage, json.usage)
    })
  })

test('xAI counts what was thought beside the completion, the others within it', async t => {
  const counted: Record<string, readonly number[]> = {}
  for (const flavour of flavours) {
    const ask = await open(t, flavour)
    const { json } = await ask({ messages: [user('[stage:reason]')] })
    const usage = json.usage as Record<string, number>
    counted[flavour] = [usage.completion_tokens ?? 0, (usage.total_tokens ?? 0) - (usage.prompt_tokens ?? 0)]
  }
  const within = [12, 12]
  assert.deepEqual(counted, {
    groq: within,
    xai: [6, 12],
    deepseek: within,
    together_ai: within,
    fireworks_ai: within,
    openrouter: within,
    ollama: within,
    hosted_vllm: within,
  })
})

for (const flavour of ['ollama', 'deepseek', 'together_ai'] as const)
  test(`${flavour} does not hear the newer name of the limit`, async t => {
    const ask = await open(t, flavour)
    const finish = async (body: JsonObject) => (await ask(body)).text.match(/"finish_reason":"(\w+)"/)?.[1]
    assert.equal(await finish({ max_completion_tokens: 2 }), 'stop')
    assert.equal(await finish({ max_tokens: 2 }), 'length')
  })

test('a beginning is gone on with only where it is marked as one', async t => {
  const begun = (more: JsonObject = {}) => [
    user('Your line?'),
    { role: 'assistant', content: 'The understudy', ...more },
  ]
  const said = ({ json }: Reply): Json | undefined =>
    (json.choices as [{ message: JsonObject }])[0].message.content
  const deepseek = await open(t, 'deepseek')
  assert.equal(said(await deepseek({ messages: begun() })), 'The understudy knows every line.')
  assert.equal(said(await deepseek({ messages: begun({ prefix: true }) })), ' knows every line.')
  const vllm = await open(t, 'hosted_vllm')
  const openEnded = { continue_final_message: true, add_generation_prompt: false }
  assert.equal(said(await vllm({ messages: begun(), ...openEnded })), ' knows every line.')
})

test('OpenRouter and Together end a stream with its usage though nobody asks; OpenRouter begins it with a comment', async t => {
  for (const flavour of ['openrouter', 'together_ai'] as const) {
    const ask = await open(t, flavour)
    const { text } = await ask({ stream: true })
    const [last = ''] = /data: \{[^\n]*\n\ndata: \[DONE\]\n\n$/.exec(text) ?? []
    assert.match(last, /"choices":\[\],"usage":\{"prompt_tokens":/)
    assert.equal(text.startsWith(': OPENROUTER PROCESSING\n\ndata: {"id":"gen-'), flavour === 'openrouter')
  }
})

test('what goes wrong in a stream of OpenRouter stands in a chunk that ends like an answer', async t => {
  const stage = await startStage({ flavour: 'openrouter', models: ['*'] })
  t.after(() => stage.close())
  stage.script([{ kind: 'error-event', afterContent: 1, error: { code: 502, message: 'Upstream is gone.' } }])
  const response = await fetch(`${stage.baseUrl}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${stage.key}` },
    body: JSON.stringify({ model: 'm', messages: [user('Your line?')], stream: true }),
  })
  const text = await response.text()
  const last = JSON.parse(text.trimEnd().split('data: ').at(-1) ?? '')
  assert.deepEqual(
    [last.object, last.provider, last.error, last.choices],
    [
      'chat.completion.chunk',
      'Stage',
      { code: 502, message: 'Upstream is gone.' },
      [{ index: 0, delta: { content: '' }, finish_reason: 'error' }],
    ],
  )
})

test('a route that the provider does not have is not found, one that it has answers', async t => {
  const groq = await open(t, 'groq')
  assert.equal((await groq({ path: '/embeddings', input: 'hi' })).status, 404)
  const ollama = await open(t, 'ollama')
  assert.equal((await ollama({ path: '/embeddings', input: 'hi' })).status, 200)
  const xai = await open(t, 'xai')
  const { json } = await xai({ path: '/responses', input: 'hi' })
  assert.equal(json.object, 'response')
})
