import assert from 'node:assert/strict'
import { test } from 'node:test'
import OpenAI from 'openai'
import type { Stage } from '../src/stage/stage.ts'
import { isObject, type Json, type JsonObject } from '../src/wire/json.ts'
import { type BedrockStage, startBedrockStage } from './support/bedrock.ts'
import { deployment, type Owner, type Play, play } from './support/harness.ts'

/** What a stage says when it is asked for a summary. */
const SUMMARY = 'They want a bridge over the Elbe, of oak. Next: the piers.'

const user = (text: string): JsonObject => ({
  type: 'message',
  role: 'user',
  content: [{ type: 'input_text', text }],
})
/** A turn of an agent: a question, a call, its result. */
const HISTORY: readonly JsonObject[] = [
  { type: 'message', role: 'developer', content: [{ type: 'input_text', text: 'You build bridges.' }] },
  user('Build me a bridge of oak.'),
  { type: 'function_call', call_id: 'call_1', name: 'measure', arguments: '{"river":"Elbe"}' },
  { type: 'function_call_output', call_id: 'call_1', output: 'It is 300 m wide.' },
  user('Go on.'),
]
const TRIGGER: JsonObject = { type: 'compaction_trigger' }

type Openai = 'native' | 'endpoint' | 'trigger' | 'responses' | 'chat' | 'claude' | 'itself'
type Kind = Openai | 'bedrock'

const CLAUDE: JsonObject = { model: 'anthropic/claude-sonnet-4-5' }

/** One deployment of each kind, each on its own stage, in a group of its own. */
const cast = (stages: Readonly<Record<Openai, Stage>>, bedrock: BedrockStage): JsonObject[] => {
  const of = (kind: Openai, params: JsonObject, info: JsonObject): JsonObject => ({
    ...deployment(kind, stages[kind], 'gpt-4.1', params),
    model_info: { id: kind, ...info },
  })
  const onBedrock: JsonObject = {
    model: 'bedrock/anthropic.claude-3-5-sonnet-20240620-v1:0',
    aws_region_name: 'us-east-1',
    aws_access_key_id: 'AKIASTAGE',
    aws_secret_access_key: 'stage-secret',
    aws_bedrock_runtime_endpoint: bedrock.url,
  }
  return [
    of('native', {}, {}),
    of('endpoint', {}, { compaction: 'endpoint' }),
    of('trigger', {}, { compaction: 'trigger' }),
    of('responses', {}, { compaction: 'none' }),
    of('chat', { model: 'groq/gpt-4.1' }, {}),
    of('claude', CLAUDE, {}),
    of('itself', CLAUDE, { compaction: 'own' }),
    { model_name: 'bedrock', litellm_params: onBedrock },
  ]
}

const STAGES = {
  native: {},
  endpoint: {},
  trigger: {},
  responses: { says: SUMMARY },
  chat: { says: SUMMARY },
  claude: { flavour: 'anthropic' as const, says: SUMMARY, models: ['*'] },
  itself: { flavour: 'anthropic' as const, says: SUMMARY, models: ['*'] },
}

type Theatre = Play<typeof STAGES> & { readonly bedrock: BedrockStage }

const started = async (t: Owner): Promise<Theatre> => {
  const bedrock = await startBedrockStage()
  t.after(() => bedrock.close())
  const theatre = await play(t, {
    stages: STAGES,
    config: stages => ({
      model_list: cast(stages, bedrock),
      router_settings: { num_retries: 0, disable_cooldowns: true },
    }),
  })
  return { ...theatre, bedrock }
}

const HOW: Readonly<Record<Kind, readonly [endpoint: string, trigger: string]>> = {
  native: ['native', 'native'],
  endpoint: ['native', 'native-other-wire'],
  trigger: ['native-other-wire', 'native'],
  responses: ['emulated', 'emulated'],
  chat: ['emulated', 'emulated'],
  claude: ['emulated', 'emulated'],
  itself: ['anthropic', 'anthropic'],
  bedrock: ['emulated', 'emulated'],
}
const KINDS = Object.keys(HOW) as readonly Kind[]

const clientOf = ({ url, key }: Theatre): OpenAI =>
  new OpenAI({ apiKey: key, baseURL: `${url}/v1`, maxRetries: 0 })

type Sent = { readonly path: string; readonly body: JsonObject; readonly text: string }

/** What a provider has got since the theatre opened. */
const requestsOf = ({ stages, bedrock }: Theatre, kind: Kind): readonly Sent[] =>
  (kind === 'bedrock' ? bedrock.requests : stages[kind].requests).map(hit => {
    const text = Buffer.from(hit.body).toString()
    const body = JSON.parse(text) as Json
    assert.ok(isObject(body))
    return { path: 'path' in hit ? hit.path : hit.target, body, text }
  })

const sentTo = (theatre: Theatre, kind: Kind): Sent => {
  const sent = requestsOf(theatre, kind).at(-1)
  assert.ok(sent !== undefined, 'nobody was asked')
  return sent
}

/** The one item that stands for the conversation, by whatever wire. */
const itemOf = (output: Json | undefined): JsonObject => {
  const items: readonly Json[] = Array.isArray(output) ? output : []
  const found = items.filter(item => isObject(item) && item.type === 'compaction')
  assert.equal(found.length, 1, 'exactly one compaction item')
  const [item] = found
  assert.ok(isObject(item) && typeof item.encrypted_content === 'string' && item.encrypted_content !== '')
  return item
}

/** Nothing of the summary is readable where a client sees it. */
const assertSealed = (text: string): void => {
  assert.ok(!text.includes('Elbe, of oak'), text)
  assert.ok(!text.includes(Buffer.from(SUMMARY).toString('base64url').slice(4, 30)))
}

const compacted: Readonly<
  Record<
    'endpoint' | 'whole' | 'streamed',
    (theatre: Theatre, group: string) => Promise<{ item: JsonObject; how: string }>
  >
> = {
  endpoint: async ({ ask }, group) => {
    const reply = await ask('/v1/responses/compact', {
      model: group,
      input: HISTORY,
      instructions: 'Be exact.',
    })
    assert.equal(reply.status, 200, reply.text)
    const answer = reply.json()
    assert.equal(answer.object, 'response.compaction')
    const output = answer.output as readonly JsonObject[]
    assert.deepEqual(
      output.slice(0, -1).map(one => [one.role, JSON.stringify(one.content)]),
      ['Build me a bridge of oak.', 'Go on.'].map(text => [
        'user',
        JSON.stringify([{ type: 'input_text', text }]),
      ]),
    )
    const usage = answer.usage as JsonObject
    for (const key of ['input_tokens', 'output_tokens', 'total_tokens'])
      assert.ok(Number.isInteger(usage[key]), key)
    assertSealed(reply.text)
    return { item: itemOf(output), how: reply.headers['x-understudy-compaction'] ?? '' }
  },
  whole: async ({ ask }, group) => {
    const reply = await ask('/v1/responses', {
      model: group,
      input: [...HISTORY, TRIGGER],
      store: false,
      tools: [],
    })
    assert.equal(reply.status, 200, reply.text)
    const answer = reply.json()
    assert.deepEqual(
      [answer.object, answer.status, (answer.output as readonly Json[]).length],
      ['response', 'completed', 1],
    )
    assertSealed(reply.text)
    return { item: itemOf(answer.output), how: reply.headers['x-understudy-compaction'] ?? '' }
  },
  streamed: async ({ ask }, group) => {
    const reply = await ask('/v1/responses', {
      model: group,
      input: [...HISTORY, TRIGGER],
      stream: true,
      store: false,
    })
    assert.equal(reply.status, 200, reply.text)
    const events = reply.text
      .split('\n\n')
      .filter(block => block !== '')
      .map(block => JSON.parse(block.slice(block.indexOf('data: ') + 6)) as JsonObject)
    assert.deepEqual(
      events.map(event => event.type),
      [
        'response.created',
        'response.in_progress',
        'response.output_item.added',
        'response.output_item.done',
        'response.completed',
      ],
    )
    assert.deepEqual(
      events.map(event => event.sequence_number),
      [0, 1, 2, 3, 4],
    )
    const response = events[4]?.response as JsonObject | undefined
    const item = itemOf([events[3]?.item ?? null])
    assert.deepEqual(itemOf(response?.output), item)
    assertSealed(reply.text)
    return { item, how: reply.headers['x-understudy-compaction'] ?? '' }
  },
}
const WIRES = Object.keys(compacted) as readonly (keyof typeof compacted)[]

test('every kind of deployment serves either wire, streamed or not, and the header says how', async t => {
  const theatre = await started(t)
  for (const kind of KINDS) {
    for (const wire of WIRES) {
      const { how } = await compacted[wire](theatre, kind)
      assert.equal(how, `${HOW[kind][wire === 'endpoint' ? 0 : 1]}; target=${kind}`, `${kind} by ${wire}`)
    }
    assert.equal(requestsOf(theatre, kind).length, WIRES.length, 'one call each')
  }
})

test('what is compacted on one provider goes on with any other, which reads the summary and never the capsule', async t => {
  const theatre = await started(t)
  for (const wire of WIRES) {
    const { item } = await compacted[wire](theatre, 'chat')
    for (const kind of KINDS) {
      const reply = await theatre.ask('/v1/responses', { model: kind, input: [item, user('Go on.')] })
      assert.equal(reply.status, 200, reply.text)
      const { text } = sentTo(theatre, kind)
      assert.ok(text.includes(SUMMARY), text)
      assert.ok(!text.includes('gwc1.') && !text.includes('compaction'), text)
    }
    const again = await theatre.ask('/v1/responses/compact', {
      model: 'responses',
      input: [item, user('Go on.')],
    })
    assert.equal(again.status, 200, again.text)
    assert.ok(sentTo(theatre, 'responses').text.includes(SUMMARY), 'a summary is summarised on')
  }
})

test('a summary is asked for in words: no tools, no thoughts, calls and results together', async t => {
  const theatre = await started(t)
  await compacted.endpoint(theatre, 'chat')
  const { path, body } = sentTo(theatre, 'chat')
  assert.equal(path, '/v1/chat/completions')
  assert.equal(body.tools, undefined)
  const messages = body.messages as readonly JsonObject[]
  assert.deepEqual(
    messages.slice(0, -1).map(({ role, content }) => [role, content]),
    [
      ['system', 'Be exact.'],
      ['system', 'You build bridges.'],
      ['user', 'Build me a bridge of oak.'],
      ['assistant', '[call call_1] measure: {"river":"Elbe"}'],
      ['user', '[result of call_1] It is 300 m wide.'],
      ['user', 'Go on.'],
    ],
  )
  assert.match(String(messages.at(-1)?.content), /Write the summary only/)
})

test('what a model called for does not run into what it said', async t => {
  const theatre = await started(t)
  const call = (id: string): JsonObject => ({ type: 'custom_tool_call', call_id: id, name: 'saw', input: id })
  const said = { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Sawing.' }] }
  const reply = await theatre.ask('/v1/responses/compact', {
    model: 'chat',
    input: [user('Saw.'), call('call_1'), call('call_2'), said],
  })
  assert.equal(reply.status, 200, reply.text)
  const messages = sentTo(theatre, 'chat').body.messages as readonly JsonObject[]
  assert.equal(messages[1]?.content, '[call call_1] saw: call_1\n\n[call call_2] saw: call_2\n\nSawing.')
})

test('the official client takes both answers for what they are', async t => {
  const theatre = await started(t)
  const client = clientOf(theatre)
  for (const kind of KINDS) {
    const document = await client.responses.compact({ model: kind as 'gpt-4.1', input: HISTORY as never })
    assert.equal(document.object, 'response.compaction')
    assert.equal(document.output.at(-1)?.type, 'compaction')
    const input = [...HISTORY, TRIGGER] as never
    const response = await client.responses.create({ model: kind, input, store: false })
    assert.deepEqual(
      response.output.map(item => item.type),
      ['compaction'],
    )
    const done: string[] = []
    const stream = client.responses.stream({ model: kind, input, store: false })
    stream.on('event', event => {
      if (event.type === 'response.output_item.done') done.push(event.item.type)
    })
    const final = await stream.finalResponse()
    assert.deepEqual([done, final.output.map(item => item.type)], [['compaction'], ['compaction']], kind)
    const next = await client.responses.create({
      model: kind,
      input: [...document.output, { role: 'user', content: 'Go on.' }] as never,
    })
    assert.equal(next.status, 'completed', kind)
  }
})

/** A turn as Codex sends it, with everything that it puts into its bodies. */
const codexTurn = (group: string, item: JsonObject = {}): JsonObject => ({
  model: group,
  stream: true,
  instructions: 'You are a coding agent.',
  input: [
    {
      type: 'message',
      id: 'msg_1',
      role: 'user',
      content: [{ type: 'input_text', text: 'Fix it.' }],
      ...item,
    },
    { type: 'reasoning', id: 'rs_1', summary: [], content: null, encrypted_content: 'gAAAAfromElsewhere' },
    {
      type: 'function_call',
      id: 'fc_1',
      call_id: 'call_1',
      name: 'shell',
      arguments: '{"cmd":"ls"}',
      status: 'completed',
    },
    { type: 'function_call_output', id: 'fco_1', call_id: 'call_1', output: 'README.md' },
    { type: 'web_search_call', id: 'ws_1', status: 'completed', action: { type: 'search', query: 'oak' } },
    TRIGGER,
  ],
  tools: [
    {
      type: 'function',
      name: 'shell',
      description: 'Runs it.',
      strict: false,
      parameters: { type: 'object', properties: {} },
    },
    { type: 'namespace', name: 'agents', description: 'Others.', tools: [] },
    { type: 'web_search', external_web_access: false },
    { type: 'custom', name: 'apply_patch', description: 'Patches.', format: { type: 'text' } },
  ],
  tool_choice: 'auto',
  parallel_tool_calls: true,
  reasoning: { effort: 'medium', summary: 'auto' },
  store: false,
  include: ['reasoning.encrypted_content'],
  prompt_cache_key: 'thread-1',
  text: { verbosity: 'low' },
  client_metadata: { installation: 'x' },
})

test('a turn of Codex is compacted by every provider that is asked in words, with exactly one item', async t => {
  const theatre = await started(t)
  const passthrough = { internal_chat_message_metadata_passthrough: { turn: '1' } }
  for (const kind of ['responses', 'chat', 'claude', 'bedrock'] as const) {
    const reply = await theatre.ask('/v1/responses', codexTurn(kind, passthrough))
    assert.equal(reply.status, 200, `${kind}: ${reply.text}`)
    assert.equal(reply.text.match(/^event: response.output_item.done$/gm)?.length, 1)
    assert.match(reply.text, /"total_tokens":[1-9]/)
    const { text } = sentTo(theatre, kind)
    for (const words of ['Fix it.', 'README.md', 'oak', 'You are a coding agent.'])
      assert.ok(text.includes(words), words)
    for (const word of [
      'gAAAAfromElsewhere',
      'client_metadata',
      'passthrough',
      'compaction_trigger',
      'external_web',
    ])
      assert.ok(!text.includes(word), `${kind} got ${word}`)
  }
})
