import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import { requestLogPath } from '../src/record/log.ts'
import type { Stage } from '../src/stage/stage.ts'
import { isObject, type Json, type JsonObject } from '../src/wire/json.ts'
import { deployment, type Play, play, type Reply } from './support/harness.ts'
import { always } from './support/proofs.ts'
import { type Puppet, startPuppet } from './support/puppet.ts'
import { steady } from './support/steady.ts'

const SUMMARY = 'They want a bridge over the Elbe.'
const HISTORY: readonly JsonObject[] = [{ role: 'user', content: 'Build me a bridge.' }]
const TRIGGER: JsonObject = { type: 'compaction_trigger' }

const STAGES = { lead: {}, backup: { says: SUMMARY }, summariser: { says: SUMMARY } }
type Theatre = Play<typeof STAGES>

const started = (t: TestContext, router: JsonObject, more: readonly JsonObject[] = []): Promise<Theatre> =>
  play(t, {
    stages: STAGES,
    start: steady().start,
    config: ({ lead, backup, summariser }) => ({
      model_list: [
        deployment('lead', lead, 'gpt-4.1'),
        deployment('backup', backup, 'gpt-4.1', { model: 'groq/gpt-4.1' }),
        deployment('summariser', summariser, 'gpt-4.1'),
        ...more,
      ],
      router_settings: { num_retries: 0, disable_cooldowns: true, ...router },
    }),
  })

/** The three forms in which a client asks for it. */
const FORMS = ['endpoint', 'whole', 'streamed'] as const
type Form = (typeof FORMS)[number]

const askFor = ({ ask }: Pick<Theatre, 'ask'>, form: Form, more: JsonObject = {}): Promise<Reply> =>
  form === 'endpoint'
    ? ask('/v1/responses/compact', { model: 'lead', input: HISTORY, ...more })
    : ask('/v1/responses', {
        model: 'lead',
        input: [...HISTORY, TRIGGER],
        store: false,
        ...(form === 'streamed' ? { stream: true } : {}),
        ...more,
      })

const assertCompacted = (reply: Reply, how: string): void => {
  assert.equal(reply.status, 200, reply.text)
  assert.equal(reply.headers['x-understudy-compaction'], how)
  const items = reply.text.match(/"type":"response.output_item.done"/g)?.length
  assert.ok(items === undefined || items === 1, reply.text)
  assert.match(reply.text, /"type":"compaction"/)
  assert.ok(!reply.text.includes(SUMMARY))
}

const down = (stage: Stage, status = 503): void => stage.script(always({ kind: 'status', status }))

test('a native deployment that is out is stood in for by one that has never heard of compaction', async t => {
  const theatre = await started(t, { fallbacks: [{ lead: ['backup'] }] })
  down(theatre.stages.lead)
  for (const form of FORMS) {
    const reply = await askFor(theatre, form)
    assertCompacted(reply, 'emulated; target=backup')
    assert.equal(reply.headers['x-litellm-attempted-fallbacks'], '1')
  }
  assert.deepEqual(
    theatre.stages.backup.requests.map(hit => hit.path),
    FORMS.map(() => '/v1/chat/completions'),
  )
})

test('compaction_model is asked after everybody else, and for a summary whatever it could do itself', async t => {
  const theatre = await started(t, { fallbacks: [{ lead: ['backup'] }], compaction_model: 'summariser' })
  for (const form of FORMS) assertCompacted(await askFor(theatre, form), 'native; target=lead')
  down(theatre.stages.lead)
  for (const form of FORMS) assertCompacted(await askFor(theatre, form), 'emulated; target=backup')
  down(theatre.stages.backup)
  for (const form of FORMS) assertCompacted(await askFor(theatre, form), 'emulated; target=summariser')
  const paths = theatre.stages.summariser.requests.map(hit => hit.path)
  assert.deepEqual(
    paths,
    FORMS.map(() => '/v1/responses'),
    'asked in words, not for its own compaction',
  )
  const plain = await theatre.ask('/v1/responses', { model: 'lead', input: HISTORY })
  assert.equal(plain.status, 503, 'it answers nothing but compactions')
})

test('a group of its own for each group, and none for the others', async t => {
  const theatre = await started(t, { compaction_model: { lead: 'summariser' } })
  down(theatre.stages.lead)
  down(theatre.stages.backup)
  assertCompacted(await askFor(theatre, 'endpoint'), 'emulated; target=summariser')
  assert.equal((await askFor(theatre, 'endpoint', { model: 'backup' })).status, 503)
})

test('a group may summarise for itself where its own compaction is broken', async t => {
  const theatre = await started(t, { compaction_model: 'lead' })
  const { lead } = theatre.stages
  lead.script(always({ kind: 'status', status: 500 }), { path: /compact$/ })
  const reply = await askFor(theatre, 'endpoint')
  assertCompactedBySelf(reply, lead)
})

const assertCompactedBySelf = (reply: Reply, lead: Stage): void => {
  assert.equal(reply.status, 200, reply.text)
  assert.equal(reply.headers['x-understudy-compaction'], 'emulated; target=lead')
  assert.deepEqual(
    lead.requests.map(hit => hit.path),
    ['/v1/responses/compact', '/v1/responses'],
  )
}

test('fallbacks that the client has switched off stay off', async t => {
  const theatre = await started(t, { compaction_model: 'summariser' })
  down(theatre.stages.lead)
  assert.equal((await askFor(theatre, 'endpoint', { disable_fallbacks: true })).status, 503)
  assert.equal(theatre.stages.summariser.requests.length, 0)
})

test('within a group who compacts natively goes first, and the others stand by', async t => {
  const theatre = await play(t, {
    stages: STAGES,
    config: ({ lead, backup }) => ({
      model_list: [
        deployment('lead', backup, 'gpt-4.1', { model: 'groq/gpt-4.1' }),
        deployment('lead', lead, 'gpt-4.1'),
      ],
      router_settings: { num_retries: 1, disable_cooldowns: true },
    }),
  })
  for (let n = 0; n < 8; n++) assertCompacted(await askFor(theatre, 'endpoint'), 'native; target=lead')
  down(theatre.stages.lead)
  for (const form of FORMS) assertCompacted(await askFor(theatre, form), 'emulated; target=lead')
})

/** A provider on strings in front, and a stage behind it. */
const withPuppet = async (
  t: TestContext,
  info: JsonObject = {},
  model = 'openai/gpt-4.1',
): Promise<Theatre & { puppet: Puppet }> => {
  const puppet = await startPuppet(t)
  const theatre = await play(t, {
    stages: STAGES,
    config: ({ backup }) => ({
      model_list: [
        {
          model_name: 'lead',
          litellm_params: { model, api_base: puppet.baseUrl, api_key: 'sk-x' },
          model_info: info,
        },
        deployment('backup', backup, 'gpt-4.1', { model: 'groq/gpt-4.1' }),
      ],
      router_settings: { num_retries: 0, disable_cooldowns: true, fallbacks: [{ lead: ['backup'] }] },
    }),
  })
  return { ...theatre, puppet }
}

const completion = (message: JsonObject, finish = 'stop'): string =>
  JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices: [{ index: 0, message: { role: 'assistant', content: null, ...message }, finish_reason: finish }],
    usage: { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 },
  })

test('a summary without a word, and a refusal to write one, lead on to the next', async t => {
  const theatre = await withPuppet(t, {}, 'groq/gpt-4.1')
  for (const message of [{ content: '' }, { content: '  \n' }, { refusal: 'I will not.' }]) {
    const reply = askFor(theatre, 'endpoint')
    const call = await theatre.puppet.next()
    call.head({ 'content-type': 'application/json' })
    call.end(completion(message))
    assertCompacted(await reply, 'emulated; target=backup')
  }
})

const chunk = (delta: JsonObject, finish: string | null = null): string =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`

test('a summary that breaks off half-way has reached nobody: the next one is whole', async t => {
  const theatre = await withPuppet(t, {}, 'groq/gpt-4.1')
  for (const end of [
    '',
    chunk({ refusal: 'No.' }, 'stop'),
    'data: {"error":{"message":"Busy.","type":"server_error"}}\n\n',
  ]) {
    const reply = askFor(theatre, 'streamed')
    const call = await theatre.puppet.next()
    call.events()
    await call.write(chunk({ role: 'assistant', content: 'They want' }))
    await call.write(chunk({ content: ' a bridge' }))
    if (end === '') call.reset()
    else call.end(`${end}data: [DONE]\n\n`)
    assertCompacted(await reply, 'emulated; target=backup')
  }
})

test('who answers a trigger as if it were a message has not compacted, whole or streamed', async t => {
  const theatre = await withPuppet(t)
  const message = {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    status: 'completed',
    content: [{ type: 'output_text', text: 'Hello!', annotations: [] }],
  }
  const response = {
    id: 'resp_1',
    object: 'response',
    status: 'completed',
    output: [message],
    usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 },
  }
  const whole = askFor(theatre, 'whole')
  const first = await theatre.puppet.next()
  first.head({ 'content-type': 'application/json' })
  first.end(JSON.stringify(response))
  assertCompacted(await whole, 'emulated; target=backup')
  const streamed = askFor(theatre, 'streamed')
  const second = await theatre.puppet.next()
  second.events()
  const events: readonly JsonObject[] = [
    { type: 'response.created', response: { ...response, status: 'in_progress', output: [] } },
    { type: 'response.output_item.added', output_index: 0, item: { ...message, content: [] } },
    {
      type: 'response.output_text.delta',
      output_index: 0,
      content_index: 0,
      item_id: 'msg_1',
      delta: 'Hello!',
    },
    { type: 'response.output_item.done', output_index: 0, item: message },
    { type: 'response.completed', response },
  ]
  for (const event of events) await second.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
  second.end()
  assertCompacted(await streamed, 'emulated; target=backup')
})

const logged = async ({ dataDir }: Theatre): Promise<readonly JsonObject[]> => {
  const text = await readFile(requestLogPath(dataDir), 'utf8')
  return text
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Json)
    .filter(isObject)
}

test('usage, cost and the trail tell of a summary as of any call', async t => {
  const theatre = await started(t, { fallbacks: [{ lead: ['backup'] }] })
  down(theatre.stages.lead)
  for (const form of FORMS) {
    const reply = await askFor(theatre, form)
    const usage = /"usage":(\{"input_tokens".*?\}\s*,"output_tokens".*?"total_tokens":\d+\})/.exec(
      reply.text,
    )?.[1]
    const told = JSON.parse(usage ?? '{}') as JsonObject
    assert.ok(Number(told.input_tokens) > 100 && Number(told.output_tokens) > 0, reply.text)
  }
  await theatre.close()
  const lines = await logged(theatre)
  assert.equal(lines.length, FORMS.length)
  for (const line of lines) {
    const steps = line.steps as readonly JsonObject[]
    assert.deepEqual(
      steps.map(step => step.compaction),
      ['native', 'emulated'],
    )
    assert.ok(isObject(line.usage) && Number(line.usage.inputTokens) > 100)
    assert.ok(!JSON.stringify(line).includes('bridge'), 'the log holds no prompt')
  }
})

/** Two accounts of which the first is a server that lacks compaction, whatever its provider's name promises. */
const lacking = async (
  t: TestContext,
  router: JsonObject,
  script: (stage: Stage) => void,
): Promise<Theatre> => {
  const theatre = await started(t, router)
  script(theatre.stages.lead)
  return theatre
}

const noRoute = (stage: Stage, status = 404): void =>
  stage.script(always({ kind: 'status', status, body: { detail: 'Not Found' } }), { path: /compact$/ })

const pathsAt = (stage: Stage): readonly string[] => stage.requests.map(hit => hit.path.replace('/v1', ''))

for (const status of [404, 405, 501])
  test(`a server without the route (${status}) is asked by the other wire: as a retry, and from then on at once`, async t => {
    const theatre = await lacking(t, { num_retries: 1, fallbacks: [{ lead: ['backup'] }] }, stage =>
      noRoute(stage, status),
    )
    const { lead, backup } = theatre.stages
    const first = await askFor(theatre, 'endpoint')
    assertCompacted(first, 'native-other-wire; target=lead')
    assert.equal(first.headers['x-litellm-attempted-retries'], '1')
    assertCompacted(await askFor(theatre, 'endpoint'), 'native-other-wire; target=lead')
    assertCompacted(await askFor(theatre, 'streamed'), 'native; target=lead')
    assert.deepEqual(pathsAt(lead), ['/responses/compact', '/responses', '/responses', '/responses'])
    assert.equal(backup.requests.length, 0)
  })

test('without retries the fallback compacts, and the next call knows', async t => {
  const theatre = await lacking(t, { num_retries: 0, fallbacks: [{ lead: ['backup'] }] }, stage =>
    noRoute(stage),
  )
  assertCompacted(await askFor(theatre, 'endpoint'), 'emulated; target=backup')
  assertCompacted(await askFor(theatre, 'endpoint'), 'native-other-wire; target=lead')
  assert.deepEqual(pathsAt(theatre.stages.lead), ['/responses/compact', '/responses'])
})

test('a server that takes a trigger for a message is asked for a summary in the end', async t => {
  const puppet = await startPuppet(t)
  const message = (text: string): JsonObject => ({
    ...{ id: 'resp_1', object: 'response', created_at: 1, status: 'completed', error: null },
    output: [
      {
        ...{ type: 'message', id: 'msg_1', role: 'assistant', status: 'completed' },
        content: [{ type: 'output_text', text, annotations: [] }],
      },
    ],
    usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 },
  })
  const theatre = await started(t, { num_retries: 2 }, [
    {
      model_name: 'vllm',
      litellm_params: { model: 'openai/gpt-4.1', api_base: puppet.baseUrl, api_key: 'sk-x' },
    },
  ])
  const asked = askFor(theatre, 'endpoint', { model: 'vllm' })
  const first = await puppet.next()
  first.head({ 'content-type': 'application/json' }, 404)
  first.end('{"detail":"Not Found"}')
  const second = await puppet.next()
  assert.match(second.body.toString(), /compaction_trigger/)
  second.head({ 'content-type': 'application/json' })
  second.end(JSON.stringify(message('Hello!')))
  const third = await puppet.next()
  assert.ok(!third.body.toString().includes('compaction_trigger'))
  third.head({ 'content-type': 'application/json' })
  third.end(JSON.stringify(message(SUMMARY)))
  assertCompacted(await asked, 'emulated; target=vllm')
  const next = askFor(theatre, 'whole', { model: 'vllm' })
  const again = await puppet.next()
  assert.ok(!again.body.toString().includes('compaction_trigger'), 'it is known now')
  again.head({ 'content-type': 'application/json' })
  again.end(JSON.stringify(message(SUMMARY)))
  assertCompacted(await next, 'emulated; target=vllm')
})

test('what is broken for a moment teaches nothing, and nothing is learned where the operator does not want it', async t => {
  const theatre = await started(t, { num_retries: 0 })
  const { lead } = theatre.stages
  lead.script([{ kind: 'status', status: 503 }], { path: /compact$/ })
  assert.equal((await askFor(theatre, 'endpoint')).status, 503)
  assertCompacted(await askFor(theatre, 'endpoint'), 'native; target=lead')
  const stern = await lacking(t, { num_retries: 1, learn_unsupported_params: false }, stage => noRoute(stage))
  for (let time = 0; time < 2; time += 1) assert.equal((await askFor(stern, 'endpoint')).status, 404)
  assert.deepEqual(pathsAt(stern.stages.lead), ['/responses/compact', '/responses/compact'])
})

test('a document where a stream was wanted is read in its provider’s dialect, and not taken for ignorance of the trigger', async t => {
  const theatre = await withPuppet(t, {}, 'groq/gpt-4.1')
  const reply = askFor(theatre, 'streamed')
  const call = await theatre.puppet.next()
  call.head({ 'content-type': 'application/json' })
  call.end(completion({ content: 'They want a bridge.' }))
  assertCompacted(await reply, 'emulated; target=backup')
  await theatre.close()
  const [line = {}] = await logged(theatre)
  const outcomes = (line.steps as readonly JsonObject[]).map(step => step.outcome)
  assert.deepEqual(outcomes, ['transient', 'answered'])
})
