import type { Deployment, FailoverSettings, RouterSettings } from '../config/config.ts'
import { type Failure, VERDICTS } from '../failure.ts'
import type { Dice } from '../house.ts'
import { askedWaitMs } from './cooldown.ts'
import type { RestKind } from './ports.ts'

/**
 * When a failure puts a deployment to rest, and for how long, where none of LiteLLM's cooldown keys is written.
 * docs/failover.md tells the reasons.
 */
export type RestFacts = {
  readonly deployment: Deployment
  readonly settings: FailoverSettings
  /** Deployments of its model group that are not blocked, itself included. */
  readonly groupSize: number
  /** Soft failures in a row, this one included; any success ends the row. */
  readonly streak: number
  /** Outcomes of the running 60-second window, this failure included. */
  readonly failures: number
  readonly successes: number
  /** Soft rests so far without recovery. */
  readonly level: number
  /** The attempt was the one that went to see whether the trouble is over. */
  readonly probe: boolean
}

export type RestDecision = {
  readonly ms: number
  readonly kind: RestKind
  /** The level after this rest has begun. */
  readonly level: number
  readonly scope: 'deployment' | 'domain'
}

/** A share of failures above this, of at least so many requests, rests a deployment that fails only now and then. */
const FAILING_SHARE = 0.5
const FAILING_SHARE_REQUESTS = 5
/** A soft rest is up to this share longer or shorter, so that several gateways do not come back in one moment. */
const JITTER = 0.1

/** LiteLLM's rules hold for a deployment as soon as one of its keys is written for it or for the whole router. */
export const usesLitellmRules = (
  { cooldownMs, info }: Deployment,
  router: Pick<RouterSettings, 'litellmCooldowns'>,
): boolean =>
  router.litellmCooldowns ||
  cooldownMs !== undefined ||
  info.cooldownMs !== undefined ||
  info.allowedFails !== undefined ||
  info.allowedFailsPolicy !== undefined

const isTroubled = ({ settings, streak, failures, successes, probe }: RestFacts): boolean => {
  const requests = failures + successes
  return (
    probe ||
    streak >= settings.softCooldown.failures ||
    (requests >= FAILING_SHARE_REQUESTS && failures / requests > FAILING_SHARE)
  )
}

const softRest = (facts: RestFacts, dice: Dice): RestDecision | undefined => {
  // Resting the only one there is would make an outage of a blip.
  if (facts.groupSize < 2 || !isTroubled(facts)) return undefined
  const { baseMs, longestMs } = facts.settings.softCooldown
  const { level } = facts
  const ms = Math.min(longestMs, baseMs * 2 ** Math.min(level, 30))
  // Levels beyond the longest rest would only take longer to come down from.
  const next = ms < longestMs ? level + 1 : level
  const jitter = 1 + JITTER * (2 * dice.random() - 1)
  return { ms: Math.round(ms * jitter), kind: 'soft', level: next, scope: 'deployment' }
}

const decide = (failure: Failure, facts: RestFacts, dice: Dice): RestDecision | undefined => {
  const { deployment, settings, groupSize, level } = facts
  const { cooldown } = VERDICTS[failure.class]
  const asked = askedWaitMs(failure) ?? 0
  if (cooldown === 'rate_limit') {
    // A lone deployment waits for what its provider asked for, and for nothing else: that is the domain's bound.
    if (groupSize < 2) return undefined
    return { ms: Math.max(asked, settings.softCooldown.baseMs), kind: cooldown, level, scope: 'domain' }
  }
  // One wildcard deployment stands for many models; a failure of one says nothing about the others.
  if (cooldown === 'none' || deployment.group.includes('*')) return undefined
  if (cooldown === 'soft') return softRest(facts, dice)
  const ms = settings.hardCooldownMs === 0 ? 0 : Math.max(asked, settings.hardCooldownMs)
  return { ms, kind: cooldown, level, scope: 'deployment' }
}

/** Rest after this failure, or undefined. A setting of 0 means that there is none. */
export const restAfter = (failure: Failure, facts: RestFacts, dice: Dice): RestDecision | undefined => {
  const rest = decide(failure, facts, dice)
  return rest !== undefined && rest.ms > 0 ? rest : undefined
}
