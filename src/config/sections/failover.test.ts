import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { ROUTER_SETTINGS } from '../keys/router-settings.ts'
import { accepted, lines, loadText, models } from '../load.fixture.ts'
import { FAILOVER_DEFAULTS } from './failover.ts'

const LIST = models('a', 'b')
const router = async (settings: string, more = '', env: Record<string, string> = {}) =>
  (await accepted(`${LIST}router_settings: {${settings}}\n${more}`, { env })).router
const said = async (settings: string) =>
  lines((await loadText(`${LIST}router_settings: {${settings}}\n`)).notices)

test('every key has its value, in milliseconds and shares', async () => {
  const { failover } = await router(
    `total_timeout: 90, max_attempts: 4, retry_backoff: 0.25, max_retry_backoff: 4, max_retry_wait: 30,
     max_retry_wait_with_fallback: 2, retry_budget_percent: 10, retry_budget_min: 5, soft_cooldown_failures: 7,
     soft_cooldown_time: 1.5, max_soft_cooldown_time: 60, hard_cooldown_time: 120, cooldown_panic_percent: 30,
     disable_cooldown_probes: true, slow_start_seconds: 30, wait_for_cooldown_seconds: 8,
     cooldown_queue_size: 7, default_priority: 9, parallel_queue_size: 40`,
  )
  assert.deepEqual(failover, {
    totalTimeoutMs: 90_000,
    usualTotalMs: 6_000_000,
    maxAttempts: 4,
    backoff: { baseMs: 250, capMs: 4000 },
    longestWaitMs: 30_000,
    longestWaitBesideFallbackMs: 2000,
    retryBudget: { share: 0.1, least: 5 },
    softCooldown: { failures: 7, baseMs: 1500, longestMs: 60_000 },
    hardCooldownMs: 120_000,
    panicShare: 0.3,
    probes: false,
    slowStartMs: 30_000,
    queue: { waitMs: 8000, size: 7, priority: 9 },
    parallelQueueSize: 40,
  })
})

test('0 is a value: no total, no wait, no budget for retries, no rest', async () => {
  const { failover } = await router(
    `total_timeout: 0, retry_backoff: 0, max_retry_backoff: 0, max_retry_wait: 0, max_retry_wait_with_fallback: 0,
     retry_budget_percent: 0, retry_budget_min: 0, soft_cooldown_time: 0, max_soft_cooldown_time: 0,
     hard_cooldown_time: 0, cooldown_panic_percent: 0`,
  )
  assert.equal(failover.totalTimeoutMs, Number.POSITIVE_INFINITY)
  assert.deepEqual(failover.retryBudget, { share: 0, least: 0 })
  const { backoff, longestWaitMs, longestWaitBesideFallbackMs, softCooldown, hardCooldownMs, panicShare } =
    failover
  assert.deepEqual(
    [backoff, longestWaitMs, longestWaitBesideFallbackMs, softCooldown, hardCooldownMs, panicShare],
    [{ baseMs: 0, capMs: 0 }, 0, 0, { ...FAILOVER_DEFAULTS.softCooldown, baseMs: 0, longestMs: 0 }, 0, 0],
  )
  assert.equal(
    (await router('disable_retry_budget: true, retry_budget_min: 9')).failover.retryBudget,
    undefined,
  )
})

test('nonsense is an error with its place; more retries than attempts is a warning', async () => {
  assert.deepEqual(
    await said('max_attempts: 0, soft_cooldown_failures: 0, total_timeout: -1, retry_budget_min: 1.5'),
    [
      'error | config.yaml:6:63 | router_settings.total_timeout | must be 0 seconds or more',
      'error | config.yaml:6:82 | router_settings.retry_budget_min | must be a whole number',
    ],
  )
  assert.deepEqual(await said('max_attempts: 0, soft_cooldown_failures: 0'), [
    'error | config.yaml:6:19 | router_settings.max_attempts | must be 1 or more',
    'error | config.yaml:6:36 | router_settings.soft_cooldown_failures | must be 1 or more',
  ])
  const [line = ''] = await said('num_retries: 12')
  assert.match(
    line,
    /^warning .* ends after 10 attempts over all its groups: num_retries 12 is never used up$/,
  )
  assert.deepEqual(await said('num_retries: 9'), [])
  assert.deepEqual(await said('num_retries: 12, max_attempts: 13'), [])
})

test('the usual total is never shorter than what one attempt may take', async () => {
  const total = async (settings: string, more = '') => (await router(settings, more)).failover.usualTotalMs
  assert.equal(await total('timeout: 30'), 6_000_000)
  assert.equal(await total('timeout: 7000'), 7_000_000)
  assert.equal(await total('', 'litellm_settings: {request_timeout: 8000}\n'), 8_000_000)
  const own = '  - {model_name: c, litellm_params: {model: openai/c, stream_timeout: 9000, timeout: 5}}\n'
  const { failover } = (await accepted(`${LIST}${own}`)).router
  assert.equal(failover.usualTotalMs, 9_000_000)
})

test("LiteLLM's rules for cooldowns hold as soon as one of its keys is written, the default included", async () => {
  const litellm = async (settings: string, more = '', env: Record<string, string> = {}) =>
    (await router(settings, more, env)).litellmCooldowns
  assert.equal(await litellm('num_retries: 2, soft_cooldown_time: 9'), false)
  assert.equal(await litellm('cooldown_time: null, allowed_fails: null'), false)
  for (const settings of [
    'cooldown_time: 5',
    'cooldown_time: 0',
    'allowed_fails: 3',
    'allowed_fails_policy: {RateLimitErrorAllowedFails: 1}',
    'disable_cooldowns: true',
    'disable_cooldowns: false',
  ])
    assert.equal(await litellm(settings), true, settings)
  assert.equal(await litellm('', 'litellm_settings: {cooldown_time: 9}\n'), true)
  assert.equal(await litellm('', 'litellm_settings: {allowed_fails: 3}\n'), true)
  assert.equal(await litellm('', '', { DEFAULT_COOLDOWN_TIME_SECONDS: '9' }), true)
  assert.equal(await litellm('', '', { DEFAULT_COOLDOWN_TIME_SECONDS: '' }), false)
})

test('docs/failover.md names every key of ours with its default', async () => {
  const page = await readFile(new URL('../../../docs/failover.md', import.meta.url), 'utf8')
  const rows = page.split('\n').filter(line => line.startsWith('|'))
  for (const { key, initial } of ROUTER_SETTINGS.filter(row => row.text.startsWith('Understudy only: '))) {
    if (key === 'fallback_on_content_policy') continue
    const [, keys = '', values = ''] = rows.find(row => row.includes(`\`${key}\``))?.split('|') ?? []
    const place = keys.split(',').findIndex(name => name.includes(`\`${key}\``))
    assert.notEqual(place, -1, `${key} is missing`)
    if (initial !== undefined) assert.equal(values.split(',')[place]?.trim(), String(initial), key)
  }
})
