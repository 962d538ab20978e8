import type { FailoverSettings, RouterSettings } from '../config.ts'
import { join, type Report } from '../report.ts'
import { amount, checkShape, count, flag, seconds } from '../shapes.ts'
import { entry, type MapNode } from '../tree.ts'
import { z } from '../zod.ts'

/** What happens when the file says nothing. */
export const FAILOVER_DEFAULTS: FailoverSettings = {
  totalTimeoutMs: undefined,
  usualTotalMs: 6_000_000,
  maxAttempts: 10,
  backoff: { baseMs: 500, capMs: 8_000 },
  longestWaitMs: 60_000,
  longestWaitBesideFallbackMs: 5_000,
  retryBudget: { share: 0.2, least: 3 },
  softCooldown: { failures: 3, baseMs: 5_000, longestMs: 300_000 },
  hardCooldownMs: 300_000,
  panicShare: 0.5,
  probes: true,
  slowStartMs: 0,
  queue: { waitMs: 0, size: 100, priority: 0 },
  parallelQueueSize: undefined,
}

const FAILOVER = z.object({
  total_timeout: seconds.optional(),
  max_attempts: count.optional(),
  retry_backoff: seconds.optional(),
  max_retry_backoff: seconds.optional(),
  max_retry_wait: seconds.optional(),
  max_retry_wait_with_fallback: seconds.optional(),
  retry_budget_percent: amount.optional(),
  retry_budget_min: count.optional(),
  disable_retry_budget: flag.optional(),
  soft_cooldown_failures: count.optional(),
  soft_cooldown_time: seconds.optional(),
  max_soft_cooldown_time: seconds.optional(),
  hard_cooldown_time: seconds.optional(),
  cooldown_panic_percent: amount.optional(),
  disable_cooldown_probes: flag.optional(),
  slow_start_seconds: seconds.optional(),
  wait_for_cooldown_seconds: seconds.optional(),
  cooldown_queue_size: count.optional(),
  default_priority: amount.optional(),
  parallel_queue_size: count.optional(),
})

/** Nothing counts from the zeroth attempt or failure on. */
const AT_LEAST_ONE = ['max_attempts', 'soft_cooldown_failures'] as const

/** An operator who asks for more retries than the request may make should hear of it. */
export const warnOfCap = (
  router: MapNode,
  { numRetries, failover }: Pick<RouterSettings, 'numRetries' | 'failover'>,
  report: Report,
): void => {
  // 0 is an error already.
  if (failover.maxAttempts === 0 || numRetries < failover.maxAttempts) return
  report.warning(
    'router_settings.max_attempts',
    (entry(router, 'num_retries') ?? entry(router, 'max_attempts'))?.place,
    `a request ends after ${failover.maxAttempts} attempts over all its groups: num_retries ${numRetries} is never used up`,
  )
}

/** `longestLimitMs`: the longest that one attempt may take by this file. */
export const readFailover = (router: MapNode, longestLimitMs: number, report: Report): FailoverSettings => {
  const own = checkShape(FAILOVER, router, ['router_settings'], report) ?? {}
  for (const key of AT_LEAST_ONE)
    if (own[key] === 0)
      report.error(join('router_settings', key), entry(router, key)?.place, 'must be 1 or more')
  const usual = FAILOVER_DEFAULTS
  const { baseMs, capMs } = usual.backoff
  const soft = usual.softCooldown
  const share = (percent: number | undefined): number | undefined =>
    percent === undefined ? undefined : percent / 100
  return {
    totalTimeoutMs: own.total_timeout === 0 ? Number.POSITIVE_INFINITY : own.total_timeout,
    usualTotalMs: Math.max(usual.usualTotalMs, longestLimitMs),
    maxAttempts: own.max_attempts ?? usual.maxAttempts,
    backoff: { baseMs: own.retry_backoff ?? baseMs, capMs: own.max_retry_backoff ?? capMs },
    longestWaitMs: own.max_retry_wait ?? usual.longestWaitMs,
    longestWaitBesideFallbackMs: own.max_retry_wait_with_fallback ?? usual.longestWaitBesideFallbackMs,
    retryBudget:
      own.disable_retry_budget === true
        ? undefined
        : { share: share(own.retry_budget_percent) ?? 0.2, least: own.retry_budget_min ?? 3 },
    softCooldown: {
      failures: own.soft_cooldown_failures ?? soft.failures,
      baseMs: own.soft_cooldown_time ?? soft.baseMs,
      longestMs: own.max_soft_cooldown_time ?? soft.longestMs,
    },
    hardCooldownMs: own.hard_cooldown_time ?? usual.hardCooldownMs,
    panicShare: share(own.cooldown_panic_percent) ?? usual.panicShare,
    probes: own.disable_cooldown_probes !== true,
    slowStartMs: own.slow_start_seconds ?? usual.slowStartMs,
    queue: {
      waitMs: own.wait_for_cooldown_seconds ?? usual.queue.waitMs,
      size: own.cooldown_queue_size ?? usual.queue.size,
      priority: own.default_priority ?? usual.queue.priority,
    },
    parallelQueueSize: own.parallel_queue_size,
  }
}
