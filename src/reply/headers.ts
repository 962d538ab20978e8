import type { Answered } from '../attempt/outcome.ts'
import type { Trail } from '../attempt/settled.ts'
import type { Deployment } from '../config/config.ts'
import type { HeaderPair } from '../providers/provider.ts'
import { VERSION } from '../version.ts'
import { safeHeaderValue } from '../wire/headers.ts'

/** Headers of every answer, success or error, stream or not (behaviour map section 6). */
export const commonHeaders = (callId: string, trail: Trail | undefined): HeaderPair[] => {
  const pairs: HeaderPair[] = [
    ['x-litellm-call-id', callId],
    ['x-litellm-version', VERSION],
  ]
  if (trail === undefined) return pairs
  pairs.push(
    ['x-litellm-attempted-retries', String(trail.retries)],
    ['x-litellm-max-retries', String(trail.maxRetries)],
    ['x-litellm-attempted-fallbacks', String(trail.fallbacks)],
  )
  return pairs
}

export type Timing = {
  readonly totalMs: number
  readonly overheadMs: number
  readonly costUsd: number | undefined
}

const constant = new WeakMap<Deployment, readonly HeaderPair[]>()

/** What a deployment's headers always say, made once. */
const deploymentHeaders = (deployment: Deployment): readonly HeaderPair[] => {
  const known = constant.get(deployment)
  if (known !== undefined) return known
  const pairs: HeaderPair[] = [
    ['x-litellm-model-id', safeHeaderValue(deployment.id)],
    ['x-litellm-model-name', safeHeaderValue(deployment.litellmModel)],
    ['x-litellm-model-api-base', safeHeaderValue(deployment.connection.baseUrl)],
  ]
  if (deployment.region !== undefined)
    pairs.push(['x-litellm-model-region', safeHeaderValue(deployment.region)])
  constant.set(deployment, pairs)
  return pairs
}

/** Who served, and what it took. */
export const servedHeaders = (answered: Answered, named: string, timing: Timing): HeaderPair[] => {
  const pairs: HeaderPair[] = [
    ...deploymentHeaders(answered.deployment),
    ['x-litellm-model-group', safeHeaderValue(named)],
    ['x-litellm-response-duration-ms', timing.totalMs.toFixed(3)],
    ['x-litellm-overhead-duration-ms', timing.overheadMs.toFixed(3)],
  ]
  if (timing.costUsd !== undefined) pairs.push(['x-litellm-response-cost', String(timing.costUsd)])
  return pairs
}

/** writeHead takes one flat list: no object is built and no name is normalised twice. */
export const flatHeaders = (pairs: readonly HeaderPair[]): string[] => {
  const list: string[] = []
  for (const [name, value] of pairs) list.push(name, value)
  return list
}
