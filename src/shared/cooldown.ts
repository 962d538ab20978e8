import type { Deployment, RouterSettings } from '../config/config.ts'
import { policyEntry } from '../config/policy.ts'
import { type Failure, VERDICTS } from '../failure.ts'

/**
 * When a failure puts a deployment to rest, and for how long: LiteLLM's rules (router_utils/cooldown_handlers.py),
 * driven by the failure's class first. A class whose verdict says `none` counts towards nothing here.
 */
export type HealthFacts = {
  readonly deployment: Deployment
  readonly router: RouterSettings
  /** Deployments of its model group that are not blocked, itself included. */
  readonly groupSize: number
  /** Outcomes of the running 60-second window, this failure included. */
  readonly failures: number
  readonly successes: number
  /** Earlier failures under the key of `countingRule`, this one not included. */
  readonly earlierFails: number
}

export type CoolingDecision = { readonly ms: number; readonly scope: 'deployment' | 'domain' }

/** allowed_fails in force for one failure: it cools once more than `allowed` have been counted under `key`. */
export type CountingRule = { readonly key: string; readonly allowed: number; readonly ttlMs: number }

/** A share of failures above this, with at least this many requests, rests one of several deployments. */
const FAILING_SHARE = 0.5
const FAILING_SHARE_REQUESTS = 5
/** Nothing but failures over this many requests rests even a lone deployment. */
const TOTAL_FAILURE_REQUESTS = 1000
const LIBRARY_ALLOWED_FAILS = 3
const LIBRARY_COOLDOWN_MS = 5_000
/** LiteLLM treats a cooldown within 1e-9 seconds of zero as none. */
const ZERO_MS = 1e-6
/** An upstream may not bench itself for ever: after this long one request goes and asks again. */
export const LONGEST_RETRY_AFTER_MS = 3_600_000

const unlessNegative = (ms: number | undefined): number | undefined =>
  ms !== undefined && ms >= 0 ? ms : undefined

/** What the deployment itself says about its rest; 0 means never. */
const ownCooldownMs = (deployment: Deployment): number | undefined =>
  unlessNegative(deployment.info.cooldownMs) ?? unlessNegative(deployment.cooldownMs)

/** The wait an upstream asked for, in milliseconds from now, within bounds. */
export const askedWaitMs = (failure: Failure): number | undefined => {
  const asked = unlessNegative(failure.retryAfterMs)
  return asked === undefined ? undefined : Math.min(asked, LONGEST_RETRY_AFTER_MS)
}

/** Deployment's cooldown_time, else the upstream's Retry-After, else the router's cooldown_time. */
const cooldownMs = (failure: Failure, deployment: Deployment, router: RouterSettings): number =>
  ownCooldownMs(deployment) ?? askedWaitMs(failure) ?? router.cooldownMs

const retryableStatus = (status: number): boolean =>
  status === 408 || status === 409 || status === 429 || status >= 500

const coolableStatus = (status: number): boolean =>
  status < 400 || status >= 500 || status === 429 || status === 401 || status === 408 || status === 404

/** The gate before any rule: what can never rest a deployment. */
const mayCool = (failure: Failure, deployment: Deployment, router: RouterSettings): boolean => {
  const verdict = VERDICTS[failure.class].cooldown
  if (verdict === 'none' || router.disableCooldowns) return false
  // One wildcard deployment stands for many models; a failure of one says nothing about the others.
  if (deployment.group.includes('*')) return false
  // The stream broke after it began: LiteLLM's name for it exempts it from cooling.
  if (failure.exception === 'APIConnectionError') return false
  if (cooldownMs(failure, deployment, router) <= ZERO_MS) return false
  // An account-level failure hides behind 400, 402 or 403 at some providers: its class decides, not its status.
  if (verdict === 'hard' || coolableStatus(failure.status)) return true
  return policyEntry(deployment.info.allowedFailsPolicy, failure.exception) !== undefined
}

/**
 * The counter that decides, when one does: model_info.allowed_fails_policy or allowed_fails, else the router's policy
 * or its allowed_fails. undefined: no key is set, or this failure counts towards nothing.
 */
export const countingRule = (
  failure: Failure,
  facts: Pick<HealthFacts, 'deployment' | 'router' | 'groupSize'>,
): CountingRule | undefined => {
  const { deployment, router, groupSize } = facts
  if (!mayCool(failure, deployment, router)) return undefined
  const { allowedFails, allowedFailsPolicy } = deployment.info
  const ttlMs = ownCooldownMs(deployment) || router.cooldownMs || LIBRARY_COOLDOWN_MS
  const own = policyEntry(allowedFailsPolicy, failure.exception)
  if (own !== undefined) return { key: failure.exception, allowed: own, ttlMs }
  // A plain allowed_fails never rests a deployment that has no sibling.
  if (allowedFails !== undefined) {
    return { key: 'generic', allowed: groupSize > 1 ? allowedFails : Number.POSITIVE_INFINITY, ttlMs }
  }
  const routerHasRule = router.allowedFailsPolicy !== undefined || router.allowedFails !== undefined
  if (!routerHasRule && allowedFailsPolicy === undefined) return undefined
  const allowed =
    policyEntry(router.allowedFailsPolicy, failure.exception) ?? router.allowedFails ?? LIBRARY_ALLOWED_FAILS
  return { key: allowedFailsPolicy === undefined ? '' : 'generic', allowed, ttlMs }
}

/** LiteLLM's rules when no allowed_fails is set anywhere. */
const coolsByDefault = (failure: Failure, facts: HealthFacts): boolean => {
  const { failures, successes, groupSize } = facts
  const requests = failures + successes
  if (VERDICTS[failure.class].cooldown === 'hard') return true
  if (failure.status === 429 && groupSize > 1) return true
  if (successes === 0 && requests >= TOTAL_FAILURE_REQUESTS) return true
  if (groupSize > 1 && requests >= FAILING_SHARE_REQUESTS && failures / requests > FAILING_SHARE) return true
  return !retryableStatus(failure.status)
}

/**
 * Rest after this failure, or undefined. A rate limit rests the whole rate-limit domain: every deployment with the
 * same base URL, credential and upstream model.
 */
export const coolingAfter = (failure: Failure, facts: HealthFacts): CoolingDecision | undefined => {
  const { deployment, router } = facts
  if (!mayCool(failure, deployment, router)) return undefined
  const rule = countingRule(failure, facts)
  const cools = rule === undefined ? coolsByDefault(failure, facts) : facts.earlierFails + 1 > rule.allowed
  if (!cools) return undefined
  return {
    ms: cooldownMs(failure, deployment, router),
    scope: VERDICTS[failure.class].cooldown === 'rate_limit' ? 'domain' : 'deployment',
  }
}
