import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Fault } from '../src/stage/faults.ts'
import { closedPort, type Stage } from '../src/stage/stage.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { endingOf } from './support/answers.ts'
import { type BedrockStage, startBedrockStage } from './support/bedrock.ts'
import { assertNothingRefused } from './support/canary.ts'
import { errorOf, openHall, tracesOf } from './support/hall.ts'
import { deployment } from './support/harness.ts'
import { requestFor, routeNamed } from './support/requests.ts'
import { asked, chat, failing, response } from './support/steady.ts'
import { formOf, STREAM_KINDS } from './support/stream-kinds.ts'

/** Failover that one endpoint had and another lacked. Each number has its row in docs/museum.md. */

const CHAT = '/v1/chat/completions'
const any = { models: ['*'] } as const
const named = (group: string, stage: Stage, model: string, more: JsonObject = {}) => ({
  ...deployment(group, stage, model, more),
  model_info: { id: model },
})
const event = (error: JsonObject, afterContent: number): Fault => ({
  kind: 'error-event',
  error,
  afterContent,
})

test('M-016 a stream whose fallback fails before its content too is an HTTP error; with one that answers it has one start', async t => {
  const hall = await openHall(t, {
    stages: { lead: {}, backup: {} },
    config: ({ lead, backup }) => ({
      model_list: STREAM_KINDS.flatMap(({ name, model }) => [
        deployment(name, lead, model),
        deployment(`spare-${name}`, backup, model),
      ]),
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: STREAM_KINDS.map(({ name }) => ({ [name]: [`spare-${name}`] })),
      },
    }),
  })
  const { lead, backup } = hall.stages
  const overloaded = { message: 'Overloaded', type: 'overloaded_error', code: null }
  for (const kind of STREAM_KINDS) {
    const { path, headers, body } = kind.request(kind.name)
    const ask = () =>
      hall.ask(path, undefined, {
        method: 'POST',
        body,
        headers: [['authorization', `Bearer ${hall.key}`], ...headers],
      })
    lead.script([event(overloaded, 0), event(overloaded, 0)])
    backup.script([{ kind: 'status', status: 529 }])
    const failed = await ask()
    assert.equal(failed.status, 503, `${kind.name}: ${failed.text}`)
    assert.equal(failed.headers['content-type'], 'application/json')
    assert.match(String(errorOf(failed).message), /Overloaded/)
    assert.equal(failed.headers['x-litellm-attempted-fallbacks'], '1')
    const served = await ask()
    assert.equal(served.status, 200, kind.name)
    const { starts, errors, successes } = endingOf(served.text)
    assert.deepEqual([errors, successes], [0, 1])
    if (kind.name === 'chat' || kind.name === 'responses') assert.equal(starts, 1, kind.name)
  }
})

test('M-017 an error inside a 200 keeps its meaning: the client, the rest of the deployment and the record say rate limit', async t => {
  const hall = await openHall(t, {
    stages: { stage: any },
    config: ({ stage }) => ({
      model_list: [
        named('early', stage, 'e1', { order: 1 }),
        named('early', stage, 'e2', { order: 2 }),
        named('late', stage, 'l1', { order: 1 }),
        named('late', stage, 'l2', { order: 2 }),
      ],
      router_settings: { num_retries: 0, cooldown_time: 60 },
    }),
  })
  const { stage } = hall.stages
  const limit = { message: 'Slow down.', type: 'rate_limit_error', code: 'rate_limit_exceeded' }
  for (const model of ['e1', 'e2']) stage.script([event(limit, 0)], { model })
  const early = await hall.ask('/v1/responses', response('early', { stream: true }))
  assert.equal(early.status, 429)
  assert.equal(errorOf(early).type, 'throttling_error')
  // Whoever goes on with it is limited too, so that the client hears of it.
  for (const model of ['l1', 'l2']) stage.script([event(limit, 2)], { model })
  const late = await hall.ask(CHAT, chat('late', { stream: true, disable_fallbacks: true }))
  assert.equal(late.status, 200)
  assert.deepEqual([endingOf(late.text).errors, endingOf(late.text).successes], [1, 0])
  for (const id of ['e1', 'e2', 'l1']) assert.ok(hall.resting().includes(id), id)
  const [first, second] = await hall.recorded(2)
  assert.deepEqual(tracesOf(first), [
    ['e1', 'rate_limit'],
    ['e2', 'rate_limit'],
  ])
  assert.deepEqual(tracesOf(second)[0], ['l1', 'rate_limit'])
  for (const record of [first, second]) assert.equal(record?.error?.status, 429)
})

test('M-019 the fallback of an embedding is asked for embeddings only, and at once', async t => {
  const port = await closedPort()
  const hall = await openHall(t, {
    stages: { backup: {} },
    config: ({ backup }) => ({
      model_list: [
        deployment('vectors', backup, 'text-embedding-3-small', { api_base: `http://127.0.0.1:${port}/v1` }),
        deployment('second', backup, 'text-embedding-3-small'),
      ],
      router_settings: { num_retries: 1, fallbacks: [{ vectors: ['second'] }] },
    }),
  })
  const started = performance.now()
  for (const more of [{}, { mock_testing_fallbacks: true }]) {
    const reply = await hall.ask('/v1/embeddings', { model: 'vectors', input: 'x', ...more })
    assert.equal(reply.status, 200, reply.text)
  }
  assert.ok(performance.now() - started < 3000)
  const { requests } = hall.stages.backup
  assert.deepEqual(
    requests.map(hit => hit.target),
    ['/v1/embeddings', '/v1/embeddings'],
  )
  assertNothingRefused(requests)
})

test('M-022 image edits and variations fall back, from a group of its own and from a wildcard', async t => {
  const hall = await openHall(t, {
    stages: { lead: {}, backup: {} },
    config: ({ lead, backup }) => ({
      model_list: [
        deployment('painter', lead, 'gpt-image-1'),
        deployment('openai/*', lead, '*'),
        deployment('second', backup, 'gpt-image-1'),
        deployment('spare/*', backup, '*'),
      ],
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: [{ painter: ['second'] }, { 'openai/*': ['spare/gpt-image-1'] }],
      },
    }),
  })
  const { lead, backup } = hall.stages
  failing(lead, 'gpt-image-1', 500)
  for (const name of ['images.edits', 'images.variations'])
    for (const group of ['painter', 'openai/gpt-image-1']) {
      const request = requestFor(routeNamed(name), { group })
      const reply = await hall.ask(request.path, undefined, {
        ...request,
        headers: [['authorization', `Bearer ${hall.key}`], ...request.headers],
      })
      assert.equal(reply.status, 200, `${name} of ${group}: ${reply.text}`)
      assert.equal(reply.headers['x-litellm-attempted-fallbacks'], '1')
    }
  assert.deepEqual([lead.requests.length, backup.requests.length], [4, 4])
  assertNothingRefused(backup.requests)
})

test('M-025 M-026 a batch and a file stay with the account they were meant for: its error is the answer, nobody else is asked', async t => {
  const hall = await openHall(t, {
    stages: { lead: {}, backup: { flavour: 'azure', models: ['*'] } },
    config: ({ lead, backup }) => ({
      model_list: [deployment('star', lead, 'gpt-4.1'), deployment('second', backup, 'prod')],
      router_settings: { num_retries: 1, fallbacks: [{ star: ['second'] }], default_fallbacks: ['second'] },
    }),
  })
  const { lead, backup } = hall.stages
  const wrong = {
    message: "Invalid value: '5m'. Supported values are: '24h'.",
    type: 'invalid_request_error',
    param: 'completion_window',
    code: 'invalid_value',
  }
  lead.script([{ kind: 'status', status: 400, body: { error: wrong } }])
  const started = performance.now()
  const batch = await hall.ask('/v1/batches', {
    model: 'star',
    input_file_id: 'file-1',
    endpoint: '/v1/responses',
    completion_window: '5m',
  })
  assert.ok(performance.now() - started < 1000)
  assert.equal(batch.status, 400)
  assert.equal(errorOf(batch).param, 'completion_window')
  assert.match(String(errorOf(batch).message), /Supported values are: '24h'/)
  assert.equal(lead.requests.length, 1)
  const { type, bytes } = formOf([
    { name: 'target_model_names', value: 'star' },
    { name: 'purpose', value: 'batch' },
    { name: 'file', value: '{}\n', filename: 'a.jsonl', type: 'application/jsonl' },
  ])
  const upload = () =>
    hall.ask('/v1/files', undefined, {
      method: 'POST',
      body: bytes,
      headers: [
        ['authorization', `Bearer ${hall.key}`],
        ['content-type', type],
      ],
    })
  lead.clear()
  lead.script(Array.from({ length: 3 }, () => ({ kind: 'status' as const, status: 503 })))
  const file = await upload()
  assert.equal(file.status, 503)
  assert.equal(lead.requests.length, 2, 'a retry in its own group is fine')
  assert.equal((await upload()).status, 200)
  assert.equal(backup.requests.length, 0)
})

/** What a provider of each kind says before its first byte, and how it is made to say it. */
type Early = {
  readonly name: string
  readonly fault: Fault
  readonly bedrock?: (stage: BedrockStage) => void
}
const refusing = (status: number, type: string): Early => ({
  name: String(status),
  fault: { kind: 'status', status },
  bedrock: stage => stage.script({ kind: 'status', status, type, message: 'Not now.' }),
})
const EARLY: readonly Early[] = [
  refusing(401, 'UnrecognizedClientException'),
  refusing(429, 'ThrottlingException'),
  refusing(500, 'InternalServerException'),
  refusing(529, 'ModelNotReadyException'),
  {
    name: 'reset before the head',
    fault: { kind: 'reset', when: 'before-headers' },
    bedrock: stage => stage.script({ kind: 'cut', after: 0 }),
  },
  { name: 'silence before the head', fault: { kind: 'stall', when: 'before-headers' } },
]

const startBedrock = async (t: TestContext, now: () => Date): Promise<BedrockStage> => {
  const stage = await startBedrockStage({ now })
  t.after(() => stage.close())
  return stage
}

test('M-032 before the first byte a stream takes the way of the same call without one, at every kind of provider', async t => {
  const bedrock = await startBedrock(t, () => new Date(hall.served().house.clock.wall()))
  const hall = await openHall(t, {
    stages: {
      openai: any,
      azure: { flavour: 'azure', models: ['*'] },
      anthropic: { flavour: 'anthropic', models: ['*'] },
      gemini: { flavour: 'gemini', models: ['*'] },
      backup: any,
    },
    config: ({ openai, azure, anthropic, gemini, backup }) => ({
      model_list: [
        named('plain', openai, 'plain-model', { timeout: 0.2 }),
        named('blue', azure, 'blue-model', { timeout: 0.2 }),
        named('claude', anthropic, 'claude-sonnet-4-5', { timeout: 0.2 }),
        named('flash', gemini, 'gemini-2.5-flash', { timeout: 0.2 }),
        {
          model_name: 'signed',
          litellm_params: {
            model: 'bedrock/anthropic.claude-3-5-sonnet-20240620-v1:0',
            aws_bedrock_runtime_endpoint: bedrock.url,
            aws_region_name: 'us-east-1',
            aws_access_key_id: 'AKIASTAGE',
            aws_secret_access_key: 'stage-secret',
          },
          model_info: { id: 'signed-model' },
        },
        named('second', backup, 'backup-model'),
      ],
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: [{ '*': ['second'] }],
      },
    }),
  })
  const { openai, azure, anthropic, gemini } = hall.stages
  const kinds = { plain: openai, blue: azure, claude: anthropic, flash: gemini, signed: undefined }
  let calls = 0
  for (const { name, fault, bedrock: cue } of EARLY)
    for (const [group, stage] of Object.entries(kinds)) {
      if (group === 'signed' && cue === undefined) continue
      const traces = []
      for (const stream of [false, true]) {
        if (stage === undefined) cue?.(bedrock)
        else {
          stage.clear()
          // Twice: a request that meets the end of a kept connection may be sent once more without being counted.
          stage.script([fault, fault])
        }
        // A limit that one provider told must not be the next call's.
        hall.pass(3_600_000)
        const reply = await hall.ask(CHAT, chat(group, { stream }))
        assert.equal(reply.status, 200, `${name} at ${group}, stream ${stream}: ${reply.text}`)
        if (stream) assert.deepEqual([endingOf(reply.text).starts, endingOf(reply.text).errors], [1, 0])
        calls += 1
        traces.push(tracesOf((await hall.recorded(calls)).at(-1)))
      }
      assert.deepEqual(traces[1], traces[0], `${name} at ${group}`)
      assert.deepEqual(traces[0]?.[1], ['backup-model', 'answered'])
    }
})

test('M-034 a limit that the gateway keeps for a deployment leads to the fallback like the provider’s own', async t => {
  const hall = await openHall(t, {
    stages: { stage: any },
    config: ({ stage }) => ({
      model_list: [named('star', stage, 'm', { rpm: 1 }), named('second', stage, 'ok')],
      router_settings: {
        optional_pre_call_checks: ['enforce_model_rate_limits'],
        num_retries: 2,
        fallbacks: [{ star: ['second'] }],
      },
    }),
  })
  const { stage } = hall.stages
  for (const stream of [false, true, false])
    assert.equal((await hall.ask(CHAT, chat('star', { stream }))).status, 200)
  assert.deepEqual(asked(stage), ['m', 'ok', 'ok'])
  const alone = await hall.ask(CHAT, chat('star', { disable_fallbacks: true }))
  assert.equal(alone.status, 429)
  assert.match(String(errorOf(alone).message), /Model rate limit exceeded/)
  hall.pass(60_000)
  assert.equal((await hall.ask(CHAT, chat('star'))).status, 200)
  assert.equal(asked(stage).at(-1), 'm')
})
