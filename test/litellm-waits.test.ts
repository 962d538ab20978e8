import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { requestLogPath } from '../src/record/log.ts'
import type { RequestRecord } from '../src/record/trail.ts'
import type { Stage } from '../src/stage/stage.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { deployment, MASTER_KEY, play } from './support/harness.ts'
import { asked, chat, failing, message, response, steady } from './support/steady.ts'

/** When the next attempt is made: Retry-After, rate-limit domains, order levels. */

const stages = { stage: { models: ['*'] } }
const limited = (header: string, value: string) => ({
  kind: 'status' as const,
  status: 429,
  headers: { [header]: value },
  body: { error: { message: 'slow down', type: 'requests', param: null, code: 'rate_limit_exceeded' } },
})
/** Milliseconds between two requests at the stage. */
const gap = (stage: Stage, one: number, other: number): number =>
  (stage.requests[other]?.at ?? Number.NaN) - (stage.requests[one]?.at ?? Number.NaN)

test('M-044 a lone deployment is asked again when its Retry-After has passed, not before and not much later', async t => {
  const theatre = await play(t, {
    stages,
    start: steady().start,
    config: ({ stage }) => ({
      model_list: [deployment('star', stage, 'm')],
      router_settings: { num_retries: 2 },
    }),
  })
  const { stage } = theatre.stages
  for (const [header, value, least, stream] of [
    ['retry-after', '1', 1000, true],
    ['retry-after-ms', '300', 300, false],
  ] as const) {
    stage.clear()
    stage.script([limited(header, value)])
    const reply = await theatre.ask('/v1/chat/completions', chat('star', { stream }))
    assert.equal(reply.status, 200)
    assert.equal(stage.requests.length, 2)
    const waited = gap(stage, 0, 1)
    assert.ok(waited >= least - 2 && waited < least + 300, `${header}: ${value} waited ${waited} ms`)
    assert.equal(reply.headers['x-litellm-attempted-retries'], '1')
  }
})

test('M-040 deployments that share address, key and model share their limit: no sibling instantly repeats the 429', async t => {
  const theatre = await play(t, {
    stages,
    start: steady().start,
    config: ({ stage }) => ({
      model_list: [
        deployment('twins', stage, 'm', { rpm: 1 }),
        deployment('twins', stage, 'm', { rpm: 2 }),
        deployment('mixed', stage, 'm', { order: 1, rpm: 3 }),
        deployment('mixed', stage, 'm', { order: 1, rpm: 4 }),
        deployment('mixed', stage, 'other', { order: 1, rpm: 0 }),
      ],
      router_settings: { num_retries: 3 },
    }),
  })
  const { stage } = theatre.stages
  failing(stage, 'm', 429, { headers: { 'retry-after': '3' } })
  const reply = await theatre.ask('/v1/chat/completions', chat('twins'))
  assert.equal(reply.status, 429)
  assert.deepEqual(asked(stage), ['m'])
  assert.equal(reply.headers['retry-after'], '3')
})

test('M-040 another rate-limit domain is tried at once', async t => {
  const theatre = await play(t, {
    stages,
    start: steady().start,
    config: ({ stage }) => ({
      model_list: [
        deployment('mixed', stage, 'm', { weight: 1 }),
        deployment('mixed', stage, 'm', { weight: 1, rpm: 4 }),
        deployment('mixed', stage, 'other', { weight: 0 }),
      ],
      router_settings: { num_retries: 3 },
    }),
  })
  const { stage } = theatre.stages
  failing(stage, 'm', 429, { headers: { 'retry-after': '30' } })
  for (const stream of [false, true]) {
    assert.equal((await theatre.ask('/v1/chat/completions', chat('mixed', { stream }))).status, 200)
  }
  assert.deepEqual(asked(stage), ['m', 'other', 'other'])
  assert.ok(gap(stage, 0, 1) < 500)
})

test('M-172 a long Retry-After is not slept through while another group can be asked, however that group is named', async t => {
  const house = steady()
  const theatre = await play(t, {
    stages,
    start: house.start,
    config: ({ stage }) => ({
      model_list: [
        deployment('star', stage, 'm'),
        deployment('openai/*', stage, '*'),
        deployment('hop-1', stage, 'h1'),
        deployment('hop-2', stage, 'h2'),
        deployment('second', stage, 'ok'),
      ],
      router_settings: {
        num_retries: 2,
        model_group_alias: { nickname: 'star' },
        fallbacks: [{ star: ['second'] }, { 'openai/*': ['second'] }, { 'hop-1': ['hop-2', 'second'] }],
      },
    }),
  })
  const { stage } = theatre.stages
  for (const model of ['m', 'w', 'h2']) failing(stage, model, 429, { headers: { 'retry-after': '30' } })
  failing(stage, 'h1', 500)
  const started = performance.now()
  const serve = async (name: string, body: JsonObject, expected: readonly string[]) => {
    const before = stage.requests.length
    const reply = await theatre.ask('/v1/chat/completions', body)
    assert.equal(reply.status, 200, name)
    assert.deepEqual(asked(stage).slice(before), expected, name)
    // What was not slept and not sent was no retry.
    assert.equal(
      reply.headers['x-litellm-attempted-retries'],
      String(expected.length - 1 - Number(reply.headers['x-litellm-attempted-fallbacks'])),
      name,
    )
    // The next case finds nobody whom this one has made wait.
    house.pass(31_000)
  }
  await serve('group', chat('star'), ['m', 'ok'])
  await serve('alias', chat('nickname'), ['m', 'ok'])
  await serve('wildcard', chat('openai/w'), ['w', 'ok'])
  await serve('request list', chat('star', { fallbacks: ['second'] }), ['m', 'ok'])
  await serve('a later target of the list', chat('hop-1'), ['h1', 'h1', 'h1', 'h2', 'ok'])
  assert.ok(performance.now() - started < 5000)
})

test('a wait beyond a minute is told to the client at once, and to everybody who comes meanwhile', async t => {
  const theatre = await play(t, {
    stages,
    start: steady().start,
    config: ({ stage }) => ({
      model_list: [deployment('star', stage, 'm')],
      router_settings: { num_retries: 2 },
    }),
  })
  const { stage } = theatre.stages
  failing(stage, 'm', 429, { headers: { 'retry-after': '90' } })
  for (const [path, body] of [
    ['/v1/chat/completions', chat('star')],
    ['/v1/responses', response('star')],
  ] as const) {
    const reply = await theatre.ask(path, body)
    assert.equal(reply.status, 429)
    assert.equal(reply.headers['retry-after'], '90')
    assert.equal(reply.headers['x-litellm-attempted-retries'], '0')
    assert.equal(stage.requests.length, 1, 'nothing is sent before the time the provider named')
  }
})

for (const stream of [false, true])
  test(`M-068 order: the second level is for when the first is out, in the same request (stream ${stream})`, async t => {
    const theatre = await play(t, {
      stages,
      start: steady().start,
      config: ({ stage }) => ({
        model_list: [
          deployment('star', stage, 'd3', { order: 3 }),
          deployment('star', stage, 'd1', { order: 1 }),
          deployment('star', stage, 'd2', { order: 2 }),
        ],
        router_settings: { num_retries: 1, optional_pre_call_checks: ['prompt_caching', 'session_affinity'] },
      }),
    })
    const { stage } = theatre.stages
    const long = { messages: [{ role: 'user', content: 'word '.repeat(1500) }] }
    let turn = 0
    const ask = () => {
      turn += 1
      const more = { stream, litellm_session_id: 'act one', ...long }
      return turn % 2 === 0
        ? theatre.ask('/v1/messages', message('star', more))
        : theatre.ask('/v1/chat/completions', chat('star', more))
    }
    for (let round = 0; round < 8; round += 1) assert.equal((await ask()).status, 200)
    assert.deepEqual(new Set(asked(stage)), new Set(['d1']), 'both affinities now point at d1')
    stage.clear()
    failing(stage, 'd1', 429, { headers: { 'retry-after': '20' } })
    for (let round = 0; round < 8; round += 1) assert.equal((await ask()).status, 200)
    assert.deepEqual(asked(stage), ['d1', ...Array.from({ length: 8 }, () => 'd2')])
  })

test('order: each level has its own retries, and a refusal of the request itself does not walk down the levels', async t => {
  const theatre = await play(t, {
    stages,
    start: steady().start,
    config: ({ stage }) => ({
      model_list: [
        deployment('star', stage, 'd1', { order: 1 }),
        deployment('star', stage, 'd2', { order: 2 }),
      ],
      router_settings: { num_retries: 1, disable_cooldowns: true },
    }),
  })
  const { stage } = theatre.stages
  failing(stage, 'd1', 500)
  failing(stage, 'd2', 503)
  const reply = await theatre.ask('/v1/chat/completions', chat('star'))
  assert.deepEqual(asked(stage), ['d1', 'd1', 'd2', 'd2'])
  assert.equal(reply.headers['x-litellm-attempted-retries'], '2')
  for (const code of ['context_length_exceeded', 'content_policy_violation']) {
    stage.clear()
    failing(stage, 'd1', 400, { body: { error: { message: 'no', type: null, param: null, code } } })
    assert.equal((await theatre.ask('/v1/chat/completions', chat('star'))).status, 400)
    assert.deepEqual(asked(stage), ['d1'], code)
  }
  stage.clear()
  failing(stage, 'd1', 404, {
    body: { error: { message: 'gone', type: null, param: null, code: 'model_not_found' } },
  })
  assert.equal((await theatre.ask('/v1/chat/completions', chat('star'))).status, 200)
  assert.deepEqual(asked(stage), ['d1', 'd2'], 'a model retired at one provider is served by the next')
})

test('retry_after is the floor of the sleep at the same deployment; a sibling is asked without any', async t => {
  const theatre = await play(t, {
    stages,
    start: steady().start,
    config: ({ stage }) => ({
      model_list: [
        deployment('lone', stage, 'm'),
        deployment('pair', stage, 'p1', { weight: 1 }),
        deployment('pair', stage, 'p2', { weight: 0 }),
      ],
      router_settings: { num_retries: 1, retry_after: 0.2, disable_cooldowns: true },
    }),
  })
  const { stage } = theatre.stages
  for (const model of ['m', 'p1', 'p2']) failing(stage, model, 500)
  for (const group of ['lone', 'pair']) await theatre.ask('/v1/chat/completions', chat(group))
  assert.deepEqual(asked(stage), ['m', 'm', 'p1', 'p2'])
  assert.ok(gap(stage, 0, 1) >= 198)
  assert.ok(gap(stage, 2, 3) < 150)
})

test('the log tells the whole way: every attempt, its outcome, and why the next one followed', async t => {
  const house = steady()
  const theatre = await play(t, {
    stages,
    start: house.start,
    config: ({ stage }) => ({
      model_list: [
        deployment('star', stage, 'd1', { order: 1 }),
        deployment('star', stage, 'd2', { order: 2 }),
        deployment('second', stage, 'ok'),
      ],
      router_settings: { num_retries: 1, disable_cooldowns: true, fallbacks: [{ star: ['second'] }] },
    }),
  })
  const { stage } = theatre.stages
  // The connection that was kept is reset, and so is the fresh one that the request is sent on again: one failure.
  const reset = { kind: 'reset', when: 'before-headers' } as const
  stage.script([limited('retry-after-ms', '30'), reset, reset], { model: 'd1' })
  failing(stage, 'd2', 401)
  await theatre.ask('/v1/chat/completions', chat('star'))
  await house.served().house.journal.flush()
  const log = await readFile(requestLogPath(theatre.dataDir), 'utf8')
  const line = JSON.parse(log.trim()) as RequestRecord
  assert.deepEqual(
    line.steps.map(step => [
      step.group,
      step.model,
      step.outcome,
      step.status ?? 0,
      step.next.replace(/\d+ ms/, 'N ms'),
    ]),
    [
      ['star', 'openai/d1', 'rate_limit', 429, 'retry: rate_limit, N ms'],
      ['star', 'openai/d1', 'transport', 0, 'next order: transport'],
      ['star', 'openai/d2', 'credential', 401, 'fallback star → second: credential'],
      ['second', 'openai/ok', 'answered', 200, 'end'],
    ],
  )
  assert.deepEqual([line.retries, line.fallbacks, line.status, line.servedGroup], [1, 1, 200, 'second'])
  for (const text of [stage.key, 'Line, please.', MASTER_KEY]) assert.ok(!log.includes(text))
})

test('an order level where nobody can be asked leaves the trail as it is: the step before says why its group was left', async t => {
  const house = steady()
  const theatre = await play(t, {
    stages,
    start: house.start,
    config: ({ stage }) => ({
      model_list: [
        deployment('star', stage, 'd1'),
        deployment('second', stage, 'rests', { order: 1 }),
        deployment('second', stage, 'ok', { order: 2 }),
      ],
      router_settings: { num_retries: 0, fallbacks: [{ star: ['second'] }] },
    }),
  })
  const { stage } = theatre.stages
  failing(stage, 'rests', 401)
  await theatre.ask('/v1/chat/completions', chat('second'))
  failing(stage, 'd1', 400)
  await theatre.ask('/v1/chat/completions', chat('star'))
  await house.served().house.journal.flush()
  const lines = (await readFile(requestLogPath(theatre.dataDir), 'utf8')).trim().split('\n')
  const { steps } = JSON.parse(lines.at(-1) ?? '') as RequestRecord
  assert.deepEqual(
    steps.map(step => [step.model, step.next]),
    [
      ['openai/d1', 'fallback star → second: caller_fault'],
      ['openai/ok', 'end'],
    ],
  )
})

test("no retry at all when every deployment of the group is cooling: the provider's own error is the answer", async t => {
  const theatre = await play(t, {
    stages,
    start: steady().start,
    config: ({ stage }) => ({
      model_list: [deployment('star', stage, 'm1'), deployment('star', stage, 'm2')],
      router_settings: { num_retries: 5, cooldown_time: 30 },
    }),
  })
  const { stage } = theatre.stages
  for (const model of ['m1', 'm2']) failing(stage, model, 429)
  const reply = await theatre.ask('/v1/chat/completions', chat('star'))
  assert.deepEqual(asked(stage).toSorted(), ['m1', 'm2'])
  assert.match(
    String((reply.json().error as JsonObject).message),
    /^litellm\.RateLimitError: RateLimitError: OpenAIException - m2 is out/,
  )
})
