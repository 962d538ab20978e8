import type { Config } from '../config/config.ts'
import type { Board } from '../shared/board.ts'
import type { Candidate, Wish } from './wish.ts'

/** One thing that ties a call to the deployment that served it before. Soft: it never keeps a call from being served. */
export type Tie = {
  readonly key: string
  readonly ttlMs: number
  readonly because: string
}

const NONE: readonly Tie[] = []

/** How long a provider keeps a prompt prefix (LiteLLM prompt_caching). */
const PROMPT_CACHE_TTL_MS = 300_000

/**
 * The soft ties of a call, strongest first: session, prompt prefix, key. Their order does not depend on the order of
 * optional_pre_call_checks. The hard ones, state that only its owner can read, are the wish's pin.
 */
export const tiesOf = (wish: Wish, config: Config): readonly Tie[] => {
  const { optionalPreCallChecks: checks, affinityTtlMs } = config.router
  if (checks.size === 0) return NONE
  const { group, keyHash, sessionId, cachePrefix } = wish
  const ties: Tie[] = []
  // The key is part of it: a session id is the client's word, and two tenants may choose the same one.
  if (checks.has('session_affinity') && sessionId !== undefined) {
    const key = `deployment_affinity:v1:session:${group}:${keyHash}:${sessionId}`
    ties.push({ key, ttlMs: affinityTtlMs, because: 'session affinity' })
  }
  if (checks.has('prompt_caching') && cachePrefix !== undefined) {
    const key = `deployment_affinity:v1:prompt:${group}:${cachePrefix}`
    ties.push({ key, ttlMs: PROMPT_CACHE_TTL_MS, because: 'prompt cache' })
  }
  if (checks.has('deployment_affinity') && keyHash !== '') {
    const key = `deployment_affinity:v1:${group}:${keyHash}`
    ties.push({ key, ttlMs: affinityTtlMs, because: 'key affinity' })
  }
  return ties
}

/** A tie leads to this very deployment. */
export const isTied = (
  { deployment }: Candidate,
  wish: Wish,
  desk: { readonly config: Config; readonly board: Pick<Board, 'recall'> },
): boolean => tiesOf(wish, desk.config).some(({ key }) => desk.board.recall(key) === deployment.id)

/** Call once a deployment has served: the next call of the session, prefix or key prefers it. */
export const rememberServed = (
  wish: Wish,
  deploymentId: string,
  desk: { readonly config: Config; readonly board: Pick<Board, 'remember'> },
): void => {
  for (const { key, ttlMs } of tiesOf(wish, desk.config)) desk.board.remember(key, deploymentId, ttlMs)
}
