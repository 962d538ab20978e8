import type { Answered } from '../attempt/outcome.ts'
import type { Trail } from '../attempt/settled.ts'
import type { Deployment } from '../config/config.ts'
import { VERSION } from '../version.ts'
import { safeHeaderValue } from '../wire/headers.ts'

/** A head as writeHead takes it, name and value in turn: no pair is allocated and no name is normalised twice. */
export type HeaderList = string[]

/** Headers of every answer, success or error, stream or not, as LiteLLM names them. */
export const addCommonHeaders = (list: HeaderList, callId: string, trail: Trail | undefined): void => {
  list.push('x-litellm-call-id', callId, 'x-litellm-version', VERSION)
  if (trail === undefined) return
  list.push('x-litellm-attempted-retries', String(trail.retries))
  list.push('x-litellm-max-retries', String(trail.maxRetries))
  list.push('x-litellm-attempted-fallbacks', String(trail.fallbacks))
}

export type Timing = {
  readonly totalMs: number
  readonly overheadMs: number
  readonly costUsd: number | undefined
}

const constant = new WeakMap<Deployment, readonly string[]>()

/** What a deployment's headers always say, made once. */
const deploymentHeaders = (deployment: Deployment): readonly string[] => {
  const known = constant.get(deployment)
  if (known !== undefined) return known
  const { id, litellmModel, connection, region } = deployment
  const list = ['x-litellm-model-id', safeHeaderValue(id)]
  list.push('x-litellm-model-name', safeHeaderValue(litellmModel))
  list.push('x-litellm-model-api-base', safeHeaderValue(connection.baseUrl))
  if (region !== undefined) list.push('x-litellm-model-region', safeHeaderValue(region))
  constant.set(deployment, list)
  return list
}

/** Who served, and what it took. */
export const addServedHeaders = (list: HeaderList, answered: Answered, timing: Timing): void => {
  list.push(...deploymentHeaders(answered.deployment))
  list.push('x-litellm-model-group', safeHeaderValue(answered.group))
  list.push('x-litellm-response-duration-ms', timing.totalMs.toFixed(3))
  list.push('x-litellm-overhead-duration-ms', timing.overheadMs.toFixed(3))
  if (timing.costUsd !== undefined) list.push('x-litellm-response-cost', String(timing.costUsd))
}

/** Clients and proxies bear a header of this length; a request can lose any number of things. */
const LONGEST_DROPPED = 1024

/** What the client had sent and the provider that served did not get. A comma in a name would make two of it. */
export const addDropped = (list: HeaderList, names: readonly string[]): void => {
  let text = ''
  for (const name of new Set(names)) {
    const more = text === '' ? '' : `${text}, `
    const safe = safeHeaderValue(name).replaceAll(',', ' ')
    if (more.length + safe.length > LONGEST_DROPPED) {
      text = text === '' ? '...' : `${text}, ...`
      break
    }
    text = more + safe
  }
  list.push('x-understudy-dropped', text)
}
