import type { ExceptionPolicy } from '../config/config.ts'
import { policyEntry } from '../config/policy.ts'
import { type Failure, type RetryRule, VERDICTS } from '../failure.ts'
import type { Play } from './level.ts'

const policyOf = (play: Play): ExceptionPolicy | undefined => {
  const { router } = play.call.config
  const { named, group } = play.stop
  const own = router.modelGroupRetryPolicy
  return own.get(named) ?? own.get(group) ?? router.retryPolicy
}

/** A policy number replaces both the count and the rule of the class. */
export const byPolicy = (play: Play, { exception }: Pick<Failure, 'exception'>): number | undefined => {
  const policy = policyOf(play)
  return policyEntry(policy, exception) ?? policy?.Default
}

export const ruleOf = (play: Play, failure: Failure): RetryRule =>
  byPolicy(play, failure) === undefined ? VERDICTS[failure.class].retry : 'any'
