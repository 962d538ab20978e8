import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../src/wire/json.ts'
import { deployment, MASTER_KEY, play } from './support/harness.ts'
import { asked, chat, failing, message, response, steady } from './support/steady.ts'

/** Attempts inside one group: how many, at whom, and when. Behaviour: LiteLLM's router (num_retries, retry_policy, order). */

const stages = { stage: { models: ['*'] } }
const ENDPOINTS = [
  ['/v1/chat/completions', chat],
  ['/v1/responses', response],
  ['/v1/messages', message],
] as const

const keyed = (...more: readonly (readonly [string, string])[]) => ({
  headers: [['authorization', `Bearer ${MASTER_KEY}`] as const, ...more],
})

test('M-043 num_retries in the router settings: 1 + N upstream requests, whatever the endpoint, stream or not', async t => {
  for (const retries of [0, 1, 2, 3]) {
    const theatre = await play(t, {
      stages,
      start: steady().start,
      config: ({ stage }) => ({
        model_list: [deployment('star', stage, 'm')],
        router_settings: { num_retries: retries },
      }),
    })
    const { stage } = theatre.stages
    failing(stage, 'm', 500)
    for (const [path, body] of ENDPOINTS)
      for (const stream of [false, true]) {
        const before = stage.requests.length
        const reply = await theatre.ask(path, body('star', { stream }))
        assert.equal(stage.requests.length - before, 1 + retries, `${path} stream=${stream}`)
        assert.equal(reply.status, 500)
        assert.equal(reply.headers['x-litellm-attempted-retries'], String(retries))
        assert.equal(reply.headers['x-litellm-max-retries'], String(retries))
      }
    await theatre.close()
  }
})

test('M-043 num_retries: header over body over deployment over router, each exactly 1 + N', async t => {
  const theatre = await play(t, {
    stages,
    start: steady().start,
    config: ({ stage }) => ({
      model_list: [
        deployment('plain', stage, 'm'),
        ...[0, 1, 2, 3].map(n => deployment(`own-${n}`, stage, 'm', { num_retries: n })),
      ],
      router_settings: { num_retries: 5 },
    }),
  })
  const { stage } = theatre.stages
  failing(stage, 'm', 500)
  const hits = async (group: string, body: JsonObject, header?: string) => {
    const before = stage.requests.length
    const more = header === undefined ? {} : keyed(['x-litellm-num-retries', header])
    await theatre.ask('/v1/chat/completions', chat(group, body), more)
    return stage.requests.length - before
  }
  assert.equal(await hits('plain', {}), 6, 'router')
  for (const n of [0, 1, 2, 3]) {
    assert.equal(await hits(`own-${n}`, {}), 1 + n, `deployment ${n}`)
    assert.equal(await hits('own-2', { num_retries: n }), 1 + n, `body ${n} over deployment 2`)
    assert.equal(await hits('own-2', { num_retries: 1 }, String(n)), 1 + n, `header ${n} over body 1`)
    assert.equal(await hits('plain', {}, String(n)), 1 + n, `header ${n} over router`)
  }
})

const POLICY: readonly (readonly [field: string, status: number, code: string | null])[] = [
  ['BadRequestErrorRetries', 400, null],
  ['AuthenticationErrorRetries', 401, null],
  ['TimeoutErrorRetries', 408, null],
  ['TimeoutErrorRetries', 504, null],
  ['RateLimitErrorRetries', 429, null],
  ['ContentPolicyViolationErrorRetries', 400, 'content_policy_violation'],
  ['BadRequestErrorRetries', 400, 'context_length_exceeded'],
  ['InternalServerErrorRetries', 500, null],
  ['ServiceUnavailableErrorRetries', 503, null],
  ['NotFoundErrorRetries', 404, 'model_not_found'],
  ['DefaultRetries', 502, null],
]

for (const scope of ['retry_policy', 'model_group_retry_policy'] as const)
  test(`M-049 ${scope}: each field decides the count alone, 0 too, whatever the endpoint`, async t => {
    // num_retries is 1 everywhere, so neither 1 nor 3 requests can be its doing.
    for (const retries of [0, 2]) {
      const policy = Object.fromEntries(POLICY.map(([field]) => [field, retries]))
      const theatre = await play(t, {
        stages,
        start: steady().start,
        config: ({ stage }) => ({
          model_list: [deployment('star', stage, 'm')],
          router_settings: {
            num_retries: 1,
            disable_cooldowns: true,
            ...(scope === 'retry_policy'
              ? { retry_policy: policy }
              : { retry_policy: { DefaultRetries: 4 }, model_group_retry_policy: { star: policy } }),
          },
        }),
      })
      const { stage } = theatre.stages
      for (const [field, status, code] of POLICY)
        for (const [path, body] of ENDPOINTS) {
          stage.clear()
          failing(stage, 'm', status, { body: { error: { message: 'no', type: null, param: null, code } } })
          const reply = await theatre.ask(path, body('star'))
          assert.equal(
            stage.requests.length,
            1 + retries,
            `${field}: ${retries} at ${status} ${code} ${path}`,
          )
          assert.ok(reply.status >= 400)
        }
      await theatre.close()
    }
  })

test('without a policy a request that is wrong, unfit or refused is sent exactly once', async t => {
  const theatre = await play(t, {
    stages,
    start: steady().start,
    config: ({ stage }) => ({
      model_list: [deployment('star', stage, 'm'), deployment('star', stage, 'm2')],
      router_settings: { num_retries: 3, disable_cooldowns: true },
    }),
  })
  const { stage } = theatre.stages
  const cases = [
    [400, null],
    [413, null],
    [422, null],
    [400, 'context_length_exceeded'],
    [400, 'content_policy_violation'],
    [400, 'content_filter'],
  ] as const
  for (const [status, code] of cases)
    for (const [path, body] of ENDPOINTS)
      for (const stream of [false, true]) {
        stage.clear()
        const error = { error: { message: 'no', type: null, param: null, code } }
        for (const model of ['m', 'm2']) failing(stage, model, status, { body: error })
        const reply = await theatre.ask(path, body('star', { stream }))
        assert.equal(stage.requests.length, 1, `${status} ${code} ${path} stream=${stream}`)
        assert.equal(reply.headers['x-litellm-attempted-retries'], '0')
      }
})

test('a wrong key or a retired model is tried at each sibling once, and at nobody twice', async t => {
  const theatre = await play(t, {
    stages,
    start: steady().start,
    config: ({ stage }) => ({
      model_list: ['m1', 'm2', 'm3'].map(model => deployment('star', stage, model)),
      router_settings: { num_retries: 5, disable_cooldowns: true },
    }),
  })
  const { stage } = theatre.stages
  for (const status of [401, 403, 402, 404]) {
    stage.clear()
    for (const model of ['m1', 'm2', 'm3']) failing(stage, model, status)
    await theatre.ask('/v1/chat/completions', chat('star'))
    assert.deepEqual(asked(stage).toSorted(), ['m1', 'm2', 'm3'], String(status))
  }
})

test('M-047 BadRequestErrorRetries sends what was too long for one deployment to the other', async t => {
  const theatre = await play(t, {
    stages,
    start: steady().start,
    config: ({ stage }) => ({
      model_list: [
        deployment('star', stage, 'small', { weight: 1 }),
        deployment('star', stage, 'large', { weight: 0 }),
      ],
      router_settings: { num_retries: 0, retry_policy: { BadRequestErrorRetries: 2 } },
    }),
  })
  const { stage } = theatre.stages
  const tooLong = {
    error: { message: 'too long', type: null, param: 'messages', code: 'context_length_exceeded' },
  }
  failing(stage, 'small', 400, { body: tooLong })
  assert.equal((await theatre.ask('/v1/chat/completions', chat('star'))).status, 200)
  assert.deepEqual(asked(stage), ['small', 'large'])
  stage.clear()
  for (const model of ['small', 'large']) failing(stage, model, 400, { body: tooLong })
  const reply = await theatre.ask('/v1/chat/completions', chat('star'))
  assert.equal((reply.json().error as JsonObject).code, 'context_length_exceeded')
})

test('M-169 a file that says nothing but who is who: two retries, and the next group', async t => {
  const theatre = await play(t, {
    stages,
    start: steady().start,
    config: ({ stage }) => ({
      model_list: [deployment('star', stage, 'm'), deployment('second', stage, 'ok')],
      litellm_settings: { fallbacks: [{ star: ['second'] }] },
    }),
  })
  const { stage } = theatre.stages
  failing(stage, 'm', 503)
  assert.equal((await theatre.ask('/v1/chat/completions', chat('star'))).status, 200)
  assert.deepEqual(asked(stage), ['m', 'm', 'm', 'ok'])
})

test('siblings are tried before anyone is asked again', async t => {
  const models = ['m1', 'm2', 'm3']
  const theatre = await play(t, {
    stages,
    start: steady().start,
    config: ({ stage }) => ({
      model_list: models.map(model => deployment('star', stage, model)),
      router_settings: { num_retries: 4, disable_cooldowns: true },
    }),
  })
  const { stage } = theatre.stages
  for (const model of models) failing(stage, model, 500)
  for (let round = 0; round < 10; round += 1) {
    stage.clear()
    for (const model of models) failing(stage, model, 500)
    await theatre.ask('/v1/chat/completions', chat('star'))
    assert.equal(stage.requests.length, 5)
    assert.deepEqual(asked(stage).slice(0, 3).toSorted(), models)
  }
})

test('M-046 a heavy weight does not draw the deployment that has just failed', async t => {
  const theatre = await play(t, {
    stages,
    config: ({ stage }) => ({
      model_list: [
        deployment('star', stage, 'heavy', { weight: 200 }),
        deployment('star', stage, 'light', { weight: 1 }),
      ],
      router_settings: { num_retries: 2, disable_cooldowns: true },
    }),
  })
  const { stage } = theatre.stages
  failing(stage, 'heavy', 500)
  for (let round = 0; round < 40; round += 1) {
    const before = stage.requests.length
    const reply = await theatre.ask('/v1/chat/completions', chat('star'))
    assert.equal(reply.status, 200)
    assert.ok(stage.requests.length - before <= 2)
  }
})
