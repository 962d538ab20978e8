import type { Call } from '../call.ts'
import type { Deployment } from '../config/config.ts'
import type { Allowance } from './allowance.ts'

/** Connecting is the network's part and has its own, short limit. */
export const CONNECT_MS = 5_000

export type PhaseLimits = {
  /** Until the response head, and for a whole non-stream answer the total. Undefined = none. */
  readonly limitMs: number | undefined
  /** The caller chose it: running into it says nothing about the deployment. */
  readonly byClient: boolean
}

/**
 * LiteLLM's precedence (behaviour map 2.7). Stream: request's stream_timeout, deployment's, router's, then as
 * non-stream. Non-stream: request's timeout, deployment's, router's, request_timeout.
 * On a stream the value limits each phase: head, first content, each silence after it.
 */
export const limitsFor = (call: Call, deployment: Deployment): PhaseLimits => {
  const { controls, config } = call
  if (call.stream) {
    if (controls.streamTimeoutMs !== undefined) return { limitMs: controls.streamTimeoutMs, byClient: true }
    if (deployment.streamTimeoutMs !== undefined)
      return { limitMs: deployment.streamTimeoutMs, byClient: false }
    if (config.router.streamTimeoutMs !== undefined)
      return { limitMs: config.router.streamTimeoutMs, byClient: false }
  }
  if (controls.timeoutMs !== undefined) return { limitMs: controls.timeoutMs, byClient: true }
  const limitMs = deployment.timeoutMs ?? config.router.timeoutMs ?? config.litellm.requestTimeoutMs
  return { limitMs, byClient: false }
}

/** The same, within what is left of the request's own time. */
export const limitsWithin = (call: Call, deployment: Deployment, allowance: Allowance): PhaseLimits => {
  const limits = limitsFor(call, deployment)
  const { leftMs } = allowance
  if (leftMs === Number.POSITIVE_INFINITY || (limits.limitMs !== undefined && limits.limitMs <= leftMs))
    return limits
  return { ...limits, limitMs: leftMs }
}
