import type { Deployment } from '../config/config.ts'
import type { Board } from '../shared/board.ts'
import type { Candidate, Wish } from './wish.ts'

/** The size of a prompt, counted exactly only when the cheap bound does not settle the question. */
export type Prompt = {
  readonly fits: (tokens: number) => boolean
  readonly tokens: () => number
}

/** A route without a prompt has size 0. The exact count is made at most once. */
export const promptOf = ({ promptBytes, countTokens }: Pick<Wish, 'promptBytes' | 'countTokens'>): Prompt => {
  if (countTokens === undefined) return { fits: tokens => tokens >= 0, tokens: () => 0 }
  let counted: number | undefined
  const tokens = () => {
    counted ??= countTokens()
    return counted
  }
  // A token is never shorter than a byte, so a body of n bytes holds at most n tokens.
  return { fits: limit => promptBytes <= limit || tokens() <= limit, tokens }
}

type Readings = { readonly board: Pick<Board, 'usage'>; readonly prompt: Prompt }

/**
 * Room for one more request this minute under the deployment's own tpm and rpm.
 * below-limit is LiteLLM's usage-based rule, `rpm + 1 >= limit` is over, so one request less than the limit is sent;
 * at-limit is the other strategies' rule, `rpm + 1 > limit` is over.
 */
export const underLimits = (
  { deployment }: Candidate,
  { board, prompt }: Readings,
  rule: 'below-limit' | 'at-limit',
): boolean => {
  const { rpm, tpm } = deployment
  if (rpm === undefined && tpm === undefined) return true
  const { requests, tokens } = board.usage(deployment.id)
  const next = requests + 1
  if (rpm !== undefined && (rule === 'below-limit' ? next >= rpm : next > rpm)) return false
  return tpm === undefined || prompt.fits(tpm - tokens)
}

/** enable_pre_call_checks: the minute's requests have reached rpm. */
export const atRpm = (deployment: Deployment, board: Pick<Board, 'usage'>): boolean =>
  deployment.rpm !== undefined && board.usage(deployment.id).requests >= deployment.rpm

/** optional_pre_call_checks: enforce_model_rate_limits. The text of the limit that is reached, or undefined. */
export const reachedLimit = (deployment: Deployment, board: Pick<Board, 'usage'>): string | undefined => {
  const { rpm, tpm } = deployment
  if (rpm === undefined && tpm === undefined) return undefined
  const { requests, tokens } = board.usage(deployment.id)
  const text = (name: string, limit: number, usage: number) =>
    `Model rate limit exceeded. ${name} limit=${limit}, current usage=${usage}`
  if (tpm !== undefined && tokens >= tpm) return text('TPM', tpm, tokens)
  if (rpm !== undefined && requests >= rpm) return text('RPM', rpm, requests)
  return undefined
}
