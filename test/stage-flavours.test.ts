import assert from 'node:assert/strict'
import { after, beforeEach, describe, test } from 'node:test'
import type { Flavour } from '../src/stage/flavour.ts'
import { CANONICAL } from '../src/stage/lines.ts'
import type { Stage } from '../src/stage/stage.ts'
import type { Json, JsonObject } from '../src/wire/json.ts'
import { play, type Reply } from './support/harness.ts'
import { AWS, deploymentOf, type Part } from './support/parts.ts'

/**
 * A rehearsal with the flavours of `understudy stage` that no other test puts on as users do: through the gateway, whole
 * and streamed, with a fault that the control door is told of, and with what only the gateway makes right.
 */

const ROLES = {
  converse: { flavour: 'bedrock', model: 'amazon.nova-pro-v1:0', params: AWS },
  invoke: { flavour: 'bedrock', model: 'invoke/anthropic.claude-sonnet-4-5-20250929-v1:0' },
  gemini: { flavour: 'vertex_ai', model: 'gemini-2.5-flash' },
  claude: { flavour: 'vertex_ai', model: 'claude-sonnet-4-5' },
  groq: { flavour: 'groq', model: 'openai/gpt-oss-120b' },
  xai: { flavour: 'xai', model: 'grok-4' },
  deepseek: { flavour: 'deepseek', model: 'deepseek-v4-flash' },
  together: { flavour: 'together_ai', model: 'openai/gpt-oss-120b' },
  fireworks: { flavour: 'fireworks_ai', model: 'accounts/fireworks/models/gpt-oss-120b' },
  openrouter: { flavour: 'openrouter', model: 'openai/gpt-oss-120b' },
  ollama: { flavour: 'ollama', model: 'llama3.2' },
  vllm: { flavour: 'hosted_vllm', model: 'mistralai/Mistral-Small-3.2' },
} as const satisfies Readonly<Record<string, Part>>

type Name = keyof typeof ROLES
const NAMES = Object.keys(ROLES) as Name[]

/** Each is followed by the next, the last by the first: no flavour stands in for itself. */
const nextOf = (name: Name): Name => NAMES[(NAMES.indexOf(name) + 2) % NAMES.length] ?? name

const PRICES: JsonObject = { input_cost_per_token: 0.001, output_cost_per_token: 0.01 }

const wanted = Object.fromEntries(
  NAMES.map(name => [name, { flavour: ROLES[name].flavour, models: ['*'], control: true }]),
) as unknown as Readonly<Record<Name, { flavour: Flavour; models: string[]; control: true }>>

const house = await play(
  { after },
  {
    stages: wanted,
    config: stages => ({
      model_list: NAMES.map(name => ({
        ...deploymentOf(name, ROLES[name], stages[name]),
        model_info: PRICES,
      })),
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: NAMES.map(name => ({ [name]: [nextOf(name)] })),
      },
    }),
  },
)
const { stages } = house

beforeEach(() => {
  for (const stage of Object.values(stages)) stage.clear()
})

const user = (content: Json, more: JsonObject = {}): JsonObject => ({ role: 'user', content, ...more })

const ask = (name: Name, more: JsonObject = {}): Promise<Reply> =>
  house.ask('/v1/chat/completions', { model: name, messages: [user('Your line?')], ...more })

const chunksOf = ({ text }: Reply): readonly JsonObject[] =>
  [...text.matchAll(/^data: (\{.*)$/gm)].map(([, data]) => JSON.parse(data ?? ''))

type Choice = { readonly message?: JsonObject; readonly delta?: JsonObject; readonly finish_reason?: Json }

const choiceOf = ({ choices }: JsonObject): Choice => (choices as Choice[])[0] ?? {}

const textOf = (reply: Reply): string => String(choiceOf(reply.json()).message?.content)

const streamedText = (reply: Reply): string =>
  chunksOf(reply)
    .map(chunk => choiceOf(chunk).delta?.content ?? '')
    .join('')

/** Tells the stage of a fault as users do. */
const tell = async (stage: Stage, fault: JsonObject): Promise<void> => {
  const told = await fetch(`${stage.origin}/__stage/script`, {
    method: 'POST',
    body: JSON.stringify({ faults: [fault] }),
  })
  assert.equal(told.status, 200, await told.text())
}

const sentTo = (name: Name): JsonObject => stages[name].requests[0]?.json as JsonObject

const refusals = (): readonly string[] =>
  Object.entries(stages).flatMap(([name, { requests }]) =>
    requests.flatMap(({ refusal }) => (refusal === undefined ? [] : [`${name}: ${refusal.message}`])),
  )

for (const name of NAMES)
  describe(name, () => {
    const next = nextOf(name)

    test('answers through the gateway, whole and streamed', async () => {
      const whole = await ask(name)
      assert.equal(whole.status, 200, whole.text)
      assert.equal(textOf(whole), CANONICAL)
      const streamed = await ask(name, { stream: true })
      assert.equal(streamedText(streamed), CANONICAL)
      assert.match(streamed.text, /data: \[DONE\]\n\n$/)
      assert.deepEqual(refusals(), [])
    })

    test('fails as the door is told, and the next flavour steps in', async () => {
      for (const stream of [false, true]) {
        await tell(stages[name], { kind: 'status', status: 503 })
        const reply = await ask(name, { stream })
        assert.equal(reply.status, 200, reply.text)
        assert.equal((stream ? streamedText : textOf)(reply), CANONICAL)
        assert.equal(reply.headers['x-litellm-model-group'], next)
      }
      const shown = await (await fetch(`${stages[name].origin}/__stage/requests`)).json()
      const { requests } = shown as { requests: { fault: string; answered: { status: number } }[] }
      assert.deepEqual(
        requests.map(({ fault, answered }) => [fault, answered.status]),
        [
          ['status', 503],
          ['status', 503],
        ],
      )
      assert.equal(stages[next].requests.length, 2)
      assert.deepEqual(refusals(), [])
    })

    test('a stream that breaks before its first word is the next one’s', async () => {
      for (const fault of [
        { kind: 'cut', how: 'rst', afterContent: 0 },
        {
          kind: 'error-event',
          afterContent: 0,
          error: { type: 'throttlingException', message: 'Slow down.' },
        },
      ]) {
        await tell(stages[name], fault)
        const reply = await ask(name, { stream: true })
        assert.equal(streamedText(reply), CANONICAL, fault.kind)
        assert.equal(reply.headers['x-litellm-model-group'], next, fault.kind)
      }
    })
  })

/** What a client may write, what the provider says to it, and that the gateway makes it right. */
type Strict = {
  readonly name: Name
  readonly what: string
  readonly path: string
  /** As the client writes it to the gateway, the model aside. */
  readonly body: JsonObject
  /** The same, written to the provider by somebody who knows its dialect and not its rules. Default: the body. */
  readonly direct?: JsonObject
  readonly says: RegExp
}

const call = (id: string): JsonObject => ({
  id,
  type: 'function',
  function: { name: 'look', arguments: '{}' },
})
const tools: Json = [{ type: 'function', function: { name: 'look', parameters: { type: 'object' } } }]
const called = (id: string): Json => [
  user('Look.'),
  { role: 'assistant', content: null, tool_calls: [call(id)] },
  { role: 'tool', tool_call_id: id, content: 'A stage.' },
]
const PLACE = '/v1/projects/stage/locations/us-central1/publishers'

const STRICT: readonly Strict[] = [
  {
    name: 'converse',
    what: 'a label of the client’s',
    path: '/model/amazon.nova-pro-v1%3A0/converse',
    body: { metadata: { act: 'one' }, messages: [user('hi')] },
    direct: { metadata: { act: 'one' }, messages: [user([{ text: 'hi' }])] },
    says: /^400 .*extraneous key \[metadata\] is not permitted/,
  },
  {
    name: 'invoke',
    what: 'the model in the body',
    path: '/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke',
    body: { max_tokens: 64, messages: [user('hi')] },
    direct: {
      anthropic_version: 'bedrock-2023-05-31',
      model: 'claude-sonnet-4-5',
      max_tokens: 64,
      messages: [user('hi')],
    },
    says: /^400 .*extraneous key \[model\] is not permitted/,
  },
  {
    name: 'gemini',
    what: 'ids of calls',
    path: `${PLACE}/google/models/gemini-2.5-flash:generateContent`,
    body: { tools, messages: called('call_1') },
    direct: {
      contents: [
        { role: 'user', parts: [{ text: 'Look.' }] },
        { role: 'model', parts: [{ functionCall: { id: 'call_1', name: 'look', args: {} } }] },
      ],
    },
    says: /^400 .*Unknown name \\"id\\" at 'contents\[1\]\.parts\[0\]\.function_call'/,
  },
  {
    name: 'claude',
    what: 'the model in the body',
    path: `${PLACE}/anthropic/models/claude-sonnet-4-5:rawPredict`,
    body: { max_tokens: 64, messages: [user('hi')] },
    direct: {
      anthropic_version: 'vertex-2023-10-16',
      model: 'claude-sonnet-4-5',
      max_tokens: 64,
      messages: [user('hi')],
    },
    says: /^400 .*model: Extra inputs are not permitted/,
  },
  {
    name: 'groq',
    what: 'names',
    path: '/chat/completions',
    body: { messages: [user('hi', { name: 'ann' })] },
    says: /^400 .*property 'name' is unsupported/,
  },
  {
    name: 'xai',
    what: 'names of anybody but users',
    path: '/chat/completions',
    body: { messages: [{ role: 'system', content: 'x', name: 'ann' }, user('hi')] },
    says: /^400 .*Only messages of role 'user' can have a name/,
  },
  {
    name: 'deepseek',
    what: 'the role developer, and calls without thoughts',
    path: '/chat/completions',
    body: { tools, messages: [{ role: 'developer', content: 'x' }, ...(called('call_1') as JsonObject[])] },
    says: /^400 .*unknown variant `developer`/,
  },
  {
    name: 'fireworks',
    what: 'thoughts by another name, and an effort that the model does not have',
    path: '/chat/completions',
    body: {
      reasoning_effort: 'none',
      messages: [user('hi'), { role: 'assistant', content: 'yes', reasoning: 'Hm.' }, user('and?')],
    },
    says: /^400 .*Extra inputs are not permitted, field: 'messages\[1\]\.reasoning', value: 'Hm\.'/,
  },
  {
    name: 'vllm',
    what: 'ids of calls that Mistral’s template refuses',
    path: '/chat/completions',
    body: { tools, messages: called('call_1') },
    says: /^400 .*Tool call id was call_1/,
  },
]

const direct = async ({ name, path, body, direct: own }: Omit<Strict, 'what' | 'says'>): Promise<string> => {
  const stage = stages[name]
  const response = await fetch(stage.baseUrl + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${stage.key}` },
    body: JSON.stringify(own ?? { model: ROLES[name].model, ...body }),
  })
  return `${response.status} ${await response.text()}`
}

for (const strict of STRICT)
  test(`${strict.name} refuses ${strict.what}, and is sent none`, async () => {
    assert.match(await direct(strict), strict.says)
    stages[strict.name].clear()
    const reply = await ask(strict.name, strict.body)
    assert.equal(reply.status, 200, reply.text)
    assert.deepEqual([stages[strict.name].requests.length, refusals().length], [1, 0])
  })

for (const [name, path] of [
  ['ollama', '/v1/chat/completions'],
  ['deepseek', '/chat/completions'],
  ['together', '/chat/completions'],
] as const)
  test(`${name} does not hear the newer name of the limit, and is sent the older one`, async () => {
    const body = { messages: [user('Your line?')], max_completion_tokens: 2 }
    assert.match(await direct({ name, path, body }), /"finish_reason":"stop"/)
    assert.equal(choiceOf((await ask(name, body)).json()).finish_reason, 'length')
  })

test('what xAI counts beside the completion is paid for as what others count within it', async () => {
  const costs = new Set<string | undefined>()
  for (const name of ['groq', 'xai', 'deepseek', 'together', 'openrouter'] as const)
    for (const stream of [false, true]) {
      const messages = [user('[stage:reason] Your line?')]
      const reply = await ask(name, {
        messages,
        ...(stream ? { stream, stream_options: { include_usage: true } } : {}),
      })
      assert.equal(reply.status, 200, reply.text)
      if (!stream) costs.add(reply.headers['x-litellm-response-cost'])
      else assert.match(reply.text, /"reasoning_tokens":6/)
    }
  assert.deepEqual([...costs], ['0.131'])
})

test('what breaks a stream of OpenRouter’s ends it as an error, not as an answer', async () => {
  await tell(stages.openrouter, {
    kind: 'error-event',
    afterContent: 2,
    error: { code: 502, message: 'Upstream is gone.', metadata: { error_type: 'provider_unavailable' } },
  })
  const reply = await house.ask('/v1/chat/completions', {
    model: 'openrouter',
    messages: [user('Your line?')],
    stream: true,
    disable_fallbacks: true,
  })
  assert.match(reply.text, /"error":\{"message":"[^"]*Upstream is gone\./)
  assert.doesNotMatch(reply.text, /\[DONE\]|"finish_reason":"(?:error|stop)"/)
})

test('OpenRouter is not asked to keep a response, and the client is told', async () => {
  const reply = await house.ask('/v1/responses', { model: 'openrouter', input: 'Your line?', store: true })
  assert.equal(reply.status, 200, reply.text)
  assert.equal(sentTo('openrouter').store, false)
  assert.match(reply.headers['x-understudy-dropped'] ?? '', /\bstore\b/)
})

test('OpenRouter’s object provider is left out for nobody who refuses it: who may see a prompt is no detail', async () => {
  const reply = await ask('fireworks', { provider: { zdr: true }, disable_fallbacks: true })
  assert.equal(reply.status, 400, reply.text)
  assert.match(reply.text, /Extra inputs are not permitted, field: 'provider'/)
  assert.equal(stages.fireworks.requests.length, 1)
  const taken = await ask('openrouter', { provider: { zdr: true } })
  assert.equal(taken.status, 200, taken.text)
  assert.deepEqual(sentTo('openrouter').provider, { zdr: true })
})

test('an answer that Fireworks gives only as a stream is somebody else’s', async () => {
  const reply = await ask('fireworks', { max_tokens: 5000 })
  assert.equal(reply.status, 200, reply.text)
  assert.equal(reply.headers['x-litellm-model-group'], nextOf('fireworks'))
})

test('bedrock’s stage verifies what the gateway signs, and shows no credential at its door', async () => {
  await ask('converse')
  const [hit] = stages.converse.requests
  assert.match(hit?.header('authorization') ?? '', /^AWS4-HMAC-SHA256 Credential=AKIASTAGE\//)
  assert.equal(hit?.refusal, undefined)
  const shown = await (await fetch(`${stages.converse.origin}/__stage/requests`)).text()
  assert.doesNotMatch(shown, /AWS4-HMAC-SHA256/)
})
