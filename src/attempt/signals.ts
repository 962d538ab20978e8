import type { Call } from '../call.ts'
import type { House } from '../house.ts'
import type { Hop } from './adapt.ts'
import type { Allowance } from './allowance.ts'
import type { FailureSignal, TimeoutSignal } from './classify-signal.ts'
import { clientLimit, type PhaseLimits } from './limits.ts'
import type { Trouble } from './stream.ts'

/** Which limit ran out, and after how long. */
export type Late = {
  readonly phase: TimeoutSignal['phase']
  readonly tookMs: number
  readonly limitMs: number | undefined
}

type Attempt = {
  readonly call: Call
  readonly hop: Pick<Hop, 'deployment'>
  readonly house: House
  /** Undefined once the answer has begun: it is no longer held to the request's time. */
  readonly allowance?: Allowance
}

export const timeoutSignal = ({ call, hop, house, allowance }: Attempt, late: Late): FailureSignal => {
  const { deployment } = hop
  const { request_timeout: requestTimeout = null, timeout = null } = deployment.shown
  const clientMs = clientLimit(call)
  const ofRequest =
    allowance?.over === true
      ? {
          phase: 'total' as const,
          limitMs: allowance.totalMs,
          tookMs: house.clock.now() - call.context.arrivedAt,
          byClient: allowance.byClient,
          ofRequest: true as const,
        }
      : {}
  return {
    kind: 'timeout',
    phase: late.phase,
    limitMs: late.limitMs ?? 0,
    tookMs: late.tookMs,
    byClient: clientMs !== undefined && late.limitMs === clientMs,
    ...ofRequest,
    written: { requestTimeout, timeout },
    provider: deployment.provider,
  }
}

/** An attempt whose answer had begun. */
export type Begun = Attempt & {
  readonly limits: PhaseLimits
  readonly startedAt: number
}

/** The limit as it was written: a first token's own limit runs from the start, the general one from the head. */
const lateBy = (
  trouble: Extract<Trouble, { kind: 'timeout' }>,
  { limits, startedAt, house }: Begun,
): Late => {
  const { phase, tookMs } = trouble
  const sinceStart = house.clock.now() - startedAt
  if (phase === 'attempt') return { phase, tookMs: sinceStart, limitMs: limits.attemptMs }
  if (phase === 'idle') return { phase, tookMs, limitMs: limits.idleMs }
  const own = limits.firstTokenMs !== undefined && sinceStart >= limits.firstTokenMs
  return own
    ? { phase, tookMs: sinceStart, limitMs: limits.firstTokenMs }
    : { phase, tookMs, limitMs: limits.quietMs }
}

/** What a broken stream means, before and after the commit. */
export const troubleSignal = (trouble: Trouble, begun: Begun, status: number): FailureSignal => {
  const provider = begun.hop.deployment.provider
  if (trouble.kind === 'fault')
    return trouble.fault.kind === 'aborted'
      ? { kind: 'client_gone' }
      : { kind: 'transport', fault: trouble.fault, provider, inStream: true }
  if (trouble.kind === 'timeout') return timeoutSignal(begun, lateBy(trouble, begun))
  return {
    kind: 'unreadable',
    what: trouble.kind === 'malformed' ? 'malformed_event' : trouble.kind,
    status,
    provider,
  }
}
