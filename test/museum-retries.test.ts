import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Fault } from '../src/stage/faults.ts'
import type { Stage } from '../src/stage/stage.ts'
import type { JsonObject } from '../src/wire/json.ts'
import { errorOf, openHall, tracesOf } from './support/hall.ts'
import { deployment } from './support/harness.ts'
import { asked, chat, failing, response } from './support/steady.ts'

/** How often, when and whom a failed call is sent again. Each number has its row in docs/museum.md. */

const CHAT = '/v1/chat/completions'
const stages = { stage: { models: ['*'] } } as const
const named = (group: string, stage: Stage, model: string, more: JsonObject = {}) => ({
  ...deployment(group, stage, model, more),
  model_info: { id: model },
})
const gap = (stage: Stage): number => (stage.requests[1]?.at ?? Number.NaN) - (stage.requests[0]?.at ?? 0)

test('M-044 Retry-After holds for a stream too: nothing in the first second and a half, then the same deployment', async t => {
  const hall = await openHall(t, {
    stages,
    config: ({ stage }) => ({
      model_list: [deployment('star', stage, 'm')],
      router_settings: { num_retries: 2 },
    }),
  })
  const { stage } = hall.stages
  stage.script([{ kind: 'status', status: 429, headers: { 'retry-after': '2' } }])
  assert.equal((await hall.ask(CHAT, chat('star', { stream: true }))).status, 200)
  assert.deepEqual(asked(stage), ['m', 'm'])
  assert.ok(gap(stage) >= 1998 && gap(stage) < 2600, `${gap(stage)} ms`)
})

test('M-046 a deployment that is switched off is never drawn, however heavy it is', async t => {
  const hall = await openHall(t, {
    stages,
    config: ({ stage }) => ({
      model_list: [
        { ...deployment('star', stage, 'off', { weight: 200 }), model_info: { blocked: true } },
        deployment('star', stage, 'on', { weight: 1 }),
      ],
      router_settings: { num_retries: 3, disable_cooldowns: true },
    }),
  })
  const { stage } = hall.stages
  for (let round = 0; round < 20; round += 1) assert.equal((await hall.ask(CHAT, chat('star'))).status, 200)
  failing(stage, 'on', 500)
  assert.equal((await hall.ask(CHAT, chat('star'))).status, 500)
  assert.deepEqual(new Set(asked(stage)), new Set(['on']))
})

test('M-047 the last candidate’s own refusal is the answer, not that nobody is left', async t => {
  const hall = await openHall(t, {
    stages,
    config: ({ stage }) => ({
      model_list: [
        deployment('star', stage, 'small', { weight: 1 }),
        deployment('star', stage, 'large', { weight: 0 }),
      ],
      router_settings: { retry_policy: { ContentPolicyViolationErrorRetries: 3, BadRequestErrorRetries: 3 } },
    }),
  })
  const { stage } = hall.stages
  for (const [status, code] of [
    [400, 'content_policy_violation'],
    [422, null],
  ] as const) {
    stage.clear()
    for (const model of ['small', 'large'])
      failing(stage, model, status, { body: { error: { message: `${model} will not`, type: null, code } } })
    const reply = await hall.ask(CHAT, chat('star'))
    assert.equal(reply.status, 400)
    assert.deepEqual(asked(stage).slice(0, 2), ['small', 'large'])
    assert.match(String(errorOf(reply).message), /(?:small|large) will not/)
  }
})

test('M-050 a fallback that failed is not asked again, and the final error is one that a provider gave', async t => {
  for (const max of [1, 5, 100]) {
    const hall = await openHall(t, {
      stages,
      config: ({ stage }) => ({
        model_list: [deployment('A', stage, 'A'), deployment('B', stage, 'B')],
        router_settings: {
          num_retries: 2,
          max_fallbacks: max,
          disable_cooldowns: true,
          fallbacks: [{ A: ['B'] }],
        },
      }),
    })
    const { stage } = hall.stages
    for (const stream of [false, true]) {
      stage.clear()
      failing(stage, 'A', 503)
      failing(stage, 'B', 500)
      const reply = await hall.ask(CHAT, chat('A', { stream }))
      assert.deepEqual(asked(stage), ['A', 'A', 'A', 'B', 'B', 'B'])
      assert.equal(reply.status, 503)
      assert.match(String(errorOf(reply).message), /A is out[\s\S]*Error doing the fallback[\s\S]*B is out/)
    }
    await hall.close()
  }
})

test('M-052 a model that is gone at one provider is served by the next order at once, and not asked for again', async t => {
  for (const [status, body] of [
    [404, { error: { message: 'The model `old` does not exist', type: null, code: 'model_not_found' } }],
    [410, { error: { message: 'The model `old` has been deprecated', type: null, code: 'model_not_found' } }],
  ] as const) {
    const hall = await openHall(t, {
      stages,
      config: ({ stage }) => ({
        model_list: [named('star', stage, 'old', { order: 1 }), named('star', stage, 'new', { order: 2 })],
        router_settings: { num_retries: 2, cooldown_time: 60 },
      }),
    })
    const { stage } = hall.stages
    failing(stage, 'old', status, { body })
    for (const stream of [false, true]) {
      assert.equal((await hall.ask(CHAT, chat('star', { stream }))).status, 200)
      assert.equal((await hall.ask('/v1/responses', response('star', { stream }))).status, 200)
    }
    assert.deepEqual(asked(stage), ['old', 'new', 'new', 'new', 'new'], String(status))
    assert.deepEqual(hall.resting(), ['old'])
    await hall.close()
  }
})

test('M-053 an error behind a 200 is a failure of its own kind, never an empty success', async t => {
  const hall = await openHall(t, {
    stages,
    config: ({ stage }) => ({
      model_list: [named('star', stage, 'm'), named('second', stage, 'ok')],
      router_settings: { num_retries: 0, disable_cooldowns: true, fallbacks: [{ star: ['second'] }] },
    }),
  })
  const { stage } = hall.stages
  let calls = 0
  for (const [error, status, outcome] of [
    [{ message: 'Too many requests', code: 429 }, 429, 'rate_limit'],
    [{ message: 'You exceeded your current quota', code: 'insufficient_quota' }, 429, 'quota'],
    [{ message: 'Rate limit reached', type: 'rate_limit_error', code: null }, 429, 'rate_limit'],
  ] as const)
    for (const stream of [false, true])
      for (const fallback of [true, false]) {
        stage.clear()
        stage.script([{ kind: 'error-in-200', error }], { model: 'm' })
        const reply = await hall.ask(CHAT, chat('star', { stream, disable_fallbacks: !fallback }))
        assert.equal(reply.status, fallback ? 200 : status, `${reply.text}`)
        calls += 1
        const [first] = tracesOf((await hall.recorded(calls)).at(-1))
        assert.deepEqual(first, ['m', outcome])
      }
})

test('M-170 when everybody failed the client hears the first group, and the log names each one with its status', async t => {
  const hall = await openHall(t, {
    stages,
    config: ({ stage }) => ({
      model_list: [named('A', stage, 'a'), named('B', stage, 'b'), named('C', stage, 'c', { timeout: 0.1 })],
      router_settings: { num_retries: 0, fallbacks: [{ A: ['B', 'C'] }] },
    }),
  })
  const { stage } = hall.stages
  failing(stage, 'a', 503)
  failing(stage, 'b', 401)
  stage.script([{ kind: 'stall', when: 'before-headers' }], { model: 'c' })
  const reply = await hall.ask(CHAT, chat('A'))
  assert.equal(reply.status, 503)
  assert.match(String(errorOf(reply).message), /^litellm\.ServiceUnavailableError: [\s\S]*a is out/)
  const [record] = await hall.recorded(1)
  assert.deepEqual(
    record?.steps.map(step => [step.group, step.outcome, step.status ?? 'no answer']),
    [
      ['A', 'transient', 503],
      ['B', 'credential', 401],
      ['C', 'timeout_headers', 'no answer'],
    ],
  )
  const trail = JSON.stringify(record)
  for (const inside of [stage.key, stage.origin, '127.0.0.1', 'Line, please.'])
    assert.ok(!trail.includes(inside), inside)
})

const FAR = 1e9
/** How a provider may say 1.2 s, and what says nothing or too much; the wait that follows, from and to, in milliseconds. */
const SPELLINGS: readonly (readonly [headers: Readonly<Record<string, string>>, from: number, to: number])[] =
  [
    [{ 'retry-after-ms': '1200' }, 1200, 1700],
    [{ 'x-ms-retry-after-ms': '1200' }, 1200, 1700],
    [{ 'retry-after': '1.2' }, 1200, 1700],
    [{ 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '1.2s' }, 1200, 1700],
    [{ 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '1200ms' }, 1200, 1700],
    [{ 'retry-after': 'Thu, 01 Jan 2015 00:00:00 GMT' }, 0, 500],
    [{ 'retry-after': '0' }, 0, 500],
    [{ 'retry-after': '-5' }, 0, 500],
    [{ 'retry-after': 'soon' }, 0, 500],
  ]

test('M-172 every spelling of a wait means the same wait; garbage is silence, and what is too far is not slept through', async t => {
  const hall = await openHall(t, {
    stages: { ...stages, gemini: { flavour: 'gemini', models: ['*'] } },
    config: ({ stage, gemini }) => ({
      // A limit is kept by address, key and model: each spelling has a model of its own.
      model_list: [
        ...SPELLINGS.map((_, index) => deployment(`g${index}`, stage, `m${index}`)),
        deployment('flash', gemini, 'gemini-2.5-flash'),
        deployment('far', stage, 'far'),
      ],
      router_settings: { num_retries: 1, disable_cooldowns: true },
    }),
  })
  const { stage, gemini } = hall.stages
  const limited = (headers: Readonly<Record<string, string>>): Fault => ({
    kind: 'status',
    status: 429,
    headers,
    body: { error: { message: 'slow down', type: null, param: null, code: 'rate_limit_exceeded' } },
  })
  for (const [index, [headers]] of SPELLINGS.entries())
    stage.script([limited(headers)], { model: `m${index}` })
  // Google says it in the body, and in no header.
  const retryInfo = { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '1.2s' }
  const exhausted = { code: 429, message: 'Resource exhausted.', status: 'RESOURCE_EXHAUSTED' }
  gemini.script([{ kind: 'status', status: 429, body: { error: { ...exhausted, details: [retryInfo] } } }])
  const [replies, flash] = await Promise.all([
    Promise.all(SPELLINGS.map((_, index) => hall.ask(CHAT, chat(`g${index}`)))),
    hall.ask(CHAT, chat('flash')),
  ])
  assert.equal(flash.status, 200)
  assert.ok(gap(gemini) >= 1198 && gap(gemini) < 1700, `RetryInfo: ${gap(gemini)} ms`)
  for (const [index, [headers, from, to]] of SPELLINGS.entries()) {
    assert.equal(replies[index]?.status, 200)
    const times = stage.requests
      .filter(hit => (hit.json as JsonObject).model === `m${index}`)
      .map(hit => hit.at)
    const waited = (times[1] ?? Number.NaN) - (times[0] ?? 0)
    assert.ok(waited >= from - 2 && waited < to, `${JSON.stringify(headers)}: ${waited} ms`)
  }
  stage.script([limited({ 'retry-after': String(FAR) })], { model: 'far' })
  const started = performance.now()
  const far = await hall.ask(CHAT, chat('far'))
  assert.ok(performance.now() - started < 1000)
  assert.equal(far.status, 429)
  assert.match(far.headers['retry-after'] ?? '', /^\d+$/, 'whole seconds, whatever came in')
})

test('M-173 an attempt that may have been billed is marked as such, and silence is not answered by asking again', async t => {
  const hall = await openHall(t, {
    stages,
    config: ({ stage }) => ({
      model_list: [named('reset', stage, 'r'), named('silent', stage, 's', { timeout: 0.1 })],
      router_settings: { num_retries: 2, disable_cooldowns: true },
    }),
  })
  const { stage } = hall.stages
  stage.script([{ kind: 'reset', when: 'before-headers' }], { model: 'r' })
  assert.equal((await hall.ask(CHAT, chat('reset'))).status, 200)
  stage.script([{ kind: 'stall', when: 'before-headers' }], { model: 's' })
  assert.equal((await hall.ask(CHAT, chat('silent'))).status, 408)
  assert.deepEqual(asked(stage), ['r', 'r', 's'])
  const [reset, silent] = await hall.recorded(2)
  const marks = [reset, silent].map(record => record?.steps.map(step => step.possiblyBilled ?? false))
  assert.deepEqual(marks, [[true, false], [true]])
  for (const step of [reset?.steps[0], silent?.steps[0]])
    assert.deepEqual([step?.usage, step?.costUsd], [undefined, undefined], 'what is not known is not free')
  assert.equal(silent?.costUsd, undefined, 'what is not known is not free')
})
