import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ModelInfo, RouterSettings } from '../config/config.ts'
import { type Failure, type FailureClass, VERDICTS } from '../failure.ts'
import { testConfig, testDeployment, testFailure } from '../plan/testing.ts'
import { coolingAfter, countingRule, type HealthFacts, LONGEST_RETRY_AFTER_MS } from './cooldown.ts'

type Given = {
  readonly router?: Partial<RouterSettings>
  readonly info?: Partial<ModelInfo>
  readonly group?: string
  readonly cooldownMs?: number
  readonly groupSize?: number
  readonly failures?: number
  readonly successes?: number
  readonly earlierFails?: number
}

const factsOf = (given: Given): HealthFacts => {
  const deployment = testDeployment({
    id: 'd',
    group: given.group ?? 'main',
    cooldownMs: given.cooldownMs,
    info: given.info ?? {},
  })
  return {
    deployment,
    router: testConfig({ deployments: [], router: given.router ?? {} }).router,
    groupSize: given.groupSize ?? 1,
    failures: given.failures ?? 1,
    successes: given.successes ?? 0,
    earlierFails: given.earlierFails ?? 0,
  }
}

const cools = (failure: Failure, given: Given) => coolingAfter(failure, factsOf(given)) !== undefined
const ms = (failure: Failure, given: Given) => coolingAfter(failure, factsOf(given))?.ms

const server = testFailure('transient')
const limit = testFailure('rate_limit')
const pair = { groupSize: 2 }

describe('classes', () => {
  const classes = Object.keys(VERDICTS) as FailureClass[]
  for (const kind of classes.filter(kind => VERDICTS[kind].cooldown === 'none')) {
    test(`M-058 M-061 ${kind} never cools, whatever is configured`, () => {
      for (const status of [400, 401, 404, 408, 429, 500, 503]) {
        const failure = testFailure(kind, { status })
        const worst = { groupSize: 5, failures: 5000, earlierFails: 99 }
        assert.equal(cools(failure, worst), false)
        assert.equal(cools(failure, { ...worst, router: { allowedFails: 0 } }), false)
        assert.equal(cools(failure, { ...worst, info: { allowedFails: 0 } }), false)
        assert.equal(countingRule(failure, factsOf({ ...worst, router: { allowedFails: 0 } })), undefined)
      }
    })
  }

  for (const kind of ['credential', 'quota', 'model_gone'] as const) {
    for (const status of [400, 401, 402, 403, 404, 410, 429]) {
      test(`M-061 ${kind} behind a ${status} cools at once, even a lone deployment`, () => {
        assert.deepEqual(coolingAfter(testFailure(kind, { status }), factsOf({})), {
          ms: 5000,
          scope: 'deployment',
        })
      })
    }
  }

  test('M-056 every transport failure and timeout has a defined effect: it counts, and most of many cools', () => {
    for (const kind of [
      'transport',
      'transient',
      'timeout_headers',
      'timeout_first_token',
      'timeout_idle',
    ] as const) {
      assert.equal(cools(testFailure(kind), { ...pair, failures: 5 }), true, kind)
      assert.equal(cools(testFailure(kind), { ...pair, failures: 4 }), false, kind)
    }
  })
})

describe('gate', () => {
  const certain = { ...pair, failures: 5000 }
  const rows: readonly (readonly [string, Failure, Given, boolean])[] = [
    ['server errors pass', server, {}, true],
    ['M-055 deployment cooldown_time 0 disables cooling', server, { cooldownMs: 0 }, false],
    ['M-055 model_info cooldown_time 0 disables cooling', server, { info: { cooldownMs: 0 } }, false],
    ['router cooldown_time 0 disables cooling', server, { router: { cooldownMs: 0 } }, false],
    ['disable_cooldowns', server, { router: { disableCooldowns: true } }, false],
    ['a wildcard deployment never cools', server, { group: 'test/*' }, false],
    ['a wildcard deployment never cools by a wrong key', testFailure('credential'), { group: '*' }, false],
    ['APIConnectionError', testFailure('transport', { exception: 'APIConnectionError' }), {}, false],
    ['a 4xx that is not 429, 401, 408 or 404', testFailure('transient', { status: 422 }), {}, false],
    ['a 3xx', testFailure('transient', { status: 302 }), {}, true],
    ['408', testFailure('timeout_headers'), {}, true],
  ]
  for (const [name, failure, given, expected] of rows) {
    test(name, () => assert.equal(cools(failure, { ...certain, ...given }), expected))
  }

  test('a deployment-level policy entry lets another 4xx of its class count', () => {
    const failure = testFailure('transient', { status: 422, exception: 'BadRequestError' })
    const info = { allowedFailsPolicy: { BadRequestError: 1 } }
    assert.equal(cools(failure, { info, earlierFails: 0 }), false)
    assert.equal(cools(failure, { info, earlierFails: 1 }), true)
    assert.equal(cools(failure, { router: { allowedFailsPolicy: { BadRequestError: 0 } } }), false)
  })
})

describe('no allowed_fails anywhere', () => {
  const rows: readonly (readonly [string, Failure, Given, boolean])[] = [
    ['429 cools one of several', limit, pair, true],
    ['M-064 429 never cools a lone deployment', limit, {}, false],
    ['M-064 one 500 never cools a lone deployment', server, {}, false],
    ['999 failures of 999 do not cool a lone deployment', server, { failures: 999 }, false],
    ['1000 failures of 1000 cool a lone deployment', server, { failures: 1000 }, true],
    ['1000 failures and a success do not', server, { failures: 1000, successes: 1 }, false],
    ['4 failures of 4 are too few', server, { ...pair, failures: 4 }, false],
    ['5 failures of 5 cool one of several', server, { ...pair, failures: 5 }, true],
    ['exactly half failing does not', server, { ...pair, failures: 5, successes: 5 }, false],
    ['more than half does', server, { ...pair, failures: 6, successes: 5 }, true],
    ['5 of 5 do not cool a lone deployment', server, { failures: 5 }, false],
    ['401 cools even a lone deployment', testFailure('transient', { status: 401 }), {}, true],
    ['404 cools even a lone deployment', testFailure('transient', { status: 404 }), {}, true],
    ['409 is no reason', testFailure('transient', { status: 409 }), pair, false],
  ]
  for (const [name, failure, given, expected] of rows) {
    test(name, () => assert.equal(cools(failure, given), expected))
  }

  test('a rate limit rests the domain, anything else the deployment', () => {
    assert.equal(coolingAfter(limit, factsOf(pair))?.scope, 'domain')
    assert.equal(coolingAfter(server, factsOf({ ...pair, failures: 9 }))?.scope, 'deployment')
  })
})

describe('allowed_fails', () => {
  const rows: readonly (readonly [string, Failure, Given, boolean])[] = [
    ['0 cools at the first failure, also a lone deployment', server, { router: { allowedFails: 0 } }, true],
    ['M-064 1 lets one failure pass', server, { router: { allowedFails: 1 } }, false],
    [
      'M-064 1 cools at the second, also a lone deployment',
      server,
      { router: { allowedFails: 1 }, earlierFails: 1 },
      true,
    ],
    ['replaces the default rules', limit, { ...pair, router: { allowedFails: 9 } }, false],
    [
      'replaces the default rules for a wrong key too',
      testFailure('credential'),
      { router: { allowedFails: 1 } },
      false,
    ],
    ['a policy names its class', limit, { router: { allowedFailsPolicy: { RateLimitError: 0 } } }, true],
    [
      'a class the policy does not name uses 3',
      server,
      { router: { allowedFailsPolicy: { RateLimitError: 0 } }, earlierFails: 2 },
      false,
    ],
    [
      'and cools at the fourth',
      server,
      { router: { allowedFailsPolicy: { RateLimitError: 0 } }, earlierFails: 3 },
      true,
    ],
    [
      'model_info wins over the router',
      server,
      { ...pair, info: { allowedFails: 5 }, router: { allowedFails: 0 } },
      false,
    ],
    ['model_info.allowed_fails never cools a lone deployment', server, { info: { allowedFails: 0 } }, false],
    [
      'model_info.allowed_fails_policy does',
      server,
      { info: { allowedFailsPolicy: { InternalServerError: 0 } } },
      true,
    ],
    [
      'policy before plain number',
      server,
      { ...pair, info: { allowedFails: 9, allowedFailsPolicy: { InternalServerError: 0 } } },
      true,
    ],
  ]
  for (const [name, failure, given, expected] of rows) {
    test(name, () => assert.equal(cools(failure, given), expected))
  }

  test('counters are kept per class under a policy and together otherwise', () => {
    const key = (given: Given) => countingRule(server, factsOf({ ...pair, ...given }))?.key
    assert.equal(key({ info: { allowedFailsPolicy: { InternalServerError: 2 } } }), 'InternalServerError')
    assert.equal(key({ info: { allowedFails: 2 } }), 'generic')
    assert.equal(key({ router: { allowedFails: 2 } }), '')
    assert.equal(key({}), undefined)
  })

  test('the counter lives as long as the cooldown, by default 5 s', () => {
    const ttl = (given: Given) =>
      countingRule(server, factsOf({ router: { allowedFails: 2 }, ...given }))?.ttlMs
    assert.equal(ttl({}), 5000)
    assert.equal(ttl({ cooldownMs: 9000 }), 9000)
    assert.equal(ttl({ cooldownMs: 9000, info: { cooldownMs: 7000 } }), 7000)
    assert.equal(ttl({ router: { allowedFails: 2, cooldownMs: 60_000 } }), 60_000)
  })
})

describe('duration', () => {
  const asked = testFailure('rate_limit', { retryAfterMs: 30_000 })
  test('deployment cooldown_time, then Retry-After, then the router', () => {
    assert.equal(ms(asked, { ...pair, cooldownMs: 2000 }), 2000)
    assert.equal(ms(asked, { ...pair, cooldownMs: 2000, info: { cooldownMs: 3000 } }), 3000)
    assert.equal(ms(asked, pair), 30_000)
    assert.equal(ms(limit, pair), 5000)
    assert.equal(ms(limit, { ...pair, router: { cooldownMs: 60_000 } }), 60_000)
  })
  test('Retry-After: 0 means no rest', () => {
    assert.equal(ms(testFailure('rate_limit', { retryAfterMs: 0 }), pair), undefined)
  })
  test('an absurd Retry-After is bounded, so that one request goes and asks again', () => {
    assert.equal(ms(testFailure('rate_limit', { retryAfterMs: 1e15 }), pair), LONGEST_RETRY_AFTER_MS)
  })
  test('negative values count as not set', () => {
    assert.equal(ms(testFailure('rate_limit', { retryAfterMs: -5 }), { ...pair, cooldownMs: -1 }), 5000)
  })
})
