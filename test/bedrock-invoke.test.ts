import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import type Anthropic from '@anthropic-ai/sdk'
import { CANONICAL } from '../src/stage/lines.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { clientOf, failing, messages } from './anthropic-client.fixture.ts'
import { endingOf } from './support/answers.ts'
import { deploymentsOn, startBedrockStage } from './support/bedrock.ts'
import { deployment, MASTER_KEY, play } from './support/harness.ts'
import { steady } from './support/steady.ts'

/** Claude on Bedrock for clients of the Messages API: their own bytes through InvokeModel, signed, and back as events. */

const NEW = 'us.anthropic.claude-sonnet-4-5-20250929-v1:0'
const OLD = 'anthropic.claude-3-5-sonnet-20240620-v1:0'
const EPOCH = new Date(Date.UTC(2026, 0, 1))

const bedrock = await startBedrockStage({ now: () => EPOCH })
after(() => bedrock.close())

const onBedrock = deploymentsOn(bedrock)

const PREFILLS = { model_info: { supports_assistant_prefill: true } }

const house = await play(
  { after },
  {
    stages: { anthropic: { flavour: 'anthropic', models: ['*'] }, openai: { models: ['*'] } },
    start: steady().start,
    config: ({ anthropic, openai }) => ({
      model_list: [
        onBedrock('star', NEW),
        onBedrock('older', OLD),
        onBedrock('alone', NEW),
        { ...onBedrock('goes-on', NEW), ...PREFILLS },
        onBedrock('forced', `invoke/${NEW}`),
        onBedrock('converse', `converse/${NEW}`),
        onBedrock('hidden', 'invoke/arn:aws:bedrock:us-east-1:1:application-inference-profile/x', {}),
        deployment('from-anthropic', anthropic, 'claude-sonnet-4-5'),
        { ...deployment('second', anthropic, 'claude-haiku-4-5'), ...PREFILLS },
        deployment('from-openai', openai, 'gpt-4.1'),
      ],
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: [{ star: ['second'] }, { 'from-anthropic': ['goes-on'] }, { 'from-openai': ['forced'] }],
      },
    }),
  },
)
const client = clientOf(house)
const { anthropic, openai } = house.stages
let from = 0
beforeEach(() => {
  anthropic.clear()
  openai.clear()
  from = bedrock.requests.length
})

const ask = (more: Partial<Anthropic.MessageCreateParamsNonStreaming> = {}) => ({
  model: 'star',
  max_tokens: 64,
  messages: messages('What is your line?'),
  ...more,
})

const LINE: JsonObject = { max_tokens: 64, messages: messages('What is your line?') }

const textOf = ({ content }: Anthropic.Message): string =>
  content.map(block => (block.type === 'text' ? block.text : '')).join('')

const seen = () => bedrock.requests.slice(from)
/** Nothing was refused: no repair had to mend what was sent. */
const assertTaken = (): void =>
  assert.deepEqual(
    seen().flatMap(({ refused }) => refused ?? []),
    [],
  )
const last = () => {
  const request = bedrock.requests.at(-1)
  assert.ok(request)
  assert.equal(request.refused, undefined)
  return request
}

test('the client’s bytes go as they came, but for what the path says and the version', async () => {
  const body = `{"model":"alone", "max_tokens":64,"temperature":1.0,"stream":false,"metadata" : {"user_id":"u"},"messages":[{"role":"user","content":"Caf\\u00e9"}]}`
  const reply = await house.ask('/v1/messages', undefined, {
    body,
    headers: [
      ['authorization', `Bearer ${MASTER_KEY}`],
      ['content-type', 'application/json'],
    ],
  })
  assert.equal(reply.status, 200, reply.text)
  const { model, content, role } = reply.json()
  assert.deepEqual([model, role], ['alone', 'assistant'])
  assert.equal((content as JsonObject[])[0]?.text, CANONICAL)
  const request = last()
  assert.equal(
    new TextDecoder().decode(request.body),
    '{ "max_tokens":64,"temperature":1.0,"metadata" : {"user_id":"u"},"messages":[{"role":"user","content":"Caf\\u00e9"}],"anthropic_version":"bedrock-2023-05-31"}',
  )
  assert.equal(request.target, `/model/${encodeURIComponent(NEW)}/invoke`)
  assert.equal(reply.headers['x-litellm-model-group'], 'alone')
})

test('betas go from the header into the body, and those that Bedrock refuses stay behind', async () => {
  const edits = [{ type: 'clear_tool_uses_20250919' as const }]
  await client.beta.messages.create({
    ...ask(),
    context_management: { edits },
    betas: [
      'context-management-2025-06-27',
      'prompt-caching-scope-2026-01-05',
      'interleaved-thinking-2025-05-14',
    ],
  })
  const { anthropic_beta: betas, context_management: managed } = last().json as JsonObject
  assert.deepEqual(betas, ['context-management-2025-06-27', 'interleaved-thinking-2025-05-14'])
  assert.deepEqual(managed, { edits })
  // The older model knows neither, and what goes with them stays behind as well.
  await client.beta.messages.create({
    ...ask({ model: 'older' }),
    context_management: { edits },
    betas: ['context-management-2025-06-27', 'interleaved-thinking-2025-05-14'],
  })
  assert.deepEqual(last().json, {
    max_tokens: 64,
    messages: messages('What is your line?'),
    anthropic_version: 'bedrock-2023-05-31',
  })
  assertTaken()
})

test('marks lose what Bedrock does not know of them, and keys of Anthropic’s own service stay behind', async () => {
  const mark = { type: 'ephemeral', ttl: '1h', scope: 'global' } as Anthropic.CacheControlEphemeral
  const system = [{ type: 'text' as const, text: 'Be brief.', cache_control: mark }]
  const said = { model: 'star', system, speed: 'fast', service_tier: 'auto' as const }
  await client.messages.create(ask(said as never))
  const [first] = (last().json as { system: JsonObject[] }).system
  assert.deepEqual(first?.cache_control, { type: 'ephemeral', ttl: '1h' })
  await client.messages.create(ask({ ...said, model: 'older', output_config: { effort: 'low' } } as never))
  const sent = last().json as JsonObject
  assert.deepEqual((sent.system as JsonObject[])[0]?.cache_control, { type: 'ephemeral' })
  assert.deepEqual(Object.keys(sent).sort(), ['anthropic_version', 'max_tokens', 'messages', 'system'])
  assertTaken()
})

test('what only Anthropic can do is not asked of Bedrock: the next one is asked', async () => {
  const tools = [{ type: 'web_search_20250305' as const, name: 'web_search' as const }]
  const { model } = await client.messages.create(ask({ tools }))
  assert.deepEqual([model, seen().length], ['second', 0])
  const error = await failing(client.messages.create(ask({ model: 'alone', tools })))
  assert.match(error.message, /'web_search_20250305' is run by Anthropic/)
  const container = await failing(client.messages.create(ask({ model: 'alone', container: 'c' } as never)))
  assert.match(container.message, /'container' is known to Anthropic only/)
  assert.equal(seen().length, 0)
})

test('the helper hears every event of a stream, and none of Bedrock’s own counts', async () => {
  const heard: string[] = []
  const types: string[] = []
  const stream = client.messages.stream(ask({ model: 'alone' }))
  stream.on('text', delta => heard.push(delta))
  stream.on('streamEvent', event => {
    types.push(event.type)
    assert.doesNotMatch(JSON.stringify(event), /invocationMetrics/)
  })
  const message = await stream.finalMessage()
  assert.equal(heard.join(''), CANONICAL)
  assert.deepEqual([message.model, message.stop_reason], ['alone', 'end_turn'])
  assert.ok(message.usage.input_tokens > 0 && message.usage.output_tokens > 1)
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
  assert.match(last().target, /\/invoke-with-response-stream$/)
})

for (const streamed of [false, true])
  test(`thoughts, calls and results keep their signatures over turns, ${streamed ? 'streamed' : 'whole'}`, async () => {
    const question = {
      ...ask({ model: 'alone', max_tokens: 3000 }),
      thinking: { type: 'enabled' as const, budget_tokens: 1024 },
      tools: [{ name: 'look', input_schema: { type: 'object' as const, properties: {} } }],
    }
    const speak = (turns: Anthropic.MessageParam[]) =>
      streamed
        ? client.messages.stream({ ...question, messages: turns }).finalMessage()
        : client.messages.create({ ...question, messages: turns })
    const turns: Anthropic.MessageParam[] = messages('[stage:call look {"at": "left"}]')
    const { content, stop_reason: why } = await speak(turns)
    assert.equal(why, 'tool_use')
    assert.deepEqual(
      content.map(({ type }) => type),
      ['thinking', 'tool_use'],
    )
    const call = content.find(block => block.type === 'tool_use')
    assert.deepEqual(call?.input, { at: 'left' })
    const results = [{ type: 'tool_result' as const, tool_use_id: call?.id ?? '', content: 'a tree' }]
    const next = await speak([...turns, { role: 'assistant', content }, { role: 'user', content: results }])
    // The stage takes no signature but its own: it came back untouched.
    assert.equal(textOf(next), CANONICAL)
    last()
  })

test('tokens are counted by Bedrock, with the body of a whole call, and by the gateway where it cannot', async () => {
  const counting = (model: string) =>
    client.messages.countTokens({ model, messages: messages('What is your line?') })
  assert.ok((await counting('star')).input_tokens > 0)
  const request = last()
  assert.equal(request.target, `/model/${encodeURIComponent(NEW.slice('us.'.length))}/count-tokens`)
  const { input } = request.json as { input: { invokeModel: { body: string } } }
  assert.deepEqual(JSON.parse(Buffer.from(input.invokeModel.body, 'base64').toString()), {
    messages: messages('What is your line?'),
    anthropic_version: 'bedrock-2023-05-31',
    max_tokens: 1,
  })
  for (const model of ['converse', 'hidden']) assert.ok((await counting(model)).input_tokens > 0)
  assert.equal(seen().length, 1)
})

test('the operator chooses the API: Converse for this door, InvokeModel for any other', async () => {
  await client.messages.create(ask({ model: 'converse' }))
  assert.match(last().target, /\/converse$/)
  await client.messages.create(ask({ model: 'hidden' }))
  assert.match(last().target, /application-inference-profile%2Fx\/invoke$/)
  for (const stream of [false, true]) {
    const reply = await house.ask('/v1/chat/completions', {
      model: 'forced',
      stream,
      messages: [{ role: 'user', content: 'What is your line?' }],
    })
    assert.equal(reply.status, 200, reply.text)
    assert.match(reply.text, stream ? /understudy/ : /The understudy knows every line\./)
    assert.match(last().target, /\/invoke(?:-with-response-stream)?$/)
  }
})

type Cue = Parameters<typeof bedrock.script>[0]

const BEFORE: readonly Cue[] = [
  { kind: 'status', status: 429, type: 'ThrottlingException', message: 'Too many requests, please wait.' },
  { kind: 'status', status: 503, type: 'ServiceUnavailableException', message: 'Busy.' },
  { kind: 'exception', type: 'throttlingException', message: 'Too many tokens', after: 0 },
  { kind: 'exception', type: 'modelStreamErrorException', message: 'The model broke.', after: 0 },
  { kind: 'cut', after: 0 },
  { kind: 'short', after: 0 },
  { kind: 'corrupt', after: 0 },
]

test('whatever goes wrong before the first word leads to the next provider, unseen', async () => {
  for (const cue of BEFORE) {
    bedrock.script(cue)
    const message = await client.messages.stream(ask()).finalMessage()
    const what = JSON.stringify(cue)
    assert.deepEqual([textOf(message), message.model], [CANONICAL, 'second'], what)
  }
  for (const cue of BEFORE.filter(({ kind }) => kind === 'status' || kind === 'cut')) {
    bedrock.script(cue)
    assert.equal((await client.messages.create(ask())).model, 'second', JSON.stringify(cue))
  }
})

test('a stream that breaks after its first words ends with an error event, and never as if it were whole', async () => {
  for (const cue of [
    { kind: 'exception', type: 'modelStreamErrorException', message: 'The model broke.', after: 2 },
    { kind: 'exception', type: 'throttlingException', message: 'Too many tokens', after: 2 },
    { kind: 'cut', after: 2 },
    { kind: 'short', after: 2 },
    { kind: 'corrupt', after: 2 },
  ] as const) {
    bedrock.script(cue)
    const reply = await house.ask('/v1/messages', { ...LINE, model: 'alone', stream: true })
    assert.deepEqual(endingOf(reply.text), { starts: 1, successes: 0, errors: 1, stops: 0 }, reply.text)
    assert.match(reply.text, /event: error\ndata: \{"type":"error","error":\{"type":"\w+","message":/)
    if (cue.kind === 'exception') assert.ok(reply.text.includes(cue.message), reply.text)
    const heard = [...reply.text.matchAll(/"text_delta","text":"([^"]*)"/g)].map(([, text]) => text)
    assert.equal(heard.join(''), 'The understudy', JSON.stringify(cue))
  }
})

test('a stream that broke elsewhere is gone on with by Claude on Bedrock, in the same message', async () => {
  anthropic.script([{ kind: 'cut', how: 'fin', afterContent: 2 }])
  const message = await client.messages.stream(ask({ model: 'from-anthropic' })).finalMessage()
  assert.equal(textOf(message), CANONICAL)
  const { messages: turns } = last().json as { messages: JsonObject[] }
  assert.deepEqual(turns.at(-1), { role: 'assistant', content: 'The understudy' })
})

test('a stream that broke on Bedrock is gone on with at Anthropic', async () => {
  bedrock.script({ kind: 'exception', type: 'modelStreamErrorException', message: 'It broke.', after: 2 })
  const message = await client.messages.stream(ask()).finalMessage()
  assert.deepEqual([textOf(message), message.model], [CANONICAL, 'star'])
  const turns = (anthropic.requests.at(-1)?.json as { messages: JsonObject[] } | undefined)?.messages
  assert.deepEqual(turns?.at(-1), { role: 'assistant', content: 'The understudy' })
})

test('a chat client whose provider is out is answered by InvokeModel where that is chosen', async () => {
  openai.script([{ kind: 'status', status: 503 }])
  const reply = await house.ask('/v1/chat/completions', {
    model: 'from-openai',
    messages: [{ role: 'user', content: 'What is your line?' }],
  })
  assert.match(reply.text, /The understudy knows every line\./)
  assert.equal(seen().length, 1)
})

test('a key that nobody knows goes along, and is left out once Bedrock has refused it by name', async () => {
  const params = ask({ model: 'alone', novelty: true } as never)
  assert.equal(textOf(await client.messages.create(params)), CANONICAL)
  assert.deepEqual(
    seen().map(({ refused }) => refused),
    ['ValidationException', undefined],
  )
  assert.equal('novelty' in (last().json as JsonObject), false)
})
