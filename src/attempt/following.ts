import { type FailureClass, VERDICTS } from '../failure.ts'
import type { Following, Stop } from '../plan/plan.ts'
import type { Walk } from './attempt.ts'

/**
 * The list that applies to a failure. Where the prompt was too long for a group, those who follow for that come first,
 * whatever its larger deployments have failed with: the prompt has not become shorter.
 */
export const followingFor = (
  { plan, trail }: Pick<Walk, 'plan' | 'trail'>,
  stop: Stop,
  failure: FailureClass,
): Following => {
  const own = plan.follow(stop, failure)
  if (trail.prompt?.isNarrow(stop) !== true || VERDICTS[failure].fallback !== 'generic') return own
  const typed = plan.follow(stop, 'context_window')
  return typed.targets === undefined || typed.targets.length === 0 ? own : typed
}
