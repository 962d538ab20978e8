import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accepted, lines, loadText, models } from '../load.fixture.ts'
import { FAILOVER_DEFAULTS } from './failover.ts'

const LIST = models('a', 'b')
const router = async (settings: string, env: Record<string, string> = {}) =>
  (await accepted(`${LIST}${settings}`, { env })).router
const said = async (settings: string, env: Record<string, string> = {}) =>
  lines((await loadText(`${LIST}${settings}`, { env })).notices)

test("an empty file has LiteLLM's defaults, and our own beside them", async () => {
  const { router: own, litellm, general } = await accepted(LIST)
  assert.deepEqual(JSON.parse(JSON.stringify({ ...own, strategyArgs: {} })), {
    strategy: 'simple-shuffle',
    strategyArgs: {},
    numRetries: 2,
    retryAfterMs: 0,
    phases: {},
    streamRecovery: 'on',
    modelGroupRetryPolicy: {},
    cooldownMs: 5000,
    disableCooldowns: false,
    litellmCooldowns: false,
    failover: JSON.parse(JSON.stringify(FAILOVER_DEFAULTS)),
    fetchTranscripts: true,
    mirrorConversations: false,
    learning: { ttlMs: 86_400_000 },
    maxFallbacks: 5,
    defaultFallbacks: [],
    fallbackOnContentPolicy: false,
    enablePreCallChecks: false,
    optionalPreCallChecks: {},
    affinityTtlMs: 3_600_000,
    enableTagFiltering: false,
    tagFilteringMatchAny: true,
  })
  assert.deepEqual(litellm, {
    requestTimeoutMs: 6_000_000,
    dropParams: false,
    exposeRouterDebugInErrors: true,
    ssePingMs: undefined,
    turnOffMessageLogging: false,
  })
  assert.equal(general.maxRequestBytes, 100 * 1024 * 1024)
  assert.equal(general.maxResponseBytes, 256 * 1024 * 1024)
  assert.equal(general.passThroughTimeoutMs, 600_000)
  assert.equal(general.enforceFallbackModelAccess, true)
})

test('M-055 0 and false are values, not the absence of one', async () => {
  const own = await router(
    `router_settings: {num_retries: 0, retry_after: 0, timeout: 0, stream_timeout: 0, cooldown_time: 0, max_fallbacks: 0,
  allowed_fails: 0, deployment_affinity_ttl_seconds: 0, default_max_parallel_requests: 0, tag_filtering_match_any: false}
litellm_settings: {num_retries: 7, cooldown_time: 7, allowed_fails: 7}
`,
    { ROUTER_MAX_FALLBACKS: '7', DEFAULT_COOLDOWN_TIME_SECONDS: '7' },
  )
  const zeros = [
    own.numRetries,
    own.retryAfterMs,
    own.timeoutMs,
    own.streamTimeoutMs,
    own.cooldownMs,
    own.maxFallbacks,
  ]
  assert.deepEqual(
    [...zeros, own.allowedFails, own.affinityTtlMs, own.defaultMaxParallelRequests],
    Array(9).fill(0),
  )
  assert.equal(own.tagFilteringMatchAny, false)
})

test('router_settings wins over litellm_settings, which wins over the environment', async () => {
  const env = {
    DEFAULT_COOLDOWN_TIME_SECONDS: '3',
    ROUTER_MAX_FALLBACKS: '4',
    REQUEST_TIMEOUT: '9',
    LITELLM_DROP_PARAMS: 'True',
  }
  const all =
    'router_settings: {cooldown_time: 1, max_fallbacks: 1}\nlitellm_settings: {cooldown_time: 2, request_timeout: 8, drop_params: false}\n'
  const everything = await accepted(`${LIST}${all}`, { env })
  assert.deepEqual([everything.router.cooldownMs, everything.router.maxFallbacks], [1000, 1])
  assert.deepEqual([everything.litellm.requestTimeoutMs, everything.litellm.dropParams], [8000, false])
  const shared = await router('litellm_settings: {cooldown_time: 2, max_fallbacks: 3}', env)
  assert.deepEqual([shared.cooldownMs, shared.maxFallbacks], [2000, 3])
  const bare = await accepted(LIST, { env })
  assert.deepEqual([bare.router.cooldownMs, bare.router.maxFallbacks], [3000, 4])
  assert.deepEqual([bare.litellm.requestTimeoutMs, bare.litellm.dropParams], [9000, true])
})

test('None and null are the same as not written', async () => {
  const own = await router(
    'router_settings: {num_retries: None, timeout: null, fallbacks: ~, retry_policy: None}',
  )
  assert.deepEqual(
    [own.numRetries, own.timeoutMs, own.fallbacks, own.retryPolicy],
    [2, undefined, undefined, undefined],
  )
})

test('numbers and flags may be text, fractions of seconds are kept', async () => {
  const own = await router(
    'router_settings: {num_retries: "3", timeout: 0.25, cooldown_time: "1.5", enable_pre_call_checks: "TRUE"}',
  )
  assert.deepEqual(
    [own.numRetries, own.timeoutMs, own.cooldownMs, own.enablePreCallChecks],
    [3, 250, 1500, true],
  )
})

test('a wrong value is an error at its place, and never repeated', async () => {
  const cases: readonly (readonly [settings: string, expected: string])[] = [
    ['num_retries: many', 'router_settings.num_retries | must be a whole number'],
    ['num_retries: 1.5', 'router_settings.num_retries | must be a whole number'],
    ['num_retries: -1', 'router_settings.num_retries | must be 0 or more'],
    ['timeout: [1]', 'router_settings.timeout | must be a number of seconds'],
    ['timeout: .inf', 'router_settings.timeout | must be a number of seconds'],
    ['timeout: 6000000000', 'router_settings.timeout | is more than ten years: seconds are meant'],
    ['disable_cooldowns: maybe', 'router_settings.disable_cooldowns | must be true or false'],
    [
      'routing_strategy: simple-shufle',
      'router_settings.routing_strategy | there is no such strategy. Did you mean simple-shuffle?',
    ],
    ['routing_strategy_args: [1]', 'router_settings.routing_strategy_args | must be a map'],
  ]
  for (const [settings, expected] of cases) {
    const [first] = await said(`router_settings:\n  ${settings}\n`)
    assert.equal(first, `error | config.yaml:7:3 | ${expected}`)
  }
  assert.deepEqual(await said('', { ROUTER_MAX_FALLBACKS: 'lots' }), [
    'error | - | ROUTER_MAX_FALLBACKS | environment variable ROUTER_MAX_FALLBACKS must be a whole number',
  ])
})

test('allowed_fails: 3 is the same as not writing it, and said so; 4 counts', async () => {
  for (const settings of ['router_settings: {allowed_fails: 3}', 'litellm_settings: {allowed_fails: 3}']) {
    assert.equal((await router(settings)).allowedFails, undefined)
    assert.match(
      (await said(settings)).join(),
      /differs \| config.yaml:6:\d+ \| \w+_settings.allowed_fails \| 3 is the same/,
    )
  }
  assert.equal((await router('router_settings: {allowed_fails: 4}')).allowedFails, 4)
  assert.equal((await router('litellm_settings: {allowed_fails: 4}')).allowedFails, 4)
  assert.equal(
    (await router('router_settings: {allowed_fails: 3}', { DEFAULT_ALLOWED_FAILS: '1' })).allowedFails,
    3,
  )
})

test('M-049 policies are keyed by exception, and a misspelt field is an error with a suggestion', async () => {
  const own = await router(`router_settings:
  retry_policy: {BadRequestErrorRetries: 0, TimeoutErrorRetries: 1, DefaultRetries: 4}
  allowed_fails_policy: {RateLimitErrorAllowedFails: 0, TimeoutErrorAllowedFails: 2}
  model_group_retry_policy: {a: {RateLimitErrorRetries: "5"}}
`)
  assert.deepEqual(own.retryPolicy, { BadRequestError: 0, Timeout: 1, Default: 4 })
  assert.deepEqual(own.allowedFailsPolicy, { RateLimitError: 0, Timeout: 2 })
  assert.deepEqual(own.modelGroupRetryPolicy.get('a'), { RateLimitError: 5 })
  const wrong = await said(`router_settings:
  retry_policy: {RateLimitErorRetries: 1, RateLimitErrorAllowedFails: 1}
  allowed_fails_policy: {DefaultRetries: 1}
  model_group_retry_policy: {c: {TimeoutErrorRetries: x}}
`)
  assert.match(
    wrong.join('\n'),
    /error \| config.yaml:7:18 \| router_settings.retry_policy.RateLimitErorRetries \| unknown field. Did you mean RateLimitErrorRetries\?/,
  )
  assert.match(
    wrong.join('\n'),
    /error \| .*retry_policy.RateLimitErrorAllowedFails \| unknown field. Write one of/,
  )
  assert.match(wrong.join('\n'), /error \| .*allowed_fails_policy.DefaultRetries/)
  assert.match(
    wrong.join('\n'),
    /error \| .*model_group_retry_policy.c.TimeoutErrorRetries \| must be a whole number/,
  )
  assert.match(
    (await said('router_settings: {model_group_retry_policy: {c: {TimeoutErrorRetries: 1}}}')).join(),
    /no group has this name/,
  )
})

test('optional checks are a closed list', async () => {
  const own = await router('router_settings: {optional_pre_call_checks: [session_affinity, prompt_caching]}')
  assert.deepEqual([...own.optionalPreCallChecks], ['session_affinity', 'prompt_caching'])
  const wrong = await said('router_settings:\n  optional_pre_call_checks:\n    - session_afinity\n')
  assert.deepEqual(wrong, [
    'error | config.yaml:8:7 | router_settings.optional_pre_call_checks[0] | there is no such check. Did you mean session_affinity?',
  ])
})

test('aliases: text, map, hidden, and the ways to get them wrong', async () => {
  const config = await accepted(
    `${LIST}router_settings: {model_group_alias: {x: a, y: {model: b, hidden: true}, z: {model: a}}}`,
  )
  assert.deepEqual(
    [...config.aliases],
    [
      ['x', { group: 'a', hidden: false }],
      ['y', { group: 'b', hidden: true }],
      ['z', { group: 'a', hidden: false }],
    ],
  )
  const wrong = await said(
    'router_settings:\n  model_group_alias: {x: aa, y: x, w: [a], v: {hidden: true}, a: b}\n',
  )
  assert.deepEqual(wrong.slice(0, 5), [
    'error | config.yaml:7:26 | router_settings.model_group_alias.x | aa is no group. Did you mean a?',
    'error | config.yaml:7:33 | router_settings.model_group_alias.y | x is an alias itself: point at its group.',
    "error | config.yaml:7:36 | router_settings.model_group_alias.w | must be a group name, or a map with 'model' and 'hidden: true'",
    "error | config.yaml:7:44 | router_settings.model_group_alias.v | must be a group name, or a map with 'model' and 'hidden: true'",
    'warning | config.yaml:7:63 | router_settings.model_group_alias.a | a group has this name too: the alias hides it',
  ])
})

test('the limits of the phases are seconds, and 0 is none', async () => {
  const { phases } = await router(
    'router_settings: {connect_timeout: 2, header_timeout: 0.5, first_token_timeout: 0, idle_timeout: "45"}\n',
  )
  assert.deepEqual(phases, {
    connectMs: 2000,
    headersMs: 500,
    firstTokenMs: Number.POSITIVE_INFINITY,
    idleMs: 45_000,
    attemptMs: undefined,
  })
})

test('stream_recovery is one of three words; a bare on or off is one of them', async () => {
  for (const [written, read] of [
    ['on', 'on'],
    ['off', 'off'],
    ['true', 'on'],
    ['splice_only', 'splice_only'],
  ])
    assert.equal((await router(`router_settings: {stream_recovery: ${written}}\n`)).streamRecovery, read)
  assert.match(
    (await said('router_settings: {stream_recovery: maybe}\n')).join(),
    /must be one of on, splice_only, off/,
  )
})

test('a ping interval of 0 is none', async () => {
  const interval = async (written: string) =>
    (await accepted(`${LIST}litellm_settings: {sse_keepalive_ping_interval_seconds: ${written}}\n`)).litellm
      .ssePingMs
  assert.equal(await interval('15'), 15_000)
  assert.equal(await interval('0'), undefined)
})
